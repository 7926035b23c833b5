/* SPDX-License-Identifier: GPL-2.0-or-later */
/* opening_room.c - see opening_room.h. */
#include "engine/stages/opening_room.h"

#include "engine/shard/connection.h"
#include "engine/stages/opening.h"
#include "engine/stages/preparing.h"

#define CROWD 8  /* the part of the buffers that its server's clients have */
#define LAST  16 /* the part of them that is not for crowds */

/* Who asks for room. */
struct asker {
    const struct server *server;
    uint32_t of_source; /* openings that its source has at this server */
    enum wanted {
        WANTED_OPENING,
        WANTED_BUFFER, /* alone: its opening goes on without it */
        WANTED_BOTH,
    } wanted;
};

/* --- what is counted ------------------------------------------------------------------------- */

static uint32_t place_of(const struct engine *engine, const struct flow_key *key)
{
    return opening_source_place(&engine->openings, held_hash(engine, key));
}

static uint32_t of_source(const struct engine *engine, const struct flow_key *key)
{
    return engine->openings.of_source[place_of(engine, key)];
}

/* --- who gives way --------------------------------------------------------------------------- */

static bool has_free_buffer(const struct opening *opening, const struct flow *flow)
{
    return opening->hold != OPENING_NONE && !opening->promised && !opening->collects &&
           flow->state != FLOW_DRAINING;
}

/* 0: it stays; else the larger, the sooner it goes: by what its server holds, by what its source
 * does, by its age. */
static uint64_t weight_of(struct engine *engine, const struct opening *opening,
                          const struct asker *asker)
{
    const struct flow *flow = &engine->flows.flows[opening->flow];
    const struct server *server = flow_server(engine, flow);
    const uint32_t age = flow_clock(engine->now_us) - flow_cold(&engine->flows, flow)->born;
    uint32_t source;

    if (age < flow_clock(OPENING_STAYS_US) ||
        (asker->wanted == WANTED_BUFFER && !has_free_buffer(opening, flow)) ||
        (asker->wanted == WANTED_BOTH && opening->hold == OPENING_NONE))
        return 0;
    if (server != asker->server && server->openings_now <= asker->server->openings_now + 1)
        return 0;
    source = of_source(engine, &flow->key);
    if (server == asker->server && source <= asker->of_source + 1)
        return 0;
    return (uint64_t)(server->openings_now & 0xffff) << 48 | (uint64_t)(source & 0xffff) << 32 |
           age;
}

/* Of those that the hand points at next; NULL: all of them stay. */
static struct opening *who_gives_way(struct engine *engine, const struct asker *asker)
{
    struct opening_pool *pool = &engine->openings;
    struct opening *heaviest = NULL;
    uint64_t most = 0;

    for (uint32_t looked = 0; looked < OPENING_LOOKS && looked < pool->openings_touched; looked++) {
        struct opening *opening;
        uint64_t weight;

        pool->hand = pool->hand + 1 < pool->openings_touched ? pool->hand + 1 : 0;
        opening = &pool->openings[pool->hand];
        if (opening->flow == FLOW_NONE)
            continue;
        weight = weight_of(engine, opening, asker);
        if (weight > most) {
            most = weight;
            heaviest = opening;
        }
    }
    return heaviest;
}

/* True where one was ended. */
static bool make_room(struct engine *engine, struct asker *asker, enum wanted wanted)
{
    const struct opening *opening;

    asker->wanted = wanted;
    opening = who_gives_way(engine, asker);
    if (!opening)
        return false;
    if (preparing_ends(engine, &engine->flows.flows[opening->flow], engine->now_us))
        return true;
    engine->counters.flows_evicted++;
    opening_fail(engine, &engine->flows.flows[opening->flow], true, engine->now_us);
    return true;
}

/* True where a buffer is there now: that of one whose client will say again what it held. */
static bool free_buffer(struct engine *engine, struct asker *asker)
{
    struct opening *opening;

    asker->wanted = WANTED_BUFFER;
    opening = who_gives_way(engine, asker);
    if (!opening)
        return false;
    opening_hold_give_back(&engine->openings, opening);
    return true;
}

/* What was acknowledged needs its buffer, and whoever has one may have to end for it; the rest
 * comes again: of a crowd, it may. */
static bool has_buffer(struct engine *engine, struct asker *asker, bool promised)
{
    const struct opening_pool *pool = &engine->openings;
    const uint32_t left = opening_holds_free(pool), openings = asker->server->openings_now;

    if (promised)
        return left > 0 || free_buffer(engine, asker) || make_room(engine, asker, WANTED_BOTH);
    return openings < left || left > pool->holds_max / LAST ||
           (openings < pool->holds_max / CROWD && free_buffer(engine, asker));
}

/* --- room ------------------------------------------------------------------------------------ */

uint32_t opening_room_make(struct engine *engine, const struct flow_key *key,
                           const struct server *server, bool promised)
{
    struct opening_pool *pool = &engine->openings;
    struct asker asker = {.server = server, .of_source = of_source(engine, key)};
    bool hold;
    uint32_t index;

    if (server->openings_now >= opening_free(pool) && !make_room(engine, &asker, WANTED_OPENING))
        return OPENING_NONE;
    hold = has_buffer(engine, &asker, promised);
    if (promised && !hold)
        return OPENING_NONE;
    index = opening_take(pool, hold);
    if (index != OPENING_NONE)
        opening_count_source(pool, index, place_of(engine, key));
    return index;
}
