/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_seen.c - the table that remembers for a while. */
#include <criterion/criterion.h>

#include <string.h>

#include "engine/tables/seen.h"

#define COUNT 1024

static struct tag slots[COUNT];
static struct tag_table table;

static uint64_t hash_of(uint32_t number)
{
    const uint64_t seed[2] = {1, 2};
    struct flow_key key;

    memset(&key, 0, sizeof(key));
    memcpy(key.client.bytes, &number, sizeof(number));
    return flow_key_hash(seed, &key);
}

static void setup(void)
{
    memset(slots, 0, sizeof(slots));
    tag_table_init(&table, slots, COUNT, 3000);
}

Test(tags, remembers_for_its_life, .init = setup)
{
    uint64_t hash = hash_of(1);

    cr_assert_eq(tag_age_ms(&table, hash, 0, 0), -1);
    tag_put_first(&table, hash, 0, 1000000);
    cr_assert_eq(tag_age_ms(&table, hash, 0, 1000000), 0);
    cr_assert_eq(tag_age_ms(&table, hash, 0, 3999000), 2999);
    cr_assert_eq(tag_age_ms(&table, hash, 0, 4000000), -1, "its life is over");
}

Test(tags, tells_connections_and_extras_apart, .init = setup)
{
    uint64_t hash = hash_of(1), other = hash_of(2);

    tag_put_first(&table, hash, 7, 0);
    cr_assert_eq(tag_age_ms(&table, hash, 7, 0), 0);
    cr_assert_eq(tag_age_ms(&table, hash, 8, 0), -1);
    cr_assert_eq(tag_age_ms(&table, other, 7, 0), -1);
}

Test(tags, taken_ones_are_gone, .init = setup)
{
    uint64_t hash = hash_of(1);

    tag_put_first(&table, hash, 0, 0);
    cr_assert_eq(tag_take(&table, hash, 1, 0), -1);
    cr_assert_eq(tag_age_ms(&table, hash, 0, 0), 0, "another one was taken");
    cr_assert_eq(tag_take(&table, hash, 0, 7000), 7);
    cr_assert_eq(tag_age_ms(&table, hash, 0, 7000), -1);
    cr_assert_eq(tag_take(&table, hash, 0, 7000), -1);
}

Test(tags, putting_says_whether_it_is_new, .init = setup)
{
    uint64_t hash = hash_of(1);

    cr_assert(tag_put_first(&table, hash, 0, 2000000));
    cr_assert_not(tag_put_first(&table, hash, 0, 4000000));
    cr_assert_eq(tag_age_ms(&table, hash, 0, 4999000), 2999, "it counts from the first time");
    cr_assert(tag_put_first(&table, hash, 0, 5000000), "its life was over");
    cr_assert_eq(table.overwritten, 0u);
}

/* How far beyond the number; for as long as the caller says, also where it was taken. */
Test(tags, numbers_beyond_are_told, .init = setup)
{
    uint64_t hash = hash_of(1);

    cr_assert_eq(tag_passed(&table, hash, 8, 60000, 0), 0u, "never put");
    tag_put_first(&table, hash, 7, 1000000);
    cr_assert_eq(tag_passed(&table, hash, 7, 60000, 1000000), 0u);
    cr_assert_eq(tag_passed(&table, hash, 8, 60000, 1000000), 1u);
    cr_assert_eq(tag_passed(&table, hash, 6, 60000, 1000000), UINT32_MAX);
    cr_assert_eq(tag_age_ms(&table, hash, 7, 5000000), -1, "its life is over");
    cr_assert_eq(tag_passed(&table, hash, 65543, 60000, 60999000), 65536u);
    cr_assert_eq(tag_passed(&table, hash, 65543, 60000, 61000000), 0u);
    tag_put_first(&table, hash, UINT32_MAX, 70000000);
    cr_assert_eq(tag_take(&table, hash, UINT32_MAX, 70000000), 0);
    cr_assert_eq(tag_passed(&table, hash, 1, 60000, 70000000), 2u, "numbers go round");
}

/* A fixed table: whoever comes takes the slot, and that is counted. */
Test(tags, overwrites_and_counts, .init = setup)
{
    uint32_t remembered = 0;

    for (uint32_t number = 0; number < 4 * COUNT; number++) {
        uint64_t hash = hash_of(number);

        tag_put_first(&table, hash, 0, 0);
        cr_assert_eq(tag_age_ms(&table, hash, 0, 0), 0, "the newest one is there");
    }
    for (uint32_t number = 0; number < 4 * COUNT; number++) {
        uint64_t hash = hash_of(number);

        remembered += tag_age_ms(&table, hash, 0, 0) == 0;
    }
    cr_assert_leq(remembered, COUNT);
    cr_assert_eq(table.overwritten, 4 * COUNT - remembered);
}
