/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rate.h - how many events the last two seconds brought, in fixed memory.
 *
 * RATE_BUCKETS buckets of RATE_STEP_US each; the oldest drops out whole, so that 1.75 to 2 s are covered. All zero is
 * an empty window. An event may be taken back (a connection that was silent and then spoke): it leaves the bucket of
 * the time when it was counted, so that the window stays exact.
 */
#ifndef SYNWARD_ENGINE_RATE_H
#define SYNWARD_ENGINE_RATE_H

#include <stdint.h>

#define RATE_WINDOW_US (2000ull * 1000)
#define RATE_BUCKETS   8
#define RATE_STEP_US   (RATE_WINDOW_US / RATE_BUCKETS)

struct rate_window {
    uint64_t step; /* number of the newest bucket */
    uint32_t bucket[RATE_BUCKETS];
};

/* Makes `step` the newest bucket's number. */
void rate_advance(struct rate_window *window, uint64_t step);

/* Inline, as the next: a flood counts each of its segments. Time that goes backwards counts into the newest bucket. */
static inline void rate_add(struct rate_window *window, uint64_t now_us)
{
    uint64_t step = now_us / RATE_STEP_US;

    if (step > window->step)
        rate_advance(window, step);
    window->bucket[window->step % RATE_BUCKETS]++;
}

/* Takes back one event that was counted at `at_us`; nothing happens where it has left the window. */
static inline void rate_take_back(struct rate_window *window, uint64_t at_us)
{
    uint64_t step = at_us / RATE_STEP_US;

    if (window->step - step < RATE_BUCKETS && window->bucket[step % RATE_BUCKETS] != 0)
        window->bucket[step % RATE_BUCKETS]--;
}

uint32_t rate_sum(const struct rate_window *window, uint64_t now_us);
/* Only those that are at least `age_us` old. */
uint32_t rate_sum_older(const struct rate_window *window, uint64_t age_us, uint64_t now_us);

#endif
