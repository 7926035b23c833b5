/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * carry.h - which connections the kernel may carry plain segments of, and from where on
 * (tcp/flow_record.h).
 *
 * Those that are followed or spliced, and whose plain segments need no more than plain_segment()
 * does: numbers by offsets, nothing that a trigger or the learner waits for. What the program in
 * the kernel cannot see of a segment is asked here, of its connection.
 */
#ifndef SYNWARD_ENGINE_STAGES_CARRY_H
#define SYNWARD_ENGINE_STAGES_CARRY_H

#include "engine/shard/shard.h"

/* Batches in which a connection comes up before the kernel is told of it: to tell it, and that it
 * is over, costs as much as some segments, and most connections are short: handshake, request,
 * answer and two FINs, each by itself, are not as many. One that we have joined has half of that
 * before it, and all its order is known: the kernel is told of it at once, or where its server has
 * spoken in the same batch, as soon as that is written. */
#define CARRY_AFTER 8

/* False: none of those that have come up is the kernel's, nor is to be, and nothing is to be
 * settled. Once a batch, and carry_settle() after it; between the two the orders are obeyed, as
 * there may be some of connections whose server speaks as soon as the batch is written. */
bool carry_is_due(struct engine *engine);
/*
 * Writes an opening down for which the kernel may answer the server (preparing.h). `first`: where
 * the server's data begins, in the client's numbers; `flags`: of the record, beside those that each
 * has; `place`: in tcp/prepared.h. False: there is no room for the order.
 */
bool carry_prepared(struct engine *engine, uint32_t index, uint32_t first, uint16_t flags,
                    uint32_t place);
/*
 * Settles the connections that have come up since the last time. All that the engine has let
 * through must have been written: here it is said that it has gone out.
 */
void carry_settle(struct engine *engine);

/* The same of one alone, whose numbers have changed without a frame. */
void carry_again(struct engine *engine, const struct flow *flow);
/* All that are joined, which were taken over: before their first frame comes. Goes on at `*cursor`
 * (0 at first). True: there are more; call again when the orders are obeyed. */
bool carry_all_joined(struct engine *engine, uint32_t *cursor);

#endif
