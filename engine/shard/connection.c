/* SPDX-License-Identifier: GPL-2.0-or-later */
/* connection.c - see connection.h. */
#include "engine/shard/connection.h"

#include "engine/base/bytes.h"
#include "engine/shard/observe.h"
#include "engine/tables/carried.h"
#include "engine/tables/source_prefix.h"

/* The peak of a server rises by one in that time, or in ten times of it where it is a source with
 * its share that brings it: what comes with a flood is no peak. It falls by 1/64 in an hour. */
#define PEAK_RISE_US  1000000ull
#define PEAK_FALL_US  (3600ull * 1000000)
#define PEAK_FALL     64
#define PEAK_BEGIN_US (60ull * 1000000) /* what is picked up then was there before us */

/* --- connections held at a server ------------------------------------------------------------ */

static bool state_is_held(enum flow_state state)
{
    return state == FLOW_ESTABLISHED || state == FLOW_SPLICED || state == FLOW_OPENING ||
           state == FLOW_GREETING || state == FLOW_DRAINING;
}

/* Until the server has closed it: what its client does with it then is a burden to few
 * (held_watch.h). */
static bool is_held(const struct flow *flow)
{
    return state_is_held((enum flow_state)flow->state) && !(flow->flags & FLOW_SERVER_FIN);
}

static uint64_t hash_at(const struct engine *engine, const struct flow_key *key,
                        struct ip_addr client)
{
    const struct flow_key held = {
        .client = client,
        .server = key->server,
        .vlan = key->vlan,
        .server_port = key->server_port,
    };

    return engine_hash(engine, &held);
}

uint64_t held_hash(const struct engine *engine, const struct flow_key *key)
{
    return hash_at(engine, key, source_prefix(&key->client));
}

/* Turned, so that the first source of a network is told from the network. */
uint64_t held_network_hash(const struct engine *engine, const struct flow_key *key)
{
    const uint32_t bits = prefix_neighbour_bits(&key->client);

    return ~hash_at(engine, key, prefix_cut(&key->client, bits));
}

uint32_t held_share(const struct engine *engine, const struct server *server)
{
    const uint32_t least = limit_share(engine, HELD_SOURCE_LEAST), eighth = server->held_peak / 8;

    return eighth > least ? eighth : least;
}

/* Not opened by us in this attack. */
static bool is_from_before(const struct flow *flow, const struct flow_cold *cold,
                           const struct server *server)
{
    return flow->state == FLOW_ESTABLISHED ||
           (int32_t)(cold->born - flow_clock(server->since_us)) < 0;
}

static void learn_peak(struct engine *engine, struct server *server, const struct flow_cold *cold,
                       uint64_t hash)
{
    const uint64_t now_us = engine->now_us, since_us = now_us - server->peak_us;
    const bool was_there =
        cold->offered == FLOW_OFFER_MIDDLE && now_us - engine->began_us < PEAK_BEGIN_US;
    const bool over = held_by(engine->held.sources, hash) > held_share(engine, server);

    if (server->held <= server->held_peak) {
        if (since_us < PEAK_FALL_US)
            return;
        server->held_peak -= (server->held_peak + PEAK_FALL - 1) / PEAK_FALL;
        server->peak_us = now_us;
    } else if (was_there || since_us >= PEAK_RISE_US * engine->servers.shards * (over ? 10 : 1)) {
        server->held_peak++;
        server->peak_us = now_us;
    }
}

static void count_held(struct engine *engine, const struct flow *flow, int change)
{
    struct server *server = flow_server(engine, flow);
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);
    uint64_t hash;

    if (!server)
        return;
    hash = held_hash(engine, &flow->key);
    server->held += (uint32_t)change;
    held_change(engine->held.sources, hash, change);
    /* A place is free. To wake those who wait for other servers would cost a look at hundreds. */
    if (change < 0 && server_anybody_waits(server))
        engine->held.queue_us = 0;
    if (server->mode == MODE_NORMAL && change > 0)
        learn_peak(engine, server, cold, hash);
    if (server->mode == MODE_ATTACK && is_from_before(flow, cold, server) &&
        (change > 0 || server->held_before > 0))
        server->held_before += (uint32_t)change;
}

void capacity_heard(struct server *server, uint32_t number, bool prompt)
{
    struct capacity *capacity = &server->capacity;

    if (capacity_is_after(capacity, number))
        capacity->heard_last = number;
    capacity->heard = true;
    capacity->prompt |=
        prompt && capacity->limit && server->held >= capacity_for_strangers(capacity);
}

void engine_flow_answered(struct engine *engine, const struct flow *flow, uint64_t now_us)
{
    struct server *server = flow_server(engine, flow);

    if (server && server->mode == MODE_NORMAL)
        answer_note(&server->answers, flow_clock(now_us) - flow->used,
                    (uint32_t)held_network_hash(engine, &flow->key), flow_clock(now_us));
}

/* The server has said something since it was asked; a FIN alone says nothing. */
static bool was_answered(const struct flow *flow, const struct flow_cold *cold)
{
    const uint32_t first = flow->flags & FLOW_EDIT ? flow->ack_floor : cold->server_isn + 1;

    return seq_before(first + 1, cold->server_next);
}

/* Of one that its client has ended: its source is known to this server from now on, if that has
 * said something. */
static void note_answered(struct engine *engine, const struct flow *flow, uint64_t now_us)
{
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);
    struct server *server = flow_server(engine, flow);
    uint64_t source;

    if (!server || !was_answered(flow, cold))
        return;
    source = held_hash(engine, &flow->key);
    held_note_answered(engine->held.sources, source, now_us);
    if (flow_clock(now_us) - cold->born <= FLOW_CLOCK_SECONDS(2) &&
        held_note_quick(engine->held.sources, source, flow_clock(now_us)))
        rate_add(&server->quick, now_us);
}

void engine_flow_server_fin(struct engine *engine, struct flow *flow)
{
    const struct watched *watched = watch_of(engine->held.watch, &engine->flows, flow);

    if (watched && was_answered(flow, flow_cold(&engine->flows, flow)))
        capacity_heard(flow_server(engine, flow), watched->number,
                       flow_clock(engine->now_us) - watched->opened <= FLOW_CLOCK_SECONDS(1));
    if (!(flow->flags & FLOW_SERVER_FIN))
        watch_server_fin(engine->held.watch, &engine->flows, flow, engine->now_us);
    if (is_held(flow))
        count_held(engine, flow, -1);
    flow->flags |= FLOW_SERVER_FIN;
}

/* --- half-open without an entry -------------------------------------------------------------- */

static struct trigger_tag asked_of(struct engine *engine, const struct flow_key *key, uint32_t x)
{
    return (struct trigger_tag){&engine->asked, engine_hash(engine, key), x};
}

void engine_half_open_lost(struct engine *engine, struct server *server, const struct flow_key *key,
                           uint32_t x, uint64_t now_us)
{
    if (!server || server->mode != MODE_NORMAL)
        return;
    trigger_asked(&server->counts, asked_of(engine, key, x), now_us);
    engine_check_triggers(engine, server, now_us);
}

void engine_half_open_completed(struct engine *engine, struct server *server,
                                const struct flow_key *key, uint32_t x, uint64_t now_us)
{
    if (server && server->mode == MODE_NORMAL && rate_sum(&server->counts.unanswered, now_us))
        trigger_answered(&server->counts, asked_of(engine, key, x), now_us);
}

/* --- flows ----------------------------------------------------------------------------------- */

/* Keeps its server's numbers of half-open and of spliced flows those that point at it. */
static void count_state(struct engine *engine, const struct flow *flow, int change)
{
    struct server *server = flow_server(engine, flow);

    if (server && flow_is_half_open(flow))
        server->counts.half_open_flows += (uint32_t)change;
    if (server && (flow->state == FLOW_SPLICED || flow->state == FLOW_DRAINING))
        server->figures.spliced += (uint64_t)(int64_t)change;
}

/* Each shard sees the answers to some clients only: that there is a server, all must know. */
void engine_server_answered(struct engine *engine, struct server *server, uint64_t now_us)
{
    if (server_answered(server, now_us) && engine->servers.shards > 1)
        observe_answered(engine, server, now_us);
}

void engine_server_forget(struct engine *engine, struct server *server)
{
    const uint32_t slot = (uint32_t)(server - engine->servers.slots);

    watch_forget(engine->held.watch, (uint16_t)(slot + 1));
    server_forget(&engine->servers, server);
    if (engine->config.record_figures)
        engine->config.record_figures[slot] = (struct record_figures){0};
}

struct server *engine_server_new(struct engine *engine, const struct server_key *key,
                                 uint64_t now_us)
{
    struct server *server = server_add(&engine->servers, key, now_us), *old;

    if (server)
        return server;
    old = server_to_make_room(&engine->servers, key, now_us);
    if (!old)
        return NULL;
    engine_server_forget(engine, old);
    return server_add(&engine->servers, key, now_us);
}

void engine_look_at_triggers(struct engine *engine, struct server *server, uint64_t now_us)
{
    struct observed_trigger trigger;

    if (server_trigger(&engine->servers, server, now_us, &trigger))
        observe_trigger(engine, server, &trigger, now_us);
}

/* Among those that count for its server. */
static void count_flow(struct engine *engine, const struct flow *flow, int change)
{
    count_state(engine, flow, change);
    if (is_held(flow))
        count_held(engine, flow, change);
}

void flow_bind_server(struct engine *engine, struct flow *flow, struct server *server)
{
    struct server *before = flow_server(engine, flow);

    count_flow(engine, flow, -1);
    if (before)
        before->flows--;
    flow_cold(&engine->flows, flow)->server =
        server ? (uint16_t)(server - engine->servers.slots + 1) : (uint16_t)0;
    if (server)
        server->flows++;
    count_flow(engine, flow, 1);
    /* The kernel counts it for another one from then on. */
    if (engine->flows.carried)
        carried_withdraw(&engine->flows, flow_index(&engine->flows, flow));
}

void engine_flow_find_server(struct engine *engine, struct flow *flow)
{
    struct server_key key = flow_key_server(&flow->key);
    struct server *server = server_find(&engine->servers, &key);

    if (server)
        flow_bind_server(engine, flow, server);
    else
        engine->held.strangers = true;
}

/* What comes to a server in calm, four times over: it has its busy hours. Each shard sees a share.
 */
static uint32_t regulars_expected(const struct engine *engine, const struct server *server)
{
    const uint64_t all = 2ull * trigger_usual(&server->counts) * engine->servers.shards;

    return all < REGULARS_LEAST ? REGULARS_LEAST : (uint32_t)(all < UINT32_MAX ? all : UINT32_MAX);
}

void engine_note_regular(struct engine *engine, struct flow *flow, uint64_t now_us)
{
    const struct flow_words words = flow_key_words(&flow->key);
    const struct server *server = flow_server(engine, flow);
    struct regulars *regulars = engine->config.regulars;

    if (!regulars)
        return;
    regulars_note(regulars, engine->flows.seed, words.client, now_us);
    if (server)
        regulars_expect(regulars, words.server, flow->key.server_port,
                        regulars_expected(engine, server));
}

void engine_flow_state(struct engine *engine, struct flow *flow, enum flow_state state,
                       uint64_t now_us)
{
    const bool was_held = is_held(flow);
    const bool holds = state_is_held(state) && !(flow->flags & FLOW_SERVER_FIN);

    if (flow->state != state && (state == FLOW_ESTABLISHED || state == FLOW_SPLICED))
        engine_note_regular(engine, flow, now_us);
    count_state(engine, flow, -1);
    if (was_held && !holds)
        count_held(engine, flow, -1);
    flow_set_state(&engine->flows, flow, state, now_us);
    count_state(engine, flow, 1);
    if (!was_held && holds)
        count_held(engine, flow, 1);
}

void engine_flow_free(struct engine *engine, struct flow *flow)
{
    struct server *server = flow_server(engine, flow);

    count_flow(engine, flow, -1);
    if (server)
        server->flows--;
    if (flow->state == FLOW_KEPT)
        slot_give_back(&engine->slots, &engine->slots.slots[flow_cold(&engine->flows, flow)->slot]);
    flow_free(&engine->flows, flow);
}

void engine_flow_close(struct engine *engine, struct flow *flow, enum flow_end reason,
                       uint64_t now_us)
{
    bool observed = flow->state == FLOW_ESTABLISHED || flow->state == FLOW_SPLICED ||
                    flow->state == FLOW_GREETING || flow->state == FLOW_DRAINING ||
                    flow_is_half_open(flow);

    if (reason == END_FIN || reason == END_CLIENT_RESET)
        note_answered(engine, flow, now_us);
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
        if (flow_is_half_open(old) || old->state == FLOW_ESTABLISHED || old->state == FLOW_SPLICED)
            observe_end(engine, old, END_EVICTED, now_us);
        if (old->state == FLOW_HALF_OPEN)
            engine_half_open_lost(engine, flow_server(engine, old), &old->key,
                                  flow_cold(&engine->flows, old)->client_isn, now_us);
        engine_flow_free(engine, old);
    }
    return flow_new(&engine->flows, key, state, now_us);
}
