/* SPDX-License-Identifier: GPL-2.0-or-later */
/* daemon.c - see daemon.h. */
#include "bridge/daemon.h"

#include <stdlib.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/cluster/forgotten.h"
#include "bridge/cluster/peers.h"
#include "bridge/events/report.h"
#include "bridge/imports/imports_force.h"
#include "bridge/server_changes.h"
#include "bridge/sides/hook.h"
#include "bridge/sides/kernel_path.h"
#include "bridge/sides/when_dead.h"
#include "bridge/sides/sides.h"
#include "bridge/store_due.h"
#include "bridge/text/server_text.h"
#include "bridge/workers/workers.h"
#include "profiles/learn/learner.h"
#include "profiles/store/expiry.h"

#define EXPIRED_AT_ONCE 16 /* profiles: the others have the next turn */

struct daemon {
    struct daemon_parts parts;
    uint64_t start_us;
    enum mode_setting mode;
    bool learning, mode_said;
    uint64_t words;        /* of the operator, so far */
    uint32_t bridges;      /* that the workers were told of */
    uint64_t hears_all_us; /* when they were told so last; 0: never */
    struct store_due due;
    struct expiry expiry;
    struct forgotten forgotten;
    struct server_changes changes;
};

struct daemon *daemon_new(const struct daemon_parts *parts, enum mode_setting mode, bool learning)
{
    struct daemon *daemon = calloc(1, sizeof(*daemon));

    if (!daemon)
        return NULL;
    *daemon = (struct daemon){.parts = *parts, .mode = mode, .learning = learning};
    daemon->start_us = clock_now_us();
    daemon->due = (struct store_due){.store = parts->store,
                                     .workers = parts->workers,
                                     .report = parts->report,
                                     .store_path = parts->store_path};
    store_due_begin(&daemon->due, daemon->start_us);
    daemon->bridges = 1;
    return daemon;
}

void daemon_free(struct daemon *daemon)
{
    if (!daemon)
        return;
    server_changes_free(&daemon->changes);
    store_due_end(&daemon->due);
    free(daemon);
}

/* --- the store -------------------------------------------------------------- */

void daemon_store_changed(struct daemon *daemon)
{
    store_due_changed(&daemon->due);
}

bool daemon_go_on_compiling(struct daemon *daemon, uint64_t revision)
{
    return store_due_compile_some(&daemon->due, revision);
}

bool daemon_wait_adopted(struct daemon *daemon, struct error *error)
{
    struct counters unused;

    /* Whatever a worker answers, it has adopted the policy before. */
    return workers_counters(daemon->parts.workers, &unused, error);
}

bool daemon_bring_in_force(struct daemon *daemon, struct error *error)
{
    store_due_compile(&daemon->due);
    return daemon_wait_adopted(daemon, error);
}

static void forget_unused(struct daemon *daemon, uint64_t now_us)
{
    struct server_key key;
    char text[SERVER_TEXT_BYTES];

    for (int i = 0;
         i < EXPIRED_AT_ONCE && expiry_next(&daemon->expiry, daemon->parts.store, daemon->learning,
                                            now_us, clock_wall_us(), &key);
         i++) {
        log_line(LOG_LEVEL_INFO, "the profile of %s is forgotten: not seen for %d days",
                 server_key_to_text(&key, text), PROFILE_LIFE_DAYS);
        daemon_forget(daemon, &key);
    }
}

void daemon_turn(struct daemon *daemon, uint64_t now_us)
{
    forget_unused(daemon, now_us);
    store_due_turn(&daemon->due, now_us);
}

uint64_t daemon_due_us(const struct daemon *daemon)
{
    return store_due_us(&daemon->due);
}

bool daemon_save_at_end(struct daemon *daemon, struct error *error)
{
    return store_due_save_at_end(&daemon->due, error);
}

const struct rehearsal *daemon_rehearsal(const struct daemon *daemon)
{
    return daemon->parts.rehearsal;
}

struct store *daemon_store(struct daemon *daemon)
{
    return daemon->parts.store;
}

bool daemon_forget(struct daemon *daemon, const struct server_key *key)
{
    if (!store_forget(daemon->parts.store, key))
        return false;
    learner_forget(daemon->parts.learner, key);
    daemon_store_changed(daemon);
    return true;
}

bool daemon_forget_for_all(struct daemon *daemon, const struct server_key *key)
{
    if (!daemon_forget(daemon, key))
        return false;
    if (forgotten_note(&daemon->forgotten, key, (int64_t)(clock_wall_us() / SECOND_US)))
        log_line(LOG_LEVEL_WARNING,
                 "more than %u profiles were forgotten within a day: a bridge that was away may "
                 "bring the first of them back",
                 FORGOTTEN_MOST);
    return true;
}

void daemon_imported(struct daemon *daemon)
{
    forgotten_imported(&daemon->forgotten, daemon->parts.store);
    daemon_store_changed(daemon);
}

const struct forgotten *daemon_forgotten(const struct daemon *daemon)
{
    return &daemon->forgotten;
}

void daemon_forget_older(struct daemon *daemon, const struct server_key *key, int64_t at_s,
                         const char *node)
{
    const struct profile *profile = store_find(daemon->parts.store, key);
    char text[SERVER_TEXT_BYTES];

    if (!profile || !forgotten_means(profile, at_s, strcmp(node, daemon->parts.peers->name) == 0))
        return;
    log_line(LOG_LEVEL_INFO, "the profile of %s is forgotten: so the operator said at %s",
             server_key_to_text(key, text), node);
    daemon_forget(daemon, key);
}

/* --- what there is --------------------------------------------------------------------------- */

uint64_t daemon_uptime_us(const struct daemon *daemon)
{
    return clock_now_us() - daemon->start_us;
}

int64_t daemon_wall_s(const struct daemon *daemon, uint64_t time_us)
{
    (void)daemon;
    return ((int64_t)clock_wall_us() + (int64_t)(time_us - clock_now_us())) / (int64_t)SECOND_US;
}

enum mode_setting daemon_mode(const struct daemon *daemon)
{
    return daemon->mode;
}

uint64_t daemon_words(const struct daemon *daemon)
{
    return daemon->words;
}

bool daemon_mode_said(const struct daemon *daemon)
{
    return daemon->mode_said;
}

bool daemon_learning(const struct daemon *daemon)
{
    return daemon->learning;
}

const struct confinement *daemon_confinement(const struct daemon *daemon)
{
    return daemon->parts.confinement;
}

const struct cluster_clock *daemon_clock(const struct daemon *daemon)
{
    return daemon->parts.clock;
}

const char *daemon_config_path(const struct daemon *daemon)
{
    return daemon->parts.config_path ? daemon->parts.config_path : "";
}

const char *daemon_path_hindrance(const struct daemon *daemon)
{
    return kernel_path_hindrance(daemon->parts.path);
}

const char *daemon_hook_hindrance(const struct daemon *daemon)
{
    return daemon->parts.hook ? hook_hindrance(daemon->parts.hook) : "";
}

const char *daemon_path_no_answers(const struct daemon *daemon)
{
    return kernel_path_no_answers(daemon->parts.path);
}

const char *daemon_path_no_completion(const struct daemon *daemon)
{
    return kernel_path_no_completion(daemon->parts.path);
}

const char *daemon_when_dead(const struct daemon *daemon, const char **why,
                             struct when_dead_use *use)
{
    *why = when_dead_hindrance(daemon->parts.when_dead);
    when_dead_use(daemon->parts.when_dead, use);
    return when_dead_name(when_dead_setting(daemon->parts.when_dead));
}

void daemon_side_info(const struct daemon *daemon, enum side side, struct daemon_side *out)
{
    const struct side_spec *spec = sides_spec(daemon->parts.sides, side);
    const char *cut = sides_cut(daemon->parts.sides, side);

    *out = (struct daemon_side){.spec = spec->text,
                                .device = spec->device,
                                .netns = spec->netns[0] == '\0' ? NULL : spec->netns,
                                .mtu = sides_mtu(daemon->parts.sides, side),
                                .cut = cut[0] ? cut : NULL,
                                .carrier = sides_carrier(daemon->parts.sides, side),
                                .vanishes = sides_card_vanishes(daemon->parts.sides, side),
                                .hidden_end = sides_hidden_end(daemon->parts.sides, side)};
}

static uint32_t parts_to_tell(const struct daemon *daemon, uint32_t place,
                              const struct daemon_changed *changed,
                              const struct server_lines *lines)
{
    if (changed->whole)
        return SERVER_PARTS_ALL;
    return changed->by_turns ? server_changes_by_turns(&daemon->changes, place, lines)
                             : server_changes_at(&daemon->changes, place, lines->last_ms);
}

/* Of the `count` there are those that are to be told. */
static bool list_servers(struct daemon *daemon, const struct server_info *infos, uint32_t count,
                         const struct server_lines *lines, struct daemon_changed *out,
                         struct error *error)
{
    out->count = 0;
    out->servers = calloc((size_t)count + 1, sizeof(*out->servers));
    if (!out->servers)
        return error_set(error, EXIT_FAILED, "out of memory for the list of servers");
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t parts = parts_to_tell(daemon, i, out, lines);

        if (parts)
            out->servers[out->count++] =
                (struct daemon_server){.info = infos[i],
                                       .since_wall_s = daemon_wall_s(daemon, infos[i].since_us),
                                       .number = i,
                                       .parts = parts};
    }
    return true;
}

bool daemon_servers(struct daemon *daemon, struct daemon_server **servers, uint32_t *count,
                    struct error *error)
{
    struct daemon_changed all = {.whole = true};
    struct server_info *infos;
    bool done;

    if (!workers_servers(daemon->parts.workers, &infos, count, error))
        return false;
    done = list_servers(daemon, infos, *count, NULL, &all, error);
    *servers = all.servers;
    free(infos);
    return done;
}

bool daemon_servers_since(struct daemon *daemon, const struct server_lines *lines, uint32_t at_once,
                          struct daemon_changed *out, struct error *error)
{
    const uint64_t now_ms = clock_now_us() / 1000;
    struct server_info *infos;
    uint32_t count;
    bool done;

    if (!workers_servers(daemon->parts.workers, &infos, &count, error))
        return false;
    server_changes_look(&daemon->changes, infos, count, now_ms);
    *out = (struct daemon_changed){.whole = server_changes_set(&daemon->changes, lines->last_ms)};
    out->by_turns = server_changes_rank(&daemon->changes, at_once, now_ms);
    done = list_servers(daemon, infos, count, lines, out, error);
    free(infos);
    return done;
}

bool daemon_counters(struct daemon *daemon, struct counters *out, uint64_t overflow[2],
                     struct error *error)
{
    uint64_t frames[2];

    if (!workers_counters(daemon->parts.workers, out, error) ||
        !sides_overflow(daemon->parts.sides, frames, error))
        return false;
    for (int side = 0; side < 2; side++) {
        out->frames_tap_overflow += frames[side];
        if (overflow)
            overflow[side] = frames[side];
    }
    kernel_path_count(daemon->parts.path, out);
    return true;
}

bool daemon_use(struct daemon *daemon, struct engine_use *out, struct error *error)
{
    return workers_use(daemon->parts.workers, out, error);
}

bool daemon_flows(struct daemon *daemon, struct flow_info **flows, uint32_t *count,
                  struct error *error)
{
    return workers_flows(daemon->parts.workers, flows, count, error);
}

bool daemon_sources(struct daemon *daemon, struct source_info **sources, uint32_t *count,
                    struct error *error)
{
    return workers_sources(daemon->parts.workers, sources, count, error);
}

/* The votes follow what the sources are believed. */
static void tell_learner(struct learner *learner, const struct source_rule *rule)
{
    const struct learner_proxy proxy = {
        .prefix = rule->prefix, .length = rule->length, .until_us = rule->until_us};

    if (rule->state == SOURCE_PROXY)
        learner_set_proxy(learner, &proxy);
    else
        learner_forget_proxy(learner, &rule->prefix, rule->length);
}

/* --- what it is told ------------------------------------------------------------------------- */

void daemon_set_learning(struct daemon *daemon, bool on)
{
    if (daemon->learning && !on)
        learner_flush(daemon->parts.learner, clock_wall_us());
    if (daemon->learning != on)
        report_learning(daemon->parts.report, on);
    daemon->learning = on;
    workers_set_learning(daemon->parts.workers, on);
}

bool daemon_set_mode(struct daemon *daemon, const struct server_key *server,
                     enum mode_setting setting, struct error *error)
{
    /* What the operator was told of the profiles must hold under the new mode. */
    store_due_compile(&daemon->due);
    if (!workers_set_setting(daemon->parts.workers, server, setting, clock_now_us(), error))
        return false;
    report_setting(daemon->parts.report, server, setting);
    daemon->words++;
    if (!server) {
        daemon->mode = setting;
        daemon->mode_said = true;
    }
    return true;
}

bool daemon_set_source(struct daemon *daemon, const struct ip_addr *prefix, uint8_t length,
                       enum source_state state, uint64_t for_s, struct error *error)
{
    const struct source_rule rule = {.prefix = *prefix,
                                     .length = length,
                                     .state = state,
                                     .by = SOURCE_BY_OPERATOR,
                                     .until_us =
                                         for_s != 0 ? clock_now_us() + for_s * SECOND_US : 0};

    return daemon_keep_source(daemon, &rule, error);
}

bool daemon_keep_source(struct daemon *daemon, const struct source_rule *rule, struct error *error)
{
    if (!workers_set_source(daemon->parts.workers, rule, error))
        return false;
    if (rule->by == SOURCE_BY_JUDGEMENT)
        return true;
    tell_learner(daemon->parts.learner, rule);
    report_rule(daemon->parts.report, rule);
    daemon->words++;
    return true;
}

bool daemon_forget_source(struct daemon *daemon, const struct ip_addr *prefix, uint8_t length,
                          bool *known, struct error *error)
{
    const struct source_rule rule = {.prefix = *prefix, .length = length, .state = SOURCE_CLEAR};

    if (!workers_forget_source(daemon->parts.workers, prefix, length, known, error))
        return false;
    tell_learner(daemon->parts.learner, &rule);
    daemon->words++;
    if (*known)
        report_rule(daemon->parts.report, &rule);
    return true;
}

struct json_object *daemon_reload(struct daemon *daemon, struct error *error)
{
    return daemon->parts.reload(daemon->parts.reload_context, error);
}

/* --- other bridges ---------------------------------------------------------------------------- */

const struct cluster_peers *daemon_peers(const struct daemon *daemon)
{
    return daemon->parts.peers;
}

void daemon_told_of_peers(struct daemon *daemon, const struct cluster_peers *said)
{
    struct cluster_peers *peers = daemon->parts.peers;

    if (cluster_peers_told(peers, said, clock_now_us()))
        report_peers(daemon->parts.report, peers);
    if (peers->bridges != daemon->bridges &&
        workers_set_bridges(daemon->parts.workers, peers->bridges))
        daemon->bridges = peers->bridges;
}

void daemon_hold_attack(struct daemon *daemon, const struct server_key *server,
                        const struct observed_trigger *trigger, uint64_t for_s, const char *node)
{
    const uint64_t now_us = clock_now_us();
    bool new;

    if (workers_hold_attack(daemon->parts.workers, server, trigger, now_us + for_s * SECOND_US,
                            now_us, &new) &&
        new)
        report_attack_of_peer(daemon->parts.report, server, trigger, node);
}

void daemon_adopt_aside(struct daemon *daemon, const struct source_rule *rule, const char *node)
{
    struct error error = {0};

    /* Where there is no room the other bridge has it, and this one judges for itself. */
    if (workers_set_source(daemon->parts.workers, rule, &error))
        report_aside_of_peer(daemon->parts.report, rule, node);
}

void daemon_set_returned(struct daemon *daemon, const struct server_key *server, uint32_t returned)
{
    workers_set_returned(daemon->parts.workers, server, returned);
}

bool daemon_set_others(struct daemon *daemon, const struct server_key *server,
                       const struct trigger_others *others)
{
    return workers_set_others(daemon->parts.workers, server, others);
}

void daemon_hears_all(struct daemon *daemon)
{
    if (workers_hear_all(daemon->parts.workers))
        daemon->hears_all_us = clock_now_us();
}

bool daemon_judges_sums(const struct daemon *daemon)
{
    return daemon->hears_all_us && clock_now_us() < daemon->hears_all_us + SUMS_FRESH_US;
}

uint32_t daemon_fired_lately(const struct daemon *daemon, struct server_key *servers, uint32_t max)
{
    return workers_fired_lately(daemon->parts.workers, servers, max, clock_now_us());
}

/* --- lists of sources ------------------------------------------------------------------------ */

struct imports *daemon_imports(struct daemon *daemon)
{
    return daemon->parts.imports;
}

bool daemon_restore_lists(struct daemon *daemon, struct error *error)
{
    return imports_enforce(daemon->parts.imports, daemon->parts.workers, error);
}

bool daemon_lists_changed(struct daemon *daemon, struct error *error)
{
    return imports_settle(daemon->parts.imports, daemon->parts.workers, daemon->parts.store_path,
                          store_hands(daemon->parts.store), error);
}
