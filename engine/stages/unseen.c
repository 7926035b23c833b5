/* SPDX-License-Identifier: GPL-2.0-or-later */
/* unseen.c - see unseen.h. */
#include "engine/stages/unseen.h"

#include "engine/shard/connection.h"
#include "engine/tables/carried.h"

void unseen_end(struct engine *engine, struct flow *flow, const uint8_t ended[2], uint64_t now_us)
{
    const uint8_t both = FLOW_CLIENT_FIN | FLOW_SERVER_FIN;

    if (flow->state != FLOW_SPLICED && flow->state != FLOW_ESTABLISHED)
        return;
    if (ended[SIDE_CLIENT] == RECORD_RST || ended[SIDE_SERVER] == RECORD_RST) {
        flow->flags |= FLOW_RESET;
        engine_flow_close(engine, flow,
                          ended[SIDE_CLIENT] == RECORD_RST ? END_CLIENT_RESET : END_SERVER_RESET,
                          now_us);
        return;
    }
    if (ended[SIDE_CLIENT] == RECORD_FIN)
        flow->flags |= FLOW_CLIENT_FIN;
    if (ended[SIDE_SERVER] == RECORD_FIN && !(flow->flags & FLOW_SERVER_FIN))
        engine_flow_server_fin(engine, flow);
    if ((flow->flags & both) == both)
        engine_flow_close(engine, flow, END_FIN, now_us);
}

bool unseen_look(struct engine *engine, uint32_t *cursor, uint64_t now_us)
{
    const struct carried *carried = engine->flows.carried;

    for (uint32_t looked = 0; carried && *cursor < engine->flows.unused; ++*cursor) {
        struct flow *flow = &engine->flows.flows[*cursor];
        const struct flow_record *record = &carried->records[*cursor];

        /* What ends is withdrawn by an order each. */
        if (looked++ == UNSEEN_LOOKED_AT || carried->orders_count == CARRIED_ORDERS)
            return true;
        if (record->added && (record->ended[SIDE_CLIENT] || record->ended[SIDE_SERVER])) {
            flow_recall(&engine->flows, flow);
            unseen_end(engine, flow, (const uint8_t[2]){record->ended[0], record->ended[1]},
                       now_us);
        }
    }
    return false;
}
