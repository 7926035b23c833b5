/* SPDX-License-Identifier: GPL-2.0-or-later */
/* preparing.c - see preparing.h. */
#include "engine/stages/preparing.h"

#include "engine/shard/connection.h"
#include "engine/shard/observe.h"
#include "engine/stages/carry.h"
#include "engine/stages/opening.h"
#include "engine/stages/opening_say.h"
#include "engine/stages/telling.h"
#include "engine/tables/carried.h"
#include "engine/tables/joined_log.h"
#include "engine/tcp/prepared.h"

#include <string.h>

_Static_assert(PREPARED_OPTIONS == TCP_OPTIONS_MAX, "as many as there may be");

static struct flow_record *record_of(const struct engine *engine, const struct flow *flow)
{
    return &engine->flows.carried->records[flow_index(&engine->flows, flow)];
}

/* --- what is expected ------------------------------------------------------------------------ */

/* Of what was promised to the client nothing is left to be made up for (note_grants() of
 * opening.c). */
static bool is_as_promised(const struct opening *opening, const struct synack_features *server)
{
    const uint8_t scale =
        opening->client.window_scale == WSCALE_NONE ? WSCALE_NONE : opening->promised_scale;

    return server->timestamps == opening->timestamps && server->sack == opening->client.sack &&
           server->ecn == opening->ecn && server->window_scale == scale;
}

/* Payload of a segment that it takes. */
static uint16_t mss_of(const struct flow *flow, const struct opening *opening,
                       const struct synack_features *server)
{
    uint16_t mss = server->mss;

    if (!mss)
        mss = addr_is_v4(&flow->key.server) ? MSS_DEFAULT_V4 : MSS_DEFAULT_V6;
    if (opening->timestamps)
        mss = mss > ALIGNED_TIMESTAMPS_BYTES ? (uint16_t)(mss - ALIGNED_TIMESTAMPS_BYTES) : 0;
    return mss;
}

static void expect(const struct opening *opening, const struct synack_answer *server,
                   struct prepared *prepared)
{
    uint8_t mask[PREPARED_OPTIONS] = {0};

    prepared->ack = opening->client_isn + 1;
    prepared->flags = (uint8_t)(TCP_SYN | TCP_ACK | (opening->ecn ? TCP_ECE : 0));
    prepared->options_bytes = server->options_bytes;
    prepared->timestamps_at = server->timestamps_at;
    memset(mask, 0xff, server->options_bytes);
    if (server->timestamps_at)
        memset(mask + server->timestamps_at, 0, 8);
    memcpy(prepared->mask, mask, sizeof(prepared->mask));
    memcpy(prepared->options, server->options, sizeof(prepared->options));
    for (uint32_t i = 0; i < PREPARED_OPTIONS / 8; i++)
        prepared->options[i] &= prepared->mask[i];
}

/* --- whose SYN-ACKs are other ones ----------------------------------------------------------- */

/* As bridge/bpf/complete.bpf.h compares. */
static bool is_expected(const struct frame *frame, const struct prepared *prepared)
{
    uint64_t options[PREPARED_OPTIONS / 8] = {0}, other = 0;

    memcpy(options, frame_options(frame), frame->options_bytes);
    for (uint32_t i = 0; i < PREPARED_OPTIONS / 8; i++)
        other |= (options[i] & prepared->mask[i]) ^ prepared->options[i];
    return !other && frame->options_bytes == prepared->options_bytes &&
           frame->flags == prepared->flags && frame->ack == prepared->ack &&
           frame->l4 == prepared->l4 && !frame->payload_bytes &&
           !(frame->data[frame->l4 + 12] & 0xf);
}

static void note_hit(struct server *server)
{
    server->preparations = (struct server_preparations){0};
}

/* Of those that were prepared before a pause none makes it longer. */
static void note_miss(struct server *server, uint64_t now_us)
{
    struct server_preparations *of = &server->preparations;

    if (now_us < of->until_us)
        return;
    if (of->missed < PREPARING_MISSES && ++of->missed < PREPARING_MISSES)
        return;
    of->until_us = now_us + (PREPARING_PAUSE_US << of->doublings);
    if (of->doublings < PREPARING_PAUSE_DOUBLINGS)
        of->doublings++;
}

void preparing_heard(struct engine *engine, const struct passage *passage, const struct flow *flow,
                     const struct opening *opening)
{
    const uint32_t place = flow_cold(&engine->flows, flow)->opening;

    if (!opening->expected)
        return;
    if (is_expected(&passage->frame, &engine->config.prepared[place]))
        note_hit(flow_server(engine, flow));
    else
        note_miss(flow_server(engine, flow), passage->now_us);
}

static bool is_left_alone(struct engine *engine, const struct flow *flow, uint64_t now_us)
{
    if (now_us >= flow_server(engine, flow)->preparations.until_us)
        return false;
    engine->counters.kernel_unprepared++;
    return true;
}

/* --- who is prepared ------------------------------------------------------------------------- */

/* Chosen here, not where the server answers: else, each time that the learner may hear of one more,
 * all that are asked for until then would be left out. */
static bool is_for_learner(struct engine *engine, const struct flow *flow, struct opening *opening,
                           uint64_t now_us)
{
    /* Who is banned at the server would take the place of others, and is hardly ever answered. */
    opening->for_learner =
        !engine->telling->unlearned && !opening->banned && observe_takes(engine, flow, now_us);
    return opening->for_learner;
}

static bool may_be_prepared(const struct engine *engine, const struct flow *flow,
                            const struct opening *opening)
{
    return engine->config.prepared && engine->flows.carried && engine->telling &&
           flow_cold(&engine->flows, flow)->opening < PREPARED_PLACES && !flow->key.vlan.id[0] &&
           opening->to_server.length == ETH_HEADER_BYTES && opening->held_bytes &&
           !opening->greeting_bytes && !opening->promised && opening->share == SHARE_NONE &&
           !opening->granted;
}

/* The frame that the server is to get, which completes its handshake (RFC 9293 3.5). False: it has
 * no room. */
static bool write_frame(struct engine *engine, const struct flow *flow,
                        const struct opening *opening, struct prepared *prepared)
{
    const uint32_t bytes =
        opening_write_held(engine, flow, opening, prepared->frame, sizeof(prepared->frame));
    const uint8_t *checksum;

    if (bytes <= OFFLOAD_BYTES)
        return false;
    prepared->bytes = bytes - OFFLOAD_BYTES;
    memmove(prepared->frame, prepared->frame + OFFLOAD_BYTES, prepared->bytes);
    prepared->l4 = (uint8_t)(ETH_HEADER_BYTES + (addr_is_v4(&flow->key.server) ? 20 : 40));
    checksum = prepared->frame + prepared->l4 + TCP_CHECKSUM_AT;
    memcpy(&prepared->checksum, checksum, sizeof(prepared->checksum));
    return true;
}

/* The kernel finds the record before the SYN is out. */
static bool add_record(struct engine *engine, const struct flow *flow, struct opening *opening,
                       struct prepared *prepared)
{
    struct flow_cold *cold = flow_cold(&engine->flows, flow);

    cold->client_next = cold->client_isn + 1 + opening->granted_bytes + opening->granted_fin;
    if (carry_prepared(engine, flow_index(&engine->flows, flow), opening->c + 1,
                       opening->ecn ? 0 : RECORD_NO_ECN, cold->opening)) {
        prepared->serial = record_of(engine, flow)->serial;
        if (opening->granted_fin)
            record_of(engine, flow)->ended[SIDE_CLIENT] = RECORD_FIN;
        return true;
    }
    cold->client_next = cold->client_isn + 1;
    cold->server_mss = 0;
    return false;
}

void preparing_begin(struct engine *engine, struct flow *flow, struct opening *opening,
                     const struct promise *promise, uint64_t now_us)
{
    struct flow_cold *cold = flow_cold(&engine->flows, flow);
    struct synack_answer server;
    struct prepared *prepared;

    if (!may_be_prepared(engine, flow, opening) || is_left_alone(engine, flow, now_us) ||
        is_for_learner(engine, flow, opening, now_us))
        return;
    synack_prepare(&promise->synack, opening_offer(opening), &server);
    cold->server_mss = mss_of(flow, opening, &server.features);
    prepared = &engine->config.prepared[cold->opening];
    if (!is_as_promised(opening, &server.features) ||
        opening->held_bytes > opening_segment_limit(engine, flow, opening) ||
        !write_frame(engine, flow, opening, prepared)) {
        cold->server_mss = 0;
        return;
    }
    expect(opening, &server, prepared);
    prepared->c = opening->c;
    prepared->tsval = opening_tsval_ceiling(engine, flow, opening, now_us);
    opening->granted_bytes = opening->held_bytes;
    opening->granted_fin = opening->fin;
    opening->prepared = add_record(engine, flow, opening, prepared);
    opening->expected = opening->prepared;
    if (opening->prepared)
        joined_log_write(&engine->flows, flow);
}

/* --- the end of it --------------------------------------------------------------------------- */

/* As after its SYN-ACK (server_accepts() of opening.c), by what the kernel has written down. */
static void join(struct engine *engine, struct flow *flow, struct opening *opening, uint64_t now_us)
{
    struct flow_cold *cold = flow_cold(&engine->flows, flow);
    const struct flow_record *record = record_of(engine, flow);

    opening->completed = true;
    note_hit(flow_server(engine, flow));
    opening->fin |= opening->granted_fin; /* its buffer may be another's by now */
    opening_heard(engine, flow, opening, now_us);
    flow->flags |= (uint8_t)(FLOW_EDIT | (opening->ecn ? 0 : FLOW_NO_ECN));
    flow->delta = record->delta;
    flow->ts_delta = record->ts_delta;
    cold->server_isn = opening->c - flow->delta;
    cold->server_next = cold->server_isn + 1;
    cold->offered = opening_offer(opening);
    if (observe_follows(cold) && !engine->telling->unlearned)
        engine->counters.learning_flows_passed_over++;
    cold->sampled[SIDE_CLIENT] = cold->sampled[SIDE_SERVER] = OBSERVE_NOTHING;
    opening->server_tsval = record->tsecr_floor;
    opening_release(engine, flow, now_us);
    flow_recall(&engine->flows, flow);
}

/* As if nothing had been prepared. */
static void take_back(struct engine *engine, struct flow *flow)
{
    struct flow_cold *cold = flow_cold(&engine->flows, flow);

    carried_withdraw(&engine->flows, flow_index(&engine->flows, flow));
    joined_log_clear(&engine->flows, flow);
    cold->client_next = cold->client_isn + 1;
    cold->server_next = 0;
    cold->server_mss = 0;
}

bool preparing_ends(struct engine *engine, struct flow *flow, uint64_t now_us)
{
    struct opening *opening = &engine->openings.openings[flow_cold(&engine->flows, flow)->opening];
    struct flow_record *record;
    uint64_t was;

    if (!opening->prepared)
        return false;
    opening->prepared = false;
    record = record_of(engine, flow);
    was = record_awaited(record->serial);
    if (record->added && !__atomic_compare_exchange_n(&record->way[SIDE_SERVER], &was, 0, false,
                                                      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        join(engine, flow, opening, now_us);
        return true;
    }
    take_back(engine, flow);
    return false;
}

bool preparing_is_open(const struct engine *engine, uint32_t opening)
{
    return engine->openings.openings[opening].prepared;
}
