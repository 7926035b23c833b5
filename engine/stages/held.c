/* SPDX-License-Identifier: GPL-2.0-or-later */
/* held.c - see held.h. */
#include "engine/stages/held.h"

#include "engine/shard/connection.h"
#include "engine/stages/banned.h"
#include "engine/stages/capacity.h"
#include "engine/stages/kept.h"
#include "engine/stages/request.h"
#include "engine/stages/slow.h"
#include "engine/tables/source_rules.h"

#define QUEUE_LOOK_US  20000
#define QUEUE_LOOKS    32   /* entries looked at in a row, and as many more as it takes */
#define QUEUE_ROUND    50   /* for each to be looked at in so many rows: within a second */
#define PICKED_UP_STEP 1024 /* flows looked at in a row */

/* --- who may have one more ------------------------------------------------------------------- */

static uint32_t most(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

uint32_t held_usual_mark(const struct engine *engine, const struct server *server)
{
    const uint32_t usual = most(server->held_peak, server->held_before);

    return most(usual + usual / 2, limit_share(engine, engine->config.held_least));
}

uint32_t held_mark(const struct engine *engine, const struct server *server)
{
    return server->capacity.limit ? capacity_mark(&server->capacity)
                                  : held_usual_mark(engine, server);
}

static enum held_class class_of(struct engine *engine, const struct flow_key *key,
                                const struct server *server, uint64_t now_us)
{
    struct held_sources *sources = engine->held.sources;
    const uint64_t hash = held_hash(engine, key);
    const uint32_t holds = held_by(sources, hash);
    uint64_t network;

    if (holds >= held_share(engine, server) || held_was_slow(sources, hash, now_us) ||
        banned_is(engine, server, key, now_us))
        return HELD_OTHERS;
    if (held_was_answered(sources, hash, now_us))
        return HELD_KNOWN;
    network = held_network_hash(engine, key);
    if (held_was_slow(sources, network, now_us))
        return HELD_OTHERS;
    if (holds || held_was_idled(sources, network, flow_clock(now_us)))
        return HELD_MORE;
    return engine->held.in_turn || held_waits_alone(sources, network, flow_clock(now_us))
               ? HELD_FIRST
               : HELD_MORE;
}

/* held_hash() of its source where that has its share; 0: it has not. */
static uint64_t has_its_share(const struct engine *engine, const struct flow_key *key,
                              const struct server *server)
{
    const uint64_t hash = held_hash(engine, key);

    return held_by(engine->held.sources, hash) >= held_share(engine, server) ? hash : 0;
}

/* Somebody waits who comes before a client of this class that comes now, or has its turn. That is
 * behind all of better classes than it waited in, although its own may be better now. */
static bool is_behind(const struct engine *engine, const struct server *server,
                      enum held_class class)
{
    const int end = engine->held.in_turn ? engine->held.turn_of : (int)class + 1;

    for (int before = 0; before < end; before++)
        if (server->held_waiting[before])
            return true;
    return false;
}

/* A lowered mark is all that the server can serve. */
static uint32_t room_for(const struct server *server, enum held_class class, uint32_t mark,
                         uint64_t now_us)
{
    if (server->capacity.limit)
        return class == HELD_KNOWN ? mark : capacity_for_strangers(&server->capacity);
    if (class == HELD_OTHERS)
        return mark;
    return rate_sum(&server->quick, now_us) + (class == HELD_KNOWN ? 2 * mark : mark + mark / 2);
}

/* Without those whom it does not hear. */
static uint32_t holds(const struct server *server)
{
    const uint32_t held = server_holds(server);

    return held > server->banned_now ? held - server->banned_now : 0;
}

bool held_admits(struct engine *engine, const struct flow_key *key, struct server *server,
                 uint64_t now_us)
{
    const uint32_t mark = held_mark(engine, server);
    enum held_class class;

    if (server->mode != MODE_ATTACK)
        return true;
    if (banned_is(engine, server, key, now_us))
        return banned_may_ask(engine, server, key, now_us) ||
               source_is_exempt(&engine->sources, &key->client, now_us);
    if ((holds(server) < mark && !server_anybody_waits(server) &&
         capacity_admits(engine, server, false, now_us)) ||
        source_is_exempt(&engine->sources, &key->client, now_us))
        return true;
    if (holds(server) >= room_for(server, HELD_OTHERS, mark, now_us))
        slow_make_room(engine, server, false, has_its_share(engine, key, server), now_us);
    class = class_of(engine, key, server, now_us);
    return (holds(server) < room_for(server, class, mark, now_us) &&
            !is_behind(engine, server, class) &&
            capacity_admits(engine, server, class == HELD_KNOWN, now_us)) ||
           banned_may_try(engine, server, key, now_us);
}

/* --- who waits ------------------------------------------------------------------------------- */

static void queue(struct engine *engine, struct held_waiting waiting, enum held_class class)
{
    struct flow *flow = &engine->flows.flows[waiting.flow];

    if (!held_queue_add(&engine->held.queues[class], waiting))
        return;
    engine->servers.slots[waiting.server].held_waiting[class]++;
    kept_slot(engine, flow)->flags |= SLOT_QUEUED;
}

void held_wait(struct engine *engine, struct flow *flow, uint64_t now_us)
{
    struct slot *slot = kept_slot(engine, flow);
    struct server *server = flow_server(engine, flow);
    const struct held_waiting waiting = {
        .flow = flow_index(&engine->flows, flow),
        .serial = flow_cold(&engine->flows, flow)->serial,
        .server = (uint32_t)(server - engine->servers.slots),
    };
    enum held_class class;

    slot->flags |= SLOT_WAITS;
    if (slot->flags & SLOT_QUEUED)
        return;
    class = class_of(engine, &flow->key, server, now_us);
    queue(engine, waiting, class);
    if (!(slot->flags & SLOT_QUEUED))
        return;
    if (class == HELD_FIRST)
        held_note_wait(engine->held.sources, held_network_hash(engine, &flow->key),
                       flow_clock(now_us));
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

static void take_out(struct engine *engine, struct held_waiting *waiting, enum held_class class)
{
    struct flow *flow = waiting_flow(engine, waiting);

    engine->servers.slots[waiting->server].held_waiting[class]--;
    if (flow)
        kept_slot(engine, flow)->flags &= (uint16_t)~SLOT_QUEUED;
    held_queue_take(&engine->held.queues[class], waiting);
}

/* Its source has more than when it came. */
static void move_back(struct engine *engine, struct held_waiting *waiting, enum held_class from,
                      enum held_class to)
{
    const struct held_waiting moved = *waiting;

    take_out(engine, waiting, from);
    queue(engine, moved, to);
}

/* True where it had a place. */
static bool has_its_turn(struct engine *engine, struct held_waiting *waiting, enum held_class class,
                         uint64_t now_us)
{
    struct flow *flow = waiting ? waiting_flow(engine, waiting) : NULL;
    struct server *server;
    enum held_class now;
    bool admitted;

    if (!flow) {
        if (waiting)
            take_out(engine, waiting, class);
        return false;
    }
    server = flow_server(engine, flow);
    engine->held.in_turn = true;
    engine->held.turn_of = (uint8_t) class;
    now = class_of(engine, &flow->key, server, now_us);
    admitted = now <= class && held_admits(engine, &flow->key, server, now_us);
    if (now > class) {
        move_back(engine, waiting, class, now);
    } else if (admitted) {
        take_out(engine, waiting, class);
        request_again(engine, flow, now_us);
    }
    engine->held.in_turn = false;
    return admitted;
}

/* The first ones, and then a part of the others, who may wait for another server. */
static bool queue_has_turn(struct engine *engine, enum held_class class, uint64_t now_us)
{
    struct held_queue *queue = &engine->held.queues[class];
    const uint32_t looks = QUEUE_LOOKS + queue->count / QUEUE_ROUND;

    for (uint32_t at = 0; at < QUEUE_LOOKS && at < queue->count; at++)
        if (has_its_turn(engine, held_queue_at(queue, at), class, now_us))
            return true;
    for (uint32_t looked = 0; looked < looks && queue->cursor < queue->count; looked++)
        if (has_its_turn(engine, held_queue_at(queue, queue->cursor++), class, now_us))
            return true;
    if (queue->cursor >= queue->count)
        queue->cursor = QUEUE_LOOKS;
    return false;
}

/* True where somebody had a place: there may be room for another. */
static bool class_tick(struct engine *engine, enum held_class class, uint64_t now_us)
{
    struct held_queue *queue = &engine->held.queues[class];
    bool newest = class == HELD_FIRST && engine->held.newest;

    newest = newest && has_its_turn(engine, held_queue_newest(queue), class, now_us);
    if (!newest && !queue_has_turn(engine, class, now_us))
        return false;
    if (class == HELD_FIRST)
        engine->held.newest = !newest;
    return true;
}

static uint32_t waiting_in_all(const struct held *held)
{
    uint32_t count = 0;

    for (int i = 0; i < HELD_CLASSES; i++)
        count += held->queues[i].count;
    return count;
}

static bool queue_tick(struct engine *engine, uint64_t now_us)
{
    if (now_us < engine->held.queue_us || !waiting_in_all(&engine->held))
        return false;
    for (int i = 0; i < HELD_CLASSES; i++)
        if (class_tick(engine, (enum held_class)i, now_us))
            return true;
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
    return queue_tick(engine, now_us) || capacity_tick(engine, now_us) || picked_up_tick(engine);
}

uint64_t held_next(const struct engine *engine)
{
    const struct held *held = &engine->held;

    if (is_news(engine) || held->picked_up_next != FLOW_NONE)
        return engine->now_us;
    return waiting_in_all(held) && held->queue_us < held->answers_us ? held->queue_us
                                                                     : held->answers_us;
}
