/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * handover_kept.h - what a shard has acknowledged of requests that are not whole yet (kept.h), for
 * the shard of the next process (handover.h): their clients do not say it again.
 *
 * In pieces, those of one request behind each other. What was said and not acknowledged comes
 * again, and how much of the request is there is found out anew.
 */
#ifndef SYNWARD_ENGINE_STAGES_HANDOVER_KEPT_H
#define SYNWARD_ENGINE_STAGES_HANDOVER_KEPT_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/shard/shard.h"

#define HANDED_PIECE_BYTES SLOT_CHUNK_BYTES

/* Bytes from `offset` on, of `promised` behind x; all else is the same in each piece. */
struct handed_piece {
    struct flow_key key;
    uint32_t x, c, read, generation, client_ack, tsval, tsecr, since_ms; /* as in struct slot */
    uint16_t promised, offset, bytes;
    uint8_t timestamps, greeted, known, whole;
    struct link_header link; /* to the client */
    uint8_t data[HANDED_PIECE_BYTES];
    uint8_t unused[3];
};

/*
 * Of an opening whose server has not answered, and whose client was told that we have a part of
 * what it said: this is kept again, and the opening ended, its server reset. The next process asks
 * the server anew. What was held beside that part is handed over as if it had been acknowledged: it
 * will be. False, and nothing is done: it is none of these.
 */
bool handover_keep(struct engine *engine, struct flow *flow, uint64_t now_us);
/* As handover_flows(). */
uint32_t handover_pieces(const struct engine *engine, uint32_t *cursor, struct handed_piece *out,
                         uint32_t max);
/* Before the first frame, one call for each piece, in order. Where there is no room for it its
 * client is reset at once, beyond what the outbox holds when it says more; where a piece is
 * missing, by the first tick, or its first frame; what cannot be ours, when it says more. */
void takeover_piece(struct engine *engine, const struct handed_piece *from, uint64_t now_us);

#endif
