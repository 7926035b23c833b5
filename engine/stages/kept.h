/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kept.h - the beginning of a request, kept until it is whole (rule 1.3): we are its receiver.
 *
 *      client            synward
 *        | GE               |     a slot: unpromised, 40 ms without an answer
 *        |      ACK x+3 <---|     promised: we answer for these bytes
 *        | T / HTTP/1.1 ... |     whole: on to the opening (opening.h), and draining.h delivers
 *
 * A tuple with a slot is judged by its numbers and PAWS (RFC 7323 5), not by the cookie: epochs
 * roll on meanwhile. What was acknowledged never changes. An unpromised slot may vanish in silence,
 * a promised one ends in a reset if it must go, and so does one that lacks pieces that the last
 * process has promised.
 */
#ifndef SYNWARD_ENGINE_STAGES_KEPT_H
#define SYNWARD_ENGINE_STAGES_KEPT_H

#include "engine/stages/proof.h"

#define KEPT_MATCHED_US (600ull * 1000 * 1000) /* sources that matched within it have a reserve */

/*
 * Keeps `bytes` of a request that begins at x+1, instead of `before`. Gives the verdict; where
 * there is no room the frame is dropped and counted. NULL: it is not kept.
 */
struct slot *kept_begin(struct engine *engine, struct passage *passage, struct server *server,
                        const struct proof *proof, struct flow *before);
/* Its first bytes were looked at: what is known of the rest, and from when on it is acknowledged.
 */
void kept_wait(struct engine *engine, struct passage *passage, struct flow *flow);
/* It must go. True where it was promised: then its client is to be reset. */
bool kept_end(struct engine *engine, struct flow *flow, uint64_t now_us);

/* The same at once, and its client is reset where it was promised something. */
void kept_cut(struct engine *engine, struct flow *flow, uint64_t now_us);

/* Resets the client of what was promised, by the slot, which need not be one of the pool. Its
 * server is known. */
void kept_reset(struct engine *engine, const struct flow *flow, const struct slot *slot);

/* A frame of a flow that is KEPT, from either side. */
void kept_frame(struct engine *engine, struct passage *passage, struct flow *flow);
/* What is due among slots, one of them; false where nothing is. */
bool kept_tick(struct engine *engine, uint64_t now_us);

/* The window field that leaves the right edge where it was first: at x+1+SLOT_BYTES. */
uint16_t kept_window(uint32_t promised, uint8_t scale);

/* What the client said last, as a segment of its own with nothing in it, and over which link. */
void kept_client_segment(struct engine *engine, struct flow *flow, struct link_header *link,
                         struct segment *segment, uint8_t options[12]);

static inline struct slot *kept_slot(struct engine *engine, const struct flow *flow)
{
    return &engine->slots.slots[flow_cold(&engine->flows, flow)->slot];
}

#endif
