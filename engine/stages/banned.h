/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * banned.h - clients whom a filter of the server's bans, as far as that shows from outside (rule
 * 2.6).
 *
 * Such a filter (fail2ban makes them) takes what some addresses send. Their right requests are
 * opened all the same, and no SYN of ours is answered: as if the accept queue were full, for which
 * everybody would have to wait. What tells them from that is who else is answered:
 *
 *      unheard   our SYN was unanswered for a second: noted for a minute
 *      banned    and the server has answered the first SYN for somebody who came later: likewise
 *
 * A banned source is judged by itself. Its openings count neither among those that wait for the
 * server nor for its mark. BANNED_AT_ONCE of all such sources are asked for at a time, of each one
 * in BANNED_APART_US, and what is unanswered for a second waits here again, where it can. It is not
 * put aside: whose SYN was lost, or came when there was no room, is heard the next time, which ends
 * it.
 *
 * Somebody has to come later for that. So where openings that are not answered would keep
 * everybody out, BANNED_TRIES_PER_SECOND sources are asked for all the same that are not noted, and
 * an answer to one of them judges all the others.
 */
#ifndef SYNWARD_ENGINE_STAGES_BANNED_H
#define SYNWARD_ENGINE_STAGES_BANNED_H

#include "engine/shard/passage.h"

#define BANNED_AT_ONCE          8u
#define BANNED_TRIES_PER_SECOND 4u
#define BANNED_APART_US         (2000ull * 1000)
#define BANNED_NOTED_US         (60ull * 1000 * 1000)

bool banned_is_noted(struct engine *engine, const struct server *server, const struct flow_key *key,
                     uint64_t now_us);
/* True of a source that a filter of this server's bans. */
static inline bool banned_is(struct engine *engine, const struct server *server,
                             const struct flow_key *key, uint64_t now_us)
{
    return now_us < server->unheard_noted_us && banned_is_noted(engine, server, key, now_us);
}
/* Of such a one: it may be asked for once more. */
bool banned_may_ask(struct engine *engine, const struct server *server, const struct flow_key *key,
                    uint64_t now_us);
/* Of somebody who would have to wait for others: the server is asked whether it hears anybody. */
bool banned_may_try(struct engine *engine, const struct server *server, const struct flow_key *key,
                    uint64_t now_us);
/* An opening begins. True: of a banned source, and it is counted as one. */
bool banned_asks(struct engine *engine, struct server *server, const struct flow_key *key,
                 uint64_t now_us);
/* The server has not answered our SYN for a second. True: it bans this source. */
bool banned_judge(struct engine *engine, struct flow *flow, struct opening *opening,
                  uint64_t now_us);
/* The server has answered our SYN, said so many times. */
void banned_heard(struct engine *engine, struct flow *flow, const struct opening *opening,
                  uint64_t now_us);

#endif
