/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rate.h - how many events the last two seconds brought, in fixed memory.
 *
 * RATE_BUCKETS buckets of RATE_STEP_US each; the oldest drops out whole, so that 1.75 to 2 s are
 * covered. All zero is an empty window. An event may be taken back (a connection that was silent
 * and then spoke): it leaves the bucket of the time when it was counted, so that the window stays
 * exact.
 */
#ifndef SYNWARD_ENGINE_BASE_RATE_H
#define SYNWARD_ENGINE_BASE_RATE_H

#include <stdint.h>

#define RATE_WINDOW_US (2000ull * 1000)
#define RATE_BUCKETS   8
#define RATE_STEP_US   (RATE_WINDOW_US / RATE_BUCKETS)

struct rate_window {
    uint64_t step; /* number of the newest bucket */
    uint32_t bucket[RATE_BUCKETS];
};

/* Makes `step` the newest bucket's number where it is later, and returns the newest one's. */
uint64_t rate_advance(struct rate_window *window, uint64_t step);

/* The number of the bucket of this time: made once for several windows, as a flood counts each of
 * its segments in some. */
static inline uint64_t rate_step(uint64_t now_us)
{
    return now_us / RATE_STEP_US;
}

/* Time that goes backwards counts into the newest bucket. */
static inline void rate_add_step(struct rate_window *window, uint64_t step)
{
    if (step != window->step)
        step = rate_advance(window, step);
    window->bucket[step % RATE_BUCKETS]++;
}

/* So many of a step that may be over. */
static inline void rate_add_late(struct rate_window *window, uint64_t step, uint32_t count)
{
    if (step > window->step)
        rate_advance(window, step);
    if (window->step - step < RATE_BUCKETS)
        window->bucket[step % RATE_BUCKETS] += count;
}

static inline void rate_add(struct rate_window *window, uint64_t now_us)
{
    rate_add_step(window, rate_step(now_us));
}

/* Takes back one event that was counted in the bucket `age` before the newest one; nothing happens
 * where that has left the window. */
static inline void rate_take_back_aged(struct rate_window *window, uint64_t age)
{
    uint32_t *bucket = &window->bucket[(window->step - age) % RATE_BUCKETS];

    if (age < RATE_BUCKETS && *bucket != 0)
        --*bucket;
}

uint32_t rate_sum(const struct rate_window *window, uint64_t now_us);
/* Only those that are at least `age_us` old. */
uint32_t rate_sum_older(const struct rate_window *window, uint64_t age_us, uint64_t now_us);

#endif
