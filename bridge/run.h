/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run.h - the composition root of `synward run`: makes sides, workers, learner, store and control
 * socket, wires them to each other, and runs the main loop until a signal ends it.
 */
#ifndef SYNWARD_BRIDGE_RUN_H
#define SYNWARD_BRIDGE_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/text/mode_text.h"
#include "engine/engine.h"
#include "profiles/error.h"

struct config;
struct run_options;

/* How options are made anew, of the same command line and another text of the file. */
struct reconfiguring {
    const char *path; /* of the file; NULL: there is none */
    bool (*make)(void *context, const struct config *config, struct run_options *options,
                 struct error *error);
    void *context;
};

#define INLINED_BYTES 300 /* "inline:", the longest names of an interface and a namespace, "@" */

struct run_options {
    const char *client_side, *server_side; /* side.h says how they are written */
    char inlined[2][INLINED_BYTES];        /* the two, where one interface stands for both */
    const char *server_stack; /* namespace in which the servers listen; NULL: that of a netns:
                                 server side, if any */
    const char *store_path;
    const char *control_path;
    enum mode_setting mode; /* SETTING_AUTO, SETTING_NORMAL or SETTING_ATTACK */
    bool mode_given;        /* else what the operator said before the last end counts */
    bool learning;
    enum unknown_servers unknown;
    uint32_t flows;                 /* connections remembered at once; 0: the engine's default */
    struct trigger_limits triggers; /* for servers that have no limits of their own */
    uint32_t workers;               /* 1 to WORKERS_MAX */
    uint32_t busy_poll;             /* a setting of busy_poll.h */
    enum kernel_path_setting kernel_path;
    enum hook_setting hook;
    enum carrier_setting carrier;
    enum when_dead_setting when_dead;
    bool when_dead_given; /* else it is no news that it cannot be */
    enum card_setting card;
    enum sandbox_setting sandbox;
    const char *cluster_key; /* key file (cluster_key.h); NULL: this bridge is alone */
    const char *escape; /* hidden --escape: what is tried, to leave the sandbox; NULL: nothing */
    /* What the configuration file says of servers; NULL: there is none. */
    const struct config *config;
    struct reconfiguring reconfiguring;
    bool single_reads; /* hidden --single-reads: behave as if multishot reads were missing */
    bool single_queue; /* hidden --single-queue: behave as if TAPs had one queue; one worker */
};

/* Runs until SIGTERM or SIGINT; SIGHUP reads the configuration file anew. Returns an exit code that
 * the README lists; `error` explains one that is not 0. */
enum exit_code run_bridge(const struct run_options *options, struct error *error);

#endif
