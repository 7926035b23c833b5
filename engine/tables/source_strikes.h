/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * source_strikes.h - how often the other bridges of a cluster have put a source aside within the
 * hour: whoever comes by another bridge next time is put aside for as long as if he had come by the
 * same.
 *
 * A place for each by its hash, where the one that was judged last lies; who displaces another has
 * saved that one half of his time at most.
 */
#ifndef SYNWARD_ENGINE_TABLES_SOURCE_STRIKES_H
#define SYNWARD_ENGINE_TABLES_SOURCE_STRIKES_H

#include <stdint.h>

#include "engine/base/addr.h"

#define SOURCE_STRIKES_KEPT 1024u /* a power of two */

struct source_strike {
    struct ip_addr prefix;
    uint64_t until_us; /* of that judgement; 0: free */
    uint8_t bits, strikes;
};

/* All zero: none. */
struct source_strikes {
    struct source_strike of[SOURCE_STRIKES_KEPT];
};

/* A judgement at another bridge, the prefix's `strikes`th within an hour. */
void source_strikes_note(struct source_strikes *strikes, const struct source_strike *strike,
                         const uint64_t seed[2]);
/* 0: none that is not forgiven (`forgiven_us` after its end). */
uint8_t source_strikes_of(const struct source_strikes *strikes, const struct ip_addr *prefix,
                          uint8_t bits, uint64_t forgiven_us, uint64_t now_us,
                          const uint64_t seed[2]);

#endif
