/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ring_parts.h - what a ring is made of, for ring.c, ring_wait.c and ring_open.c alone.
 *
 *      buffers:  | 0 .. 111 client reads | 112 .. 223 server reads | 224 .. 231 large sends |
 *                | 232 .. 487 small sends | 488 .. 551 client SYNs | 552 .. 615 server SYNs |
 */
#ifndef SYNWARD_BRIDGE_IO_RING_PARTS_H
#define SYNWARD_BRIDGE_IO_RING_PARTS_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

#include "bridge/bpf/steer.h"
#include "bridge/io/busy_poll.h"
#include "bridge/io/ring.h"
#include "engine/tcp/offload.h"

#define READS_PER_SIDE   112u
#define READS            (2 * READS_PER_SIDE)
#define LARGE_SENDS      8u
#define SMALL_SENDS      256u
#define SYN_READS        (2 * RING_SYNS)
#define SYNS_BEGIN       (READS + LARGE_SENDS + SMALL_SENDS)
#define BUFFERS          (SYNS_BEGIN + SYN_READS)
#define SMALL_BYTES      2048u
#define LARGE_AREA_BYTES ((READS + LARGE_SENDS) * RING_BUFFER_BYTES)
#define POOL_BYTES       (LARGE_AREA_BYTES + (SMALL_SENDS + SYN_READS) * SMALL_BYTES)
#define HUGE_PAGE_BYTES  (2u << 20)
#define POOL_ALLOCATED   ((POOL_BYTES + HUGE_PAGE_BYTES - 1) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES)

#define READ_RING_ENTRIES 128u /* power of two >= READS_PER_SIDE */
#define SUBMISSIONS       1024u
#define COMPLETIONS       2048u
#define READY_SLOTS       256u /* power of two >= READS, SYN_READS */

/* Linux 6.7; liburing 2.3 does not know it. */
#define OPCODE_READ_MULTISHOT 49

_Static_assert(POOL_ALLOCATED <= RING_BYTES_MAX, "the promise of ring.h");
_Static_assert(RING_BUFFER_BYTES % 64 == 0 && SMALL_BYTES % 64 == 0,
               "buffers begin on cache lines");
_Static_assert(BUFFERS < COMPLETIONS,
               "completions never overflow: each holds a buffer, but for a few");
_Static_assert(READY_SLOTS >= READS && READ_RING_ENTRIES >= READS_PER_SIDE, "all reads fit");
_Static_assert(READY_SLOTS >= SYN_READS && READ_RING_ENTRIES >= RING_SYNS, "all SYNs fit");
_Static_assert(STEER_SYN_BYTES_MAX + OFFLOAD_BYTES < SMALL_BYTES - RING_SLACK_BYTES,
               "and each its buffer");

enum operation { OPERATION_READ, OPERATION_WRITE, OPERATION_WAKE, OPERATION_CANCEL };

/* What comes back with a completion. */
union ticket {
    uint64_t number;
    struct {
        uint8_t operation; /* enum operation */
        uint8_t lane;      /* read from, or written to: then that of the side */
        uint16_t buffer;   /* unless a multishot read */
        uint32_t bytes;
    } __attribute__((packed));
};
_Static_assert(sizeof(union ticket) == sizeof(uint64_t), "a ticket is a user_data");

struct ready {
    uint16_t buffer;
    uint8_t side;
    uint32_t bytes;
};

struct ready_queue {
    uint32_t head, tail;
    struct ready slots[READY_SLOTS];
};

struct stack {
    uint32_t count;
    uint16_t buffers[SMALL_SENDS];
};
_Static_assert(SMALL_SENDS >= READS_PER_SIDE && SMALL_SENDS >= RING_SYNS,
               "a stack holds any kind of buffer");

/* By enum side first, so that a side is the lane of its frames, and of what is written to it. */
enum { LANE_SYNS = 2, LANES = 4, FILES = LANES + 1 };
#define WAKE_FILE LANES

struct lane {
    int fd;                  /* -1: there is none */
    bool armed;              /* a read is in flight */
    uint32_t kernel_buffers; /* multishot: those in `ring` */
    uint32_t given;          /* of them, not yet published */
    struct io_uring_buf_ring *ring;
    struct stack free; /* single reads */
};

struct ring {
    struct io_uring uring;
    bool uring_open, knows_multishot, multishot, refused, no_iowait;
    bool woken, wake_armed;
    int wake_fd, write_flags;
    int gone_side, gone_reason; /* gone_side -1: none */
    uint32_t writes;            /* in flight */
    uint64_t wake_value;
    struct busy_poll poll;
    uint8_t *pool;
    struct lane lanes[LANES];
    struct stack large, small;
    struct ready_queue flows, syns;
    uint32_t syns_allowed; /* of this batch */
    struct ring_counts counts;
};

static inline enum side lane_side(uint32_t lane)
{
    return (enum side)(lane % LANE_SYNS);
}

/* What a buffer holds; a read leaves RING_SLACK_BYTES of it. */
static inline uint32_t buffer_bytes(uint32_t buffer)
{
    return buffer < READS + LARGE_SENDS ? RING_BUFFER_BYTES : SMALL_BYTES;
}

static inline uint32_t read_bytes(uint32_t buffer)
{
    return buffer_bytes(buffer) - RING_SLACK_BYTES;
}

static inline uint8_t *buffer_data(const struct ring *ring, uint32_t buffer)
{
    if (buffer < READS + LARGE_SENDS)
        return ring->pool + (size_t)buffer * RING_BUFFER_BYTES;
    return ring->pool + LARGE_AREA_BYTES + (size_t)(buffer - READS - LARGE_SENDS) * SMALL_BYTES;
}

static inline void stack_push(struct stack *stack, uint32_t buffer)
{
    stack->buffers[stack->count++] = (uint16_t)buffer;
}

static inline bool stack_pop(struct stack *stack, uint32_t *buffer)
{
    if (stack->count == 0)
        return false;
    *buffer = stack->buffers[--stack->count];
    return true;
}

/* To the kernel's ring; publish_buffers() makes it see them. */
static inline void give_to_kernel(struct ring *ring, struct lane *lane, uint32_t buffer)
{
    io_uring_buf_ring_add(lane->ring, buffer_data(ring, buffer), read_bytes(buffer),
                          (unsigned short)buffer, io_uring_buf_ring_mask(READ_RING_ENTRIES),
                          (int)lane->given++);
    lane->kernel_buffers++;
}

static inline void publish_buffers(struct lane *lane)
{
    if (lane->given > 0)
        io_uring_buf_ring_advance(lane->ring, (int)lane->given);
    lane->given = 0;
}

/* Of a buffer of SYNs. */
static inline uint32_t syn_lane(uint32_t buffer)
{
    return LANE_SYNS + (buffer - SYNS_BEGIN) / RING_SYNS;
}

static inline void give_to_lane(struct ring *ring, struct lane *lane, uint32_t buffer)
{
    if (ring->multishot)
        give_to_kernel(ring, lane, buffer);
    else
        stack_push(&lane->free, buffer);
}

static inline void give_back(struct ring *ring, uint32_t buffer)
{
    if (buffer >= SYNS_BEGIN)
        give_to_lane(ring, &ring->lanes[syn_lane(buffer)], buffer);
    else if (buffer >= READS + LARGE_SENDS)
        stack_push(&ring->small, buffer);
    else if (buffer >= READS)
        stack_push(&ring->large, buffer);
    else
        give_to_lane(ring, &ring->lanes[buffer / READS_PER_SIDE], buffer);
}

/* Nothing comes from there any more, or ever did. */
static inline bool lane_ended(const struct ring *ring, uint32_t number)
{
    return ring->lanes[number].fd < 0 || ring->gone_side == (int)lane_side(number);
}

static inline bool is_empty(const struct ready_queue *queue)
{
    return queue->head == queue->tail;
}

static inline bool frames_ready(const struct ring *ring)
{
    return !is_empty(&ring->flows) || !is_empty(&ring->syns);
}

static inline bool anything_ready(const struct ring *ring)
{
    return frames_ready(ring) || ring->woken || ring->gone_side >= 0;
}

/* --- shared by the ring's files (ring.c) ----------------------------------------------------- */

/* Takes what the kernel has completed. */
void ring_collect(struct ring *ring);
/* Submits and collects: writes complete as they are submitted, so that this frees their buffers. */
void ring_flush(struct ring *ring);
void ring_arm_reads(struct ring *ring);
void ring_arm_wake(struct ring *ring);
/* Does whatever may come end a wait? */
bool ring_all_armed(const struct ring *ring);

#endif
