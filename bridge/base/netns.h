/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netns.h - a step into a named network namespace, and back.
 *
 * Only the calling thread moves. What is opened inside (a TAP, a netlink socket) stays in that
 * namespace, so that the step is taken at start and never again.
 */
#ifndef SYNWARD_BRIDGE_BASE_NETNS_H
#define SYNWARD_BRIDGE_BASE_NETNS_H

#include <stdbool.h>
#include <stdint.h>

#include "profiles/error.h"

/* Which namespace a name stands for. */
struct netns_id {
    uint64_t device, inode;
};

/* False: there is none of that name. Empty, our own, is always the same. */
bool netns_identify(const char *name, struct netns_id *id);

/* Open; -1: `error` says why. */
int netns_file(const char *name, struct error *error);

struct netns_return {
    int fd; /* where to go back to; -1: no step was taken */
};

/* `name` as `ip netns` knows it; empty: our own, no step. */
bool netns_enter(const char *name, struct netns_return *back, struct error *error);
/* A thread that cannot go back would make everything else in the wrong place: the process ends
 * (abort). */
void netns_leave(struct netns_return *back);

#endif
