/* SPDX-License-Identifier: GPL-2.0-or-later */
/* opening_due.c - see opening_due.h. */
#include "engine/stages/opening_due.h"

#include "engine/stages/banned.h"
#include "engine/stages/capacity.h"
#include "engine/stages/draining.h"
#include "engine/stages/granting.h"
#include "engine/stages/opening.h"
#include "engine/stages/opening_say.h"
#include "engine/stages/preparing.h"
#include "engine/stages/stray.h"
#include "engine/tables/source_rules.h"

/* At 0, 1, 3 and 7 s; given up at 15 s (RFC 6298 2.1 and 5.5, RFC 9293 3.8.3) */
#define SYN_ATTEMPTS 4
/* RFC 5321 4.5.3.2.1: DNS look-ups, tarpits; down to the least as the pool fills */
#define GREETING_WAIT_US (300ull * 1000 * 1000)
#define GREETING_LOOK_US (5ull * 1000 * 1000) /* between two looks how full it is */
/* A RST each, of what may be said at once (OUTBOX_FRAMES); the others have times of their own. */
#define JUDGED_AT_ONCE 16u

/* How long a server's greeting is waited for: all the time while half of the pool is free, the
 * least when it is full. */
static uint64_t greeting_wait_us(const struct opening_pool *pool)
{
    const uint32_t max = pool->openings_max, used = opening_used(pool);
    const uint64_t more = GREETING_WAIT_US - OPENING_GREETING_LEAST_US;

    return used < max / 2 ? GREETING_WAIT_US
                          : OPENING_GREETING_LEAST_US + more * (max - used) / (max - max / 2);
}

/* What it has said it says again, with its FIN: nobody has acknowledged it. */
static bool may_be_withdrawn(const struct engine *engine, const struct flow *flow,
                             const struct opening *opening, uint64_t now_us)
{
    return opening->held_bytes && !opening->promised &&
           !source_is_exempt(&engine->sources, &flow->key.client, now_us);
}

static void withdraw(struct engine *engine, struct flow *flow, const struct opening *opening)
{
    opening_reset_server(engine, flow, opening);
    stray_withdrawn(engine, flow, opening->client_isn);
    opening_done(engine, flow);
    engine_flow_free(engine, flow);
}

/* Beside their own times, which go on: whoever is not answered now is asked at those again. */
void openings_ask_again(struct engine *engine, const struct server *server, uint32_t count,
                        uint64_t now_us)
{
    struct opening_pool *pool = &engine->openings;

    for (uint32_t i = 0; i < pool->openings_touched && count > 0; i++) {
        struct opening *opening = &pool->openings[i];
        struct flow *flow;

        if (opening->flow == FLOW_NONE || !opening->unheard)
            continue;
        flow = &engine->flows.flows[opening->flow];
        if (flow_server(engine, flow) != server || preparing_ends(engine, flow, now_us))
            continue;
        if (opening->grant)
            granting_again(engine, flow, opening, now_us);
        else
            opening_send_syn(engine, flow, opening);
        count--;
    }
}

/* It waits here again, where its client says again what it has said. */
static bool withdraws(struct engine *engine, struct flow *flow, const struct opening *opening,
                      uint64_t now_us)
{
    if (!may_be_withdrawn(engine, flow, opening, now_us))
        return false;
    withdraw(engine, flow, opening);
    return true;
}

void openings_judge(struct engine *engine, const struct server *server, uint64_t now_us)
{
    struct opening_pool *pool = &engine->openings;
    uint32_t left = JUDGED_AT_ONCE;

    for (uint32_t i = 0; i < pool->openings_touched && left > 0; i++) {
        struct opening *opening = &pool->openings[i];
        struct flow *flow;

        /* Asked once, it has been unanswered for less than a second. */
        if (opening->flow == FLOW_NONE || !opening->unheard || opening->grant ||
            opening->attempts < 2)
            continue;
        flow = &engine->flows.flows[opening->flow];
        if (flow_server(engine, flow) == server && banned_judge(engine, flow, opening, now_us) &&
            withdraws(engine, flow, opening, now_us))
            left--;
    }
}

/* Asked for the third time, which is DOUBT_UNHEARD_US after the first: the server has answered
 * nobody since then. */
static void note_silence(struct engine *engine, const struct flow *flow,
                         const struct opening *opening, uint64_t now_us)
{
    struct server *server = flow_server(engine, flow);

    if (opening->attempts == 2 && now_us - server->answered_us >= DOUBT_UNHEARD_US)
        server_doubt(server, DOUBT_SILENT, &flow->key.client);
}

/* True: the server has no room for it, and it waits here. */
static bool gives_way(struct engine *engine, struct flow *flow, const struct opening *opening,
                      uint64_t now_us)
{
    return capacity_unheard(engine, flow_server(engine, flow), opening->attempts, now_us) &&
           withdraws(engine, flow, opening, now_us);
}

static void grant_due(struct engine *engine, struct flow *flow, struct opening *opening,
                      uint64_t now_us)
{
    if (!granting_finds_no_room(engine, opening, now_us) ||
        !gives_way(engine, flow, opening, now_us))
        granting_due(engine, flow, opening, now_us);
}

/* True: it waits here. */
static bool is_unheard(struct engine *engine, struct flow *flow, struct opening *opening,
                       uint64_t now_us)
{
    if (gives_way(engine, flow, opening, now_us))
        return true;
    /* Its SYN is lost, or a filter of the server's takes it. */
    if (server_queue_is_empty(&engine->servers, flow_server(engine, flow), now_us)) {
        if (server_anybody_waits(flow_server(engine, flow)) &&
            withdraws(engine, flow, opening, now_us))
            return true;
        opening_asks_in_vain(engine, flow, opening);
    }
    note_silence(engine, flow, opening, now_us);
    return false;
}

static void syn_due(struct engine *engine, struct flow *flow, struct opening *opening,
                    uint64_t now_us)
{
    if (banned_judge(engine, flow, opening, now_us) ? withdraws(engine, flow, opening, now_us)
                                                    : is_unheard(engine, flow, opening, now_us))
        return;
    opening_send_syn(engine, flow, opening);
    opening->refused_lately = false;
    opening->attempts++;
    opening_set_timer(engine, flow, now_us + (OPENING_SYN_FIRST_US << (opening->attempts - 1)));
}

bool opening_tick(struct engine *engine, uint64_t now_us)
{
    const uint32_t index = timer_wheel_expired(&engine->openings.wheel, now_us);
    struct opening *opening;
    struct flow *flow;

    if (index == TIMER_NONE)
        return false;
    opening = &engine->openings.openings[index];
    flow = &engine->flows.flows[opening->flow];
    if (now_us >= opening->due_us && preparing_ends(engine, flow, now_us))
        return true;
    if (now_us < opening->due_us)
        opening_set_timer(engine, flow, opening->due_us);
    else if (flow->state == FLOW_DRAINING)
        draining_due(engine, flow, now_us);
    else if (flow->state == FLOW_GREETING &&
             now_us - opening->greeting_since_us < greeting_wait_us(&engine->openings))
        opening_set_timer(engine, flow, now_us + GREETING_LOOK_US);
    else if (opening->grant)
        grant_due(engine, flow, opening, now_us);
    else if (flow->state == FLOW_OPENING && opening->attempts < SYN_ATTEMPTS)
        syn_due(engine, flow, opening, now_us);
    else
        opening_fail(engine, flow, true, now_us);
    return true;
}
