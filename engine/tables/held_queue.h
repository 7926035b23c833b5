/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * held_queue.h - connections whose whole request waits for a place at their server, first come,
 * first served, in fixed memory.
 *
 * An entry names its flow by index and serial: whoever takes it out looks whether that is still
 * there and still waits. A full queue takes nobody: the client's repetition asks again.
 */
#ifndef SYNWARD_ENGINE_TABLES_HELD_QUEUE_H
#define SYNWARD_ENGINE_TABLES_HELD_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#define HELD_QUEUE_MAX 16384u /* a power of two */

struct held_waiting {
    uint32_t flow, serial;
    uint32_t server; /* index into the server table */
};

struct held_queue {
    uint32_t first, count;
    struct held_waiting entries[HELD_QUEUE_MAX];
};

static inline bool held_queue_add(struct held_queue *queue, struct held_waiting waiting)
{
    if (queue->count == HELD_QUEUE_MAX)
        return false;
    queue->entries[(queue->first + queue->count++) & (HELD_QUEUE_MAX - 1)] = waiting;
    return true;
}

/* The first one, which is taken out. Not of an empty queue. */
static inline struct held_waiting held_queue_take(struct held_queue *queue)
{
    const struct held_waiting waiting = queue->entries[queue->first];

    queue->first = (queue->first + 1) & (HELD_QUEUE_MAX - 1);
    queue->count--;
    return waiting;
}

#endif
