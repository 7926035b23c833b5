/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * request.c - see request.h.
 */
#include "engine/stages/request.h"

#include "engine/stages/greeting.h"
#include "engine/stages/opening.h"
#include "engine/stages/request_check.h"

#define OPEN_PER_SECOND     1000 /* rule 2.5 */
#define OPEN_PER_SOURCE     200
#define LIMIT_SCOPE_OPENING 0x80000000u /* or'ed with the server's index */

void open_limited(struct engine *engine, struct passage *passage, struct server *server,
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

/*
 * As a host without the connection (RFC 9293 3.10.7.1): RST at the ack that the client named. What
 * only finds no room now is nobody's fault.
 */
static inline void refuse_request(struct engine *engine, struct passage *passage,
                                  struct server *server, const struct proof *proof,
                                  const struct request *request, enum drop_reason reason)
{
    bool may_be_reset =
        reason == DROP_minor_limit ||
        proof_blame_source(engine, server, &passage->key.client, proof->slot, passage->now_us);

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

/* Nothing here describes the request: it may be right all the same. */
static void refuse_unless_right(struct engine *engine, struct passage *passage,
                                struct server *server, const struct proof *proof,
                                struct flow *closing, const struct request *request)
{
    enum refusal refusal = request_refusal(engine, server, &passage->key.client, request->data,
                                           request->bytes, passage->now_us);
    enum drop_reason reason = refusal == REFUSAL_UNBLAMED ? DROP_minor_limit : DROP_mismatch;

    if (refusal == REFUSAL_OPEN || refusal == REFUSAL_OPEN_LIMITED) {
        greet_beside(engine, passage, server, proof);
        open_request(engine, passage, server, proof, closing, request,
                     refusal == REFUSAL_OPEN_LIMITED);
        return;
    }
    if (policy_wrong_keyword(server->policy, request->data, request->bytes))
        reason = DROP_keyword;
    refuse_request(engine, passage, server, proof, request, reason);
}

static inline void judge_request(struct engine *engine, struct passage *passage,
                                 struct server *server, const struct proof *proof,
                                 struct flow *closing, const struct request *request,
                                 enum assembly_result added)
{
    bool early = talks_too_early(server, proof), put_off = false;
    enum match match = early ? MATCH_NO
                             : request_check(engine, server, &passage->key.client, request->data,
                                             request->bytes, passage->now_us, &put_off);

    if (put_off) {
        passage_drop(engine, passage, DROP_decipher_limit);
    } else if (match == MATCH_YES) {
        credit(engine, passage, server);
        greet_beside(engine, passage, server, proof);
        open_request(engine, passage, server, proof, closing, request, false);
    } else if (match == MATCH_NO && !early) {
        refuse_unless_right(engine, passage, server, proof, closing, request);
    } else if (early || request->fin) { /* or nothing more will come */
        refuse_request(engine, passage, server, proof, request, DROP_mismatch);
    } else if (assemble(engine, passage, proof, request, added)) {
        passage_hold(passage);
    } else {
        open_request(engine, passage, server, proof, closing, request, true);
    }
}

void __attribute__((noinline))
request_admit(struct engine *engine, struct passage *passage, struct server *server,
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
    proof_count(engine, passage, server, &proof);
    trigger_spoke(&server->counts, proof.slot);
    resend_remove(engine->synacks, &passage->key);
    if (opening == OPENING_CHECK || opening == OPENING_GREET)
        judge_request(engine, passage, server, &proof, closing, &request, added);
    else
        open_request(engine, passage, server, &proof, closing, &request, true);
}

void request_plain(struct engine *engine, uint8_t *buffer, uint32_t bytes, uint64_t hash,
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
    request_admit(engine, &passage, server, proof, NULL, NULL, ASSEMBLY_GREW);
}
