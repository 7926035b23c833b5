/* SPDX-License-Identifier: GPL-2.0-or-later */
/* slow.c - see slow.h. */
#include "engine/stages/slow.h"

#include "engine/protocols/protocol.h"
#include "engine/shard/connection.h"
#include "engine/stages/capacity.h"
#include "engine/stages/held.h"
#include "engine/stages/speak.h"
#include "engine/tables/source_rules.h"

#define ENDED_AT_ONCE 32
#define ENDED_LEAST   5
#define LOOK_US       250000 /* at one server */
#define LOOK_ANY_US   50000  /* at any: all that is watched is gone through */

struct slow {
    struct watched *watched;
    enum watch_class class;
    uint64_t rank; /* who has the most goes first; 0: nobody */
};

void slow_watch(struct engine *engine, const struct flow *flow, const struct opening *opening,
                uint64_t now_us)
{
    struct server *server = flow_server(engine, flow);
    const uint32_t others =
        server->held > server->openings_now ? server->held - server->openings_now : 0;
    struct watched *watched = watch_begin(engine->held.watch, &engine->flows, flow);

    watched->client_ttl = opening->client_ttl;
    watched->to_server = opening->to_server;
    watched->others = (uint16_t)(others < UINT16_MAX ? others : UINT16_MAX);
    watched->number = ++server->capacity.opened;
    watched->asks = opening->held_bytes != 0;
    /* What was whole at the beginning awaits nothing: it need not be read again. */
    watched->awaits =
        watched->asks && !opening->whole &&
        protocol_awaits(opening_hold(&engine->openings, opening), opening->held_bytes);
    server->capacity.asked += watched->asks && !watched->awaits;
    capacity_watch(engine, now_us);
}

/* --- which ----------------------------------------------------------------------------------- */

/* The server, prompt in calm, has not come to it, nor to anybody who came later: what holds its
 * places are others. */
static bool stands_in_line(const struct server *server, const struct watched *watched,
                           uint64_t now_us)
{
    return capacity_is_prompt(server) && watched->asks &&
           capacity_is_after(&server->capacity, watched->number) &&
           flow_clock(now_us) - watched->opened < WATCH_LONG;
}

static struct slow look(struct engine *engine, const struct server *server, struct watched *watched,
                        uint64_t now_us)
{
    const struct flow *flow = watch_flow(&engine->flows, watched);
    struct slow slow = {.watched = watched};
    uint64_t hash, over;

    if (!flow ||
        (int32_t)(flow_cold(&engine->flows, flow)->born - flow_clock(server->since_us)) < 0)
        return slow;
    slow.class = watch_look(watched, &engine->flows, flow, now_us);
    if (slow.class == WATCH_WELL ||
        (slow.class == WATCH_SERVER && stands_in_line(server, watched, now_us)))
        return slow;
    hash = held_hash(engine, &flow->key);
    over = held_by(engine->held.sources, hash) > held_share(engine, server) ||
           held_was_slow(engine->held.sources, hash, now_us);
    slow.rank = (uint64_t)slow.class << 34 | over << 33 | (flow_clock(now_us) - watched->since);
    return slow;
}

/* Keeps the slowest, the worst first. */
static void insert(struct slow slowest[ENDED_AT_ONCE], struct slow one)
{
    for (int i = 0; i < ENDED_AT_ONCE; i++) {
        if (one.rank > slowest[i].rank) {
            const struct slow other = slowest[i];

            slowest[i] = one;
            one = other;
        }
    }
}

/* --- their end ------------------------------------------------------------------------------- */

/* With the numbers that both ends have been seen to expect. One that expects another, as something
 * was lost, says so, and is reset at that (FLOW_REFUSED; RFC 5961 3.2). */
static void end(struct engine *engine, const struct watched *watched, uint64_t now_us)
{
    struct flow *flow = &engine->flows.flows[watched->flow];
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);
    const struct promise *promise =
        server_promise_now(engine, flow_server(engine, flow), addr_is_v4(&flow->key.server));
    struct link_header to_client = watched->to_server;
    struct segment segment;

    segment_begin(&segment);
    address_to_server(&flow->key, &segment);
    segment.flags = TCP_RST;
    segment.seq = cold->client_next;
    segment.ttl = watched->client_ttl;
    segment.df = true;
    engine_emit(engine, SIDE_SERVER, &watched->to_server, &segment);

    link_header_turn(&to_client);
    speak_for(engine, promise, &flow->key, &segment);
    address_to_client(&flow->key, &segment);
    segment.flags = TCP_RST | TCP_ACK;
    segment.seq = cold->server_next + flow->delta;
    segment.ack = cold->client_next;
    engine_emit(engine, SIDE_CLIENT, &to_client, &segment);

    resend_remove(engine->greetings, &flow->key);
    flow->flags |= FLOW_REFUSED;
    engine_flow_close(engine, flow, END_EVICTED, now_us);
    engine->counters.flows_ended++;
    flow_server(engine, flow)->slow_ended++;
}

/* Whoever has nothing to do is not slow, nor is who waits for the server. */
static void note_slow(struct engine *engine, const struct flow_key *key, uint64_t now_us)
{
    held_note_slow(engine->held.sources, held_hash(engine, key), now_us);
    held_note_slow(engine->held.sources, held_network_hash(engine, key), now_us);
}

/* How many are to go now. */
static uint32_t wanted(const struct engine *engine, const struct server *server)
{
    const uint32_t mark = held_mark(engine, server);
    const uint32_t above = server->held > mark ? server->held - mark : 0;
    const uint32_t wait = server->held_waiting[HELD_KNOWN] + server->held_waiting[HELD_FIRST] +
                          server->held_waiting[HELD_MORE];
    const uint32_t count = above > wait ? above : wait;

    return count < ENDED_LEAST ? ENDED_LEAST : count < ENDED_AT_ONCE ? count : ENDED_AT_ONCE;
}

void slow_make_room(struct engine *engine, struct server *server, uint64_t now_us)
{
    struct held_watch *watch = engine->held.watch;
    const uint16_t number = (uint16_t)(server - engine->servers.slots + 1);
    const uint32_t most = wanted(engine, server);
    struct slow slowest[ENDED_AT_ONCE] = {{0}};

    if (now_us < engine->held.slow_us || now_us < server->slow_us)
        return;
    engine->held.slow_us = now_us + LOOK_ANY_US;
    server->slow_us = now_us + (uint64_t)LOOK_US * engine->servers.shards;
    for (uint32_t i = 0; i < watch->used; i++) {
        struct watched *watched = &watch->entries[i];

        if (watched->server == number)
            insert(slowest, look(engine, server, watched, now_us));
    }
    for (uint32_t i = 0; i < most && slowest[i].rank; i++) {
        const struct flow *flow = &engine->flows.flows[slowest[i].watched->flow];

        if (source_is_exempt(&engine->sources, &flow->key.client, now_us))
            continue;
        if (slowest[i].class >= WATCH_BODY || slowest[i].watched->closed)
            note_slow(engine, &flow->key, now_us);
        end(engine, slowest[i].watched, now_us);
    }
}
