/* SPDX-License-Identifier: GPL-2.0-or-later */
/* banned.c - see banned.h. */
#include "engine/stages/banned.h"

#include "engine/shard/connection.h"
#include "engine/stages/held.h"
#include "engine/stages/opening.h"
#include "engine/stages/opening_due.h"

#include <string.h>

/* Or'ed with the server's index; request_check.c has the bit above */
#define LIMIT_SCOPE_BANNED  0x04000000u
#define LIMIT_SCOPE_UNHEARD 0x02000000u
#define LIMIT_SCOPE_ASKED   0x01000000u

#define JUDGED_LEAST    4u /* fewer that are not answered keep nobody out */
#define JUDGED_APART_US 250000

static uint32_t scope_of(const struct engine *engine, const struct server *server, uint32_t scope)
{
    return scope | (uint32_t)(server - engine->servers.slots);
}

static void note(struct engine *engine, struct server *server, const struct flow_key *key,
                 uint32_t scope, uint64_t until_us, uint64_t now_us)
{
    source_limiter_note(&engine->limits, &key->client, scope_of(engine, server, scope), until_us,
                        now_us);
    if (server->unheard_noted_us < until_us)
        server->unheard_noted_us = until_us;
}

static bool is_noted(struct engine *engine, const struct server *server, const struct flow_key *key,
                     uint32_t scope, uint64_t now_us)
{
    return source_limiter_is_noted(&engine->limits, &key->client, scope_of(engine, server, scope),
                                   now_us);
}

bool banned_is_noted(struct engine *engine, const struct server *server, const struct flow_key *key,
                     uint64_t now_us)
{
    return is_noted(engine, server, key, LIMIT_SCOPE_BANNED, now_us);
}

bool banned_may_ask(struct engine *engine, const struct server *server, const struct flow_key *key,
                    uint64_t now_us)
{
    return server->banned_now < limit_share(engine, BANNED_AT_ONCE) &&
           !is_noted(engine, server, key, LIMIT_SCOPE_ASKED, now_us);
}

static void asks(struct engine *engine, struct server *server, const struct flow_key *key,
                 uint64_t now_us)
{
    server->banned_now++;
    note(engine, server, key, LIMIT_SCOPE_ASKED, now_us + BANNED_APART_US, now_us);
}

/* Openings that are not answered keep others out. */
static bool is_blocked(const struct server *server, uint64_t now_us)
{
    return now_us < server->unheard_noted_us && server->unheard_now >= JUDGED_LEAST;
}

bool banned_asks(struct engine *engine, struct server *server, const struct flow_key *key,
                 uint64_t now_us)
{
    if (banned_is(engine, server, key, now_us)) {
        asks(engine, server, key, now_us);
        return true;
    }
    if (is_blocked(server, now_us)) {
        token_take(&server->tries, BANNED_TRIES_PER_SECOND, 1, now_us);
        note(engine, server, key, LIMIT_SCOPE_UNHEARD, now_us + BANNED_APART_US, now_us);
    }
    return false;
}

bool banned_may_try(struct engine *engine, const struct server *server, const struct flow_key *key,
                    uint64_t now_us)
{
    return is_blocked(server, now_us) && server->held < held_usual_mark(engine, server) &&
           token_next_us(&server->tries, BANNED_TRIES_PER_SECOND, 1) <= now_us &&
           !is_noted(engine, server, key, LIMIT_SCOPE_UNHEARD, now_us);
}

/* Somebody else who came later was answered at once. */
static bool is_passed_over(const struct server *server, const struct flow *flow,
                           const struct opening *opening)
{
    return server->capacity.heard_syn &&
           memcmp(&server->capacity.heard_client, &flow->key.client, sizeof(struct ip_addr)) != 0 &&
           (int32_t)(server->capacity.heard_asked - opening->asked) > 0;
}

bool banned_judge(struct engine *engine, struct flow *flow, struct opening *opening,
                  uint64_t now_us)
{
    struct server *server = flow_server(engine, flow);
    struct capacity *capacity = &server->capacity;

    if (opening->banned)
        return true;
    note(engine, server, &flow->key, LIMIT_SCOPE_UNHEARD, now_us + BANNED_NOTED_US, now_us);
    if (server->mode != MODE_ATTACK || !is_passed_over(server, flow, opening))
        return false;
    note(engine, server, &flow->key, LIMIT_SCOPE_BANNED, now_us + BANNED_NOTED_US, now_us);
    opening_judged_apart(engine, flow, opening);
    asks(engine, server, &flow->key, now_us);
    /* What its silence has said of the server is taken back. */
    capacity->unheard_until_us = 0;
    if (capacity->by_silence && capacity->limit &&
        (!capacity->limit_before || capacity->limit_before > capacity->limit))
        capacity->limit = capacity->limit_before;
    if (!capacity->limit)
        capacity->beside_lasting = 0;
    capacity->by_silence = false;
    return true;
}

static void forget(struct engine *engine, struct server *server, const struct flow_key *key,
                   uint64_t now_us)
{
    note(engine, server, key, LIMIT_SCOPE_BANNED, 0, now_us);
    note(engine, server, key, LIMIT_SCOPE_UNHEARD, 0, now_us);
}

void banned_heard(struct engine *engine, struct flow *flow, const struct opening *opening,
                  uint64_t now_us)
{
    struct server *server = flow_server(engine, flow);
    struct capacity *capacity = &server->capacity;

    if (now_us < server->unheard_noted_us)
        forget(engine, server, &flow->key, now_us);
    if (opening->attempts > 1)
        return;
    if (!capacity->heard_syn || (int32_t)(opening->asked - capacity->heard_asked) > 0) {
        capacity->heard_asked = opening->asked;
        capacity->heard_client = flow->key.client;
    }
    capacity->heard_syn = true;
    if (server->unheard_now < JUDGED_LEAST || now_us < server->judged_us)
        return;
    server->judged_us = now_us + JUDGED_APART_US;
    openings_judge(engine, server, now_us);
}
