/* SPDX-License-Identifier: GPL-2.0-or-later */
/* held.c - see held.h. */
#include "engine/stages/held.h"

#include "engine/shard/connection.h"
#include "engine/stages/kept.h"
#include "engine/stages/request.h"
#include "engine/stages/slow.h"
#include "engine/tables/source_rules.h"

#define QUEUE_LOOK_US  20000
#define QUEUE_LOOKS    32   /* entries looked at in a row */
#define PICKED_UP_STEP 1024 /* flows looked at in a row */

/* --- who may have one more ------------------------------------------------------------------- */

static uint32_t most(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

uint32_t held_mark(const struct engine *engine, const struct server *server)
{
    const uint32_t usual = most(server->held_peak, server->held_before);

    return most(usual + usual / 2, limit_share(engine, engine->config.held_least));
}

/* Below the mark whoever comes first, but for those whose source would have to wait above it: they
 * come behind others that do. */
static bool has_room(const struct engine *engine, const struct flow_key *key,
                     const struct server *server, uint32_t mark, uint64_t now_us)
{
    const uint64_t hash = held_hash(engine, key);
    const uint32_t quick = rate_sum(&server->quick, now_us);

    if (held_by(engine->held.sources, hash) >= held_share(engine, server))
        return server->held < mark && (engine->held.in_turn || !server->held_waiting);
    if (server->held < mark + mark / 2 + quick)
        return true;
    return server->held < 2 * mark + quick && held_was_answered(engine->held.sources, hash, now_us);
}

bool held_admits(struct engine *engine, const struct flow_key *key, struct server *server,
                 uint64_t now_us)
{
    const uint32_t mark = held_mark(engine, server);

    if (server->mode != MODE_ATTACK || (server->held < mark && !server->held_waiting) ||
        source_is_exempt(&engine->sources, &key->client, now_us))
        return true;
    if (server->held >= mark)
        slow_make_room(engine, server, now_us);
    return has_room(engine, key, server, mark, now_us);
}

/* --- who waits ------------------------------------------------------------------------------- */

void held_wait(struct engine *engine, struct flow *flow)
{
    struct slot *slot = kept_slot(engine, flow);
    struct server *server = flow_server(engine, flow);
    const struct held_waiting waiting = {flow_index(&engine->flows, flow),
                                         flow_cold(&engine->flows, flow)->serial,
                                         (uint32_t)(server - engine->servers.slots)};

    slot->flags |= SLOT_WAITS;
    if ((slot->flags & SLOT_QUEUED) || !held_queue_add(engine->held.queue, waiting))
        return;
    server->held_waiting++;
    slot->flags |= SLOT_QUEUED;
    slot_whole(&engine->slots, slot);
}

/* Its flow, where that still waits; NULL: the entry may go. */
static struct flow *waiting_flow(struct engine *engine, const struct held_waiting *waiting)
{
    struct flow *flow = &engine->flows.flows[waiting->flow];

    return flow->state == FLOW_KEPT && flow_cold(&engine->flows, flow)->serial == waiting->serial &&
                   (kept_slot(engine, flow)->flags & SLOT_WAITS)
               ? flow
               : NULL;
}

static void take_out(struct engine *engine, struct held_waiting *waiting, struct flow *flow)
{
    engine->servers.slots[waiting->server].held_waiting--;
    if (flow)
        kept_slot(engine, flow)->flags &= (uint16_t)~SLOT_QUEUED;
    held_queue_take(engine->held.queue, waiting);
}

/* True where the one behind `at` others had a place. */
static bool has_its_turn(struct engine *engine, uint32_t at, uint64_t now_us)
{
    struct held_waiting *waiting = held_queue_at(engine->held.queue, at);
    struct flow *flow = waiting ? waiting_flow(engine, waiting) : NULL;
    bool admitted;

    if (!flow) {
        if (waiting)
            take_out(engine, waiting, NULL);
        return false;
    }
    engine->held.in_turn = true;
    admitted = held_admits(engine, &flow->key, flow_server(engine, flow), now_us);
    if (admitted) {
        take_out(engine, waiting, flow);
        request_again(engine, flow, now_us);
    }
    engine->held.in_turn = false;
    return admitted;
}

/* The first ones, and then a few of the others, who may wait for another server. */
static bool queue_tick(struct engine *engine, uint64_t now_us)
{
    struct held_queue *queue = engine->held.queue;

    if (!queue->count || now_us < engine->held.queue_us)
        return false;
    for (uint32_t at = 0; at < QUEUE_LOOKS && at < queue->count; at++)
        if (has_its_turn(engine, at, now_us))
            return true; /* there may be room for another */
    for (uint32_t looked = 0; looked < QUEUE_LOOKS && queue->cursor < queue->count; looked++)
        if (has_its_turn(engine, queue->cursor++, now_us))
            return true;
    if (queue->cursor >= queue->count)
        queue->cursor = QUEUE_LOOKS;
    engine->held.queue_us = now_us + QUEUE_LOOK_US;
    return false;
}

/* --- connections from before us -------------------------------------------------------------- */

static bool is_news(const struct engine *engine)
{
    return engine->held.strangers && engine->held.servers_known != engine->servers.count;
}

/* A server that is known only now may hold connections that were picked up. */
static bool picked_up_tick(struct engine *engine)
{
    struct held *held = &engine->held;
    const uint32_t end = engine->flows.unused;

    if (is_news(engine)) {
        held->strangers = false;
        held->servers_known = engine->servers.count;
        held->picked_up_next = 0;
    }
    if (held->picked_up_next == FLOW_NONE)
        return false;
    for (uint32_t step = 0; step < PICKED_UP_STEP && held->picked_up_next < end; step++) {
        struct flow *flow = &engine->flows.flows[held->picked_up_next++];

        if (flow->state == FLOW_ESTABLISHED && !flow_cold(&engine->flows, flow)->server &&
            flow_cold(&engine->flows, flow)->offered == FLOW_OFFER_MIDDLE)
            engine_flow_find_server(engine, flow);
    }
    if (held->picked_up_next >= end)
        held->picked_up_next = FLOW_NONE;
    return true;
}

bool held_tick(struct engine *engine, uint64_t now_us)
{
    return queue_tick(engine, now_us) || picked_up_tick(engine);
}

uint64_t held_next(const struct engine *engine)
{
    const struct held *held = &engine->held;

    if (is_news(engine) || held->picked_up_next != FLOW_NONE)
        return engine->now_us;
    return held->queue->count ? held->queue_us : UINT64_MAX;
}
