/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * card.h - the network card of a netns: side as one end of a veth pair (--card veth). The other
 * end, hidden in our own namespace, is joined as a port is (port.h).
 *
 *      NAME: IFNAME ====== synwardcXXXXXXX, ours: redirects, kernel path, what goes by
 *
 * The pair outlives us, and with it the card's index, MAC, addresses, routes and neighbours: the
 * next start finds the hidden end by its name, which is made of the side's, and uses it again.
 * card_detach() removes both. So does who removes either, or the namespace.
 */
#ifndef SYNWARD_BRIDGE_SIDES_CARD_H
#define SYNWARD_BRIDGE_SIDES_CARD_H

#include <stdbool.h>

#include "bridge/sides/side.h"
#include "profiles/error.h"

/* The hidden end of `side`, as a side of its own that shares its text: a port, of our namespace. */
void card_hidden(const struct side_spec *side, struct side_spec *hidden);

enum card_found {
    CARD_FREE,   /* the name is, or cannot be looked at */
    CARD_KEPT,   /* one end of a pair of ours: `device` of the side is what it is called now */
    CARD_IS_TAP, /* which may be the card as it is */
    CARD_TAKEN,  /* by somebody else */
};
enum card_found card_look(struct side_spec *side);
/* Why a card that was found so is none that we can make; false. */
bool card_refuse(const struct side_spec *side, enum card_found found, struct error *error);

/*
 * Finds the pair, or makes it: `*made`. A new card is up, and has the MTU of a new interface; what
 * it is called, where it was renamed, is written into `side`. `hidden` is as card_hidden() says.
 */
bool card_open(struct side_spec *side, struct side_spec *hidden, bool *made, struct error *error);
/* Removes the pair, unless a synward uses it (false). `*found` is false where there is none. */
bool card_detach(const struct side_spec *side, bool *found, struct error *error);

#endif
