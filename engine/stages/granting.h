/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * granting.h - a connection that the server's own TCP makes of our cookie, without a splice.
 *
 *      client            synward                          server
 *        | data(x+1,c+1)    |  grant, then held data(x+1, c+1) ---> |  OPENING, a socket is made
 *        |                  | <-------- any segment of the socket's |  SPLICED, by no offsets
 *
 * The server's ISN is our cookie, so nothing is changed from here on, and the connection needs
 * nobody who carries it. While the server has not answered, the held data is sent again when the
 * client repeats it. Where it does not answer, or the program at its card says that it will not
 * (engine/tcp/grant.h), it is asked by a SYN, as any other (opening.h); a late answer of the
 * socket counts even then. After three such in a row a server is left alone for ten minutes, or for
 * ten seconds where no program has seen the segments. A full accept queue is tried again for ten
 * seconds; from the second one on the server is one that does not answer SYNs (capacity.h).
 */
#ifndef SYNWARD_ENGINE_STAGES_GRANTING_H
#define SYNWARD_ENGINE_STAGES_GRANTING_H

#include "engine/shard/passage.h"

/*
 * Sends what is held, with a grant for it. False: it is to be asked by a SYN. What its server's
 * check does not know is not for grants at all: the learner, which sees what we splice, is to hear
 * whether the server accepts it. For the same reason one in 30 s is not for them, either.
 */
bool granting_begin(struct engine *engine, struct flow *flow, struct opening *opening,
                    const struct promise *promise, uint64_t now_us);
/* The client says again what is held. */
void granting_again(struct engine *engine, struct flow *flow, struct opening *opening,
                    uint64_t now_us);
/* The opening's timer. */
void granting_due(struct engine *engine, struct flow *flow, struct opening *opening,
                  uint64_t now_us);
/* Its accept queue has been full for so long that a SYN would be without an answer, too. */
bool granting_finds_no_room(const struct engine *engine, const struct opening *opening,
                            uint64_t now_us);
/* A segment from the server, of an opening that is or was granted. True: that was it. */
bool granting_answered(struct engine *engine, struct passage *passage, struct flow *flow,
                       struct opening *opening);
/* The same, which the kernel has passed on to the client already: the engine is only told of it. */
void granting_told(struct engine *engine, struct passage *passage, struct flow *flow);
/* Sends what came behind the data that was granted: the server has answered. */
void granting_send_rest(struct engine *engine, struct flow *flow, struct opening *opening);
/* The server has answered our SYN, after its TCP had been given the connection in vain. */
void granting_heard_by_syn(struct server *server, struct opening *opening, uint64_t now_us);
/* It has a grant, and the server has not answered. */
bool granting_is_open(const struct engine *engine, uint32_t opening);
/* The opening ends, or is asked by a SYN: nobody may use the grant any more. */
void granting_end(struct engine *engine, struct opening *opening);

/* Why connections to this server are spliced, static text; NULL: they need not be, or nobody asked
 * for grants. */
const char *granting_hindrance(const struct engine *engine, const struct server *server,
                               uint64_t now_us);

#endif
