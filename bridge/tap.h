/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tap.h - a TAP of ours: opened with a virtio header in front of every frame, checksum and TSO offloads on.
 *
 * The interface dies with the last reference to its file, unless it was there before us, made persistent by the user.
 */
#ifndef SYNWARD_BRIDGE_TAP_H
#define SYNWARD_BRIDGE_TAP_H

#include <stdbool.h>

#include "bridge/side.h"
#include "profiles/error.h"

struct tap {
    int fd;             /* -1: not open; O_NONBLOCK */
    bool persistent;    /* it was there before us, and stays */
    bool nowait_writes; /* the kernel takes RWF_NOWAIT on it (Linux 6.4 and newer) */
};

/*
 * Makes the interface that `side` names, or attaches to it where it is a persistent TAP that nobody holds. Any
 * other interface of that name is an error. The link is not yet up.
 */
bool tap_open(struct tap *tap, const struct side_spec *side, struct error *error);
void tap_close(struct tap *tap);

#endif
