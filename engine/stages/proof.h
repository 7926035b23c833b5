/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * proof.h - a client's segment that carries a good cookie, and what is counted of it.
 *
 * Each segment is proved by itself, and nothing is kept of who proved it (RFC 4987 3.6).
 *
 * Inline is what a flood with cookies costs: the first try of a cookie, and the counting, which the
 * short way of an ACK (fast/ack.h) does with the same functions.
 */
#ifndef SYNWARD_ENGINE_STAGES_PROOF_H
#define SYNWARD_ENGINE_STAGES_PROOF_H

#include "engine/shard/observe.h"
#include "engine/shard/passage.h"
#include "engine/stages/answering.h"
#include "engine/tcp/cookie.h"
#include "engine/shard/connection.h"

#include <string.h>

/* Zero bytes of padding where data is due, not pushed: the ACK of an odd stack. */
bool frame_is_padding(const struct frame *frame);

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

/* --- prove ------------------------------------------------------------------------------------ */

/* Is `c` a cookie of one promise? Inline: the first try is what a flood of ACKs costs. */
static inline __attribute__((always_inline)) bool
prove_cookie(const struct engine *engine, const struct passage *passage, struct server *server,
             enum server_promise which, const struct promise *promise, uint32_t x, uint32_t c,
             bool greeted, struct proof *proof)
{
    const struct cookie_keys *keys = &engine->config.keys;
    const struct flow_key *key = &passage->key;
    struct cookie_kept *kept = &server->cookies[which];
    uint64_t epoch = cookie_epoch(c, cookie_check_time(engine, passage->now_us));
    uint32_t hash, client;

    if (epoch == COOKIE_EPOCH_NONE)
        return false;
    if (passage->frame.ip_version == 4) {
        memcpy(&client, key->client.bytes + 12, sizeof(client));
        hash = cookie_hash_v4(
            cookie_key_of(kept, keys, &server->key, promise->generation, (uint32_t)epoch), client,
            key->client_port, x);
    } else {
        hash = cookie_hash_kept(kept, keys, key, x, promise->generation, epoch);
    }
    if (!cookie_fits(c, hash))
        return false;
    proof->promise = promise;
    proof->slot = NULL;
    proof->x = x;
    proof->c = c;
    proof->read = c ^ hash;
    proof->greeted = greeted;
    proof->timestamps = passage->options.present & OPTION_TIMESTAMPS;
    return true;
}

/* By what is not the cookie itself of the promise made now. */
bool __attribute__((noinline))
prove_otherwise(const struct engine *engine, const struct passage *passage, struct server *server,
                uint32_t x, uint32_t ack, struct proof *proof);

/* `ack` is c+1, or c+1+g where the client was greeted, of one of the promises that count. */
static inline __attribute__((always_inline)) bool prove_at_once(const struct engine *engine,
                                                                const struct passage *passage,
                                                                struct server *server, uint32_t x,
                                                                uint32_t ack, struct proof *proof)
{
    const struct server_policy *policy = server->policy;
    struct proof other; /* whose address is given away, so that `*proof` may stay in registers */

    if (policy &&
        prove_cookie(engine, passage, server, PROMISE_NOW, &policy->now, x, ack - 1, false, proof))
        return true;
    if (!prove_otherwise(engine, passage, server, x, ack, &other))
        return false;
    *proof = other;
    return true;
}

/* The same where it is no flood that asks. */
bool __attribute__((noinline))
prove(const struct engine *engine, const struct passage *passage, struct server *server, uint32_t x,
      uint32_t ack, struct proof *proof);

/* Keys of servers under the secret that is being rolled, for as many promises as are in use at
 * once: those of others are made again. */
size_t rolled_keys_bytes(void);
struct rolled_keys *rolled_keys_init(void *memory);

/* --- count ------------------------------------------------------------------------------------ */

/*
 * Counts a handshake once, although it is proved anew by every segment. `bare`: by an ACK without
 * data. `hash`: of the connection;
 * `x`: the client's ISN. Returns where it is remembered.
 */
static inline __attribute__((always_inline)) struct proof_slot *
proof_counted(struct engine *engine, struct server *server, uint64_t hash, uint32_t x, bool bare,
              uint64_t now_us)
{
    const struct trigger_tag asked = {&engine->asked, hash, x};
    struct proof_slot *slot = proof_slot(&engine->proofs, hash, x, (uint32_t)(now_us / 1000));
    /* What follows may come to yet another bridge; what its client repeats is counted. */
    bool foreign = bare && proof_is_new(slot, (uint32_t)(now_us / 1000));

    if (!proof_again(slot, (uint32_t)(now_us / 1000))) {
        engine->counters.cookies_accepted++;
        server->figures.proofs++;
    }
    answering_catch_up(engine, server, now_us);
    /* A cookie that its client repeats, or one of long ago, says nothing about those that are out
     * now. */
    if (trigger_answered(&server->counts, asked, now_us)) {
        trigger_handshake(&server->counts, slot, rate_step(now_us));
        engine_check_triggers(engine, server, now_us);
    } else if (foreign) {
        server->foreign++;
    }
    return slot;
}

static inline __attribute__((always_inline)) void proof_count(struct engine *engine,
                                                              const struct passage *passage,
                                                              struct server *server,
                                                              struct proof *proof)
{
    proof->slot = proof_counted(engine, server, passage->hash, proof->x,
                                passage->frame.payload_bytes == 0, passage->now_us);
}

/*
 * A wrong request came with a good cookie: its source did that, and nobody in its name. It counts
 * once for each connection: a host repeats what is not answered, which is what a limited source
 * meets, and a cookie guessed once must blame nobody a hundred times. False where the RST is to be
 * saved.
 */
static inline bool proof_blame_source(struct engine *engine, struct server *server,
                                      const struct source_id *client, struct proof_slot *slot,
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
 * A request already handed to the server on this (tuple, x) must not run twice (rule 5.8): the
 * copy is one of RFC 7323 5.8's duplicates of an earlier incarnation, for which the server itself
 * would no longer know better.
 */
bool served_already(const struct engine *engine, const struct passage *passage,
                    const struct proof *proof);

#endif
