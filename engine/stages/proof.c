/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * proof.c - whose cookie a segment carries: the promises that count, tried in turn. See proof.h and
 * RFC 4987 3.6.
 */
#include "engine/stages/proof.h"

/* Tries `ack` as c+1+g. */
static bool __attribute__((noinline))
prove_greeted(const struct engine *engine, const struct passage *passage, struct server *server,
              enum server_promise which, const struct promise *promise, uint32_t x, uint32_t ack,
              struct proof *proof)
{
    return promise->greeting_bytes && prove_cookie(engine, passage, server, which, promise, x,
                                                   ack - 1 - promise->greeting_bytes, true, proof);
}

static bool __attribute__((noinline))
prove_promise(const struct engine *engine, const struct passage *passage, struct server *server,
              enum server_promise which, const struct promise *promise, uint32_t x, uint32_t ack,
              struct proof *proof)
{
    return prove_cookie(engine, passage, server, which, promise, x, ack - 1, false, proof) ||
           prove_greeted(engine, passage, server, which, promise, x, ack, proof);
}

/* True where a cookie made for this server without a profile may still be on its way; another
 * bridge may have made one. */
static bool default_promise_counts(const struct engine *engine, const struct server *server,
                                   uint64_t now_us)
{
    return engine->config.share.on ||
           (server->unprofiled_us && now_us - server->unprofiled_us < COOKIE_LIFETIME_US);
}

/* --- of other bridges ------------------------------------------------------------------------- */

/* Under keys that are not kept: seldom asked. */
static bool prove_by(const struct passage *passage, const struct cookie_keys *keys,
                     const struct promise *promise, uint64_t epoch, const struct proof *as,
                     struct proof *proof)
{
    struct cookie_kept nothing = {0};
    uint32_t hash;

    if (epoch == COOKIE_EPOCH_NONE)
        return false;
    hash = cookie_hash_kept(&nothing, keys, &passage->key, as->x, promise->generation, epoch);
    if (!cookie_fits(as->c, hash))
        return false;
    *proof = *as;
    proof->promise = promise;
    proof->read = as->c ^ hash;
    return true;
}

/* What our own keys have not proved in this epoch or the one before. */
static bool prove_number(const struct engine *engine, const struct passage *passage,
                         const struct promise *promise, const struct proof *as, struct proof *proof)
{
    const struct cookie_share *share = &engine->config.share;
    const uint64_t now_us = cookie_time(engine, passage->now_us);
    const uint64_t next = cookie_epoch_next(as->c, now_us);

    return prove_by(passage, &engine->config.keys, promise, next, as, proof) ||
           (share->has_before &&
            (prove_by(passage, &share->before, promise, cookie_epoch(as->c, now_us), as, proof) ||
             prove_by(passage, &share->before, promise, next, as, proof)));
}

/* By the next epoch, where it is near, and by the keys that are on their way out or in. */
static bool prove_shared(const struct engine *engine, const struct passage *passage,
                         const struct promise *promise, uint32_t x, uint32_t ack,
                         struct proof *proof)
{
    struct proof as = {
        .x = x, .c = ack - 1, .timestamps = passage->options.present & OPTION_TIMESTAMPS};

    if (prove_number(engine, passage, promise, &as, proof))
        return true;
    as.c -= promise->greeting_bytes;
    as.greeted = true;
    return promise->greeting_bytes && prove_number(engine, passage, promise, &as, proof);
}

static bool prove_of_cluster(const struct engine *engine, const struct passage *passage,
                             const struct server *server, uint32_t x, uint32_t ack,
                             struct proof *proof)
{
    const struct server_policy *policy = server->policy;
    const bool ipv4 = passage->frame.ip_version == 4;

    return (policy && prove_shared(engine, passage, &policy->now, x, ack, proof)) ||
           (policy && policy->has_before && passage->now_us < policy->before_until_us &&
            prove_shared(engine, passage, &policy->before, x, ack, proof)) ||
           prove_shared(engine, passage, &engine->default_promise[ipv4 ? 0 : 1], x, ack, proof);
}

/* --- by any of ours ----------------------------------------------------------------------------
 */

bool prove_otherwise(const struct engine *engine, const struct passage *passage,
                     struct server *server, uint32_t x, uint32_t ack, struct proof *proof)
{
    const struct server_policy *policy = server->policy;
    bool ipv4 = passage->frame.ip_version == 4;

    if (policy && prove_greeted(engine, passage, server, PROMISE_NOW, &policy->now, x, ack, proof))
        return true;
    if (policy && policy->has_before && passage->now_us < policy->before_until_us &&
        prove_promise(engine, passage, server, PROMISE_BEFORE, &policy->before, x, ack, proof))
        return true;
    if (default_promise_counts(engine, server, passage->now_us) &&
        prove_promise(engine, passage, server, PROMISE_DEFAULT,
                      &engine->default_promise[ipv4 ? 0 : 1], x, ack, proof))
        return true;
    return engine->config.share.on && prove_of_cluster(engine, passage, server, x, ack, proof);
}

bool prove(const struct engine *engine, const struct passage *passage, struct server *server,
           uint32_t x, uint32_t ack, struct proof *proof)
{
    return prove_at_once(engine, passage, server, x, ack, proof);
}

struct cookie_options proof_client(const struct passage *passage, const struct proof *proof)
{
    struct cookie_options client = cookie_read(&passage->key, proof->read);

    if (proof->timestamps)
        cookie_refine(&passage->key, passage->options.tsecr, &client);
    return client;
}

bool served_already(const struct engine *engine, const struct passage *passage,
                    const struct proof *proof)
{
    return served_lately(&engine->served, passage->hash, proof->x, passage->now_us);
}

bool frame_is_padding(const struct frame *frame)
{
    const uint8_t *payload = frame_payload(frame);

    if (frame->payload_bytes > ACK_PADDING_MAX || (frame->flags & (TCP_PSH | TCP_FIN)))
        return false;
    for (uint32_t at = 0; at < frame->payload_present; at++)
        if (payload[at])
            return false;
    return true;
}
