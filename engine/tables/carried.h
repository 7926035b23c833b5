/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * carried.h - which connections the kernel carries for a shard, and what is to be told it of them.
 *
 * There is one where the caller gave records (engine_config.records). Each frame of a connection
 * that comes up touches it: what the kernel has moved meanwhile is read back, and it is settled
 * when the batch has been written (stages/carry.c). Who asks for an entry's numbers or its time
 * without a frame reads back as well. A connection that leaves its state is withdrawn at once.
 *
 * Orders are for the caller, who tells the kernel which record a connection has. One that finds no
 * room is no harm: a connection that is not added goes up, and one that is not removed has a serial
 * that no longer counts.
 */
#ifndef SYNWARD_ENGINE_TABLES_CARRIED_H
#define SYNWARD_ENGINE_TABLES_CARRIED_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/tables/flow.h"
#include "engine/tcp/flow_record.h"

#define CARRIED_TOUCHED 1024u
#define CARRIED_ORDERS  512u

struct carry_order {
    struct flow_key key;
    uint32_t index, serial;
    uint16_t server; /* as in flow_cold: whose figures it is counted in; 0: nobody's */
    bool add;        /* else: remove */
};

struct carried {
    struct flow_record *records; /* by the flow's index */
    uint32_t serial;
    uint32_t touched_count, orders_count;
    bool sifted; /* of those that were touched only such are left as the kernel knows, or is to */
    uint32_t touched[CARRIED_TOUCHED];
    struct carry_order orders[CARRIED_ORDERS];
};

/* A frame of this flow has come up. */
void carried_touch(struct flow_table *table, uint32_t index);
/* Brings the entry's numbers and its time up to date. */
void carried_recall(const struct flow_table *table, uint32_t index);
/* Its floor of acks was moved: the one in the record counts, which the kernel moves, too. */
void carried_floor(const struct flow_table *table, uint32_t index);
/* The kernel carries nothing of it from here on. */
void carried_withdraw(struct flow_table *table, uint32_t index);
/* Of a record that is filled in: false where there is no room for the order. */
bool carried_add(struct flow_table *table, uint32_t index);

/* True where a client's window has been closed since this was asked last. */
bool carried_was_closed(const struct flow_table *table, uint32_t index);

/* carried_recall() where anything is carried at all. */
static inline void flow_recall(const struct flow_table *table, const struct flow *flow)
{
    if (table->carried)
        carried_recall(table, flow_index(table, flow));
}

#endif
