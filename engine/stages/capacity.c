/* SPDX-License-Identifier: GPL-2.0-or-later */
/* capacity.c - see capacity.h. */
#include "engine/stages/capacity.h"

#include "engine/shard/connection.h"
#include "engine/stages/held.h"
#include "engine/stages/slow.h"

#define LOOK_US        250000
#define LOWER_US       500000 /* between two steps down */
#define RAISE_US       1000000
#define PATIENCE_LEAST FLOW_CLOCK_SECONDS(1)
#define PATIENCE_TIMES 4
#define SYN_UNHEARD_US 1000000

static uint32_t most(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* flow_clock(). Of a server that was not seen in calm nobody knows how long it may need. */
static uint32_t patience(const struct server *server)
{
    if (server->answers.seen < ANSWERS_KNOWN)
        return UINT32_MAX;
    return most(PATIENCE_LEAST, PATIENCE_TIMES * answer_usual(&server->answers));
}

/* --- the mark falls, and rises --------------------------------------------------------------- */

/* What holds places may go now, whoever waits for them. */
static void lower(struct engine *engine, struct server *server, uint32_t others, uint64_t now_us)
{
    struct capacity *capacity = &server->capacity;
    const uint32_t mark = held_mark(engine, server);
    const uint32_t reached = server->held < mark ? server->held : mark;
    const uint32_t least = most(most(server->held_peak, server->held_before + 1), 1);
    const uint32_t limit = most(others < reached / 4 * 3 ? others : reached / 2, least);
    const bool settled =
        !capacity->limit || (server->held <= capacity->limit && now_us >= capacity->lower_us);

    if (settled && limit < mark) {
        capacity->limit = limit;
        capacity->lower_us = now_us + LOWER_US;
    }
    capacity->raise_us = now_us + RAISE_US;
    if (capacity->limit)
        slow_make_room(engine, server, now_us);
}

static void raise(struct engine *engine, struct server *server, uint64_t now_us)
{
    struct capacity *capacity = &server->capacity;

    if (!capacity->limit || now_us < capacity->raise_us)
        return;
    capacity->limit += 1 + capacity->limit / 8;
    capacity->raise_us = now_us + RAISE_US;
    if (capacity->limit >= held_usual_mark(engine, server))
        capacity->limit = 0;
}

/* --- looking for answers --------------------------------------------------------------------- */

/* Notes whether it was answered meanwhile; true: not yet. */
static bool is_unheard(struct server *server, struct watched *watched, const struct flow *flow,
                       const struct flow_cold *cold, uint64_t now_us)
{
    struct capacity *capacity = &server->capacity;
    const uint32_t age = flow_clock(now_us) - watched->opened;

    if (watched->heard)
        return false;
    if (watch_was_answered(flow, cold)) {
        watched->heard = true;
        capacity_heard(server, watched->number, age <= patience(server));
        return false;
    }
    if (watched->asks && !watched->awaits && age >= patience(server) &&
        capacity_is_after(capacity, watched->number) &&
        (!capacity->stuck || (int32_t)(watched->number - capacity->stuck_number) < 0)) {
        capacity->stuck = true;
        capacity->stuck_number = watched->number;
        capacity->stuck_others = watched->others;
    }
    return true;
}

static bool look_for_answers(struct engine *engine, uint64_t now_us)
{
    struct held_watch *watch = engine->held.watch;
    bool unheard = false;

    for (uint32_t i = 0; i < watch->used; i++) {
        const struct flow *flow = watch_flow(&engine->flows, &watch->entries[i]);
        const struct flow_cold *cold = flow ? flow_cold(&engine->flows, flow) : NULL;
        struct server *server = flow ? flow_server(engine, flow) : NULL;

        if (server && server->mode == MODE_ATTACK &&
            (int32_t)(cold->born - flow_clock(server->since_us)) >= 0)
            unheard |= is_unheard(server, &watch->entries[i], flow, cold, now_us);
    }
    return unheard;
}

static void act(struct engine *engine, struct server *server, uint64_t now_us)
{
    struct capacity *capacity = &server->capacity;

    if (capacity->stuck && capacity_is_after(capacity, capacity->stuck_number))
        lower(engine, server, capacity->stuck_others, now_us);
    else if (capacity->prompt)
        raise(engine, server, now_us);
    capacity->stuck = capacity->prompt = false;
}

bool capacity_tick(struct engine *engine, uint64_t now_us)
{
    const struct held_watch *watch = engine->held.watch;
    bool unheard;

    if (now_us < engine->held.answers_us)
        return false;
    unheard = look_for_answers(engine, now_us);
    for (uint32_t i = 0; i < watch->used; i++) {
        struct server *server =
            watch->entries[i].server ? &engine->servers.slots[watch->entries[i].server - 1] : NULL;

        if (server && (server->capacity.stuck || server->capacity.prompt))
            act(engine, server, now_us);
    }
    engine->held.answers_us = unheard ? now_us + LOOK_US : UINT64_MAX;
    return true;
}

uint64_t capacity_next(const struct engine *engine)
{
    return engine->held.answers_us;
}

void capacity_watch(struct engine *engine, uint64_t now_us)
{
    if (engine->held.answers_us == UINT64_MAX)
        engine->held.answers_us = now_us + LOOK_US;
}

void capacity_unheard(struct engine *engine, struct server *server, uint64_t now_us)
{
    const uint32_t others =
        server->held > server->openings_now ? server->held - server->openings_now : 0;

    if (server->mode == MODE_ATTACK && server->answers.seen >= ANSWERS_KNOWN &&
        server->openings_now > 1 && server_answered_lately(server, now_us) &&
        now_us - server->answered_us >= SYN_UNHEARD_US)
        lower(engine, server, others, now_us);
}
