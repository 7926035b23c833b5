/* SPDX-License-Identifier: GPL-2.0-or-later */
/* telling.c - see telling.h. */
#include "engine/stages/telling.h"

#include "engine/base/bytes.h"
#include "engine/shard/connection.h"
#include "engine/shard/observe.h"
#include "engine/stages/granting.h"
#include "engine/stages/track.h"
#include "engine/stages/udp.h"
#include "engine/tables/carried.h"

#define SECOND_US 1000000ull

/* --- of which servers ------------------------------------------------------------------------ */

/* Connections that are opened by us, or joined, are none that pass as they are; nor is, for a
 * while, what is left of them. */
static void note_edited(const struct server *server, struct told_server *told, uint64_t now_us)
{
    if (server->mode == MODE_ATTACK || server->figures.spliced || server->openings_now)
        told->edited_us = now_us ? now_us : 1;
}

static bool may_be_told(const struct engine *engine, const struct server *server,
                        const struct told_server *told, uint64_t now_us)
{
    return server->mode == MODE_NORMAL && !server->key.vlan.id[0] &&
           !server_key_is_udp(&server->key) && !udp_needs_connections(server) &&
           engine->config.observed_per_second &&
           !server_counts_mismatches(&engine->servers, server) &&
           (!told->edited_us || now_us - told->edited_us >= COOKIE_LIFETIME_US) &&
           (!server->attack_ended_us || now_us - server->attack_ended_us >= COOKIE_LIFETIME_US);
}

/* What part of its connections makes as many as the learner takes. */
static uint32_t share_of(const struct engine *engine, const struct server *server,
                         const struct told_server *told, uint64_t elapsed_us)
{
    const uint64_t syns = server->figures.syns - told->syns;
    const uint64_t wanted = (uint64_t)observe_limit(engine, server) * elapsed_us / SECOND_US;

    if (engine->telling->unlearned)
        return 0;
    if (syns <= wanted)
        return TELL_SHARES;
    return wanted * TELL_SHARES >= syns ? (uint32_t)(wanted * TELL_SHARES / syns) : 1;
}

static void write_state(struct telling *telling, uint32_t place, uint32_t asked, uint32_t held)
{
    struct tell_server *state = &telling->share.servers[place];

    /* Who has begun under the larger one is not to be told of in its middle. */
    __atomic_store_n(&state->held, held, __ATOMIC_RELEASE);
    __atomic_store_n(&state->asked, asked, __ATOMIC_RELEASE);
    telling->let += held < TELL_SHARES;
}

static bool put_order(struct telling *telling, const struct server_key *key, uint32_t place,
                      bool add)
{
    if (telling->orders_count == TELLING_ORDERS)
        return false;
    telling->orders[telling->orders_count++] =
        (struct tell_order){.server = *key, .place = place, .add = add};
    return true;
}

/* The place is another server's now, or nobody's. */
static bool forget(struct telling *telling, uint32_t place)
{
    struct told_server *told = &telling->servers[place];

    write_state(telling, place, TELL_SHARES, TELL_SHARES);
    if (told->added && !put_order(telling, &told->key, place, false))
        return false;
    *told = (struct told_server){.share = TELL_SHARES};
    return true;
}

/* It falls at once, and grows slowly. */
static uint32_t share_of_known(struct told_server *told, uint32_t share, uint64_t now_us)
{
    if (share > told->share && now_us < told->rise_us)
        return told->share;
    told->rise_us = now_us + TELLING_RISE_US;
    return share > 2 * told->share + 1 ? 2 * told->share + 1 : share;
}

static void hold_share(struct told_server *told, uint32_t share, bool next_period)
{
    if (next_period) {
        told->most[1] = told->most[0];
        told->most[0] = 0;
    }
    told->share = share;
    if (share > told->most[0])
        told->most[0] = share;
}

/* All of them before any is added: a server may have come back at another place. */
static void forget_gone(const struct server_table *servers, struct telling *telling)
{
    for (uint32_t place = 0; place < servers->capacity; place++)
        if (telling->servers[place].added &&
            (!server_slot_used(servers, place) ||
             !server_key_equal(&telling->servers[place].key, &servers->slots[place].key)) &&
            !forget(telling, place))
            return;
}

/* Of what has come in this time. */
static void set_share(struct engine *engine, const struct server *server, struct told_server *told,
                      uint64_t elapsed_us, uint64_t now_us)
{
    const uint32_t share = share_of(engine, server, told, elapsed_us);

    if (observe_knows(engine, server))
        told->most[0] = told->most[1] = told->share = share_of_known(told, share, now_us);
    else
        hold_share(told, share, engine->telling->looks % TELLING_HOLD == 0);
    told->syns = server->figures.syns;
    told->looked_us = now_us;
}

static void write_shares(struct telling *telling, const struct server *server, uint32_t place)
{
    struct told_server *told = &telling->servers[place];

    if (!told->added && told->share < TELL_SHARES) {
        told->key = server->key;
        told->added = put_order(telling, &told->key, place, true);
    }
    write_state(telling, place, told->share,
                told->most[0] > told->most[1] ? told->most[0] : told->most[1]);
}

/* There was no room to say that its place is another's now. */
static bool is_anothers(const struct told_server *told, const struct server *server)
{
    return told->added && !server_key_equal(&told->key, &server->key);
}

static void look_at(struct engine *engine, struct telling *telling, uint32_t place, uint64_t now_us)
{
    const struct server *server = &engine->servers.slots[place];
    struct told_server *told = &telling->servers[place];
    const uint64_t elapsed_us = now_us - told->looked_us;

    if (is_anothers(told, server))
        return;
    note_edited(server, told, now_us);
    if (!may_be_told(engine, server, told, now_us)) {
        write_state(telling, place, TELL_SHARES, TELL_SHARES);
        told->most[0] = told->share = TELL_SHARES;
        told->syns = server->figures.syns;
        told->looked_us = now_us;
        return;
    }
    /* Not behind a crowd's own look. */
    if (now_us - telling->looked_us >= TELLING_US && elapsed_us >= TELLING_US / 2)
        set_share(engine, server, told, elapsed_us, now_us);
    write_shares(telling, server, place);
}

/* A crowd comes to a server that the learner knows. It is the one that was asked for last. */
static void look_at_crowd(struct engine *engine, struct telling *telling, uint64_t now_us)
{
    const struct server *server = engine->servers.last;
    const uint32_t place = server ? (uint32_t)(server - engine->servers.slots) : 0;
    struct told_server *told = &telling->servers[place];
    uint64_t elapsed_us = now_us - told->looked_us;

    if (elapsed_us < TELLING_US)
        elapsed_us = TELLING_US;
    if (!server || !server->used || is_anothers(told, server) || !observe_knows(engine, server) ||
        server->figures.syns - told->syns < TELLING_CROWD ||
        share_of(engine, server, told, elapsed_us) >= told->share ||
        !may_be_told(engine, server, told, now_us))
        return;
    set_share(engine, server, told, elapsed_us, now_us);
    write_shares(telling, server, place);
}

/* What an engine before this one has left: nobody's numbers are known to be the same yet. */
static void begin(struct engine *engine, struct telling *telling, uint64_t now_us)
{
    bool edited = false;

    telling->begun = true;
    telling->looked_us = now_us;
    for (uint32_t i = 0; i < engine->flows.unused && !edited; i++)
        edited = engine->flows.flows[i].state == FLOW_CLOSING ||
                 (engine->flows.flows[i].flags & FLOW_EDIT);
    for (uint32_t place = 0; place < engine->servers.capacity; place++) {
        telling->servers[place] = (struct told_server){
            .share = TELL_SHARES, .looked_us = now_us, .edited_us = edited ? now_us : 0};
        write_state(telling, place, TELL_SHARES, TELL_SHARES);
    }
}

void telling_tick(struct engine *engine, uint64_t now_us)
{
    struct telling *telling = engine->telling;
    const struct server_table *servers = &engine->servers;
    const bool due = now_us >= telling->next_us;

    __atomic_store_n(&telling->share.hub->syns_up,
                     engine->sources.rules_count || engine->sources.lists, __ATOMIC_RELAXED);
    if (!due && servers->attacks_begun == telling->attacks_begun &&
        servers->attacked == telling->attacked) {
        look_at_crowd(engine, telling, now_us);
        return;
    }
    if (!telling->begun)
        begin(engine, telling, now_us);
    telling->let = 0;
    forget_gone(servers, telling);
    for (uint32_t place = 0; place < servers->capacity; place++)
        if (server_slot_used(servers, place))
            look_at(engine, telling, place, now_us);
    telling->attacks_begun = servers->attacks_begun;
    telling->attacked = servers->attacked;
    if (now_us - telling->looked_us >= TELLING_US) {
        telling->looked_us = now_us;
        telling->looks++;
    }
    telling->next_us = telling->looked_us + TELLING_US;
}

/* --- what was told --------------------------------------------------------------------------- */

/* Of what the learner sees no part: a connection whose answer it has not heard of, it will not
 * miss; of another it has heard too much already, and is told so. */
static void leave_out(struct engine *engine, const struct passage *passage, const struct flow *flow)
{
    struct flow_cold *cold = flow_cold(&engine->flows, flow);
    const struct frame *frame = &passage->frame;
    const bool answer =
        passage->from == SIDE_SERVER && (frame->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);

    if (!observe_follows(cold) || (!answer && !observe_wants(frame, cold, passage->from)))
        return;
    if (cold->server_next)
        observe_end(engine, flow, END_UNSEEN, passage->now_us);
    cold->sampled[SIDE_CLIENT] = cold->sampled[SIDE_SERVER] = OBSERVE_NOTHING;
    engine->counters.learning_flows_passed_over++;
}

static bool is_followed(const struct flow *flow)
{
    switch ((enum flow_state)flow->state) {
    case FLOW_HALF_OPEN:
    case FLOW_PICKED_UP:
    case FLOW_ESTABLISHED:
    case FLOW_ASKING:
    case FLOW_OUTBOUND:
        return true;
    case FLOW_CLOSING:
        return !(flow->flags & (FLOW_EDIT | FLOW_REFUSED));
    case FLOW_KEPT:
    case FLOW_OPENING:
    case FLOW_GREETING:
    case FLOW_DRAINING:
    case FLOW_SPLICED:
    case FLOW_FREE:
    case FLOW_STATES:
        break;
    }
    return false;
}

/* Its numbers are known from its record, and what it was changed to is the kernel's affair. */
static void told_of_joined(struct engine *engine, struct passage *passage, struct flow *flow)
{
    if (passage->from == SIDE_CLIENT && !passage->frame.window)
        watch_closed(engine->held.watch, &engine->flows, flow, passage->now_us);
    track_closing(engine, passage, flow, FLOW_SPLICED);
}

static void told_of_flow(struct engine *engine, struct passage *passage, uint32_t index)
{
    struct flow *flow = &engine->flows.flows[index];
    struct server *server = flow_server(engine, flow);

    if (engine->flows.carried)
        carried_touch(&engine->flows, index);
    if (flow->state == FLOW_OPENING)
        granting_told(engine, passage, flow);
    if (flow->state == FLOW_SPLICED) {
        told_of_joined(engine, passage, flow);
        return;
    }
    if (!is_followed(flow))
        return;
    if (server)
        figures_frame(&server->figures, passage->from == SIDE_CLIENT, passage->frame.bytes);
    leave_out(engine, passage, flow);
    track_flow(engine, passage, flow);
}

/* To a server that has gone into attack mode since, too: it has this SYN. */
static void told_of_stranger(struct engine *engine, struct passage *passage)
{
    if (passage->from == SIDE_CLIENT)
        track_client(engine, passage, server_of(&engine->servers, &passage->key));
    else
        track_server(engine, passage);
}

void engine_told(struct engine *engine, const struct told_frame *told, uint64_t now_us)
{
    struct verdict verdict;
    struct passage passage;
    struct frame *frame = &passage.frame;
    uint32_t index;

    engine->now_us = now_us;
    passage_begin(&passage, told->from, now_us, &verdict);
    if (told->bytes < OFFLOAD_BYTES ||
        frame_walk(frame, (struct offload *)(void *)told->buffer, told->buffer + OFFLOAD_BYTES,
                   told->bytes - OFFLOAD_BYTES, told->wire_bytes,
                   told->capacity - OFFLOAD_BYTES) != FRAME_TCP)
        return;
    frame_flow_key(frame, told->from, &passage.key);
    passage.hash = engine_hash(engine, &passage.key);
    passage_read_options(&passage);
    /* What tells how long a frame is, is what has gone out of it. */
    frame->bytes = told->wire_bytes;
    index = flow_find_words(&engine->flows, flow_key_words(&passage.key), passage.hash);
    if (index == FLOW_NONE)
        told_of_stranger(engine, &passage);
    else
        told_of_flow(engine, &passage, index);
    /* A batch of them may be long, and the kernel passes on more meanwhile. */
    if (engine->servers.attacks_begun != engine->telling->attacks_begun)
        telling_tick(engine, now_us);
}
