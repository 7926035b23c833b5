/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_opening_pool.c - fixed memory for openings and the data they hold. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "engine/tables/opening_pool.h"

#define HOLDS 4

static struct opening_pool pool;
static void *memory;

static void setup(void)
{
    memory = aligned_alloc(64, (opening_pool_bytes(HOLDS) + 63) & ~(size_t)63);
    memset(memory, 0, opening_pool_bytes(HOLDS));
    opening_pool_init(&pool, memory, HOLDS, 0);
}

static void teardown(void)
{
    free(memory);
}

TestSuite(opening_pool, .init = setup, .fini = teardown);

static struct opening *take(void)
{
    uint32_t index = opening_take(&pool, true);

    cr_assert_neq(index, OPENING_NONE);
    return &pool.openings[index];
}

Test(opening_pool, four_openings_for_each_hold)
{
    for (uint32_t count = 0; count < HOLDS * OPENINGS_PER_HOLD; count++) {
        const struct opening *opening = take();

        cr_assert_eq(opening_hold(&pool, opening) != NULL, count < HOLDS, "opening %u", count);
    }
    cr_assert_eq(opening_take(&pool, true), OPENING_NONE);
}

Test(opening_pool, memory_is_used_again)
{
    uint32_t first = opening_take(&pool, true);

    for (int round = 0; round < 100; round++) {
        pool.openings[first].held_bytes = 9;
        opening_give_back(&pool, first);
        cr_assert_eq(opening_take(&pool, true), first);
        cr_assert_eq(pool.openings[first].held_bytes, 0, "a fresh one is empty");
        cr_assert_not_null(opening_hold(&pool, &pool.openings[first]));
    }
    cr_assert_eq(pool.openings_touched, 1);
    cr_assert_eq(pool.holds_touched, 1);
}

Test(opening_pool, holds_what_joins_on)
{
    struct opening *opening = take();

    cr_assert(opening_hold_add(&pool, opening, 0, (const uint8_t *)"GET /", 5));
    cr_assert_not(opening_hold_add(&pool, opening, 9, (const uint8_t *)"late", 4), "a gap");
    cr_assert_not(opening_hold_add(&pool, opening, 0, (const uint8_t *)"GET /", 5), "nothing new");
    cr_assert(opening_hold_add(&pool, opening, 3, (const uint8_t *)" /index", 7), "overlaps");
    cr_assert_eq(opening->held_bytes, 10);
    cr_assert_arr_eq(opening_hold(&pool, opening), "GET /index", 10);
}

Test(opening_pool, holds_at_most_16_kib)
{
    static uint8_t data[2 * HOLD_BYTES];
    struct opening *opening = take();

    cr_assert(opening_hold_add(&pool, opening, 0, data, sizeof(data)));
    cr_assert_eq(opening->held_bytes, HOLD_BYTES);
    cr_assert_not(opening_hold_add(&pool, opening, HOLD_BYTES, data, 1), "full");
}

Test(opening_pool, nothing_behind_a_fin)
{
    struct opening *opening = take();

    opening_hold_add(&pool, opening, 0, (const uint8_t *)"QUIT\r\n", 6);
    opening->fin = true;
    cr_assert_not(opening_hold_add(&pool, opening, 6, (const uint8_t *)"more", 4));
    cr_assert_eq(opening->held_bytes, 6);
}
