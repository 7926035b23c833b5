/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slow.h - connections that let their server wait make room where it holds more than its mark (rule
 * 2.6).
 *
 * Only those that we have opened since the attack began, and that have moved less than 500 bytes a
 * second for 2 s, which begin again where the client closes its window before; what was there
 * before may be idle for a reason. First go those that trickle or do not read, then those that ask
 * nothing, last those whose server is silent, which is not their fault; and not before 4 s where a
 * server that is prompt in calm has answered nobody later, as it has not come to them yet. Among
 * them those of sources with more than their share, or that were slow before, and those that have
 * been slow for longest. As many as are above the mark, or wait and were not slow
 * themselves: 20 a second at least, 128 at most, each with a reset to both ends.
 */
#ifndef SYNWARD_ENGINE_STAGES_SLOW_H
#define SYNWARD_ENGINE_STAGES_SLOW_H

#include "engine/shard/passage.h"

/* A connection whose request is handed over: it is watched from now on. */
void slow_watch(struct engine *engine, const struct flow *flow, const struct opening *opening,
                uint64_t now_us);
/* Ends a few at this server, if it is time. */
void slow_make_room(struct engine *engine, struct server *server, uint64_t now_us);

#endif
