/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ack.h - the short way of what floods with good cookies are made of: bare ACKs that complete
 * a handshake, and first requests.
 *
 * Both come in plain frames (frame_is_plain()) on tuples that no flow has, to a server in attack
 * mode whose clients speak first and are checked (OPENING_CHECK), with a cookie of the promise made
 * now. Nothing that is remembered of connections may have to be looked at: no request is being put
 * together, and nothing is to be said again. Everything else is left to the general way
 * (dispatch.c, admission.c) before anything was changed. Both ways must give the same bytes,
 * counters and state; tests/engine/fast/test_ack.c compares them frame by frame.
 *
 *      recognise:   server -> nothing pending -> checksums -> cookie
 *      answer:   bare                              handshake counted -> dropped
 *                request that its first bytes tell
 *                to be wrong, not served before    handshake counted -> source blamed -> RST
 *                                                  written over it
 *                any other request                 on to its check (request_plain())
 *
 * What is counted is counted by the same functions (stages/proof.h), so this is only about telling
 * what it is without a view in memory.
 */
#ifndef SYNWARD_ENGINE_FAST_ACK_H
#define SYNWARD_ENGINE_FAST_ACK_H

#include "engine/base/bytes.h"
#include "engine/stages/request.h"
#include "engine/stages/request_check.h"

/* It stays in registers as long as only what is inline gets a pointer to it. */
struct ack {
    uint8_t *data; /* Ethernet header */
    uint32_t payload, end;
    uint64_t hash, now_us;
    uint32_t x, read; /* as in struct proof */
};

static inline const uint8_t *ack_tcp(const struct ack *ack)
{
    return ack->data + PLAIN_L4;
}

/* --- recognise -------------------------------------------------------------------------------- */

/* True where such a server's clients are proved and checked, and nothing is pending that a segment
 * might belong to. */
static inline bool ack_is_checked(const struct engine *engine, const struct server *server)
{
    return server->mode == MODE_ATTACK && server->policy &&
           server_opening(server) == OPENING_CHECK &&
           !(resend_count(engine->synacks) | resend_count(engine->greetings));
}

/* By the cookie of the promise made now. */
static inline bool ack_is_proved(const struct engine *engine, struct server *server,
                                 struct ack *ack)
{
    const uint32_t c = load_be32(ack_tcp(ack) + 8) - 1;
    const uint64_t epoch = cookie_epoch(c, cookie_check_time(engine, ack->now_us));
    const struct siphash *key;

    if (epoch == COOKIE_EPOCH_NONE)
        return false;
    key = cookie_key_of(&server->cookies[PROMISE_NOW], &engine->config.keys, &server->key,
                        server->policy->now.generation, (uint32_t)epoch);
    ack->read =
        c ^ cookie_hash_v4(key, (uint32_t)checksum_native_half(ack->data + ETH_HEADER_BYTES + 12),
                           load_be16(ack_tcp(ack)), ack->x);
    return cookie_fits(ack->read, 0);
}

/* Data up to ACK_PADDING_MAX may be padding. */
static inline bool ack_is_little(const struct ack *ack)
{
    return ack->end - ack->payload - 1 < ACK_PADDING_MAX;
}

/* NULL: it is neither, or not for us. */
static inline struct server *recognise_ack(struct engine *engine, struct ack *ack)
{
    struct server *server;

    if ((ack_tcp(ack)[13] & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_ACK)
        return NULL;
    ack->payload = frame_plain_payload(ack->data);
    ack->end = frame_plain_end(ack->data);
    ack->x = load_be32(ack_tcp(ack) + 4) - 1;
    server = server_of_plain(&engine->servers, ack->data);
    if (!server || !ack_is_checked(engine, server) || ack_is_little(ack) ||
        !frame_plain_checksums_good(ack->data, ack->end - PLAIN_L4) ||
        !ack_is_proved(engine, server, ack))
        return NULL;
    return server;
}

/* --- answer ----------------------------------------------------------------------------------- */

/* True of a request that is wrong, also where talking before the greeting is wrong as well, and was
 * not handed to the server before. */
static inline bool ack_is_wrong(const struct engine *engine, const struct server *server,
                                const struct ack *ack)
{
    return request_begins_wrong(server->policy, ack->data + ack->payload,
                                ack->end - ack->payload) &&
           !served_lately(&engine->served, ack->hash, ack->x, ack->now_us);
}

/* As refuse_request(). */
static inline void refuse_ack(struct engine *engine, const struct ack *ack, struct server *server,
                              struct proof_slot *slot, struct verdict *verdict)
{
    const struct source_id client = {.addr = addr_from_v4(ack->data + ETH_HEADER_BYTES + 12),
                                     .link = source_link_of(ack->data, (struct vlan_ids){{0}})};
    const struct promise *promise = &server->policy->now;

    trigger_spoke(&server->counts, slot);
    server->figures.refused[REFUSAL_OF_mismatch]++;
    if (!proof_blame_source(engine, server, &client, slot, ack->now_us)) {
        verdict_drop(engine, verdict, DROP_mismatch);
        return;
    }
    engine->counters.drops[DROP_mismatch]++;
    verdict->action = VERDICT_REPLY;
    verdict->bytes = segment_reset_plain(ack->data, promised_ttl(promise), promise->synack.df);
}

/*
 * A client's plain frame without a flow. `hash`: of the connection, as engine_hash(). Returns false
 * if it is none of these: then nothing was changed.
 */
static inline bool fast_ack(struct engine *engine, uint8_t *buffer, uint32_t bytes, uint64_t hash,
                            uint32_t capacity, uint64_t now_us, struct verdict *verdict)
{
    struct ack ack = {.data = buffer + OFFLOAD_BYTES, .hash = hash, .now_us = now_us};
    struct server *server = recognise_ack(engine, &ack);
    struct proof_slot *slot;

    if (!server)
        return false;
    if (ack.payload != ack.end && !ack_is_wrong(engine, server, &ack)) {
        request_plain(engine, buffer, bytes, hash, capacity, now_us, verdict, server, ack.read);
        return true;
    }
    slot = proof_counted(engine, server, hash, ack.x, ack.payload == ack.end, now_us);
    if (ack.payload == ack.end)
        verdict_drop(engine, verdict, DROP_answered);
    else
        refuse_ack(engine, &ack, server, slot, verdict);
    return true;
}

#endif
