/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * opening.h - from a proved request to a splice: our SYN, the server's answer, its greeting, the
 * held data.
 *
 *      client            synward                          server
 *        | data(x+1,c+1)    |  SYN(x) ----------------------> |     OPENING (again after 1, 3, 7 s)
 *        | ...held...       | <---------------- SYN-ACK(y)    |
 *        |                  |  ACK -------------------------> |     GREETING, where we greeted for
 *                                                                   it
 *        |                  | <---------------- greeting      |     compared, acknowledged,
 *                                                                   swallowed
 *        |                  |  held data(x+1, y+1+g') ------> |     SPLICED
 *
 * Client-first services skip the middle: the held data completes the handshake. Offsets are fixed
 * at the SYN-ACK, delta = c - y, and where a greeting is said for the server by template + g - g'
 * (greeting_compare.c); ts_delta = ceiling of our stateless TSvals - S. Where the server's own TCP
 * can make the connection of our cookie there is neither SYN nor offset (granting.h).
 */
#ifndef SYNWARD_ENGINE_STAGES_OPENING_H
#define SYNWARD_ENGINE_STAGES_OPENING_H

#include "engine/stages/proof.h"
#include "engine/stages/request.h"
#include "engine/shard/passage.h"

/*
 * Opens the connection that `proof` stands for, holding what was said. `before` is freed. Gives
 * the verdict; where there is no room (false) the frame is dropped and counted, and the client will
 * repeat it.
 */
bool opening_begin(struct engine *engine, struct passage *passage, struct server *server,
                   const struct proof *proof, struct flow *before, const struct client_said *said);

/* A frame of a flow that is OPENING or GREETING, from either side. */
void opening_frame(struct engine *engine, struct passage *passage, struct flow *flow);

/* --- for opening_due.c ---------------------------------------------------------------------- */

/* To the second SYN; and how long a server's greeting is waited for at the least. */
#define OPENING_SYN_FIRST_US      (1000ull * 1000)
#define OPENING_GREETING_LEAST_US (30ull * 1000 * 1000)
/* Its request is no reason for others to wait any more: the server does not hear of it. */
void opening_asks_in_vain(struct engine *engine, struct flow *flow, struct opening *opening);
/* The server has answered for it. */
void opening_heard(struct engine *engine, struct flow *flow, struct opening *opening,
                   uint64_t now_us);
/* As opening_asks_in_vain(), and it says nothing of the server either: banned.c counts it. */
void opening_judged_apart(struct engine *engine, const struct flow *flow, struct opening *opening);

/* --- for preparing.c ------------------------------------------------------------------------- */

/* What we offer to the server: exactly what our SYN-ACK granted to the client. */
uint8_t opening_offer(const struct opening *opening);

/* --- for granting.c -------------------------------------------------------------------------- */

/* The first SYN, and its timer. */
void opening_ask(struct engine *engine, struct flow *flow, struct opening *opening,
                 uint64_t now_us);
/* Above every TSval that the client may have had from us. */
uint32_t opening_tsval_ceiling(const struct engine *engine, const struct flow *flow,
                               const struct opening *opening, uint64_t now_us);

/* --- for greeting_compare.c ------------------------------------------------------------------ */

/* Hands the held data over and splices. The frame's own verdict is left to the caller. */
void opening_release(struct engine *engine, struct flow *flow, uint64_t now_us);
/* Resets the client at its last ack, and the server if `server_too`; the flow is left closing. */
void opening_fail(struct engine *engine, struct flow *flow, bool server_too, uint64_t now_us);

/* --- for draining.c -------------------------------------------------------------------------- */

void opening_set_timer(struct engine *engine, const struct flow *flow, uint64_t due_us);
/* Takes the opening off its flow. */
void opening_done(struct engine *engine, struct flow *flow);
/* The client has left: resets the server; the flow is left closing. */
void opening_abandon(struct engine *engine, struct flow *flow, uint64_t now_us);

#endif
