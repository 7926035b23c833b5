/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * track.c - normal mode: flows from their SYN to their end. See track.h.
 *
 * It is longer than most: whom to believe is asked of each side, in each state.
 */
#include "engine/stages/track.h"

#include "engine/base/bytes.h"
#include "engine/shard/observe.h"
#include "engine/stages/half_open.h"
#include "engine/stages/request_check.h"
#include "engine/stages/stray.h"
#include "engine/stages/syn.h"
#include "engine/stages/udp.h"
#include "engine/shard/connection.h"
#include "engine/tables/joined_log.h"

#define RESUMES_US (60ull * 1000 * 1000) /* after a start: connections of the process before */

static bool is_syn(const struct frame *frame)
{
    /* With RST no host answers it (RFC 9293 3.10.7.2); with FIN some do, as BSD. */
    return (frame->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
}

static bool is_synack(const struct frame *frame)
{
    return (frame->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);
}

/* (Re)starts `flow` as the connection that this SYN asks for. */
static void begin_half_open(struct engine *engine, const struct passage *passage, struct flow *flow,
                            struct server *server)
{
    struct flow_cold *cold = flow_cold(&engine->flows, flow);
    const struct frame *frame = &passage->frame;

    flow->flags = 0;
    flow->used = flow_clock(passage->now_us);
    flow->to_client_shift = flow->to_server_shift = 0;
    cold->serial = ++engine->flows.serial;
    cold->born = flow->used;
    cold->client_isn = frame->seq;
    cold->client_next = frame->seq + 1;
    cold->server_isn = cold->server_next = 0;
    /* A SYN that is ECT (RFC 3168 6.1.1 forbids it) is answered otherwise by its own fault: nothing
     * of it is told to the learner. */
    cold->sampled[SIDE_CLIENT] = cold->sampled[SIDE_SERVER] =
        frame_tos(frame) & 3 ? OBSERVE_NOTHING : 0;
    cold->offered = synack_offer_of(&passage->options, frame->flags);
    flow_bind_server(engine, flow, server);
    engine_flow_state(engine, flow, FLOW_HALF_OPEN, passage->now_us);
    half_open_note_syn(passage, flow);
    if (server) {
        server->figures.syns++;
        trigger_syn(&server->counts, server->mode == MODE_ATTACK, passage->now_us);
    }
    engine_check_triggers(engine, server, passage->now_us);
}

void track_client(struct engine *engine, struct passage *passage, struct server *server)
{
    const struct frame *frame = &passage->frame;

    passage_forward(passage);
    if (is_syn(frame) && frame_checksum_good(frame)) {
        struct flow *flow = engine_flow_new(engine, &passage->key, FLOW_HALF_OPEN, passage->now_us);

        if (flow)
            begin_half_open(engine, passage, flow, server);
        else
            engine_half_open_lost(engine, server, &passage->key, frame->seq, passage->now_us);
    } else if ((frame->flags & (TCP_ACK | TCP_SYN | TCP_RST)) == TCP_ACK) {
        engine_half_open_completed(engine, server, &passage->key, frame->seq - 1, passage->now_us);
    }
}

/* A flow whose beginning was not seen, or was forgotten. */
static struct flow *pick_up(struct engine *engine, const struct passage *passage)
{
    struct flow *flow = engine_flow_new(engine, &passage->key, FLOW_PICKED_UP, passage->now_us);
    const struct frame *frame = &passage->frame;
    struct flow_cold *cold;

    if (!flow)
        return NULL;
    flow_note_mac(&engine->flows, flow, frame->data + SOURCE_MAC_AT);
    cold = flow_cold(&engine->flows, flow);
    cold->offered = FLOW_OFFER_UNKNOWN;
    /* Nothing of it is sampled: offsets from the ISN are not known. */
    cold->sampled[SIDE_CLIENT] = cold->sampled[SIDE_SERVER] = OBSERVE_NOTHING;
    cold->client_isn = frame->ack - 1;
    cold->client_next = frame->ack;
    cold->server_isn = frame->seq - (is_synack(frame) ? 0 : 1);
    cold->server_next = frame->seq + frame_seq_bytes(frame);
    return flow;
}

void track_server(struct engine *engine, struct passage *passage)
{
    const struct frame *frame = &passage->frame;

    passage_forward(passage);
    /* A flipped bit in an address or a port makes a connection that does not exist (rule 4). */
    if ((frame->flags & TCP_RST) || !frame_checksum_good(frame))
        return;
    if (is_syn(frame)) {
        /* The server side opens a connection of its own: it passes in every mode. */
        struct flow *flow = engine_flow_new(engine, &passage->key, FLOW_ASKING, passage->now_us);

        if (flow) {
            flow_note_mac(&engine->flows, flow, frame->data + SOURCE_MAC_AT);
            flow_cold(&engine->flows, flow)->offered = FLOW_OFFER_OUTBOUND;
        }
        return;
    }
    if (is_synack(frame)) {
        /*
         * Its SYN was pushed out by a flood (rule 5.13), or passed by while the server was in doubt
         * (syn.c). Who answers is a server all the same, where one is known: the server side could
         * invent as many as it likes.
         */
        struct server_key key = flow_key_server(&passage->key);
        struct server *server = server_find(&engine->servers, &key);
        struct flow *flow = pick_up(engine, passage);

        if (server) {
            engine_server_answered(engine, server, passage->now_us);
            syn_heard(engine, server, &passage->key.client, passage->now_us);
        }
        if (flow)
            flow_bind_server(engine, flow, server);
        engine_check_triggers(engine, server, passage->now_us);
        return;
    }
    /* Half-done until its client has spoken as well: it gives way to those that are known. */
    if (frame->flags & TCP_ACK)
        pick_up(engine, passage);
}

/* --- frames of a flow ------------------------------------------------------------------------ */

/*
 * True where the sequence number is within `bytes` of what its side has sent last. What comes from
 * elsewhere in the number space is somebody's guess: the host will refuse it (RFC 5961 3), and it
 * must not make us forget the connection.
 */
static bool near_newest(const struct engine *engine, const struct passage *passage,
                        const struct flow *flow, uint32_t bytes)
{
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);
    uint32_t next = passage->from == SIDE_CLIENT ? cold->client_next : cold->server_next;

    return passage->frame.seq - (next - bytes) <= 2 * bytes;
}

/*
 * Of a splice: what is ahead of all before says so by an ack near the other side's newest number
 * (RFC 5961 5 asks it of data). Else who guesses all over the number space is near once, and
 * carries it on from there with each step.
 */
static bool is_walked(const struct passage *passage, const struct flow *flow,
                      const struct flow_cold *cold)
{
    const bool client = passage->from == SIDE_CLIENT;
    const uint32_t next = client ? cold->client_next : cold->server_next;
    const uint32_t theirs = client ? cold->server_next : cold->client_next;
    const uint32_t ack = client ? passage->said_ack - flow->delta : passage->frame.ack;

    return (flow->flags & FLOW_EDIT) && seq_before(next, passage->frame.seq) &&
           (!(passage->frame.flags & TCP_ACK) ||
            ack - (theirs - TRACK_PROGRESS_BYTES) > 2 * TRACK_PROGRESS_BYTES);
}

/* Who moves a splice's server numbers far moves its floor of acks, and its server is not heard any
 * more: he must know the client's. For a minute after a start that knew no better the first
 * segments of older connections say how far those have come. */
static bool server_credible(const struct engine *engine, const struct passage *passage,
                            const struct flow *flow)
{
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);
    const uint32_t behind = cold->client_next - passage->frame.ack;

    if (!(flow->flags & FLOW_EDIT) ||
        (near_newest(engine, passage, flow, TRACK_NEAR_BYTES) && !is_walked(passage, flow, cold)) ||
        (near_newest(engine, passage, flow, TRACK_PROGRESS_BYTES) && behind <= TRACK_NEAR_BYTES))
        return true;
    return engine->came_late && passage->now_us - engine->began_us < RESUMES_US &&
           seq_before(cold->born, flow_clock(engine->began_us));
}

/*
 * True where a segment may move its side's newest number: it must know both sides' numbers. (A full
 * TAP may lose 64 MiB in a row; no window reaches further back than 2^30, RFC 7323 2.3.) A flipped
 * bit in a sequence number must not move it far, as the floors and the end of the connection are
 * judged by it: a long step is believed only with a good checksum.
 */
static bool credible(const struct engine *engine, const struct passage *passage,
                     const struct flow *flow)
{
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);

    if (!near_newest(engine, passage, flow, TRACK_NEAR_BYTES) &&
        !frame_checksum_good(&passage->frame))
        return false;
    if (passage->from == SIDE_SERVER)
        return server_credible(engine, passage, flow);
    if (!near_newest(engine, passage, flow, TRACK_PROGRESS_BYTES) || is_walked(passage, flow, cold))
        return false;
    return !cold->server_next ||
           ((passage->frame.flags & TCP_ACK) && /* a SYN's ack of 0 says nothing */
            cold->server_next - passage->frame.ack <= 1u << 30);
}

void track_progress(struct engine *engine, const struct passage *passage, struct flow *flow)
{
    struct flow_cold *cold = flow_cold(&engine->flows, flow);
    uint32_t *next = passage->from == SIDE_CLIENT ? &cold->client_next : &cold->server_next;
    /* Until the server's SYN-ACK has come (half_open_answered()) what it says is about the tuple's
     * last connection (RFC 5961 4.2). */
    bool unanswered = flow_is_half_open(flow) && passage->from == SIDE_SERVER && !cold->server_next;

    /* A RST is at most an answer: one to a stray of before this connection has numbers of its own.
     */
    if (!unanswered && !(passage->frame.flags & TCP_RST) && credible(engine, passage, flow))
        *next = seq_max(*next, passage->frame.seq + frame_seq_bytes(&passage->frame));
    flow->used = flow_clock(passage->now_us);
}

/*
 * After a RST: true where the connection lives on all the same. The host refused the RST (RFC 5961
 * 3.2), or has not heard of it yet, in which case it will send one of its own. A server that took
 * or sent a RST says nothing but RST afterwards.
 */
static bool lives_on(const struct engine *engine, const struct passage *passage,
                     const struct flow *flow)
{
    uint32_t since = flow_clock(passage->now_us) - flow_cold(&engine->flows, flow)->listed;

    return passage->frame.payload_bytes ||
           (passage->from == SIDE_SERVER && since >= FLOW_CLOCK_SECONDS(1));
}

/* What the server that was asked says where it has the connection no more (stages/splice.c): at the
 * number that it was asked with, however far it had come itself. */
static bool is_gone(const struct passage *passage, const struct flow *flow)
{
    return passage->from == SIDE_SERVER && (passage->frame.flags & TCP_RST) &&
           (flow->flags & FLOW_EDIT) && passage->frame.seq == flow->ack_floor;
}

/* A server's RST in answer to its client. */
static void refusal_counted(struct engine *engine, const struct passage *passage,
                            const struct flow *flow)
{
    struct server *server = flow_server(engine, flow);

    if (passage->from != SIDE_SERVER || !server)
        return;
    trigger_refusal(&server->counts, passage->now_us);
    engine_check_triggers(engine, server, passage->now_us);
}

void track_closing(struct engine *engine, struct passage *passage, struct flow *flow,
                   enum flow_state live)
{
    const struct frame *frame = &passage->frame;
    bool client = passage->from == SIDE_CLIENT;

    if ((frame->flags & (TCP_RST | TCP_FIN)) &&
        ((!near_newest(engine, passage, flow, TRACK_NEAR_BYTES) && !is_gone(passage, flow)) ||
         !frame_checksum_good(frame)))
        return;
    if (frame->flags & TCP_RST) {
        if (flow->state != FLOW_CLOSING) {
            flow->flags |= FLOW_RESET;
            refusal_counted(engine, passage, flow);
            engine_flow_close(engine, flow, client ? END_CLIENT_RESET : END_SERVER_RESET,
                              passage->now_us);
        }
        return;
    }
    if (flow->state == FLOW_CLOSING && (flow->flags & FLOW_RESET) &&
        lives_on(engine, passage, flow)) {
        flow->flags = (uint8_t)(flow->flags & ~FLOW_RESET);
        engine_flow_state(engine, flow, live, passage->now_us);
    }
    if ((frame->flags & TCP_FIN) && client)
        flow->flags |= FLOW_CLIENT_FIN;
    else if (frame->flags & TCP_FIN)
        engine_flow_server_fin(engine, flow);
    if (flow->state != FLOW_CLOSING && (flow->flags & FLOW_CLIENT_FIN) &&
        (flow->flags & FLOW_SERVER_FIN))
        engine_flow_close(engine, flow, END_FIN, passage->now_us);
    else if ((frame->flags & TCP_FIN) && flow->state == FLOW_SPLICED)
        joined_log_write(&engine->flows, flow);
}

/* The server answers the SYN: from here on it is known, and its half-open connections count. */
static void half_open_answered(struct engine *engine, const struct passage *passage,
                               struct flow *flow)
{
    struct flow_cold *cold = flow_cold(&engine->flows, flow);
    const struct frame *frame = &passage->frame;
    bool repeated = cold->server_next == frame->seq + 1;
    struct server_key key = flow_key_server(&flow->key);
    /* Where no SYN was seen, the server side may have invented the port (track_server()). */
    struct server *server = cold->offered == FLOW_OFFER_UNKNOWN
                                ? server_find(&engine->servers, &key)
                                : engine_server_new(engine, &key, passage->now_us);

    if (server)
        engine_server_answered(engine, server, passage->now_us);
    cold->server_isn = frame->seq;
    cold->server_next = frame->seq + 1;
    if (!cold->server)
        flow_bind_server(engine, flow, server);
    engine_check_triggers(engine, server, passage->now_us);
    if (!repeated) {
        if (server)
            trigger_served(&server->counts);
        observe_choose(engine, flow, passage->now_us);
    }
    observe_synack(engine, flow, passage, repeated);
}

/*
 * A SYN on a flow that is there: a repeat, a new attempt, or nonsense that the host will judge. A
 * spliced connection that is closing keeps its offsets until the server answers the new SYN
 * (track_forgotten): a blind RST and a blind SYN are cheap. One that we have reset has none to
 * keep, and its client may use the port again at once.
 */
static void track_syn(struct engine *engine, struct passage *passage, struct flow *flow)
{
    struct flow_cold *cold = flow_cold(&engine->flows, flow);
    struct server_key key = flow_key_server(&flow->key);

    if (flow_is_half_open(flow) && cold->client_isn == passage->frame.seq) {
        const struct server *server = flow_server(engine, flow);

        /* It has not heard the server's SYN-ACK, and has its time from now to complete it
         * (half_open.h). In attack mode no more, or repeats would keep it for ever. */
        if (cold->server_next && server && !server_protected(server)) {
            if (flow->state == FLOW_HALF_OPEN)
                half_open_begin_anew(flow);
            flow_renew(&engine->flows, flow, passage->now_us);
        }
        return;
    }
    if (flow_is_half_open(flow) || (flow->state == FLOW_CLOSING &&
                                    (!(flow->flags & FLOW_EDIT) || (flow->flags & FLOW_REFUSED))))
        begin_half_open(engine, passage, flow, server_find(&engine->servers, &key));
}

/*
 * The server has forgotten a connection that is there for us, and took for new the SYN that we
 * passed for its challenge ACK (rule 5.11): a FIN-WAIT-2 that timed out, a TIME-WAIT, a RST that we
 * did not believe. Under attack that would be a connection without a request, so it is reset as by
 * a client that never asked (RFC 9293 3.5.1).
 */
bool track_reborn(struct engine *engine, struct passage *passage, struct flow *flow)
{
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);
    const struct frame *frame = &passage->frame;
    struct server *server;
    struct server_key key;

    /* Of nearly all segments there is no more to be asked. */
    if (!is_synack(frame) || frame->seq == cold->server_isn)
        return false;
    key = flow_key_server(&flow->key);
    server = server_find(&engine->servers, &key);
    if (!server || !server_protected(server) || !frame_checksum_good(frame))
        return false;
    engine_server_answered(engine, server, passage->now_us); /* or the next SYN is passed, too */
    passage_reset(engine, passage, DROP_stray);
    /* The client gets a cookie when it asks again, if it has. What is drained ends by its timer. */
    if (flow->state != FLOW_DRAINING &&
        (flow->state != FLOW_SPLICED || stray_syn_passed(engine, passage)))
        engine_flow_close(engine, flow, END_SERVER_RESET, passage->now_us);
    return true;
}

void track_forgotten(struct engine *engine, struct passage *passage, struct flow *flow)
{
    struct flow_cold *cold = flow_cold(&engine->flows, flow);
    const struct frame *frame = &passage->frame;

    passage_forward(passage);
    engine_flow_state(engine, flow, FLOW_HALF_OPEN, passage->now_us);
    flow->flags = 0;
    flow->delta = flow->ts_delta = flow->ack_floor = flow->tsecr_floor = 0;
    flow->to_client_shift = flow->to_server_shift = 0;
    cold->serial = ++engine->flows.serial;
    cold->client_isn = frame->ack - 1;
    cold->client_next = frame->ack;
    cold->offered = FLOW_OFFER_UNKNOWN;
    cold->sampled[SIDE_CLIENT] = cold->sampled[SIDE_SERVER] =
        OBSERVE_NOTHING; /* its beginning is not known */
    half_open_answered(engine, passage, flow);
}

/*
 * The server repeats its SYN-ACK although its client's RST was seen: it did not take that RST
 * (Linux: an old TSval; or it was lost), and still waits. A flood must not hide behind RSTs that
 * cost nothing.
 */
static bool waits_on(const struct passage *passage, const struct flow *flow,
                     const struct flow_cold *cold)
{
    const uint8_t established = FLOW_EDIT | FLOW_CLIENT_FIN | FLOW_SERVER_FIN | FLOW_RESET;

    return flow->state == FLOW_CLOSING && !(flow->flags & established) &&
           passage->frame.seq == cold->server_isn && passage->frame.ack == cold->client_isn + 1;
}

static void track_synack(struct engine *engine, struct passage *passage, struct flow *flow)
{
    struct flow_cold *cold = flow_cold(&engine->flows, flow);
    const struct frame *frame = &passage->frame;

    if (flow_is_half_open(flow) && frame->ack == cold->client_isn + 1) {
        half_open_answered(engine, passage, flow);
        return;
    }
    if (waits_on(passage, flow, cold)) {
        engine_flow_state(engine, flow, FLOW_HALF_OPEN, passage->now_us);
        half_open_note_synack(passage, flow);
        engine_check_triggers(engine, flow_server(engine, flow), passage->now_us);
        return;
    }
    if (flow->state == FLOW_ASKING || flow->state == FLOW_OUTBOUND ||
        frame->seq == cold->server_isn || frame->ack == cold->client_next)
        return;
    track_forgotten(engine, passage, flow);
}

bool track_acknowledges(const struct flow_cold *cold, const struct frame *frame)
{
    return cold->server_next &&
           frame->ack - (cold->server_isn + 1) <= cold->server_next - (cold->server_isn + 1);
}

static void completion_counted(struct engine *engine, const struct flow *flow, uint64_t now_us)
{
    struct server *server = flow_server(engine, flow);

    if (!server)
        return;
    trigger_handshake(&server->counts,
                      proof_slot(&engine->proofs, engine_hash(engine, &flow->key),
                                 flow_cold(&engine->flows, flow)->client_isn,
                                 (uint32_t)(now_us / 1000)),
                      rate_step(now_us));
    engine_check_triggers(engine, server, now_us);
}

/* In normal mode a request is only looked at where wrong ones are to put the server into attack
 * mode. */
static void first_request(struct engine *engine, const struct passage *passage,
                          struct server *server)
{
    const struct frame *frame = &passage->frame;

    struct checked checked;

    if (server->mode == MODE_ATTACK || !server_counts_mismatches(&engine->servers, server) ||
        request_check(engine, server, &passage->key.client, frame_payload(frame),
                      frame->payload_present, passage->now_us, &checked) != MATCH_NO ||
        checked.put_off)
        return;
    trigger_mismatch(&server->counts, passage->now_us);
    engine_check_triggers(engine, server, passage->now_us);
}

void track_speaks(struct engine *engine, const struct passage *passage, const struct flow *flow)
{
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);
    struct proof_slot *slot;
    struct server *server;

    if (!passage->frame.payload_bytes || cold->client_next != cold->client_isn + 1 ||
        cold->offered == FLOW_OFFER_MIDDLE)
        return;
    server = flow_server(engine, flow);
    if (!server)
        return;
    slot = proof_find(&engine->proofs, engine_hash(engine, &flow->key), cold->client_isn);
    if (slot)
        trigger_spoke(&server->counts, slot);
    if (passage->frame.seq != cold->client_isn + 1)
        return;
    first_request(engine, passage, server);
    /* Who only knows his own numbers may be anybody, and so proves nothing. */
    if ((flow->state == FLOW_ESTABLISHED || flow->state == FLOW_SPLICED) &&
        (passage->frame.flags & TCP_ACK) && track_acknowledges(cold, &passage->frame))
        udp_asked_over_tcp(engine, server, passage);
}

/*
 * The client's first segment that acknowledges the server's SYN completes the handshake. Only one
 * that knows the server's ISN and its own: anything laxer would let a blind ACK make a live flow of
 * a spoofed SYN, and hide a flood.
 */
static void track_completion(struct engine *engine, const struct passage *passage,
                             struct flow *flow)
{
    struct flow_cold *cold = flow_cold(&engine->flows, flow);
    const struct frame *frame = &passage->frame;
    /* Of one that was picked up in its middle, a whole window may be on the way. */
    const bool middle = cold->offered == FLOW_OFFER_UNKNOWN && !cold->server;
    const uint32_t ahead = middle ? TRACK_PROGRESS_BYTES : UINT16_MAX;

    if (passage->from != SIDE_CLIENT || !(frame->flags & TCP_ACK) || (frame->flags & TCP_RST))
        return;
    if (!track_acknowledges(cold, frame) || frame->seq - (cold->client_isn + 1) > ahead ||
        !frame_checksum_good(frame))
        return;
    if (middle)
        cold->offered = FLOW_OFFER_MIDDLE;
    engine_flow_state(engine, flow, FLOW_ESTABLISHED, passage->now_us);
    if (middle)
        engine_flow_find_server(engine, flow);
    if (middle || cold->offered == FLOW_OFFER_UNKNOWN)
        return;
    observe_established(engine, flow, passage->now_us);
    completion_counted(engine, flow, passage->now_us);
}

/*
 * A RST on a half-open flow. The host takes it only where the number is exact (RFC 9293 3.10.7.4),
 * so nothing else changes anything here: a RST is cheaper to spoof than a handshake. Linux and BSD
 * also look at an ack where there is one.
 */
static void half_open_reset(struct engine *engine, const struct passage *passage, struct flow *flow)
{
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);
    const struct frame *frame = &passage->frame;
    bool client = passage->from == SIDE_CLIENT;
    bool guessed_ack =
        cold->server_next && (frame->flags & TCP_ACK) && !track_acknowledges(cold, frame);
    bool exact = client ? frame->seq == cold->client_isn + 1 && !guessed_ack
                        : (frame->flags & TCP_ACK) && frame->ack == cold->client_isn + 1;

    if (!exact)
        return;
    refusal_counted(engine, passage, flow);
    if (!client && !cold->server_next && flow_server(engine, flow))
        server_doubt(flow_server(engine, flow), DOUBT_REFUSES, &flow->key.client);
    if (cold->server_next)
        engine_flow_close(engine, flow, client ? END_CLIENT_RESET : END_SERVER_RESET,
                          passage->now_us);
    else
        engine_flow_free(engine, flow); /* a closed port: nothing to remember */
}

/* Whoever is asked answers, be it with a SYN of its own (RFC 9293 3.5): the server side's
 * connection is real. */
static void asking_answered(struct engine *engine, const struct passage *passage, struct flow *flow)
{
    if (passage->from != SIDE_CLIENT)
        return;
    if (passage->frame.flags & TCP_RST)
        engine_flow_free(engine, flow);
    else
        engine_flow_state(engine, flow, FLOW_OUTBOUND, passage->now_us);
}

/* Of a client that has spoken first. */
static bool is_first_answer(const struct frame *frame, const struct flow *flow,
                            const struct flow_cold *cold)
{
    return flow->state == FLOW_ESTABLISHED && frame->payload_bytes &&
           cold->server_next == cold->server_isn + 1 && cold->client_next != cold->client_isn + 1;
}

void track_flow(struct engine *engine, struct passage *passage, struct flow *flow)
{
    const struct frame *frame = &passage->frame;
    bool outbound = flow_cold(&engine->flows, flow)->offered == FLOW_OFFER_OUTBOUND;

    passage_forward(passage);
    /* What begins or ends a connection must not be a flipped bit; the host will drop it. */
    if ((frame->flags & (TCP_SYN | TCP_RST)) && !frame_checksum_good(frame))
        return;
    if (flow->state == FLOW_ASKING) {
        asking_answered(engine, passage, flow);
        return;
    }
    if (flow_is_half_open(flow) && (frame->flags & TCP_RST)) {
        half_open_reset(engine, passage, flow);
        return;
    }
    if (is_syn(frame)) {
        if (passage->from == SIDE_CLIENT)
            track_syn(engine, passage, flow);
        return;
    }
    if (is_synack(frame)) {
        if (passage->from == SIDE_SERVER &&
            !((flow->state == FLOW_ESTABLISHED || flow->state == FLOW_CLOSING) && !outbound &&
              track_reborn(engine, passage, flow)))
            track_synack(engine, passage, flow);
        return;
    }
    if (flow_is_half_open(flow))
        track_completion(engine, passage, flow);
    if (passage->from == SIDE_CLIENT)
        track_speaks(engine, passage, flow);
    if (passage->from == SIDE_SERVER &&
        is_first_answer(frame, flow, flow_cold(&engine->flows, flow))) {
        engine_flow_answered(engine, flow, passage->now_us);
        udp_proved(engine, flow_server(engine, flow), &flow->key.client, passage->now_us);
    }
    track_progress(engine, passage, flow);
    if (flow->state == FLOW_ESTABLISHED)
        observe_frame_data(engine, flow, passage);
    track_closing(engine, passage, flow, outbound ? FLOW_OUTBOUND : FLOW_ESTABLISHED);
}
