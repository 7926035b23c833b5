/* SPDX-License-Identifier: GPL-2.0-or-later */
/* connection.c - see connection.h. */
#include "engine/shard/connection.h"

#include "engine/shard/observe.h"

/* Keeps server->half_open_flows the number of half-open flows that point at it. */
static void count_half_open(struct engine *engine, const struct flow *flow, int change)
{
    struct server *server = flow_server(engine, flow);

    if (server && flow->state == FLOW_HALF_OPEN)
        server->counts.half_open_flows += (uint32_t)change;
}

/* Each shard sees the answers to some clients only: that there is a server, all must know. */
void engine_server_answered(struct engine *engine, struct server *server, uint64_t now_us)
{
    if (server_answered(server, now_us) && engine->servers.shards > 1)
        observe_answered(engine, server, now_us);
}

void engine_look_at_triggers(struct engine *engine, struct server *server, uint64_t now_us)
{
    struct observed_trigger trigger;

    if (server_trigger(&engine->servers, server, now_us, &trigger))
        observe_trigger(engine, server, &trigger, now_us);
}

void flow_bind_server(struct engine *engine, struct flow *flow, struct server *server)
{
    count_half_open(engine, flow, -1);
    flow_cold(&engine->flows, flow)->server =
        server ? (uint16_t)(server - engine->servers.slots + 1) : (uint16_t)0;
    count_half_open(engine, flow, 1);
}

void engine_flow_state(struct engine *engine, struct flow *flow, enum flow_state state,
                       uint64_t now_us)
{
    count_half_open(engine, flow, -1);
    flow_set_state(&engine->flows, flow, state, now_us);
    count_half_open(engine, flow, 1);
}

void engine_flow_free(struct engine *engine, struct flow *flow)
{
    count_half_open(engine, flow, -1);
    if (flow->state == FLOW_KEPT)
        slot_give_back(&engine->slots, &engine->slots.slots[flow_cold(&engine->flows, flow)->slot]);
    flow_free(&engine->flows, flow);
}

void engine_flow_close(struct engine *engine, struct flow *flow, enum flow_end reason,
                       uint64_t now_us)
{
    bool observed = flow->state == FLOW_ESTABLISHED || flow->state == FLOW_SPLICED ||
                    flow->state == FLOW_GREETING || flow->state == FLOW_DRAINING ||
                    flow->state == FLOW_HALF_OPEN;

    if (observed)
        observe_end(engine, flow, reason, now_us);
    engine_flow_state(engine, flow, FLOW_CLOSING, now_us);
}

struct flow *engine_flow_new(struct engine *engine, const struct flow_key *key,
                             enum flow_state state, uint64_t now_us)
{
    struct flow *old = flow_evictable(&engine->flows, state, now_us);

    if (old) {
        engine->counters.flows_evicted++;
        if (old->state == FLOW_HALF_OPEN || old->state == FLOW_ESTABLISHED ||
            old->state == FLOW_SPLICED)
            observe_end(engine, old, END_EVICTED, now_us);
        engine_flow_free(engine, old);
    }
    return flow_new(&engine->flows, key, state, now_us);
}
