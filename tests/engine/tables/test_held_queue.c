/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/tables/held_queue.h: first come, first served. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "engine/tables/held_queue.h"

static bool add(struct held_queue *queue, uint32_t flow)
{
    return held_queue_add(queue, (struct held_waiting){.flow = flow, .serial = 1});
}

static uint32_t take_first(struct held_queue *queue)
{
    struct held_waiting *waiting = held_queue_at(queue, 0);
    uint32_t flow = waiting->flow;

    held_queue_take(queue, waiting);
    return flow;
}

Test(held_queue, first_come_first_served)
{
    struct held_queue *queue = calloc(1, sizeof(*queue));

    for (uint32_t round = 0; round < 3 * HELD_QUEUE_MAX; round++) {
        cr_assert(add(queue, round));
        if (round >= 10)
            cr_assert_eq(take_first(queue), round - 10);
    }
    cr_assert_eq(queue->count, 10);
    free(queue);
}

Test(held_queue, whoever_leaves_the_middle_changes_no_order)
{
    struct held_queue *queue = calloc(1, sizeof(*queue));

    for (uint32_t i = 0; i < 5; i++)
        add(queue, i);
    held_queue_take(queue, held_queue_at(queue, 1));
    held_queue_take(queue, held_queue_at(queue, 2));
    cr_assert_null(held_queue_at(queue, 1));
    cr_assert_eq(queue->count, 5);
    cr_assert_eq(take_first(queue), 0);
    cr_assert_eq(queue->count, 2, "those in front that have left are gone, too");
    cr_assert_eq(take_first(queue), 3);
    cr_assert_eq(take_first(queue), 4);
    cr_assert_eq(queue->count, 0);
    cr_assert_null(held_queue_at(queue, 0));
    free(queue);
}

Test(held_queue, last_come)
{
    struct held_queue *queue = calloc(1, sizeof(*queue));

    cr_assert_null(held_queue_newest(queue));
    for (uint32_t i = 0; i < 5; i++)
        add(queue, i);
    held_queue_take(queue, held_queue_at(queue, 3));
    cr_assert_eq(held_queue_newest(queue)->flow, 4);
    held_queue_take(queue, held_queue_newest(queue));
    cr_assert_eq(queue->count, 3, "those at the end that have left are gone, too");
    cr_assert_eq(held_queue_newest(queue)->flow, 2);
    add(queue, 5);
    cr_assert_eq(held_queue_newest(queue)->flow, 5);
    cr_assert_eq(take_first(queue), 0);
    free(queue);
}

Test(held_queue, full_one_takes_nobody)
{
    struct held_queue *queue = calloc(1, sizeof(*queue));

    for (uint32_t i = 0; i < HELD_QUEUE_MAX; i++)
        cr_assert(add(queue, i));
    cr_assert(!add(queue, 0));
    cr_assert_eq(take_first(queue), 0);
    cr_assert(add(queue, 7));
    free(queue);
}
