/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * when_dead.h - whether frames go from port to port while no worker is alive (bpf/bypass.bpf.c),
 * and why not.
 *
 * Main thread only.
 */
#ifndef SYNWARD_BRIDGE_SIDES_WHEN_DEAD_H
#define SYNWARD_BRIDGE_SIDES_WHEN_DEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/bpf/bypassing.h"
#include "bridge/sides/sides.h"
#include "bridge/text/mode_text.h"
#include "profiles/error.h"

struct when_dead;

/* What there was of it. */
struct when_dead_use {
    uint32_t times; /* that no worker was alive, since the start */
    uint64_t passed, dropped;
};

/* Between sides that are open. NULL: out of memory; all else is when_dead_hindrance(). */
struct when_dead *when_dead_open(enum when_dead_setting setting, const struct sides *sides,
                                 struct error *error);
/* From here on. What is joined is to be counted before. */
void when_dead_begin(struct when_dead *dead, struct sides *sides);
/* When no worker runs any more. NULL is fine. */
void when_dead_close(struct when_dead *dead);

enum when_dead_setting when_dead_setting(const struct when_dead *dead);
/* Why all is cut then, though not asked for; NULL: it is as asked for. */
const char *when_dead_hindrance(const struct when_dead *dead);
/* Frames went by when this daemon was started, after one that was killed: they are to go on doing
 * so where its start fails. */
bool when_dead_goes_on(const struct when_dead *dead);
void when_dead_use(const struct when_dead *dead, struct when_dead_use *use);
/* From here on the wire goes on by itself, until the next daemon, to whom all is left. False: it
 * cannot. */
bool when_dead_hand_on(struct when_dead *dead, uint64_t now_us);
/* NULL, and -1 for the map: there is none. */
struct bypass_pulse *when_dead_pulse(struct when_dead *dead);
uint16_t *when_dead_joined(struct when_dead *dead, const uint64_t table_seed[2]);
struct regulars *when_dead_regulars(struct when_dead *dead);
int when_dead_map(const struct when_dead *dead);

#endif
