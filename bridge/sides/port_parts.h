/* SPDX-License-Identifier: GPL-2.0-or-later */
/* port_parts.h - what port.c and port_follow.c share, and nobody else. */
#ifndef SYNWARD_BRIDGE_SIDES_PORT_PARTS_H
#define SYNWARD_BRIDGE_SIDES_PORT_PARTS_H

#include "bridge/sides/port.h"
#include "bridge/sides/redirect.h"

struct port {
    const struct side_spec *side;
    struct side_spec tap_side;
    struct link *link, *tap;
    struct link *host; /* the TAP of the host's end; NULL: the host is mute here */
    int tap_fd;
    int index;         /* of the interface that is joined; 0: none */
    int tap_index;     /* of what it was joined to last */
    int refused;       /* of one that came back and could not be joined; 0: none */
    uint64_t retry_us; /* what could not be joined is tried again then */
    struct error cut;  /* why no frame passes; EXIT_DONE: they do */
    bool was_down;
    bool held;     /* taken down by port_hold() */
    bool bypassed; /* its flag says that it is promiscuous, and did not before */
    bool left_behind;
    bool renewed; /* what was left behind leads here; what leads past it may still be there */
    bool shortened, bypasses; /* by a program of this process */
    bool proved;              /* or found not to work, and said so */
    int promiscuous;          /* the packet socket that holds the port so; -1: none */
};

/* Says what could not be done to it, by the code of libnl. False. */
bool port_error(const struct port *port, const char *what, int code, struct error *error);
/* False where somebody else has the interface. */
bool port_check_owner(const struct port *port, enum redirect_owner owner, struct error *error);
/* The interface of this index and the TAP's lead to each other. In the port's namespace. */
bool port_redirect(struct port *port, int index, int tap_index, struct error *error);
/* Joins it, from looking at what is there on; `both_ways`: nobody reads the TAP yet. */
bool port_join_inside(struct port *port, bool both_ways, struct error *error);
/* Undoes that; `left`: the interface stays cut. */
void port_unjoin(struct port *port, bool left);
/* Sends a probe; where there is no carrier yet the second leaves it for later. In the port's
 * namespace. */
bool port_prove(struct port *port, const struct link_state *state, bool both_ways,
                struct error *error);
bool port_prove_if_possible(struct port *port, bool both_ways, struct error *error);

#endif
