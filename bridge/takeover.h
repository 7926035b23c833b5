/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * takeover.h - what a daemon that ends in order leaves to the next one, beside the store: its
 * connections live on, and its cookies are good.
 *
 *      STORE.flows     mode 0600, for it holds secrets; written at the end, removed once the next
 *                      daemon runs with what it says
 *
 *      prefix | flows | their form | form and rows of keys, promises, servers, ...
 *
 * Where the wire goes on meanwhile (SIGUSR2) the kernel still carries by the records of the old
 * one, which say how far a connection has come since: takeover_records.h.
 *
 * It is of one boot, one wire (both sides as they were written), and good for as long as an idle
 * connection is remembered; whatever of that does not hold, or is not whole by its digest, is as if
 * there were none. The form says where each field of a row is (base/row_form.h), so that an older
 * version reads what a newer one has left, and the other way round. Every version reads the prefix
 * and, at the head of each flow, its key and whether its halves are joined by offsets: where the
 * rest of it cannot be read, those that are joined are answered by resets; nobody knows then whose
 * request was acknowledged in part.
 *
 * Nothing is synced to the disk: what a crash of the machine leaves is of another boot. Where the
 * file cannot be written, the disk being full, it is one in memory: the next run's, where that is
 * one of the same process, else the service manager is given it to keep (bridge/base/notify.h).
 */
#ifndef SYNWARD_BRIDGE_TAKEOVER_H
#define SYNWARD_BRIDGE_TAKEOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/base/notify.h"
#include "bridge/workers/workers.h"
#include "engine/server/policy.h"
#include "profiles/error.h"
#include "profiles/store/atomic_file.h"
#include "profiles/store/file_hands.h"

struct takeover;
struct takeover_log;

/* What was left beside this store for this wire, or with the service manager, or nothing: then keys
 * and seeds are new. The log says where something lies there that is not taken. `notify` is
 * borrowed for as long as the takeover lives; `left`: the file that takeover_leave() gave, or -1;
 * it is closed here, also on failure. NULL: out of memory. */
struct takeover *takeover_read(const char *store_path, const char *client_side,
                               const char *server_side, const struct notify *notify, int left,
                               struct error *error);
/* What takeover_write() has left in memory for the next run of this process: a file descriptor, the
 * caller's then; -1: nothing. NULL is fine. */
int takeover_leave(struct takeover *takeover);
/* Wipes what is secret. NULL is fine. */
void takeover_free(struct takeover *takeover);
/* The same in a process that was forked: what was begun is the other's. */
void takeover_leave_out(struct takeover *takeover);

/* Keys and seeds of the workers; the same at each call. */
void takeover_fill_config(const struct takeover *takeover, struct engine_config *config);
/* That of the program that chooses the worker (bpf/steering.h). */
uint64_t takeover_steer_seed(const struct takeover *takeover);
/* The side of another wire, as it was written, that the old daemon has left as it was; NULL: there
 * is none. */
const char *takeover_left_side(const struct takeover *takeover, enum side side);
/* The old daemon has left the wire as it was. */
bool takeover_was_handed_on(const struct takeover *takeover);
/* The promises of the old daemon, for policy_compile(); NULL: none. The takeover's. */
const struct policy *takeover_policy(const struct takeover *takeover);
/* What is left in case we are killed (takeover_log.h). */
struct takeover_log *takeover_log_of(struct takeover *takeover);
/* Adds to, or takes from, the counts of what is joined (engine/tcp/joined.h), for who passes frames
 * on until the workers are there: all that was left and means nothing at its other end, or is
 * answered by a reset there. */
void takeover_mark(const struct takeover *takeover, uint16_t *joined, const uint64_t table_seed[2],
                   int change);
/* worker_options.inherit, with the takeover as its context. `count` workers in all. */
void takeover_fill(void *context, uint32_t index, uint32_t count, struct engine *engine,
                   uint64_t now_us);
/* Of all workers before they begin: how far the connections have come that programs of who is gone
 * (killed, or handed on) still carry, or carried until now. False: there are none. */
bool takeover_follow(const struct takeover *takeover, struct workers *workers);
/* Of workers that have all of it, before anything goes on by them: from here on the next one finds
 * how far that has come, wherever this start ends. */
void takeover_hold(struct takeover *takeover);
/* Nearly all is up: removes the file, by `hands` where there are any, and says in the log what was
 * taken over. */
void takeover_done(struct takeover *takeover, const struct file_hands *hands);

/* How it is replaced; the caller frees file->path. */
bool takeover_file(const char *store_path, struct atomic_file *file, struct error *error);
/* Who comes next, and what goes on until then. */
struct takeover_way {
    bool within;                  /* it is a run of this process */
    bool goes_on;                 /* the wire does, meanwhile */
    struct carrying_left records; /* and joined connections by these; or all zero */
};
/* Of workers that were halted; `hands` NULL: by ourselves. Where nothing is to be left there is no
 * file. What is left in memory instead is said in the log, and no error. */
bool takeover_write(struct takeover *takeover, const struct workers *workers,
                    const struct takeover_way *way, const struct file_hands *hands,
                    struct error *error);

#endif
