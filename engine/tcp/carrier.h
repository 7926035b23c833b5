/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * carrier.h - looks for a TCP segment inside what is no TCP segment itself: frames of other link
 * formats, and tunnels.
 *
 * Somebody behind the bridge may take the wrapping off (a host that takes SNAP, a router at the end
 * of a tunnel, a switch that speaks MPLS), and what is in it then reaches a server without having
 * passed us. So in attack mode the engine asks what is inside. It answers nothing of it: whoever
 * took the wrapping off expects it on the answer, and on all that follows.
 *
 *      link       802.3 with LLC and SNAP, IP over LLC, MPLS, PPPoE, 802.1ah, 802.1BR, 802.1CB,
 *                 HSR, TrustSec, VN-tag, TRILL, NSH
 *      IP         IP in IP, 6in4, GRE, EtherIP, MPLS in IP, minimal encapsulation, AH, L2TPv3
 *      UDP        VXLAN, VXLAN-GPE, GENEVE, L2TP, GTP-U, Teredo, GRE and MPLS in UDP
 *
 * Up to CARRIERS_MAX of them in each other. What is encrypted (ESP, WireGuard, MACsec) stays
 * closed: it opens for who has the keys only, which an attacker has not.
 */
#ifndef SYNWARD_ENGINE_TCP_CARRIER_H
#define SYNWARD_ENGINE_TCP_CARRIER_H

#include "engine/tcp/frame.h"

#define CARRIERS_MAX 8

/*
 * Of a FRAME_OTHER: what TCP is inside, as frame_walk_packet() tells it, with its view in `*inner`;
 * FRAME_OTHER: none that anybody could read. FRAME_UNREADABLE with inner->l3 == 0: there may be
 * some, but the frame is a piece too small to tell, or holds more wrappings than are looked
 * through.
 */
enum frame_kind carrier_look(const struct frame *frame, struct frame *inner);

#endif
