/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clock.c - see clock.h. */
#include "bridge/cluster/clock.h"

#include <stdlib.h>
#include <sys/timex.h>

void cluster_clock_begin(struct cluster_clock *clock, const struct cookie_share *share)
{
    *clock = (struct cluster_clock){
        .share = {.on = share->on, .ahead_us = share->ahead_us, .steered_us = share->steered_us}};
}

bool cluster_clock_turn(struct cluster_clock *clock, uint64_t now_us, uint64_t wall_us)
{
    const bool was = clock->wrong;
    const uint64_t ahead_us = wall_us - now_us;
    int64_t most_us;

    if (!clock->share.on)
        return false;
    cookie_share_steer(&clock->share, ahead_us, now_us);
    clock->off_us = (int64_t)(ahead_us - clock->share.ahead_us);
    most_us = was ? CLUSTER_CLOCK_NEAR_US : CLUSTER_CLOCK_MOST_US;
    clock->wrong = llabs(clock->off_us) > most_us;
    return clock->wrong != was;
}

uint64_t cluster_clock_us(const struct cluster_clock *clock, uint64_t now_us)
{
    return now_us + clock->share.ahead_us;
}

uint64_t cluster_clock_lasts_s(const struct cluster_clock *clock)
{
    const int64_t off_us = llabs(clock->off_us) - CLUSTER_CLOCK_NEAR_US;

    return off_us > 0 ? (uint64_t)off_us * COOKIE_SLEW / 1000000 : 0;
}

bool cluster_clock_kept(void)
{
    struct timex state = {0};

    return adjtimex(&state) >= 0 && !(state.status & STA_UNSYNC);
}
