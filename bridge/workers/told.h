/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * told.h - a worker reads what the kernel tells of segments that it has passed on, or that have
 * ended there (engine/tcp/tell_record.h), and tells it what of those that went up has been written.
 *
 *      told_begin()     a batch begins: we are there
 *      told_look()      before each frame: what was told of up to now is older
 *      told_next()      each entry of that; under a flood they never come to an end
 *      told_note()      a frame that has come up
 *      told_end()       the batch is over; `waited`: somebody waits for what it has let through
 *      told_wait_us()   how long to sleep
 *
 * Nobody is woken by what is told. As long as anything comes the worker looks every few
 * milliseconds; after a look without anything it says that it sleeps, from when on all goes up, and
 * looks once more.
 *
 * Without maps nothing here does anything.
 */
#ifndef SYNWARD_BRIDGE_WORKERS_TOLD_H
#define SYNWARD_BRIDGE_WORKERS_TOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/bpf/tell_maps.h"
#include "bridge/io/ring.h"

#define TOLD_LOOK_US  5000u
#define TOLD_AWAKE_US 20000u
#define TOLD_NOTED    512u /* frames of a batch, at the most */

/* By how much written are behind those that went up, by the side that sends. */
struct told_way {
    int32_t least[2];  /* since the last comparison */
    int32_t before[2]; /* between that and the one before it */
};

struct told {
    struct tell_maps *maps; /* NULL: nothing is told */
    struct flow_seed seed;
    uint32_t quiet;   /* looks at which nothing had come */
    bool came;        /* something, in this one */
    uint64_t came_us; /* when it last did */
    uint64_t until;   /* of the entries: as far as told_look() saw */
    uint32_t noted;
    struct {
        uint16_t way;
        uint8_t from;
    } notes[TOLD_NOTED];
    uint64_t compared_us; /* what went up, with what was written */
    struct told_way ways[TELL_WAYS];
    struct tell_entry entry;
    uint8_t buffer[OFFLOAD_BYTES + TELL_HEADERS + 128]; /* of the entry, as a frame */
};

void told_open(struct told *told, struct tell_maps *maps, const uint64_t table_seed[2]);
/* After ring_wait(), which has written what was queued. */
void told_begin(struct told *told, uint64_t now_us);
void told_look(struct told *told);
/* False: there is none. The frame stays good until the next call. */
bool told_next(struct told *told, struct told_frame *frame);
void told_note(struct told *told, const struct ring_frame *frame);
void told_end(struct told *told, struct ring *ring, bool waited, uint64_t now_us);
uint64_t told_wait_us(const struct told *told, uint64_t wait_us);
/* The kernel tells no more; what it has told is still read. */
void told_last(struct told *told);
/* Nobody reads any more. */
void told_close(struct told *told);

#endif
