/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * held_queue.h - connections whose whole request waits for a place at their server, in fixed
 * memory: a queue for each class of them.
 *
 * An entry names its flow by index and serial: whoever takes it out looks whether that is still
 * there and still waits. A full queue takes nobody: the client's repetition asks again.
 */
#ifndef SYNWARD_ENGINE_TABLES_HELD_QUEUE_H
#define SYNWARD_ENGINE_TABLES_HELD_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#define HELD_QUEUE_MAX 16384u /* a power of two */
#define HELD_NOBODY    UINT32_MAX

/* Who comes first (stages/held.h). */
enum held_class {
    HELD_KNOWN,  /* the server has answered its source before, and that holds less than its share */
    HELD_FIRST,  /* its source holds nothing, and nobody else of its network came here just now */
    HELD_MORE,   /* its source holds less than its share */
    HELD_OTHERS, /* its source holds its share, or was slow */
    HELD_CLASSES
};

struct held_waiting {
    uint32_t flow, serial;
    uint32_t server; /* index into the server table */
};

struct held_queue {
    uint32_t first, count;
    uint32_t cursor; /* how far behind the first one those are looked at that are not the first */
    struct held_waiting entries[HELD_QUEUE_MAX];
};

static inline bool held_queue_add(struct held_queue *queue, struct held_waiting waiting)
{
    if (queue->count == HELD_QUEUE_MAX)
        return false;
    queue->entries[(queue->first + queue->count++) & (HELD_QUEUE_MAX - 1)] = waiting;
    return true;
}

/* The one behind `at` others, or NULL where it was taken out. */
static inline struct held_waiting *held_queue_at(struct held_queue *queue, uint32_t at)
{
    struct held_waiting *waiting = &queue->entries[(queue->first + at) & (HELD_QUEUE_MAX - 1)];

    return at < queue->count && waiting->flow != HELD_NOBODY ? waiting : NULL;
}

/* The one that came last, or NULL. */
static inline struct held_waiting *held_queue_newest(struct held_queue *queue)
{
    return queue->count ? held_queue_at(queue, queue->count - 1) : NULL;
}

/* Takes it out; the others stay in their order. */
static inline void held_queue_take(struct held_queue *queue, struct held_waiting *waiting)
{
    waiting->flow = HELD_NOBODY;
    while (queue->count && queue->entries[queue->first].flow == HELD_NOBODY) {
        queue->first = (queue->first + 1) & (HELD_QUEUE_MAX - 1);
        queue->count--;
        queue->cursor -= queue->cursor > 0;
    }
    while (queue->count && !held_queue_newest(queue))
        queue->count--;
}

#endif
