/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * held.h - how many connections a server in attack mode holds (rule 2.6): whole requests stop
 * neither slow bodies nor slow readers.
 *
 *      held <  mark            nobody is limited
 *      held >= mark            a source with its share, or that was slow, gets no new one
 *      held >= 1.5 x mark      nor does one that the server has not answered before
 *      held >= 2 x mark        nor does anybody
 *
 * To both of the latter come as many as were answered and ended within 2 s in the last 2 s: a
 * crowd of quick ones, that nobody has foreseen, makes its own room. Of each source eight count: a
 * single one that fetches as fast as it can makes none for slow ones of others.
 *
 * The mark is 1.5 times the most in calm, or what was there when the attack began, at least
 * HELD_LEAST. Who gets none is neither reset nor blamed: the whole request waits in its slot
 * (kept.h), and is opened when a place is free; so short fetches of many behind one address are
 * served in turn. Where there is no slot the frame is dropped, and the client repeats it. Above the
 * mark slow ones make room (slow.h).
 *
 * Who waits does so behind those of better classes (held_queue.h), and in its own first come, first
 * served. Of those who wait for their first place every second one is the newest: a thousand
 * networks that came before cost an honest newcomer its turn, not its patience. Of each network one
 * in two seconds waits for a first place, and its others behind all of these: a thousand sockets of
 * 200 networks are 200.
 * Of a network of which an idle one was ended for others all come behind them for ten seconds, and
 * whoever it was is a stranger again: who comes back at once for ever passes no newcomer.
 * Whoever was ended for being slow, and strangers of its network, come last, for ten minutes.
 */
#ifndef SYNWARD_ENGINE_STAGES_HELD_H
#define SYNWARD_ENGINE_STAGES_HELD_H

#include "engine/shard/passage.h"

#define HELD_LEAST 64

uint32_t held_mark(const struct engine *engine, const struct server *server);
/* The same where the server is not known to serve fewer (stages/capacity.h). */
uint32_t held_usual_mark(const struct engine *engine, const struct server *server);
/* True if the client of `key` may have one more connection to `server` now; slow ones may have been
 * ended for it. */
bool held_admits(struct engine *engine, const struct flow_key *key, struct server *server,
                 uint64_t now_us);
/* Its whole request waits in its slot for a place from now on. */
void held_wait(struct engine *engine, struct flow *flow, uint64_t now_us);
/* Opens what has waited and has a place now, one of them; false where nothing is due. */
bool held_tick(struct engine *engine, uint64_t now_us);
/* When there may be something for held_tick() to do; UINT64_MAX: nothing. */
uint64_t held_next(const struct engine *engine);

#endif
