/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * takeover_log.h - what a daemon that is killed leaves to the next one: its joined connections,
 * which nobody else could understand.
 *
 *      STORE.joined    mode 0600: a head, and a row for each place of the workers' tables
 *                      (engine/tables/joined_log.h), mapped by who runs, so that it is there
 *                      whatever becomes of it; its room on the disk is taken at the start
 *      STORE.joined.next, STORE.joined.after    the same of starts that have not come to their end
 *
 *      takeover_log_read()     what the one before left, where that did not end in order
 *      takeover_log_begin()    one of our own, under another name
 *      takeover_log_hold()     it has all that was left: from here on it is of use to the next one,
 *                              also where our start fails
 *      takeover_log_next()     what has been carried since
 *      takeover_log_done()     takes the place of the old one, when little can fail any more
 *      takeover_log_end()      we end in order: STORE.flows says more
 *
 * Starts that have failed between the two leave files of their own. Whose programs carry knows
 * best, which its records tell, as they are gone with those: that is one, or two where a start died
 * between the ports. Where none carries the newest counts.
 *
 * What the kernel has carried since a row was written stands in the records of who was killed, as
 * long as his programs are there: how far each side has come, and whether it has ended.
 *
 * It is of one boot and one wire, as STORE.flows, and says of what form rows and records are
 * (base/row_form.h): another version reads them. Where it cannot, it reads the keys only, and those
 * connections are reset. No secrets are in it: cookies of who was killed are lost. Nothing is
 * synced to the disk.
 */
#ifndef SYNWARD_BRIDGE_TAKEOVER_LOG_H
#define SYNWARD_BRIDGE_TAKEOVER_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/bpf/carrying.h"
#include "engine/engine.h"
#include "engine/tables/joined_log.h"
#include "profiles/error.h"
#include "profiles/store/atomic_file.h"
#include "profiles/store/file_hands.h"

struct takeover_log;

/* So many connections of each worker at most: 24 MiB. */
#define TAKEOVER_LOG_ROWS 262144u

/* What has been left beside this store for this wire, if anything, after `since_us` (0: whenever).
 * `carried`: programs of who has left something else carry. NULL: out of memory. */
struct takeover_log *takeover_log_read(const char *store_path, const uint8_t *boot,
                                       const uint8_t *wire, uint64_t since_us, bool carried);
/* Of a process that was forked: ours is the other's. */
void takeover_log_leave(struct takeover_log *log);
/* NULL is fine. */
void takeover_log_free(struct takeover_log *log);

/* For so many workers with so many connections each, and the records by which the kernel carries
 * them, if it does. False: there is none, and `error` says why. */
bool takeover_log_begin(struct takeover_log *log, uint32_t workers, uint32_t rows,
                        struct carrying_left left, struct error *error);
/* Of a worker: where its engine writes; nothing where there is none. */
void takeover_log_share(const struct takeover_log *log, uint32_t worker,
                        struct engine_config *config);
/* As takeover_mark(). */
void takeover_log_mark(const struct takeover_log *log, uint16_t *joined,
                       const uint64_t table_seed[2], int change);
/* Before the first program of ours carries, or the first worker does anything. */
void takeover_log_hold(struct takeover_log *log);
/* Into the engine of worker `index` of `count`; how many were taken over, or are reset. */
struct takeover_log_taken {
    uint32_t live, reset;
};
struct takeover_log_taken takeover_log_fill(const struct takeover_log *log, uint64_t steer_seed,
                                            uint32_t index, uint32_t count, struct engine *engine,
                                            uint64_t now_us);
/* What was left may still be carried by programs of the killed one. */
bool takeover_log_is_carried(const struct takeover_log *log);
/* Where takeover_log_is_carried(): the next one, from the first on, as far as it has come by now,
 * for takeover_again(); one may come twice. False: there are no more. */
struct takeover_log_place {
    int log;
    uint64_t row;
};
bool takeover_log_next(const struct takeover_log *log, struct takeover_log_place *place,
                       struct handed_flow *row);
void takeover_log_done(struct takeover_log *log);
/* By `hands`, where there are any. */
void takeover_log_end(struct takeover_log *log, const struct file_hands *hands);
/* What the hands remove; the caller frees file->path. */
bool takeover_log_file(const char *store_path, struct atomic_file *file, struct error *error);

#endif
