/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * admission.c - judges a client's segment by itself alone: no flow, no memory, only the cookie. See
 * admission.h.
 *
 * What a segment can be, and which x (the client's ISN) it then speaks of:
 *
 *      seq = x+1, data, FIN or nothing      the request, a closing, the handshake's ACK
 *      seq = x, 0 or 1 byte                 keepalive or window probe (RFC 9293 3.8.4)
 *      seq = x+2, ack one higher, nothing   the last ACK of a closing that we answered
 *      seq beyond x+1, an assembly open     more of a request that came in pieces
 */
#include "engine/stages/admission.h"

#include "engine/base/bytes.h"
#include "engine/tcp/cookie.h"
#include "engine/shard/observe.h"
#include "engine/stages/opening.h"
#include "engine/stages/request_check.h"
#include "engine/stages/splice.h"

#include <string.h>

#define OPEN_PER_SECOND   1000 /* rule 2.5 */
#define OPEN_PER_SOURCE   200
#define STRAYS_PER_SECOND 100
/* Each server: a flood of them leaves some 300 half-open there at most */
#define AUTHENTICATED_PER_SECOND 5
#define UNLISTENED_PER_SECOND    10
/* Of any client, without timestamps: the cookie's smallest entry less 12 */
#define MSS_LEAST          204
#define STRAY_RST_AFTER_MS 3000
/* How long a client repeats the beginning of what it says: 1, 2, 4, 8, 16 and 32 s (RFC 6298 5.5).
 */
#define STRAY_OURS_US       (63ull * 1000 * 1000)
#define LIMIT_SCOPE_OPENING 0x80000000u /* or'ed with the server's index */

/* --- proving --------------------------------------------------------------------------------- */

/* Is `c` a cookie of one promise? Inline: the first try is what a flood of ACKs costs. */
static inline __attribute__((always_inline)) bool
prove_cookie(const struct engine *engine, const struct passage *passage, struct server *server,
             enum server_promise which, const struct promise *promise, uint32_t x, uint32_t c,
             bool greeted, struct proof *proof)
{
    const struct cookie_keys *keys = &engine->config.keys;
    const struct flow_key *key = &passage->key;
    struct cookie_kept *kept = &server->cookies[which];
    uint64_t epoch = cookie_epoch(c, passage->now_us);
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
    proof->x = x;
    proof->c = c;
    proof->read = c ^ hash;
    proof->greeted = greeted;
    proof->timestamps = passage->options.present & OPTION_TIMESTAMPS;
    return true;
}

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

/* By what is not the cookie itself of the promise made now. */
static bool __attribute__((noinline))
prove_otherwise(const struct engine *engine, const struct passage *passage, struct server *server,
                uint32_t x, uint32_t ack, struct proof *proof)
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
static bool __attribute__((noinline))
prove(const struct engine *engine, const struct passage *passage, struct server *server, uint32_t x,
      uint32_t ack, struct proof *proof)
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

/* --- stateless answers ----------------------------------------------------------------------- */

/* What every segment that we send in the server's name says; seq, ack and flags are the caller's.
 */
static void speak_for(const struct engine *engine, const struct promise *promise,
                      const struct flow_key *key, struct segment *segment)
{
    segment_begin(segment);
    speak_as(engine, promise, key, segment);
}

/* The promised window as it stands in segments after the handshake (RFC 7323 2.3). */
static uint16_t promised_window(const struct promise *promise, const struct cookie_options *client)
{
    if (client->window_scale == WSCALE_NONE ||
        promise->synack.window_scale_state != CAPABILITY_GRANTED)
        return promise->synack.window;
    return splice_window(promise->synack.window, (int8_t)-promise->synack.window_scale);
}

/* Between whom a segment of ours goes that is no answer to a frame. */
static void address_to_client(const struct flow_key *key, struct segment *segment)
{
    segment->src = key->server;
    segment->dst = key->client;
    segment->src_port = key->server_port;
    segment->dst_port = key->client_port;
}

/* An ACK in answer to the frame, which echoes its TSval (RFC 7323 4.3); our own TSval carries the
 * cookie's finer bits. */
static void speak_established(const struct engine *engine, const struct passage *passage,
                              const struct proof *proof, struct segment *segment,
                              uint8_t options[12])
{
    const struct cookie_options client = proof_client(passage, proof);

    speak_for(engine, proof->promise, &passage->key, segment);
    segment->flags = TCP_ACK;
    segment->seq = passage->frame.ack;
    segment->ack = passage->frame.seq + frame_seq_bytes(&passage->frame);
    segment->window = promised_window(proof->promise, &client);
    if (proof->timestamps) {
        uint32_t tsval =
            cookie_tsval(&engine->config.keys, &passage->key, &client, passage->now_us);

        segment->options = options;
        segment->options_bytes = segment_timestamps(options, tsval, passage->options.tsval);
    }
}

/* --- SYN ------------------------------------------------------------------------------------- */

void admission_remember(struct engine *engine, const struct passage *passage,
                        const struct promise *promise, const struct cookie_options *client,
                        uint32_t c, uint8_t offered)
{
    struct resend_entry *entry = resend_add(engine->synacks, &passage->key, 0, passage->now_us);

    if (!entry)
        return;
    entry->seq = c;
    entry->ack = passage->frame.seq + 1;
    entry->tsecr = passage->options.tsval;
    entry->generation = promise->generation;
    entry->offered = offered;
    entry->client = *client;
    link_header_reverse(&passage->frame, &entry->link);
}

/* The SYN-ACK of this answer; `segment->options` points at `options`. */
static void speak_synack(struct engine *engine, const struct flow_key *key,
                         const struct promise *promise, const struct synack_answer *answer,
                         const struct cookie_options *client, uint32_t tsecr, uint64_t now_us,
                         struct segment *segment, uint8_t options[TCP_OPTIONS_MAX])
{
    memcpy(options, answer->options, TCP_OPTIONS_MAX);
    if (answer->timestamps_at) {
        store_be32(options + answer->timestamps_at,
                   cookie_tsval(&engine->config.keys, key, client, now_us));
        store_be32(options + answer->timestamps_at + 4, tsecr);
    }
    speak_for(engine, promise, key, segment);
    kept_answer_say(answer, segment);
    segment->options = options;
}

/*
 * The SYN-ACK that the server would give, with a cookie for its ISN (RFC 4987 3.6). Data on the SYN
 * is not acknowledged, as by a server that does not know the Fast Open cookie (RFC 7413 3): the
 * client sends it again. Plain SYNs do not come here, but must get the same (syn_plain.c).
 */
static void answer_syn(struct engine *engine, struct passage *passage, struct server *server)
{
    const struct frame *frame = &passage->frame;
    const struct promise *promise = server_promise_now(engine, server, frame->ip_version == 4);
    uint8_t offered = synack_offer_of(&passage->options, frame->flags);
    const struct synack_answer *answer = &kept_answer_of(engine, server, promise, offered)->answer;
    uint8_t options[TCP_OPTIONS_MAX];
    struct cookie_options client;
    struct segment segment;
    uint32_t c;

    client = admission_granted(passage->options.mss, passage->options.wscale,
                               passage->frame.ip_version == 4, &answer->features);
    c = cookie_make_kept(&server->cookies[server->policy ? PROMISE_NOW : PROMISE_DEFAULT],
                         &engine->config.keys, &passage->key, frame->seq, promise->generation,
                         &client, passage->now_us);
    speak_synack(engine, &passage->key, promise, answer, &client, passage->options.tsval,
                 passage->now_us, &segment, options);
    segment.seq = c;
    segment.ack = frame->seq + 1;
    segment.ip_id = server_ip_id(server, promise, passage->key.client_port, passage->now_us);
    if (!server->policy)
        server->unprofiled_us = passage->now_us ? passage->now_us : 1;
    if (opening_waits_for_ack(server))
        admission_remember(engine, passage, promise, &client, c, offered);
    passage_answer(engine, passage, &segment);
    engine->counters.cookies_sent++;
}

/*
 * rule 4: a signed SYN cannot be answered by anybody but its server, and offsets would break what
 * is signed with it: TCP-MD5 (RFC 2385 2.0) and TCP-AO (RFC 5925 5.1) cover the header with its
 * numbers. Passed, rarely.
 */
static void pass_authenticated(struct engine *engine, struct passage *passage,
                               struct server *server)
{
    const uint32_t limit = limit_share(engine, AUTHENTICATED_PER_SECOND);

    if (token_take(&server->authenticated, limit, limit, passage->now_us))
        passage_forward(passage);
    else
        passage_drop(engine, passage, DROP_open_limit);
}

/*
 * Nobody listens: the client gets the RST that the server would send (RFC 9293 3.10.7.1). A few
 * SYNs are passed on all the same, so that a server whose word proves us wrong (it has just begun
 * to listen; its host redirects the port) has it.
 */
static void refuse_unlistened(struct engine *engine, struct passage *passage, struct server *server)
{
    const uint32_t limit = limit_share(engine, UNLISTENED_PER_SECOND);

    if (token_take(&server->unlistened, limit, limit, passage->now_us))
        passage_forward(passage);
    else
        passage_reset_by(engine, passage, server, DROP_unlistened);
}

static void admit_syn(struct engine *engine, struct passage *passage, struct server *server)
{
    engine->counters.cookies_syn++;
    if (passage->frame.flags & (TCP_FIN | TCP_RST)) {
        passage_drop(engine, passage, DROP_bad_segment);
        return;
    }
    if (passage->options.present & OPTION_AUTHENTICATED) {
        pass_authenticated(engine, passage, server);
        return;
    }
    if (server_unlistened(&engine->servers, server, passage->now_us)) {
        refuse_unlistened(engine, passage, server);
        return;
    }
    if (server_refuses_new(server)) {
        passage_drop(engine, passage, DROP_unknown_server);
        return;
    }
    trigger_syn(&server->counts, true, passage->now_us);
    trigger_asked(&server->counts,
                  (struct trigger_tag){&engine->asked, passage->hash, passage->frame.seq},
                  passage->now_us);
    engine_check_triggers(engine, server, passage->now_us);
    answer_syn(engine, passage, server);
}

/* --- a handshake completed ------------------------------------------------------------------- */

static inline __attribute__((always_inline)) void count_proof(struct engine *engine,
                                                              const struct passage *passage,
                                                              struct server *server,
                                                              struct proof *proof)
{
    proof->slot = admission_count_proof(engine, server, passage->hash, proof->x, passage->now_us);
}

/* rule 2.5: opens without a request check, under limits for the server and for each source. */
static void open_limited(struct engine *engine, struct passage *passage, struct server *server,
                         const struct proof *proof, struct flow *closing, const uint8_t *data,
                         uint32_t bytes, bool fin)
{
    const struct server_policy *policy = server->policy;
    uint32_t per_server =
        policy && policy->open_per_second ? policy->open_per_second : OPEN_PER_SECOND;
    uint32_t per_source = policy && policy->open_per_source_per_second
                              ? policy->open_per_source_per_second
                              : OPEN_PER_SOURCE;
    uint32_t scope = LIMIT_SCOPE_OPENING | (uint32_t)(server - engine->servers.slots);

    per_server = limit_share(engine, per_server);
    per_source = limit_share(engine, per_source);
    if (!source_limiter_take(&engine->limits, &passage->key.client, scope, per_source, per_source,
                             passage->now_us) ||
        !token_take(&server->openings, per_server, per_server, passage->now_us)) {
        passage_reset_by(engine, passage, server, DROP_open_limit);
        return;
    }
    opening_begin(engine, passage, server, proof, closing, data, bytes, fin);
}

/* True where the client has room for the greeting now (RFC 9293 3.8.6). */
static bool greeting_fits(const struct passage *passage, const struct proof *proof)
{
    const struct cookie_options client = proof_client(passage, proof);
    uint32_t scale = client.window_scale == WSCALE_NONE ? 0 : client.window_scale;
    uint32_t window = (uint32_t)passage->frame.window << scale;

    return proof->promise->greeting_bytes <= window;
}

/*
 * Puts G into the segment; for a client whose MSS is smaller, as a super-frame that leaves the TAP
 * in pieces. The MSS counts what options take (RFC 9293 3.7.1).
 */
static void speak_greeting(const struct promise *promise, uint16_t mss, bool timestamps,
                           struct segment *segment)
{
    uint16_t limit = (uint16_t)(mss - (timestamps ? 12 : 0));

    segment->flags |= TCP_PSH;
    segment->payload = promise->greeting;
    segment->payload_bytes = promise->greeting_bytes;
    segment->gso_bytes = promise->greeting_bytes > limit ? limit : 0;
}

/* Remembers that G was said, or is to be said after `grace_us`. False: the source has its share of
 * the ring. */
static bool remember_greeting(struct engine *engine, const struct passage *passage,
                              const struct proof *proof, uint64_t grace_us)
{
    struct resend_entry *entry =
        resend_add(engine->greetings, &passage->key, grace_us, passage->now_us);

    if (!entry)
        return false;
    entry->seq = proof->c + 1;
    entry->ack = proof->x + 1;
    entry->tsecr = passage->options.tsval;
    entry->timestamps = proof->timestamps;
    entry->generation = proof->promise->generation;
    entry->client = proof_client(passage, proof);
    link_header_reverse(&passage->frame, &entry->link);
    return true;
}

/* The segment that says the greeting in answer to the frame. */
static void speak_greeting_now(const struct engine *engine, const struct passage *passage,
                               const struct proof *proof, struct segment *segment,
                               uint8_t options[12])
{
    speak_established(engine, passage, proof, segment, options);
    speak_greeting(proof->promise, proof_client(passage, proof).mss, proof->timestamps, segment);
    segment->ack = proof->x + 1;
}

/* rule 2.1: G at c+1, at once or after a grace for clients that speak anyway. */
static void greet(struct engine *engine, struct passage *passage, struct server *server,
                  const struct proof *proof)
{
    uint32_t grace_us = server->policy->greeting_grace_us;
    struct segment segment;
    uint8_t options[12];

    if (remember_greeting(engine, passage, proof, grace_us) && grace_us) {
        passage_drop(engine, passage, DROP_answered);
        return;
    }
    speak_greeting_now(engine, passage, proof, &segment, options);
    passage_answer(engine, passage, &segment);
    engine->counters.greetings_sent++;
}

/* True where G was said to this client already, or is about to be. */
static bool greeted_already(struct engine *engine, const struct passage *passage,
                            const struct proof *proof)
{
    const struct resend_entry *entry = resend_find(engine->greetings, &passage->key);

    return entry && entry->ack == proof->x + 1;
}

/*
 * A request already handed to the server on this (tuple, x) must not run twice (rule 5.8): the
 * copy is one of RFC 7323 5.8's duplicates of an earlier incarnation, for which the server itself
 * would no longer know better.
 */
static bool served_already(const struct engine *engine, const struct passage *passage,
                           const struct proof *proof)
{
    return served_lately(&engine->served, passage->hash, proof->x, passage->now_us);
}

/* G has arrived, at c+1. Its entry goes, but a copy of an ACK from before it must not be greeted
 * again, nor by the server. */
static void greeting_heard(struct engine *engine, const struct passage *passage, uint32_t c)
{
    resend_remove(engine->greetings, &passage->key);
    served_note(&engine->served, passage->hash, c, passage->now_us);
}

/* A late copy of the ACK of a client that was served, has left, or has heard G since. */
static bool bare_is_late(const struct engine *engine, const struct passage *passage,
                         const struct proof *proof)
{
    bool heard = !proof->greeted && proof->promise->greeting_bytes &&
                 served_lately(&engine->served, passage->hash, proof->c, passage->now_us);

    return heard || served_already(engine, passage, proof);
}

/* Its server has the word now: greeted in its name, or opened so that it greets for itself. */
static void __attribute__((noinline))
admit_waiting(struct engine *engine, struct passage *passage, struct server *server,
              struct proof proof, struct flow *closing)
{
    bool greets = server_opening(server) == OPENING_GREET && proof.promise->greeting_bytes;

    if (bare_is_late(engine, passage, &proof)) {
        passage_drop(engine, passage, DROP_answered);
        return;
    }
    if (!greets)
        /* Also on a promise from before there was a greeting: the server greets for itself. */
        open_limited(engine, passage, server, &proof, closing, NULL, 0, false);
    else if (!greeted_already(engine, passage, &proof) && greeting_fits(passage, &proof))
        greet(engine, passage, server, &proof);
    else
        /*
         * Without room for all of G, too: a part of it would have an ack that proves nothing, and
         * to let the server greet would open it to whoever announces a tiny window. The client is
         * greeted once it says that it has room (RFC 9293 3.8.6).
         */
        passage_drop(engine, passage, DROP_answered);
}

/* The bare ACK that completes a handshake, or any that repeats it. Inline: most of a flood of ACKs
 * ends here. */
static inline __attribute__((always_inline)) void
admit_bare(struct engine *engine, struct passage *passage, struct server *server,
           struct proof *proof, struct flow *closing)
{
    enum opening_kind opening = server_opening(server);

    count_proof(engine, passage, server, proof);
    resend_remove(engine->synacks, &passage->key);
    if (proof->greeted)
        greeting_heard(engine, passage, proof->c);
    if (opening == OPENING_COOKIE || opening == OPENING_PASS ||
        (opening == OPENING_GREET && !proof->greeted))
        admit_waiting(engine, passage, server, *proof, closing);
    else
        passage_drop(engine, passage, DROP_answered);
}

/* --- the request ----------------------------------------------------------------------------- */

/* What the client has said so far: the frame's payload, or an assembly that it was added to. */
struct request {
    const uint8_t *data;
    uint32_t bytes;
    bool fin;
    struct assembly *assembly; /* NULL: it all stands in the frame */
};

static void credit(struct engine *engine, const struct passage *passage,
                   const struct server *server)
{
    struct observed_source released;

    engine->counters.requests_matched++;
    if (source_match(&engine->sources, &passage->key.client, passage->now_us, &released))
        observe_source(engine, server, &released, passage->now_us);
}

/* As a host without the connection (RFC 9293 3.10.7.1): RST at the ack that the client named. */
static inline void refuse_request(struct engine *engine, struct passage *passage,
                                  struct server *server, const struct proof *proof,
                                  const struct request *request, enum drop_reason reason)
{
    bool may_be_reset =
        admission_blame(engine, server, &passage->key.client, proof->slot, passage->now_us);

    if (request->assembly)
        assembly_close(engine->assemblies, request->assembly);
    resend_remove(engine->greetings, &passage->key);
    if (may_be_reset)
        passage_reset_by(engine, passage, server, reason);
    else
        passage_drop(engine, passage, reason);
}

/* Too short to decide on: kept for 10 s. False: there is no room, or the client has no more to say.
 */
static bool assemble(struct engine *engine, struct passage *passage, const struct proof *proof,
                     const struct request *request, enum assembly_result added)
{
    struct assembly *assembly = request->assembly;

    engine->counters.requests_need_more++;
    if (assembly)
        return added != ASSEMBLY_UNCHANGED && added != ASSEMBLY_FULL;
    assembly =
        assembly_open(engine->assemblies, &passage->key, proof->x, proof->c, passage->now_us);
    if (!assembly)
        return false;
    assembly->promise_generation = proof->promise->generation;
    if (assembly_add(assembly, 0, request->data, request->bytes) != ASSEMBLY_FULL)
        return true;
    assembly_close(engine->assemblies, assembly);
    return false;
}

static void open_request(struct engine *engine, struct passage *passage, struct server *server,
                         const struct proof *proof, struct flow *closing,
                         const struct request *request, bool limited)
{
    if (limited)
        open_limited(engine, passage, server, proof, closing, request->data, request->bytes,
                     request->fin);
    else
        opening_begin(engine, passage, server, proof, closing, request->data, request->bytes,
                      request->fin);
    if (request->assembly)
        assembly_close(engine->assemblies, request->assembly);
}

/* SMTP's rule (rule 2.2): who talks before the greeting is no mail client. */
static inline bool talks_too_early(const struct server *server, const struct proof *proof)
{
    const struct protocol *protocol;

    if (proof->greeted || !proof->promise->greeting_bytes || !server->policy)
        return false;
    protocol = protocol_by_id(server->policy->greeting_protocol);
    return protocol && protocol->early_talk_is_wrong;
}

/*
 * Its request came with the handshake's own ACK, before anything could be said to it: G goes out
 * beside the opening, so that the server's own greeting may be swallowed as for everybody (rule
 * 2.4).
 */
static void greet_beside(struct engine *engine, const struct passage *passage,
                         const struct server *server, const struct proof *proof)
{
    struct link_header link;
    struct segment segment;
    uint8_t options[12];

    if (server_opening(server) != OPENING_GREET || proof->greeted ||
        greeted_already(engine, passage, proof) || !proof->promise->greeting_bytes ||
        !greeting_fits(passage, proof) || !remember_greeting(engine, passage, proof, 0))
        return;
    speak_greeting_now(engine, passage, proof, &segment, options);
    address_to_client(&passage->key, &segment);
    link_header_reverse(&passage->frame, &link);
    engine_emit(engine, SIDE_CLIENT, &link, &segment);
    engine->counters.greetings_sent++;
}

static inline void judge_request(struct engine *engine, struct passage *passage,
                                 struct server *server, const struct proof *proof,
                                 struct flow *closing, const struct request *request,
                                 enum assembly_result added)
{
    bool early = talks_too_early(server, proof), put_off = false, wrong_keyword;
    enum match match = early ? MATCH_NO
                             : request_check(engine, server, &passage->key.client, request->data,
                                             request->bytes, passage->now_us, &put_off);

    if (put_off) {
        passage_drop(engine, passage, DROP_decipher_limit);
    } else if (match == MATCH_YES) {
        credit(engine, passage, server);
        greet_beside(engine, passage, server, proof);
        open_request(engine, passage, server, proof, closing, request, false);
    } else if (match == MATCH_NO || request->fin) { /* or nothing more will come */
        wrong_keyword = match == MATCH_NO && !early &&
                        policy_wrong_keyword(server->policy, request->data, request->bytes);
        refuse_request(engine, passage, server, proof, request,
                       wrong_keyword ? DROP_keyword : DROP_mismatch);
    } else if (assemble(engine, passage, proof, request, added)) {
        passage_hold(passage);
    } else {
        open_request(engine, passage, server, proof, closing, request, true);
    }
}

/* What `request` says; `added`: what of it came with this segment. */
static void __attribute__((noinline))
admit_data(struct engine *engine, struct passage *passage, struct server *server,
           struct proof proof, struct flow *closing, struct assembly *assembly,
           enum assembly_result added)
{
    const struct frame *frame = &passage->frame;
    enum opening_kind opening = server_opening(server);
    struct request request = {frame_payload(frame), frame->payload_bytes, frame->flags & TCP_FIN,
                              NULL};

    if (served_already(engine, passage, &proof)) {
        passage_reset_by(engine, passage, server, DROP_stray);
        return;
    }
    if (assembly)
        request = (struct request){assembly->data, assembly->bytes, assembly->fin, assembly};
    count_proof(engine, passage, server, &proof);
    trigger_spoke(&server->counts, proof.slot);
    resend_remove(engine->synacks, &passage->key);
    if (opening == OPENING_CHECK || opening == OPENING_GREET)
        judge_request(engine, passage, server, &proof, closing, &request, added);
    else
        open_request(engine, passage, server, &proof, closing, &request, true);
}

void admission_request(struct engine *engine, uint8_t *buffer, uint32_t bytes, uint64_t hash,
                       uint32_t capacity, uint64_t now_us, struct verdict *verdict,
                       struct server *server, uint32_t read)
{
    struct passage passage;
    struct proof proof;

    passage_begin(&passage, SIDE_CLIENT, now_us, verdict);
    passage_fill_plain(&passage, buffer, bytes, capacity, hash);
    passage_read_options(&passage);
    proof = (struct proof){
        .promise = &server->policy->now,
        .x = passage.frame.seq - 1,
        .read = read,
        .c = passage.frame.ack - 1,
        .timestamps = passage.options.present & OPTION_TIMESTAMPS,
    };
    admit_data(engine, &passage, server, proof, NULL, NULL, ASSEMBLY_GREW);
}

/* Zero bytes of padding where data is due, not pushed: the ACK of an odd stack. */
static bool is_padding(const struct frame *frame)
{
    const uint8_t *payload = frame_payload(frame);

    if (frame->payload_bytes > PURE_ACK_ZEROS_MAX || (frame->flags & (TCP_PSH | TCP_FIN)))
        return false;
    for (uint32_t at = 0; at < frame->payload_present; at++)
        if (payload[at])
            return false;
    return true;
}

/* --- closing, keepalive ---------------------------------------------------------------------- */

/* A client that leaves before it has asked: FIN+ACK, as an idle server would (RFC 9293 3.6), behind
 * G where that is due. */
static void admit_fin(struct engine *engine, struct passage *passage, struct server *server,
                      struct proof *proof)
{
    struct segment segment;
    uint8_t options[12];

    count_proof(engine, passage, server, proof);
    resend_remove(engine->synacks, &passage->key);
    resend_remove(engine->greetings, &passage->key);
    served_note(&engine->served, passage->hash, proof->x, passage->now_us);
    speak_established(engine, passage, proof, &segment, options);
    segment.flags |= TCP_FIN;
    if (server_opening(server) == OPENING_GREET && !proof->greeted && greeting_fits(passage, proof))
        speak_greeting(proof->promise, proof_client(passage, proof).mss, proof->timestamps,
                       &segment);
    passage_answer(engine, passage, &segment);
}

/* RFC 9293 3.8.4, and RFC 9293 3.8.6.1 for probes. Where the handshake's ACK was lost, it stands
 * for that ACK. */
static void admit_keepalive(struct engine *engine, struct passage *passage, struct server *server,
                            struct proof *proof, struct flow *closing)
{
    struct segment segment;
    uint8_t options[12];

    if (opening_waits_for_ack(server) && !proof->greeted &&
        !greeted_already(engine, passage, proof)) {
        admit_bare(engine, passage, server, proof, closing);
        return;
    }
    speak_established(engine, passage, proof, &segment, options);
    segment.ack = proof->x + 1;
    passage_answer(engine, passage, &segment);
}

/* --- dispatch -------------------------------------------------------------------------------- */

/* More of a request that is being put together. */
static bool __attribute__((noinline))
admit_assembled_part(struct engine *engine, struct passage *passage, struct server *server,
                     struct flow *closing)
{
    struct assembly *assembly = assembly_find(engine->assemblies, &passage->key);
    const struct frame *frame = &passage->frame;
    uint32_t offset = assembly ? frame->seq - (assembly->x + 1) : 0;
    enum assembly_result added = ASSEMBLY_UNCHANGED;
    struct proof proof;

    if (!assembly || offset > ASSEMBLY_BYTES || !frame_seq_bytes(frame) ||
        !prove(engine, passage, server, assembly->x, frame->ack, &proof))
        return false;
    if (frame->payload_bytes)
        added = assembly_add(assembly, offset, frame_payload(frame), frame->payload_bytes);
    if (added == ASSEMBLY_GAP) {
        passage_drop(engine, passage, DROP_hold_full);
        return true;
    }
    if ((frame->flags & TCP_FIN) && offset + frame->payload_bytes == assembly->bytes)
        assembly->fin = true;
    admit_data(engine, passage, server, proof, closing, assembly, added);
    return true;
}

static inline bool admit_assembled(struct engine *engine, struct passage *passage,
                                   struct server *server, struct flow *closing)
{
    return assembly_count(engine->assemblies) &&
           admit_assembled_part(engine, passage, server, closing);
}

/* A bare FIN, or a few bytes, at x+1. */
static void __attribute__((noinline))
admit_little(struct engine *engine, struct passage *passage, struct server *server,
             struct proof proof, struct flow *closing)
{
    if (!passage->frame.payload_bytes)
        admit_fin(engine, passage, server, &proof);
    else if (is_padding(&passage->frame))
        admit_bare(engine, passage, server, &proof, closing);
    else
        admit_data(engine, passage, server, proof, closing, NULL, ASSEMBLY_GREW);
}

/*
 * Beyond x+1 a segment alone proves nothing: its beginning was lost and will be repeated. A client
 * that we greeted lately is remembered, though, and its ACK of the greeting counts.
 */
static bool admit_greeted(struct engine *engine, struct passage *passage, struct server *server)
{
    const struct resend_entry *entry = resend_find(engine->greetings, &passage->key);
    const struct frame *frame = &passage->frame;
    struct proof proof;

    if (!entry || frame->seq - entry->ack > UINT16_MAX ||
        !prove(engine, passage, server, entry->ack - 1, frame->ack, &proof))
        return false;
    if (proof.greeted)
        greeting_heard(engine, passage, proof.c);
    passage_drop(engine, passage, DROP_answered);
    return true;
}

/* The closing connection's own segments, told without a hash; a new one on the tuple has another x
 * (rule 5.7). */
static bool is_of_closing(const struct engine *engine, const struct frame *frame,
                          const struct flow *closing)
{
    const struct flow_cold *cold = flow_cold(&engine->flows, closing);

    return closing->state == FLOW_CLOSING &&
           (frame->seq - 1 == cold->client_isn || frame->seq == cold->client_next);
}

/* An ACK that does not speak of x+1. */
static bool __attribute__((noinline))
admit_elsewhere(struct engine *engine, struct passage *passage, struct server *server,
                struct flow *closing)
{
    const struct frame *frame = &passage->frame;
    struct proof proof;

    if (frame->payload_bytes <= 1 &&
        prove(engine, passage, server, frame->seq, frame->ack, &proof)) {
        admit_keepalive(engine, passage, server, &proof, closing);
        return true;
    }
    if (!frame_seq_bytes(frame) &&
        prove(engine, passage, server, frame->seq - 2, frame->ack - 1, &proof)) {
        passage_drop(engine, passage, DROP_answered);
        return true;
    }
    return admit_greeted(engine, passage, server);
}

static inline bool admit_ack(struct engine *engine, struct passage *passage, struct server *server,
                             struct flow *closing)
{
    const struct frame *frame = &passage->frame;
    struct proof proof;

    if (closing && is_of_closing(engine, frame, closing))
        return false;
    if (admit_assembled(engine, passage, server, closing))
        return true;
    if (!prove_at_once(engine, passage, server, frame->seq - 1, frame->ack, &proof))
        return admit_elsewhere(engine, passage, server, closing);
    if (frame->payload_bytes > PURE_ACK_ZEROS_MAX)
        admit_data(engine, passage, server, proof, closing, NULL, ASSEMBLY_GREW);
    else if (frame->payload_bytes || (frame->flags & TCP_FIN))
        admit_little(engine, passage, server, proof, closing);
    else
        admit_bare(engine, passage, server, &proof, closing);
    return true;
}

/*
 * A RST of a client that we have greeted, or promised to: it wants nothing more, where the number
 * is exact (RFC 5961 3.2). Never answered (RFC 9293 3.10.7.1).
 */
static void admit_rst(struct engine *engine, struct passage *passage)
{
    const struct resend_entry *entry = resend_find(engine->greetings, &passage->key);

    if (entry && entry->ack == passage->frame.seq)
        resend_remove(engine->greetings, &passage->key);
    entry = resend_find(engine->synacks, &passage->key);
    if (entry && entry->ack == passage->frame.seq)
        resend_remove(engine->synacks, &passage->key);
}

/* A RST, a SYN, or what has neither SYN nor ACK. */
static bool __attribute__((noinline)) admit_other(struct engine *engine, struct passage *passage,
                                                  struct server *server, struct flow *closing)
{
    uint8_t flags = passage->frame.flags;
    bool attack = server->mode == MODE_ATTACK;

    if ((flags & TCP_RST) && !(flags & TCP_SYN)) {
        admit_rst(engine, passage);
        if (closing || !attack)
            return false;
        passage_drop(engine, passage, DROP_answered);
        return true;
    }
    if (!frame_checksum_good(&passage->frame)) {
        passage_drop(engine, passage, DROP_bad_checksum);
        return true;
    }
    if ((flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && attack) {
        admit_syn(engine, passage, server);
        return true;
    }
    if (closing || !attack)
        return false;
    passage_drop(engine, passage, DROP_bad_segment);
    return true;
}

/* Whoever answers checks first (RFC 9293 3.1); what only passes is its receiver's to check. */
bool admission(struct engine *engine, struct passage *passage, struct server *server,
               struct flow *closing)
{
    if ((passage->frame.flags & (TCP_SYN | TCP_ACK | TCP_RST)) != TCP_ACK)
        return admit_other(engine, passage, server, closing);
    if (frame_checksum_good(&passage->frame))
        return admit_ack(engine, passage, server, closing);
    passage_drop(engine, passage, DROP_bad_checksum);
    return true;
}

/* --- strays ---------------------------------------------------------------------------------- */

/*
 * True where the segment is the rest of a request whose beginning was lost, and with it the
 * handshake's ACK: it echoes a SYN-ACK or greeting of ours (RFC 7323 3.2), or lies within the first
 * window behind a SYN that we answered. The server would reset what it has never heard of.
 */
static bool stray_is_ours(const struct engine *engine, const struct passage *passage)
{
    uint32_t behind_syn = tag_passed(&engine->asked, passage->hash, passage->frame.seq,
                                     STRAY_OURS_US / 1000, passage->now_us);

    if (behind_syn > 1 && behind_syn <= UINT16_MAX)
        return true;
    return (passage->options.present & OPTION_TIMESTAMPS) &&
           cookie_tsecr_is_ours(&engine->config.keys, &passage->key, passage->options.tsecr,
                                STRAY_OURS_US, passage->now_us);
}

void admission_stray(struct engine *engine, struct passage *passage)
{
    bool proved_lately =
        proof_lately(&engine->proofs, passage->hash, (uint32_t)(passage->now_us / 1000));
    const uint32_t limit = limit_share(engine, STRAYS_PER_SECOND);

    engine->counters.cookies_rejected++;
    /* A reordered first flight: its beginning is on the way, the client will repeat this. */
    if (proved_lately || !token_take(&engine->strays, limit, limit, passage->now_us) ||
        stray_is_ours(engine, passage)) {
        passage_drop(engine, passage, DROP_bad_cookie);
        return;
    }
    tag_put_first(&engine->stray, passage->hash, 0, passage->now_us);
    passage_forward(passage);
}

void admission_stray_reset(struct engine *engine, struct passage *passage)
{
    int64_t age_ms = tag_age_ms(&engine->stray, passage->hash, 0, passage->now_us);

    if (age_ms >= 0 && age_ms < STRAY_RST_AFTER_MS)
        passage_drop(engine, passage, DROP_swallowed);
    else
        passage_forward(passage);
}

/* --- saying it again ------------------------------------------------------------------------- */

static void resend_greeting(struct engine *engine, const struct resend_entry *entry,
                            const struct promise *promise, uint64_t now_us)
{
    struct segment segment;
    uint8_t options[12];

    speak_for(engine, promise, &entry->key, &segment);
    segment.flags = TCP_ACK;
    segment.seq = entry->seq;
    segment.ack = entry->ack;
    segment.window = promised_window(promise, &entry->client);
    speak_greeting(promise, entry->client.mss, entry->timestamps, &segment);
    if (entry->timestamps) {
        uint32_t tsval = cookie_tsval(&engine->config.keys, &entry->key, &entry->client, now_us);

        segment.options = options;
        segment.options_bytes = segment_timestamps(options, tsval, entry->tsecr);
    }
    address_to_client(&entry->key, &segment);
    engine_emit(engine, SIDE_CLIENT, &entry->link, &segment);
}

/* The newest TSval that the server has sent on this flow, as far as it is remembered while the
 * greeting is due. */
static uint32_t newest_tsval(const struct engine *engine, const struct flow *flow)
{
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);

    return flow->state == FLOW_GREETING ? engine->openings.openings[cold->opening].server_tsval
                                        : cold->newest_tsval;
}

/* c+1: the ends of both greetings are aligned, their beginnings are where their lengths put them
 * (rule 2.4). */
static uint32_t greeting_starts(const struct engine *engine, const struct flow *flow,
                                const struct promise *promise)
{
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);

    if (flow->state == FLOW_GREETING)
        return engine->openings.openings[cold->opening].c + 1;
    return flow->ack_floor + flow->delta - promise->greeting_bytes;
}

void admission_greet_flow(struct engine *engine, const struct flow *flow,
                          const struct link_header *to_client, const struct promise *promise,
                          uint32_t tsecr)
{
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);
    struct segment segment;
    uint8_t options[12];

    speak_for(engine, promise, &flow->key, &segment);
    segment.flags = TCP_ACK;
    segment.seq = greeting_starts(engine, flow, promise);
    segment.ack = cold->client_isn + 1;
    segment.window =
        promised_window(promise, &(struct cookie_options){.window_scale = cold->client_scale});
    speak_greeting(promise, MSS_LEAST, false, &segment);
    if (cold->timestamps) {
        segment.options = options;
        segment.options_bytes =
            segment_timestamps(options, newest_tsval(engine, flow) + flow->ts_delta, tsecr);
    }
    address_to_client(&flow->key, &segment);
    engine_emit(engine, SIDE_CLIENT, to_client, &segment);
    engine->counters.greetings_resent++;
}

/* True where a flow on the entry's tuple is another, older connection, or there is none. */
static bool flow_is_another(const struct engine *engine, const struct flow *flow,
                            const struct resend_entry *entry)
{
    return !flow || ((flow->state == FLOW_CLOSING || flow->state == FLOW_ESTABLISHED) &&
                     flow_cold(&engine->flows, flow)->client_isn + 1 != entry->ack);
}

/* A greeting that is due (after 1 s, RFC 6298 2.1, and 3 s): to a client that waits, or beside a
 * flow that was opened before it was acknowledged. */
static void greeting_due(struct engine *engine, const struct resend_entry *entry, uint64_t now_us)
{
    const struct flow *flow = flow_find(&engine->flows, &entry->key);
    struct server_key key = flow_key_server(&entry->key);
    const struct server *server = server_find(&engine->servers, &key);
    const struct promise *promise =
        server ? server_promise(engine, server, addr_is_v4(&entry->key.server), entry->generation,
                                now_us)
               : NULL;

    if (!promise || !promise->greeting_bytes)
        return;
    if (flow_is_another(engine, flow, entry) || flow->state == FLOW_OPENING) {
        resend_greeting(engine, entry, promise, now_us);
        if (entry->stage == 0)
            engine->counters.greetings_sent++;
        else
            engine->counters.greetings_resent++;
    } else if ((flow->state == FLOW_SPLICED || flow->state == FLOW_GREETING) &&
               (flow->flags & FLOW_GREETING_DUE)) {
        admission_greet_flow(engine, flow, &entry->link, promise, entry->tsecr);
    }
}

static void synack_due(struct engine *engine, const struct resend_entry *entry, uint64_t now_us)
{
    struct server_key key = flow_key_server(&entry->key);
    struct server *server = server_find(&engine->servers, &key);
    const struct promise *promise =
        server ? server_promise(engine, server, addr_is_v4(&entry->key.server), entry->generation,
                                now_us)
               : NULL;
    uint8_t options[TCP_OPTIONS_MAX];
    struct segment segment;

    if (!promise || !flow_is_another(engine, flow_find(&engine->flows, &entry->key), entry))
        return;
    speak_synack(engine, &entry->key, promise,
                 &kept_answer_of(engine, server, promise, entry->offered)->answer, &entry->client,
                 entry->tsecr, now_us, &segment, options);
    segment.seq = entry->seq;
    segment.ack = entry->ack;
    address_to_client(&entry->key, &segment);
    engine_emit(engine, SIDE_CLIENT, &entry->link, &segment);
    engine->counters.cookies_sent++;
}

bool admission_resend(struct engine *engine, uint64_t now_us)
{
    bool last;
    const struct resend_entry *entry = resend_due(engine->greetings, now_us, &last);

    if (entry) {
        greeting_due(engine, entry, now_us);
        return true;
    }
    entry = resend_due(engine->synacks, now_us, &last);
    if (entry)
        synack_due(engine, entry, now_us);
    return entry != NULL;
}
