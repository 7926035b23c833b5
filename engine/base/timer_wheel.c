/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timer_wheel.c - see timer_wheel.h.
 *
 * Slot `tick & (slots - 1)` holds the timers of one tick out of [now_tick, now_tick + slots - 1];
 * never two ticks share a slot. first_tick saves walking over empty slots: setting a timer lowers
 * it, walking raises it. Clearing a timer leaves it, so it may be too low, never too high.
 *
 * Limits: 2^32 - 1 entries. Time that goes backwards expires nothing.
 */
#include "engine/base/timer_wheel.h"

static uint32_t slot_of(const struct timer_wheel *wheel, uint64_t tick)
{
    return (uint32_t)(tick & (wheel->slots - 1));
}

void timer_wheel_init(struct timer_wheel *wheel, uint32_t tick_us, uint32_t slots, uint32_t *heads,
                      struct timer_link *links, uint32_t entries, uint64_t now_us)
{
    wheel->tick_us = tick_us;
    wheel->slots = slots;
    wheel->count = 0;
    wheel->now_tick = now_us / tick_us;
    wheel->first_tick = wheel->now_tick;
    wheel->heads = heads;
    wheel->links = links;
    for (uint32_t i = 0; i < slots; i++)
        heads[i] = TIMER_NONE;
    for (uint32_t i = 0; i < entries; i++)
        links[i] = (struct timer_link){TIMER_NONE, TIMER_NONE, TIMER_NONE};
}

/* The tick whose slot a timer for `due_us` goes to: rounded up, so that it is never early within a
 * turn. */
static uint64_t tick_for(const struct timer_wheel *wheel, uint64_t due_us)
{
    uint64_t tick = due_us / wheel->tick_us + (due_us % wheel->tick_us != 0);
    uint64_t farthest = wheel->now_tick + wheel->slots - 1;

    if (tick < wheel->now_tick)
        return wheel->now_tick;
    return tick < farthest ? tick : farthest;
}

void timer_wheel_set(struct timer_wheel *wheel, uint32_t index, uint64_t due_us)
{
    uint64_t tick;
    struct timer_link *link;
    uint32_t *head;

    timer_wheel_clear(wheel, index);

    tick = tick_for(wheel, due_us);
    link = &wheel->links[index];
    head = &wheel->heads[slot_of(wheel, tick)];
    *link =
        (struct timer_link){.next = *head, .previous = TIMER_NONE, .slot = slot_of(wheel, tick)};
    if (*head != TIMER_NONE)
        wheel->links[*head].previous = index;
    *head = index;
    if (wheel->count == 0 || tick < wheel->first_tick)
        wheel->first_tick = tick;
    wheel->count++;
}

void timer_wheel_clear(struct timer_wheel *wheel, uint32_t index)
{
    struct timer_link *link = &wheel->links[index];

    if (link->slot == TIMER_NONE)
        return;
    if (link->previous != TIMER_NONE)
        wheel->links[link->previous].next = link->next;
    else
        wheel->heads[link->slot] = link->next;
    if (link->next != TIMER_NONE)
        wheel->links[link->next].previous = link->previous;
    *link = (struct timer_link){TIMER_NONE, TIMER_NONE, TIMER_NONE};
    wheel->count--;
}

/* The first tick from first_tick on whose slot holds a timer. There must be one, which bounds the
 * walk by one turn. */
static uint64_t first_used_tick(const struct timer_wheel *wheel)
{
    uint64_t tick = wheel->first_tick;

    while (wheel->heads[slot_of(wheel, tick)] == TIMER_NONE)
        tick++;
    return tick;
}

uint32_t timer_wheel_expired(struct timer_wheel *wheel, uint64_t now_us)
{
    uint64_t target = now_us / wheel->tick_us;
    uint32_t index;

    if (target < wheel->now_tick)
        return TIMER_NONE;
    if (target - wheel->now_tick >= wheel->slots) {
        /* More than a turn has passed: every timer is due, and what is set again now should not be
         * due at once. */
        wheel->now_tick = target - wheel->slots + 1;
        wheel->first_tick = wheel->now_tick;
    }
    if (wheel->count == 0) {
        wheel->now_tick = target;
        return TIMER_NONE;
    }
    wheel->first_tick = first_used_tick(wheel);
    if (wheel->first_tick > target) {
        wheel->now_tick = target;
        return TIMER_NONE;
    }
    wheel->now_tick = wheel->first_tick;

    index = wheel->heads[slot_of(wheel, wheel->first_tick)];
    timer_wheel_clear(wheel, index);
    return index;
}

uint64_t timer_wheel_next(const struct timer_wheel *wheel)
{
    return wheel->count == 0 ? UINT64_MAX : first_used_tick(wheel) * wheel->tick_us;
}
