/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * steering.h - the program (bpf/steer.bpf.c) by which the kernel puts frames into the queues of our
 * TAPs.
 */
#ifndef SYNWARD_BRIDGE_BPF_STEERING_H
#define SYNWARD_BRIDGE_BPF_STEERING_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/addr.h"
#include "profiles/error.h"

/*
 * Loads the program for so many workers; both sides take the same, so that both directions of a
 * connection meet the same worker. `seed` is secret. A file, or -1: `error` says why the kernel
 * takes none.
 */
int steering_load(uint32_t workers, uint64_t seed, struct error *error);
/* Which worker the program gives this connection's segments to. */
uint32_t steering_worker(uint64_t seed, uint32_t workers, const struct flow_key *key);
/* The TAP whose queue `tap_fd` is goes by the program from now on. False, with errno, where the
 * kernel refuses. */
bool steering_attach(int tap_fd, int program_fd);
/* A TAP that outlives us goes by its own rules again. */
void steering_detach(int tap_fd);

#endif
