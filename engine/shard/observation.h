/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * observation.h - what the engine saw, as plain data, for the learner and for the main thread.
 *
 * An observation is a fixed-size copy: it outlives the frame. The engine appends to an
 * observation_queue that the worker empties after each batch; a full queue drops and counts
 * (counters: observations_dropped), it never waits.
 *
 * In normal mode they speak of the connection as it crossed the bridge; for a connection opened by
 * us (attack mode) of its server half, in the server's own sequence numbers: the learner need not
 * know the difference, but for `opened`.
 *
 * Data is sampled: at most OBSERVATION_FLOW_BYTES each way per flow, from offset 0 on; and of a
 * busy server's connections only some are observed, those whole (observe_choose()).
 */
#ifndef SYNWARD_ENGINE_SHARD_OBSERVATION_H
#define SYNWARD_ENGINE_SHARD_OBSERVATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/addr.h"
#include "engine/server/trigger.h"
#include "engine/tables/source.h"
#include "engine/tcp/frame.h"
#include "engine/tcp/synack.h"

#define OBSERVATION_DATA_BYTES 1460
#define OBSERVATION_FLOW_BYTES 4096

enum observation_kind {
    OBSERVED_SYNACK,      /* a server answered a SYN that was seen: handshake */
    OBSERVED_ESTABLISHED, /* the client completed the handshake */
    OBSERVED_DATA,        /* data */
    OBSERVED_END,         /* end */
    OBSERVED_TRIGGER,     /* a trigger fired, or goes on firing (at most once a second per server):
                             trigger */
    OBSERVED_SOURCE,      /* a source was put aside, or released: source */
    OBSERVED_ANSWERED,    /* a server has answered that this shard did not know for one; where there
                             are others to be told */
    OBSERVED_GREETING,    /* the real greeting differed from the promised one: greeting */
    OBSERVED_QUERY,       /* a server has answered a DNS query over UDP: query */
    OBSERVED_PROVED,      /* a client of a server that is asked over UDP has asked over TCP; where
                             there are others to be told */
};

enum flow_end {
    END_FIN, /* FIN both ways */
    END_CLIENT_RESET,
    END_SERVER_RESET, /* also: refused */
    END_EXPIRED,      /* idle too long */
    END_EVICTED,      /* made room */
    END_UNSEEN,       /* it goes on, and no more is seen of it */
};

struct observed_handshake {
    uint8_t offered; /* enum synack_offer */
    bool repeated;   /* the server sent this SYN-ACK before on this flow */
    uint16_t ip_id;
    struct synack_features granted;
};

struct observed_data {
    enum side from;
    uint32_t offset;     /* of the first byte, from that side's ISN + 1 */
    uint32_t peer_acked; /* how many bytes of the other side's data it acknowledges (0: it had seen
                            none) */
    uint32_t wire_bytes; /* payload of the segment; more than `bytes` where the cap cut it */
    uint16_t bytes;      /* copied here */
    bool push;
    uint8_t data[OBSERVATION_DATA_BYTES];
};

struct observed_end {
    enum flow_end reason;
    uint32_t client_bytes, server_bytes; /* sequence space of data seen, saturating */
};

struct observed_greeting {
    bool negative;
};

struct observed_query {
    uint8_t asked[2], answered[2]; /* bytes 2 and 3 of both messages */
    bool question_same;            /* to the byte */
    bool asked_edns, answered_edns;
    bool asked_dnssec_ok, answered_dnssec_ok;
    uint16_t udp_bytes;
};

struct observation {
    enum observation_kind kind;
    bool opened;      /* the connection was opened by us, in attack mode */
    uint64_t flow_id; /* unique in a shard's life; 0 where no flow is meant */
    uint64_t time_us;
    struct server_key server;
    struct ip_addr client;
    uint16_t client_port;
    union {
        struct observed_handshake handshake;
        struct observed_data data;
        struct observed_end end;
        struct observed_trigger trigger;
        struct observed_source source;
        struct observed_greeting greeting;
        struct observed_query query;
    };
};

/* What its kind uses of it, and is worth copying: data are large, and most are short. */
static inline size_t observation_bytes(const struct observation *observation)
{
    switch (observation->kind) {
    case OBSERVED_DATA:
        return offsetof(struct observation, data.data) + observation->data.bytes;
    case OBSERVED_SYNACK:
        return offsetof(struct observation, handshake) + sizeof(observation->handshake);
    case OBSERVED_SOURCE:
        return offsetof(struct observation, source) + sizeof(observation->source);
    case OBSERVED_ESTABLISHED:
    case OBSERVED_END:
    case OBSERVED_TRIGGER:
    case OBSERVED_ANSWERED:
    case OBSERVED_GREETING:
    case OBSERVED_QUERY:
    case OBSERVED_PROVED:
        break;
    }
    return offsetof(struct observation, end) + sizeof(observation->end);
}

_Static_assert(sizeof(struct observed_end) >= sizeof(struct observed_trigger) &&
                   sizeof(struct observed_end) >= sizeof(struct observed_greeting) &&
                   sizeof(struct observed_end) >= sizeof(struct observed_query),
               "observation_bytes() copies enough");

/* Filled by the engine, emptied by its owner. `slots` belongs to whoever made it. */
struct observation_queue {
    struct observation *slots;
    uint32_t capacity;
    uint32_t count;
};

#endif
