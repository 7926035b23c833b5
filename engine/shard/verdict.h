/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verdict.h - what is to be done with a frame, and the segments of our own that go with it.
 *
 * The frame itself is edited or rebuilt in the buffer it came in. Segments of our own (held data,
 * resent greetings, SYNs to a server) are laid into the engine's outbox, which the worker empties
 * after every engine_input() and engine_tick(): they go out behind the frame that caused them, in
 * order.
 */
#ifndef SYNWARD_ENGINE_SHARD_VERDICT_H
#define SYNWARD_ENGINE_SHARD_VERDICT_H

#include <stdint.h>

#include "engine/base/counters.h"
#include "engine/tcp/frame.h"

enum verdict_action {
    VERDICT_FORWARD, /* write `bytes` bytes of the buffer out of the other side */
    VERDICT_REPLY,   /* write them out of the side that the frame came from */
    VERDICT_DROP,    /* forget it, counted under `reason` */
    VERDICT_HOLD,    /* its payload was copied to the pool; the buffer is free */
};

struct verdict {
    enum verdict_action action;
    enum drop_reason reason; /* of VERDICT_DROP */
    uint32_t bytes;          /* offload header and frame */
};

#define OUTBOX_FRAMES 64

struct outbox_frame {
    enum side to;
    uint32_t offset; /* of the offload header in `memory` */
    uint32_t bytes;
};

struct outbox {
    uint8_t *memory;
    uint32_t capacity;
    uint32_t used;
    uint32_t count;
    struct outbox_frame frames[OUTBOX_FRAMES];
};

#endif
