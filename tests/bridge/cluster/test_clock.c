/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of bridge/cluster/clock.c: what is told of a wall clock that was stepped. */
#include <criterion/criterion.h>

#include "bridge/cluster/clock.h"

#define SECOND_US 1000000ull
#define WALL_US   (1800000000 * SECOND_US)

static struct cluster_clock begun(void)
{
    const struct cookie_share share = {.on = true, .ahead_us = WALL_US};
    struct cluster_clock clock;

    cluster_clock_begin(&clock, &share);
    return clock;
}

Test(cluster_clock, one_that_goes_right_is_not_told_of)
{
    struct cluster_clock clock = begun();

    for (uint64_t s = 1; s < 100; s++)
        cr_assert_not(cluster_clock_turn(&clock, s * SECOND_US, WALL_US + s * SECOND_US + s * 400));
    cr_assert_not(clock.wrong);
    cr_assert_lt(clock.off_us, 1000);
}

Test(cluster_clock, a_step_is_told_once_and_its_end_too)
{
    struct cluster_clock clock = begun();
    const uint64_t step_us = 11 * SECOND_US;
    uint64_t s = 1, told;

    cr_assert(cluster_clock_turn(&clock, s * SECOND_US, WALL_US + step_us + s * SECOND_US));
    cr_assert(clock.wrong);
    cr_assert_gt(clock.off_us, 10990000);
    told = cluster_clock_lasts_s(&clock);
    for (s = 2; !cluster_clock_turn(&clock, s * SECOND_US, WALL_US + step_us + s * SECOND_US); s++)
        cr_assert(clock.wrong);
    cr_assert_not(clock.wrong);
    cr_assert(s > told - 10 && s < told + 10, "after %lu s, told %lu s", s, told);
}

Test(cluster_clock, a_step_back_is_as_bad)
{
    struct cluster_clock clock = begun();

    cr_assert(cluster_clock_turn(&clock, SECOND_US, WALL_US - 3600 * SECOND_US));
    cr_assert(clock.wrong);
    cr_assert_lt(clock.off_us, -3500 * (int64_t)SECOND_US);
    cr_assert_gt(cluster_clock_us(&clock, SECOND_US), WALL_US, "it is slewed, and never steps");
}

Test(cluster_clock, who_is_alone_has_none)
{
    const struct cookie_share alone = {0};
    struct cluster_clock clock;

    cluster_clock_begin(&clock, &alone);
    cr_assert_not(cluster_clock_turn(&clock, SECOND_US, 5 * WALL_US));
}
