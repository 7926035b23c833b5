/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ranges.h - a sorted set of disjoint ranges of sequence space: what came out of order, what was
 * SACKed.
 *
 * Fixed size; a range that finds no room is not taken, which costs a retransmission and nothing
 * else.
 */
#ifndef SYNWARD_TESTS_SIM_RANGES_H
#define SYNWARD_TESTS_SIM_RANGES_H

#include <stdint.h>

#define RANGES_MAX 64

/* [from, to), sequence numbers; ascending from an origin that all compare to. */
struct range {
    uint32_t from, to;
};

struct ranges {
    uint32_t count;
    struct range at[RANGES_MAX];
};

void ranges_add(struct ranges *ranges, uint32_t from, uint32_t to);
/* Takes away all that lies before `seq`. */
void ranges_trim(struct ranges *ranges, uint32_t seq);
/* The range that holds `seq`, or NULL. */
const struct range *ranges_find(const struct ranges *ranges, uint32_t seq);
/* The first range that begins behind `seq`, or NULL. */
const struct range *ranges_after(const struct ranges *ranges, uint32_t seq);

#endif
