/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * engine.c - one shard: memory, the way of a frame through the stages, time, and what is asked of
 * it from outside.
 */
#include "engine/engine.h"

#include <string.h>

#include "engine/stages/admission.h"
#include "engine/stages/again.h"
#include "engine/stages/stray.h"
#include "engine/base/bytes.h"
#include "engine/stages/icmp.h"
#include "engine/shard/observe.h"
#include "engine/stages/opening.h"
#include "engine/fast/segment.h"
#include "engine/shard/shard.h"
#include "engine/stages/splice.h"
#include "engine/stages/track.h"

/* SYN-ACKs to be repeated get a quarter of the greetings' slots: a flood overwrites them anyway. */
#define SYNACKS_SHARE 4
/* Things done by one engine_tick(): each may put one or two segments into the outbox */
#define TICK_WORK 16

/* --- memory ---------------------------------------------------------------------------------- */

void engine_config_defaults(struct engine_config *config)
{
    memset(config, 0, sizeof(*config));
    config->flows_max = 262144;
    config->openings_max = 1024;
    config->greeted_max = 65536;
    config->assemblies_max = 1024;
    config->servers_max = 4096;
    config->sources_max = 16384;
    config->observations_max = 256;
    config->served_max = 1024 * 1024;
    config->shards = 1;
}

static uint32_t share(uint32_t whole, uint32_t shards, uint32_t least)
{
    return whole / shards > least ? whole / shards : least;
}

/* The same where it must be a power of two, as `whole` and `least` are. */
static uint32_t share_power(uint32_t whole, uint32_t shards, uint32_t least)
{
    while (shards > 1 && whole > least) {
        whole >>= 1;
        shards = (shards + 1) / 2;
    }
    return whole;
}

void engine_config_share(struct engine_config *config, uint32_t shards)
{
    config->shards = shards;
    config->flows_max = share(config->flows_max, shards, 1024);
    config->openings_max = share(config->openings_max, shards, 64);
    config->assemblies_max = share(config->assemblies_max, shards, 64);
    config->greeted_max = share_power(config->greeted_max, shards, 256);
    config->served_max = share_power(config->served_max, shards, 4096);
}

/* Walks over the memory: with a base it hands out pieces, without one it only adds up. */
struct layout {
    uint8_t *base;
    size_t used;
};

static void *place(struct layout *layout, size_t bytes)
{
    void *at = layout->base ? layout->base + layout->used : NULL;

    layout->used += align64(bytes);
    return at;
}

/* The pieces, in the order in which they lie. */
struct pieces {
    void *engine, *outbox, *observations, *limits, *sources, *greetings, *synacks;
    void *stray, *asked, *proofs, *served;
    void *servers, *assemblies, *openings, *flows;
};

static size_t lay_out(const struct engine_config *config, uint8_t *base, struct pieces *pieces)
{
    struct layout layout = {base, 0};

    pieces->engine = place(&layout, sizeof(struct engine));
    pieces->outbox = place(&layout, OUTBOX_BYTES);
    pieces->observations = place(&layout, config->observations_max * sizeof(struct observation));
    pieces->limits = place(&layout, config->sources_max * sizeof(struct source_bucket));
    pieces->sources = place(&layout, source_table_bytes(config->sources_max));
    pieces->greetings = place(&layout, resend_ring_bytes(config->greeted_max));
    pieces->synacks = place(&layout, resend_ring_bytes(config->greeted_max / SYNACKS_SHARE));
    pieces->stray = place(&layout, TAGS_STRAY * sizeof(struct tag));
    pieces->asked = place(&layout, TAGS_ASKED * sizeof(struct tag));
    pieces->proofs = place(&layout, PROOFS * sizeof(struct proof_slot));
    pieces->served = place(&layout, config->served_max * sizeof(uint32_t));
    pieces->servers = place(&layout, config->servers_max * sizeof(struct server));
    pieces->assemblies = place(&layout, assembly_pool_bytes(config->assemblies_max));
    pieces->openings = place(&layout, opening_pool_bytes(config->openings_max));
    pieces->flows = place(&layout, flow_table_bytes(config->flows_max));
    return layout.used;
}

size_t engine_bytes(const struct engine_config *config)
{
    struct pieces pieces;

    return lay_out(config, NULL, &pieces);
}

/*
 * Tables that a flood fills at random places are touched now, so that resident memory does not move
 * under attack. Pools that are used from one end (flows, openings, assemblies), and servers, grow
 * with honest use only.
 */
static void touch(const struct pieces *pieces)
{
    uint8_t *from = pieces->observations, *to = pieces->servers;

    memset(from, 0, (size_t)(to - from));
}

struct engine *engine_init(void *memory, const struct engine_config *config, uint64_t now_us)
{
    const uint64_t *seed = config->table_seed;
    struct pieces pieces;
    struct engine *engine;

    lay_out(config, memory, &pieces);
    touch(&pieces);
    engine = pieces.engine;
    memset(engine, 0, sizeof(*engine));
    engine->config = *config;
    engine->now_us = now_us;
    engine->outbox.memory = pieces.outbox;
    engine->outbox.capacity = OUTBOX_BYTES;
    engine->observations.slots = pieces.observations;
    engine->observations.capacity = config->observations_max;
    server_table_init(&engine->servers, pieces.servers, config->servers_max, seed);
    engine->servers.triggers = config->triggers;
    engine->servers.shards = config->shards ? config->shards : 1;
    engine->servers.unknown = config->unknown;
    source_limiter_init(&engine->limits, pieces.limits, config->sources_max, seed);
    source_table_init(&engine->sources, pieces.sources, config->sources_max, engine->servers.shards,
                      seed);
    engine->greetings = resend_ring_init(pieces.greetings, config->greeted_max, seed);
    engine->synacks = resend_ring_init(pieces.synacks, config->greeted_max / SYNACKS_SHARE, seed);
    tag_table_init(&engine->stray, pieces.stray, TAGS_STRAY, 30000);
    tag_table_init(&engine->asked, pieces.asked, TAGS_ASKED, RATE_WINDOW_US / 1000);
    engine->proofs = (struct proof_table){pieces.proofs, PROOFS - 1};
    served_init(&engine->served, pieces.served, config->served_max);
    engine->assemblies = assembly_pool_init(pieces.assemblies, config->assemblies_max, seed);
    engine->answer = &engine->answers[0];
    opening_pool_init(&engine->openings, pieces.openings, config->openings_max, now_us);
    flow_table_init(&engine->flows, pieces.flows, config->flows_max, seed, &engine->counters);
    for (int family = 0; family < 2; family++) {
        engine->default_promise[family].generation = DEFAULT_PROMISE_GENERATION;
        synack_default_model(family == 0, &engine->default_promise[family].synack);
    }
    return engine;
}

/* --- verdicts -------------------------------------------------------------------------------- */

void passage_hold(struct passage *passage)
{
    passage->verdict->action = VERDICT_HOLD;
    passage->verdict->bytes = 0;
}

/* `bytes` were laid into the frame's buffer; 0: there was no room. */
static void replied(struct engine *engine, struct passage *passage, uint32_t bytes)
{
    if (!bytes) {
        passage_drop(engine, passage, DROP_no_room);
        return;
    }
    passage->verdict->action = VERDICT_REPLY;
    passage->verdict->bytes = bytes;
}

void passage_reply(struct engine *engine, struct passage *passage, const struct link_header *link,
                   const struct segment *segment)
{
    const struct frame *frame = &passage->frame;

    replied(
        engine, passage,
        segment_write(frame->data - OFFLOAD_BYTES, OFFLOAD_BYTES + frame->capacity, link, segment));
}

void passage_answer(struct engine *engine, struct passage *passage, const struct segment *segment)
{
    replied(engine, passage, segment_answer(&passage->frame, segment));
}

void speak_as(const struct engine *engine, const struct promise *promise,
              const struct flow_key *key, struct segment *segment)
{
    segment->ttl = promised_ttl(promise);
    segment->df = promise->synack.df;
    segment->flow_label = addr_is_v4(&key->server) ? 0 : flow_label_to_client(engine, key);
}

uint32_t flow_label_to_client(const struct engine *engine, const struct flow_key *key)
{
    /* Of the half that TSval's offset is not made of (cookie.h): one must not tell the other. */
    return (uint32_t)(flow_key_hash(engine->config.keys.tsval, key) >> 44);
}

void passage_reset_by(struct engine *engine, struct passage *passage, const struct server *server,
                      enum drop_reason reason)
{
    bool v4 = addr_is_v4(&passage->key.server);
    const struct promise *promise = server_promise_now(engine, server, v4);
    uint32_t flow_label = v4 ? 0 : flow_label_to_client(engine, &passage->key);

    engine->counters.drops[reason]++;
    replied(engine, passage,
            segment_answer_reset(&passage->frame, promised_ttl(promise), promise->synack.df,
                                 flow_label));
}

void passage_reset(struct engine *engine, struct passage *passage, enum drop_reason reason)
{
    struct server_key key = flow_key_server(&passage->key);
    const struct server *server =
        passage->from == SIDE_CLIENT ? server_find(&engine->servers, &key) : NULL;

    if (server) {
        passage_reset_by(engine, passage, server, reason);
        return;
    }
    engine->counters.drops[reason]++;
    replied(engine, passage, segment_answer_reset(&passage->frame, TTL_DEFAULT, true, 0));
}

void engine_emit(struct engine *engine, enum side to, const struct link_header *link,
                 const struct segment *segment)
{
    struct outbox *outbox = &engine->outbox;
    uint32_t bytes = 0;

    if (outbox->count < OUTBOX_FRAMES)
        bytes = segment_write(outbox->memory + outbox->used, outbox->capacity - outbox->used, link,
                              segment);
    if (!bytes) {
        engine->counters.drops[DROP_outbox_full]++;
        return;
    }
    outbox->frames[outbox->count++] = (struct outbox_frame){to, outbox->used, bytes};
    outbox->used += (bytes + 7) & ~7u;
}

/* --- flows and servers ----------------------------------------------------------------------- */

struct server *flow_server(struct engine *engine, const struct flow *flow)
{
    uint16_t server = flow_cold(&engine->flows, flow)->server;

    return server ? &engine->servers.slots[server - 1] : NULL;
}

/* Keeps server->half_open_flows the number of half-open flows that point at it. */
static void count_half_open(struct engine *engine, const struct flow *flow, int change)
{
    struct server *server = flow_server(engine, flow);

    if (server && flow->state == FLOW_HALF_OPEN)
        server->counts.half_open_flows += (uint32_t)change;
}

/* Each shard sees the answers to some clients only: that there is a server, all must know. */
void engine_server_answered(struct engine *engine, struct server *server, uint64_t now_us)
{
    if (server_answered(server, now_us) && engine->servers.shards > 1)
        observe_answered(engine, server, now_us);
}

void engine_look_at_triggers(struct engine *engine, struct server *server, uint64_t now_us)
{
    struct observed_trigger trigger;

    if (server_trigger(&engine->servers, server, now_us, &trigger))
        observe_trigger(engine, server, &trigger, now_us);
}

void flow_bind_server(struct engine *engine, struct flow *flow, struct server *server)
{
    count_half_open(engine, flow, -1);
    flow_cold(&engine->flows, flow)->server =
        server ? (uint16_t)(server - engine->servers.slots + 1) : (uint16_t)0;
    count_half_open(engine, flow, 1);
}

void engine_flow_state(struct engine *engine, struct flow *flow, enum flow_state state,
                       uint64_t now_us)
{
    count_half_open(engine, flow, -1);
    flow_set_state(&engine->flows, flow, state, now_us);
    count_half_open(engine, flow, 1);
}

void engine_flow_free(struct engine *engine, struct flow *flow)
{
    count_half_open(engine, flow, -1);
    flow_free(&engine->flows, flow);
}

void engine_flow_close(struct engine *engine, struct flow *flow, enum flow_end reason,
                       uint64_t now_us)
{
    bool observed = flow->state == FLOW_ESTABLISHED || flow->state == FLOW_SPLICED ||
                    flow->state == FLOW_GREETING || flow->state == FLOW_HALF_OPEN;

    if (observed)
        observe_end(engine, flow, reason, now_us);
    engine_flow_state(engine, flow, FLOW_CLOSING, now_us);
}

struct flow *engine_flow_new(struct engine *engine, const struct flow_key *key,
                             enum flow_state state, uint64_t now_us)
{
    struct flow *old = flow_evictable(&engine->flows, state, now_us);

    if (old) {
        engine->counters.flows_evicted++;
        if (old->state == FLOW_HALF_OPEN || old->state == FLOW_ESTABLISHED ||
            old->state == FLOW_SPLICED)
            observe_end(engine, old, END_EVICTED, now_us);
        engine_flow_free(engine, old);
    }
    return flow_new(&engine->flows, key, state, now_us);
}

const struct promise *server_promise(const struct engine *engine, const struct server *server,
                                     bool ipv4, uint32_t generation, uint64_t now_us)
{
    const struct server_policy *policy = server->policy;

    if (policy && policy->now.generation == generation)
        return &policy->now;
    if (policy && policy->has_before && policy->before.generation == generation &&
        now_us < policy->before_until_us)
        return &policy->before;
    return generation == DEFAULT_PROMISE_GENERATION ? &engine->default_promise[ipv4 ? 0 : 1] : NULL;
}

/* --- the way of a frame ---------------------------------------------------------------------- */

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

    /* For a cookie lifetime after an attack, what is no SYN and no RST may belong to a cookie
     * (rule 5.13). */
    if (!server || !(server_protected(server) || (ack && cookies_out(server, passage->now_us))))
        track_client(engine, passage, server);
    else if (!admission(engine, passage, server, NULL))
        stray_segment(engine, passage);
}

static void server_without_flow(struct engine *engine, struct passage *passage)
{
    struct server_key key = flow_key_server(&passage->key);
    const struct server *server =
        passage->frame.flags & TCP_RST ? server_find(&engine->servers, &key) : NULL;

    if (server && cookies_out(server, passage->now_us))
        stray_reset(engine, passage);
    else
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

/*
 * What the server says on a connection that we do not know makes us pick that up (rule 5.13), be
 * it only a FIN that it repeats to a client that is gone, or has come anew since, with a cookie of
 * ours.
 */
static void established_flow(struct engine *engine, struct passage *passage, struct flow *flow)
{
    bool picked_up = flow_cold(&engine->flows, flow)->offered == FLOW_OFFER_UNKNOWN;

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
    const struct server *server;
    enum source_by by;

    if (!source_any_aside(&engine->sources, passage->now_us) ||
        source_state(&engine->sources, &passage->key.client, &by, passage->now_us) != SOURCE_ASIDE)
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
    if (source_refused(engine, passage))
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
    passage_read_options(passage);
    if (source_refused(engine, passage)) {
        passage_drop(engine, passage, DROP_aside);
        return;
    }
    switch ((enum flow_state)flow->state) {
    case FLOW_SPLICED:
        splice_frame(engine, passage, flow);
        return;
    case FLOW_OPENING:
    case FLOW_GREETING:
        opening_frame(engine, passage, flow);
        return;
    case FLOW_CLOSING:
        closing_flow(engine, passage, flow);
        return;
    case FLOW_HALF_OPEN:
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

static bool host_attacked(const struct engine *engine, const struct frame *frame)
{
    struct ip_addr host = frame_dst(frame);

    return server_host_attacked(&engine->servers, &host, &frame->vlan);
}

/* What is no TCP segment passes, but for pieces of one that could get around the cookie. */
static void __attribute__((noinline)) other_frame(struct engine *engine, struct passage *passage)
{
    const struct frame *frame = &passage->frame;
    bool piece = frame->kind == FRAME_TCP_FRAGMENT || frame->kind == FRAME_MALFORMED;

    if (frame->kind == FRAME_ICMP_ERROR)
        icmp_frame(engine, passage);
    else if (piece && passage->from == SIDE_CLIENT && host_attacked(engine, frame))
        passage_drop(engine, passage,
                     frame->kind == FRAME_MALFORMED ? DROP_bad_segment : DROP_fragment);
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
    if (index == FLOW_NONE)
        stranger_frame(engine, &passage);
    else if (!plain_segment(engine, frame, from, index, now_us))
        flow_frame(engine, &passage, &engine->flows.flows[index]);
}

void engine_plain_stranger(struct engine *engine, enum side from, uint8_t *buffer, uint32_t bytes,
                           uint64_t hash, uint32_t capacity, uint64_t now_us,
                           struct verdict *verdict)
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

/*
 * Key, hash and view of a plain frame are made in registers: where it is a plain segment of a flow,
 * as nearly all are, that is all that they are wanted for. Each other way begins at this one's end,
 * in its place on the stack: their arguments are alike for that, and what they want of the frame
 * they read again.
 */
void engine_any_frame(struct engine *engine, enum side from, uint8_t *buffer, uint32_t bytes,
                      uint32_t wire_bytes, uint32_t capacity, uint64_t now_us,
                      struct verdict *verdict)
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
            engine_plain_ack(engine, from, buffer, bytes, hash, capacity, now_us, verdict);
        else
            engine_plain_stranger(engine, from, buffer, bytes, hash, capacity, now_us, verdict);
        return;
    }
    frame_fill_plain(&frame, (struct offload *)(void *)buffer, data, bytes - OFFLOAD_BYTES,
                     capacity - OFFLOAD_BYTES);
    if (!plain_segment(engine, &frame, from, index, now_us))
        plain_flow_frame(engine, from, buffer, bytes, index, capacity, now_us, verdict);
}

/* --- time ------------------------------------------------------------------------------------ */

/* An end that vanished says nothing; the other one's own timers end its half (RFC 9293 3.8.3), and
 * ours this entry. */
static bool expire_flow(struct engine *engine, uint64_t now_us)
{
    bool more;
    struct flow *flow = flow_expired(&engine->flows, now_us, TICK_WORK, &more);

    if (!flow)
        return more;
    if (flow->state != FLOW_CLOSING) {
        engine->counters.flows_expired++;
        engine_flow_close(engine, flow, END_EXPIRED, now_us);
    }
    engine_flow_free(engine, flow);
    return true;
}

bool engine_tick(struct engine *engine, uint64_t now_us)
{
    engine->now_us = now_us;
    assembly_expire(engine->assemblies, now_us);
    for (int work = 0; work < TICK_WORK; work++) {
        bool some = opening_tick(engine, now_us) || say_again(engine, now_us) ||
                    expire_flow(engine, now_us);

        if (!some)
            return false;
    }
    return true;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t engine_next_deadline(const struct engine *engine)
{
    uint64_t next = timer_wheel_next(&engine->openings.wheel);

    next = earlier(next, resend_next(engine->greetings));
    next = earlier(next, resend_next(engine->synacks));
    next = earlier(next, assembly_next(engine->assemblies));
    return earlier(next, flow_next_expiry(&engine->flows, engine->now_us));
}

/* --- from outside ---------------------------------------------------------------------------- */

struct outbox *engine_outbox(struct engine *engine)
{
    return &engine->outbox;
}

struct observation_queue *engine_observations(struct engine *engine)
{
    return &engine->observations;
}

struct counters *engine_counters(struct engine *engine)
{
    return &engine->counters;
}

void engine_adopt_policy(struct engine *engine, const struct policy *policy, uint64_t now_us)
{
    engine->policy = policy;
    memset(engine->answers, 0, sizeof(engine->answers));
    engine->answer = &engine->answers[0];
    server_table_adopt(&engine->servers, policy, now_us);
}

void engine_set_setting(struct engine *engine, const struct server_key *server,
                        enum mode_setting setting, uint64_t now_us)
{
    struct server *one = server ? server_add(&engine->servers, server, now_us) : NULL;

    if (!server || one)
        server_set_setting(&engine->servers, one, setting, now_us);
}

void engine_set_mode(struct engine *engine, const struct server_key *server, enum mode mode,
                     enum trigger_cause cause, uint32_t value, uint64_t now_us)
{
    struct server *one = server_add(&engine->servers, server, now_us);

    if (one && server_setting(&engine->servers, one) == SETTING_AUTO)
        server_set_mode(one, mode, cause, value, now_us);
    if (one && mode == MODE_ATTACK)
        server_told(one);
}

void engine_set_answered(struct engine *engine, const struct server_key *server, uint64_t now_us)
{
    struct server *one = server_add(&engine->servers, server, now_us);

    if (one)
        server_answered(one, now_us);
}

void engine_set_accept_queue(struct engine *engine, const struct server_key *server, uint32_t used,
                             uint32_t limit, uint64_t now_us)
{
    struct server *one = server_find(&engine->servers, server);

    if (!one)
        return;
    trigger_accept_queue(&one->counts, used, limit, now_us);
    engine_check_triggers(engine, one, now_us);
}

void engine_set_listening(struct engine *engine, const struct server_key *server, bool listening,
                          uint64_t now_us)
{
    server_set_listening(&engine->servers, server, listening, now_us);
}

void engine_listening_fresh(struct engine *engine, uint64_t now_us)
{
    engine->servers.listening_us = now_us != 0 ? now_us : 1;
}

bool engine_set_source(struct engine *engine, const struct source_rule *rule, uint64_t now_us)
{
    return source_set(&engine->sources, rule, now_us);
}

bool engine_forget_source(struct engine *engine, const struct ip_addr *prefix, uint8_t length)
{
    return source_forget(&engine->sources, prefix, length);
}

uint32_t engine_sources(const struct engine *engine, struct source_info *out, uint32_t max,
                        uint64_t now_us)
{
    return source_list(&engine->sources, out, max, now_us);
}

uint32_t engine_servers(const struct engine *engine, struct server_info *out, uint32_t max,
                        uint64_t now_us)
{
    uint32_t count = 0;

    for (uint32_t slot = 0; slot < engine->servers.capacity; slot++) {
        const struct server *server = &engine->servers.slots[slot];

        if (!server->used)
            continue;
        if (count < max)
            out[count] = (struct server_info){
                .key = server->key,
                .mode = server->mode,
                .setting = server->setting,
                .since_us = server->since_us,
                .cause = server->cause,
                .cause_value = server->cause_value,
                .half_open = server_half_open(server, now_us),
            };
        count++;
    }
    return count;
}

uint32_t engine_flows(const struct engine *engine, struct flow_info *out, uint32_t max,
                      uint64_t now_us)
{
    uint32_t count = 0;

    for (uint32_t index = 0; index < engine->flows.unused; index++) {
        const struct flow *flow = &engine->flows.flows[index];

        if (flow->state == FLOW_FREE)
            continue;
        if (count < max)
            out[count] = (struct flow_info){
                .key = flow->key,
                .state = flow_state_name((enum flow_state)flow->state),
                .spliced = flow->flags & FLOW_EDIT,
                .delta = flow->delta,
                .age_us = (uint64_t)(flow_clock(now_us) - flow_cold(&engine->flows, flow)->born)
                          << 16,
            };
        count++;
    }
    return count;
}
