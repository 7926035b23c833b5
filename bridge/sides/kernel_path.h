/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kernel_path.h - the short way between two ports (bpf/carry.bpf.c): whether there is one, and why
 * not.
 *
 *      port ingress: carry.bpf.c -- known, plain --> egress of the other port
 *                         \-- all else --> the redirect to the TAP, as without it
 *
 * Main thread only.
 */
#ifndef SYNWARD_BRIDGE_SIDES_KERNEL_PATH_H
#define SYNWARD_BRIDGE_SIDES_KERNEL_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/bpf/carrying.h"
#include "bridge/sides/sides.h"
#include "bridge/text/mode_text.h"
#include "engine/base/counters.h"
#include "profiles/error.h"

struct kernel_path;

/* Between sides that are open; nothing is carried yet. NULL with an error: it was to be on, and
 * cannot be. Any other reason not to have it is told by kernel_path_hindrance(). */
struct kernel_path *kernel_path_open(enum kernel_path_setting setting, const struct sides *sides,
                                     const struct carrying_sizes *sizes, struct error *error);
/* From here on, instead of what one that is gone has left. Where that cannot be engines write
 * records that nobody reads. False: it was to be on. */
bool kernel_path_begin(struct kernel_path *path, struct sides *sides, struct error *error);
/* From here on all goes up: how far a connection has come is what its engine knows when its worker
 * is halted. */
void kernel_path_halt(struct kernel_path *path);
/* When no worker runs any more, and before the sides are closed. `goes_on`: the programs stay
 * attached, as the wire goes on. NULL is fine. */
void kernel_path_close(struct kernel_path *path, bool goes_on);

/* NULL: it is on; "" where nobody asked for it. */
const char *kernel_path_hindrance(const struct kernel_path *path);
/* Where it is on: why it carries, but answers no SYNs; NULL: it does. */
const char *kernel_path_no_answers(const struct kernel_path *path);
/* The same of servers' SYN-ACKs. */
const char *kernel_path_no_completion(const struct kernel_path *path);
/* NULL: it is off. */
struct carrying *kernel_path_carrying(struct kernel_path *path);
/* What whoever looks after the sides (rejoin.h) has made of it: `why` nothing is carried, as a port
 * has vanished; NULL: it is. */
void kernel_path_note(struct kernel_path *path, const char *why);
/* Adds what the kernel has counted. */
void kernel_path_count(const struct kernel_path *path, struct counters *counters);

#endif
