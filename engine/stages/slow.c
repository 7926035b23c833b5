/* SPDX-License-Identifier: GPL-2.0-or-later */
/* slow.c - see slow.h. */
#include "engine/stages/slow.h"

#include "engine/protocols/protocol.h"
#include "engine/shard/connection.h"
#include "engine/stages/capacity.h"
#include "engine/stages/held.h"
#include "engine/stages/opening_due.h"
#include "engine/stages/speak.h"
#include "engine/tables/source_rules.h"

#define ENDED_AT_ONCE 32
#define ENDED_LEAST   5
#define APART         16 /* a look ends one of so many idle ones: their places come one by one */
#define LOOK_US       250000 /* at one server */
/* By then it is known of a connection whether it trickles, or does not read. */
#define KNOWN_BY WATCH_LONG
/* Servers end who has not logged in before that: OpenSSH 2 min, Dovecot 3, ProFTPD 5. Of those that
 * never do (mail on port 25) a client who says something now and then stays. */
#define LASTING   FLOW_CLOCK_SECONDS(360)
#define BODY_MOST (UINT32_C(1) << 30) /* sequence numbers are compared with the end of a body */
/* What is asked of those that move, and how long before it is twice as much: three looks */
#define PACE_US      5000000u
#define PACE_LIFE_US (30u * 1000000)
#define PACE_MOST    16000u
#define CROWD_PLACES 2048u /* of a row; a power of two */

struct slow {
    struct watched *watched;
    enum watch_class class;
    bool alone;    /* no other slow one is of its network */
    bool own;      /* of the source that makes room for itself */
    uint64_t rank; /* who has the most goes first; 0: nobody */
};

_Static_assert(SERVERS_MOST < WATCH_SERVERS, "each server has a list of those that are watched");

/* What stands at one server, of those that are watched. */
struct standing {
    uint32_t all, young;             /* those of whom too little is known yet */
    uint32_t lasting;                /* and do not trickle */
    uint32_t slow;                   /* those that let others wait, or will be known to in a look */
    uint16_t crowd[2][CROWD_PLACES]; /* slow ones of a network, counted as in held_sources.h */
};

void slow_watch(struct engine *engine, const struct flow *flow, const struct opening *opening,
                uint64_t now_us)
{
    struct server *server = flow_server(engine, flow);
    const uint32_t others =
        server->held > server->openings_now ? server->held - server->openings_now : 0;
    struct watched *watched;
    size_t due;

    capacity_forget(engine, watch_place(engine->held.watch, flow_index(&engine->flows, flow)));
    watched = watch_begin(engine->held.watch, &engine->flows, flow);
    watched->client_ttl = opening->client_ttl;
    watched->to_server = opening->to_server;
    watched->others = (uint16_t)(others < UINT16_MAX ? others : UINT16_MAX);
    watched->number = ++server->capacity.opened;
    watched->asks = opening->held_bytes != 0;
    watched->closed = !opening->client_window;
    /* What was whole at the beginning awaits nothing: it need not be read again. */
    due = watched->asks && !opening->whole
              ? protocol_awaits((enum protocol_id)opening->protocol,
                                opening_hold(&engine->openings, opening), opening->held_bytes)
              : 0;
    watched->awaits = due != 0;
    watched->body_end = flow_cold(&engine->flows, flow)->client_isn + 1 + opening->held_bytes +
                        (uint32_t)(due < BODY_MOST ? due : BODY_MOST);
    capacity_watch(engine, server, watched, now_us);
}

/* --- which ----------------------------------------------------------------------------------- */

static uint16_t *crowd_place(struct standing *standing, uint64_t network, int row)
{
    return &standing->crowd[row][(row ? network >> 32 : network) & (CROWD_PLACES - 1)];
}

static uint64_t crowd_of(struct standing *standing, uint64_t network)
{
    const uint16_t one = *crowd_place(standing, network, 0);
    const uint16_t other = *crowd_place(standing, network, 1);

    return one < other ? one : other;
}

static uint32_t pace(const struct server *server)
{
    return server->least_pace ? server->least_pace : WATCH_BYTES_PER_SECOND;
}

/* That of an entry, where we have opened it in this attack; NULL otherwise. */
static const struct flow *flow_of(const struct engine *engine, const struct server *server,
                                  const struct watched *watched)
{
    const struct flow *flow = watch_flow(&engine->flows, watched);

    return flow && (int32_t)(flow_cold(&engine->flows, flow)->born -
                             flow_clock(server->since_us)) >= 0
               ? flow
               : NULL;
}

static bool is_young(const struct watched *watched, uint64_t now_us)
{
    return flow_clock(now_us) - watched->opened < KNOWN_BY;
}

static bool is_lasting(const struct watched *watched, uint64_t now_us)
{
    return flow_clock(now_us) - watched->opened >= LASTING;
}

static void count(struct engine *engine, const struct server *server, struct watched *watched,
                  struct standing *standing)
{
    const struct flow *flow = flow_of(engine, server, watched);
    enum watch_class class;
    uint64_t network;

    if (!flow)
        return;
    standing->all++;
    class = watch_look(watched, &engine->flows, flow, pace(server), engine->now_us);
    standing->young +=
        watched->vague || (is_young(watched, engine->now_us) && class != WATCH_CLIENT);
    standing->slow += class != WATCH_WELL && class != WATCH_SERVER;
    standing->lasting += class < WATCH_BODY && is_lasting(watched, engine->now_us);
    if (class == WATCH_WELL)
        return;
    network = held_network_hash(engine, &flow->key);
    for (int row = 0; row < 2; row++)
        ++*crowd_place(standing, network, row);
}

/* Whoever does not read is not idle. */
static bool is_idle(const struct slow *slow, bool is_stuck)
{
    return slow->class < WATCH_BODY && !slow->watched->closed && !(is_stuck && !slow->alone);
}

/* Nobody may end it, or not yet: it takes nobody's place among those who go. */
static bool must_stay(struct engine *engine, const struct server *server, const struct slow *slow,
                      const struct flow *flow, bool is_stuck)
{
    const bool stays =
        is_young(slow->watched, engine->now_us) ||
        (capacity_was_told(&server->capacity) && is_lasting(slow->watched, engine->now_us));

    return source_is_exempt(&engine->sources, &flow->key.client, engine->now_us) ||
           (is_idle(slow, is_stuck) && !slow->own && stays);
}

/* Of one class and right the networks with the most go first: who is alone in his is no crowd. */
static struct slow look(struct engine *engine, const struct server *server, struct watched *watched,
                        struct standing *standing, uint64_t own, bool is_stuck)
{
    const uint64_t now_us = engine->now_us;
    const struct flow *flow = flow_of(engine, server, watched);
    struct slow slow = {.watched = watched};
    uint64_t hash, over, crowd;

    if (!flow)
        return slow;
    slow.class = watch_look(watched, &engine->flows, flow, pace(server), now_us);
    if (slow.class == WATCH_WELL)
        return slow;
    hash = held_hash(engine, &flow->key);
    slow.own = own && hash == own;
    over = slow.own || held_by(engine->held.sources, hash) > held_share(engine, server) ||
           held_was_slow(engine->held.sources, hash, now_us);
    crowd = crowd_of(standing, held_network_hash(engine, &flow->key));
    slow.alone = crowd <= 1;
    if (must_stay(engine, server, &slow, flow, is_stuck))
        return slow;
    slow.rank = (uint64_t)slow.class << 50 | over << 49 | crowd << 33 |
                (flow_clock(now_us) - watched->since);
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

/* Who had a place and made nothing of it lets those go first that had none. A client that waits for
 * its server has made something of it. */
static void note_idled(struct engine *engine, const struct flow_key *key, uint64_t now_us)
{
    held_forget_answered(engine->held.sources, held_hash(engine, key), now_us);
    held_note_idled(engine->held.sources, held_network_hash(engine, key), flow_clock(now_us));
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* How many are to go now. */
static uint32_t wanted(const struct engine *engine, const struct server *server)
{
    const uint32_t mark = held_mark(engine, server);
    const uint32_t above = server->held > mark ? server->held - mark : 0;
    const uint32_t wait = server->held_waiting[HELD_KNOWN] + server->held_waiting[HELD_FIRST] +
                          server->held_waiting[HELD_MORE];
    const uint32_t count = above > wait ? above : wait;

    return count < ENDED_LEAST ? ENDED_LEAST : least(count, ENDED_AT_ONCE);
}

/*
 * And of these, idle ones that are alone in their network, and where the server is not stuck any
 * idle ones: one for each who has no place yet; those who have one, or were slow, come again for
 * ever. While of most too little is known they stay: of those some will be over soon, and others
 * turn out to be slow.
 */
static uint32_t idle_wanted(const struct server *server, const struct standing *standing,
                            bool is_stuck)
{
    const uint32_t wait = server->held_waiting[HELD_KNOWN] + server->held_waiting[HELD_FIRST];

    if (standing->young > standing->all / 2)
        return 0;
    return is_stuck ? ENDED_AT_ONCE : least(least(wait, ENDED_LEAST), 1 + standing->all / APART);
}

/*
 * And of the asker's own address: one for each who waits although his address has places, or was
 * slow. One alone wants one place, and his neighbours may be those who are idle.
 */
static uint32_t idle_own_wanted(const struct server *server)
{
    const uint32_t wait = server->held_waiting[HELD_MORE] + server->held_waiting[HELD_OTHERS];

    return wait ? least(wait, ENDED_LEAST) : 1;
}

/* Its server may have no process for it yet, and has one now, where another one went. */
static bool waits_its_turn(const struct slow *slow, enum watch_class worst_gone, uint64_t now_us)
{
    return slow->class == WATCH_SERVER &&
           (worst_gone > WATCH_SERVER || is_young(slow->watched, now_us));
}

/*
 * Whoever moves just fast enough could stay for ever, with a whole crowd of them. Where those who
 * have no place go on waiting, and nobody is slow, twice as much is asked of all; it takes two
 * looks until it is known who is slow then. After a while without anybody who waits it is as usual
 * again.
 */
static void ask_for_pace(struct server *server, const struct standing *standing, uint64_t now_us)
{
    const uint64_t since_us = now_us - server->pace_us;
    const bool waits = server->held_waiting[HELD_KNOWN] + server->held_waiting[HELD_FIRST];

    if (since_us > PACE_LIFE_US) { /* whoever waits has only begun to */
        server->least_pace = 0;
        if (waits)
            server->pace_us = now_us;
        return;
    }
    if (standing->slow || standing->young > standing->all / 2 || since_us < PACE_US || !waits)
        return;
    server->least_pace = least(2 * pace(server), PACE_MOST);
    server->pace_us = now_us;
}

void slow_make_room(struct engine *engine, struct server *server, bool is_stuck, uint64_t own,
                    uint64_t now_us)
{
    struct held_watch *watch = engine->held.watch;
    const uint16_t number = (uint16_t)(server - engine->servers.slots + 1);
    const uint32_t most = wanted(engine, server);
    struct slow slowest[ENDED_AT_ONCE] = {{0}};
    struct standing standing = {0};
    struct watched *one;
    enum watch_class worst_gone = WATCH_WELL;
    uint32_t idle, idle_own = idle_own_wanted(server);
    uint32_t ended = 0;

    if (now_us < server->slow_us)
        return;
    server->slow_us = now_us + (uint64_t)LOOK_US * engine->servers.shards;
    for (one = watch_first(watch, number); one; one = watch_next(watch, one))
        count(engine, server, one, &standing);
    server->capacity.lasting = server->held_before + standing.lasting;
    for (one = watch_first(watch, number); one; one = watch_next(watch, one))
        insert(slowest, look(engine, server, one, &standing, own, is_stuck));
    ask_for_pace(server, &standing, now_us);
    idle = idle_wanted(server, &standing, is_stuck);
    for (uint32_t i = 0; i < most && slowest[i].rank; i++) {
        const struct flow *flow = &engine->flows.flows[slowest[i].watched->flow];
        const bool idles = is_idle(&slowest[i], is_stuck);
        uint32_t *left = slowest[i].own ? &idle_own : &idle;

        if ((idles && !*left) || waits_its_turn(&slowest[i], worst_gone, now_us))
            continue;
        if (slowest[i].class >= WATCH_BODY || slowest[i].watched->closed)
            note_slow(engine, &flow->key, now_us);
        else if (slowest[i].class == WATCH_CLIENT && !slowest[i].own)
            note_idled(engine, &flow->key, now_us);
        *left -= idles;
        worst_gone = worst_gone == WATCH_WELL ? slowest[i].class : worst_gone;
        end(engine, slowest[i].watched, now_us);
        ended++;
    }
    if (ended)
        server->pace_us = server->capacity.room_us = now_us;
    if (ended && server->unheard_now)
        openings_ask_again(engine, server, ended, now_us);
}
