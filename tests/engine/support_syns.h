/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * support_syns.h - worlds made by chance (servers, promises, settings) for two engines that are
 * alike, and SYNs made by chance, most of which are plain or nearly so.
 */
#ifndef SYNWARD_TESTS_ENGINE_SUPPORT_SYNS_H
#define SYNWARD_TESTS_ENGINE_SUPPORT_SYNS_H

#include "tests/engine/random.h"
#include "tests/engine/support_engine.h"

struct pair {
    struct bench *plain, *general;
    struct random random;
    struct test_frame frame;
    uint32_t missing; /* bytes at its end that were on the wire, and are not in the buffer */
};

static inline bool one_in(struct pair *pair, uint32_t n)
{
    return random_below(&pair->random, n) == 0;
}

/* A world. `answers`: what the first engine shares with the kernel; NULL: nothing, and there may be
 * several shards. */
struct pair *pair_new(uint64_t seed, const struct answer_share *answers);
/* Other policies, for both. */
void pair_change_policy(struct pair *pair);
/* Into pair->frame. */
void pair_make_syn(struct pair *pair);
/* Damages in it what the words cannot say, where it is plain IPv4. */
void pair_damage(struct pair *pair);

#endif
