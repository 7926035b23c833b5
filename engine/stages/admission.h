/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * admission.h - attack mode for clients that have no flow: cookie, greeting, request check (rule
 * 1 to 4).
 *
 * Nothing here allocates anything for a client before its request is proved, but for slots of fixed
 * pools that may be overwritten (resend rings, tags) or run out (assemblies) at any time:
 *
 *      SYN ............................ SYN-ACK(c), built in the SYN's buffer
 *      ACK(x+1, c+1) .................. counted; a service that greets: G at c+1; one opened by
 *      cookie: opened data(x+1, c+1 or c+1+g) ........ match: opened; mismatch: reset; need more:
 *      assembly FIN, keepalive, last ACK ....... answered as the server would, without state
 *      anything else .................. no good cookie: a small rate is let through, the rest is
 *      dropped
 */
#ifndef SYNWARD_ENGINE_STAGES_ADMISSION_H
#define SYNWARD_ENGINE_STAGES_ADMISSION_H

#include "engine/shard/observe.h"
#include "engine/shard/shard.h"

/* Bytes of padding that odd stacks send as payload (protocols.md, pitfall 20) */
#define PURE_ACK_ZEROS_MAX 8

/* A cookie found good: what is known of the client from one segment. */
struct proof {
    const struct promise *promise;
    struct proof_slot *slot; /* where it is remembered, once it is counted */
    uint32_t x;
    uint32_t read; /* what the cookie carries, for cookie_read() */
    uint32_t c;
    bool greeted;    /* acknowledges c+1+g */
    bool timestamps; /* were granted: the segment carries them */
};

/* What we granted, and the client's MSS. Read from the cookie only where it is wanted: a flood's
 * segments are judged without. */
struct cookie_options proof_client(const struct passage *passage, const struct proof *proof);

/*
 * Judges a client's segment. `closing`: the closing or half-open flow on its tuple that a proof
 * would replace, or NULL. False: the segment proves nothing (and is neither a SYN nor malformed),
 * no verdict was given, and the caller decides.
 */
bool admission(struct engine *engine, struct passage *passage, struct server *server,
               struct flow *closing);

/* --- what the short way of an ACK does as well (ack_plain.c) --------------------------------- */

/*
 * Counts a handshake once, although it is proved anew by every segment. `hash`: of the connection;
 * `x`: the client's ISN. Returns where it is remembered.
 */
static inline __attribute__((always_inline)) struct proof_slot *
admission_count_proof(struct engine *engine, struct server *server, uint64_t hash, uint32_t x,
                      uint64_t now_us)
{
    const struct trigger_tag asked = {&engine->asked, hash, x};
    struct proof_slot *slot = proof_slot(&engine->proofs, hash, x, (uint32_t)(now_us / 1000));

    if (!proof_again(slot, (uint32_t)(now_us / 1000)))
        engine->counters.cookies_accepted++;
    /* A cookie that its client repeats, or one of long ago, says nothing about those that are out
     * now. */
    if (trigger_answered(&server->counts, asked, now_us)) {
        trigger_handshake(&server->counts, slot, rate_step(now_us));
        engine_check_triggers(engine, server, now_us);
    }
    return slot;
}

/*
 * A wrong request came with a good cookie: its source did that, and nobody in its name. It counts
 * once for each connection: a host repeats what is not answered, which is what a limited source
 * meets, and a cookie guessed once must blame nobody a hundred times. False where the RST is to be
 * saved.
 */
static inline bool admission_blame(struct engine *engine, struct server *server,
                                   const struct ip_addr *client, struct proof_slot *slot,
                                   uint64_t now_us)
{
    struct observed_source aside;
    bool may_be_reset;

    if (!proof_blame(slot, rate_step(now_us)))
        return source_may_be_reset(&engine->sources, client, now_us);
    engine->counters.requests_mismatched++;
    trigger_mismatch(&server->counts, now_us);
    engine_check_triggers(engine, server, now_us);
    if (source_mismatch(&engine->sources, client, now_us, &aside, &may_be_reset)) {
        engine->counters.sources_put_aside++;
        observe_source(engine, server, &aside, now_us);
    }
    return may_be_reset;
}

/*
 * A request of a plain frame without a flow, proved by the cookie of its server's promise made now;
 * `read` as in struct proof, `hash` as engine_hash(). Nothing of it may be assembled already.
 */
void admission_request(struct engine *engine, uint8_t *buffer, uint32_t bytes, uint64_t hash,
                       uint32_t capacity, uint64_t now_us, struct verdict *verdict,
                       struct server *server, uint32_t read);

/* --- SYN ------------------------------------------------------------------------------------- */

/* What our SYN-ACK grants of what a SYN with these options (as in struct tcp_options) offers, as
 * the cookie will carry it. */
static inline struct cookie_options admission_granted(uint16_t mss, uint8_t wscale, bool ipv4,
                                                      const struct synack_features *features)
{
    uint8_t scale = wscale > WSCALE_MAX ? WSCALE_MAX : wscale;
    uint16_t unsaid = ipv4 ? MSS_DEFAULT_V4 : MSS_DEFAULT_V6;

    return (struct cookie_options){
        .mss = mss ? mss : unsaid,
        .window_scale = features->window_scale == WSCALE_NONE ? WSCALE_NONE : scale,
        .sack = features->sack,
        .ecn = features->ecn,
    };
}

/*
 * Remembers the SYN-ACK of a service that greets: if the client's ACK is lost nobody else would
 * repeat anything (the server's part of RFC 9293 3.8.1). In a ring of its own: SYNs, which can be
 * spoofed, never displace a greeting.
 */
void admission_remember(struct engine *engine, const struct passage *passage,
                        const struct promise *promise, const struct cookie_options *client,
                        uint32_t c, uint8_t offered);

/*
 * A client's plain frame without a flow: the short way of bare ACKs and of wrong requests, which
 * leaves to the general one what is neither. `hash`: of the connection, as engine_hash().
 * `*verdict` says to forward it.
 */
void engine_plain_ack(struct engine *engine, enum side from, uint8_t *buffer, uint32_t bytes,
                      uint64_t hash, uint32_t capacity, uint64_t now_us, struct verdict *verdict);
/* The general way, from either side (engine.c). */
void engine_plain_stranger(struct engine *engine, enum side from, uint8_t *buffer, uint32_t bytes,
                           uint64_t hash, uint32_t capacity, uint64_t now_us,
                           struct verdict *verdict);

/* What becomes of a segment that proves nothing, to a server in attack mode (rule 4, "bad or
 * expired cookie"). */
void admission_stray(struct engine *engine, struct passage *passage);
/* A server's RST without a flow: the answer to such a segment, or to nobody. */
void admission_stray_reset(struct engine *engine, struct passage *passage);

/* Sends what the resend rings have due, one entry; false where nothing is due. */
bool admission_resend(struct engine *engine, uint64_t now_us);

/*
 * Says the greeting once more to a client whose flow is open already, out of the client side.
 * `tsecr` is the client's newest TSval, used where timestamps were granted.
 */
void admission_greet_flow(struct engine *engine, const struct flow *flow,
                          const struct link_header *to_client, const struct promise *promise,
                          uint32_t tsecr);

#endif
