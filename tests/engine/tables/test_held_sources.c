/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/tables/held_sources.h: what each source holds, and whom a server has answered. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "engine/tables/held_sources.h"

#define MINUTE_US HELD_MINUTE_US

static uint64_t hash_of(uint64_t number)
{
    return number * 0x9e3779b97f4a7c15u;
}

Test(held_sources, counts_go_up_and_down)
{
    struct held_sources *held = calloc(1, sizeof(*held));

    for (int i = 0; i < 9; i++)
        held_change(held, hash_of(1), 1);
    held_change(held, hash_of(2), 1);
    cr_assert_eq(held_by(held, hash_of(1)), 9);
    cr_assert_eq(held_by(held, hash_of(2)), 1);
    cr_assert_eq(held_by(held, hash_of(3)), 0);
    for (int i = 0; i < 9; i++)
        held_change(held, hash_of(1), -1);
    held_change(held, hash_of(3), -1);
    cr_assert_eq(held_by(held, hash_of(1)), 0);
    cr_assert_eq(held_by(held, hash_of(3)), 0, "never below nothing");
    free(held);
}

/* Two that share a place of one row are told apart by the other. */
Test(held_sources, one_row_shared_is_not_enough_to_be_counted_together)
{
    struct held_sources *held = calloc(1, sizeof(*held));
    const uint64_t one = 7ull << 32 | 5, other = 9ull << 32 | 5;

    for (int i = 0; i < 20; i++)
        held_change(held, one, 1);
    held_change(held, other, 1);
    cr_assert_eq(held_by(held, one), 20);
    cr_assert_eq(held_by(held, other), 1);
    free(held);
}

Test(held_sources, who_was_answered_is_known_for_a_day)
{
    struct held_sources *held = calloc(1, sizeof(*held));

    cr_assert(!held_was_answered(held, hash_of(1), 0));
    held_note_answered(held, hash_of(1), 5000 * MINUTE_US);
    cr_assert(held_was_answered(held, hash_of(1), 5000 * MINUTE_US));
    cr_assert(held_was_answered(held, hash_of(1), (5000 + 24 * 60 - 1) * MINUTE_US));
    cr_assert(!held_was_answered(held, hash_of(1), (5000 + 24 * 60) * MINUTE_US));
    cr_assert(!held_was_answered(held, hash_of(1) ^ 1ull << 50, 5000 * MINUTE_US));
    free(held);
}

Test(held_sources, who_was_slow_is_known_for_ten_minutes)
{
    struct held_sources *held = calloc(1, sizeof(*held));

    held_note_slow(held, hash_of(1), 5000 * MINUTE_US);
    cr_assert(held_was_slow(held, hash_of(1), 5009 * MINUTE_US));
    cr_assert(!held_was_slow(held, hash_of(1), 5010 * MINUTE_US));
    cr_assert(!held_was_slow(held, hash_of(2), 5000 * MINUTE_US));
    cr_assert(!held_was_answered(held, hash_of(1), 5000 * MINUTE_US));
    free(held);
}
