/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inline.h - a port whose interface the host goes on using: its bridge, its own stack. The wire is
 * one side of ours, what the host has at the interface the other, and neither notices.
 *
 *              +---------------- the interface's namespace -----------------+
 *      wire ==>| ingress(port) ----------------> egress(TAP of the wire) ===|==> read  \
 *           <==| egress(port)  <---------------- ingress(TAP of the wire) ==|<== write  |
 *              |                                                            |           | worker
 *      host ==>| egress(port)  -- marked ------> egress(TAP of the host) ===|==> read   |
 *           <==| ingress(port) <------ marked -- ingress(TAP of the host) ==|<== write /
 *              +------------------------------------------------------------+
 *
 * The upper half is a port as any other (port.h, redirect.h). What the lower half adds are four
 * programs. The mark tells what has been through us from what has not: it is set on the host's TAP
 * and taken off as the frame comes in at the port, where no frame from a wire has one.
 *
 * The interface stays what it is: its place in the bridge, VLANs, fdb entries, STP state, MAC, MTU,
 * addresses, and the filters that know it by its name. So there is nothing to be put back but these
 * programs, and nothing that a kill could lose. It may be renamed, or moved to another bridge.
 */
#ifndef SYNWARD_BRIDGE_SIDES_INLINE_H
#define SYNWARD_BRIDGE_SIDES_INLINE_H

#include <netlink/netlink.h>
#include <stdbool.h>

#include "bridge/sides/link.h"
#include "bridge/sides/side.h"
#include "profiles/error.h"

/* Interface indices; all of one namespace. */
struct inline_ends {
    int port;
    int wire, host; /* the TAPs */
};

/* The TAP to be made for the host's end, synwin and the index of the interface, as it is there.
 * False: it is not. */
bool inline_tap(const struct link *link, const struct side_spec *side, struct side_spec *tap,
                struct error *error);
/*
 * Whether this interface may be the port; `servers`: who is behind its wire is to be protected.
 */
bool inline_check(const struct link *link, const struct side_spec *side, bool servers,
                  struct error *error);
/* The host's TAP has the MAC of the port from here on. */
bool inline_carry_mac(const struct link *port, struct link *host, struct error *error);
/*
 * In the place of redirect_add() on the port, whose errors and `note` it has. What comes meanwhile
 * goes the new way or the old one; but the kernel stops an interface for about a millisecond to put
 * a qdisc onto it. Goes with redirect_remove(). Returns 0, or libnl's error code, as all below.
 */
int inline_add(struct nl_sock *socket, const struct inline_ends *ends, uint32_t note);
/* Whether all of that is there. */
int inline_whole(struct nl_sock *socket, const struct inline_ends *ends, bool *whole);

#endif
