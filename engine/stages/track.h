/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * track.h - normal mode: following connections without touching them.
 *
 * Every frame here is forwarded as it came. Tracking gives the learner its observations, the
 * triggers their half-open count, and attack mode the knowledge of which connections were there
 * before it.
 */
#ifndef SYNWARD_ENGINE_STAGES_TRACK_H
#define SYNWARD_ENGINE_STAGES_TRACK_H

#include "engine/base/bytes.h"
#include "engine/shard/observe.h"
#include "engine/shard/passage.h"

/*
 * How far from the newest number of its side a RST or FIN counts, and a segment is believed without
 * a look at its checksum.
 */
#define TRACK_NEAR_BYTES (1u << 20)

/* At or behind it: what moves a splice's number by its own length at most, and can be no guess that
 * carries it away. */
static inline bool track_follows(const struct frame *frame, uint32_t next)
{
    return next - frame->seq <= TRACK_NEAR_BYTES;
}

/* How far from the newest number a client's segment moves it (a full TAP may lose 64 MiB in a row).
 */
#define TRACK_PROGRESS_BYTES (1u << 26)

/* True where the sequence number is close to what its side has sent last. */
static inline bool track_is_near(const struct frame *frame, uint32_t next)
{
    return frame->seq - (next - TRACK_NEAR_BYTES) <= 2 * TRACK_NEAR_BYTES;
}

/* How far an ack of an old connection may lie behind its server's newest number (engine.c). */
#define TRACK_OLD_BYTES (1u << 26)

/* True where a client has spoken before, and acknowledges (in the server's numbers) what makes
 * sense. */
static inline bool track_client_goes_on(const struct flow_cold *cold, uint32_t ack)
{
    return cold->client_next != cold->client_isn + 1 && cold->server_next - ack <= 1u << 30;
}

/* A frame of a flow that is half-open, established, outbound, or closing without having been
 * spliced. */
void track_flow(struct engine *engine, struct passage *passage, struct flow *flow);
/* A client's frame without a flow, to a server in normal mode (`server`) or to none that is known
 * (NULL). */
void track_client(struct engine *engine, struct passage *passage, struct server *server);
/* A server-side frame without a flow, in any mode. */
void track_server(struct engine *engine, struct passage *passage);

/*
 * FIN and RST of a frame that passes on `flow`, tracked or spliced, whose seq is in the numbers of
 * the side it comes from: closes the flow, or makes one live again that a RST had closed (rule
 * 5.7). `live` is the state to come back to.
 */
void track_closing(struct engine *engine, struct passage *passage, struct flow *flow,
                   enum flow_state live);

/*
 * A server's SYN-ACK that answers another SYN than the flow's: it has forgotten that connection,
 * and so do we. Forwards it.
 */
void track_forgotten(struct engine *engine, struct passage *passage, struct flow *flow);

/*
 * The same to a server under attack, of a connection that was no longer half-open: true where the
 * server was reset, and the connection is closing.
 */
bool track_reborn(struct engine *engine, struct passage *passage, struct flow *flow);

/* True where a client's segment acknowledges what the server has sent, and at least its SYN. */
bool track_acknowledges(const struct flow_cold *cold, const struct frame *frame);

/* A client's data on a flow, tracked or spliced: if it is the first, the client is no longer silent
 * (trigger.h). */
void track_speaks(struct engine *engine, const struct passage *passage, const struct flow *flow);

/* Notes how far a side has sent (in the server's numbers), and that the flow was used. */
void track_progress(struct engine *engine, const struct passage *passage, struct flow *flow);

#endif
