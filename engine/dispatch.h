/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dispatch.h - the way of a frame: the short ways first, then the stage that its flow's state asks
 * for.
 */
#ifndef SYNWARD_ENGINE_DISPATCH_H
#define SYNWARD_ENGINE_DISPATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/shard/verdict.h"
#include "engine/tcp/frame.h"

struct engine;

/* The two ways of a frame, for engine_input() alone. The first leaves to the other what is not
 * plain after all (fast/syn.h). */
void engine_plain_syn(struct engine *engine, enum side from, uint8_t *buffer, uint32_t bytes,
                      uint32_t wire_bytes, uint32_t capacity, uint64_t now_us,
                      struct verdict *verdict);
void engine_any_frame(struct engine *engine, enum side from, uint8_t *buffer, uint32_t bytes,
                      uint32_t wire_bytes, uint32_t capacity, uint64_t now_us,
                      struct verdict *verdict);

/* The general way of a plain frame without a flow: what the short way of an ACK leaves, or has to
 * say the same as (tests). `hash`: of the connection; `*verdict` says to forward it. */
void engine_plain_stranger(struct engine *engine, enum side from, uint8_t *buffer, uint32_t bytes,
                           uint64_t hash, uint32_t capacity, uint64_t now_us,
                           struct verdict *verdict);

/* True of every frame that may be a plain SYN: by the flags, where these stand behind an IPv4
 * header without options. */
static inline bool engine_perhaps_plain_syn(const uint8_t *buffer, uint32_t bytes)
{
    const uint32_t tcp = OFFLOAD_BYTES + ETH_HEADER_BYTES + IPV4_HEADER_BYTES;

    return bytes >= tcp + TCP_HEADER_BYTES &&
           (buffer[tcp + 13] & (TCP_SYN | TCP_ACK | TCP_FIN | TCP_RST)) == TCP_SYN;
}

/*
 * Decides on one frame. `buffer` begins with the offload header; `bytes` counts it; `capacity` is
 * the whole buffer (a reply with a greeting is up to 1,600 bytes long; one that does not fit is
 * dropped and counted). For captures `wire_bytes` may exceed `bytes`; else pass the same.
 */
static inline void engine_input(struct engine *engine, enum side from, uint8_t *buffer,
                                uint32_t bytes, uint32_t wire_bytes, uint32_t capacity,
                                uint64_t now_us, struct verdict *verdict)
{
    /* Inline, so that each way begins with nothing on the stack but what it needs itself. */
    if (from == SIDE_CLIENT && engine_perhaps_plain_syn(buffer, bytes))
        engine_plain_syn(engine, from, buffer, bytes, wire_bytes, capacity, now_us, verdict);
    else
        engine_any_frame(engine, from, buffer, bytes, wire_bytes, capacity, now_us, verdict);
}

/* The same where there are records (engine_carried()): a frame of a connection that has one touches
 * it. */
void engine_input_beside_carried(struct engine *engine, enum side from, uint8_t *buffer,
                                 uint32_t bytes, uint32_t wire_bytes, uint32_t capacity,
                                 uint64_t now_us, struct verdict *verdict);

#endif
