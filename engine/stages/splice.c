/* SPDX-License-Identifier: GPL-2.0-or-later */
/* splice.c - edits segments on their way between the two halves of an opened connection. See
 * splice.h. */
#include "engine/stages/splice.h"

#include "engine/stages/greeting.h"
#include "engine/base/bytes.h"
#include "engine/shard/observe.h"
#include "engine/stages/ack_storm.h"
#include "engine/stages/capacity.h"
#include "engine/stages/stray.h"
#include "engine/stages/track.h"
#include "engine/tables/carried.h"
#include "engine/tables/joined_log.h"
#include "engine/tcp/flow_record.h"

#include <string.h>

/* So old is a segment of the tuple's last connection at most: 2 MSL (RFC 9293 3.4.2) in
 * microseconds is less. */
#define OLD_TSVAL_TICKS (1u << 28)
/* Bytes that a server says before it says that it is full, at most: PostgreSQL's "N" to TLS and to
 * GSSAPI */
#define BEFORE_FULL_BYTES 2
/* How far a client that has not our greeting yet may lie behind its newest number */
#define GREETED_BYTES (1u << 20)

/* Offset from data of an option that begins `at` bytes into the options. */
static uint32_t option_at(const struct frame *frame, uint8_t at)
{
    return frame->l4 + TCP_HEADER_BYTES + (uint32_t)at;
}

void splice_to_client(const struct engine *engine, struct passage *passage, const struct flow *flow)
{
    struct frame *frame = &passage->frame;
    const struct tcp_options *options = &passage->options;

    frame_set_seq(frame, frame->seq + flow->delta);
    if (options->present & OPTION_TIMESTAMPS)
        frame_set_be32(frame, option_at(frame, options->ts_at), options->tsval + flow->ts_delta);
    if (frame->ip_version == 6)
        frame_set_flow_label(frame, flow_label_to_client(engine, &flow->key));
    if (flow->to_client_shift && !(frame->flags & TCP_SYN))
        frame_set_window(frame, segment_window(frame->window, flow->to_client_shift));
}

/* --- client to server ------------------------------------------------------------------------ */

/* Writes `bytes` (>= 4) option bytes at `at`, four at a time; the last four may overlap those
 * before. */
static void rewrite_options(struct frame *frame, uint32_t at, const uint8_t *option, uint32_t bytes)
{
    for (uint32_t done = 0; done < bytes; done += 4) {
        uint32_t place = done + 4 > bytes ? bytes - 4 : done;

        frame_set_be32(frame, at + place, load_be32(option + place));
    }
}

/*
 * Moves SACK blocks into the server's numbers (RFC 2018 3). What lies below the floor is our
 * greeting, of which the server's half knows nothing: such blocks (a D-SACK of RFC 2883 4, when it
 * was said twice) go, and the option is closed up with NOPs behind it.
 */
static void splice_sack(struct frame *frame, const struct tcp_options *options,
                        const struct flow *flow)
{
    uint32_t at = option_at(frame, options->sack_at);
    uint32_t bytes = 2 + 8u * options->sack_blocks, kept = 0;
    uint8_t option[TCP_OPTIONS_MAX];

    if (flow->flags & FLOW_NO_SACK) {
        frame_nop_options(frame, at, bytes);
        return;
    }
    memset(option, TCP_OPT_NOP, sizeof(option));
    for (uint32_t block = 0; block < options->sack_blocks; block++) {
        uint32_t left = load_be32(frame->data + at + 2 + 8 * block) - flow->delta;
        uint32_t right = load_be32(frame->data + at + 6 + 8 * block) - flow->delta;

        if (!seq_before(flow->ack_floor, right))
            continue;
        store_be32(option + 2 + 8 * kept, seq_max(left, flow->ack_floor));
        store_be32(option + 6 + 8 * kept, right);
        kept++;
    }
    if (kept) {
        option[0] = TCP_OPT_SACK;
        option[1] = (uint8_t)(2 + 8 * kept);
    }
    rewrite_options(frame, at, option, bytes);
}

/*
 * rule 5.1: a TSecr that echoes our stateless clock becomes the newest TSval of the server that
 * we echoed ourselves.
 */
static void splice_tsecr(struct frame *frame, const struct tcp_options *options,
                         const struct flow *flow)
{
    uint32_t tsecr = seq_max(options->tsecr - flow->ts_delta, flow->tsecr_floor);

    frame_set_be32(frame, option_at(frame, (uint8_t)(options->ts_at + 4)), tsecr);
}

static void splice_to_server(struct passage *passage, const struct flow *flow)
{
    struct frame *frame = &passage->frame;
    const struct tcp_options *options = &passage->options;

    if (frame->flags & TCP_ACK)
        frame_set_ack(frame, record_acked(frame->ack - flow->delta, flow->ack_floor));
    if (options->present & OPTION_SACK)
        splice_sack(frame, options, flow);
    /* Without ACK there is no echo: the field is 0 (RFC 7323 3.2). */
    if ((options->present & OPTION_TIMESTAMPS) && (frame->flags & TCP_ACK))
        splice_tsecr(frame, options, flow);
    if (flow->to_server_shift && !(frame->flags & TCP_SYN))
        frame_set_window(frame, segment_window(frame->window, flow->to_server_shift));
    if ((flow->flags & FLOW_NO_ECN) && (frame_tos(frame) & 3) != ECN_NOT_ECT)
        frame_set_ecn(frame, ECN_NOT_ECT);
}

/* The flow was opened with this promise; the real greeting is as long as an exact one, and any
 * length by template. */
static bool promised_to(const struct flow *flow, const struct flow_cold *cold,
                        const struct promise *promise)
{
    uint32_t real = flow->ack_floor - (cold->server_isn + 1);

    return (uint8_t)promise->generation == cold->generation && promise->greeting_bytes &&
           (promise->greeting_template || promise->greeting_bytes == real);
}

/* The promise whose greeting this flow was opened with, or NULL where it is forgotten by now. */
static const struct promise *greeting_of_flow(struct engine *engine, const struct flow *flow)
{
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);
    const struct server *server = flow_server(engine, flow);
    const struct server_policy *policy = server ? server->policy : NULL;

    if (!policy)
        return NULL;
    if (promised_to(flow, cold, &policy->now))
        return &policy->now;
    return policy->has_before && promised_to(flow, cold, &policy->before) ? &policy->before : NULL;
}

/* From here on the bounces are counted where the newest TSval stood. */
static void greeting_acknowledged(struct flow *flow, struct flow_cold *cold)
{
    if ((flow->flags & FLOW_GREETING_DUE) && flow->state != FLOW_DRAINING)
        cold->storm = (struct flow_storm){0};
    flow->flags = (uint8_t)(flow->flags & ~FLOW_GREETING_DUE);
}

/*
 * What does not fit the client's window is answered by the same ACK again (RFC 9293 3.10.7.4),
 * which would ask for it again, at once and for ever.
 */
static bool has_room(const struct frame *frame, const struct flow_cold *cold,
                     const struct promise *promise)
{
    uint8_t scale = cold->client_scale == WSCALE_NONE ? 0 : cold->client_scale;

    return promise->greeting_bytes <= (uint32_t)frame->window << scale;
}

/*
 * A blind segment must neither end the waiting for the client's ACK nor have the greeting said
 * again: it does not know the client's numbers (RFC 5961 5), nor its clock (RFC 7323 3.2).
 */
static bool from_due_client(const struct passage *passage, const struct flow_cold *cold)
{
    return cold->client_next - passage->frame.seq <= GREETED_BYTES &&
           (!cold->timestamps || (passage->options.present & OPTION_TIMESTAMPS));
}

/*
 * The client answers without having our greeting: what follows it stands out of order there, and
 * the server will never repeat what it knows to be acknowledged. So a bare ACK that asks for it is
 * answered by us (rule 2.4).
 */
static void greeting_still_due(struct engine *engine, struct passage *passage, struct flow *flow)
{
    const struct frame *frame = &passage->frame;
    const struct promise *promise;
    struct link_header link;

    /* A flipped bit may ask for what is not missing, or hide that it is: the greeting is said by
     * nobody else. */
    if (!(frame->flags & TCP_ACK) || !frame_checksum_good(frame) ||
        !from_due_client(passage, flow_cold(&engine->flows, flow)))
        return;
    if (!seq_before(frame->ack - flow->delta, flow->ack_floor)) {
        greeting_acknowledged(flow, flow_cold(&engine->flows, flow));
        resend_remove(engine->greetings, &flow->key);
        return;
    }
    promise = greeting_of_flow(engine, flow);
    if (frame->payload_bytes || !promise ||
        !has_room(frame, flow_cold(&engine->flows, flow), promise) ||
        !greeting_may_be_repeated(engine, passage))
        return;
    link_header_reverse(frame, &link);
    greet_flow(engine, flow, &link, promise, passage->options.tsval);
}

/* The client's newest window is not remembered: 16 KiB, which any host has room for, as it stands
 * in its header. */
static uint16_t small_window(const struct flow_cold *cold)
{
    return (uint16_t)(cold->client_scale == WSCALE_NONE ? 16384
                                                        : (16384 >> cold->client_scale) | 1);
}

/*
 * An ACK to the server, in the client's name, for what it repeats although we had acknowledged it:
 * its handshake and greeting, and nothing beyond, which is the client's to acknowledge.
 */
static void acknowledge_again(struct engine *engine, struct passage *passage,
                              const struct flow *flow)
{
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);
    struct segment segment;
    uint8_t options[12];

    segment_reset_reply(&passage->frame, &segment);
    segment.flags = TCP_ACK;
    segment.seq = flow->state == FLOW_DRAINING
                      ? opening_ack_seq(&engine->openings.openings[cold->opening])
                      : cold->client_next;
    segment.ack = flow->ack_floor;
    segment.window = segment_window(small_window(cold), flow->to_server_shift);
    if (passage->options.present & OPTION_TIMESTAMPS) {
        segment.options_bytes =
            segment_timestamps(options, passage->options.tsecr, passage->options.tsval);
        segment.options = options;
    }
    passage_answer(engine, passage, &segment);
}

/*
 * Bytes of the server's greeting never reach the client, who had them from us, also not on
 * retransmission (rule 2.4). What stands behind them in the same frame does, in a segment of its
 * own. Returns false where the frame holds nothing of the greeting.
 */
static bool swallow_greeting(struct engine *engine, struct passage *passage,
                             const struct flow *flow)
{
    const struct frame *frame = &passage->frame;
    uint32_t greeting = flow->ack_floor - frame->seq;
    uint8_t options[TCP_OPTIONS_MAX];
    struct link_header link;
    struct segment segment;

    /* A flipped bit may make any data look like old greeting: what is damaged is the host's to
     * drop. */
    if (!frame->payload_bytes || !seq_before(frame->seq, flow->ack_floor) ||
        !frame_checksum_good(frame))
        return false;
    /* All of it, or, with a FIN below the greeting's end, the tuple's last connection. */
    if (frame_seq_bytes(frame) <= greeting) {
        acknowledge_again(engine, passage, flow);
        return true;
    }
    segment_of_frame(frame, &link, &segment);
    memcpy(options, frame_options(frame), frame->options_bytes);
    if (passage->options.present & OPTION_TIMESTAMPS)
        store_be32(options + passage->options.ts_at, passage->options.tsval + flow->ts_delta);
    segment.options = options;
    segment.seq = flow->ack_floor + flow->delta;
    if (frame->ip_version == 6)
        segment.flow_label = flow_label_to_client(engine, &flow->key);
    segment.window = segment_window(frame->window, flow->to_client_shift);
    segment.payload += greeting;
    segment.payload_bytes -= greeting;
    if (segment.payload_bytes <= segment.gso_bytes)
        segment.gso_bytes = 0;
    engine_emit(engine, SIDE_CLIENT, &link, &segment);
    passage_drop(engine, passage, DROP_swallowed);
    return true;
}

/*
 * The floors are compared modulo 2^32 (RFC 9293 3.4): they follow the server at a distance, or they
 * would seem to lie ahead after 2 GiB (and 2^31 ticks). A distance of 2^30 is more than any window
 * (RFC 7323 2.3). Only the server moves them. A TSval that seems to lie behind the floor is ahead
 * of it by more than half the circle: a clock of microseconds gets there within 36 minutes in which
 * nobody speaks (RFC 7323 5.5). A flipped bit may look like that too, and so does a segment of the
 * tuple's last connection that comes late: its sequence number lies below this one's (RFC 6528 3).
 * What is far from what the server has said last is a guess.
 */
static void follow_floors(const struct engine *engine, struct flow *flow, struct flow_cold *cold,
                          const struct passage *passage)
{
    uint32_t tsval = passage->options.tsval;

    if (cold->server_next - flow->ack_floor > SPLICE_FLOOR_FARTHEST) {
        flow->ack_floor = cold->server_next - SPLICE_FLOOR_DISTANCE;
        greeting_acknowledged(flow, cold);
        if (engine->flows.carried)
            carried_floor(&engine->flows, flow_index(&engine->flows, flow));
        joined_log_write(&engine->flows, flow);
    }
    if ((passage->options.present & OPTION_TIMESTAMPS) &&
        tsval - flow->tsecr_floor > SPLICE_FLOOR_DISTANCE &&
        flow->tsecr_floor - tsval > OLD_TSVAL_TICKS &&
        !seq_before(passage->frame.seq + 1, flow->ack_floor) &&
        track_is_near(&passage->frame, cold->server_next) && frame_checksum_good(&passage->frame))
        flow->tsecr_floor = tsval - SPLICE_FLOOR_DISTANCE / 2;
}

static bool repeated_synack(const struct frame *frame, const struct flow_cold *cold)
{
    return (frame->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK) &&
           frame->seq == cold->server_isn && frame_checksum_good(frame);
}

/* A live one is not by what nobody has asked for: its client answers that (RFC 5961 4.2). */
static bool is_forgotten(const struct engine *engine, const struct passage *passage,
                         const struct flow *flow)
{
    const struct frame *frame = &passage->frame;

    return (frame->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK) &&
           frame->ack != flow_cold(&engine->flows, flow)->client_isn + 1 &&
           (flow->state != FLOW_SPLICED || stray_syn_passed(engine, passage)) &&
           frame_checksum_good(frame);
}

static void splice_from_server(struct engine *engine, struct passage *passage, struct flow *flow)
{
    struct flow_cold *cold = flow_cold(&engine->flows, flow);
    const struct frame *frame = &passage->frame;

    if (repeated_synack(frame, cold)) {
        acknowledge_again(engine, passage, flow);
        return;
    }
    if (track_reborn(engine, passage, flow))
        return;
    if (is_forgotten(engine, passage, flow)) {
        track_forgotten(engine, passage, flow);
        return;
    }
    if ((flow->flags & FLOW_GREETING_DUE) && flow->state != FLOW_DRAINING &&
        (passage->options.present & OPTION_TIMESTAMPS))
        cold->newest_tsval = seq_max(cold->newest_tsval, passage->options.tsval);
    /* Only connections that the learner follows come here with their first words (fast/segment.h).
     */
    if (frame->payload_bytes && frame->seq - flow->ack_floor <= BEFORE_FULL_BYTES && cold->server)
        capacity_answered(engine, flow, frame);
    track_progress(engine, passage, flow);
    follow_floors(engine, flow, cold, passage);
    if (flow->state == FLOW_SPLICED || flow->state == FLOW_DRAINING)
        observe_frame_data(engine, flow, passage);
    track_closing(engine, passage, flow, FLOW_SPLICED);
    if (swallow_greeting(engine, passage, flow))
        return;
    splice_to_client(engine, passage, flow);
    passage_forward(passage);
}

/* A byte that the server has: who has the connection answers it with an ACK, whatever it answered
 * lately (RFC 9293 3.8.4), and who has it no more with a RST. It acknowledges nothing that the
 * client may not have: some stacks (BSD) read that of a repeated byte, too. */
static void ask_server(struct engine *engine, const struct passage *passage,
                       const struct flow *flow)
{
    static const uint8_t garbage = 0;
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);
    struct link_header link;
    struct segment segment;

    segment_of_frame(&passage->frame, &link, &segment);
    segment.flags = TCP_ACK;
    segment.seq = cold->client_isn;
    segment.ack = flow->ack_floor;
    segment.window = segment_window(small_window(cold), flow->to_server_shift);
    segment.ttl = TTL_DEFAULT;
    segment.options_bytes = 0;
    segment.payload = &garbage;
    segment.payload_bytes = 1;
    segment.gso_bytes = 0;
    engine_emit(engine, SIDE_SERVER, &link, &segment);
}

/*
 * A client that ends with a FIN and is gone answers what it gets afterwards with a RST: at the
 * number of that FIN as long as the server has not acknowledged it. Linux takes that one, too.
 */
static bool is_exact(const struct frame *frame, const struct flow *flow,
                     const struct flow_cold *cold)
{
    const uint32_t fin = flow->flags & FLOW_CLIENT_FIN ? 1 : 0;

    return cold->client_next - frame->seq <= fin;
}

/*
 * The server may not take a RST: its number is not the exact one (RFC 5961 3.2), an option, a TTL,
 * a checksum of IP is in the way. Who sends one would be gone for us, and have a place there. So
 * the server is asked, too. Where the number is exact as far as we know, its client is gone, and
 * whatever the server answers is reset at its own number; else the connection is there until the
 * server says that it is not, as a blind guess must not end it. True where all is said.
 */
static bool client_resets(struct engine *engine, struct passage *passage, struct flow *flow)
{
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);
    const struct frame *frame = &passage->frame;

    if (!(frame->flags & TCP_RST) || flow->state != FLOW_SPLICED ||
        !track_is_near(frame, cold->client_next) || !frame_checksum_good(frame))
        return false;
    passage_forward(passage);
    ask_server(engine, passage, flow);
    if (is_exact(frame, flow, cold)) {
        flow->flags |= FLOW_REFUSED;
        engine_flow_close(engine, flow, END_CLIENT_RESET, passage->now_us);
    }
    return true;
}

/* A SYN among it too: its receiver answers with a challenge ACK (RFC 5961 4.2), which finds its way
 * back. */
static void splice_from_client(struct engine *engine, struct passage *passage, struct flow *flow)
{
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);

    if (!passage->frame.window)
        watch_closed(engine->held.watch, &engine->flows, flow, passage->now_us);
    if (passage->frame.flags & TCP_SYN)
        stray_note_syn(engine, passage);
    if (flow->flags & FLOW_GREETING_DUE)
        greeting_still_due(engine, passage, flow);
    passage->said_ack = passage->frame.ack;
    splice_to_server(passage, flow);
    if (client_resets(engine, passage, flow))
        return;
    frame_limit_gso(&passage->frame, splice_server_limit(cold, &passage->frame));
    track_speaks(engine, passage, flow);
    track_progress(engine, passage, flow);
    if (flow->state == FLOW_SPLICED || flow->state == FLOW_DRAINING)
        observe_frame_data(engine, flow, passage);
    track_closing(engine, passage, flow, FLOW_SPLICED);
    passage_forward(passage);
}

void splice_frame(struct engine *engine, struct passage *passage, struct flow *flow)
{
    if (!(flow->flags & FLOW_GREETING_DUE) && flow->state != FLOW_DRAINING &&
        storm_bounce(&flow_cold(&engine->flows, flow)->storm, passage)) {
        passage_drop(engine, passage, DROP_ack_storm);
        return;
    }
    if (passage->from == SIDE_SERVER)
        splice_from_server(engine, passage, flow);
    else
        splice_from_client(engine, passage, flow);
}
