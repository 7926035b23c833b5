/* SPDX-License-Identifier: GPL-2.0-or-later */
/* observe.c - fills the observation queue. A full queue drops and counts: frames never wait for the
 * learner. */
#include "engine/shard/observe.h"

#include <string.h>

#define REPORTS_SHARE 16
/* A crowd that comes at once is seen whole as far as this many times what a second may bring. */
#define BURST_SECONDS 4

/* What the main thread must not miss, or a server would stay in attack mode. */
static bool is_report(enum observation_kind kind)
{
    return kind == OBSERVED_TRIGGER || kind == OBSERVED_SOURCE || kind == OBSERVED_ANSWERED;
}

/* The last slots are for reports, so that no flood of data can crowd them out. */
static uint32_t reserved(const struct observation_queue *queue)
{
    return queue->capacity / REPORTS_SHARE;
}

/* A slot with what every observation of this flow says, or NULL where the queue is full. */
static struct observation *observation_new(struct engine *engine, const struct flow *flow,
                                           enum observation_kind kind, uint64_t now_us)
{
    struct observation_queue *queue = &engine->observations;
    struct observation *slot;

    if (queue->count + (is_report(kind) ? 0 : reserved(queue)) >= queue->capacity) {
        engine->counters.learning_observations_dropped++;
        return NULL;
    }
    engine->counters.learning_observations++;
    slot = &queue->slots[queue->count++];
    slot->kind = kind;
    slot->opened = flow && (flow->flags & FLOW_EDIT);
    slot->flow_id = flow ? flow_cold(&engine->flows, flow)->serial : 0;
    slot->time_us = now_us;
    if (flow) {
        slot->server = flow_key_server(&flow->key);
        slot->client = flow->key.client;
        slot->client_port = flow->key.client_port;
    }
    return slot;
}

void observe_features(const struct frame *frame, const struct tcp_options *options,
                      struct synack_features *features)
{
    uint8_t layout[TCP_OPTIONS_MAX], count;

    memset(features, 0, sizeof(*features));
    features->mss = options->mss;
    features->window = frame->window;
    features->window_scale = WSCALE_NONE;
    if (options->present & OPTION_WSCALE)
        features->window_scale = options->wscale > WSCALE_MAX ? WSCALE_MAX : options->wscale;
    features->sack = options->present & OPTION_SACK_PERMITTED;
    features->timestamps = options->present & OPTION_TIMESTAMPS;
    features->ecn = (frame->flags & (TCP_ECE | TCP_CWR)) == TCP_ECE && !frame_accurate_ecn(frame);
    features->ttl = frame_ttl(frame);
    features->df = frame_df(frame);
    count = tcp_options_layout(frame_options(frame), frame->options_bytes, layout);
    features->layout_bytes = count < SYNACK_LAYOUT_MAX ? count : SYNACK_LAYOUT_MAX;
    memcpy(features->layout, layout, features->layout_bytes);
}

bool observe_knows(const struct engine *engine, const struct server *server)
{
    return engine->config.observed_of_known && server->policy && server->policy->known;
}

uint32_t observe_limit(const struct engine *engine, const struct server *server)
{
    const struct engine_config *config = &engine->config;

    return limit_share(engine, observe_knows(engine, server) ? config->observed_of_known
                                                             : config->observed_per_second);
}

bool observe_takes(struct engine *engine, const struct flow *flow, uint64_t now_us)
{
    struct server *server = flow_server(engine, flow);
    const uint32_t limit = server ? observe_limit(engine, server) : 0;

    return observe_follows(flow_cold(&engine->flows, flow)) &&
           (!limit || token_take(&server->observed, limit, limit * BURST_SECONDS, now_us));
}

/*
 * Under load a server's connections are sampled (doc/architecture.md, learning): the learner, and
 * the copies made for it, would cost as much again for each of twenty thousand connections a
 * second, and the five hundredth of them, of a server that is known the fiftieth, teaches nothing
 * that the others do not. Decided where the server answers, so that what nobody answers takes
 * nobody's place, but for those that the kernel may answer for us (preparing.c); a connection is
 * followed whole or not at all.
 */
void observe_choose(struct engine *engine, const struct flow *flow, uint64_t now_us)
{
    struct flow_cold *cold = flow_cold(&engine->flows, flow);

    if (!observe_follows(cold) || observe_takes(engine, flow, now_us))
        return;
    cold->sampled[SIDE_CLIENT] = cold->sampled[SIDE_SERVER] = OBSERVE_NOTHING;
    engine->counters.learning_flows_passed_over++;
}

void observe_synack(struct engine *engine, const struct flow *flow, const struct passage *passage,
                    bool repeated)
{
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);
    struct observation *slot;

    if (cold->offered == FLOW_OFFER_UNKNOWN || !observe_follows(cold))
        return;
    slot = observation_new(engine, flow, OBSERVED_SYNACK, passage->now_us);
    if (!slot)
        return;
    slot->handshake.offered = cold->offered;
    slot->handshake.repeated = repeated;
    slot->handshake.ip_id = frame_ip_id(&passage->frame);
    observe_features(&passage->frame, &passage->options, &slot->handshake.granted);
}

void observe_established(struct engine *engine, const struct flow *flow, uint64_t now_us)
{
    if (observe_follows(flow_cold(&engine->flows, flow)))
        observation_new(engine, flow, OBSERVED_ESTABLISHED, now_us);
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/*
 * How many more payload bytes of this direction may be copied. Repeated bytes count too, so twice
 * the cap is the end.
 */
static uint32_t sample_budget(const struct flow_cold *cold, enum side from)
{
    uint32_t cap = 2 * OBSERVATION_FLOW_BYTES;

    return cold->sampled[from] < cap ? cap - cold->sampled[from] : 0;
}

void observe_data(struct engine *engine, struct flow *flow, struct observed_payload payload,
                  uint64_t now_us)
{
    const enum side from = payload.from;
    struct flow_cold *cold = flow_cold(&engine->flows, flow);
    uint32_t own = from == SIDE_CLIENT ? cold->client_isn : cold->server_isn;
    uint32_t peer = from == SIDE_CLIENT ? cold->server_isn : cold->client_isn;
    uint32_t offset = payload.seq - (own + 1);

    while (payload.wire_bytes && offset < OBSERVATION_FLOW_BYTES && sample_budget(cold, from)) {
        uint32_t bytes =
            least(payload.present, least(OBSERVATION_DATA_BYTES, OBSERVATION_FLOW_BYTES - offset));
        struct observation *slot = observation_new(engine, flow, OBSERVED_DATA, now_us);

        if (!slot)
            return;
        slot->data.from = from;
        slot->data.offset = offset;
        slot->data.peer_acked = payload.ack - (peer + 1);
        slot->data.wire_bytes = payload.wire_bytes;
        slot->data.bytes = (uint16_t)bytes;
        slot->data.push = payload.push && bytes == payload.present;
        memcpy(slot->data.data, payload.data, bytes);
        cold->sampled[from] = (uint16_t)(cold->sampled[from] + bytes);
        if (bytes < OBSERVATION_DATA_BYTES)
            return;
        payload.data += bytes;
        payload.present -= bytes;
        payload.wire_bytes -= bytes;
        offset += bytes;
    }
}

void observe_payload(struct engine *engine, struct flow *flow, const struct passage *passage)
{
    const struct frame *frame = &passage->frame;

    observe_data(engine, flow,
                 (struct observed_payload){
                     .from = passage->from,
                     .seq = frame->seq,
                     .ack = frame->ack,
                     .data = frame_payload(frame),
                     .present = frame->payload_present,
                     .wire_bytes = frame->payload_bytes,
                     .push = frame->flags & TCP_PSH,
                 },
                 passage->now_us);
}

void observe_end(struct engine *engine, const struct flow *flow, enum flow_end reason,
                 uint64_t now_us)
{
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);
    struct observation *slot =
        observe_follows(cold) ? observation_new(engine, flow, OBSERVED_END, now_us) : NULL;

    if (!slot)
        return;
    slot->end.reason = reason;
    slot->end.client_bytes = cold->client_next - (cold->client_isn + 1);
    slot->end.server_bytes = cold->server_next ? cold->server_next - (cold->server_isn + 1) : 0;
}

/* One that is about a server, not about a connection. */
static struct observation *observation_of_server(struct engine *engine, const struct server *server,
                                                 enum observation_kind kind, uint64_t now_us)
{
    struct observation *slot = observation_new(engine, NULL, kind, now_us);

    if (!slot)
        return NULL;
    slot->server = server->key;
    memset(&slot->client, 0, sizeof(slot->client));
    slot->client_port = 0;
    return slot;
}

void observe_trigger(struct engine *engine, const struct server *server,
                     const struct observed_trigger *trigger, uint64_t now_us)
{
    struct observation *slot = observation_of_server(engine, server, OBSERVED_TRIGGER, now_us);

    if (slot)
        slot->trigger = *trigger;
}

void observe_source(struct engine *engine, const struct server *server,
                    const struct observed_source *source, uint64_t now_us)
{
    struct observation *slot = observation_of_server(engine, server, OBSERVED_SOURCE, now_us);

    if (slot)
        slot->source = *source;
}

void observe_answered(struct engine *engine, const struct server *server, uint64_t now_us)
{
    observation_of_server(engine, server, OBSERVED_ANSWERED, now_us);
}

void observe_query(struct engine *engine, const struct server *server,
                   const struct observed_query *query, uint64_t now_us)
{
    struct observation *slot = observation_of_server(engine, server, OBSERVED_QUERY, now_us);

    if (slot)
        slot->query = *query;
}

bool observe_proved(struct engine *engine, const struct server *server,
                    const struct ip_addr *client, uint64_t now_us)
{
    struct observation *slot = observation_of_server(engine, server, OBSERVED_PROVED, now_us);

    if (slot)
        slot->client = *client;
    return slot;
}

void observe_unequal_greeting(struct engine *engine, const struct flow *flow, bool negative,
                              uint64_t now_us)
{
    struct observation *slot = observe_follows(flow_cold(&engine->flows, flow))
                                   ? observation_new(engine, flow, OBSERVED_GREETING, now_us)
                                   : NULL;

    if (slot)
        slot->greeting.negative = negative;
}
