/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * workers.h - all workers together, as the main thread sees them.
 *
 * What one shard reports the others must know: a trigger that fired in one puts its server into
 * attack mode in all. The return to normal mode is decided here, once for all (mode_watch.h). Main
 * thread only.
 */
#ifndef SYNWARD_BRIDGE_WORKERS_WORKERS_H
#define SYNWARD_BRIDGE_WORKERS_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/workers/worker.h"
#include "engine/engine.h"
#include "engine/server/policy.h"
#include "profiles/error.h"

struct shards;

/*
 * Starts `count` workers, each from `options[i]`, whose index, policies and bell are filled in
 * here. NULL: none is left running. `first` (may be NULL) is the policy that they begin with; it is
 * taken over.
 */
struct shards *shards_start(const struct worker_options *options, uint32_t count,
                            struct policy *first, struct error *error);
void shards_stop(struct shards *shards);

/* Readable when shards_drain() has work that does not wait until shards_due(). */
int shards_fd(const struct shards *shards);
bool shards_failed(const struct shards *shards, struct error *error);
bool shards_multishot(const struct shards *shards);

/* A trigger that put `observation->server` into attack mode, for the log; or any other observation,
 * for the learner. */
typedef void shards_observer(void *context, const struct observation *observation);
struct shards_hooks {
    shards_observer *observed, *switched;
    shards_observer *put_aside; /* a source: observation->source */
    void (*returned)(void *context, const struct server_key *server); /* to normal mode */
    void *context;
};

/*
 * Fetches at most SHARDS_DRAIN_MAX observations of each worker, tells triggers to all of them.
 * Where more is left, shards_fd() stays readable.
 */
#define SHARDS_DRAIN_MAX 1024
void shards_drain(struct shards *shards, const struct shards_hooks *hooks, uint64_t now_us);
/* When shards_drain() is to be called whether shards_fd() is readable or not; UINT64_MAX: not
 * before it is. */
uint64_t shards_due(const struct shards *shards);
/*
 * Returns servers to normal mode that have been quiet, and frees policies that nobody reads any
 * more. About once a second.
 */
void shards_tick(struct shards *shards, const struct shards_hooks *hooks, uint64_t now_us);

/* Takes ownership of `policy`. False: out of memory, and it stays the caller's. */
bool shards_publish(struct shards *shards, struct policy *policy);
const struct policy *shards_policy(const struct shards *shards);

bool shards_set_learning(struct shards *shards, bool learning);
/* As engine_set_setting(), in force in every shard on return. */
bool shards_set_setting(struct shards *shards, const struct server_key *server,
                        enum mode_setting setting, uint64_t now_us, struct error *error);
/* Sums over the shards. */
bool shards_counters(struct shards *shards, struct counters *out, struct error *error);
/* Merged by server: attack mode in one is attack mode; half-open counts add up. The caller frees
 * `*servers`. */
bool shards_servers(struct shards *shards, struct server_info **servers, uint32_t *count,
                    struct error *error);
/* How full a server's accept queue is (engine_set_accept_queue()); told to every shard. */
void shards_set_accept_queue(struct shards *shards, const struct server_key *server, uint32_t used,
                             uint32_t limit);
/* Whether anybody listens on the server's port (engine_set_listening()). False: not every shard
 * could be told now. */
bool shards_set_listening(struct shards *shards, const struct server_key *server, bool listening);
/* All that was said so is true now. */
void shards_listening_fresh(struct shards *shards);
/* Is any server in attack mode by a trigger? */
bool shards_attacked(const struct shards *shards);
/* An operator's rule, in force in every shard on return. */
bool shards_set_source(struct shards *shards, const struct source_rule *rule, struct error *error);
/* `*known` is false where no shard knew anything of it. */
bool shards_forget_source(struct shards *shards, const struct ip_addr *prefix, uint8_t length,
                          bool *known, struct error *error);
/* Merged by prefix; the caller frees `*sources`. */
bool shards_sources(struct shards *shards, struct source_info **sources, uint32_t *count,
                    struct error *error);
/* The caller frees `*flows`. */
bool shards_flows(struct shards *shards, struct flow_info **flows, uint32_t *count,
                  struct error *error);

#endif
