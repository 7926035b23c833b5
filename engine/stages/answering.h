/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * answering.h - for which servers the kernel answers SYNs, and with what, and drops segments that
 * prove nothing (tcp/answer_record.h).
 *
 * For those in attack mode whose SYNs the engine would answer by the short way (fast/syn.h). What
 * is said for them is written down when that begins and when a policy is adopted, keys for the next
 * epoch before it begins. What the kernel has answered is counted here as if the engine had: before
 * a cookie of that server is counted as returned, and every ANSWERING_US.
 *
 * There is one where the caller gave what both share (engine_config.answers). Orders are for the
 * caller, who tells the kernel which record a server has; a record whose serial is another is
 * nobody's, so that it is no harm if that takes a while.
 */
#ifndef SYNWARD_ENGINE_STAGES_ANSWERING_H
#define SYNWARD_ENGINE_STAGES_ANSWERING_H

#include "engine/shard/shard.h"

#define ANSWERING_US (50ull * 1000)
/* SYNs in that time that go up where a client may have to be asked again: so many that a crowd is
 * among them, and so few that the ring of SYN-ACKs (16,384) keeps each for 3 s, its second repeat.
 * Proved clients that cannot be served yet come on top (synack_ask_again()).
 */
#define ANSWERING_SPARE 250
#define ANSWER_ORDERS   (2 * ANSWER_RECORDS)

struct answer_order {
    struct server_key server;
    uint32_t index, serial;
    bool add; /* else: remove */
};

/* Of a record: whose it is, and what of its counts has been counted. */
struct answered {
    struct server *server; /* NULL: nobody */
    uint64_t step;
    uint32_t epoch; /* keys are there for it and for the next */
    uint32_t syns[ANSWER_STEPS], asked[ANSWER_STEPS], rejected;
};

struct answering {
    struct answer_record *records;
    uint32_t used, serial;
    uint64_t next_us;                 /* when they are to be looked at again */
    uint32_t attacked, attacks_begun; /* of the servers, as it was when they were looked at */
    bool renew;                       /* what is said may be another since */
    uint32_t orders_count;
    struct answer_order orders[ANSWER_ORDERS];
    struct answered answered[ANSWER_RECORDS];
};

/* At the end of each batch. */
void answering_tick(struct engine *engine, uint64_t now_us);
/* When that is next worth calling. */
uint64_t answering_next(const struct answering *answering);

/* From then on, and not before, a segment that proves nothing may pass to this server, which has a
 * record. */
static inline void answering_no_strays(struct server *server, uint64_t until_us)
{
    __atomic_store_n(&server->record->strays_us, until_us, __ATOMIC_RELAXED);
}

/* Counts what the kernel has answered for a server that has a record, and dropped. */
void answering_count(struct engine *engine, struct server *server, uint64_t now_us);
static inline void answering_catch_up(struct engine *engine, struct server *server, uint64_t now_us)
{
    if (server->record)
        answering_count(engine, server, now_us);
}

#endif
