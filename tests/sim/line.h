/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * line.h - judges every segment that leaves the middle for a host, before any host has seen it.
 *
 * A host forgives much: what it drops as a duplicate, or out of its window, it would never complain
 * of. So each segment is laid beside what both hosts are known to have at that moment, in the
 * numbers of the host that will receive it:
 *
 *      payload   each byte is the one that belongs at its offset, new or repeated
 *      ack       never beyond what the other host has received in order, never beyond what the
 *                receiver has sent
 *      SACK      only what the other host holds
 *      TSecr     a TSval that the receiver has really sent, at least its first and not of the
 *                future
 *      window    of a segment passed on: its right edge is not beyond the one that the other host
 *                has announced
 *      MSS       payload and options of a segment, or of each that a super-frame is cut into, are
 *                no more than the receiver announced
 *      going back: TSval and ack lie behind the newest sent to this host by no more than the
 *      segment that came in lay
 *                behind the newest of its own sender; what a link before the middle turned over is
 *                not the middle's fault
 *
 * Not judged: RSTs (the hosts are: RFC 5961), what carries no connection's numbers (a stray of the
 * tuple's last connection; on a tuple that is used once, with payload, it is a violation unless the
 * stage is lenient), keepalive garbage and zero padding. A greeting that the engine says again goes
 * out with the ack x+1 of its first time; the ACK with which the engine answers a segment that the
 * server repeats has the TSval which that segment echoes and the ack of that time. Both are old,
 * and truly so: a host ignores them. An ack that is raised to the greeting's end takes the window's
 * edge along, by the greeting's length at most.
 */
#ifndef SYNWARD_TESTS_SIM_LINE_H
#define SYNWARD_TESTS_SIM_LINE_H

#include "tests/sim/app.h"

void line_enter(struct wire *wire, enum side from, const struct packet *packet);
void line_leave(struct wire *wire, enum side to, const struct packet *packet, bool reply);

#endif
