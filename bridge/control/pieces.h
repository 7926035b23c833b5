/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pieces.h - an answer that is made in pieces, between which the main loop turns. */
#ifndef SYNWARD_BRIDGE_CONTROL_PIECES_H
#define SYNWARD_BRIDGE_CONTROL_PIECES_H

#include <stdbool.h>
#include <stddef.h>

struct pieces {
    /* Works for some milliseconds at most. What it returns the caller frees; `*bytes` 0: nothing
     * yet. It sets `ended` with the last piece, and where it has to break off. */
    char *(*next)(struct pieces *pieces, size_t *bytes);
    void (*free)(struct pieces *pieces);
    bool ended;
};

#endif
