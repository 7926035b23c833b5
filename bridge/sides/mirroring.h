/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mirroring.h - the carrier that one side loses is taken from the other one, as by a cable
 * (carrier.h says when).
 *
 * How the far end of a side can be told:
 *
 *      TAP that is the card     its carrier is taken away
 *      port, veth or hardware   the interface is taken down: its partner sees no carrier then
 *      any other port           not at all: who is behind it would see nothing
 *
 * A port that has addresses of the host is left alone as well: taken down it would lose routes, and
 * the addresses of IPv6.
 *
 * Needs the privileges of the start, as what rejoin.h does, and belongs to who has them.
 */
#ifndef SYNWARD_BRIDGE_SIDES_MIRRORING_H
#define SYNWARD_BRIDGE_SIDES_MIRRORING_H

#include "bridge/sides/carrier.h"
#include "bridge/sides/sides.h"
#include "bridge/text/mode_text.h"

/* What there is to be seen of both sides, and what is to be done about it, is done. */
void mirroring_turn(struct sides *sides, enum carrier_setting setting, struct carrier_news news[2]);

#endif
