/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shard.h - what the files of the engine share: the engine itself, and one frame on its way through
 * it.
 *
 * For the engine's own files only; everybody else uses engine.h.
 *
 *      syn_plain.c (plain SYNs, answered), ack_plain.c (bare ACKs and first requests with good
 *      cookies); all else: engine.c    --> no flow --------> track.c (normal mode), admission.c
 *                                      (attack mode)
 *       (parse,    --> tracked flow ---> track.c
 *        look up)  --> opening flow ---> opening.c, stages/greeting_compare.c
 *                  --> spliced flow ---> splice.c
 *                  --> ICMP error -----> icmp.c
 */
#ifndef SYNWARD_ENGINE_SHARD_SHARD_H
#define SYNWARD_ENGINE_SHARD_SHARD_H

#include "engine/tables/assembly.h"
#include "engine/engine.h"
#include "engine/tables/flow.h"
#include "engine/tcp/frame.h"
#include "engine/server/synack_cache.h"
#include "engine/base/token_bucket.h"
#include "engine/tables/opening_pool.h"
#include "engine/tables/proved.h"
#include "engine/tables/resend.h"
#include "engine/tcp/segment.h"
#include "engine/tables/replays.h"
#include "engine/server/server.h"
#include "engine/tables/source.h"
#include "engine/tables/seen.h"
#include "engine/tcp/options.h"

#define OUTBOX_BYTES (192u * 1024)

/* The promise made for a server without a profile; its generation is never given by compile. */
#define DEFAULT_PROMISE_GENERATION 0xffffffffu

/* SYN-ACKs of the last 2 s whose cookie has not come back; older ones for strays */
#define TAGS_ASKED 32768u
/* Connections whose handshake was completed, with what was noted of it (tables/proved.h) */
#define PROOFS     32768u
#define TAGS_STRAY 16384u /* untracked segments let through in the last 30 s */

struct engine {
    struct engine_config config;
    uint64_t now_us; /* of the newest call: what is due is counted from here */
    struct counters counters;
    struct outbox outbox;
    struct observation_queue observations;
    const struct policy *policy;
    struct promise default_promise[2];            /* IPv4, IPv6 */
    struct kept_answer answers[ANSWERS], *answer; /* the one found last */
    struct server_table servers;
    struct flow_table flows;
    struct opening_pool openings;
    struct assembly_pool *assemblies;
    struct resend_ring *greetings; /* greetings to be said again */
    struct resend_ring *synacks;   /* SYN-ACKs of services that greet */
    struct source_limiter limits;  /* by source, for openings without a request check */
    struct source_table sources;   /* judged */
    struct token_bucket strays;    /* untracked segments let through */
    struct tag_table stray, asked;
    struct proof_table proofs;
    struct served_table served;
};

/* One frame on its way through the engine. */
struct passage {
    struct frame frame;
    struct tcp_options options; /* parsed by engine.c for every FRAME_TCP */
    enum side from;
    uint64_t now_us;
    struct flow_key key;
    uint64_t hash; /* of the key, as engine_hash() */
    struct verdict *verdict;
};

static inline void passage_begin(struct passage *passage, enum side from, uint64_t now_us,
                                 struct verdict *verdict)
{
    passage->from = from;
    passage->now_us = now_us;
    passage->verdict = verdict;
}

/* View, key and hash of a plain frame (frame_is_plain()), after passage_begin(). */
static inline void passage_fill_plain(struct passage *passage, uint8_t *buffer, uint32_t bytes,
                                      uint32_t capacity, uint64_t hash)
{
    passage->key = flow_key_of(frame_plain_words(buffer + OFFLOAD_BYTES, passage->from));
    passage->hash = hash;
    frame_fill_plain(&passage->frame, (struct offload *)(void *)buffer, buffer + OFFLOAD_BYTES,
                     bytes - OFFLOAD_BYTES, capacity - OFFLOAD_BYTES);
}

static inline void passage_read_options(struct passage *passage)
{
    const struct frame *frame = &passage->frame;

    if (tcp_options_parse(frame_options(frame), frame->options_bytes, &passage->options) !=
            OPTIONS_OK &&
        passage->from == SIDE_CLIENT)
        passage->options.present |= OPTION_OTHER; /* what was read before the bad one counts */
}

/* What `server` answers under `promise` to a SYN that offers this (enum synack_offer). */
static inline struct kept_answer *kept_answer_of(struct engine *engine, const struct server *server,
                                                 const struct promise *promise, uint8_t offered)
{
    struct kept_answer *last = engine->answer;

    return last->promise == promise && last->offered == offered
               ? last
               : kept_answer_other(engine, server, promise, offered);
}

/* --- verdicts -------------------------------------------------------------------------------- */

static inline void passage_forward(struct passage *passage)
{
    struct verdict *verdict = passage->verdict;

    verdict->action = VERDICT_FORWARD;
    verdict->bytes = OFFLOAD_BYTES + passage->frame.bytes;
}
static inline void verdict_drop(struct engine *engine, struct verdict *verdict,
                                enum drop_reason reason)
{
    verdict->action = VERDICT_DROP;
    verdict->reason = reason;
    verdict->bytes = 0;
    engine->counters.drops[reason]++;
}
static inline void passage_drop(struct engine *engine, struct passage *passage,
                                enum drop_reason reason)
{
    verdict_drop(engine, passage->verdict, reason);
}
/* The payload was copied; the frame is done with. */
void passage_hold(struct passage *passage);
/* Builds `segment` in the frame's own buffer and sends it back where the frame came from. */
void passage_reply(struct engine *engine, struct passage *passage, const struct link_header *link,
                   const struct segment *segment);
/* The same where all of it goes back as it came: link header, addresses and ports are the frame's
 * (segment_answer()). */
void passage_answer(struct engine *engine, struct passage *passage, const struct segment *segment);
/* Answers with a RST that the frame's sender must accept; counts `reason`. */
void passage_reset(struct engine *engine, struct passage *passage, enum drop_reason reason);
/* The same to a client, by whom its server has been found already. */
void passage_reset_by(struct engine *engine, struct passage *passage, const struct server *server,
                      enum drop_reason reason);
/* A segment of our own, out of `to`; a full outbox drops and counts. */
void engine_emit(struct engine *engine, enum side to, const struct link_header *link,
                 const struct segment *segment);

/* TTL, DF and flow label of what we send in a server's name, as promised. */
void speak_as(const struct engine *engine, const struct promise *promise,
              const struct flow_key *key, struct segment *segment);
/*
 * The IPv6 flow label of all that goes to this client (RFC 6437 3: one for all packets of a flow):
 * ours from the SYN-ACK on, so also the server's own segments'.
 */
uint32_t flow_label_to_client(const struct engine *engine, const struct flow_key *key);

/* --- small things that several stages ask ---------------------------------------------------- */

/* What one shard may have of a limit that all share, in general: connections come to each as often
 * as to another. */
static inline uint32_t limit_share(const struct engine *engine, uint32_t limit)
{
    const uint32_t shards = engine->servers.shards;

    return shards == 1 ? limit : (limit + shards - 1) / shards;
}

/* flow_key_hash() under the seed of the shard's tables. */
static inline uint64_t engine_hash(const struct engine *engine, const struct flow_key *key)
{
    return flow_words_hash(engine->flows.seed, flow_key_words(key));
}
/* The server that a flow belongs to, or NULL. */
struct server *flow_server(struct engine *engine, const struct flow *flow);
void flow_bind_server(struct engine *engine, struct flow *flow, struct server *server);
/* flow_set_state() and the half-open count of the flow's server. */
void engine_flow_state(struct engine *engine, struct flow *flow, enum flow_state state,
                       uint64_t now_us);
/* A SYN-ACK of the server was seen. */
void engine_server_answered(struct engine *engine, struct server *server, uint64_t now_us);
/* Looks whether a trigger of the server fires, after something that it counts; `server` may be
 * NULL. */
void engine_look_at_triggers(struct engine *engine, struct server *server, uint64_t now_us);
static inline void engine_check_triggers(struct engine *engine, struct server *server,
                                         uint64_t now_us)
{
    if (server && server_trigger_due(&engine->servers, server, now_us))
        engine_look_at_triggers(engine, server, now_us);
}
/* A new flow, after making room where the table is full; NULL: nothing may go. */
struct flow *engine_flow_new(struct engine *engine, const struct flow_key *key,
                             enum flow_state state, uint64_t now_us);
/* Frees a flow with all that hangs on it. */
void engine_flow_free(struct engine *engine, struct flow *flow);
/* Makes a flow closing, and says so to the learner. */
void engine_flow_close(struct engine *engine, struct flow *flow, enum flow_end reason,
                       uint64_t now_us);

/* The promise with this generation that still counts for the server, or NULL. `ipv4` chooses the
 * default promise. */
const struct promise *server_promise(const struct engine *engine, const struct server *server,
                                     bool ipv4, uint32_t generation, uint64_t now_us);
/* The one made now; never NULL. */
static inline const struct promise *server_promise_now(const struct engine *engine,
                                                       const struct server *server, bool ipv4)
{
    return server->policy ? &server->policy->now : &engine->default_promise[ipv4 ? 0 : 1];
}

static inline uint8_t promised_ttl(const struct promise *promise)
{
    return promise->synack.ttl ? promise->synack.ttl : TTL_DEFAULT;
}

/* The IPv4 identification of the next segment that is sent in the server's name. */
static inline uint16_t server_ip_id(struct server *server, const struct promise *promise,
                                    uint16_t client_port, uint64_t now_us)
{
    if (promise->synack.ip_id == IP_ID_INCREMENT)
        return server->ip_id++;
    if (promise->synack.ip_id == IP_ID_RANDOM)
        return (uint16_t)(now_us * 40503u ^ client_port);
    return 0;
}

static inline enum opening_kind server_opening(const struct server *server)
{
    if (server->unknown == UNKNOWN_PASS && !(server->policy && server->policy->armed))
        return OPENING_PASS;
    return server->policy ? server->policy->opening : OPENING_COOKIE;
}

/* True where --unknown drop keeps new clients from a server in attack mode of which too little is
 * known. */
static inline bool server_refuses_new(const struct server *server)
{
    return server->unknown == UNKNOWN_DROP && !(server->policy && server->policy->armed);
}

/* True where a client may wait for the server to speak, and so would not repeat a lost ACK: it must
 * be asked again. */
static inline bool opening_waits_for_ack(const struct server *server)
{
    enum opening_kind opening = server_opening(server);

    return opening == OPENING_GREET || opening == OPENING_COOKIE;
}

/* True where we answer for the server: attack mode, and its policy does not say to let clients
 * pass. */
static inline bool server_protected(const struct server *server)
{
    return server->mode == MODE_ATTACK && server_opening(server) != OPENING_PASS;
}

#endif
