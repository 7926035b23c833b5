/* SPDX-License-Identifier: GPL-2.0-or-later */
/* veth.h - the peer of a veth, where that is in another namespace. */
#ifndef SYNWARD_BRIDGE_SIDES_VETH_H
#define SYNWARD_BRIDGE_SIDES_VETH_H

#include <stdbool.h>
#include <stdint.h>

struct nl_sock;

/*
 * Its MAC. False: the interface of this index is no end of a veth, or its peer is in the same
 * namespace, or may not be asked. `socket`: in the namespace of the interface.
 */
bool veth_peer_mac(struct nl_sock *socket, int index, uint8_t mac[6]);

#endif
