/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * joined_log.h - a connection as it is handed over to another process (stages/handover.h), and a
 * row of that for each joined one, in memory that outlives the process if it is killed.
 *
 *      flow_set_state()      writes the row when the connection is joined, and at each look at it,
 *                            once a minute; takes it away when it ends
 *      joined_log_write()    when a floor was moved, as an old one would mislead
 *
 * A row counts where `edited` is 1, which is written last: one that was being written when the
 * process was killed is none. Numbers in it may be a minute old; the offsets never change.
 */
#ifndef SYNWARD_ENGINE_TABLES_JOINED_LOG_H
#define SYNWARD_ENGINE_TABLES_JOINED_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "engine/tables/flow.h"

/* No padding, and the key first: that much of it every version can read. */
struct handed_flow {
    struct flow_key key;
    uint8_t edited; /* the connection's halves are joined by offsets: any version reads this, too */
    uint8_t state, flags;
    int8_t to_client_shift, to_server_shift;
    uint8_t offered, generation, timestamps;
    uint32_t words[4]; /* of a half-open one its link, else the offsets and floors */
    uint32_t used, born;
    uint32_t client_isn, server_isn, client_next, server_next;
    uint32_t newest_tsval; /* with FLOW_GREETING_DUE */
    uint16_t server_mss;
    uint8_t client_scale;
    uint8_t unused;
    uint32_t record; /* place in the map of records, plus one; 0: none. Of a log its own place is */
};

_Static_assert(sizeof(struct handed_flow) == 100, "no padding");
_Static_assert(offsetof(struct handed_flow, edited) == sizeof(struct flow_key),
               "where every version finds it");

/* As it is. */
void handed_flow_fill(const struct flow *flow, const struct flow_cold *cold,
                      struct handed_flow *out);

/* Of a joined one; and of one that no longer is. Nothing, where the table has no log, or none so
 * long. */
void joined_log_write(const struct flow_table *table, const struct flow *flow);
void joined_log_clear(const struct flow_table *table, const struct flow *flow);
/* Writes it where the kernel has moved the floor of acks, and it is joined. */
void joined_log_follow(const struct flow_table *table, const struct flow *flow);

#endif
