/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ring.h - frames in and out of both sides, in batches, over one io_uring.
 *
 *      ring_wait()                     submits what was queued, waits, collects completions: one
 *                                      system call a batch
 *      while (ring_next(&frame))       each frame read, in the order of its queue
 *          ring_write(frame)           ... goes out of a side, from the buffer it came in,
 *          ring_release(frame)         ... or is forgotten
 *          ring_send(...)              a frame of our own, copied, behind those queued before it
 *
 * A side may have a second queue, of frames that are served last (SYNs, bpf/steer.bpf.c): in each
 * batch, after all that came from the others, and no more than RING_SYNS of them for each side;
 * where there were others RING_SYNS_BESIDE in all, or half as many as those.
 *
 * A buffer has one owner: the kernel until it holds a frame, the caller from ring_next() on, the
 * kernel again from ring_write() until the write completes. Frames leave each side in the order of
 * the calls. A write that finds no room fails and is counted; it is never tried again behind
 * others.
 *
 * Everything happens on the thread that opened the ring. All memory (RING_BYTES_MAX at most) is
 * touched when it is opened.
 */
#ifndef SYNWARD_BRIDGE_IO_RING_H
#define SYNWARD_BRIDGE_IO_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/io/busy_poll.h"
#include "engine/tcp/frame.h"
#include "profiles/error.h"

#define RING_BYTES_MAX (16u << 20)
/* A 64 KiB packet, virtio and Ethernet headers with two tags, and room for a reply that is longer
 * than what came. */
#define RING_BUFFER_BYTES 65792u
#define RING_SLACK_BYTES  192u
#define RING_SYNS         64u
#define RING_SYNS_BESIDE  16u

struct ring_options {
    int fds[2];     /* by enum side; O_NONBLOCK, stay the caller's */
    int syn_fds[2]; /* the same sides' queues of SYNs; -1: this one has none */
    bool has_syn_fds;
    int wake_fd;                      /* eventfd that ends a wait */
    bool nowait_writes;               /* the fds take RWF_NOWAIT */
    bool single_reads;                /* behave as if the kernel had no multishot reads */
    uint32_t busy_poll;               /* a setting of busy_poll.h */
    struct busy_poll_word *poll_word; /* for auto; NULL: nobody else decides */
};

struct ring_frame {
    enum side from;
    uint32_t buffer; /* the ring's name for it */
    uint8_t *data;   /* offload header */
    uint32_t bytes;
    uint32_t capacity;
};

struct ring_counts {
    uint64_t written[2]; /* frames, by side */
    uint64_t refused[2]; /* frames that the kernel did not take */
};

struct ring;

struct ring *ring_open(const struct ring_options *options, struct error *error);
void ring_close(struct ring *ring);
/* False: single reads, by option or because the kernel has no others. */
bool ring_multishot(const struct ring *ring);

/*
 * Waits until a frame, a wake-up or `timeout_us` (UINT64_MAX: for ever), by looking for a while
 * (busy_poll.h) and then by sleeping. All frames of the batch before must have been taken, until
 * ring_next() found no more.
 */
void ring_wait(struct ring *ring, uint64_t timeout_us);
bool ring_next(struct ring *ring, struct ring_frame *frame);
/* True once after wake_fd was rung. */
bool ring_woken(struct ring *ring);
/* True once after a wait that would have looked for frames longer, had it been known whether there
 * is a core for it (busy_poll.h). */
bool ring_asks_for_core(struct ring *ring);
/* True where a side can no longer be read, for good: which, and the errno (0: end of file). */
bool ring_gone(const struct ring *ring, enum side *side, int *reason);

/* Queues the first `bytes` of the frame's buffer; the buffer is the ring's again. */
void ring_write(struct ring *ring, const struct ring_frame *frame, enum side to, uint32_t bytes);
void ring_release(struct ring *ring, const struct ring_frame *frame);
/* False: no room, or longer than RING_BUFFER_BYTES. */
bool ring_send(struct ring *ring, enum side to, const uint8_t *data, uint32_t bytes);
/* Makes all writes that are queued. */
void ring_submit(struct ring *ring);
const struct ring_counts *ring_counts(const struct ring *ring);

#endif
