/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rate.c - see rate.h. */
#include "engine/base/rate.h"

uint64_t rate_advance(struct rate_window *window, uint64_t step)
{
    uint64_t passed = step - window->step;
    uint64_t stale = passed < RATE_BUCKETS ? passed : RATE_BUCKETS;

    if (step < window->step)
        return window->step;
    for (uint64_t i = 0; i < stale; i++)
        window->bucket[(step - i) % RATE_BUCKETS] = 0;
    window->step = step;
    return step;
}

/* The buckets from `oldest` to `newest`, as far as the window holds them. */
static uint32_t sum_between(const struct rate_window *window, uint64_t oldest, uint64_t newest)
{
    uint64_t first = window->step >= RATE_BUCKETS ? window->step - (RATE_BUCKETS - 1) : 0;
    uint64_t from = oldest > first ? oldest : first;
    uint64_t to = newest < window->step ? newest : window->step;
    uint32_t sum = 0;

    for (uint64_t step = from; step <= to; step++)
        sum += window->bucket[step % RATE_BUCKETS];
    return sum;
}

/* The oldest bucket that counts at `now_us`. */
static uint64_t oldest_step(const struct rate_window *window, uint64_t now_us)
{
    uint64_t step = now_us / RATE_STEP_US;

    if (step < window->step)
        step = window->step;
    return step >= RATE_BUCKETS ? step - (RATE_BUCKETS - 1) : 0;
}

uint32_t rate_sum(const struct rate_window *window, uint64_t now_us)
{
    return sum_between(window, oldest_step(window, now_us), window->step);
}

uint32_t rate_sum_older(const struct rate_window *window, uint64_t age_us, uint64_t now_us)
{
    uint64_t before = now_us > age_us ? (now_us - age_us) / RATE_STEP_US : 0;

    return before == 0 ? 0 : sum_between(window, oldest_step(window, now_us), before - 1);
}
