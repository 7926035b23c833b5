/* SPDX-License-Identifier: GPL-2.0-or-later */
/* opening_pool.c - two stacks over fixed memory, and a timer for each opening. See opening_pool.h.
 */
#include "engine/tables/opening_pool.h"

#include <string.h>

#include "engine/base/bytes.h"

size_t opening_pool_bytes(uint32_t holds)
{
    size_t openings = (size_t)holds * OPENINGS_PER_HOLD;

    return align64(openings * sizeof(struct opening)) + align64(openings * sizeof(uint32_t)) +
           align64(holds * sizeof(uint32_t)) + align64(OPENING_WHEEL_SLOTS * sizeof(uint32_t)) +
           align64(openings * sizeof(struct timer_link)) + align64(openings * sizeof(uint16_t)) +
           (size_t)holds * HOLD_STRIDE;
}

/* Takes `bytes` off the memory at `*at`. */
static void *carve(uint8_t **at, size_t bytes)
{
    void *memory = *at;

    *at += align64(bytes);
    return memory;
}

void opening_pool_init(struct opening_pool *pool, void *memory, uint32_t holds, uint64_t now_us)
{
    uint32_t openings = holds * OPENINGS_PER_HOLD;
    struct timer_link *links;
    uint32_t *heads;
    uint8_t *at = memory;

    memset(pool, 0, sizeof(*pool));
    pool->openings_max = openings;
    pool->holds_max = holds;
    pool->openings = carve(&at, openings * sizeof(struct opening));
    pool->free_openings = carve(&at, openings * sizeof(uint32_t));
    pool->free_holds = carve(&at, holds * sizeof(uint32_t));
    heads = carve(&at, OPENING_WHEEL_SLOTS * sizeof(uint32_t));
    links = carve(&at, openings * sizeof(struct timer_link));
    pool->of_source = carve(&at, openings * sizeof(uint16_t));
    pool->holds = carve(&at, (size_t)holds * HOLD_STRIDE);
    timer_wheel_init(&pool->wheel, OPENING_TICK_US, OPENING_WHEEL_SLOTS, heads, links, openings,
                     now_us);
}

/* The index on top of a stack, else the first that was never used, else OPENING_NONE. */
static uint32_t stack_take(const uint32_t *stack, uint32_t *count, uint32_t *touched, uint32_t max)
{
    if (*count)
        return stack[--*count];
    return *touched < max ? (*touched)++ : OPENING_NONE;
}

uint32_t opening_take(struct opening_pool *pool, bool hold)
{
    uint32_t index = stack_take(pool->free_openings, &pool->free_openings_count,
                                &pool->openings_touched, pool->openings_max);

    if (index == OPENING_NONE)
        return OPENING_NONE;
    memset(&pool->openings[index], 0, sizeof(struct opening));
    pool->openings[index].hold = hold ? stack_take(pool->free_holds, &pool->free_holds_count,
                                                   &pool->holds_touched, pool->holds_max)
                                      : OPENING_NONE;
    return index;
}

void opening_hold_give_back(struct opening_pool *pool, struct opening *opening)
{
    pool->free_holds[pool->free_holds_count++] = opening->hold;
    opening->hold = OPENING_NONE;
    opening->held_bytes = 0;
    opening->fin = false;
}

void opening_give_back(struct opening_pool *pool, uint32_t index)
{
    struct opening *opening = &pool->openings[index];

    timer_wheel_clear(&pool->wheel, index);
    if (opening->hold != OPENING_NONE)
        pool->free_holds[pool->free_holds_count++] = opening->hold;
    if (opening->source_place)
        pool->of_source[opening->source_place - 1]--;
    opening->flow = OPENING_NONE;
    pool->free_openings[pool->free_openings_count++] = index;
}

uint8_t *opening_hold(const struct opening_pool *pool, const struct opening *opening)
{
    return opening->hold == OPENING_NONE ? NULL : pool->holds + (size_t)opening->hold * HOLD_STRIDE;
}

uint8_t *opening_collected(const struct opening_pool *pool, const struct opening *opening)
{
    uint8_t *hold = opening_hold(pool, opening);

    return hold ? hold + HOLD_BYTES : NULL;
}

bool opening_hold_add(struct opening_pool *pool, struct opening *opening, uint32_t offset,
                      const uint8_t *data, uint32_t bytes)
{
    uint8_t *hold = opening_hold(pool, opening);
    uint32_t known;

    /* What is new, in order (RFC 9293 3.10.7.4). The FIN stands behind the held bytes: nothing
     * comes after it. */
    if (!hold || opening->fin || offset > opening->held_bytes ||
        offset + bytes <= opening->held_bytes)
        return false;
    known = opening->held_bytes - offset;
    data += known;
    bytes -= known;
    if (bytes > HOLD_BYTES - opening->held_bytes)
        bytes = HOLD_BYTES - opening->held_bytes;
    memcpy(hold + opening->held_bytes, data, bytes);
    opening->held_bytes = (uint16_t)(opening->held_bytes + bytes);
    return bytes > 0;
}
