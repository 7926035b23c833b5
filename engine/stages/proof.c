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

/* True where a cookie made for this server without a profile may still be on its way. */
static bool default_promise_counts(const struct server *server, uint64_t now_us)
{
    return server->unprofiled_us && now_us - server->unprofiled_us < COOKIE_LIFETIME_US;
}

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
    return default_promise_counts(server, passage->now_us) &&
           prove_promise(engine, passage, server, PROMISE_DEFAULT,
                         &engine->default_promise[ipv4 ? 0 : 1], x, ack, proof);
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
