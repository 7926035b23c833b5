/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clock.h - the clock that bridges of a cluster make cookies by, as the main thread follows it.
 *
 * Each worker steers its own towards wall time, by 488 ppm at most (engine/tcp/cookie.h). So a wall
 * clock that was stepped after the start is followed over hours or days, and what is made meanwhile
 * other bridges do not take once it is COOKIE_SKEW_US away from theirs. This is the same clock,
 * steered the same way, to tell of it.
 */
#ifndef SYNWARD_BRIDGE_CLUSTER_CLOCK_H
#define SYNWARD_BRIDGE_CLUSTER_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/tcp/cookie.h"

/* So far from wall time a bridge may not join the others. */
#define CLUSTER_CLOCK_MOST_US (10ll * 1000 * 1000)
/* Told as right again when it is this near. */
#define CLUSTER_CLOCK_NEAR_US (9ll * 1000 * 1000)

struct cluster_clock {
    struct cookie_share share; /* its time only */
    int64_t off_us;            /* wall time less the clock of cookies */
    bool wrong;                /* more than CLUSTER_CLOCK_MOST_US */
};

/* As the workers begin. */
void cluster_clock_begin(struct cluster_clock *clock, const struct cookie_share *share);
/* About once a second. True: `wrong` has changed. */
bool cluster_clock_turn(struct cluster_clock *clock, uint64_t now_us, uint64_t wall_us);
/* The time that cookies are made by. */
uint64_t cluster_clock_us(const struct cluster_clock *clock, uint64_t now_us);
/* How long it takes to come near, in seconds. */
uint64_t cluster_clock_lasts_s(const struct cluster_clock *clock);
/* Does the kernel know of anybody who keeps this machine's clock right (adjtimex(2))? */
bool cluster_clock_kept(void);

#endif
