/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * capacity.h - how many connections a server can serve at once, where that is fewer than its mark
 * (rule 2.6).
 *
 * A server of ten processes accepts the eleventh connection, and leaves it alone until one of the
 * ten is over. That it has come to its limit is seen by that:
 *
 *      a whole request is unanswered for a second, or four times as long as nine of ten are in
 *      calm, and nobody who came later was answered; or
 *      the server does not answer our SYN for a second, nor anybody else's; or
 *      where it speaks first, it has refused clients of two networks within ten seconds ("421 too
 *      many", an end without a word), as OpenSSH does beyond ten that have not logged in; or
 *      its first words say that it has no room for anybody, as PostgreSQL's do: no request brings
 *      these about, whatever is wrong with it, so that one client is enough
 *
 * Where it has said so, who has been there for six minutes is not ended for others: by then most
 * servers have ended who has not logged in, and who has holds none of the places that are wanted
 * (OpenSSH), or has a right to it. The mark leaves room beside all of these.
 *
 * The mark falls to what it held when that one came. Where that did not help (what holds the places
 * may be bodies that do not end, which nobody could tell from those that are worked on), it falls
 * by half, and again. It rises by an eighth each second in which somebody is served at once while
 * all places are taken that are for anybody. It never falls below the peak of calm, what is there
 * from before the attack, or as many as it is answering at this very moment.
 *
 * Until that is seen a server of few processes must not have a hundred requests in its queue, where
 * everybody else would stand. So where it answers promptly in calm (in less than a quarter of a
 * second), only so many whole requests that it has not answered are handed over at once: 8, or one
 * and a half times the peak of calm, or as many as were answered and ended in the last 2 s within 2
 * s each. Whoever waits for longer than the second above, or than somebody who came later, does not
 * count: a long poll stops nobody. Clients that the server has answered before have as many again.
 *
 * A server of few places that are held has a backlog, too, which bodies would fill, and nobody
 * else's SYN would find room there. So where it has not answered SYNs for a second only as many of
 * them go on asking; what the others have said they say again, and wait here in their order. When
 * places are free as many of those that go on are asked for at once.
 */
#ifndef SYNWARD_ENGINE_STAGES_CAPACITY_H
#define SYNWARD_ENGINE_STAGES_CAPACITY_H

#include "engine/shard/passage.h"

/* True if it was seen in calm to answer within a quarter of a second. */
bool capacity_is_prompt(const struct server *server);
/* True if one more whole request may be handed over now; `known`: the server has answered its
 * source before. */
bool capacity_admits(struct engine *engine, const struct server *server, bool known,
                     uint64_t now_us);
/* A connection was opened: its answer is looked for from now on. */
void capacity_watch(struct engine *engine, struct server *server, struct watched *watched,
                    uint64_t now_us);
/* Its place is about to be another's: it may still be counted at its server. */
void capacity_forget(struct engine *engine, const struct watched *watched);
/* The server has not answered our SYN, said `attempts` times (0: what it was granted), for so long
 * that we would ask again; a single one may have been lost once. True: it has no room for those
 * that wait for that already, and this one better waits here. */
bool capacity_unheard(struct engine *engine, struct server *server, uint32_t attempts,
                      uint64_t now_us);
/* What the server says first on this connection, which is spliced. */
void capacity_answered(struct engine *engine, const struct flow *flow, const struct frame *frame);
/* The server has greeted this client with a refusal, where it was to be greeted as all are. */
void capacity_refused(struct engine *engine, const struct flow *flow, uint64_t now_us);
/* Looks at all that wait for an answer, if it is time; false: nothing is due. */
bool capacity_tick(struct engine *engine, uint64_t now_us);
/* When there is something for capacity_tick() to do; UINT64_MAX: nothing. */
uint64_t capacity_next(const struct engine *engine);

#endif
