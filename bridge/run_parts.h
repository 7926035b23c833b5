/* SPDX-License-Identifier: GPL-2.0-or-later */
/* run_parts.h - what a running daemon consists of, for run.c and run_start.c. */
#ifndef SYNWARD_BRIDGE_RUN_PARTS_H
#define SYNWARD_BRIDGE_RUN_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/base/notify.h"
#include "bridge/base/signals.h"
#include "bridge/cluster/clock.h"
#include "bridge/cluster/peers.h"
#include "bridge/confine.h"
#include "bridge/control/socket.h"
#include "bridge/daemon.h"
#include "bridge/events/events.h"
#include "bridge/events/report.h"
#include "bridge/imports/imports.h"
#include "bridge/io/spare_core.h"
#include "bridge/listeners/watch.h"
#include "bridge/run.h"
#include "bridge/run_modes.h"
#include "bridge/sides/hook.h"
#include "bridge/sides/kernel_path.h"
#include "bridge/sides/sides.h"
#include "bridge/sides/when_dead.h"
#include "bridge/sides_watch.h"
#include "bridge/stack_news.h"
#include "bridge/state_file.h"
#include "bridge/store_start.h"
#include "bridge/takeover.h"
#include "bridge/workers/workers.h"
#include "profiles/learn/learner.h"
#include "profiles/learn/rehearsal.h"

struct run {
    struct run_options options;
    struct config *reloaded; /* what was read last, for run_bridge(); empty until then */
    struct events *events;
    struct report *report;
    struct cookie_keys shared_keys; /* where share.on */
    struct cookie_share share;
    struct cluster_clock clock;
    struct cluster_peers peers;
    struct sides *sides;
    struct sides_watch sides_watch;
    struct store_claim claim;
    struct takeover *takeover;
    int left; /* by the run before in this process (takeover_leave()), until it is read; -1: none */
    struct when_dead *when_dead;
    struct kernel_path *path;
    struct carrying_left records; /* by which the kernel carries, for the next one */
    struct hook *hook;
    struct store *store;
    struct learner *learner;
    struct rehearsal *rehearsal;
    struct imports *imports;
    struct workers *workers;
    struct stack_news stack_news;
    struct stack_watch *stack; /* NULL: the servers' TCP stack is not of this machine */
    struct confine confine;
    struct daemon *daemon;
    struct state_keeper keeper;
    struct run_modes modes;
    struct control *control, *view; /* view NULL: nobody can only look */
    struct control *sync;           /* NULL: this bridge is alone */
    int epoll_fd;
    struct signals signals;
    bool started, stopping, anew; /* to begin again */
    bool next_follows;            /* another process does, at once */
    bool handed_on;               /* the wire goes on until then */
    struct notify notify;
    unsigned ticks;
    unsigned unanswered; /* looks at the counters, in a row, that a worker did not answer */
    struct busy_poll_word poll_word;
    struct spare_core spare_core;
    uint64_t tick_us, spare_us; /* when due */
};

/* Makes all of it, in the order that the head of run.c says. Where that fails, what was made before
 * is the caller's to unmake. */
bool run_start(struct run *run, struct error *error);

#endif
