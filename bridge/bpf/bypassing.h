/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bypassing.h - the programs (bypass.bpf.c) by which frames go from one port to the other while no
 * worker is alive, and their maps.
 *
 *      bypassing_open()    loads them: nothing is attached
 *      bypassing_lead()    where to; all goes up until then
 *      bypassing_own()     of whom
 *
 * They stay where they are attached, also when the process has gone.
 */
#ifndef SYNWARD_BRIDGE_BPF_BYPASSING_H
#define SYNWARD_BRIDGE_BPF_BYPASSING_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/bpf/bypass.h"
#include "engine/tcp/frame.h"
#include "profiles/error.h"

struct bypassing;

/* NULL: the kernel takes no such program. */
struct bypassing *bypassing_open(enum bypass_policy policy, struct error *error);
/* Nothing is written any more; what is attached goes on. NULL is fine. */
void bypassing_close(struct bypassing *bypassing);

/* Of the program for frames that come from this side. */
int bypassing_program(const struct bypassing *bypassing, enum side from);
/* The map that says who is alive, for the other programs. */
int bypassing_map(const struct bypassing *bypassing);
/* Nobody is alive until a worker says so. `handed_on`: the last one has left us its keys. */
void bypassing_begin(struct bypassing *bypassing, bool handed_on, uint64_t now_us);
/* Interfaces, by enum side: those that lead there, and the TAPs that frames from there go up by. */
void bypassing_lead(struct bypassing *bypassing, const uint32_t to[2], const uint32_t tap[2]);
/* Whoever calls this: its end is known at once, by programs that end with it and with all that it
 * has forked since. False: the kernel takes no such programs. */
bool bypassing_own(struct bypassing *bypassing);
/* The workers', and what the kernel counts. */
struct bypass_pulse *bypassing_pulse(struct bypassing *bypassing);
/* JOINED_COUNTS of engines whose table_seed this is. */
uint16_t *bypassing_joined(struct bypassing *bypassing, const uint64_t table_seed[2]);
/* By the same seed; zeroed. */
struct regulars *bypassing_regulars(struct bypassing *bypassing);

#endif
