/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * workers_parts.h - what workers.c and gather.c share, and nobody else.
 */
#ifndef SYNWARD_BRIDGE_WORKERS_WORKERS_PARTS_H
#define SYNWARD_BRIDGE_WORKERS_WORKERS_PARTS_H

#include "bridge/workers/mode_watch.h"
#include "bridge/workers/workers.h"

/* What a worker writes its answer into. `next`: put aside. */
struct scratch {
    struct scratch *next;
    uint32_t count;
    union {
        struct counters counters;
        struct engine_use use;
        struct server_info servers[1];
        struct flow_info flows[1];
        struct source_info sources[1];
        uint8_t bytes[1];
    };
};

struct workers {
    uint32_t count;
    struct worker *worker[WORKERS_MAX];
    struct policy_handover *policies;
    struct mode_watch *watch;
    struct waker bell;
    uint64_t look_us; /* when to look for observations that did not ring; UINT64_MAX: all ring */
    enum mode_setting setting; /* for all servers */
    struct scratch *aside;
};

/* Zeroed; NULL: `error`. */
struct scratch *scratch_new(size_t payload_bytes, struct error *error);
/* True: the answer is in `scratch`. Else it is no longer the caller's. */
bool scratch_ask(struct workers *workers, uint32_t worker, const struct worker_request *request,
                 struct scratch *scratch, struct error *error);

#endif
