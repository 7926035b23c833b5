/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * observations.h - connections for the learner, written as one would tell them.
 *
 *      struct talk talk = talk_open(learner, 1);      SYN, SYN-ACK, ACK
 *      server_says(&talk, "+OK ready\r\n");
 *      client_says(&talk, "USER a\r\n");
 *      server_says(&talk, "+OK\r\n");
 *      talk_close(&talk);
 */
#ifndef SYNWARD_TESTS_PROFILES_OBSERVATIONS_H
#define SYNWARD_TESTS_PROFILES_OBSERVATIONS_H

#include <string.h>

#include "profiles/learn/learner.h"
#include "profiles/model/profile.h"

#define WALL_US   (1767225600ull * 1000 * 1000) /* 2026-01-01T00:00:00Z */
#define OFFER_ALL (OFFER_MSS | OFFER_SACK | OFFER_TIMESTAMPS | OFFER_WSCALE)

struct talk {
    struct learner *learner;
    struct observation base;
    uint32_t client_bytes, server_bytes; /* said so far */
    uint32_t acked_by_server; /* of the client's bytes, as the server's next segment says */
};

static inline struct server_key test_server(void)
{
    const uint8_t v4[4] = {10, 77, 0, 2};
    return (struct server_key){.addr = addr_from_v4(v4), .port = 110};
}

static inline struct synack_features test_synack(void)
{
    return (struct synack_features){.mss = 1460,
                                    .window = 65160,
                                    .window_scale = 7,
                                    .sack = true,
                                    .timestamps = true,
                                    .ttl = 64,
                                    .df = true,
                                    .layout_bytes = 5,
                                    .layout = {TCP_OPT_MSS, TCP_OPT_SACK_PERMITTED,
                                               TCP_OPT_TIMESTAMPS, TCP_OPT_NOP, TCP_OPT_WSCALE}};
}

static inline void talk_observe(struct talk *talk, struct observation *observation,
                                enum observation_kind kind)
{
    observation->kind = kind;
    talk->base.time_us += 1000;
    observation->time_us = talk->base.time_us;
    learner_observe(talk->learner, observation, WALL_US + observation->time_us);
}

/* The SYN-ACK alone. */
static inline struct talk talk_synack(struct learner *learner, uint64_t id, uint8_t offered,
                                      const struct synack_features *granted)
{
    const uint8_t v4[4] = {10, 77, (uint8_t)(id >> 8), (uint8_t)id};
    struct talk talk = {.learner = learner};
    talk.base = (struct observation){.flow_id = id,
                                     .time_us = id * 1000000,
                                     .server = test_server(),
                                     .client = addr_from_v4(v4),
                                     .client_port = (uint16_t)(40000 + id % 20000)};
    struct observation observation = talk.base;
    observation.handshake = (struct observed_handshake){.offered = offered, .granted = *granted};
    talk_observe(&talk, &observation, OBSERVED_SYNACK);
    return talk;
}

static inline void talk_establish(struct talk *talk)
{
    struct observation observation = talk->base;
    talk_observe(talk, &observation, OBSERVED_ESTABLISHED);
}

static inline struct talk talk_open(struct learner *learner, uint64_t id)
{
    const struct synack_features granted = test_synack();
    struct talk talk = talk_synack(learner, id, OFFER_ALL, &granted);
    talk_establish(&talk);
    return talk;
}

static inline void talk_data(struct talk *talk, enum side from, uint32_t offset,
                             uint32_t peer_acked, const void *data, size_t bytes)
{
    struct observation observation = talk->base;
    observation.data = (struct observed_data){.from = from,
                                              .offset = offset,
                                              .peer_acked = peer_acked,
                                              .wire_bytes = (uint32_t)bytes,
                                              .bytes = (uint16_t)bytes,
                                              .push = true};
    memcpy(observation.data.data, data, bytes);
    talk_observe(talk, &observation, OBSERVED_DATA);
}

static inline void client_says(struct talk *talk, const char *text)
{
    talk_data(talk, SIDE_CLIENT, talk->client_bytes, talk->server_bytes, text, strlen(text));
    talk->client_bytes += (uint32_t)strlen(text);
    talk->acked_by_server = talk->client_bytes;
}

static inline void server_says(struct talk *talk, const char *text)
{
    talk_data(talk, SIDE_SERVER, talk->server_bytes, talk->acked_by_server, text, strlen(text));
    talk->server_bytes += (uint32_t)strlen(text);
}

static inline void talk_close(struct talk *talk)
{
    struct observation observation = talk->base;
    observation.end = (struct observed_end){.reason = END_FIN};
    talk_observe(talk, &observation, OBSERVED_END);
}

/* One whole connection: greeting (may be NULL), request, answer. */
static inline void talk_whole(struct learner *learner, uint64_t id, const char *greeting,
                              const char *request, const char *answer)
{
    struct talk talk = talk_open(learner, id);
    if (greeting)
        server_says(&talk, greeting);
    client_says(&talk, request);
    if (answer)
        server_says(&talk, answer);
    talk_close(&talk);
}

#endif
