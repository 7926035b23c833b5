/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/base/timer_wheel.c: single cases by hand, then random use against what each timer
 * was promised. */
#include <criterion/criterion.h>

#include "engine/base/timer_wheel.h"
#include "tests/engine/random.h"

#define TICK    1000u
#define SLOTS   16u
#define ENTRIES 40u

static uint32_t heads[SLOTS];
static struct timer_link links[ENTRIES];

static struct timer_wheel wheel_at(uint64_t now_us)
{
    struct timer_wheel wheel;

    timer_wheel_init(&wheel, TICK, SLOTS, heads, links, ENTRIES, now_us);
    return wheel;
}

Test(timer_wheel, empty_has_nothing)
{
    struct timer_wheel wheel = wheel_at(5000);

    cr_assert_eq(timer_wheel_next(&wheel), UINT64_MAX);
    cr_assert_eq(timer_wheel_expired(&wheel, 1000000), TIMER_NONE);
    cr_assert_eq(wheel.count, 0);
}

Test(timer_wheel, expires_at_due_or_up_to_a_tick_later)
{
    struct timer_wheel wheel = wheel_at(0);

    timer_wheel_set(&wheel, 3, 2500);
    cr_assert_eq(timer_wheel_next(&wheel), 3000);
    cr_assert_eq(timer_wheel_expired(&wheel, 2999), TIMER_NONE);
    cr_assert_eq(timer_wheel_expired(&wheel, 3000), 3);
    cr_assert_eq(timer_wheel_expired(&wheel, 3000), TIMER_NONE);

    timer_wheel_set(&wheel, 3, 5000);
    cr_assert_eq(timer_wheel_expired(&wheel, 4999), TIMER_NONE);
    cr_assert_eq(timer_wheel_expired(&wheel, 5000), 3, "a due time on a tick is not rounded");
}

Test(timer_wheel, overdue_expires_at_once)
{
    struct timer_wheel wheel = wheel_at(50000);

    timer_wheel_set(&wheel, 7, 100);
    cr_assert_leq(timer_wheel_next(&wheel), 50000);
    cr_assert_eq(timer_wheel_expired(&wheel, 50000), 7);
}

Test(timer_wheel, beyond_a_turn_comes_early)
{
    struct timer_wheel wheel = wheel_at(0);

    timer_wheel_set(&wheel, 0, 1000 * TICK);
    timer_wheel_set(&wheel, 1, UINT64_MAX);
    cr_assert_eq(timer_wheel_expired(&wheel, (SLOTS - 1) * TICK - 1), TIMER_NONE);
    cr_assert_neq(timer_wheel_expired(&wheel, (SLOTS - 1) * TICK), TIMER_NONE);
    cr_assert_neq(timer_wheel_expired(&wheel, (SLOTS - 1) * TICK), TIMER_NONE);
    cr_assert_eq(wheel.count, 0);
}

Test(timer_wheel, clear_and_move)
{
    struct timer_wheel wheel = wheel_at(0);

    for (uint32_t i = 0; i < 3; i++)
        timer_wheel_set(&wheel, i, 2000);
    timer_wheel_clear(&wheel, 1);
    timer_wheel_clear(&wheel, 1);
    timer_wheel_set(&wheel, 2, 4000);
    cr_assert_eq(wheel.count, 2);
    cr_assert_eq(timer_wheel_expired(&wheel, 3000), 0);
    cr_assert_eq(timer_wheel_expired(&wheel, 3000), TIMER_NONE);
    cr_assert_eq(timer_wheel_next(&wheel), 4000);
    cr_assert_eq(timer_wheel_expired(&wheel, 4000), 2);
    cr_assert_eq(timer_wheel_next(&wheel), UINT64_MAX);
}

Test(timer_wheel, long_gap_returns_each_once)
{
    struct timer_wheel wheel = wheel_at(0);
    uint64_t now_us = 1000ull * SLOTS * TICK + 321;
    uint32_t seen = 0;

    for (uint32_t i = 0; i < ENTRIES; i++)
        timer_wheel_set(&wheel, i, i * 300);
    while (timer_wheel_expired(&wheel, now_us) != TIMER_NONE)
        seen++;
    cr_assert_eq(seen, ENTRIES);

    timer_wheel_set(&wheel, 5, now_us + 3 * TICK);
    cr_assert_eq(timer_wheel_expired(&wheel, now_us + 2 * TICK), TIMER_NONE);
    cr_assert_eq(timer_wheel_expired(&wheel, now_us + 4 * TICK), 5);
}

/* An owner that sets far timers again while the wheel catches up is asked at most twice for each,
 * not once per turn. */
Test(timer_wheel, set_again_while_catching_up_ends)
{
    struct timer_wheel wheel = wheel_at(0);
    uint64_t now_us = 100000ull * SLOTS * TICK;
    uint32_t returned = 0;
    uint32_t index;

    for (uint32_t i = 0; i < ENTRIES; i++)
        timer_wheel_set(&wheel, i, i * 700);
    while ((index = timer_wheel_expired(&wheel, now_us)) != TIMER_NONE) {
        timer_wheel_set(&wheel, index, now_us + 2 * SLOTS * TICK);
        cr_assert_leq(++returned, 2 * ENTRIES);
    }
    cr_assert_eq(wheel.count, ENTRIES);
    cr_assert_gt(timer_wheel_next(&wheel), now_us);
}

Test(timer_wheel, time_that_goes_back_expires_nothing)
{
    struct timer_wheel wheel = wheel_at(100 * TICK);

    timer_wheel_set(&wheel, 1, 101 * TICK);
    cr_assert_eq(timer_wheel_expired(&wheel, 5 * TICK), TIMER_NONE);
    cr_assert_eq(timer_wheel_expired(&wheel, 101 * TICK), 1);
}

/* What each timer was promised when it was set. */
struct promised {
    bool set;
    uint64_t due_us;
    uint64_t turn_tick; /* it may come early from here on */
};

static void check_returned(const struct promised *timer, uint64_t now_us)
{
    cr_assert(timer->set, "a timer that was not set");
    cr_assert(now_us >= timer->due_us || now_us / TICK >= timer->turn_tick, "early: %lu before %lu",
              (unsigned long)now_us, (unsigned long)timer->due_us);
}

static void check_left(const struct timer_wheel *wheel, const struct promised *timers,
                       uint64_t now_us)
{
    uint64_t next_us = timer_wheel_next(wheel);
    uint32_t count = 0;

    for (uint32_t i = 0; i < ENTRIES; i++) {
        if (!timers[i].set)
            continue;
        count++;
        cr_assert_gt(timers[i].due_us + TICK, now_us, "timer %u is late", i);
    }
    cr_assert_eq(wheel->count, count);
    cr_assert_gt(next_us, now_us, "next would spin");
    cr_assert_eq(next_us == UINT64_MAX, count == 0);
}

Test(timer_wheel, random_against_promises)
{
    struct random random = random_begin("timer_wheel");
    uint64_t now_us = 123456;
    struct timer_wheel wheel = wheel_at(now_us);
    struct promised timers[ENTRIES] = {0};

    for (uint32_t step = 0; step < 200000; step++) {
        uint32_t i = random_below(&random, ENTRIES);
        uint32_t kind = random_below(&random, 10);
        if (kind < 5) {
            uint64_t due_us = now_us + random_below(&random, 3 * SLOTS * TICK);
            timers[i] = (struct promised){true, due_us - (kind == 0 ? 5000 : 0),
                                          wheel.now_tick + SLOTS - 1};
            timer_wheel_set(&wheel, i, timers[i].due_us);
        } else if (kind < 7) {
            timers[i].set = false;
            timer_wheel_clear(&wheel, i);
        } else {
            now_us += random_below(&random,
                                   random_below(&random, 50) == 0 ? 40 * SLOTS * TICK : 3 * TICK);
            uint64_t next_us = timer_wheel_next(&wheel);
            uint32_t index;
            while ((index = timer_wheel_expired(&wheel, now_us)) != TIMER_NONE) {
                check_returned(&timers[index], now_us);
                cr_assert_geq(now_us, next_us, "expired before timer_wheel_next()");
                timers[index].set = false;
            }
            check_left(&wheel, timers, now_us);
        }
    }
}
