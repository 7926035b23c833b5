/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timer_wheel.h - one timer each for the entries of a table, without cost per frame.
 *
 * A hashed wheel of lists that are linked by index through an array beside the table. Setting,
 * moving and clearing a timer is O(1). Timers due later than one turn of the wheel wait in the last
 * slot and are set again when it comes round: so the owner looks at the entry when its timer
 * expires, and sets it anew if the entry has been used meanwhile. That is why traffic need not
 * touch timers.
 *
 *      now_tick          first_tick                          now_tick + slots - 1
 *      | empty ....      | earliest slot that may hold timers | farthest slot       |
 *
 * A turn counts from now_tick, the tick up to which timer_wheel_expired() has worked. A wheel that
 * was left alone for long is therefore early with what is set while it catches up: such a timer may
 * come twice, never late and never lost.
 */
#ifndef SYNWARD_ENGINE_BASE_TIMER_WHEEL_H
#define SYNWARD_ENGINE_BASE_TIMER_WHEEL_H

#include <stddef.h>
#include <stdint.h>

#define TIMER_NONE UINT32_MAX

struct timer_link {
    uint32_t next, previous; /* indices; TIMER_NONE */
    uint32_t slot;           /* TIMER_NONE: not set */
};

struct timer_wheel {
    uint32_t tick_us;
    uint32_t slots; /* power of two */
    uint32_t count; /* timers set */
    uint64_t now_tick;
    uint64_t first_tick;      /* no timer is set for a tick before this one */
    uint32_t *heads;          /* slots of them */
    struct timer_link *links; /* one per entry of the table */
};

/* `heads` (slots long) and `links` (entries long) are the caller's memory; both are filled here. */
void timer_wheel_init(struct timer_wheel *wheel, uint32_t tick_us, uint32_t slots, uint32_t *heads,
                      struct timer_link *links, uint32_t entries, uint64_t now_us);
/*
 * Sets or moves entry `index`'s timer. It expires at `due_us` or up to one tick later, or after one
 * turn if that is sooner.
 */
void timer_wheel_set(struct timer_wheel *wheel, uint32_t index, uint64_t due_us);
void timer_wheel_clear(struct timer_wheel *wheel, uint32_t index);
/* Takes one expired timer off and returns its index, or TIMER_NONE. Call until TIMER_NONE, or later
 * again. */
uint32_t timer_wheel_expired(struct timer_wheel *wheel, uint64_t now_us);
/* No timer expires before this; UINT64_MAX where none is set. */
uint64_t timer_wheel_next(const struct timer_wheel *wheel);

#endif
