/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * side.h - what the operator calls a side of the bridge (doc/architecture.md, sides).
 *
 *      netns:NAME/IFNAME    made inside the network namespace NAME as its network card: one end of
 *                           a veth pair (card.h), or a TAP
 *      tap:IFNAME           a TAP in our own namespace, for the user to bridge
 *      port:IFNAME[@NAME]   an interface that exists, in our own namespace or in NAME, joined to a
 *                           TAP of ours (port.h)
 *      inline:IFNAME[@NAME] what the host has at the interface that is the port of the other side:
 *                           its bridge, its own stack (inline.h)
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
    bool port;   /* the interface is not ours: it is there before us and stays */
    bool host;   /* inline: the host's end of an interface that is there before us and stays */
    bool in_use; /* a port that the host goes on using: the other side is its end of it */
    bool card;   /* a port that is ours: the hidden end of a card that we made (card.h) */
};

/* Reads `text`, which must outlive `side`. False, with EXIT_USAGE, where it is no side. */
bool side_parse(const char *text, struct side_spec *side, struct error *error);

/* True where both name the same interface. */
bool side_same(const struct side_spec *a, const struct side_spec *b);

/* Whether the two can be the sides of one bridge; where they are both ends of one interface its
 * port is in use from here on. False, with EXIT_USAGE: they cannot. */
bool side_pair(struct side_spec *client, struct side_spec *server, struct error *error);

/* " in namespace NAME" for messages, "" for our own; at most SIDE_PLACE_BYTES with the zero.
 * Returns `text`. */
#define SIDE_PLACE_BYTES (NAME_MAX + 20)
const char *side_place(const struct side_spec *side, char text[SIDE_PLACE_BYTES]);

#endif
