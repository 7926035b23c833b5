/* SPDX-License-Identifier: GPL-2.0-or-later */
/* capacity.c - see capacity.h. */
#include "engine/stages/capacity.h"

#include "engine/protocols/protocol.h"
#include "engine/shard/connection.h"
#include "engine/stages/held.h"
#include "engine/stages/slow.h"
#include "engine/tables/carried.h"

#define LOOK_US        250000
#define LOOK_SOON_US   1000 /* where somebody waits until others are answered; 1 us more for each */
#define ASKED_LEAST    8
#define LOWER_US       500000 /* between two steps down */
#define RAISE_US       1000000
#define PATIENCE_LEAST FLOW_CLOCK_SECONDS(1)
#define PATIENCE_TIMES 4
#define POLL_TIMES     8 /* that many times what is waited for patiently: a long poll, say */
#define SYN_UNHEARD_US 1000000
#define UNHEARD_US     2000000 /* so long its backlog is taken for full after that */
#define REFUSED_US     10000000
#define LOWERED_US     600000000u

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

bool capacity_is_prompt(const struct server *server)
{
    return patience(server) <= PATIENCE_LEAST;
}

/* --- handed over at once --------------------------------------------------------------------- */

/* So many are handed over at once, whatever was seen in this attack. */
static uint32_t at_once(const struct engine *engine, const struct server *server)
{
    return most(server->held_peak + server->held_peak / 2, limit_share(engine, ASKED_LEAST));
}

bool capacity_admits(struct engine *engine, const struct server *server, bool known,
                     uint64_t now_us)
{
    const uint32_t asked =
        most(server->asking_now + server->capacity.asked,
             now_us < server->capacity.unheard_until_us ? server->unheard_now : 0);
    const uint32_t times = known ? 2 : 1;
    const uint32_t usual = at_once(engine, server);

    if (asked < times * usual || !capacity_is_prompt(server) ||
        asked < times * rate_sum(&server->quick, now_us))
        return true;
    if (engine->held.answers_us > now_us + LOOK_SOON_US + engine->held.watch->used)
        engine->held.answers_us = now_us + LOOK_SOON_US + engine->held.watch->used;
    return false;
}

/* --- the mark falls, and rises --------------------------------------------------------------- */

/* What holds places may go now, whoever waits for them, as far as it is more than in calm; idle
 * ones where clients of several networks are stuck: a single one may be a long poll. */
static void make_room(struct engine *engine, struct server *server, uint64_t now_us)
{
    if (server_holds(server) > most(server->held_peak, server->held_before))
        slow_make_room(engine, server, server->capacity.stuck_by_many, 0, now_us);
}

/* So many as it held beside one that it had no place for, or half where that was all. */
static uint32_t step_down(const struct engine *engine, const struct server *server, uint32_t others)
{
    const uint32_t mark = held_mark(engine, server);
    const uint32_t held = server_holds(server);
    const uint32_t reached = held < mark ? held : mark;

    return others < reached / 4 * 3 ? others : reached / 2;
}

/* `beside`: places beside those that stay, where the server has said that it is full; else 0. */
static void lower(struct engine *engine, struct server *server, uint32_t to, uint32_t floor,
                  uint32_t beside, uint64_t now_us)
{
    struct capacity *capacity = &server->capacity;
    const uint32_t mark = held_mark(engine, server);
    const uint32_t held = server_holds(server);
    const uint32_t least =
        most(most(server->held_peak, server->held_before + 1), most(capacity->served, floor));
    const uint32_t limit = most(to, least);
    const bool settled =
        !capacity->limit || (held <= capacity->limit && now_us >= capacity->lower_us);

    if (settled && limit < mark) {
        capacity->limit = limit;
        capacity->by_silence = false;
        capacity->lower_us = now_us + LOWER_US;
    }
    if (capacity->limit && beside)
        capacity->beside_lasting = beside;
    capacity->raise_us = now_us + RAISE_US;
    make_room(engine, server, now_us);
}

static void raise(struct engine *engine, struct server *server, uint64_t now_us)
{
    struct capacity *capacity = &server->capacity;

    if (!capacity->limit || now_us < capacity->raise_us)
        return;
    capacity->limit += 1 + capacity->limit / 8;
    capacity->raise_us = now_us + RAISE_US;
    if (capacity->limit >= held_usual_mark(engine, server))
        capacity->limit = capacity->beside_lasting = 0;
}

/* --- looking for answers --------------------------------------------------------------------- */

/* The first one behind whom nobody was answered counts. Those before that may be served out of
 * turn, where the accept queue is full, and not at all. */
static void note_stuck(const struct engine *engine, struct server *server,
                       const struct watched *watched, const struct flow *flow, uint32_t age)
{
    struct capacity *capacity = &server->capacity;
    const uint64_t network = held_network_hash(engine, &flow->key);

    if (age / POLL_TIMES < patience(server)) {
        capacity->stuck_by_many |= capacity->stuck_network && network != capacity->stuck_network;
        capacity->stuck_network = network;
    }
    if (!capacity_is_after(capacity, watched->number) ||
        (capacity->stuck && (int32_t)(watched->number - capacity->stuck_number) >= 0))
        return;
    capacity->stuck = true;
    capacity->stuck_number = watched->number;
    capacity->stuck_others = watched->others;
}

/* Notes whether it was answered meanwhile; true: not yet. */
static bool is_unheard(const struct engine *engine, struct server *server, struct watched *watched,
                       const struct flow *flow, uint64_t now_us)
{
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);
    struct capacity *capacity = &server->capacity;
    const uint32_t age = flow_clock(now_us) - watched->opened;

    if (!watched->heard)
        flow_recall(&engine->flows, flow);
    if (!watched->heard && watch_was_answered(flow, cold)) {
        watched->heard = true;
        capacity_heard(server, watched->number, age <= patience(server));
    }
    if (watched->heard) {
        capacity->served += !watched->slow || watched->closed;
        return false;
    }
    if (watched->asks && !watched->awaits && age >= patience(server))
        note_stuck(engine, server, watched, flow, age);
    return true;
}

static void look_begins(struct server *server)
{
    struct capacity *capacity = &server->capacity;

    server->lingering = 0;
    capacity->served = 0;
    capacity->stuck_by_many = false;
    capacity->stuck_network = 0;
}

/* Counts it where its client goes on behind the server's FIN: some servers keep a process until
 * then. True: it was counted. */
static bool note_lingering(struct engine *engine, struct watched *watched, uint64_t now_us)
{
    struct server *server = watched->server ? &engine->servers.slots[watched->server - 1] : NULL;

    if (!server || server->mode != MODE_ATTACK || !watch_lingers(watched, &engine->flows, now_us))
        return false;
    server->lingering++;
    return true;
}

/* True while there is something to look at. */
static bool look_for_answers(struct engine *engine, uint64_t now_us)
{
    struct held_watch *watch = engine->held.watch;
    bool unheard = false;

    for (uint32_t i = 0; i < watch->used; i++)
        if (watch->entries[i].server)
            look_begins(&engine->servers.slots[watch->entries[i].server - 1]);
    for (uint32_t i = 0; i < watch->used; i++) {
        const bool lingers = note_lingering(engine, &watch->entries[i], now_us);
        const struct flow *flow = lingers ? NULL : watch_flow(&engine->flows, &watch->entries[i]);
        const struct flow_cold *cold = flow ? flow_cold(&engine->flows, flow) : NULL;
        struct server *server = flow ? flow_server(engine, flow) : NULL;

        unheard |= lingers;
        if (server && server->mode == MODE_ATTACK &&
            (int32_t)(cold->born - flow_clock(server->since_us)) >= 0)
            unheard |= is_unheard(engine, server, &watch->entries[i], flow, now_us);
    }
    return unheard;
}

static struct server *watched_server(struct engine *engine, const struct watched *watched)
{
    return watched->server ? &engine->servers.slots[watched->server - 1] : NULL;
}

/* A whole request that nobody who came later has overtaken. */
static bool is_asking(const struct engine *engine, const struct server *server,
                      const struct watched *watched, uint64_t now_us)
{
    return watched->asks && !watched->awaits && !watched->heard &&
           capacity_is_after(&server->capacity, watched->number) &&
           flow_clock(now_us) - watched->opened < patience(server) &&
           watch_flow(&engine->flows, watched);
}

static void count_asked(struct engine *engine, uint64_t now_us)
{
    struct held_watch *watch = engine->held.watch;
    uint32_t before = 0, now = 0;

    for (uint32_t i = 0; i < watch->used; i++) {
        struct server *server = watched_server(engine, &watch->entries[i]);

        if (!server)
            continue;
        before += server->capacity.asked;
        server->capacity.asked = 0;
    }
    for (uint32_t i = 0; i < watch->used; i++) {
        struct server *server = watched_server(engine, &watch->entries[i]);

        watch->entries[i].counted = server && is_asking(engine, server, &watch->entries[i], now_us);
        if (!watch->entries[i].counted)
            continue;
        server->capacity.asked++;
        now++;
    }
    if (now < before)
        engine->held.queue_us = 0; /* there may be room */
}

static void act(struct engine *engine, struct server *server, uint64_t now_us)
{
    struct capacity *capacity = &server->capacity;

    if (capacity->stuck && capacity_is_after(capacity, capacity->stuck_number))
        lower(engine, server, step_down(engine, server, capacity->stuck_others), 1, 0, now_us);
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
        struct server *server = watched_server(engine, &watch->entries[i]);

        if (server && (server->capacity.stuck || server->capacity.prompt))
            act(engine, server, now_us);
    }
    count_asked(engine, now_us);
    engine->held.answers_us = unheard ? now_us + LOOK_US : UINT64_MAX;
    return true;
}

uint64_t capacity_next(const struct engine *engine)
{
    return engine->held.answers_us;
}

void capacity_forget(struct engine *engine, const struct watched *watched)
{
    struct server *server = watched_server(engine, watched);

    if (watched->counted && server->capacity.asked)
        server->capacity.asked--;
}

void capacity_watch(struct engine *engine, struct server *server, struct watched *watched,
                    uint64_t now_us)
{
    watched->counted = watched->asks && !watched->awaits;
    server->capacity.asked += watched->counted;
    if (engine->held.answers_us == UINT64_MAX)
        engine->held.answers_us = now_us + LOOK_US;
}

/* --- what the server says of it -------------------------------------------------------------- */

static uint32_t held_others(const struct server *server)
{
    return server->held > server->openings_now ? server->held - server->openings_now : 0;
}

static bool has_lowered(const struct capacity *capacity, uint64_t network, uint64_t now_us)
{
    return (network == capacity->lowered_by[0] || network == capacity->lowered_by[1]) &&
           now_us - capacity->lowered_us < LOWERED_US;
}

/*
 * What one network alone is told may be meant for it: it is banned there. Two banned ones could
 * lower the mark of a server that has room, and end idle ones: they do so once in ten minutes, as a
 * network whose refusal has lowered it does not count again until two others' have. It never falls
 * below what may be handed over at once.
 */
void capacity_refused(struct engine *engine, const struct flow *flow, uint64_t now_us)
{
    struct server *server = flow_server(engine, flow);
    struct capacity *capacity = &server->capacity;
    const uint64_t network = held_network_hash(engine, &flow->key);
    const uint64_t before = capacity->refused_network;
    const uint32_t floor = at_once(engine, server), limit = capacity->limit;
    const bool another = before && before != network && now_us - capacity->refused_us < REFUSED_US;

    if (server->mode != MODE_ATTACK || has_lowered(capacity, network, now_us))
        return;
    capacity->refused_network = network;
    capacity->refused_us = now_us;
    if (!another || has_lowered(capacity, before, now_us) || held_others(server) <= floor)
        return;
    lower(engine, server, step_down(engine, server, held_others(server)), floor, floor, now_us);
    if (capacity->limit == limit)
        return;
    capacity->lowered_by[0] = before;
    capacity->lowered_by[1] = network;
    capacity->lowered_us = now_us;
}

void capacity_answered(struct engine *engine, const struct flow *flow, const struct frame *frame)
{
    struct server *server = flow_server(engine, flow);
    const uint32_t others = held_others(server);

    if (server->mode != MODE_ATTACK || !server->policy || others < 2 ||
        !protocols_say_full(server->policy->protocols, frame_payload(frame),
                            frame->payload_present) ||
        !frame_checksum_good(frame))
        return;
    lower(engine, server, others - 1, 1, 1, engine->now_us);
}

bool capacity_unheard(struct engine *engine, struct server *server, uint32_t attempts,
                      uint64_t now_us)
{
    struct capacity *capacity = &server->capacity;
    const uint32_t others = held_others(server);

    if (server->mode != MODE_ATTACK || server->answers.seen < ANSWERS_KNOWN ||
        (server->openings_now <= 1 && attempts <= 1) || !server_answered_lately(server, now_us) ||
        now_us - server->answered_us < SYN_UNHEARD_US)
        return false;
    /* Not the queue: these SYNs are lost, or a filter of the server's takes them. */
    if (attempts && server_queue_is_empty(&engine->servers, server, now_us))
        return false;
    capacity->unheard_until_us = now_us + UNHEARD_US;
    /* Grants are looked at so often that some are before the server can have used what is free. */
    if (attempts || now_us - capacity->room_us >= SYN_UNHEARD_US) {
        const uint32_t limit = capacity->limit;
        const bool again = capacity->by_silence;

        lower(engine, server, step_down(engine, server, others), 1, 0, now_us);
        if (capacity->limit != limit) {
            capacity->by_silence = true;
            capacity->limit_before = again ? capacity->limit_before : limit;
        }
    } else {
        make_room(engine, server, now_us);
    }
    return server->unheard_now > at_once(engine, server);
}
