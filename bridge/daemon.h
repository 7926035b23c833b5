/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * daemon.h - the composition root of `synward run`: sides, workers, learner, store, control socket,
 * main loop.
 *
 * The main thread runs everything but the workers. What follows the constructor is the face that
 * the control socket's commands see (control/socket.c); all of it is called on the main thread, and
 * waits at most DAEMON_ANSWER_US for a worker.
 */
#ifndef SYNWARD_BRIDGE_DAEMON_H
#define SYNWARD_BRIDGE_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"
#include "profiles/error.h"
#include "profiles/store/store.h"

#define DAEMON_ANSWER_US (2000ull * 1000)

struct daemon_options {
    const char *client_side, *server_side; /* side.h says how they are written */
    const char *server_stack; /* namespace in which the servers listen; NULL: that of a netns:
                                 server side, if any */
    const char *store_path;
    const char *control_path;
    enum mode_setting mode; /* SETTING_AUTO, SETTING_NORMAL or SETTING_ATTACK */
    bool learning;
    enum unknown_servers unknown;
    uint32_t flows;                 /* connections remembered at once; 0: the engine's default */
    struct trigger_limits triggers; /* for servers that have no limits of their own */
    uint32_t workers;               /* 1 to WORKERS_MAX */
    uint32_t busy_poll;             /* a setting of busy_poll.h */
    bool single_reads; /* hidden --single-reads: behave as if multishot reads were missing */
    bool single_queue; /* hidden --single-queue: behave as if TAPs had one queue; one worker */
};

struct daemon;
struct events;

/* Runs until SIGTERM or SIGINT. Returns an exit code that the README lists; `error` explains one
 * that is not 0. */
enum exit_code daemon_run(const struct daemon_options *options, struct error *error);

struct daemon_side {
    const char *spec;   /* as given */
    const char *device; /* interface name */
    const char *netns;  /* NULL: our own */
    uint32_t mtu;
};

struct daemon_server {
    struct server_info info; /* since_us on the monotonic clock */
    int64_t since_wall_s;    /* seconds since 1970 */
};

uint64_t daemon_uptime_us(const struct daemon *daemon);
enum mode_setting daemon_mode(const struct daemon *daemon);
bool daemon_learning(const struct daemon *daemon);
void daemon_set_learning(struct daemon *daemon, bool on);
void daemon_side_info(const struct daemon *daemon, enum side side, struct daemon_side *out);

/* What happened; the daemon's. */
struct events *daemon_events(const struct daemon *daemon);

/*
 * Servers known to any worker, merged (attack mode in one shard is attack mode); `*servers` is
 * malloc'ed, the caller frees it.
 */
bool daemon_servers(struct daemon *daemon, struct daemon_server **servers, uint32_t *count,
                    struct error *error);
/* Sum over the workers, with the TAPs' own drop counts. */
bool daemon_counters(struct daemon *daemon, struct counters *out, struct error *error);
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

/*
 * The store that the learner fills. After changing it call daemon_store_changed(): workers get a
 * new policy, the file is saved.
 */
struct store *daemon_store(struct daemon *daemon);
void daemon_store_changed(struct daemon *daemon);
/* What has changed in the store is in force in every worker on return. */
bool daemon_bring_in_force(struct daemon *daemon, struct error *error);
/* Forgets a profile and makes the learner start it afresh. False: no such profile. */
bool daemon_forget(struct daemon *daemon, const struct server_key *key);

#endif
