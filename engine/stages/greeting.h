/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * greeting.h - the learned greeting G, said at c+1 in the server's name to a client whose handshake
 * is proved (rule 2.1, 2.4).
 */
#ifndef SYNWARD_ENGINE_STAGES_GREETING_H
#define SYNWARD_ENGINE_STAGES_GREETING_H

#include "engine/stages/proof.h"

/* True where the client has room for the greeting now (RFC 9293 3.8.6). */
bool greeting_fits(const struct passage *passage, const struct proof *proof);

/*
 * Puts G into the segment; for a client whose MSS is smaller, as a super-frame that leaves the TAP
 * in pieces. The MSS counts what options take (RFC 9293 3.7.1).
 */
void speak_greeting(const struct promise *promise, uint16_t mss, bool timestamps,
                    struct segment *segment);

/* Remembers that G was said, or what else is due after `grace_us` (early.h). False: the source has
 * its share of the ring. */
bool greeting_remember(struct engine *engine, const struct passage *passage,
                       const struct proof *proof, uint64_t grace_us);

/* True where G was said to this client already, or is about to be. */
bool greeted_already(struct engine *engine, const struct passage *passage,
                     const struct proof *proof);

/*
 * Who had an address lately can repeat the answer to its cookie for minutes: what that draws goes
 * to whoever has the address now. So a cookie draws G once within a minute or two, besides what the
 * ring repeats, and a source no more than this in a second, whatever its cookies are.
 */
#define GREETINGS_PER_SOURCE 1000u
/* True where this cookie has drawn G lately, as far as that is remembered. */
bool greeting_was_said(const struct engine *engine, const struct passage *passage,
                       const struct proof *proof);
/* True where G may be said now; then it counts as said. */
bool greeting_may_be_said(struct engine *engine, const struct passage *passage,
                          const struct proof *proof);

/* The same of a client whose flow is open, and which asks for G again: not at each of its ACKs,
 * which are no larger than a header each. */
bool greeting_may_be_repeated(struct engine *engine, const struct passage *passage);

/* G has arrived, at c+1. Its entry goes, but a copy of an ACK from before it must not be greeted
 * again, nor by the server. */
void greeting_heard(struct engine *engine, const struct passage *passage, uint32_t c);

/* rule 2.1: G at c+1, at once or after a grace for clients that speak anyway. */
void greet(struct engine *engine, struct passage *passage, struct server *server,
           const struct proof *proof);

/*
 * Its request came with the handshake's own ACK, before anything could be said to it: G goes out
 * beside the opening, so that the server's own greeting may be swallowed as for everybody (rule
 * 2.4).
 */
void greet_beside(struct engine *engine, const struct passage *passage, const struct server *server,
                  const struct proof *proof);

/*
 * Says the greeting once more to a client whose flow is open already, out of the client side.
 * `tsecr` is the client's newest TSval, used where timestamps were granted.
 */
void greet_flow(struct engine *engine, const struct flow *flow, const struct link_header *to_client,
                const struct promise *promise, uint32_t tsecr);

#endif
