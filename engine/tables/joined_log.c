/* SPDX-License-Identifier: GPL-2.0-or-later */
/* joined_log.c - see joined_log.h. */
#include "engine/tables/joined_log.h"

#include <string.h>

_Static_assert(sizeof(((struct handed_flow *)NULL)->words) == sizeof(struct flow_link),
               "a link and offsets are of one size");

void handed_flow_fill(const struct flow *flow, const struct flow_cold *cold,
                      struct handed_flow *out)
{
    *out = (struct handed_flow){.key = flow->key,
                                .edited = (flow->flags & FLOW_EDIT) != 0,
                                .state = flow->state,
                                .flags = flow->flags,
                                .to_client_shift = flow->to_client_shift,
                                .to_server_shift = flow->to_server_shift,
                                .offered = cold->offered,
                                .generation = cold->generation,
                                .timestamps = cold->timestamps,
                                .used = flow->used,
                                .born = cold->born,
                                .client_isn = cold->client_isn,
                                .server_isn = cold->server_isn,
                                .client_next = cold->client_next,
                                .server_next = cold->server_next,
                                .server_mss = cold->server_mss,
                                .client_scale = cold->client_scale};
    memcpy(out->words, &flow->link, sizeof(out->words));
    if (flow->flags & FLOW_GREETING_DUE)
        out->newest_tsval = cold->newest_tsval;
}

static struct handed_flow *row_of(const struct flow_table *table, const struct flow *flow)
{
    const uint32_t index = flow_index(table, flow);

    return table->log && index < table->log_rows ? &table->log[index] : NULL;
}

_Static_assert(offsetof(struct flow, ack_floor) - offsetof(struct flow, link) == 8,
               "the floor of acks is the third word");

/* The process may be killed between any two of these, and what it wrote stays. */
void joined_log_write(const struct flow_table *table, const struct flow *flow)
{
    struct handed_flow *row = row_of(table, flow), now;

    if (!row)
        return;
    handed_flow_fill(flow, flow_cold(table, flow), &now);
    now.edited = 0;
    __atomic_store_n(&row->edited, 0, __ATOMIC_SEQ_CST);
    memcpy(row, &now, sizeof(*row));
    __atomic_store_n(&row->edited, 1, __ATOMIC_SEQ_CST);
}

void joined_log_clear(const struct flow_table *table, const struct flow *flow)
{
    struct handed_flow *row = row_of(table, flow);

    if (row)
        __atomic_store_n(&row->edited, 0, __ATOMIC_SEQ_CST);
}

void joined_log_follow(const struct flow_table *table, const struct flow *flow)
{
    const struct handed_flow *row = row_of(table, flow);

    if (row && flow->state == FLOW_SPLICED && row->words[2] != flow->ack_floor)
        joined_log_write(table, flow);
}
