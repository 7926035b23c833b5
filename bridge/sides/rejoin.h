/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rejoin.h - what is done to the sides after the start, and needs the privileges of the start: all
 * of it, and nothing else.
 *
 *      rejoin_look()    an interface may have changed: joined again, MTU taken over
 *      rejoin_anew()    all that is left is to open the sides anew; can that be done now?
 *      rejoin_leave()   the end: everything is as it was before
 *
 * Plain data goes in and comes out, and no file: whoever gives privileges up after the start may
 * leave all three to a process that has kept them, with sides of its own that it got by fork().
 * What is asked of the sides otherwise after the start (sides.h) needs none.
 */
#ifndef SYNWARD_BRIDGE_SIDES_REJOIN_H
#define SYNWARD_BRIDGE_SIDES_REJOIN_H

#include "bridge/sides/port.h"
#include "bridge/sides/sides.h"
#include "engine/tcp/frame.h"

/* What has become of one side. */
struct rejoin_news {
    enum port_change change;
    char cut[SIDE_CUT_BYTES]; /* why no frame passes; empty: they do */
    /* Of a port that is back: why the kernel path is not; empty: it is, or there is none. */
    char no_path[SIDE_CUT_BYTES];
};

/* Looks at the interface of that side, and does what is to be done about it. */
void rejoin_look(struct sides *sides, enum side side, struct rejoin_news *news);
/*
 * True where a side cannot be had again as it is (its TAP is gone, or its namespace is another one
 * by now), and both are there to be opened from the beginning: by the next daemon, which takes
 * over what lives (takeover.h). `news`, by enum side, is told what is cut.
 */
bool rejoin_anew(struct sides *sides, struct rejoin_news news[2]);
/* Undoes what was done to the interfaces. Nothing but sides_close() is to be called then. */
void rejoin_leave(struct sides *sides);

#endif
