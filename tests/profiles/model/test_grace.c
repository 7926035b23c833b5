/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_grace.c - how long a client that may speak by itself is waited for. */
#include <criterion/criterion.h>

#include "profiles/model/grace.h"

Test(grace, until_eight_clients_were_seen_it_is_the_protocols)
{
    struct grace grace = {0};
    for (int i = 0; i < 7; i++)
        grace_early(&grace, 300);
    cr_assert_eq(grace_us(&grace, 10000), 10000);
    grace_waited(&grace);
    cr_assert_lt(grace_us(&grace, 10000), 10000);
}

Test(grace, nobody_waits_where_few_speak_by_themselves)
{
    struct grace grace = {0};
    for (int i = 0; i < 70; i++)
        grace_waited(&grace);
    cr_assert_eq(grace_us(&grace, 10000), 0);
    for (int i = 0; i < 10; i++)
        grace_early(&grace, 2000);
    cr_assert_gt(grace_us(&grace, 10000), 0);
}

Test(grace, follows_the_slower_of_the_usual_ones)
{
    struct grace grace = {0};
    for (int i = 0; i < 100; i++)
        grace_early(&grace, i % 10 == 0 ? 6400 : 800);
    cr_assert_geq(grace_us(&grace, 0), 5000);
    cr_assert_leq(grace_us(&grace, 0), 8000);
    for (int i = 0; i < 300; i++)
        grace_early(&grace, 400);
    cr_assert_leq(grace_us(&grace, 0), 1100, "slow ones are forgotten");
}

Test(grace, stays_within_its_bounds)
{
    struct grace grace = {0};
    for (int i = 0; i < 20; i++)
        grace_early(&grace, 10);
    cr_assert_eq(grace_us(&grace, 0), GRACE_LEAST_US);
    for (int i = 0; i < 20; i++)
        grace_early(&grace, 90000);
    cr_assert_eq(grace_us(&grace, 0), GRACE_MOST_US);
    grace = (struct grace){0};
    for (int i = 0; i < 20; i++)
        grace_early(&grace, 3000000);
    cr_assert_eq(grace_us(&grace, 0), GRACE_LEAST_US, "a repetition, or a person, tells no length");
    grace = (struct grace){.early = UINT32_MAX, .waited = UINT32_MAX, .gap_us = UINT32_MAX};
    grace_early(&grace, 1);
    grace_waited(&grace);
    cr_assert_eq(grace_us(&grace, 0), GRACE_MOST_US);
}
