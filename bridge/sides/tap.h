/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tap.h - a TAP of ours: opened with a virtio header in front of every frame, checksum and TSO
 * offloads on, and where it can be with many queues, into which a program (steering.h) puts the
 * frames.
 *
 * The interface dies with the last reference to its files, unless it was there before us, made
 * persistent by the user.
 */
#ifndef SYNWARD_BRIDGE_SIDES_TAP_H
#define SYNWARD_BRIDGE_SIDES_TAP_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/base/limits.h"
#include "bridge/bpf/steer.h"
#include "bridge/sides/side.h"
#include "profiles/error.h"

#define TAP_QUEUES_MAX (STEER_QUEUES * WORKERS_MAX)

struct tap {
    int fds[TAP_QUEUES_MAX]; /* of its queues, in their order; O_NONBLOCK */
    uint32_t queues;         /* 0: not open */
    bool persistent;         /* it was there before us, and stays */
    bool steered;            /* by a program of ours */
    bool nowait_writes;      /* the kernel takes RWF_NOWAIT on it (Linux 6.4 and newer) */
};

/*
 * Makes the interface that `side` names, or attaches to it where it is a persistent TAP that nobody
 * holds. Any other interface of that name is an error. The link is not yet up.
 *
 * It has `queues`, which `program` steers (-1: one queue, no program); or one, where it was made
 * with no more, or the kernel refuses: tap->queues tells.
 */
bool tap_open(struct tap *tap, const struct side_spec *side, uint32_t queues, int program,
              struct error *error);
/* Another interface than a free TAP has the name; false. */
bool tap_refuse(const struct side_spec *side, struct error *error);
/* It is there, whatever its name is by now, and in whichever namespace. */
bool tap_exists(const struct tap *tap);
/* Whether who uses it as a network card sees a carrier. */
bool tap_set_carrier(const struct tap *tap, bool carrier, struct error *error);
/* Keeps the first `queues` only. */
void tap_shrink(struct tap *tap, uint32_t queues);
void tap_close(struct tap *tap);

#endif
