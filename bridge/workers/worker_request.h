/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * worker_request.h - what the main thread asks of a worker, and the part of it that its engine
 * alone can serve.
 */
#ifndef SYNWARD_BRIDGE_WORKERS_WORKER_REQUEST_H
#define SYNWARD_BRIDGE_WORKERS_WORKER_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"

enum worker_request_kind {
    REQUEST_SETTING,       /* engine_set_setting(): for_all or `server`, `setting` */
    REQUEST_MODE,          /* engine_set_mode(): `server`, `mode`, `cause`, `value` */
    REQUEST_LEARNING,      /* `learning` */
    REQUEST_COUNTERS,      /* into `counters` */
    REQUEST_USE,           /* into `use` */
    REQUEST_SERVERS,       /* into `servers`, at most `max`; `*count` says how many there are */
    REQUEST_FLOWS,         /* into `flows`, the same */
    REQUEST_ACCEPT_QUEUE,  /* engine_set_accept_queue(): `server`, `value` used of `max` */
    REQUEST_ANSWERED,      /* engine_set_answered(): `server` */
    REQUEST_PROVED,        /* engine_set_proved(): `server`, `source.prefix` */
    REQUEST_LISTENING,     /* engine_set_listening(): `server`, `listening` */
    REQUEST_FRESH,         /* engine_listening_fresh() */
    REQUEST_SOURCES,       /* into `sources`, the same */
    REQUEST_SET_SOURCE,    /* engine_set_source(): `source`; `*count` (may be NULL) is 1 where there
                              was room, else 0 */
    REQUEST_FORGET_SOURCE, /* engine_forget_source(): `source`; `*count` is 1 where it was known,
                              else 0 */
    REQUEST_LISTS,         /* engine_set_source_lists(): `lists` */
    REQUEST_RETURNED,      /* engine_set_returned(): `server`, `value` */
    REQUEST_BRIDGES,       /* engine_set_bridges(): `value` */
    REQUEST_OTHERS,        /* engine_set_others(): `server`, `others` */
    REQUEST_HEARS_ALL,     /* engine_hears_all() */
    REQUEST_CONFIGURE,     /* engine_configure(): `triggers`, `unknown` */
    REQUEST_NOTHING,       /* answers when everything told before is done */
    REQUEST_END_OPENINGS,  /* openings end, and none begins any more */
    REQUEST_STOP,
};

struct worker_request {
    enum worker_request_kind kind;
    bool for_all, learning, listening;
    enum mode_setting setting;
    enum mode mode;
    enum trigger_cause cause;
    uint32_t value;
    struct server_key server;
    struct source_rule source;
    struct trigger_limits triggers;
    struct trigger_others others;
    enum unknown_servers unknown;
    const struct source_lists *lists;
    uint32_t max;
    uint32_t *count;
    union {
        struct counters *counters;
        struct engine_use *use;
        struct server_info *servers;
        struct flow_info *flows;
        struct source_info *sources;
    };
};

/* On the worker's thread. False, and nothing was done: the engine cannot serve it, the worker must.
 */
bool worker_request_serve(struct engine *engine, const struct worker_request *request,
                          uint64_t now_us);

#endif
