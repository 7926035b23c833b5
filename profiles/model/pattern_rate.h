/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pattern_rate.h - what a pattern would let through that it should not: measured, whenever a
 * profile is shown.
 *
 * Random bytes are drawn from a fixed seed, so that the same pattern always has the same figure. A
 * million draws would say nothing of a pattern that takes one in four thousand millions: there the
 * closed form, 256 to the power of its pairs, tells; both are given.
 */
#ifndef SYNWARD_PROFILES_MODEL_PATTERN_RATE_H
#define SYNWARD_PROFILES_MODEL_PATTERN_RATE_H

#include <stddef.h>
#include <stdint.h>

#include "engine/server/policy.h"

#define PATTERN_RANDOM_REQUESTS 100000

struct pattern_rate {
    uint32_t random; /* of PATTERN_RANDOM_REQUESTS random requests, as long as the pattern asks for,
                        that it takes */
    double expected; /* the share that it takes of random requests, by the number of its pairs */
    uint64_t protocols; /* the protocols of which it takes a sample request, or would with more of
                           it: bits 1 << id */
    uint32_t samples;   /* how many of all sample requests (engine/protocols/samples.h) */
};

struct pattern_rate pattern_rate(const struct pattern *pattern);

#endif
