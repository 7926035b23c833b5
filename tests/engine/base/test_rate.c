/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/base/rate.c: the window slides, events are taken back, and ages are told apart.
 */
#include <criterion/criterion.h>

#include "engine/base/rate.h"
#include "tests/engine/random.h"

#define SECOND_US 1000000ull
#define STEP_US   RATE_STEP_US

static void count(struct rate_window *window, uint32_t events, uint64_t now_us)
{
    while (events-- > 0)
        rate_add(window, now_us);
}

/* One that was counted at `at_us`. */
static void take_back(struct rate_window *window, uint64_t at_us)
{
    rate_take_back_aged(window, window->step - rate_step(at_us));
}

Test(rate_window, slides)
{
    struct rate_window window = {0};

    cr_assert_eq(rate_sum(&window, 0), 0);
    cr_assert_eq(rate_sum(&window, 99 * SECOND_US), 0);
    count(&window, 3, 0);
    count(&window, 4, STEP_US);
    cr_assert_eq(rate_sum(&window, STEP_US), 7);
    cr_assert_eq(rate_sum(&window, RATE_WINDOW_US - 1), 7);
    cr_assert_eq(rate_sum(&window, RATE_WINDOW_US), 4);
    cr_assert_eq(rate_sum(&window, RATE_WINDOW_US + STEP_US), 0);
    rate_add(&window, 1000 * SECOND_US);
    cr_assert_eq(rate_sum(&window, 1000 * SECOND_US), 1);
}

Test(rate_window, time_that_goes_back_counts_as_newest)
{
    struct rate_window window = {0};

    rate_add(&window, 10 * SECOND_US);
    rate_add(&window, 5 * SECOND_US);
    cr_assert_eq(rate_sum(&window, 10 * SECOND_US), 2);
    cr_assert_eq(rate_sum(&window, 5 * SECOND_US), 2);
}

Test(rate_window, random_against_list)
{
    struct random random = random_begin("rate_window");
    struct rate_window window = {0};
    static uint64_t steps[20000];
    uint64_t now_us = 0;

    for (uint32_t i = 0; i < 20000; i++) {
        now_us += random_below(&random, random_below(&random, 100) == 0 ? 5 * SECOND_US : 20000);
        rate_add(&window, now_us);
        steps[i] = now_us / STEP_US;
        uint64_t ask_us = now_us + random_below(&random, 3 * SECOND_US);
        uint32_t expected = 0;
        for (uint32_t k = i + 1; k-- > 0 && steps[k] + RATE_BUCKETS > ask_us / STEP_US;)
            expected++;
        cr_assert_eq(rate_sum(&window, ask_us), expected, "event %u", i);
    }
}

Test(rate_window, takes_back_from_the_bucket_of_that_time)
{
    struct rate_window window = {0};

    count(&window, 5, 10 * SECOND_US);
    count(&window, 2, 11 * SECOND_US);
    take_back(&window, 10 * SECOND_US);
    cr_assert_eq(rate_sum(&window, 11 * SECOND_US), 6);
    cr_assert_eq(rate_sum(&window, 12 * SECOND_US), 2,
                 "the four others have gone with their bucket");
    take_back(&window, 9 * SECOND_US);
    take_back(&window, 60 * SECOND_US);
    take_back(&window, 11 * SECOND_US + STEP_US);
    cr_assert_eq(rate_sum(&window, 11 * SECOND_US), 6, "nothing was counted then");
    for (int i = 0; i < 9; i++)
        take_back(&window, 10 * SECOND_US);
    cr_assert_eq(rate_sum(&window, 11 * SECOND_US), 2, "never below nothing");
}

Test(rate_window, tells_ages_apart)
{
    struct rate_window window = {0};

    count(&window, 3, 10 * SECOND_US);
    count(&window, 4, 10 * SECOND_US + STEP_US);
    cr_assert_eq(rate_sum_older(&window, 2 * STEP_US, 10 * SECOND_US + STEP_US), 0);
    cr_assert_eq(rate_sum_older(&window, 2 * STEP_US, 10 * SECOND_US + 3 * STEP_US), 3);
    cr_assert_eq(rate_sum_older(&window, 2 * STEP_US, 10 * SECOND_US + 4 * STEP_US), 7);
    cr_assert_eq(rate_sum_older(&window, 2 * STEP_US, 10 * SECOND_US + 8 * STEP_US), 4);
    cr_assert_eq(rate_sum_older(&window, 2 * STEP_US, 0), 0, "time that goes back");
    cr_assert_eq(rate_sum_older(&window, 99 * SECOND_US, 10 * SECOND_US), 0);
}
