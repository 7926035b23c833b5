/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sides_parts.h - what sides.c and rejoin.c share, and nobody else. */
#ifndef SYNWARD_BRIDGE_SIDES_SIDES_PARTS_H
#define SYNWARD_BRIDGE_SIDES_SIDES_PARTS_H

#include "bridge/base/netns.h"
#include "bridge/sides/carrier.h"
#include "bridge/sides/link.h"
#include "bridge/sides/sides.h"
#include "bridge/sides/tap.h"

/* One end of the bridge: the interface that it names, and the TAP that frames go through. */
struct end {
    struct side_spec spec;
    struct link *link;         /* of the interface that the side names */
    struct side_spec hidden;   /* where that is a card of ours: its other end (card.h) */
    bool card_made;            /* just now */
    struct link *port_link;    /* `link`, or that of the hidden end */
    struct port *join;         /* NULL: that interface is the TAP itself */
    struct link *tap_link;     /* `link`, or that of the TAP which a port is joined to */
    struct side_spec host_tap; /* where the side is the host's end of a port: its TAP */
    struct tap tap;
    struct netns_id netns; /* of the side, when it was opened */
    int index;             /* of the TAP */
    struct carrier_news carrier;
    char cut[SIDE_CUT_BYTES]; /* why no frame passes; empty: they do */
    uint32_t mtu;             /* of the side's interface, as last read or set */
    uint64_t overflow_before; /* of a persistent TAP, before we attached */
};

struct sides {
    struct end ends[2];          /* by enum side */
    uint32_t workers;            /* that there can be */
    int steering_fd;             /* program for the TAPs' queues, -1: none */
    bool started;                /* a card that was made stays */
    bool elsewhere;              /* another process looks after them */
    bool handed_on;              /* by the last one to us */
    struct carrier carrier;      /* of who looks after them */
    struct bypassing *bypassing; /* NULL: none */
    struct carrying *carrying;   /* NULL: none */
    struct error one_queue;
};

/* After a port was joined again. False: nothing goes by; nothing is carried. */
bool sides_bypass_again(struct sides *sides, struct error *error);
bool sides_carry_again(struct sides *sides, struct error *error);
/* Looks anew at the peer of the client's port (carrying_set_peer()). */
void sides_follow_peer(struct sides *sides);
/* Whose other end is joined as a port. */
bool end_has_card(const struct end *end);
/* False, with an error, where the side cannot have this MTU. */
bool end_give_mtu(struct end *end, uint32_t mtu, struct error *error);
/* The TAP behind a port shows the port's MTU. Nothing depends on it: a TAP takes what is redirected
 * to it. */
void end_tell_mtu(const struct end *end);

#endif
