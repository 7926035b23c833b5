/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of engine/tables/slots.c and slot_shares.c: bytes by hand and at random against a plain
 * array, then who may have a slot and who has to go.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "engine/tables/slots.h"
#include "tests/engine/random.h"

#define SERVERS 8u

static const uint64_t seed[2] = {11, 22};

static struct slot_pool *pool_of(uint32_t slots)
{
    size_t bytes = slot_pool_bytes(slots, SERVERS);
    struct slot_pool *pool = malloc(sizeof(*pool));
    void *memory = aligned_alloc(64, bytes);

    memset(memory, 0, bytes);
    slot_pool_init(pool, memory, slots, SERVERS, seed, 0);
    return pool;
}

static void pool_free(struct slot_pool *pool)
{
    free(pool->slots);
    free(pool);
}

/* A client of 10.a.b.c. */
static struct flow_key client(uint8_t a, uint8_t b, uint8_t c, uint16_t port)
{
    const uint8_t v4[4] = {10, a, b, c};
    struct flow_key key = {.client = addr_from_v4(v4), .client_port = port, .server_port = 80};

    return key;
}

/* As a stage does: room, who has to go, a new one. NULL: the newcomer is dropped. */
static struct slot *take(struct slot_pool *pool, struct flow_key key, uint16_t server, bool known,
                         uint64_t now_us)
{
    struct slot *victim = NULL;
    enum slot_room room = slot_room(pool, &key, server, known, now_us, &victim);

    if (room == SLOT_ROOM_NONE)
        return NULL;
    if (room == SLOT_ROOM_AFTER)
        slot_give_back(pool, victim);
    return slot_take(pool, &key, server, known, now_us);
}

static enum slot_added add(struct slot_pool *pool, struct slot *slot, uint32_t offset,
                           const char *text)
{
    return slot_add(pool, slot, offset, (const uint8_t *)text, (uint32_t)strlen(text));
}

static void holds(const struct slot_pool *pool, const struct slot *slot, const char *text)
{
    cr_assert_eq(slot->bytes, strlen(text));
    cr_assert_eq(memcmp(slot_read(pool, slot), text, strlen(text)), 0, "it is not %s", text);
}

Test(slots, head_is_two_lines)
{
    cr_assert_leq(sizeof(struct slot), 128);
}

Test(slots, joins_pieces_in_order)
{
    struct slot_pool *pool = pool_of(16);
    struct slot *slot = take(pool, client(0, 0, 1, 1), 0, false, 0);

    cr_assert_eq(add(pool, slot, 0, "GE"), SLOT_GREW);
    cr_assert_eq(add(pool, slot, 0, "GE"), SLOT_REPEATED);
    cr_assert_eq(add(pool, slot, 1, "E"), SLOT_REPEATED);
    cr_assert_eq(add(pool, slot, 2, "T "), SLOT_GREW, "in order");
    cr_assert_eq(add(pool, slot, 1, "ET /x"), SLOT_GREW, "overlapping");
    holds(pool, slot, "GET /x");
    pool_free(pool);
}

Test(slots, first_copy_wins)
{
    struct slot_pool *pool = pool_of(16);
    struct slot *slot = take(pool, client(0, 0, 1, 1), 0, false, 0);

    cr_assert_eq(add(pool, slot, 0, "GET /"), SLOT_GREW);
    cr_assert_eq(add(pool, slot, 0, "PUT /evil"), SLOT_GREW);
    holds(pool, slot, "GET /evil");
    cr_assert_eq(add(pool, slot, 12, "KEPT"), SLOT_BEHIND);
    cr_assert_eq(add(pool, slot, 9, "abcXXXXde"), SLOT_GREW);
    holds(pool, slot, "GET /evilabcKEPTde");
    pool_free(pool);
}

Test(slots, three_ranges_behind_a_gap)
{
    struct slot_pool *pool = pool_of(16);
    struct slot *slot = take(pool, client(0, 0, 1, 1), 0, false, 0);

    cr_assert_eq(add(pool, slot, 2, "c"), SLOT_BEHIND);
    cr_assert_eq(add(pool, slot, 4, "e"), SLOT_BEHIND);
    cr_assert_eq(add(pool, slot, 6, "g"), SLOT_BEHIND);
    cr_assert_eq(add(pool, slot, 8, "i"), SLOT_REFUSED, "a fourth comes again");
    cr_assert_eq(add(pool, slot, 4, "e"), SLOT_REPEATED);
    cr_assert_eq(add(pool, slot, 7, "hi"), SLOT_BEHIND, "joined to one that is there");
    cr_assert_eq(slot->ranges, 3);
    cr_assert_eq(add(pool, slot, 3, "d"), SLOT_BEHIND, "two become one");
    cr_assert_eq(slot->ranges, 2);
    cr_assert_eq(slot->bytes, 0);
    cr_assert_eq(add(pool, slot, 0, "ab"), SLOT_GREW);
    holds(pool, slot, "abcde");
    cr_assert_eq(add(pool, slot, 5, "f"), SLOT_GREW);
    holds(pool, slot, "abcdefghi");
    cr_assert_eq(slot->ranges, 0);
    pool_free(pool);
}

Test(slots, holds_sixteen_kilobytes_and_no_more)
{
    static uint8_t data[SLOT_BYTES + 1000];
    struct slot_pool *pool = pool_of(64);
    struct slot *slot = take(pool, client(0, 0, 1, 1), 0, true, 0);

    for (uint32_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7 + i / 256);
    cr_assert_eq(slot_add(pool, slot, 0, data, sizeof(data)), SLOT_GREW);
    cr_assert_eq(slot->bytes, SLOT_BYTES);
    cr_assert_eq(memcmp(slot_read(pool, slot), data, SLOT_BYTES), 0);
    cr_assert_eq(slot_add(pool, slot, SLOT_BYTES, data, 1), SLOT_REFUSED);
    cr_assert_eq(slot_add(pool, slot, 0, data, sizeof(data)), SLOT_REPEATED);
    cr_assert_eq(pool->chunks_used, SLOT_CHUNKS);
    slot_give_back(pool, slot);
    cr_assert_eq(pool->chunks_used, 0);
    cr_assert_eq(pool->count, 0);
    pool_free(pool);
}

Test(slots, memory_is_used_from_one_end)
{
    struct slot_pool *pool = pool_of(64);

    for (int round = 0; round < 100; round++) {
        struct slot *a = take(pool, client(0, 0, 1, 1), 0, false, 0);
        struct slot *b = take(pool, client(0, 1, 1, 1), 0, false, 0);
        add(pool, a, 0, "x");
        add(pool, b, 0, "y");
        slot_give_back(pool, a);
        slot_give_back(pool, b);
    }
    cr_assert_eq(pool->untouched, 2);
    cr_assert_eq(pool->chunks_untouched, 2);
    cr_assert_eq(pool->shares.untouched, 4);
    pool_free(pool);
}

/* --- shares ---------------------------------------------------------------------------------- */

Test(slots, source_has_64_and_256_kilobytes)
{
    static const uint8_t data[SLOT_BYTES];
    struct slot_pool *pool = pool_of(4096);
    struct slot *slots[SLOTS_PER_SOURCE];

    for (uint16_t i = 0; i < SLOTS_PER_SOURCE; i++) {
        slots[i] = take(pool, client(0, 0, 1, i), 0, true, 0);
        cr_assert_not_null(slots[i]);
        cr_assert_eq(!(slots[i]->flags & SLOT_SECOND), i == 0);
    }
    cr_assert_null(take(pool, client(0, 0, 1, 99), 0, true, 0));
    cr_assert_not_null(take(pool, client(0, 0, 2, 99), 0, true, 0), "its neighbour");
    for (uint32_t i = 0; i < 16; i++)
        cr_assert_eq(slot_add(pool, slots[i], 0, data, SLOT_BYTES), SLOT_GREW);
    cr_assert_eq(slot_add(pool, slots[16], 0, data, 1), SLOT_REFUSED);
    pool_free(pool);
}

/* A crowd behind one address: what is whole, and waits for its server, counts for the prefix. */
Test(slots, whole_ones_are_counted_for_the_prefix_only)
{
    static const uint8_t data[SLOT_BYTES];
    struct slot_pool *pool = pool_of(4096);
    struct slot *slots[256];

    for (uint16_t i = 0; i < 256; i++) {
        slots[i] = take(pool, client(0, 0, 1, i), 0, true, 0);
        cr_assert_not_null(slots[i]);
        cr_assert_eq(slot_add(pool, slots[i], 0, data, 2 * SLOT_CHUNK_BYTES), SLOT_GREW);
        slot_whole(pool, slots[i]);
        slot_whole(pool, slots[i]);
    }
    cr_assert_null(take(pool, client(0, 0, 1, 999), 0, true, 0), "a sixteenth");
    for (uint16_t i = 0; i < 256; i++)
        slot_give_back(pool, slots[i]);
    for (uint16_t i = 0; i < SLOTS_PER_SOURCE; i++)
        cr_assert_not_null(take(pool, client(0, 0, 1, i), 0, true, 0));
    cr_assert_null(take(pool, client(0, 0, 1, 999), 0, true, 0), "as before");
    pool_free(pool);
}

Test(slots, prefix_has_a_sixteenth)
{
    struct slot_pool *pool = pool_of(160);

    for (uint8_t i = 0; i < 10; i++)
        cr_assert_not_null(take(pool, client(0, 0, i, 1), 0, true, 0));
    cr_assert_null(take(pool, client(0, 0, 200, 1), 0, true, 0));
    cr_assert_not_null(take(pool, client(0, 1, 200, 1), 0, true, 0), "another /24");
    pool_free(pool);
}

Test(slots, ipv6_source_is_a_64_and_prefix_a_48)
{
    struct slot_pool *pool = pool_of(2048);
    struct flow_key a = {.client = {{0x20, 1, 0xd, 0xb8, 0, 1, 0, 1, 1}}}, b = a, c = a, d = a;

    b.client.bytes[15] = 9; /* the same /64 */
    c.client.bytes[7] = 9;  /* the same /48 */
    d.vlan.id[0] = VLAN_PRESENT | 5;
    cr_assert_eq(slot_share_source(&pool->shares, &a), slot_share_source(&pool->shares, &b));
    cr_assert_neq(slot_share_source(&pool->shares, &a), slot_share_source(&pool->shares, &c));
    cr_assert_eq(slot_share_prefix(&pool->shares, &a), slot_share_prefix(&pool->shares, &c));
    cr_assert_neq(slot_share_prefix(&pool->shares, &a), slot_share_prefix(&pool->shares, &d));
    pool_free(pool);
}

Test(slots, server_has_a_quarter_while_half_is_taken)
{
    struct slot_pool *pool = pool_of(1024);
    uint32_t taken = 0;

    while (take(pool, client(1, (uint8_t)(taken / 32), (uint8_t)taken, 1), 1, false, 0) != NULL)
        taken++;
    cr_assert_eq(taken, 512, "alone it has half: %u", taken);
    for (taken = 0;
         take(pool, client(2, (uint8_t)(taken / 32), (uint8_t)taken, 1), 2, false, 0) != NULL;)
        taken++;
    cr_assert_eq(taken, 256, "another has a quarter: %u", taken);
    cr_assert(slots_are_scarce(pool));
    cr_assert_null(take(pool, client(3, 0, 1, 1), 3, false, 0), "the rest is kept");
    cr_assert_not_null(take(pool, client(3, 0, 1, 1), 3, true, 0), "for those that matched");
    pool_free(pool);
}

Test(slots, largest_prefix_gives_its_oldest_unpromised)
{
    struct slot_pool *pool = pool_of(64); /* a prefix has 4, all have 48 and the reserve */
    const uint64_t late_us = (SLOT_EVICTABLE_MS + 1) * 1000ull;
    struct slot *victim = NULL, *small, *large[3];
    struct flow_key newcomer = client(9, 9, 9, 9);

    small = take(pool, client(1, 0, 1, 1), 0, false, 0);
    for (uint8_t i = 0; i < 3; i++)
        large[i] = take(pool, client(2, 0, i, 1), 0, false, i * 1000);
    for (uint8_t i = 0; pool->count < 48; i++)
        slot_promise(pool, take(pool, client(3, i, 1, 1), (uint16_t)(i % SERVERS), false, 0));
    cr_assert_eq(slot_room(pool, &newcomer, 7, false, 200000, &victim), SLOT_ROOM_NONE,
                 "none is old enough");
    cr_assert_eq(slot_room(pool, &newcomer, 7, false, late_us, &victim), SLOT_ROOM_AFTER);
    cr_assert_eq(victim, large[0]);
    slot_give_back(pool, victim);
    slot_promise(pool, large[1]);
    slot_promise(pool, large[2]);
    cr_assert_not_null(take(pool, client(4, 0, 0, 1), 7, false, late_us));
    cr_assert_eq(slot_room(pool, &newcomer, 7, false, late_us, &victim), SLOT_ROOM_AFTER);
    cr_assert(victim == small, "promised ones stay");
    pool_free(pool);
}

Test(slots, long_ones_are_counted_for_a_source)
{
    struct slot_pool *pool = pool_of(16);
    struct flow_key a = client(0, 0, 1, 1), b = client(0, 0, 2, 1);
    uint32_t first = slot_long_begin(pool, &a, 2);

    cr_assert_neq(first, SHARE_NONE);
    cr_assert_eq(slot_long_begin(pool, &a, 2), first);
    cr_assert_eq(slot_long_begin(pool, &a, 2), SHARE_NONE);
    cr_assert_neq(slot_long_begin(pool, &b, 2), SHARE_NONE);
    slot_long_end(pool, first);
    cr_assert_eq(slot_long_begin(pool, &a, 2), first);
    pool_free(pool);
}

/* --- at random ------------------------------------------------------------------------------- */

struct model {
    struct slot *slot;
    bool there[SLOT_BYTES];
    uint8_t data[SLOT_BYTES];
    uint32_t bytes;
};

static uint32_t model_ranges(const struct model *model)
{
    uint32_t ranges = 0;

    for (uint32_t i = model->bytes + 1; i < SLOT_BYTES; i++)
        ranges += model->there[i] && !model->there[i - 1];
    return ranges;
}

static void model_add(struct random *random, struct slot_pool *pool, struct model *model)
{
    uint32_t longest = random_below(random, 4) ? 40 : 4000;
    uint32_t offset = random_below(random, 3) ? model->bytes - model->bytes % 16
                                              : random_below(random, SLOT_BYTES + 10);
    uint32_t bytes = 1 + random_below(random, longest), before = model->bytes;
    uint8_t data[4000];
    enum slot_added added;

    for (uint32_t i = 0; i < bytes; i++)
        data[i] = (uint8_t)random_next(random);
    added = slot_add(pool, model->slot, offset, data, bytes);
    if (added == SLOT_GREW || added == SLOT_BEHIND) {
        for (uint32_t i = 0; i < bytes && offset + i < SLOT_BYTES; i++) {
            if (!model->there[offset + i])
                model->data[offset + i] = data[i];
            model->there[offset + i] = true;
        }
    }
    while (model->bytes < SLOT_BYTES && model->there[model->bytes])
        model->bytes++;
    cr_assert_eq(added == SLOT_GREW, model->bytes > before);
    if (added == SLOT_REFUSED)
        cr_assert(offset >= SLOT_BYTES || model->slot->ranges == SLOT_RANGES);
    cr_assert_eq(model->slot->bytes, model->bytes);
    cr_assert_eq(model->slot->ranges, model_ranges(model));
    cr_assert_eq(memcmp(slot_read(pool, model->slot), model->data, model->bytes), 0);
}

Test(slots, random_against_array)
{
    static struct model models[12];
    struct random random = random_begin("slots");
    struct slot_pool *pool = pool_of(256);

    for (uint32_t step = 0; step < 20000; step++) {
        uint8_t i = (uint8_t)random_below(&random, 12);
        struct model *model = &models[i];

        if (model->slot == NULL) {
            memset(model, 0, sizeof(*model));
            model->slot = take(pool, client(0, 0, i, 1), i % SERVERS, true, step);
            cr_assert_not_null(model->slot);
        } else if (random_below(&random, 40) == 0) {
            slot_give_back(pool, model->slot);
            model->slot = NULL;
        } else if (random_below(&random, 40) == 0) {
            slot_promise(pool, model->slot);
        } else {
            model_add(&random, pool, model);
        }
    }
    for (uint32_t i = 0; i < 12; i++)
        if (models[i].slot != NULL)
            slot_give_back(pool, models[i].slot);
    cr_assert_eq(pool->count + pool->chunks_used, 0);
    cr_assert_null(slot_share_largest(&pool->shares));
    pool_free(pool);
}

Test(slots, random_shares_add_up)
{
    struct random random = random_begin("slots_shares");
    struct slot_pool *pool = pool_of(200);
    uint32_t of_prefix[8];

    for (uint32_t step = 0; step < 20000; step++) {
        uint8_t prefix = (uint8_t)random_below(&random, 8);
        const struct slot_share *largest;
        uint32_t most = 0;

        if (random_below(&random, 2))
            take(pool, client(0, prefix, (uint8_t)random_below(&random, 4), 1), prefix,
                 random_below(&random, 2), step * 20000ull);
        for (uint32_t i = 0; i < 3 && pool->untouched; i++) {
            struct slot *slot = &pool->slots[random_below(&random, pool->untouched)];
            if (slot->flow == SLOT_NONE)
                continue;
            if (random_below(&random, 3) == 0)
                slot_give_back(pool, slot);
            else if (random_below(&random, 3) == 0)
                slot_promise(pool, slot);
        }
        memset(of_prefix, 0, sizeof(of_prefix));
        for (uint32_t i = 0; i < pool->untouched; i++)
            if (pool->slots[i].flow != SLOT_NONE && !(pool->slots[i].flags & SLOT_PROMISED))
                of_prefix[pool->slots[i].server]++;
        for (uint32_t i = 0; i < 8; i++)
            most = of_prefix[i] > most ? of_prefix[i] : most;
        largest = slot_share_largest(&pool->shares);
        cr_assert_eq(largest ? largest->unpromised : 0, most, "step %u", step);
    }
    pool_free(pool);
}
