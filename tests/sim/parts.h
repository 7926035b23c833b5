/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parts.h - requests that come in parts, and what their clients say besides: for the worlds of
 * chaos.h in which the engine keeps requests until they are whole (rule 1.3).
 *
 *      in parts      byte by byte, or in pieces of any length; pauses of up to 25 s, so that the
 *                    cookie's epoch rolls on meanwhile; headers of up to 30 KiB
 *      cut off       the client closes its side somewhere in its request
 *      copies        parts of its stream come again, in any order and with any borders
 *      lies          copies with other bytes, of what has been acknowledged to it: they count for
 *                    nothing
 */
#ifndef SYNWARD_TESTS_SIM_PARTS_H
#define SYNWARD_TESTS_SIM_PARTS_H

#include "tests/sim/app.h"
#include "tests/sim/rng.h"

/* Fills a session without turns, of any port of fixture_all(). */
void parts_dialogue(struct session *session, struct rng *rng);
/* How its request comes; `cuts`: it may be cut off, and the session is excused then. */
void parts_manner(struct session *session, struct rng *rng, bool cuts);
/* One copy or lie of the session's client, if it has said something. */
void parts_copy(struct session *session, struct rng *rng);
/* Servers with little room. */
void parts_small_server(struct tcp_settings *settings, struct rng *rng);

/*
 * What was acknowledged to a client is promised (rule 1.3): when both ends have ended its server
 * has all of it, or both were reset. No end that looks good has bytes missing. `calm`: no link
 * loses the reset.
 */
void parts_judge_end(const struct session *session, bool calm);

#endif
