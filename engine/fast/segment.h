/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * segment.h - the short way of what nearly all segments of followed and of spliced connections are.
 *
 * ACK, and no SYN, FIN or RST; numbers where they are expected; no options but timestamps where the
 * flow is spliced, and nothing that its halves differ in beyond offsets; nothing that a trigger or
 * the learner waits for. plain_segment() looks at such a one's entry and at nothing else, edits it,
 * and is done. Of any other it says false, and has changed nothing: track_flow() and splice_frame()
 * do the same for all segments, at length.
 *
 * All of it is inline, and for engine.c alone: the view of a frame that is plain (frame_is_plain())
 * never leaves the registers on this way. `index` is the flow's.
 */
#ifndef SYNWARD_ENGINE_FAST_SEGMENT_H
#define SYNWARD_ENGINE_FAST_SEGMENT_H

#include "engine/stages/splice.h"
#include "engine/stages/track.h"

/* Called twice, for views in registers and in memory, and large: gcc would call it. */
#define PLAIN_INLINE static inline __attribute__((always_inline))

/* State, flags and shifts of a flow are one word: what a plain segment must not meet is a few of
 * its bits. */
PLAIN_INLINE uint32_t plain_mode(const struct flow *flow)
{
    uint32_t mode;

    memcpy(&mode, &flow->state, sizeof(mode));
    return mode;
}

#define PLAIN_MODE(state, flags, to_client, to_server)                                             \
    WIRE32((uint32_t)(state) << 24 | (uint32_t)(flags) << 16 | (uint32_t)(to_client) << 8 |        \
           (to_server))

_Static_assert(offsetof(struct flow, to_server_shift) == offsetof(struct flow, state) + 3,
               "one word");

/* Where a segment without options but timestamps has TSval; NULL: it has none. */
PLAIN_INLINE uint8_t *plain_tsval(const struct frame *frame)
{
    return frame->options_bytes ? frame_tcp(frame) + TCP_HEADER_BYTES + 4 : NULL;
}

PLAIN_INLINE bool plain_options(const struct frame *frame)
{
    return !frame->options_bytes || (frame->options_bytes == ALIGNED_TIMESTAMPS_BYTES &&
                                     load_be32(frame_options(frame)) == ALIGNED_TIMESTAMPS);
}

/* A client's that is certainly of this connection, not of another on the tuple: nothing that
 * established_flow() would judge. */
PLAIN_INLINE bool plain_of_client(const struct frame *frame, const struct flow *flow,
                                  const struct flow_cold *cold)
{
    return track_client_goes_on(cold, frame->ack) &&
           cold->server_next - frame->ack <= TRACK_OLD_BYTES && !(flow->flags & FLOW_CLIENT_FIN);
}

/* Followed, and not changed: track_flow(). */
PLAIN_INLINE bool plain_tracked(const struct frame *frame, enum side from, const struct flow *flow,
                                struct flow_cold *cold)
{
    uint32_t *next = from == SIDE_CLIENT ? &cold->client_next : &cold->server_next;

    if (!track_is_near(frame, *next) ||
        (from == SIDE_CLIENT && !plain_of_client(frame, flow, cold)))
        return false;
    *next = seq_max(*next, frame->seq + frame->payload_bytes);
    return true;
}

/*
 * splice_from_server(). That the numbers are well below where the floor follows
 * (SPLICE_FLOOR_FARTHEST) is asked with a margin for what a near segment may add, so that one
 * comparison serves for both ends.
 */
PLAIN_INLINE bool plain_to_client(const struct engine *engine, struct frame *frame,
                                  const struct flow *flow, struct flow_cold *cold)
{
    const uint32_t mask = PLAIN_MODE(0xff, FLOW_GREETING_DUE, 0xff, 0);
    const uint32_t margin = TRACK_NEAR_BYTES + (1u << 17);
    uint8_t *tcp = frame_tcp(frame), *at = plain_tsval(frame);
    uint32_t tsval = at ? load_be32(at) : 0;
    uint64_t sum;

    if ((plain_mode(flow) & mask) != PLAIN_MODE(FLOW_SPLICED, 0, 0, 0) ||
        !track_follows(frame, cold->server_next) ||
        frame->seq - flow->ack_floor > SPLICE_FLOOR_FARTHEST - margin ||
        (at && tsval - flow->tsecr_floor > SPLICE_FLOOR_DISTANCE))
        return false;
    sum = frame_edit_be32(tcp + 4, frame->seq + flow->delta);
    if (at)
        sum += frame_edit_be32(at, tsval + flow->ts_delta);
    frame_edit_end(frame->offload, tcp, sum);
    if (frame->ip_version == 6)
        frame_set_flow_label(frame, flow_label_to_client(engine, &flow->key));
    cold->server_next = seq_max(cold->server_next, frame->seq + frame->payload_bytes);
    return true;
}

/* Of what is larger than a segment without options may be: false where its payload does not fit.
 * A super-frame is told the limit. */
PLAIN_INLINE bool plain_fits_server(struct frame *frame, const struct flow_cold *cold)
{
    const uint16_t limit = splice_server_limit(cold, frame);

    if (limit && frame_is_super(frame))
        frame_lower_gso(frame, limit);
    else if (limit && frame->payload_bytes > limit)
        return false;
    return true;
}

/* splice_from_client(). What it asks last may change the frame. */
PLAIN_INLINE bool plain_to_server(struct frame *frame, const struct flow *flow,
                                  struct flow_cold *cold)
{
    const uint32_t mask = PLAIN_MODE(0xff, FLOW_GREETING_DUE | FLOW_NO_ECN, 0, 0xff);
    uint32_t odd = (plain_mode(flow) & mask) ^ PLAIN_MODE(FLOW_SPLICED, 0, 0, 0);
    uint8_t *tcp = frame_tcp(frame), *at = plain_tsval(frame);
    uint32_t more = at && !cold->timestamps ? TIMESTAMPS_BYTES : 0;
    const uint32_t ack = frame->ack - flow->delta;
    uint64_t sum;

    if ((odd &&
         (odd != PLAIN_MODE(0, FLOW_NO_ECN, 0, 0) || (frame_tos(frame) & 3) != ECN_NOT_ECT)) ||
        !track_follows(frame, cold->client_next) || !track_client_goes_on(cold, ack))
        return false;
    if (seq_before(ack, flow->ack_floor)) /* of our greeting, or nobody's: record_acked() */
        return false;
    if (frame->payload_bytes + more > cold->server_mss && !plain_fits_server(frame, cold))
        return false;
    sum = frame_edit_be32(tcp + 8, ack);
    if (at)
        sum +=
            frame_edit_be32(at + 4, seq_max(load_be32(at + 4) - flow->ts_delta, flow->tsecr_floor));
    frame_edit_end(frame->offload, tcp, sum);
    cold->client_next = seq_max(cold->client_next, frame->seq + frame->payload_bytes);
    return true;
}

/* Empty ones may be part of a storm (stages/ack_storm.h); others end it. */
PLAIN_INLINE bool plain_spliced(const struct engine *engine, struct frame *frame, enum side from,
                                const struct flow *flow, struct flow_cold *cold)
{
    if (!frame->payload_bytes || !plain_options(frame))
        return false;
    if (!(from == SIDE_SERVER ? plain_to_client(engine, frame, flow, cold)
                              : plain_to_server(frame, flow, cold)))
        return false;
    cold->storm = (struct flow_storm){0};
    return true;
}

PLAIN_INLINE bool plain_from(struct engine *engine, struct frame *frame, enum side from,
                             uint32_t index, uint64_t now_us)
{
    struct flow *flow = &engine->flows.flows[index];
    struct flow_cold *cold = &engine->flows.cold[index];

    if ((frame->flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK)) != TCP_ACK ||
        observe_wants(frame, cold, from))
        return false;
    if (!(flow->state == FLOW_ESTABLISHED || flow->state == FLOW_OUTBOUND
              ? plain_tracked(frame, from, flow, cold)
              : plain_spliced(engine, frame, from, flow, cold)))
        return false;
    flow->used = flow_clock(now_us);
    if (cold->server)
        figures_frame(&engine->servers.slots[cold->server - 1].figures, from == SIDE_CLIENT,
                      frame->bytes);
    return true;
}

/* True where the frame was carried, and is to be forwarded as it is now. */
PLAIN_INLINE bool plain_segment(struct engine *engine, struct frame *frame, enum side from,
                                uint32_t index, uint64_t now_us)
{
    return from == SIDE_SERVER ? plain_from(engine, frame, SIDE_SERVER, index, now_us)
                               : plain_from(engine, frame, SIDE_CLIENT, index, now_us);
}

#endif
