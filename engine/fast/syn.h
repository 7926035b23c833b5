/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * syn.h - the short way of what a flood is made of: plain SYNs to a server in attack mode,
 * answered.
 *
 * Plain is an untagged SYN over IPv4 without IP options and without data, on a tuple that no flow
 * has, to a server that answers cookies. Everything out of the ordinary is left to the general way
 * (dispatch.c, stages/syn.c) before anything was changed: bad checksums, sources put aside, signed
 * SYNs, ports that nobody listens on, servers that are not spoken for, buffers with little room.
 * Both ways must give the same bytes, counters and state; tests/engine/fast/test_syn.c
 * compares them frame by frame.
 *
 *      recognise:  headers -> connection, server -> no flow -> checksums -> options -> kept answer
 *      answer:     counted -> cookie, TSval -> remembered if the client may wait -> written over it
 *
 * To recognise a SYN changes nothing. Everything that this has in common with the general way is
 * one and the same function, but for the checksums, which are made with the sum of the addresses
 * that the answer needs again, and for the writing: addresses and ports are turned where they
 * stand, between them goes a copy of what is kept.
 */
#ifndef SYNWARD_ENGINE_FAST_SYN_H
#define SYNWARD_ENGINE_FAST_SYN_H

#include "engine/base/bytes.h"
#include "engine/base/checksum.h"
#include "engine/stages/syn.h"
#include "engine/tables/source_lists.h"

/* All that is ever written */
#define ANSWER_ROOM (OFFLOAD_BYTES + PLAIN_FRAME_BYTES + TCP_OPTIONS_MAX)

/*
 * A SYN as far as it is read, and the answer as far as it is known. It stays in registers as long
 * as only what is inline gets a pointer to it: what is not is given what it needs.
 */
struct syn {
    uint8_t *data; /* Ethernet header */
    uint32_t l4_bytes;
    uint16_t client_port;
    uint32_t x;
    uint64_t now_us;
    struct flow_words key;
    uint64_t hash;
    struct syn_options options;
    struct kept_answer *kept;
};

static inline uint8_t *syn_ip(const struct syn *syn)
{
    return syn->data + ETH_HEADER_BYTES;
}

static inline uint8_t *syn_tcp(const struct syn *syn)
{
    return syn->data + PLAIN_L4;
}

/* --- recognise -------------------------------------------------------------------------------- */

/* True of all that frame_ends_good() may refuse. */
static inline bool ends_odd(const struct syn *syn)
{
    return ((syn->data[0] | ipv4_source_is_odd(syn_ip(syn)[12])) & 1) ||
           checksum_native_half(syn_ip(syn) + 12) == checksum_native_half(syn_ip(syn) + 16);
}

/* Finds all that the answer needs. NULL: it is not for us. */
static inline struct server *recognise_syn(struct engine *engine, struct syn *syn)
{
    struct server *server;

    syn->l4_bytes = frame_plain_end(syn->data) - PLAIN_L4;
    /* Nothing behind the TCP header. Shared cookies are made the other way, which costs nothing
     * here. */
    if (frame_plain_payload(syn->data) != frame_plain_end(syn->data) || ends_odd(syn) ||
        source_any_aside(&engine->sources, syn->now_us) || engine->config.share.on ||
        (engine->sources.lists &&
         source_lists_have_v4(engine->sources.lists, load_be32(syn_ip(syn) + 12))))
        return NULL;
    syn->key = frame_plain_words(syn->data, SIDE_CLIENT);
    server = server_of_plain(&engine->servers, syn->data);
    if (!server || !server_answers_new(server))
        return NULL;
    syn->hash = flow_words_hash(engine->flows.seed, syn->key);
    if (flow_find_words(&engine->flows, syn->key, syn->hash) != FLOW_NONE ||
        !frame_plain_checksums_good(syn->data, syn->l4_bytes))
        return NULL;
    syn->options =
        tcp_options_of_syn(syn_tcp(syn) + TCP_HEADER_BYTES, syn->l4_bytes - TCP_HEADER_BYTES);
    if (syn->options.present & OPTION_AUTHENTICATED)
        return NULL;
    syn->kept = server_synack(engine, server, server_promise_now(engine, server, true),
                              synack_offer(syn->options.present, syn_tcp(syn)[13]));
    syn->client_port = load_be16(syn_tcp(syn));
    syn->x = load_be32(syn_tcp(syn) + 4);
    return syn->kept->v4.tcp_bytes ? server : NULL;
}

/* --- answer ----------------------------------------------------------------------------------- */

static void __attribute__((noinline))
renew_syn_words(struct kept_answer *kept, struct syn_options options)
{
    const struct cookie_options client =
        synack_granted(options.mss, options.wscale, true, &kept->answer.features);

    kept->words = cookie_words_of(true, &client);
}

/* What of this client's options goes into cookie and TSval. */
static inline struct cookie_words syn_words(const struct syn *syn)
{
    const uint32_t client = 1u << 31 | (uint32_t)syn->options.mss << 8 | syn->options.wscale;

    if (syn->kept->client != client) {
        renew_syn_words(syn->kept, syn->options);
        syn->kept->client = client;
    }
    return syn->kept->words;
}

static inline uint32_t make_syn_cookie(const struct engine *engine, const struct syn *syn,
                                       struct server *server, uint32_t words)
{
    const uint32_t epoch = (uint32_t)(syn->now_us / COOKIE_EPOCH_US);
    struct cookie_kept *kept = &server->cookies[server->policy ? PROMISE_NOW : PROMISE_DEFAULT];
    const struct siphash *key = cookie_key_of(kept, &engine->config.keys, &server->key,
                                              syn->kept->promise->generation, epoch);

    return cookie_of(cookie_hash_v4(key, (uint32_t)checksum_native_half(syn_ip(syn) + 12),
                                    syn->client_port, syn->x),
                     words, epoch);
}

/* Few are remembered, and what that takes is read anew. `data`: Ethernet header. */
static void __attribute__((noinline))
remember_syn(struct engine *engine, uint8_t *data, const struct kept_answer *kept,
             struct syn_options options, uint32_t c, uint64_t now_us)
{
    const struct cookie_options client =
        synack_granted(options.mss, options.wscale, true, &kept->answer.features);
    struct passage passage = {
        .from = SIDE_CLIENT, .options = {.tsval = options.tsval}, .now_us = now_us};

    frame_fill_plain(&passage.frame, NULL, data, frame_plain_end(data), frame_plain_end(data));
    frame_flow_key(&passage.frame, SIDE_CLIENT, &passage.key);
    synack_remember(engine, &passage, kept->promise, &client, c, kept->offered);
}

static inline void count_syn(struct engine *engine, const struct syn *syn, struct server *server)
{
    engine->counters.cookies_syn++;
    server->figures.syns++;
    trigger_syn(&server->counts, true, syn->now_us);
    trigger_asked(&server->counts, (struct trigger_tag){&engine->asked, syn->hash, syn->x},
                  syn->now_us);
    engine_check_triggers(engine, server, syn->now_us);
}

static inline void write_synack_ip(const struct syn *syn, const struct answer_v4 *v4,
                                   uint64_t addresses, uint16_t id)
{
    const uint64_t turned = addresses << 32 | addresses >> 32;

    memcpy(syn_ip(syn), v4->ip, sizeof(v4->ip));
    store_be16(syn_ip(syn) + 4, id);
    checksum_native_store(syn_ip(syn) + 10,
                          checksum_native(addresses, v4->ip_sum + (uint64_t)WIRE16(id)));
    memcpy(syn_ip(syn) + 12, &turned, sizeof(turned));
}

/* Numbers, and timestamps where there are any, go into the copy and into the sum. */
static inline void write_synack_tcp(const struct syn *syn, const struct answer_v4 *v4,
                                    uint64_t addresses, uint32_t c, uint32_t tsval)
{
    const uint64_t numbers = WIRE64((uint64_t)c << 32 | (uint32_t)(syn->x + 1));
    const uint64_t timestamps = WIRE64((uint64_t)tsval << 32 | syn->options.tsval);
    uint32_t ports = (uint32_t)checksum_native_half(syn_tcp(syn));
    uint64_t sum =
        checksum_native(checksum_native(addresses, numbers), (uint64_t)ports + v4->tcp_sum);

    ports = ports << 16 | ports >> 16;
    memcpy(syn_tcp(syn), v4->tcp, sizeof(v4->tcp));
    memcpy(syn_tcp(syn), &ports, sizeof(ports));
    memcpy(syn_tcp(syn) + 4, &numbers, sizeof(numbers));
    if (v4->timestamps_at) {
        memcpy(syn_tcp(syn) + v4->timestamps_at, &timestamps, sizeof(timestamps));
        sum = checksum_native(sum, timestamps);
    }
    checksum_native_store(syn_tcp(syn) + TCP_CHECKSUM_AT, sum);
}

static inline void answer_plain_syn(struct engine *engine, const struct syn *syn,
                                    struct server *server)
{
    const struct answer_v4 *v4 = &syn->kept->v4;
    const struct cookie_words words = syn_words(syn);
    const uint32_t c = make_syn_cookie(engine, syn, server, words.cookie);
    const uint64_t addresses = load_wire64(syn_ip(syn) + 12);
    uint32_t tsval = 0;

    if (!server->policy)
        server->unprofiled_us = syn->now_us ? syn->now_us : 1;
    if (opening_waits_for_ack(server))
        remember_syn(engine, syn->data, syn->kept, syn->options, c, syn->now_us);
    if (v4->timestamps_at)
        tsval = (cookie_tuple_ms(&engine->config.keys, syn->key, syn->now_us) & ~COOKIE_TS_BITS) |
                words.tsval;
    segment_turn_link(syn->data);
    write_synack_ip(syn, v4, addresses,
                    server_ip_id(server, syn->kept->promise, syn->client_port, syn->now_us));
    write_synack_tcp(syn, v4, addresses, c, tsval);
    engine->counters.cookies_sent++;
    server->figures.cookies_sent++;
}

/*
 * A client's frame that may be a plain SYN (engine_perhaps_plain_syn()). Returns false if it is
 * none that is answered here: then nothing was changed.
 */
static inline bool fast_syn(struct engine *engine, uint8_t *buffer, uint32_t bytes,
                            uint32_t capacity, uint64_t now_us, struct verdict *verdict)
{
    struct syn syn;
    struct server *server = NULL;

    syn.data = buffer + OFFLOAD_BYTES;
    syn.now_us = now_us;
    if (capacity >= ANSWER_ROOM && frame_is_plain(syn.data, bytes - OFFLOAD_BYTES))
        server = recognise_syn(engine, &syn);
    if (!server)
        return false;
    engine->now_us = now_us;
    count_syn(engine, &syn, server);
    answer_plain_syn(engine, &syn, server);
    verdict->action = VERDICT_REPLY;
    verdict->bytes = (uint32_t)(OFFLOAD_BYTES + PLAIN_L4) + syn.kept->v4.tcp_bytes;
    return true;
}

#endif
