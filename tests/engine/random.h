/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * random.h - random numbers for the engine's property tests, from a seed that is printed and can be
 * given again:
 *
 *      SYNWARD_TEST_SEED=123 build/tests/unit-engine
 *
 * Without it the seed is fixed, so that a run says the same each time.
 */
#ifndef SYNWARD_TESTS_ENGINE_RANDOM_H
#define SYNWARD_TESTS_ENGINE_RANDOM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct random {
    uint64_t state;
};

static inline struct random random_begin(const char *test)
{
    const char *given = getenv("SYNWARD_TEST_SEED");
    struct random random = {given != NULL ? strtoull(given, NULL, 0) : 20240607};

    fprintf(stderr, "%s: SYNWARD_TEST_SEED=%llu\n", test, (unsigned long long)random.state);
    return random;
}

/* How much of `usual` is wanted: SYNWARD_TEST_PERCENT, where a machine is slow. */
static inline uint32_t random_rounds(uint32_t usual)
{
    const char *given = getenv("SYNWARD_TEST_PERCENT");

    return given ? (uint32_t)(usual * strtoull(given, NULL, 10) / 100) : usual;
}

/* SplitMix64. */
static inline uint64_t random_next(struct random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15ull;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

/* From 0 to limit - 1. */
static inline uint32_t random_below(struct random *random, uint32_t limit)
{
    return (uint32_t)(random_next(random) % limit);
}

#endif
