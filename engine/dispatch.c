/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dispatch.c - see dispatch.h, and doc/architecture.md, "The way of a frame".
 *
 * Key, hash and view of a plain frame are made in registers: where it is a plain segment of a flow,
 * as nearly all are, that is all that they are wanted for. Each other way begins at the end of the
 * one before, in its place on the stack: their arguments are alike for that, and what they want of
 * the frame they read again.
 */
#include "engine/dispatch.h"

#include "engine/fast/ack.h"
#include "engine/fast/segment.h"
#include "engine/fast/syn.h"
#include "engine/stages/admission.h"
#include "engine/stages/icmp.h"
#include "engine/stages/draining.h"
#include "engine/stages/kept.h"
#include "engine/stages/opening.h"
#include "engine/stages/splice.h"
#include "engine/stages/stray.h"
#include "engine/stages/track.h"
#include "engine/stages/udp.h"
#include "engine/stages/unread.h"
#include "engine/tables/carried.h"

/* True where cookies of this server may be on their way to clients, or back. */
static bool cookies_out(const struct server *server, uint64_t now_us)
{
    return server_protected(server) ||
           (server->attack_ended_us && now_us - server->attack_ended_us < COOKIE_LIFETIME_US);
}

/* A client's segment that belongs to no flow. */
static inline void client_without_flow(struct engine *engine, struct passage *passage)
{
    struct server *server = server_of(&engine->servers, &passage->key);
    bool ack = (passage->frame.flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_ACK;

    if (!server && passage->key.vlan.id[0] && unread_behind_tags(engine, passage)) {
        passage_drop(engine, passage, DROP_unreadable);
        return;
    }
    /* For a cookie lifetime after an attack, what is no SYN and no RST may belong to a cookie
     * (rule 5.13). */
    if (!server || !(server_protected(server) || (ack && cookies_out(server, passage->now_us))))
        track_client(engine, passage, server);
    else if (!admission(engine, passage, server, NULL))
        stray_segment(engine, passage, server);
}

/* Of an opening that has ended with us: its client, who is answered already, would break it off. */
static bool answers_who_is_gone(const struct engine *engine, const struct frame *frame)
{
    return engine->ending && (frame->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);
}

static void server_without_flow(struct engine *engine, struct passage *passage)
{
    struct server_key key = flow_key_server(&passage->key);
    const struct server *server =
        passage->frame.flags & TCP_RST ? server_find(&engine->servers, &key) : NULL;

    if (answers_who_is_gone(engine, &passage->frame))
        passage_drop(engine, passage, DROP_swallowed);
    else if (server && cookies_out(server, passage->now_us))
        stray_reset(engine, passage);
    else if (!stray_synack(engine, passage))
        track_server(engine, passage);
}

/* The opening failed, or the client reset it: whatever still comes from either side is told so. */
static void refused_flow(struct engine *engine, struct passage *passage)
{
    if (!frame_checksum_good(&passage->frame))
        passage_drop(engine, passage, DROP_bad_checksum);
    else if (passage->frame.flags & TCP_RST)
        passage_drop(engine, passage, DROP_stray);
    else
        passage_reset(engine, passage, DROP_stray);
}

/*
 * True where a client's segment can be the connection's own: it acknowledges what that server has
 * sent lately, and says nothing new behind the client's FIN. What is neither a closing connection's
 * own nor a proof is the beginning of another one that came out of order; translated, it would have
 * the server reset a connection that is about to be made.
 */
static bool of_flow(const struct engine *engine, const struct frame *frame, const struct flow *flow)
{
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);

    if (!(frame->flags & TCP_ACK) || (frame->flags & (TCP_SYN | TCP_RST)))
        return true;
    if (cold->server_next - (frame->ack - flow->delta) > TRACK_OLD_BYTES)
        return false;
    return !(flow->flags & FLOW_CLIENT_FIN) ||
           !seq_before(cold->client_next, frame->seq + frame_seq_bytes(frame));
}

/* A closing connection: the tuple may be in use again already (rule 5.7). */
static void closing_flow(struct engine *engine, struct passage *passage, struct flow *flow)
{
    struct server *server = flow_server(engine, flow);
    bool syn = (passage->frame.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;

    if (passage->from == SIDE_CLIENT && server && cookies_out(server, passage->now_us) &&
        admission(engine, passage, server, flow))
        return;
    if (passage->from == SIDE_CLIENT && !(flow->flags & FLOW_REFUSED) && server &&
        cookies_out(server, passage->now_us) && !of_flow(engine, &passage->frame, flow)) {
        passage_drop(engine, passage, DROP_bad_cookie);
        return;
    }
    if ((passage->from == SIDE_CLIENT && syn) || !(flow->flags & (FLOW_REFUSED | FLOW_EDIT)))
        track_flow(engine, passage, flow);
    else if (flow->flags & FLOW_REFUSED)
        refused_flow(engine, passage);
    else
        splice_frame(engine, passage, flow);
}

static bool is_picked_up(const struct engine *engine, const struct flow *flow)
{
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);

    if (flow_is_half_open(flow))
        return !cold->server && cold->offered == FLOW_OFFER_UNKNOWN;
    return flow->state == FLOW_ESTABLISHED &&
           (cold->offered == FLOW_OFFER_UNKNOWN || cold->offered == FLOW_OFFER_MIDDLE);
}

/*
 * A client's SYN to a protected server on a connection that is there, or what looks like one. True
 * where all is said. What was picked up may be none, and its server take the SYN for a new one (a
 * TIME-WAIT does): it is answered by a cookie, and what is there gives way to its proof.
 */
static bool __attribute__((noinline))
syn_on_flow(struct engine *engine, struct passage *passage, struct flow *flow)
{
    struct server *server = server_of(&engine->servers, &passage->key);
    bool picked_up = is_picked_up(engine, flow);
    bool live = flow->state == FLOW_ESTABLISHED || flow->state == FLOW_SPLICED ||
                flow->state == FLOW_DRAINING;

    if (!(live || picked_up) || !server || !server_protected(server))
        return false;
    if (picked_up && !(passage->frame.flags & TCP_ACK))
        return admission(engine, passage, server, flow);
    if (stray_syn_passes(engine, passage, server))
        return false;
    passage_drop(engine, passage, DROP_stray);
    return true;
}

/*
 * What the server says on a connection that we do not know makes us pick that up (rule 5.13), be
 * it only a FIN that it repeats to a client that is gone, or has come anew since, with a cookie of
 * ours.
 */
static void established_flow(struct engine *engine, struct passage *passage, struct flow *flow)
{
    bool picked_up = is_picked_up(engine, flow);

    if (passage->from == SIDE_CLIENT && picked_up && !of_flow(engine, &passage->frame, flow)) {
        struct server_key key = flow_key_server(&passage->key);
        struct server *server = server_find(&engine->servers, &key);

        if (server && cookies_out(server, passage->now_us) &&
            admission(engine, passage, server, flow))
            return;
    }
    track_flow(engine, passage, flow);
}

/*
 * A half-open connection finishes untouched in every mode, but for two clients that a switch of
 * modes caught in the middle (rule 5.13): one whose SYN the server never answered gets a cookie
 * when it asks again; and one that acknowledges our SYN-ACK, not the server's, has its proof looked
 * at.
 */
static void half_open_flow(struct engine *engine, struct passage *passage, struct flow *flow)
{
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);
    const struct frame *frame = &passage->frame;
    struct server *server = flow_server(engine, flow);
    bool syn = (frame->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;

    if (!server && cold->offered == FLOW_OFFER_UNKNOWN) { /* picked up: it gives way to a proof */
        established_flow(engine, passage, flow);
        return;
    }
    if (passage->from == SIDE_CLIENT && server && cookies_out(server, passage->now_us)) {
        if (syn && !cold->server_next && server_protected(server)) {
            engine_flow_free(engine, flow);
            client_without_flow(engine, passage);
            return;
        }
        /* Another connection on the tuple: what is there passes by nothing but its own SYN. */
        if (syn && frame->seq != cold->client_isn && server_protected(server)) {
            admission(engine, passage, server, flow);
            return;
        }
        if (!syn && !(frame->flags & TCP_RST) && !track_acknowledges(cold, frame)) {
            /* What it acknowledges is ours, or nobody's: the server would reset it. */
            if (!admission(engine, passage, server, flow))
                passage_drop(engine, passage, DROP_bad_cookie);
            return;
        }
    }
    track_flow(engine, passage, flow);
}

/* A SYN of a source that is put aside: by the operator, for all servers; by judgement, for those
 * that are attacked. */
static bool __attribute__((noinline))
source_is_refused(struct engine *engine, const struct passage *passage)
{
    struct server_key key;
    struct source_id source;
    const struct server *server;
    enum source_by by;

    if (!source_any_aside(&engine->sources, passage->now_us) && !engine->sources.lists)
        return false;
    source = source_of_passage(passage, &passage->key.client);
    if (source_state(&engine->sources, &source, &by, passage->now_us) != SOURCE_ASIDE)
        return false;
    if (by == SOURCE_BY_OPERATOR)
        return true;
    key = flow_key_server(&passage->key);
    server = server_find(&engine->servers, &key);
    return server && server_protected(server);
}

static inline bool source_refused(struct engine *engine, const struct passage *passage)
{
    return passage->from == SIDE_CLIENT &&
           (passage->frame.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN &&
           source_is_refused(engine, passage);
}

/* A segment that belongs to no flow. View, key and hash are known. */
static inline __attribute__((always_inline)) void stranger_frame(struct engine *engine,
                                                                 struct passage *passage)
{
    passage_read_options(passage);
    if (passage->from == SIDE_CLIENT && !frame_offload_honest(&passage->frame))
        passage_drop(engine, passage, DROP_bad_checksum);
    else if (source_refused(engine, passage))
        passage_drop(engine, passage, DROP_aside);
    else if (passage->from == SIDE_CLIENT)
        client_without_flow(engine, passage);
    else
        server_without_flow(engine, passage);
}

/* What is no plain segment of its flow. View, key and hash are known. */
static void __attribute__((noinline))
flow_frame(struct engine *engine, struct passage *passage, struct flow *flow)
{
    struct server *server = flow_server(engine, flow);

    if (server)
        figures_frame(&server->figures, passage->from == SIDE_CLIENT, passage->frame.bytes);
    passage_read_options(passage);
    if (passage->from == SIDE_CLIENT && !frame_offload_honest(&passage->frame)) {
        passage_drop(engine, passage, DROP_bad_checksum);
        return;
    }
    if (source_refused(engine, passage)) {
        passage_drop(engine, passage, DROP_aside);
        return;
    }
    if (passage->from == SIDE_CLIENT && (passage->frame.flags & TCP_SYN) &&
        syn_on_flow(engine, passage, flow))
        return;
    switch ((enum flow_state)flow->state) {
    case FLOW_SPLICED:
        splice_frame(engine, passage, flow);
        return;
    case FLOW_KEPT:
        kept_frame(engine, passage, flow);
        return;
    case FLOW_DRAINING:
        draining_frame(engine, passage, flow);
        return;
    case FLOW_OPENING:
    case FLOW_GREETING:
        opening_frame(engine, passage, flow);
        return;
    case FLOW_CLOSING:
        closing_flow(engine, passage, flow);
        return;
    case FLOW_HALF_OPEN:
    case FLOW_PICKED_UP:
        half_open_flow(engine, passage, flow);
        return;
    case FLOW_ESTABLISHED:
        established_flow(engine, passage, flow);
        return;
    case FLOW_ASKING:
    case FLOW_OUTBOUND:
        track_flow(engine, passage, flow);
        return;
    case FLOW_FREE:
    case FLOW_STATES:
        break;
    }
}

/* What is no TCP segment passes, but for what could get around the cookie. */
static void __attribute__((noinline)) other_frame(struct engine *engine, struct passage *passage)
{
    if (passage->from == SIDE_CLIENT && !frame_offload_behind_ip(&passage->frame))
        passage_drop(engine, passage, DROP_bad_checksum);
    else if (passage->frame.kind == FRAME_ICMP_ERROR)
        icmp_frame(engine, passage);
    else if (udp_frame(engine, passage))
        return;
    else if (passage->from == SIDE_CLIENT && engine->servers.attacked)
        unread_frame(engine, passage);
    if (passage->verdict->action == VERDICT_FORWARD)
        unread_of_flow(engine, passage);
}

/* Not a plain frame: the view is filled in by the walk. */
static void __attribute__((noinline))
walked_frame(struct engine *engine, enum side from, uint8_t *buffer, uint32_t bytes,
             uint32_t wire_bytes, uint32_t capacity, uint64_t now_us, struct verdict *verdict)
{
    struct passage passage;
    struct frame *frame = &passage.frame;
    uint32_t index;

    if (bytes < OFFLOAD_BYTES)
        return;
    passage_begin(&passage, from, now_us, verdict);
    if (frame_walk(frame, (struct offload *)(void *)buffer, buffer + OFFLOAD_BYTES,
                   bytes - OFFLOAD_BYTES, wire_bytes - OFFLOAD_BYTES,
                   capacity - OFFLOAD_BYTES) != FRAME_TCP) {
        other_frame(engine, &passage);
        return;
    }
    frame_flow_key(frame, from, &passage.key);
    passage.hash = engine_hash(engine, &passage.key);
    index = flow_find_words(&engine->flows, flow_key_words(&passage.key), passage.hash);
    if (index != FLOW_NONE && engine->flows.carried)
        carried_touch(&engine->flows, index);
    if (index == FLOW_NONE)
        stranger_frame(engine, &passage);
    else if (!plain_segment(engine, frame, from, index, now_us))
        flow_frame(engine, &passage, &engine->flows.flows[index]);
}

void __attribute__((noinline))
engine_plain_stranger(struct engine *engine, enum side from, uint8_t *buffer, uint32_t bytes,
                      uint64_t hash, uint32_t capacity, uint64_t now_us, struct verdict *verdict)
{
    struct passage passage;

    passage_begin(&passage, from, now_us, verdict);
    passage_fill_plain(&passage, buffer, bytes, capacity, hash);
    stranger_frame(engine, &passage);
}

/* A plain frame that is no plain segment of its flow. */
static void __attribute__((noinline))
plain_flow_frame(struct engine *engine, enum side from, uint8_t *buffer, uint32_t bytes,
                 uint32_t index, uint32_t capacity, uint64_t now_us, struct verdict *verdict)
{
    struct passage passage;

    passage_begin(&passage, from, now_us, verdict);
    passage_fill_plain(&passage, buffer, bytes, capacity, 0);
    passage.hash = engine_hash(engine, &passage.key);
    flow_frame(engine, &passage, &engine->flows.flows[index]);
}

/* A client's: a flood with good cookies ends in the short way of an ACK. */
static void __attribute__((noinline))
client_plain_stranger(struct engine *engine, enum side from, uint8_t *buffer, uint32_t bytes,
                      uint64_t hash, uint32_t capacity, uint64_t now_us, struct verdict *verdict)
{
    if (!fast_ack(engine, buffer, bytes, hash, capacity, now_us, verdict))
        engine_plain_stranger(engine, from, buffer, bytes, hash, capacity, now_us, verdict);
}

/* `carried`: the kernel carries connections of this shard. To ask for it here would cost each frame
 * a twentieth. */
static inline __attribute__((always_inline)) void any_frame(struct engine *engine, enum side from,
                                                            uint8_t *buffer, uint32_t bytes,
                                                            uint32_t wire_bytes, uint32_t capacity,
                                                            uint64_t now_us,
                                                            struct verdict *verdict, bool carried)
{
    uint8_t *data = buffer + OFFLOAD_BYTES;
    struct flow_words key;
    struct frame frame;
    uint32_t index;
    uint64_t hash;

    engine->now_us = now_us;
    verdict->action = VERDICT_FORWARD;
    verdict->bytes = bytes;
    if (bytes < OFFLOAD_BYTES + PLAIN_FRAME_BYTES || !frame_is_plain(data, bytes - OFFLOAD_BYTES)) {
        walked_frame(engine, from, buffer, bytes, wire_bytes, capacity, now_us, verdict);
        return;
    }
    key = frame_plain_words(data, from);
    hash = flow_words_hash(engine->flows.seed, key);
    index = flow_find_words(&engine->flows, key, hash);
    if (index == FLOW_NONE) {
        if (from == SIDE_CLIENT)
            client_plain_stranger(engine, from, buffer, bytes, hash, capacity, now_us, verdict);
        else
            engine_plain_stranger(engine, from, buffer, bytes, hash, capacity, now_us, verdict);
        return;
    }
    if (carried)
        carried_touch(&engine->flows, index);
    frame_fill_plain(&frame, (struct offload *)(void *)buffer, data, bytes - OFFLOAD_BYTES,
                     capacity - OFFLOAD_BYTES);
    if (!plain_segment(engine, &frame, from, index, now_us))
        plain_flow_frame(engine, from, buffer, bytes, index, capacity, now_us, verdict);
}

void __attribute__((noinline))
engine_any_frame(struct engine *engine, enum side from, uint8_t *buffer, uint32_t bytes,
                 uint32_t wire_bytes, uint32_t capacity, uint64_t now_us, struct verdict *verdict)
{
    any_frame(engine, from, buffer, bytes, wire_bytes, capacity, now_us, verdict, false);
}

void engine_input_beside_carried(struct engine *engine, enum side from, uint8_t *buffer,
                                 uint32_t bytes, uint32_t wire_bytes, uint32_t capacity,
                                 uint64_t now_us, struct verdict *verdict)
{
    any_frame(engine, from, buffer, bytes, wire_bytes, capacity, now_us, verdict, true);
}

void engine_plain_syn(struct engine *engine, enum side from, uint8_t *buffer, uint32_t bytes,
                      uint32_t wire_bytes, uint32_t capacity, uint64_t now_us,
                      struct verdict *verdict)
{
    if (!fast_syn(engine, buffer, bytes, capacity, now_us, verdict))
        engine_any_frame(engine, from, buffer, bytes, wire_bytes, capacity, now_us, verdict);
}
