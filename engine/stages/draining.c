/* SPDX-License-Identifier: GPL-2.0-or-later */
/* draining.c - see draining.h. */
#include "engine/stages/draining.h"

#include "engine/base/bytes.h"
#include "engine/shard/connection.h"
#include "engine/stages/opening_say.h"
#include "engine/stages/splice.h"

#define REPEAT_FIRST_US (200ull * 1000)
#define REPEATS         6
#define PROBE_MOST_US   (5000ull * 1000)
#define PROBES_US       (60ull * 1000 * 1000)
#define LOOK_US         (60ull * 1000 * 1000) /* all sent: only an answer is awaited */

static struct opening *opening_of(struct engine *engine, const struct flow *flow)
{
    return &engine->openings.openings[flow_cold(&engine->flows, flow)->opening];
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t most(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* --- sending --------------------------------------------------------------------------------- */

/* One way or the other it goes on: sent data is repeated (RFC 9293 3.8.1), later each time (RFC
 * 6298 5.5), a closed window probed (RFC 9293 3.8.6.1). */
static void set_timer(struct engine *engine, const struct flow *flow, const struct opening *opening,
                      uint64_t now_us)
{
    uint64_t wait_us = REPEAT_FIRST_US << least(opening->repeats, 8);

    if (opening->closed_us && wait_us > PROBE_MOST_US)
        wait_us = PROBE_MOST_US;
    if (opening->acked >= opening->promised)
        wait_us = LOOK_US;
    opening_set_timer(engine, flow, now_us + wait_us);
}

static void send_part(struct engine *engine, struct flow *flow, struct opening *opening,
                      uint32_t from, uint32_t to)
{
    opening_send_held(engine, flow, opening, from, to);
    opening->sent = opening->sent > to ? opening->sent : to;
    if (opening->fin && to == opening->held_bytes)
        flow->flags |= FLOW_CLIENT_FIN;
}

/* What the server has room for, and has not been sent. */
static void send_more(struct engine *engine, struct flow *flow, struct opening *opening)
{
    uint32_t to = least(opening->held_bytes, opening->edge);

    if (opening->sent < to)
        send_part(engine, flow, opening, opening->sent, to);
}

/*
 * True where the window has closed or opened. What probed a closed one may not have been taken, so
 * it is sent again with the rest; nor is it a repeat of what was lost.
 */
static bool note_window(struct opening *opening, uint64_t now_us)
{
    bool closed = opening->edge <= opening->acked && opening->acked < opening->promised;

    if (closed == (opening->closed_us > 0))
        return false;
    opening->closed_us = !closed ? 0 : now_us ? now_us : 1;
    if (!closed)
        opening->sent = opening->acked;
    opening->repeats = 0;
    return true;
}

void draining_begin(struct engine *engine, struct flow *flow, uint64_t now_us)
{
    struct opening *opening = opening_of(engine, flow);

    engine_flow_state(engine, flow, FLOW_DRAINING, now_us);
    note_window(opening, now_us);
    send_part(engine, flow, opening, 0, least(opening->held_bytes, opening->edge));
    set_timer(engine, flow, opening, now_us);
}

/* --- the end --------------------------------------------------------------------------------- */

static void end_long(struct engine *engine, struct flow *flow, struct opening *opening)
{
    if (opening->share == SHARE_NONE)
        return;
    slot_long_end(&engine->slots, opening->share);
    opening->share = SHARE_NONE;
    flow_server(engine, flow)->unanswered--;
}

/* The server has it all, and has answered where that is awaited. */
static void finish(struct engine *engine, struct flow *flow, uint64_t now_us)
{
    uint32_t tsval = opening_of(engine, flow)->server_tsval;

    opening_done(engine, flow);
    if (flow->flags & FLOW_GREETING_DUE)
        flow_cold(&engine->flows, flow)->newest_tsval = tsval;
    else
        flow_cold(&engine->flows, flow)->storm = (struct flow_storm){0};
    if (flow->state == FLOW_DRAINING)
        engine_flow_state(engine, flow, FLOW_SPLICED, now_us);
}

static bool is_finished(const struct opening *opening)
{
    return opening->acked >= opening->promised && opening->share == SHARE_NONE;
}

void draining_due(struct engine *engine, struct flow *flow, uint64_t now_us)
{
    struct opening *opening = opening_of(engine, flow);
    uint32_t to;

    if (opening->acked >= opening->promised) {
        if (flow_clock(now_us) - flow->used >= FLOW_IDLE_LIFE)
            opening_fail(engine, flow, true, now_us);
        else
            set_timer(engine, flow, opening, now_us);
        return;
    }
    if (opening->closed_us ? now_us - opening->closed_us >= PROBES_US
                           : opening->repeats >= REPEATS) {
        opening_fail(engine, flow, true, now_us);
        return;
    }
    /* A probe is one byte beyond the window; what is repeated is one segment. */
    to = opening->closed_us ? opening->acked + 1
                            : least(opening->acked + opening_segment_limit(engine, flow, opening),
                                    least(opening->held_bytes, opening->edge));
    send_part(engine, flow, opening, opening->acked, to);
    if (!opening->closed_us)
        opening->sent = to; /* and the rest of it once this has arrived */
    opening->repeats++;
    set_timer(engine, flow, opening, now_us);
}

bool draining_cut(struct engine *engine, struct flow *flow, uint16_t payload_bytes, uint64_t now_us)
{
    struct opening *opening = opening_of(engine, flow);

    if (payload_bytes >= opening_segment_limit(engine, flow, opening))
        return false;
    opening->cut = payload_bytes;
    if (opening->acked < opening->promised)
        send_part(engine, flow, opening, opening->acked, least(opening->held_bytes, opening->edge));
    set_timer(engine, flow, opening, now_us);
    return true;
}

/* --- frames ---------------------------------------------------------------------------------- */

/* The server's scale, as its window fields are read. */
static uint32_t scale_of(const struct flow *flow, const struct opening *opening)
{
    return (uint32_t)(opening->promised_scale + flow->to_client_shift);
}

/* What the server's ack and window tell (RFC 9293 3.10.7.4). True where it goes on: other segments
 * do not put off what is due. */
static bool note_ack(struct flow *flow, struct opening *opening, const struct passage *passage)
{
    const struct frame *frame = &passage->frame;
    uint32_t acked = frame->ack - opening->client_isn - 1;
    uint32_t most = opening->held_bytes + (1u << 30);
    bool goes_on = acked > opening->acked;

    if (acked > most || acked < opening->acked)
        return false;
    if (goes_on)
        opening->repeats = 0;
    opening->acked = acked;
    opening->edge = acked + ((uint32_t)frame->window << scale_of(flow, opening));
    if (opening->sent < acked)
        opening->sent = acked;
    return note_window(opening, passage->now_us) || goes_on;
}

/* The client was told x+1+h already: so it is told here. */
static void raise_ack(const struct flow *flow, const struct opening *opening,
                      struct passage *passage)
{
    struct frame *frame = &passage->frame;
    const struct tcp_options *options = &passage->options;
    uint32_t told = opening->client_isn + 1 + opening->promised, below = told - frame->ack;
    uint32_t window = (uint32_t)frame->window << scale_of(flow, opening);

    if (!seq_before(frame->ack, told))
        return;
    frame_set_ack(frame, told);
    frame_set_window(frame,
                     (uint16_t)(window > below ? (window - below) >> scale_of(flow, opening) : 0));
    if (options->present & OPTION_SACK)
        frame_nop_options(frame, (uint32_t)frame->l4 + TCP_HEADER_BYTES + options->sack_at,
                          2 + 8u * options->sack_blocks);
}

static void server_frame(struct engine *engine, struct passage *passage, struct flow *flow,
                         struct opening *opening)
{
    const struct frame *frame = &passage->frame;
    bool goes_on = false;

    if (passage->options.present & OPTION_TIMESTAMPS)
        opening->server_tsval = seq_max(opening->server_tsval, passage->options.tsval);
    if ((frame->flags & (TCP_ACK | TCP_SYN | TCP_RST)) == TCP_ACK) {
        goes_on = note_ack(flow, opening, passage);
        raise_ack(flow, opening, passage);
        if (frame->payload_bytes)
            end_long(engine, flow, opening);
    }
    splice_frame(engine, passage, flow);
    if (flow->state != FLOW_DRAINING) {
        end_long(engine, flow, opening);
        finish(engine, flow, passage->now_us);
        return;
    }
    if (is_finished(opening)) {
        finish(engine, flow, passage->now_us);
        return;
    }
    send_more(engine, flow, opening);
    if (goes_on)
        set_timer(engine, flow, opening, passage->now_us);
}

/*
 * The number that the client was told to go on from, or the end of what it was seen to say: a host
 * that gives up resets with the next number that it would send. Of any other in the window it is
 * asked (RFC 5961 3.2): who has no such connection any more answers that with a RST of the number
 * that it is told. Its numbers are ahead of what the server has: so the server is told in its own.
 */
static void client_reset(struct engine *engine, struct passage *passage, struct flow *flow,
                         struct opening *opening)
{
    const uint32_t first = opening->client_isn + 1, offset = passage->frame.seq - first;
    const uint32_t told = most(opening->acked, opening->promised);

    if (offset == told || offset == opening->held_bytes ||
        passage->frame.seq == flow_cold(&engine->flows, flow)->client_next) {
        passage_drop(engine, passage, DROP_answered);
        opening_abandon(engine, flow, passage->now_us);
    } else if (offset - told <= HOLD_BYTES * 4) {
        opening_acknowledge_client(engine, passage, flow, opening);
    } else {
        passage_drop(engine, passage, DROP_answered);
    }
}

/*
 * True where the client says again, with other bytes, what the server gets from us: the request was
 * judged by the copy that came first, and that one counts. A keepalive's garbage is of this kind,
 * too (RFC 9293 3.8.4).
 */
static bool contradicts(const struct engine *engine, const struct opening *opening,
                        const struct frame *frame)
{
    uint32_t offset = frame->seq - (opening->client_isn + 1), bytes = frame->payload_bytes;
    uint32_t below = offset > INT32_MAX ? 0u - offset : 0; /* before the stream's first byte */

    if (bytes <= below || opening->hold == OPENING_NONE)
        return false;
    offset += below;
    bytes -= below;
    if (offset >= opening->held_bytes)
        return false;
    return memcmp(opening_hold(&engine->openings, opening) + offset, frame_payload(frame) + below,
                  least(bytes, opening->held_bytes - offset)) != 0;
}

/*
 * A bare ACK behind bytes that the server has no room for would be ignored: it is said where our
 * own segments end. The client's probes lie below what was promised, and stay there; what lies
 * beyond the window that the client was told is not its own.
 */
static void lower_ack(const struct opening *opening, struct frame *frame)
{
    uint32_t offset = frame->seq - (opening->client_isn + 1);
    uint32_t told = opening->edge > SLOT_BYTES ? opening->edge : SLOT_BYTES;
    uint32_t seq = opening_ack_seq(opening);

    if (!frame_seq_bytes(frame) && offset >= opening->promised && offset <= told + 1 &&
        seq_before(seq, frame->seq))
        frame_set_seq(frame, seq);
}

static void client_frame(struct engine *engine, struct passage *passage, struct flow *flow,
                         struct opening *opening)
{
    struct frame *frame = &passage->frame;

    if (frame->flags & TCP_RST) {
        client_reset(engine, passage, flow, opening);
        return;
    }
    if (contradicts(engine, opening, frame)) {
        opening_acknowledge_client(engine, passage, flow, opening);
        return;
    }
    if ((frame->flags & (TCP_ACK | TCP_SYN)) == TCP_ACK) {
        if (passage->options.present & OPTION_TIMESTAMPS)
            opening->client_tsval = seq_max(opening->client_tsval, passage->options.tsval);
        if (seq_before(opening->client_ack, frame->ack))
            opening->client_ack = frame->ack;
        opening->client_window = frame->window;
        lower_ack(opening, frame);
    }
    splice_frame(engine, passage, flow);
    if (flow->state != FLOW_DRAINING) {
        end_long(engine, flow, opening);
        finish(engine, flow, passage->now_us);
    }
}

void draining_frame(struct engine *engine, struct passage *passage, struct flow *flow)
{
    struct opening *opening = opening_of(engine, flow);

    flow->used = flow_clock(passage->now_us);
    if (!frame_checksum_good(&passage->frame))
        passage_drop(engine, passage, DROP_bad_checksum);
    else if (passage->from == SIDE_CLIENT)
        client_frame(engine, passage, flow, opening);
    else
        server_frame(engine, passage, flow, opening);
}
