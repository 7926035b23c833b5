/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config.h - what a shard is made with. */
#ifndef SYNWARD_ENGINE_SHARD_CONFIG_H
#define SYNWARD_ENGINE_SHARD_CONFIG_H

#include <stdint.h>

#include "engine/server/mode.h"
#include "engine/server/trigger.h"
#include "engine/tables/seen.h"
#include "engine/tcp/answer_record.h"
#include "engine/tcp/cookie.h"
#include "engine/tcp/flow_record.h"
#include "engine/tcp/grant.h"
#include "engine/tcp/regulars.h"
#include "engine/tcp/tell_record.h"

/* What the engine shares with a kernel that answers SYNs for it. All zeroed; the caller's. */
struct answer_share {
    struct answer_record *records; /* ANSWER_RECORDS of them; NULL, the default: it answers none */
    uint8_t *known;                /* ANSWER_KNOWN_BYTES: entries, and bits of their rows */
    struct tag *asked;             /* TAGS_ASKED of them (shard.h) */
    uint32_t *served;              /* served_max of them */
    uint32_t cores;                /* that answer; ANSWER_CORES at most */
};

/* What it shares with one that passes segments on and tells of them. All zeroed; the caller's. */
struct tell_share {
    struct tell_hub *hub;        /* NULL, the default: it tells of none */
    struct tell_server *servers; /* servers_max of them */
};

struct engine_config {
    uint32_t flows_max;    /* entries of the flow table, default 262144 */
    uint32_t openings_max; /* connections being opened at once, with 16 KiB of held data each;
                              default 1024 */
    uint32_t greeted_max;  /* greetings remembered, power of two >= 256, default 65536 */
    uint32_t slots_max;    /* beginnings of requests that are kept, default 16384; below 65535 */
    uint32_t servers_max;  /* default 4096 */
    uint32_t sources_max;  /* sources limited, and sources judged; power of two, default 16384 */
    uint32_t observations_max; /* queue between two batches, default 256 */
    uint32_t served_max; /* requests remembered as served, power of two, default 2^20 (rule 5.8) */
    uint32_t observed_per_second; /* new connections of one server, at most; 0, the default: all */
    uint32_t observed_of_known;   /* the same where its policy says `known`; 0: as many */
    uint32_t shards;              /* that share a server's limits, default 1 */
    uint32_t
        held_least; /* connections that a server in attack mode may hold at least, default 64 */
    enum unknown_servers unknown;
    struct trigger_limits triggers; /* for servers that have no limits of their own */
    struct cookie_keys keys;        /* the same in every shard */
    struct cookie_share share;      /* and in every bridge of a cluster */
    uint64_t table_seed[2];         /* of the hash tables; random, any */
    /* flows_max of them, zeroed, which the kernel reads as well and which stay the caller's; NULL,
     * the default: it carries nothing */
    struct flow_record *records;
    struct record_figures
        *record_figures; /* servers_max of them; NULL where there are no records */
    struct answer_share answers;
    struct grant *grants; /* GRANTS of them, of all shards, zeroed; NULL, the default: servers
                             are asked by SYNs */
    struct tell_share tells;
    struct prepared *prepared; /* PREPARED_PLACES of them, where it tells; NULL, the default: the
                                  engine answers servers by itself */
    struct handed_flow *log;   /* tables/joined_log.h, zeroed; NULL, the default: none */
    uint32_t log_rows;
    uint16_t *joined; /* tcp/joined.h, of all shards, zeroed; NULL, the default: nobody asks */
    struct regulars *regulars; /* tcp/regulars.h, likewise */
};

#endif
