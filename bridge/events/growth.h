/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * growth.h - tables without room, TAPs that lose frames, servers with slow connections: events
 * (events.h) of numbers that only grow, REPORT_TABLE_US apart for each, and of tables that fill.
 */
#ifndef SYNWARD_BRIDGE_EVENTS_GROWTH_H
#define SYNWARD_BRIDGE_EVENTS_GROWTH_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/events/events.h"
#include "engine/base/counters.h"
#include "engine/engine.h"

/* Between two events of the same full table, or TAP, or of slow connections at a server */
#define REPORT_TABLE_US (10ull * 1000 * 1000)
/* Servers whose slow connections are told; of more at once those that came last are not. */
#define REPORT_SLOW 64

/* What counters say of a table that has no room: X(name for people, sum of `counters`). */
#define FULL_TABLES(X)                                                                             \
    X("flows", counters->flows_evicted)                                                            \
    X("pools", counters->drops[DROP_no_room])                                                      \
    X("held data", counters->drops[DROP_hold_full])                                                \
    X("segments of our own", counters->drops[DROP_outbox_full])                                    \
    X("observations", counters->learning_observations_dropped)

enum {
#define FULL_TABLE_ONE(name, value) 0,
    TABLES = sizeof((char[]){FULL_TABLES(FULL_TABLE_ONE)}),
#undef FULL_TABLE_ONE
    WATCHED = TABLES + 2 /* and the TAPs */
};

/* A number that only grows, and what was told of it. */
struct growing {
    uint64_t told;
    uint64_t told_us; /* 0: never */
};

struct slow_server {
    struct server_key key;
    struct growing ended;
};

enum {
#define ENGINE_TABLE_NUMBER(name, text) FILLING_##name,
    ENGINE_TABLES(ENGINE_TABLE_NUMBER)
#undef ENGINE_TABLE_NUMBER
        FILLING_TABLES
};

struct growth {
    struct growing growing[WATCHED];
    bool filling[FILLING_TABLES]; /* was told of, and less than half was free since */
    uint32_t slow_count;
    struct slow_server slow[REPORT_SLOW];
};

/* There is more than was told, and it was not told just now. */
bool growing_is_news(const struct growing *growing, uint64_t total, uint64_t now_us);

/* `overflow`: frames that each side's TAP has lost, by enum side. */
void growth_look(struct growth *growth, struct events *events, const struct counters *counters,
                 const uint64_t overflow[2], uint64_t now_us);

/* What was told of a server's slow connections. NULL: there is no room for one more server. */
struct growing *growth_of_slow(struct growth *growth, const struct server_key *server);

void growth_use(struct growth *growth, struct events *events, const struct engine_use *use);

#endif
