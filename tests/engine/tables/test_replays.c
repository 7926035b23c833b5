/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_replays.c - tags of requests handed to a server: their life, and what they tell apart. */
#include <criterion/criterion.h>

#include <string.h>

#include "engine/tables/replays.h"

#define COUNT 1024
#define S_US  1000000ull

static uint32_t slots[COUNT];
static struct served_table table;

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
    served_init(&table, slots, COUNT);
}

TestSuite(served, .init = setup);

Test(served, lives_one_to_two_minutes)
{
    for (uint64_t begin = 0; begin < 60; begin += 7) {
        uint64_t hash = hash_of((uint32_t)begin);

        cr_assert_not(served_lately(&table, hash, 5, begin * S_US));
        served_note(&table, hash, 5, begin * S_US);
        for (uint64_t age = 0; age <= 60; age++)
            cr_assert(served_lately(&table, hash, 5, (begin + age) * S_US), "at %llu s",
                      (unsigned long long)age);
        cr_assert_not(served_lately(&table, hash, 5, (begin + 121) * S_US));
    }
}

Test(served, tells_connections_and_isns_apart)
{
    uint64_t hash = hash_of(1), other = hash_of(2);

    served_note(&table, hash, 5, 0);
    cr_assert_not(served_lately(&table, hash, 6, 0), "the tuple again, a new connection");
    cr_assert_not(served_lately(&table, other, 5, 0));
}

Test(served, overwrites_are_counted)
{
    for (uint32_t number = 0; number < 8 * COUNT; number++) {
        uint64_t hash = hash_of(number);

        served_note(&table, hash, 0, 0);
        served_note(&table, hash, 0, 0);
    }
    cr_assert_geq(table.overwritten, 7 * COUNT, "more tags than slots");
    cr_assert_lt(table.overwritten, 8 * COUNT);
}
