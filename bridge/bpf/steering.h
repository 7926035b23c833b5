/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * steering.h - the program (bpf/steer.bpf.c) by which the kernel puts frames into the queues of our
 * TAPs.
 */
#ifndef SYNWARD_BRIDGE_BPF_STEERING_H
#define SYNWARD_BRIDGE_BPF_STEERING_H

#include <stdbool.h>
#include <stdint.h>

#include "profiles/error.h"

/*
 * Loads the program for so many workers; both sides take the same, so that both directions of a
 * connection meet the same worker. A file, or -1: `error` says why the kernel takes none.
 */
int steering_load(uint32_t workers, struct error *error);
/* The TAP whose queue `tap_fd` is goes by the program from now on. False, with errno, where the
 * kernel refuses. */
bool steering_attach(int tap_fd, int program_fd);
/* A TAP that outlives us goes by its own rules again. */
void steering_detach(int tap_fd);

#endif
