/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slow.h - connections that let their server wait make room where it holds more than its mark (rule
 * 2.6).
 *
 * Only those that we have opened since the attack began, and that have moved less than 500 bytes a
 * second for 2 s, which begin again where the client closes its window before; what was there
 * before may be idle for a reason. First go those that trickle or do not read, then those that ask
 * nothing, last those whose server is silent, which is not their fault; among them those of sources
 * with more than their share, or that were slow before, those whose networks have the most slow
 * ones, and those that have been slow for longest. As many as are above the mark, or wait and were
 * not slow themselves: 20 a second at least, 128 at most, each with a reset to both ends. A client
 * that goes on behind the server's FIN is slow, whatever it moves (held_watch.h). Where the server
 * has said that it is full (capacity.h), idle ones that were opened six minutes ago stay.
 *
 * A websocket, a channel of gRPC, a person who thinks look like somebody who has nothing to do:
 * idle ones go only for somebody who has nothing there and was not slow himself, 20 a second, and
 * not while half of the others are younger than 4 s, of whom it is not known yet whether they are
 * slow. Whoever waits for the server's first answer stays for 4 s: it may not have come to him yet.
 *
 * A source that has its share, as a crowd behind one address may, makes room for itself: for one of
 * its own that waits an idle one of its own goes, four a second.
 *
 * Where nobody is slow, and those who have no place go on waiting, more is asked of all: from 500
 * bytes a second twice as much each 5 s, 16,000 at most, until nobody has waited for 30 s.
 */
#ifndef SYNWARD_ENGINE_STAGES_SLOW_H
#define SYNWARD_ENGINE_STAGES_SLOW_H

#include "engine/shard/passage.h"

/* A connection whose request is handed over: it is watched from now on. */
void slow_watch(struct engine *engine, const struct flow *flow, const struct opening *opening,
                uint64_t now_us);
/* Ends a few at this server, if it is time. `is_stuck`: it answers nobody else meanwhile, so idle
 * ones go, too, whoever waits here. `own`: held_hash() of a source that has its share, and has one
 * more that waits; 0: nobody's. */
void slow_make_room(struct engine *engine, struct server *server, bool is_stuck, uint64_t own,
                    uint64_t now_us);

#endif
