/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rng.h - the one source of chance in the simulator: splitmix64, seeded, so that every run replays.
 */
#ifndef SYNWARD_TESTS_SIM_RNG_H
#define SYNWARD_TESTS_SIM_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
    uint64_t state;
};

static inline uint64_t rng_next(struct rng *rng)
{
    uint64_t z = rng->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* 0 to below - 1; `below` > 0. */
static inline uint32_t rng_below(struct rng *rng, uint32_t below)
{
    return (uint32_t)(rng_next(rng) >> 33) % below;
}

static inline uint32_t rng_between(struct rng *rng, uint32_t low, uint32_t high)
{
    return low + rng_below(rng, high - low + 1);
}

/* True `per_million` times in a million. */
static inline bool rng_chance(struct rng *rng, uint32_t per_million)
{
    return per_million > 0 && rng_below(rng, 1000000) < per_million;
}

#endif
