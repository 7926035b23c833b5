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

/* --- by keys that are being rolled ------------------------------------------------------------ */

#define ROLLED_KEYS 256u

/* The place of a promise of a server, by both; whoever comes to the same takes it. */
struct rolled_keys {
    struct rolled_key {
        struct server_key server;
        uint32_t which;
        struct cookie_kept kept;
    } of[ROLLED_KEYS];
};

size_t rolled_keys_bytes(void)
{
    return sizeof(struct rolled_keys);
}

struct rolled_keys *rolled_keys_init(void *memory)
{
    memset(memory, 0, sizeof(struct rolled_keys));
    return memory;
}

static struct cookie_kept *rolled_kept(const struct engine *engine, const struct server *server,
                                       enum server_promise which)
{
    const size_t place = (size_t)(server - engine->servers.slots) * SERVER_PROMISES + which;
    struct rolled_key *key = &engine->rolled->of[place % ROLLED_KEYS];

    if (key->which != which || !server_key_equal(&key->server, &server->key))
        *key = (struct rolled_key){.server = server->key, .which = which};
    return &key->kept;
}

/* `as`: what it would be the proof of. */
static bool prove_rolled_cookie(const struct engine *engine, const struct passage *passage,
                                const struct server *server, enum server_promise which,
                                const struct proof *as, struct proof *proof)
{
    const uint64_t epoch = cookie_epoch(as->c, cookie_check_time(engine, passage->now_us));
    uint32_t hash;

    if (epoch == COOKIE_EPOCH_NONE)
        return false;
    hash = cookie_hash_kept(rolled_kept(engine, server, which), &engine->config.share.before,
                            &passage->key, as->x, as->promise->generation, epoch);
    if (!cookie_fits(as->c, hash))
        return false;
    *proof = *as;
    proof->read = as->c ^ hash;
    return true;
}

static bool prove_rolled_promise(const struct engine *engine, const struct passage *passage,
                                 const struct server *server, enum server_promise which,
                                 const struct proof *as, struct proof *proof)
{
    struct proof greeted = *as;

    if (prove_rolled_cookie(engine, passage, server, which, as, proof))
        return true;
    greeted.c -= as->promise->greeting_bytes;
    greeted.greeted = true;
    return as->promise->greeting_bytes &&
           prove_rolled_cookie(engine, passage, server, which, &greeted, proof);
}

/* As many hashes more as by our own keys. */
static bool prove_rolled(const struct engine *engine, const struct passage *passage,
                         const struct server *server, uint32_t x, uint32_t ack, struct proof *proof)
{
    const struct server_policy *policy = server->policy;
    const bool ipv4 = passage->frame.ip_version == 4;
    struct proof as = {
        .x = x, .c = ack - 1, .timestamps = passage->options.present & OPTION_TIMESTAMPS};

    if (policy) {
        as.promise = &policy->now;
        if (prove_rolled_promise(engine, passage, server, PROMISE_NOW, &as, proof))
            return true;
        as.promise = &policy->before;
        if (policy->has_before && passage->now_us < policy->before_until_us &&
            prove_rolled_promise(engine, passage, server, PROMISE_BEFORE, &as, proof))
            return true;
    }
    as.promise = &engine->default_promise[ipv4 ? 0 : 1];
    return prove_rolled_promise(engine, passage, server, PROMISE_DEFAULT, &as, proof);
}

/* --- by any of ours --------------------------------------------------------------------------- */

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
    return engine->rolled && prove_rolled(engine, passage, server, x, ack, proof);
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
