/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * passage.h - one frame on its way through the engine, and what may become of it.
 */
#ifndef SYNWARD_ENGINE_SHARD_PASSAGE_H
#define SYNWARD_ENGINE_SHARD_PASSAGE_H

#include "engine/shard/shard.h"
#include "engine/tcp/options.h"
#include "engine/tcp/segment.h"

/* One frame on its way through the engine. */
struct passage {
    struct frame frame;
    struct tcp_options options; /* parsed by engine.c for every FRAME_TCP */
    enum side from;
    uint64_t now_us;
    struct flow_key key;
    uint64_t hash; /* of the key, as engine_hash() */
    struct verdict *verdict;
    uint32_t said_ack; /* of a client's segment on a splice: as it came */
};

static inline void passage_begin(struct passage *passage, enum side from, uint64_t now_us,
                                 struct verdict *verdict)
{
    passage->from = from;
    passage->now_us = now_us;
    passage->verdict = verdict;
}

/* View, key and hash of a plain frame (frame_is_plain()), after passage_begin(). */
static inline void passage_fill_plain(struct passage *passage, uint8_t *buffer, uint32_t bytes,
                                      uint32_t capacity, uint64_t hash)
{
    passage->key = flow_key_of(frame_plain_words(buffer + OFFLOAD_BYTES, passage->from));
    passage->hash = hash;
    frame_fill_plain(&passage->frame, (struct offload *)(void *)buffer, buffer + OFFLOAD_BYTES,
                     bytes - OFFLOAD_BYTES, capacity - OFFLOAD_BYTES);
}

static inline void passage_read_options(struct passage *passage)
{
    const struct frame *frame = &passage->frame;

    if (tcp_options_parse(frame_options(frame), frame->options_bytes, &passage->options) !=
            OPTIONS_OK &&
        passage->from == SIDE_CLIENT)
        passage->options.present |= OPTION_OTHER; /* what was read before the bad one counts */
}

/* Who is judged for a client's frame: this address, as it came. */
static inline struct source_id source_of_passage(const struct passage *passage,
                                                 const struct ip_addr *addr)
{
    return (struct source_id){*addr, source_link_of(passage->frame.data, passage->key.vlan)};
}

/* --- verdicts --------------------------------------------------------------------------------- */

static inline void passage_forward(struct passage *passage)
{
    struct verdict *verdict = passage->verdict;

    verdict->action = VERDICT_FORWARD;
    verdict->bytes = OFFLOAD_BYTES + passage->frame.bytes;
}
static inline void verdict_drop(struct engine *engine, struct verdict *verdict,
                                enum drop_reason reason)
{
    verdict->action = VERDICT_DROP;
    verdict->reason = reason;
    verdict->bytes = 0;
    engine->counters.drops[reason]++;
}
/* Counted for the server that the segment is for; noinline, as those that refuse many go other ways
 * (fast/ack.h). */
void passage_count_refusal(struct engine *engine, const struct passage *passage,
                           enum drop_reason reason);
static inline void passage_drop(struct engine *engine, struct passage *passage,
                                enum drop_reason reason)
{
    if (figures_is_refusal(reason))
        passage_count_refusal(engine, passage, reason);
    verdict_drop(engine, passage->verdict, reason);
}
/* The payload was copied; the frame is done with. */
void passage_hold(struct passage *passage);
/* Builds `segment` in the frame's own buffer and sends it back where the frame came from. */
void passage_reply(struct engine *engine, struct passage *passage, const struct link_header *link,
                   const struct segment *segment);
/* The same where all of it goes back as it came: link header, addresses and ports are the frame's
 * (segment_answer()). */
void passage_answer(struct engine *engine, struct passage *passage, const struct segment *segment);
/* Answers with a RST that the frame's sender must accept; counts `reason`. */
void passage_reset(struct engine *engine, struct passage *passage, enum drop_reason reason);
/* The same to a client, by whom its server has been found already. */
void passage_reset_by(struct engine *engine, struct passage *passage, const struct server *server,
                      enum drop_reason reason);
/* A segment of our own, out of `to`; a full outbox drops and counts. */
void engine_emit(struct engine *engine, enum side to, const struct link_header *link,
                 const struct segment *segment);
/* The same for one that was written already, with the offload header in front of it. */
void engine_emit_frame(struct engine *engine, enum side to, const uint8_t *buffer, uint32_t bytes);

/* TTL, DF and flow label of what we send in a server's name, as promised. */
void speak_as(const struct engine *engine, const struct promise *promise,
              const struct flow_key *key, struct segment *segment);
/*
 * The IPv6 flow label of all that goes to this client (RFC 6437 3: one for all packets of a flow):
 * ours from the SYN-ACK on, so also the server's own segments'.
 */
uint32_t flow_label_to_client(const struct engine *engine, const struct flow_key *key);

#endif
