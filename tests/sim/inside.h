/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inside.h - looks into the engine after each step: tables within bounds and at one with each
 * other; nothing kept that nobody proved.
 *
 *      gauges and lists   the counters, the lists' lengths and a walk over the flow table say the
 *                         same
 *      openings           as many in use as there are flows being opened; each points back at its
 *                         flow; each server's share adds up
 *      before a request   (stage.attack) a flow is opened only for a session whose client has
 *                         spoken, and nothing is tracked
 *      afterwards         no flow, no opening, no slot, nothing to be said again
 *
 * The one file of the simulator that reads the engine's own structures; it changes nothing. The
 * walk is done when a gauge has moved.
 */
#ifndef SYNWARD_TESTS_SIM_INSIDE_H
#define SYNWARD_TESTS_SIM_INSIDE_H

#include "tests/sim/wire.h"

/* After a step; does nothing on a bare wire. */
struct session;

void inside_check(struct wire *wire);
/* How many served requests were forgotten because another one's tag took their place. */
uint64_t inside_tags_lost(const struct wire *wire);
/* Fails the test unless the engine holds nothing any more. */
void inside_expect_empty(struct wire *wire);

/* What the engine has acknowledged itself of what this session's client said: it answers for that
 * (rule 1.3). */
uint32_t inside_promised(const struct wire *wire, const struct session *session);

#endif
