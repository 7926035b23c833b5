/* SPDX-License-Identifier: GPL-2.0-or-later */
/* carried.c - see carried.h. */
#include "engine/tables/carried.h"

#include "engine/base/bytes.h"

static bool put_order(const struct flow_table *table, uint32_t index, bool add)
{
    struct carried *carried = table->carried;

    if (carried->orders_count == CARRIED_ORDERS)
        return false;
    carried->orders[carried->orders_count++] =
        (struct carry_order){.key = table->flows[index].key,
                             .index = index,
                             .serial = carried->records[index].serial,
                             .server = table->cold[index].server,
                             .add = add};
    return true;
}

bool carried_add(struct flow_table *table, uint32_t index)
{
    return put_order(table, index, true);
}

void carried_recall(const struct flow_table *table, uint32_t index)
{
    const struct flow_record *record = &table->carried->records[index];
    struct flow *flow = &table->flows[index];
    struct flow_cold *cold = &table->cold[index];

    if (!record->added)
        return;
    flow->used = seq_max(flow->used, __atomic_load_n(&record->used, __ATOMIC_RELAXED));
    cold->client_next = record_newest(
        record_next(__atomic_load_n(&record->way[0], __ATOMIC_ACQUIRE)), cold->client_next);
    cold->server_next = record_newest(
        record_next(__atomic_load_n(&record->way[1], __ATOMIC_ACQUIRE)), cold->server_next);
    /* Which of two is the later nobody can tell: it may be more than half of all numbers ahead. */
    if (flow->flags & FLOW_EDIT)
        flow->ack_floor = __atomic_load_n(&record->ack_floor, __ATOMIC_RELAXED);
}

void carried_floor(const struct flow_table *table, uint32_t index)
{
    struct flow_record *record = &table->carried->records[index];

    if (record->added)
        __atomic_store_n(&record->ack_floor, table->flows[index].ack_floor, __ATOMIC_RELAXED);
}

bool carried_was_closed(const struct flow_table *table, uint32_t index)
{
    struct flow_record *record = &table->carried->records[index];
    const bool closed = record->added && __atomic_load_n(&record->closed, __ATOMIC_RELAXED);

    if (closed)
        __atomic_store_n(&record->closed, 0, __ATOMIC_RELAXED);
    return closed;
}

void carried_touch(struct flow_table *table, uint32_t index)
{
    struct carried *carried = table->carried;
    struct flow_record *record = &carried->records[index];

    carried_recall(table, index);
    if (record->touched || carried->touched_count == CARRIED_TOUCHED)
        return;
    record->touched = true;
    carried->touched[carried->touched_count++] = index;
}

void carried_withdraw(struct flow_table *table, uint32_t index)
{
    struct flow_record *record = &table->carried->records[index];

    record->seen = 0;
    if (!record->added)
        return;
    carried_recall(table, index);
    /* Serial 0 is nobody's: who has read an older word no longer finds it there. */
    __atomic_store_n(&record->way[0], 0, __ATOMIC_RELEASE);
    __atomic_store_n(&record->way[1], 0, __ATOMIC_RELEASE);
    put_order(table, index, false);
    record->added = false;
}
