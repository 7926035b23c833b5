/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clock.h - the two clocks of the program, in microseconds.
 *
 * The engines of all workers share the monotonic one, so that a cookie of one is good in another;
 * the wall clock is only for dates that people read.
 */
#ifndef SYNWARD_BRIDGE_BASE_CLOCK_H
#define SYNWARD_BRIDGE_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define SECOND_US 1000000ull

/* A clock that stands before 1970 is taken to stand there. */
static inline uint64_t clock_us_of(struct timespec time)
{
    if (time.tv_sec < 0)
        return 0;
    return (uint64_t)time.tv_sec * 1000000u + (uint64_t)time.tv_nsec / 1000u;
}

static inline uint64_t clock_read_us(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return clock_us_of(now);
}

static inline uint64_t clock_now_us(void)
{
    return clock_read_us(CLOCK_MONOTONIC);
}

/* Since 1970. */
static inline uint64_t clock_wall_us(void)
{
    return clock_read_us(CLOCK_REALTIME);
}

#endif
