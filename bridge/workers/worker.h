/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * worker.h - a thread with a ring, two sides, an engine shard, and nothing that blocks
 * (doc/architecture.md, threads).
 *
 *      main thread                                     worker
 *      worker_make()                                   its engine, with what it goes on with
 *      worker_begin()                                  its first batch
 *      worker_tell(), worker_ask()  -- requests -->    between two batches
 *                                   <-- answers --
 *      worker_next_observation()    <-- observations   after each batch
 *      worker_next_trigger()        <-- triggers
 *      policy_handover_publish()    -- policy -->      adopted between two batches
 *
 * Everything but the loop itself is called on the main thread. The frames' files may be TAPs, or in
 * tests datagram sockets.
 */
#ifndef SYNWARD_BRIDGE_WORKERS_WORKER_H
#define SYNWARD_BRIDGE_WORKERS_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/base/sandbox.h"
#include "bridge/bpf/carrying.h"
#include "bridge/workers/mailbox.h"
#include "bridge/workers/policy_handover.h"
#include "bridge/workers/worker_request.h"
#include "bridge/io/ring.h"
#include "engine/engine.h"
#include "profiles/error.h"

/* How long a worker is waited for. */
#define WORKER_ANSWER_US (2000ull * 1000)

struct worker_options {
    uint32_t index; /* among the workers, for the policy hand-over */
    uint32_t count; /* of workers */
    int fds[2];     /* by enum side, stay the caller's */
    int syn_fds[2]; /* the same, of queues of SYNs; -1: this side has none */
    bool has_syn_fds;
    bool nowait_writes, single_reads;
    uint32_t busy_poll; /* a setting of busy_poll.h */
    struct busy_poll_word *poll_word;
    bool learning;
    enum mode_setting mode;
    struct engine_config engine;
    /* Called with `inherit_context` by worker_make() (takeover.h); NULL: there is nothing to go on
     * with. */
    void (*inherit)(void *context, uint32_t index, uint32_t count, struct engine *engine,
                    uint64_t now_us);
    void *inherit_context;
    struct carrying *carrying;  /* engine.records are its; NULL: the kernel carries nothing */
    uint32_t shard;             /* which of them are its records */
    struct bypass_pulse *pulse; /* bpf/bypass.h; NULL: nobody asks whether it is alive */
    struct policy_handover *policies;
    struct waker *bell; /* rung for the main thread when there is something to fetch */
    bool sandbox_whole; /* what cannot be had of a sandbox is an error */
    const char *escape; /* escape.h */
};

struct worker;

/* With an engine that knows what it goes on with, and no thread yet. */
struct worker *worker_make(const struct worker_options *options, struct error *error);
/* Until worker_begin(): for who knows more by now of what it goes on with. */
struct engine *worker_engine_made(struct worker *worker);
/* Until then: workers_obey(). */
void worker_obey(struct worker *worker);
/* Returns when the worker reads its sides; false: it does not. `sandbox` NULL: none; outlives the
 * start. */
bool worker_begin(struct worker *worker, const struct sandbox *sandbox, struct error *error);
/*
 * Ends the thread, if it has begun; openings have ended (engine/stages/handover.h). What is left is
 * the engine, as it is now, until worker_stop(). Nothing is to be told or asked any more.
 */
void worker_halt(struct worker *worker);
const struct engine *worker_engine(const struct worker *worker);
/* The same, and frees everything. */
void worker_stop(struct worker *worker);
/* True where the worker can no longer do its work; `error` says why. The bell was rung. */
bool worker_failed(const struct worker *worker, struct error *error);
bool worker_multishot(const struct worker *worker);

/* Without waiting for it to be done. False: its mailbox is full. */
bool worker_tell(struct worker *worker, const struct worker_request *request);
/*
 * Returns when it is done, under the newest policy published before; false (and `error`) after
 * WORKER_ANSWER_US. What the request points at must then stay where it is until the worker was
 * stopped: it may still be written.
 */
bool worker_ask(struct worker *worker, const struct worker_request *request, struct error *error);
/* Ends its sleep, to adopt a policy. */
void worker_wake(struct worker *worker);

/* The oldest not yet fetched, good until the next call; NULL: none. */
const struct observation *worker_next_observation(struct worker *worker);
/* OBSERVED_TRIGGER, OBSERVED_SOURCE and OBSERVED_ANSWERED: what all workers, and the log, must
 * know. */
const struct observation *worker_next_trigger(struct worker *worker);

#endif
