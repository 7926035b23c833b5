/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The clocks. */
#include "bridge/base/clock.h"

#include <criterion/criterion.h>

Test(clock, microseconds)
{
    cr_expect_eq(clock_us_of((struct timespec){.tv_sec = 3, .tv_nsec = 4999}), 3000004u);
}

/* A machine without a battery, or with a clock that somebody set. */
Test(clock, a_clock_before_1970_stands_at_1970)
{
    cr_expect_eq(clock_us_of((struct timespec){.tv_sec = -1, .tv_nsec = 999999999}), 0u);
    cr_expect_eq(clock_us_of((struct timespec){.tv_sec = -86400}), 0u);
}
