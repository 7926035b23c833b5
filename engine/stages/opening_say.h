/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * opening_say.h - the segments that an opening makes, to each side in the other's name: our SYN and
 * its ACK, the held bytes, resets, what was promised to the client.
 *
 * Offsets into held bytes count from the client's first byte, x + 1.
 */
#ifndef SYNWARD_ENGINE_STAGES_OPENING_SAY_H
#define SYNWARD_ENGINE_STAGES_OPENING_SAY_H

#include "engine/shard/passage.h"

/* --- to the server --------------------------------------------------------------------------- */

/* What the client's SYN said, as far as our SYN-ACK granted it. */
void opening_send_syn(struct engine *engine, const struct flow *flow, struct opening *opening);
/* ACK for what the server has sent so far, built in its frame's buffer. */
void opening_acknowledge(struct engine *engine, struct passage *passage, const struct flow *flow,
                         const struct opening *opening);
/* Payload bytes of one segment at most. */
uint32_t opening_segment_limit(const struct engine *engine, const struct flow *flow,
                               const struct opening *opening);
/* The held bytes from `from` on, before `to`; none where they are equal. */
void opening_send_held(struct engine *engine, struct flow *flow, const struct opening *opening,
                       uint32_t from, uint32_t to);
/* All of them, for who says them later: acknowledgment and echo are 0 while the server has said
 * nothing. Returns bytes with the offload header in front, 0: more than `capacity`. */
uint32_t opening_write_held(const struct engine *engine, const struct flow *flow,
                            const struct opening *opening, uint8_t *buffer, uint32_t capacity);
void opening_reset_server(struct engine *engine, const struct flow *flow,
                          const struct opening *opening);
/* RST for an answer to another SYN than ours, built in its frame's buffer. */
void opening_refuse_answer(struct engine *engine, struct passage *passage, const struct flow *flow,
                           const struct opening *opening);

/* --- to the client --------------------------------------------------------------------------- */

void opening_reset_client(struct engine *engine, const struct flow *flow,
                          const struct opening *opening);
/* Says again what was promised, in answer to the client's frame. */
void opening_acknowledge_client(struct engine *engine, struct passage *passage,
                                const struct flow *flow, const struct opening *opening);

#endif
