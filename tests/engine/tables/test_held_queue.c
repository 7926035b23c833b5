/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/tables/held_queue.h: first come, first served. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "engine/tables/held_queue.h"

Test(held_queue, first_come_first_served)
{
    struct held_queue *queue = calloc(1, sizeof(*queue));

    for (uint32_t round = 0; round < 3 * HELD_QUEUE_MAX; round++) {
        cr_assert(held_queue_add(queue, (struct held_waiting){round, 1, 0}));
        if (round >= 10)
            cr_assert_eq(held_queue_take(queue).flow, round - 10);
    }
    cr_assert_eq(queue->count, 10);
    free(queue);
}

Test(held_queue, full_one_takes_nobody)
{
    struct held_queue *queue = calloc(1, sizeof(*queue));

    for (uint32_t i = 0; i < HELD_QUEUE_MAX; i++)
        cr_assert(held_queue_add(queue, (struct held_waiting){i, 1, 0}));
    cr_assert(!held_queue_add(queue, (struct held_waiting){0, 1, 0}));
    cr_assert_eq(held_queue_take(queue).flow, 0);
    cr_assert(held_queue_add(queue, (struct held_waiting){7, 1, 0}));
    free(queue);
}
