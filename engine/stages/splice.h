/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * splice.h - carrying segments between the two halves of an opened connection (rule 5).
 *
 *      server to client:  seq += delta   TSval += ts_delta   window rescaled
 *      client to server:  ack -= delta   SACK -= delta   TSecr -= ts_delta   window rescaled
 *
 * The client's own sequence numbers are the same on both halves, since our SYN to the server used
 * its ISN. Modular throughout; checksums are kept by increments, partial ones need nothing (no edit
 * changes a length).
 */
#ifndef SYNWARD_ENGINE_STAGES_SPLICE_H
#define SYNWARD_ENGINE_STAGES_SPLICE_H

#include "engine/shard/passage.h"

/*
 * The floors of a flow follow its server at this distance: more than any window (RFC 7323 2.3), and
 * less than 2^31. That of acks only once it is half of it behind that, and that of TSecr by half of
 * it at once, so that among the segments of a long transfer one in 512 MiB, or in 2^29 ticks, has
 * them follow: the others are plain.
 */
#define SPLICE_FLOOR_DISTANCE (1u << 30)
#define SPLICE_FLOOR_FARTHEST (SPLICE_FLOOR_DISTANCE + SPLICE_FLOOR_DISTANCE / 2)

#define TIMESTAMPS_BYTES 12 /* that every segment carries where they were granted */

/* Payload of a segment to the server: its MSS less the options of this one, SACK blocks too (RFC
 * 6691 2). 0: no limit. */
static inline uint16_t splice_server_limit(const struct flow_cold *cold, const struct frame *frame)
{
    uint32_t usual = cold->timestamps ? TIMESTAMPS_BYTES : 0;
    uint32_t more = frame->options_bytes > usual ? frame->options_bytes - usual : 0;

    return (uint16_t)(cold->server_mss > more ? cold->server_mss - more : cold->server_mss);
}

/* A frame of a spliced flow, also while it is closing; passage->options are parsed. */
void splice_frame(struct engine *engine, struct passage *passage, struct flow *flow);
/* Edits a server's frame for the client. */
void splice_to_client(const struct engine *engine, struct passage *passage,
                      const struct flow *flow);

#endif
