/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * side.h - what the operator calls a side of the bridge (doc/architecture.md, sides).
 *
 *      netns:NAME/IFNAME    a TAP made inside the network namespace NAME: it becomes its network
 *                           card
 *      tap:IFNAME           a TAP in our own namespace, for the user to bridge
 *      port:IFNAME[@NAME]   an interface that exists, in our own namespace or in NAME, joined to a
 *                           TAP of ours (port.h)
 */
#ifndef SYNWARD_BRIDGE_SIDES_SIDE_H
#define SYNWARD_BRIDGE_SIDES_SIDE_H

#include <limits.h>
#include <net/if.h>
#include <stdbool.h>

#include "profiles/error.h"

struct side_spec {
    const char *text;         /* as given; the caller's */
    char netns[NAME_MAX + 1]; /* empty: our own namespace */
    char device[IFNAMSIZ];
    bool port; /* the interface is not ours: it is there before us and stays */
};

/* Reads `text`, which must outlive `side`. False, with EXIT_USAGE, where it is no side. */
bool side_parse(const char *text, struct side_spec *side, struct error *error);

/* True where both name the same interface. */
bool side_same(const struct side_spec *a, const struct side_spec *b);

/* " in namespace NAME" for messages, "" for our own; at most SIDE_PLACE_BYTES with the zero.
 * Returns `text`. */
#define SIDE_PLACE_BYTES (NAME_MAX + 20)
const char *side_place(const struct side_spec *side, char text[SIDE_PLACE_BYTES]);

#endif
