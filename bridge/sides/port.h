/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * port.h - a side that is an interface of somebody else's (veth end, a VM's tap, network card),
 * joined to a TAP of ours.
 *
 *                        +------- the port's namespace --------+
 *      wire ---- port ==>| ingress(port)  -->  egress(TAP) ====|==> read  \
 *           <====   <====| egress(port)  <--  ingress(TAP) <===|=== write /  worker
 *                        +-------------------------------------+
 *
 * Every frame that comes in at the port, to whatever address (it is promiscuous meanwhile), with
 * its tags and offloads, is redirected (redirect.h) before the host's stack sees it; the stack's
 * own frames are dropped before the wire. The port's addresses, routes and MTU stay as they are.
 * The TAP is called synward and the port's interface index: synward7.
 *
 * Undone by port_leave(). When we are killed the TAP goes with us; the qdisc stays and, its target
 * gone, drops everything, or passes it on to the other port (port_bypass(); then the port stays
 * promiscuous, too), until the next port_join() of this port makes it its own, or port_detach()
 * undoes it. What passes it on then goes on to do so until port_settle(): no frame is lost at a
 * start, and none gets to the host.
 *
 * A port that the host goes on using (side.h, inline.h) is not made promiscuous, nor brought up,
 * and may be a member of a bridge: nothing is changed of it.
 *
 * An interface that vanishes and comes back under its name (a VM's tap, when the VM starts again)
 * is joined anew, and so is one whose filters others have taken away.
 */
#ifndef SYNWARD_BRIDGE_SIDES_PORT_H
#define SYNWARD_BRIDGE_SIDES_PORT_H

#include <stdbool.h>

#include "bridge/sides/link.h"
#include "bridge/sides/side.h"
#include "profiles/error.h"

struct port;

/* Refuses what cannot be a port. `side` and `link`, the interface's, must outlive the port. */
struct port *port_open(const struct side_spec *side, struct link *link, struct error *error);
/* Whether port_open() would refuse it; `running`: that another synward has it is no fault. Touches
 * nothing. */
bool port_check(const struct side_spec *side, struct link *link, bool running, struct error *error);
/* The TAP to be made for it. The port's. */
const struct side_spec *port_tap(const struct port *port);
/*
 * Undoes what a killed process left on the port, joins the two and proves it. `tap_fd` is open, and
 * nobody reads it yet. `host` is the TAP of the host's end where the port is in use, up, else NULL.
 * Both must outlive the port.
 */
bool port_join(struct port *port, struct link *tap, int tap_fd, struct link *host,
               struct error *error);
/* The index of the interface that is joined; 0: none. */
int port_index(const struct port *port);
/* Of a port that is an end of a veth: where frames can be handed over to its peer (veth.h). */
bool port_peer_mac(const struct port *port, uint8_t mac[6]);
/* Whether a program of ours would see first what comes in. */
bool port_may_shorten(const struct port *port, struct error *error);
/* What the program of `other` sends may go out here. Ends with the join, as the next one; done
 * again when either was joined again. */
bool port_let_out(const struct port *port, const struct port *other, struct error *error);
/* The program sees first what comes in, instead of one that was left behind. */
bool port_shorten(struct port *port, int program_fd, struct error *error);
/* Both for while nobody is alive; it outlives us, and so does the promiscuous mode then. */
bool port_bypass(struct port *port, const struct port *other, int program_fd, struct error *error);
/* Of what had been left behind nothing leads past us any more. */
void port_settle(struct port *port);
/* A killed process had left it behind when it was joined first. */
bool port_was_left_behind(const struct port *port);
enum port_change {
    PORT_AS_BEFORE,
    PORT_LOST, /* the interface is gone */
    PORT_CUT,  /* others have taken away what joins it, and it cannot be joined again */
    PORT_BACK, /* joined again */
};
/*
 * To be called after a change of the interfaces in that namespace, or of what tc has put there, and
 * each second while it is cut: one that is back is joined, and one whose filters are not whole.
 */
enum port_change port_follow(struct port *port);
/* Takes it down, so that its far end sees no carrier; false: as it was before. What holds it goes
 * with the join, and a killed process's successor knows of it. */
bool port_hold(struct port *port, bool held, struct error *error);
/* Why no frame passes; NULL: they do. */
const char *port_cut(const struct port *port);
/* Undoes what port_join() did; the hidden end of a card stays cut, to be joined again. */
void port_leave(struct port *port);
/* Removes what a killed process has left on the interface of this side, also from beside what is
 * somebody else's. `*found` is false where there was nothing. False: it is in use, cannot be looked
 * at, or there is no such interface. */
bool port_detach(const struct side_spec *side, bool *found, struct error *error);
/* Of a port that was left. What refers to port_tap() ends before. NULL is fine. */
void port_free(struct port *port);

#endif
