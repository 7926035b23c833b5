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

struct workers;

/*
 * Makes `count` workers, each from `options[i]`, whose index, policies and bell are filled in here.
 * NULL: none is left. `first` (may be NULL) is the policy that they begin with; it is taken over.
 */
struct workers *workers_make(const struct worker_options *options, uint32_t count,
                             struct policy *first, struct error *error);
/* worker_begin() of each. False: workers_stop() is still to be called. */
bool workers_begin(struct workers *workers, const struct sandbox *sandbox, struct error *error);
/* worker_engine_made() of each, until then. */
struct engine *workers_engine_made(struct workers *workers, uint32_t worker);
/* Before they begin: what its engine has ordered the kernel is told, where it has become much. */
void workers_obey(struct workers *workers, uint32_t worker);
/* worker_halt() of each; then worker_engine() is for who takes over. */
void workers_halt(struct workers *workers);
/* Their openings end, and none begins any more. Waits up to WORKER_ANSWER_US for each. Before
 * workers_halt(), where frames go on without us. */
void workers_end_openings(struct workers *workers);
uint32_t workers_count(const struct workers *workers);
const struct engine *workers_engine(const struct workers *workers, uint32_t worker);
void workers_stop(struct workers *workers);

/* Readable when workers_drain() has work that does not wait until workers_due(). */
int workers_fd(const struct workers *workers);
bool workers_failed(const struct workers *workers, struct error *error);
bool workers_multishot(const struct workers *workers);

/* A trigger that put `observation->server` into attack mode, for the log; or any other observation,
 * for the learner. */
typedef void workers_observer(void *context, const struct observation *observation);
struct workers_hooks {
    workers_observer *observed, *switched;
    workers_observer *put_aside; /* a source: observation->source */
    void (*returned)(void *context, const struct server_key *server); /* to normal mode */
    void *context;
};

/*
 * Fetches at most WORKERS_DRAIN_MAX observations of each worker, tells triggers to all of them.
 * Where more is left, workers_fd() stays readable.
 */
#define WORKERS_DRAIN_MAX 1024
void workers_drain(struct workers *workers, const struct workers_hooks *hooks, uint64_t now_us);
/* When workers_drain() is to be called whether workers_fd() is readable or not; UINT64_MAX: not
 * before it is. */
uint64_t workers_due(const struct workers *workers);
/*
 * Returns servers to normal mode that have been quiet, and frees policies that nobody reads any
 * more. About once a second.
 */
void workers_tick(struct workers *workers, const struct workers_hooks *hooks, uint64_t now_us);

/* Takes ownership of `policy`. False: out of memory, and it stays the caller's. */
bool workers_publish(struct workers *workers, struct policy *policy);
const struct policy *workers_policy(const struct workers *workers);

bool workers_set_learning(struct workers *workers, bool learning);
/* As engine_set_setting(), in force in every shard on return. */
bool workers_set_setting(struct workers *workers, const struct server_key *server,
                         enum mode_setting setting, uint64_t now_us, struct error *error);
/* Servers that are in attack mode from the start on are watched as if a trigger had fired. */
bool workers_watch_anew(struct workers *workers, uint64_t now_us, struct error *error);
/* Sums over the shards. */
bool workers_counters(struct workers *workers, struct counters *out, struct error *error);
/* The same: of all tables of one kind together. */
bool workers_use(struct workers *workers, struct engine_use *out, struct error *error);
/* Merged by server: attack mode in one is attack mode; half-open counts add up. The caller frees
 * `*servers`. */
bool workers_servers(struct workers *workers, struct server_info **servers, uint32_t *count,
                     struct error *error);
/* How full a server's accept queue is (engine_set_accept_queue()); told to every shard. */
void workers_set_accept_queue(struct workers *workers, const struct server_key *server,
                              uint32_t used, uint32_t limit);
/* Whether anybody listens on the server's port (engine_set_listening()). False: not every shard
 * could be told now. */
bool workers_set_listening(struct workers *workers, const struct server_key *server,
                           bool listening);
/* All that was said so is true now. */
void workers_listening_fresh(struct workers *workers);
/* Is any server in attack mode by a trigger? */
bool workers_attacked(const struct workers *workers);
/* engine_set_source_lists(), the same; false: some may still have those before. */
bool workers_set_lists(struct workers *workers, const struct source_lists *lists,
                       struct error *error);
/* engine_configure(), in force in every shard on return. */
bool workers_configure(struct workers *workers, const struct trigger_limits *triggers,
                       enum unknown_servers unknown, struct error *error);
/* engine_set_bridges(); false: not every shard could be told now. */
bool workers_set_bridges(struct workers *workers, uint32_t bridges);
/*
 * Another bridge says that the server is attacked: so it is here, under auto, until `until_us` at
 * least. `*new`: it was not. False: not every shard could be told now.
 */
bool workers_hold_attack(struct workers *workers, const struct server_key *server,
                         const struct observed_trigger *trigger, uint64_t until_us, uint64_t now_us,
                         bool *new);
/* engine_set_returned(), each shard its part. */
void workers_set_returned(struct workers *workers, const struct server_key *server,
                          uint32_t returned);
/* engine_set_others(), each shard its part; false: not every shard could be told now. */
bool workers_set_others(struct workers *workers, const struct server_key *server,
                        const struct trigger_others *others);
/* engine_hears_all(); false: the same. */
bool workers_hear_all(struct workers *workers);
/* mode_watch_fired_lately() */
uint32_t workers_fired_lately(const struct workers *workers, struct server_key *servers,
                              uint32_t max, uint64_t now_us);
/* An operator's rule, in force in every shard on return. */
bool workers_set_source(struct workers *workers, const struct source_rule *rule,
                        struct error *error);
/* `*known` is false where no shard knew anything of it. */
bool workers_forget_source(struct workers *workers, const struct ip_addr *prefix, uint8_t length,
                           bool *known, struct error *error);
/* Merged by prefix; the caller frees `*sources`. */
bool workers_sources(struct workers *workers, struct source_info **sources, uint32_t *count,
                     struct error *error);
/* The caller frees `*flows`. */
bool workers_flows(struct workers *workers, struct flow_info **flows, uint32_t *count,
                   struct error *error);

#endif
