/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/tcp/regulars.h: who has been there lately, and who is forgotten for whom. */
#include "engine/tcp/regulars.h"

#include <criterion/criterion.h>

#include "tests/engine/random.h"

static struct regulars regulars;
static const struct flow_seed seed = {3, 5, 7};

static void note(uint64_t source, uint64_t minute)
{
    regulars_note(&regulars, seed, (const uint64_t[]){source, 0}, minute * REGULARS_MINUTE_US);
}

static bool is(uint64_t source, uint64_t minute)
{
    const uint64_t hash = regulars_hash(seed, (const uint64_t[]){source, 0});
    const uint32_t word = regulars_word(hash, regulars_minute(minute * REGULARS_MINUTE_US));

    for (uint32_t i = 0; i < REGULARS_WAYS; i++)
        if (regulars_is(regulars.places[regulars_at(hash) + i], word))
            return true;
    return false;
}

Test(regulars, for_an_hour)
{
    cr_assert_not(is(1, 0), "nobody is there yet");
    note(1, 0);
    cr_assert(is(1, 0));
    cr_assert(is(1, 60));
    cr_assert_not(is(1, 61));
    note(1, 61);
    cr_assert(is(1, 121));
    note(2, 65535);
    cr_assert(is(2, 65536 + 10), "minutes come round");
}

Test(regulars, an_ipv6_source_is_a_network)
{
    const uint64_t a = regulars_hash(seed, (const uint64_t[]){9, 1});

    cr_assert_eq(a, regulars_hash(seed, (const uint64_t[]){9, 2}));
    cr_assert_neq(regulars_hash(seed, (const uint64_t[]){0, 1}),
                  regulars_hash(seed, (const uint64_t[]){0, 2}), "and one of IPv4 an address");
}

/* As many as there are places for: nearly all stay, and hardly a stranger passes for one. */
Test(regulars, a_crowd)
{
    const uint32_t count = REGULARS_PLACES / 4;
    struct random random = random_begin("regulars");
    uint32_t known = 0, taken_for_one = 0;

    for (uint32_t i = 0; i < count; i++)
        note(random_next(&random), i / (count / 60));
    random = random_begin("regulars");
    for (uint32_t i = 0; i < count; i++)
        known += is(random_next(&random), 60);
    for (uint32_t i = 0; i < count; i++)
        taken_for_one += is(random_next(&random), 60);
    cr_assert_geq(known, count - count / 100, "%u of %u", known, count);
    cr_assert_leq(taken_for_one, 8, "%u of %u strangers", taken_for_one, count);
}

/* The oldest of its bucket. */
Test(regulars, who_comes_makes_room_for_himself)
{
    uint64_t same[6];
    uint32_t found = 0;

    for (uint64_t source = 1; found < 6; source++) {
        const uint64_t hash = regulars_hash(seed, (const uint64_t[]){source, 0});

        if (regulars_at(hash) == 0)
            same[found++] = source;
    }
    for (uint32_t i = 0; i < 6; i++)
        note(same[i], i + 1);
    cr_assert_not(is(same[0], 6));
    cr_assert_not(is(same[1], 6));
    for (uint32_t i = 2; i < 6; i++)
        cr_assert(is(same[i], 6), "%u", i);
    note(same[2], 7);
    note(same[0], 8);
    cr_assert(is(same[2], 8), "who comes again is not the oldest");
    cr_assert_not(is(same[3], 8));
}
