/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inside.c - see inside.h. */
#include "tests/sim/inside.h"

#include <string.h>

#include "engine/shard/shard.h"
#include "engine/tables/carried.h"
#include "tests/sim/app.h"

/* The walk over the flow table, added up. */
struct census {
    uint64_t tracked, pending, spliced, closing;
    uint32_t openings, half_open, kept;
    uint64_t added; /* that the kernel is to know */
};

static bool is_opening(const struct flow *flow)
{
    return flow_has_opening(flow);
}

static void check_opening(struct wire *wire, const struct engine *engine, const struct flow *flow)
{
    uint32_t index = flow_cold(&engine->flows, flow)->opening;
    if (index >= engine->openings.openings_touched ||
        engine->openings.openings[index].flow != flow_index(&engine->flows, flow))
        wire_fail_port(wire, flow->key.client_port, "an opening and its flow have lost each other");
}

static struct census walk(struct wire *wire, const struct engine *engine)
{
    struct census census = {0};
    for (uint32_t i = 0; i < engine->flows.unused; i++) {
        const struct flow *flow = &engine->flows.flows[i];
        if (is_opening(flow))
            check_opening(wire, engine, flow);
        census.added += engine->flows.carried != NULL && engine->flows.carried->records[i].added;
        census.openings += is_opening(flow);
        census.pending += flow->state == FLOW_OPENING || flow->state == FLOW_GREETING;
        census.kept += flow->state == FLOW_KEPT;
        census.half_open += flow_is_half_open(flow) && flow_cold(&engine->flows, flow)->server != 0;
        census.spliced += flow->state == FLOW_SPLICED || flow->state == FLOW_DRAINING;
        census.closing += flow->state == FLOW_CLOSING;
        census.tracked += flow_is_half_open(flow) || flow->state == FLOW_ESTABLISHED ||
                          flow->state == FLOW_ASKING || flow->state == FLOW_OUTBOUND;
    }
    return census;
}

static void expect_equal(struct wire *wire, const char *what, uint64_t is, uint64_t walked)
{
    if (is != walked)
        wire_fail(wire, "the engine counts %llu %s, there are %llu", (unsigned long long)is, what,
                  (unsigned long long)walked);
}

static void check_census(struct wire *wire, const struct engine *engine)
{
    const struct opening_pool *pool = &engine->openings;
    struct census census = walk(wire, engine);
    uint32_t openings_of_servers = 0, half_open_of_servers = 0;
    for (uint32_t i = 0; i < engine->servers.capacity; i++) {
        openings_of_servers += engine->servers.slots[i].openings_now;
        half_open_of_servers += engine->servers.slots[i].counts.half_open_flows;
    }
    expect_equal(wire, "tracked", engine->counters.flows_tracked, census.tracked);
    expect_equal(wire, "pending", engine->counters.flows_pending, census.pending);
    expect_equal(wire, "kept", engine->counters.flows_kept, census.kept);
    expect_equal(wire, "slots", engine->slots.count, census.kept);
    expect_equal(wire, "spliced", engine->counters.flows_spliced, census.spliced);
    expect_equal(wire, "closing", engine->counters.flows_closing, census.closing);
    expect_equal(wire, "openings", pool->openings_touched - pool->free_openings_count,
                 census.openings);
    expect_equal(wire, "openings of servers", openings_of_servers, census.openings);
    expect_equal(wire, "half-open flows of servers", half_open_of_servers, census.half_open);
    if (wire->middle->path != NULL)
        expect_equal(wire, "connections that the kernel knows", path_known(wire->middle->path),
                     census.added);
    if (pool->holds_touched - pool->free_holds_count > census.openings)
        wire_fail(wire, "%u buffers are held by %u openings",
                  pool->holds_touched - pool->free_holds_count, census.openings);
}

/* True where this session's client has said enough for a connection of its own. */
static bool has_asked(const struct session *session)
{
    const struct conn *client = session->client;
    if (client == NULL || session->wrong || client->state == TCP_SYN_SENT)
        return false;
    return session->server_port == 3306 ||
           (client->snd_max - client->iss > 1 && client->out.bytes > 0);
}

static bool flow_of(const struct flow *flow, const struct session *session)
{
    return session->client_port == flow->key.client_port &&
           session->server_port == flow->key.server_port &&
           memcmp(&session->client_host->addr, &flow->key.client, sizeof flow->key.client) == 0 &&
           memcmp(&session->server_host->addr, &flow->key.server, sizeof flow->key.server) == 0;
}

/* SYNs that pass to a server that serves nobody, to find out whether it still does so; it may
 * answer one. */
#define PROBING_MOST 20u

static bool probes(struct stage *stage, const struct engine *engine)
{
    for (uint32_t i = 0; i < engine->servers.capacity; i++)
        stage->doubted |= engine->servers.slots[i].doubted;
    return stage->doubted;
}

/* Protected all the time: nothing is kept for who has not asked. */
static void check_proved(struct wire *wire, const struct engine *engine)
{
    struct stage *stage = wire->context;
    uint32_t probing = probes(stage, engine) ? PROBING_MOST : 0;
    for (uint32_t i = 0; i < engine->flows.unused; i++) {
        const struct flow *flow = &engine->flows.flows[i];
        bool asked = false;
        if (flow->state == FLOW_FREE)
            continue;
        for (const struct session *session = stage->sessions; session != NULL;
             session = session->next)
            asked = asked || (flow_of(flow, session) &&
                              (has_asked(session) || (flow->state == FLOW_KEPT && session->wrong)));
        if (!asked && probing > 0 &&
            (flow_is_half_open(flow) || flow->state == FLOW_ESTABLISHED ||
             flow->state == FLOW_CLOSING))
            probing--;
        else if (!asked)
            wire_fail_port(wire, flow->key.client_port,
                           "a flow (%s) is kept for port %u, which has not asked",
                           flow_state_name((enum flow_state)flow->state), flow->key.client_port);
    }
}

void inside_check(struct wire *wire)
{
    struct stage *stage = wire->context;
    const struct engine *engine = wire->middle != NULL ? wire->middle->engine : NULL;
    if (engine == NULL)
        return;
    const struct counters *counters = &engine->counters;
    uint64_t seen = counters->flows_tracked + 1000003 * counters->flows_pending +
                    1000033 * counters->flows_spliced + 1000037 * counters->flows_closing +
                    1000039 * counters->flows_kept;
    if (seen == stage->steps_seen)
        return;
    stage->steps_seen = seen;
    check_census(wire, engine);
    if (stage->attack)
        check_proved(wire, engine);
}

uint64_t inside_tags_lost(const struct wire *wire)
{
    return wire->middle->engine->served.overwritten;
}

void inside_expect_empty(struct wire *wire)
{
    const struct engine *engine = wire->middle->engine;
    check_census(wire, engine);
    struct census left = walk(wire, engine);
    uint32_t slots = engine->slots.count;
    if (left.tracked + left.pending + left.spliced + left.closing + slots > 0)
        wire_fail(wire,
                  "left behind: %llu tracked, %llu pending, %llu spliced, %llu closing, %u slots",
                  (unsigned long long)left.tracked, (unsigned long long)left.pending,
                  (unsigned long long)left.spliced, (unsigned long long)left.closing, slots);
    if (wire->middle->path != NULL && path_known(wire->middle->path) > 0)
        wire_fail(wire, "the kernel knows %u connections still", path_known(wire->middle->path));
    if (engine->counters.drops[DROP_outbox_full] > 0)
        wire_fail(wire, "%llu segments of the engine's own found no room",
                  (unsigned long long)engine->counters.drops[DROP_outbox_full]);
}

static struct flow_key key_of(const struct session *session)
{
    struct packet tagged;

    memcpy(tagged.tags, session->client->tags, sizeof tagged.tags);
    return (struct flow_key){.client = session->client_host->addr,
                             .server = session->server_host->addr,
                             .client_port = session->client_port,
                             .server_port = session->server_port,
                             .vlan = packet_vlan(&tagged)};
}

uint32_t inside_promised(const struct wire *wire, const struct session *session)
{
    const struct engine *engine = wire->middle != NULL ? wire->middle->engine : NULL;
    struct flow_key key;
    const struct flow *flow;
    const struct flow_cold *cold;

    /* What follows is asked for each session after each step. */
    if (engine == NULL || engine->slots.count + opening_used(&engine->openings) == 0)
        return 0;
    key = key_of(session);
    flow = flow_find(&engine->flows, &key);
    if (flow == NULL)
        return 0;
    cold = flow_cold(&engine->flows, flow);
    if (flow->state == FLOW_KEPT)
        return engine->slots.slots[cold->slot].promised;
    return flow_has_opening(flow) ? engine->openings.openings[cold->opening].promised : 0;
}
