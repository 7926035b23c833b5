/* SPDX-License-Identifier: GPL-2.0-or-later */
/* opening_say.c - what is said to both sides while a connection is opened. See opening_say.h. */
#include "engine/stages/opening_say.h"

#include "engine/stages/kept.h"
#include "engine/stages/speak.h"

/* --- to the server, in the client's name ----------------------------------------------------- */

/* What every segment that we send in the client's name says. */
static void speak_for_client(const struct flow *flow, const struct opening *opening,
                             struct segment *segment)
{
    segment_begin(segment);
    address_to_server(&flow->key, segment);
    segment->ttl = opening->client_ttl;
    segment->tos = opening->client_tos;
    segment->df = true;
    segment->flow_label = opening->client_flow_label;
}

/* The client's window, unscaled, for a SYN (RFC 7323 2.2). */
static uint16_t unscaled_window(const struct opening *opening)
{
    uint8_t scale = opening->client.window_scale;

    return segment_window(opening->client_window, scale == WSCALE_NONE ? 0 : (int8_t)scale);
}

void opening_send_syn(struct engine *engine, const struct flow *flow, struct opening *opening)
{
    struct synack_features granted = {
        .sack = opening->client.sack,
        .timestamps = opening->timestamps,
        .window_scale = opening->client.window_scale,
    };
    uint8_t options[TCP_OPTIONS_MAX];
    struct segment segment;

    speak_for_client(flow, opening, &segment);
    segment.flags = (uint8_t)(TCP_SYN | (opening->ecn ? TCP_ECE | TCP_CWR : 0));
    segment.seq = flow_cold(&engine->flows, flow)->client_isn;
    segment.window = unscaled_window(opening);
    segment.options = options;
    segment.options_bytes =
        (uint8_t)synack_open_options(&granted, opening->client.mss, opening->client.window_scale,
                                     opening->client_tsval, options);
    engine_emit(engine, SIDE_SERVER, &opening->to_server, &segment);
}

/* Also what the server repeats (RFC 9293 3.10.7.4: what is not new is answered by an ACK). */
void opening_acknowledge(struct engine *engine, struct passage *passage, const struct flow *flow,
                         const struct opening *opening)
{
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);
    struct segment segment;
    uint8_t options[ALIGNED_TIMESTAMPS_BYTES];

    speak_for_client(flow, opening, &segment);
    segment.flags = TCP_ACK;
    segment.seq = cold->client_isn + 1;
    segment.ack = cold->server_next;
    segment.window = segment_window(opening->client_window, flow->to_server_shift);
    if (opening->timestamps) {
        segment.options = options;
        segment.options_bytes =
            segment_timestamps(options, opening->client_tsval, opening->server_tsval);
    }
    passage_reply(engine, passage, &opening->to_server, &segment);
}

/* Largest payload of one segment to the server: what it granted (RFC 9293 3.7.1), what the client
 * itself used, and what a router has told us. */
uint32_t opening_segment_limit(const struct engine *engine, const struct flow *flow,
                               const struct opening *opening)
{
    uint32_t limit = flow_cold(&engine->flows, flow)->server_mss;

    if (opening->gso_bytes && opening->gso_bytes < limit)
        limit = opening->gso_bytes;
    return opening->cut && opening->cut < limit ? opening->cut : limit;
}

static bool ends_with(const struct opening *opening, uint32_t to)
{
    return opening->fin && to == opening->held_bytes;
}

/*
 * Held bytes, or none, in the segment that completes the handshake (RFC 9293 3.5), follows the
 * greeting, or comes again. It echoes the server's newest TSval exactly (RFC 7323 4.3): Linux drops
 * the ACK of a handshake with any other.
 */
static void say_held(const struct engine *engine, const struct flow *flow,
                     const struct opening *opening, uint32_t from, uint32_t to,
                     struct segment *segment, uint8_t options[ALIGNED_TIMESTAMPS_BYTES])
{
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);
    uint32_t limit = opening_segment_limit(engine, flow, opening);

    speak_for_client(flow, opening, segment);
    segment->flags =
        (uint8_t)(TCP_ACK | (to > from ? TCP_PSH : 0) | (ends_with(opening, to) ? TCP_FIN : 0));
    segment->seq = cold->client_isn + 1 + from;
    segment->ack = cold->server_next;
    segment->window = segment_window(opening->client_window, flow->to_server_shift);
    segment->payload_bytes = to - from;
    if (to > from)
        segment->payload = opening_hold(&engine->openings, opening) + from;
    segment->gso_bytes = (uint16_t)(to - from > limit ? limit : 0);
    if (opening->timestamps) {
        segment->options = options;
        segment->options_bytes =
            segment_timestamps(options, opening->client_tsval, opening->server_tsval);
    }
}

void opening_send_held(struct engine *engine, struct flow *flow, const struct opening *opening,
                       uint32_t from, uint32_t to)
{
    struct flow_cold *cold = flow_cold(&engine->flows, flow);
    uint8_t options[ALIGNED_TIMESTAMPS_BYTES];
    struct segment segment;

    say_held(engine, flow, opening, from, to, &segment, options);
    engine_emit(engine, SIDE_SERVER, &opening->to_server, &segment);
    cold->client_next =
        seq_max(cold->client_next, cold->client_isn + 1 + to + ends_with(opening, to));
}

uint32_t opening_write_held(const struct engine *engine, const struct flow *flow,
                            const struct opening *opening, uint8_t *buffer, uint32_t capacity)
{
    uint8_t options[ALIGNED_TIMESTAMPS_BYTES];
    struct segment segment;

    say_held(engine, flow, opening, 0, opening->held_bytes, &segment, options);
    return segment_write(buffer, capacity, &opening->to_server, &segment);
}

void opening_reset_server(struct engine *engine, const struct flow *flow,
                          const struct opening *opening)
{
    struct segment segment;

    speak_for_client(flow, opening, &segment);
    segment.flags = TCP_RST;
    segment.seq = flow_cold(&engine->flows, flow)->client_isn + 1 + opening->acked;
    engine_emit(engine, SIDE_SERVER, &opening->to_server, &segment);
}

/* RFC 9293 3.10.7.3: what acknowledges something else is reset at its own number. */
void opening_refuse_answer(struct engine *engine, struct passage *passage, const struct flow *flow,
                           const struct opening *opening)
{
    struct segment segment;

    speak_for_client(flow, opening, &segment);
    segment.flags = TCP_RST;
    segment.seq = passage->frame.ack;
    passage_reply(engine, passage, &opening->to_server, &segment);
}

/* --- to the client, in the server's name ----------------------------------------------------- */

/* At the client's last ack: RFC 5961 3.2 wants a RST to hit RCV.NXT exactly. */
void opening_reset_client(struct engine *engine, const struct flow *flow,
                          const struct opening *opening)
{
    struct segment segment;

    segment_begin(&segment);
    address_to_client(&flow->key, &segment);
    segment.flags = TCP_RST | TCP_ACK;
    segment.seq = opening->client_ack;
    segment.ack = flow_cold(&engine->flows, flow)->client_isn + 1 + opening->promised;
    segment.ttl = opening->server_ttl;
    segment.df = opening->server_df;
    segment.flow_label =
        addr_is_v4(&flow->key.server) ? 0 : flow_label_to_client(engine, &flow->key);
    engine_emit(engine, SIDE_CLIENT, &opening->to_client, &segment);
}

/* What the client may say from `told` on. Once the server has said how much it takes, its word
 * counts; what was promised is beyond that, may be. */
static uint16_t window_to_client(const struct flow *flow, const struct opening *opening,
                                 uint32_t told)
{
    uint32_t left = opening->edge > told ? opening->edge - told : 0;

    if (flow->state != FLOW_DRAINING)
        return kept_window(told, opening->promised_scale);
    left >>= opening->promised_scale;
    return (uint16_t)(left < UINT16_MAX ? left : UINT16_MAX);
}

/* What was promised is said again to a client that repeats it, or asks (RFC 9293 3.10.7.4). */
void opening_acknowledge_client(struct engine *engine, struct passage *passage,
                                const struct flow *flow, const struct opening *opening)
{
    uint32_t told = opening->acked > opening->promised ? opening->acked : opening->promised;
    struct segment segment;
    uint8_t options[ALIGNED_TIMESTAMPS_BYTES];

    segment_begin(&segment);
    segment.flags = TCP_ACK;
    segment.seq = opening->client_ack;
    segment.ack = opening->client_isn + 1 + told;
    segment.window = window_to_client(flow, opening, told);
    segment.ttl = opening->server_ttl;
    segment.df = opening->server_df;
    segment.flow_label =
        addr_is_v4(&flow->key.server) ? 0 : flow_label_to_client(engine, &flow->key);
    if (opening->timestamps) {
        uint32_t tsval =
            flow->state == FLOW_GREETING || flow->state == FLOW_DRAINING
                ? opening->server_tsval + flow->ts_delta
                : tsval_shared(engine,
                               cookie_tsval(&engine->config.keys, &flow->key, &opening->client,
                                            cookie_time(engine, passage->now_us)),
                               opening->echo);

        segment.options = options;
        segment.options_bytes = segment_timestamps(options, tsval, opening->client_tsval);
    }
    passage_answer(engine, passage, &segment);
}
