/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * followed.h - the connections that the learner follows.
 *
 * A followed connection collects evidence until each of its facts is decided, and gives each to the
 * profile once. Each fact has a state of its own, since they are decided in any order:
 *
 *      SYN-ACK      hint to the capabilities; compared with the plan of the profile as it is, the
 *                   result kept
 *      ESTABLISHED  counts: handshake, vote, comparison
 *      data         server's bytes with nothing acknowledged are unprompted (a greeting, or a
 *                   refusal); from the first byte beyond them that comes with an acknowledgement
 *                   on, they are the answer
 *      END, idle    what is still open is decided with what is there
 *
 *      server:  |--- unprompted ---|--- answer ...            greeting + request and answer: both
 *                                                             facts done,
 *      client:  |--- request ---|                             memory given back, the flow waits for
 *                                                             its end only
 *
 * Memory is bounded: FOLLOWED_MAX connections (the one idle longest gives way),
 * FOLLOWED_STREAM_BYTES of data for all together.
 */
#ifndef SYNWARD_PROFILES_LEARN_FOLLOWED_H
#define SYNWARD_PROFILES_LEARN_FOLLOWED_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/shard/observation.h"
#include "profiles/model/encrypted.h"
#include "profiles/model/profile.h"
#include "profiles/model/stream.h"

#define FOLLOWED_MAX          16384u
#define FOLLOWED_BUCKETS      16384u /* power of two */
#define FOLLOWED_STREAM_BYTES (16u * 1024 * 1024)

#define FOLLOWED_NONE UINT32_MAX

/* Identifies a flow across shards: ids are unique in one shard only. No padding. */
struct flow_name {
    uint64_t id;
    struct ip_addr client;
    struct server_key server;
    uint16_t client_port;
};
_Static_assert(sizeof(struct flow_name) == 48,
               "flow_name has no padding: it is hashed and compared with memcmp");

/* How far the connection has come. It only ever moves down this list. */
enum followed_stage {
    STAGE_SYNACK,      /* The server has answered. Nothing counts yet: data is collected, and
                          forgotten at the end. */
    STAGE_ESTABLISHED, /* The server has the client's ACK. The handshake has been counted; the
                          client's first word tells whether it waited for the server. */
    STAGE_SPOKE,       /* The client's first word has been counted. */
};

/* What is decided of the server's first words. It only ever moves down this list. */
enum followed_words {
    WORDS_OPEN,  /* Who spoke first may be counted, a greeting may be learned. */
    WORDS_VOICE, /* Who spoke first has been counted. A greeting may still be learned. */
    WORDS_DONE,  /* Neither may happen any more. */
};

/* What is decided of the client's request. It only ever moves down this list. */
enum followed_request {
    REQUEST_OPEN,     /* Nothing is known of it. */
    REQUEST_NAMED,    /* Its protocol was recognised before it was answered, and has been named. */
    REQUEST_ACCEPTED, /* The server answered in kind: learned. What it named may still be. */
    REQUEST_REFUSED,  /* Nothing is learned from it. */
    REQUEST_IGNORED,  /* The connection is ours to end: nothing is learned, nothing counted. */
};

struct followed {
    struct flow_name name;
    uint32_t hash_next, older, newer;
    bool opened;     /* by us, in attack mode */
    bool by_a_proxy; /* whose PROXY header is believed, and was not read yet */
    enum followed_stage stage;
    enum comparison synack, greeting; /* what was foreseen, and what came */
    struct witness witness;
    enum followed_words words;
    enum followed_request request;
    enum protocol_id asked_in; /* whose keywords are to be learned, once the server has accepted
                                  what was named */
    bool like_encrypted;       /* ENCRYPTED_LIKE */
    bool left_waiting; /* the server's first word came late, and its client had said nothing */
    uint64_t active_us, established_us;
    struct observed_handshake handshake;
    struct stream client, server;
    uint32_t unprompted_bytes; /* up to here the server spoke with nothing acknowledged */
    uint32_t
        prompted_at; /* first server byte that came with an acknowledgement; UINT32_MAX: none yet */
    uint32_t server_end;    /* highest server byte seen */
    uint32_t request_bytes; /* acknowledged by the segment at prompted_at */
    struct flights flights;
};

struct followed_table {
    struct followed *slots;
    uint32_t buckets[FOLLOWED_BUCKETS];
    uint32_t free_slots; /* list through hash_next */
    uint32_t oldest, newest;
    uint32_t used;
    uint32_t fresh; /* slots from here on were never used */
    uint64_t stream_bytes;
};

/* --- table ----------------------------------------------------------------------------------- */

/* Returns false without memory. */
bool followed_init(struct followed_table *table);
void followed_free(struct followed_table *table);
struct flow_name followed_name(const struct observation *observation);
/* NULL: not followed. */
struct followed *followed_find(struct followed_table *table, const struct flow_name *name);
/* The one that has been idle longest, NULL where none is followed. */
struct followed *followed_oldest(struct followed_table *table);
/* There must be room: see followed_full(). */
struct followed *followed_add(struct followed_table *table, const struct flow_name *name);
/* The oldest must go before another is added, or before more is done. */
bool followed_full(const struct followed_table *table);
bool followed_too_much_data(const struct followed_table *table);
void followed_touch(struct followed_table *table, struct followed *flow, uint64_t now_us);
void followed_forget(struct followed_table *table, struct followed *flow);
void followed_forget_server(struct followed_table *table, const struct server_key *server);

/* --- what was said --------------------------------------------------------------------------- */

void followed_take_data(struct followed_table *table, struct followed *flow,
                        const struct observed_data *data);
void followed_drop_data(struct followed_table *table, struct followed *flow);
/* What is there of the server's answer to the request, the flow's own until it hears more. NULL,
 * and no bytes: nothing yet. */
const uint8_t *followed_answer(const struct followed *flow, size_t *bytes);
/* Server data beyond the unprompted one, that came with an acknowledgement of client data. */
bool followed_answered(const struct followed *flow);
/* The server's first data came after the client's: it may have answered. */
bool followed_client_spoke_first(const struct followed *flow);
/*
 * What the request speaks. Protocols share words (FTP and POP3 both say USER and AUTH): one whose
 * server greets counts only where the server did greet in it, and then before those whose clients
 * speak first.
 */
enum protocol_id followed_protocol(const struct followed *flow);
/* Counts who spoke first, once. */
void followed_voice(struct followed *flow, struct profile *profile, enum voice voice);
/* Everything that can be learned of this connection was. */
bool followed_decided(const struct followed *flow);

static inline bool followed_request_done(const struct followed *flow)
{
    return flow->request >= REQUEST_ACCEPTED;
}

#endif
