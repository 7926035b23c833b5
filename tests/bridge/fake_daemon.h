/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_daemon.h - a daemon without sides or workers, for tests of the control socket.
 *
 * It defines the functions of bridge/daemon.h by which the control socket's answers are made, so
 * that the real one is not linked.
 */
#ifndef SYNWARD_TESTS_BRIDGE_FAKE_DAEMON_H
#define SYNWARD_TESTS_BRIDGE_FAKE_DAEMON_H

#include "bridge/cluster/clock.h"
#include "bridge/cluster/forgotten.h"
#include "bridge/cluster/peers.h"
#include "bridge/daemon.h"
#include "bridge/events/events.h"
#include "bridge/imports/imports.h"
#include "bridge/text/confinement.h"

struct daemon {
    struct events *events;
    enum mode_setting mode;
    bool learning;
    uint64_t uptime_us;
    const char *hook_hindrance; /* "": nobody asked for one */
    const char *path_hindrance, *path_no_answers, *path_no_completion;
    struct confinement confinement;
    struct cluster_clock clock;
    struct cluster_peers peers;
    struct server_key held[4]; /* by other bridges */
    uint32_t held_count;
    uint32_t returned;
    struct trigger_others others;
    unsigned hears_all;      /* how often it was told so */
    bool no_room;            /* it cannot be told what others count */
    struct server_key fired; /* port 0: none */
    struct forgotten forgotten;
    struct server_key forgotten_elsewhere; /* and until when */
    int64_t forgotten_at_s;
    struct store *store;
    struct rehearsal *rehearsal;
    struct daemon_server servers[4];
    uint32_t server_count;
    struct flow_info flows[4];
    uint32_t flow_count;
    struct source_info sources[4];
    uint32_t source_count;
    struct counters counters;
    struct engine_use use;
    struct imports imports;
    unsigned store_changes, mode_changes;
    bool worker_hangs; /* questions to the worker fail */
};

struct server_key fake_key(const char *address, uint16_t port, uint16_t vlan);
/* A daemon with two servers (one of them in two VLANs) and two flows. */
void fake_daemon_init(struct daemon *daemon);
void fake_daemon_close(struct daemon *daemon);

#endif
