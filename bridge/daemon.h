/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * daemon.h - what a running daemon can be asked and told, and what it does of itself about a store
 * that changes: a new policy for the workers, the file.
 *
 * run.c makes it of its parts and calls daemon_turn(); the control socket's answers (control/) are
 * made from the rest. Everything here runs on the main thread, and waits at most WORKER_ANSWER_US
 * for a worker.
 */
#ifndef SYNWARD_BRIDGE_DAEMON_H
#define SYNWARD_BRIDGE_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/server_changes.h"
#include "bridge/sides/carrier.h"
#include "bridge/text/server_parts.h"
#include "engine/engine.h"
#include "profiles/error.h"
#include "profiles/store/store.h"

struct cluster_clock;
struct cluster_peers;
struct confinement;
struct json_object;
struct daemon;
struct hook;
struct kernel_path;
struct when_dead;
struct when_dead_use;
struct imports;
struct learner;
struct rehearsal;
struct report;
struct sides;
struct workers;

/* All of them outlive the daemon. The workers run under the policy of the store as it is. */
struct daemon_parts {
    struct sides *sides;
    struct kernel_path *path;
    const struct hook *hook; /* NULL: nobody asked for one */
    struct when_dead *when_dead;
    struct workers *workers;
    struct store *store;
    struct learner *learner;
    const struct rehearsal *rehearsal;
    struct imports *imports;
    struct report *report;
    const char *store_path;
    const struct confinement *confinement;
    struct cluster_peers *peers;
    const struct cluster_clock *clock; /* of several bridges; its share.on false: alone */
    const char *config_path;           /* NULL: there is none */
    struct json_object *(*reload)(void *context, struct error *error);
    void *reload_context;
};

/* As it was started: the mode setting for all, and whether it learns. NULL: out of memory. */
struct daemon *daemon_new(const struct daemon_parts *parts, enum mode_setting mode, bool learning);
void daemon_free(struct daemon *daemon);

/* --- what it does of itself ------------------------------------------------------------------ */

/* Does what is due: a changed store becomes a policy of the workers, and a file. */
void daemon_turn(struct daemon *daemon, uint64_t now_us);
/* When daemon_turn() next has something to do; UINT64_MAX: not before the store changes. */
uint64_t daemon_due_us(const struct daemon *daemon);
/* The last file: also where nothing changed but there is none yet. */
bool daemon_save_at_end(struct daemon *daemon, struct error *error);

/* --- what it can be asked and told ----------------------------------------------------------- */

struct daemon_side {
    const char *spec;   /* as given */
    const char *device; /* interface name */
    const char *netns;  /* NULL: our own */
    uint32_t mtu;
    const char *cut; /* why no frame passes; NULL: they do */
    const struct carrier_news *carrier;
    bool vanishes;          /* the card, with its addresses, when the daemon ends */
    const char *hidden_end; /* of a card that does not; NULL: it is none of ours */
};

struct daemon_server {
    struct server_info info; /* since_us on the monotonic clock */
    int64_t since_wall_s;    /* seconds since 1970 */
    uint32_t number;         /* its place among all */
    uint32_t parts;          /* that are to be told, as bits (server_parts.h) */
};

struct daemon_changed {
    struct daemon_server *servers; /* malloc'ed, for the caller to free */
    uint32_t count;
    bool whole;    /* all: there were no lines, or servers have come or gone */
    bool by_turns; /* else all that have changed */
};

uint64_t daemon_uptime_us(const struct daemon *daemon);
enum mode_setting daemon_mode(const struct daemon *daemon);
/* Grows with every word of the operator about modes and sources. */
uint64_t daemon_words(const struct daemon *daemon);
/* The operator has said it since the start, or before and it was kept. */
bool daemon_mode_said(const struct daemon *daemon);
bool daemon_learning(const struct daemon *daemon);
void daemon_set_learning(struct daemon *daemon, bool on);
/* NULL: the kernel carries known connections; else why not, "" where nobody asked for it. */
const char *daemon_path_hindrance(const struct daemon *daemon);
/* NULL: servers' own TCP makes connections of cookies; else why not, as
 * hook_hindrance() (sides/hook.h). */
const char *daemon_hook_hindrance(const struct daemon *daemon);
/* Where it is on: kernel_path_no_answers() */
const char *daemon_path_no_answers(const struct daemon *daemon);
/* Likewise: kernel_path_no_completion() */
const char *daemon_path_no_completion(const struct daemon *daemon);
/* What passes while no worker is alive, by the word of --when-dead; `*why`: it is not so, because
 * (NULL: it is); and what there was of it. */
const char *daemon_when_dead(const struct daemon *daemon, const char **why,
                             struct when_dead_use *use);
const struct confinement *daemon_confinement(const struct daemon *daemon);
/* share.on false: this bridge is alone. */
const struct cluster_clock *daemon_clock(const struct daemon *daemon);
const struct cluster_peers *daemon_peers(const struct daemon *daemon);
/* What sync says of itself and of the other bridges; triggers act by how many there are. */
void daemon_told_of_peers(struct daemon *daemon, const struct cluster_peers *said);
/* The bridge `node` is attacked at this server: so is this one, for `for_s` at least. */
void daemon_hold_attack(struct daemon *daemon, const struct server_key *server,
                        const struct observed_trigger *trigger, uint64_t for_s, const char *node);
/* Whom the bridge `node` has put aside is aside here, unless the operator says otherwise. */
void daemon_adopt_aside(struct daemon *daemon, const struct source_rule *rule, const char *node);
/* So many of the cookies that were asked for here in 2 s came back at other bridges. */
void daemon_set_returned(struct daemon *daemon, const struct server_key *server, uint32_t returned);
/* What the others have counted of a server together. False: it could not be told now. */
bool daemon_set_others(struct daemon *daemon, const struct server_key *server,
                       const struct trigger_others *others);
/* That was told of all servers: sums are judged, until it has not been so for SUMS_FRESH_US. */
void daemon_hears_all(struct daemon *daemon);
/* It is so now. */
bool daemon_judges_sums(const struct daemon *daemon);
/* Servers for which a trigger of this bridge fired lately, at most `max`; how many. */
uint32_t daemon_fired_lately(const struct daemon *daemon, struct server_key *servers, uint32_t max);
/* The configuration file; "" where there is none. */
const char *daemon_config_path(const struct daemon *daemon);
void daemon_side_info(const struct daemon *daemon, enum side side, struct daemon_side *out);

/*
 * Servers known to any worker, merged (attack mode in one shard is attack mode); `*servers` is
 * malloc'ed, the caller frees it.
 */
bool daemon_servers(struct daemon *daemon, struct daemon_server **servers, uint32_t *count,
                    struct error *error);
/* The same, but only what has changed since these lines (server_changes.h), in a look of this
 * function. */
bool daemon_servers_since(struct daemon *daemon, const struct server_lines *lines, uint32_t at_once,
                          struct daemon_changed *out, struct error *error);
/* Sum over the workers, with the TAPs' own drop counts; `overflow` (may be NULL): those of each
 * side. */
bool daemon_counters(struct daemon *daemon, struct counters *out, uint64_t overflow[2],
                     struct error *error);
/* How full the workers' tables are, all of one kind together. */
bool daemon_use(struct daemon *daemon, struct engine_use *out, struct error *error);
/* malloc'ed, the caller frees it. */
bool daemon_flows(struct daemon *daemon, struct flow_info **flows, uint32_t *count,
                  struct error *error);
/* Merged over the workers, sorted by prefix; times on the monotonic clock. malloc'ed, the caller
 * frees it. */
bool daemon_sources(struct daemon *daemon, struct source_info **sources, uint32_t *count,
                    struct error *error);
/* A rule of the operator; `for_s` 0: until it is removed. In force when it returns. */
bool daemon_set_source(struct daemon *daemon, const struct ip_addr *prefix, uint8_t length,
                       enum source_state state, uint64_t for_s, struct error *error);
/* A rule or a judgement of a daemon before this one, as it stands. */
bool daemon_keep_source(struct daemon *daemon, const struct source_rule *rule, struct error *error);
/* The lists of sources, for imports.h; after changing them daemon_lists_changed(): in force, and
 * saved, when it returns. */
struct imports *daemon_imports(struct daemon *daemon);
bool daemon_lists_changed(struct daemon *daemon, struct error *error);
/* As they were before this process. */
bool daemon_restore_lists(struct daemon *daemon, struct error *error);
/* Rule and judgement. `*known` is false where there was neither. */
bool daemon_forget_source(struct daemon *daemon, const struct ip_addr *prefix, uint8_t length,
                          bool *known, struct error *error);
/* Seconds since 1970 of a time on the monotonic clock. */
int64_t daemon_wall_s(const struct daemon *daemon, uint64_t time_us);
/*
 * Sets the mode setting: `server` NULL for all; else one server (SETTING_INHERIT gives it back to
 * the setting for all). In force when it returns.
 */
bool daemon_set_mode(struct daemon *daemon, const struct server_key *server,
                     enum mode_setting setting, struct error *error);

/* Reads the configuration file anew, all or nothing: what has changed, as a document. NULL: `error`
 * says what is wrong. */
struct json_object *daemon_reload(struct daemon *daemon, struct error *error);

/*
 * The store that the learner fills. After changing it call daemon_store_changed(): workers get a
 * new policy, the file is saved.
 */
struct store *daemon_store(struct daemon *daemon);
void daemon_store_changed(struct daemon *daemon);
/* What attack mode would have refused. */
const struct rehearsal *daemon_rehearsal(const struct daemon *daemon);
/* A piece of the policy that a changed store asks for. True: the workers are given one that has the
 * store as it was at this revision. */
bool daemon_go_on_compiling(struct daemon *daemon, uint64_t revision);
/* Until every worker has the policy that they were given. */
bool daemon_wait_adopted(struct daemon *daemon, struct error *error);
/* What has changed in the store is in force in every worker on return. */
bool daemon_bring_in_force(struct daemon *daemon, struct error *error);
/* Forgets a profile and makes the learner start it afresh. False: no such profile. */
bool daemon_forget(struct daemon *daemon, const struct server_key *key);
/* The same by the operator's word, which the other bridges of a cluster are to follow. */
bool daemon_forget_for_all(struct daemon *daemon, const struct server_key *key);
/* The operator has imported profiles into the store. */
void daemon_imported(struct daemon *daemon);
const struct forgotten *daemon_forgotten(const struct daemon *daemon);
/* He said so at the bridge `node`: what was learned since then (wall time) stays. */
void daemon_forget_older(struct daemon *daemon, const struct server_key *key, int64_t at_s,
                         const char *node);

#endif
