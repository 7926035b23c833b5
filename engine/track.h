/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * track.h - normal mode: following connections without touching them.
 *
 * Every frame here is forwarded as it came. Tracking gives the learner its observations, the triggers their half-open
 * count, and attack mode the knowledge of which connections were there before it.
 */
#ifndef SYNWARD_ENGINE_TRACK_H
#define SYNWARD_ENGINE_TRACK_H

#include "engine/bytes.h"
#include "engine/observe.h"
#include "engine/shard.h"

/*
 * How far from the newest number of its side a RST or FIN counts, and a segment is believed without a look at its checksum.
 */
#define TRACK_NEAR_BYTES (1u << 20)

/* True where the sequence number is close to what its side has sent last. */
static inline bool track_is_near(const struct frame *frame, uint32_t next)
{
    return frame->seq - (next - TRACK_NEAR_BYTES) <= 2 * TRACK_NEAR_BYTES;
}

/* True where a client has spoken before, and acknowledges (in the server's numbers) what makes sense. */
static inline bool track_client_goes_on(const struct flow_cold *cold, uint32_t ack)
{
    return cold->client_next != cold->client_isn + 1 && cold->server_next - ack <= 1u << 30;
}

/*
 * Passes on what nearly all frames of followed connections are, with a look at one entry and nothing else: no SYN, FIN or RST,
 * numbers where they are expected, nothing that a trigger or the learner waits for. False: not one of them, or something is to be
 * done; track_flow() says the same of it, at length.
 */
static inline bool track_plain(const struct engine *engine, const struct passage *passage, struct flow *flow)
{
    const struct frame *frame = &passage->frame;
    struct flow_cold *cold = flow_cold(&engine->flows, flow);
    bool client = passage->from == SIDE_CLIENT;
    uint32_t *next = client ? &cold->client_next : &cold->server_next;

    if ((flow->state != FLOW_ESTABLISHED && flow->state != FLOW_OUTBOUND) ||
        (frame->flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK)) != TCP_ACK || !track_is_near(frame, *next) ||
        observe_wants(frame, cold, passage->from) || (client && !track_client_goes_on(cold, frame->ack)))
        return false;
    *next = seq_max(*next, frame->seq + frame->payload_bytes);
    flow->used = flow_clock(passage->now_us);
    return true;
}

/* A frame of a flow that is half-open, established, outbound, or closing without having been spliced. */
void track_flow(struct engine *engine, struct passage *passage, struct flow *flow);
/* A client's frame without a flow, to a server in normal mode (`server`) or to none that is known (NULL). */
void track_client(struct engine *engine, struct passage *passage, struct server *server);
/* A server-side frame without a flow, in any mode. */
void track_server(struct engine *engine, struct passage *passage);

/*
 * FIN and RST of a frame that passes on `flow`, tracked or spliced, whose seq is in the numbers of the side it
 * comes from: closes the flow, or makes one live again that a RST had closed (ENGINE 5.7). `live` is the state to
 * come back to.
 */
void track_closing(struct engine *engine, struct passage *passage, struct flow *flow, enum flow_state live);

/*
 * A server's SYN-ACK that answers another SYN than the flow's: it has forgotten that connection, and so do we.
 * Forwards it.
 */
void track_forgotten(struct engine *engine, struct passage *passage, struct flow *flow);

/* True where a client's segment acknowledges what the server has sent, and at least its SYN. */
bool track_acknowledges(const struct flow_cold *cold, const struct frame *frame);

/* A client's data on a flow, tracked or spliced: if it is the first, the client is no longer silent (trigger.h). */
void track_speaks(struct engine *engine, const struct passage *passage, const struct flow *flow);

/* Notes how far a side has sent (in the server's numbers), and that the flow was used. */
void track_progress(struct engine *engine, const struct passage *passage, struct flow *flow);

#endif
