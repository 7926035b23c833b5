/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * observe.h - makes observations of what passes (observation.h), for tracked flows and for those
 * that we opened alike.
 *
 * Sequence numbers are those of the connection as the server sees it: for a spliced flow observe
 * the server's frames before, and the client's after they are translated.
 */
#ifndef SYNWARD_ENGINE_SHARD_OBSERVE_H
#define SYNWARD_ENGINE_SHARD_OBSERVE_H

#include "engine/shard/passage.h"

/* In flow_cold.sampled of both sides: the learner is told nothing of this connection. */
#define OBSERVE_NOTHING UINT16_MAX

static inline bool observe_follows(const struct flow_cold *cold)
{
    return cold->sampled[SIDE_CLIENT] != OBSERVE_NOTHING;
}

/* True where the learner has what it needs of this server: it goes on to hear of some. */
bool observe_knows(const struct engine *engine, const struct server *server);
/* New connections of the server that it hears of in a second, at most; 0: of all. */
uint32_t observe_limit(const struct engine *engine, const struct server *server);
/*
 * Decides whether the learner hears of this connection, of observe_limit() a second. Once, when the
 * server has answered its SYN for the first time.
 */
void observe_choose(struct engine *engine, const struct flow *flow, uint64_t now_us);
/* The same before the server answers: true, and it is one of these. */
bool observe_takes(struct engine *engine, const struct flow *flow, uint64_t now_us);
void observe_synack(struct engine *engine, const struct flow *flow, const struct passage *passage,
                    bool repeated);
void observe_established(struct engine *engine, const struct flow *flow, uint64_t now_us);
/* Payload of the frame, cut into observations of at most OBSERVATION_DATA_BYTES, up to the flow's
 * cap. */
void observe_payload(struct engine *engine, struct flow *flow, const struct passage *passage);

/* False: nothing of the frame is for the learner; so it is for nearly all of them, behind the first
 * 4 KiB. */
static inline bool observe_wants(const struct frame *frame, const struct flow_cold *cold,
                                 enum side from)
{
    uint32_t isn = from == SIDE_CLIENT ? cold->client_isn : cold->server_isn;

    return frame->seq - (isn + 1) < OBSERVATION_FLOW_BYTES && frame->payload_bytes &&
           cold->sampled[from] < 2 * OBSERVATION_FLOW_BYTES;
}

/* observe_payload() of a frame's own. */
static inline void observe_frame_data(struct engine *engine, struct flow *flow,
                                      const struct passage *passage)
{
    if (observe_wants(&passage->frame, flow_cold(&engine->flows, flow), passage->from))
        observe_payload(engine, flow, passage);
}
/* Payload of one side, `seq` and `ack` in the server's numbers. */
struct observed_payload {
    enum side from;
    uint32_t seq, ack;
    const uint8_t *data;
    uint32_t present;    /* of its bytes, at `data`; the rest was not copied into the frame */
    uint32_t wire_bytes; /* in all */
    bool push;
};

/* The same for bytes that stand elsewhere. */
void observe_data(struct engine *engine, struct flow *flow, struct observed_payload payload,
                  uint64_t now_us);
void observe_end(struct engine *engine, const struct flow *flow, enum flow_end reason,
                 uint64_t now_us);
void observe_trigger(struct engine *engine, const struct server *server,
                     const struct observed_trigger *trigger, uint64_t now_us);
void observe_source(struct engine *engine, const struct server *server,
                    const struct observed_source *source, uint64_t now_us);
void observe_answered(struct engine *engine, const struct server *server, uint64_t now_us);
void observe_query(struct engine *engine, const struct server *server,
                   const struct observed_query *query, uint64_t now_us);
/* False: there was no room for it. */
bool observe_proved(struct engine *engine, const struct server *server,
                    const struct ip_addr *client, uint64_t now_us);
/* Of a connection that the learner follows: only then it can tell a refusal from a greeting. */
void observe_unequal_greeting(struct engine *engine, const struct flow *flow, bool negative,
                              uint64_t now_us);

/* What a SYN-ACK says, as synack.h describes it. */
void observe_features(const struct frame *frame, const struct tcp_options *options,
                      struct synack_features *features);

#endif
