/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shard.h - one shard's state: all tables, and what several stages ask of them.
 *
 * For the engine's own files only; everybody else uses engine.h. doc/architecture.md draws the way
 * of a frame through these files.
 */
#ifndef SYNWARD_ENGINE_SHARD_SHARD_H
#define SYNWARD_ENGINE_SHARD_SHARD_H

#include "engine/base/counters.h"
#include "engine/base/token_bucket.h"
#include "engine/server/server.h"
#include "engine/server/synack_cache.h"
#include "engine/shard/config.h"
#include "engine/shard/observation.h"
#include "engine/shard/verdict.h"
#include "engine/tables/flow.h"
#include "engine/tables/held_queue.h"
#include "engine/tables/held_sources.h"
#include "engine/tables/held_watch.h"
#include "engine/tables/opening_pool.h"
#include "engine/tables/proved.h"
#include "engine/tables/replays.h"
#include "engine/tables/resend.h"
#include "engine/tables/seen.h"
#include "engine/tables/slots.h"
#include "engine/tables/source.h"

#define OUTBOX_BYTES (192u * 1024)

/* The promise made for a server without a profile; its generation is never given by compile. */
#define DEFAULT_PROMISE_GENERATION 0xffffffffu

/* SYN-ACKs of the last 2 s whose cookie has not come back; older ones for strays */
#define TAGS_ASKED 32768u
/* Connections whose handshake was completed, with what was noted of it (tables/proved.h) */
#define PROOFS     32768u
#define TAGS_STRAY 16384u /* untracked segments let through in the last 30 s */

/* Connections held at servers (stages/held.h). */
struct held {
    struct held_sources *sources;
    struct held_queue *queues; /* HELD_CLASSES of them */
    struct held_watch *watch;
    uint64_t queue_us;       /* when the queues are to be looked at again */
    bool newest;             /* of those who wait for their first place, the newest is next */
    bool in_turn;            /* what is asked for now has waited, and comes before others: */
    uint8_t turn_of;         /* the class that it has waited in */
    uint64_t answers_us;     /* when answers are to be looked for (stages/capacity.h) */
    bool strangers;          /* connections were picked up whose server is not known */
    uint32_t servers_known;  /* how many servers they were last compared with */
    uint32_t picked_up_next; /* index of the flow to be compared next; FLOW_NONE: all were */
};

struct answering;
struct telling;
struct rolled_keys;
struct udp;

struct engine {
    struct engine_config config;
    uint64_t began_us;
    uint64_t now_us; /* of the newest call: what is due is counted from here */
    bool ending;     /* nothing is begun any more (stages/handover.h) */
    bool came_late;  /* what was taken over may have come farther than its numbers say */
    struct counters counters;
    struct outbox outbox;
    struct observation_queue observations;
    const struct policy *policy;
    struct promise default_promise[2]; /* IPv4, IPv6 */
    struct synack_cache answers;
    struct server_table servers;
    struct flow_table flows;
    struct opening_pool openings;
    struct slot_pool slots;        /* beginnings of requests */
    struct resend_ring *greetings; /* greetings to be said again */
    struct resend_ring *synacks;   /* SYN-ACKs of services that greet */
    struct source_limiter limits;  /* by source, for openings without a request check */
    struct source_table sources;   /* judged */
    struct token_bucket strays;    /* untracked segments let through */
    struct tag_table stray, asked;
    struct proof_table proofs;
    struct served_table served;
    struct served_table greeted; /* by cookie: which greetings were said lately */
    uint32_t half_open_attacks;  /* servers.attacks_begun, as far as it was acted on */
    uint64_t servers_look_us;    /* when servers that are over are looked for */
    uint32_t servers_looked;     /* as far as it was done */
    struct held held;
    struct rolled_keys *rolled;  /* stages/proof.c; NULL: no keys are being rolled */
    struct answering *answering; /* stages/answering.h; NULL: the kernel answers for nobody */
    struct udp *udp;             /* stages/udp.h */
    struct telling *telling;     /* stages/telling.h; NULL: it tells of nothing */
};

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

/* What `server` answers under `promise` to a SYN that offers this (enum synack_offer). */
static inline struct kept_answer *server_synack(struct engine *engine, const struct server *server,
                                                const struct promise *promise, uint8_t offered)
{
    return kept_answer_of(&engine->answers, (uint32_t)(server - engine->servers.slots), promise,
                          offered);
}

/* True of a flow in a state whose `opening` counts. */
static inline bool flow_has_opening(const struct flow *flow)
{
    return flow->state == FLOW_OPENING || flow->state == FLOW_GREETING ||
           flow->state == FLOW_DRAINING;
}
/* The server that a flow belongs to, or NULL. */
static inline struct server *flow_server(struct engine *engine, const struct flow *flow)
{
    uint16_t server = flow_cold(&engine->flows, flow)->server;

    return server ? &engine->servers.slots[server - 1] : NULL;
}

/* The time that cookies and their TSvals are made by. */
static inline uint64_t cookie_time(const struct engine *engine, uint64_t now_us)
{
    return now_us + engine->config.share.ahead_us;
}

/* The time that cookies are checked by: that of who is ahead of us most. */
static inline uint64_t cookie_check_time(const struct engine *engine, uint64_t now_us)
{
    return cookie_time(engine, now_us) + engine->config.share.early_us;
}

/* Where the client has heard of another bridge, what it says next is above that. */
static inline uint32_t tsval_shared(const struct engine *engine, uint32_t tsval, uint32_t echo)
{
    return engine->config.share.on ? cookie_tsval_above(tsval, echo) : tsval;
}

/* The promise with this generation that still counts for the server, or NULL. `ipv4` chooses the
 * default promise. */
static inline const struct promise *server_promise(const struct engine *engine,
                                                   const struct server *server, bool ipv4,
                                                   uint32_t generation, uint64_t now_us)
{
    const struct server_policy *policy = server->policy;

    if (policy && policy->now.generation == generation)
        return &policy->now;
    if (policy && policy->has_before && policy->before.generation == generation &&
        now_us < policy->before_until_us)
        return &policy->before;
    return generation == DEFAULT_PROMISE_GENERATION ? &engine->default_promise[ipv4 ? 0 : 1] : NULL;
}

/* The one made now; never NULL. */
static inline const struct promise *server_promise_now(const struct engine *engine,
                                                       const struct server *server, bool ipv4)
{
    return server->policy ? &server->policy->now : &engine->default_promise[ipv4 ? 0 : 1];
}

#endif
