/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * request.c - see request.h.
 *
 * It is longer than most: a request is judged, opened, kept or refused by the same struct request.
 */
#include "engine/stages/request.h"

#include "engine/protocols/proxy.h"
#include "engine/protocols/whole.h"
#include "engine/stages/greeting.h"
#include "engine/stages/held.h"
#include "engine/stages/kept.h"
#include "engine/stages/opening.h"
#include "engine/stages/request_check.h"
#include "engine/stages/syn.h"
#include "engine/stages/udp.h"

#include <string.h>

#define OPEN_PER_SECOND 1000 /* rule 2.5 */
#define OPEN_PER_SOURCE 200
/* Of the class long: opened before they are whole, and not answered yet (rule 1.3) */
#define LONG_PER_SERVER     32
#define LONG_PER_SOURCE     4
#define AGAIN_BYTES         256         /* a frame without payload, and a RST in its place */
#define LIMIT_SCOPE_OPENING 0x80000000u /* or'ed with the server's index */

/*
 * Who is judged for a request: the client, or whom the header of a proxy names that the operator
 * believes.
 */
static struct source_id judged_source(const struct engine *engine, const struct passage *passage,
                                      const struct client_said *said)
{
    struct source_id client = source_of_passage(passage, &passage->key.client);
    struct ip_addr named;

    if (engine->sources.runs_count &&
        source_state(&engine->sources, &client, NULL, passage->now_us) == SOURCE_PROXY &&
        proxy_client(said->data, said->bytes, &named))
        client.addr = named;
    return client;
}

/* Behind a proxy: its SYNs come from an address that many share. */
static bool named_source_is_aside(const struct engine *engine, const struct passage *passage,
                                  const struct client_said *said)
{
    const struct source_id judged = judged_source(engine, passage, said);

    return memcmp(&judged.addr, &passage->key.client, sizeof(judged.addr)) != 0 &&
           source_state(&engine->sources, &judged, NULL, passage->now_us) == SOURCE_ASIDE;
}

/* True where `flow` keeps this very request, and no older one on the tuple. */
static bool is_kept_of(struct engine *engine, const struct flow *flow, const struct proof *proof)
{
    return flow && flow->state == FLOW_KEPT && kept_slot(engine, flow)->x == proof->x;
}

/*
 * False: there is no room. The frame was not answered then, and what it brought not acknowledged:
 * the client repeats it, and what is kept of it waits for that. Who has said nothing repeats
 * nothing.
 */
static bool open_or_wait(struct engine *engine, struct passage *passage, struct server *server,
                         const struct proof *proof, struct flow *before,
                         const struct client_said *said)
{
    bool opened = opening_begin(engine, passage, server, proof, before, said);

    if (!opened && is_kept_of(engine, before, proof))
        kept_slot(engine, before)->flags |= SLOT_WAITS;
    return opened;
}

/* --- a place at the server ------------------------------------------------------------------- */

/*
 * The server holds all that it may: the request is kept until a place is free (held.h). Where it
 * cannot be, the frame was not answered, and the client repeats it, or is asked again where it has
 * said nothing.
 */
static struct slot *await_place(struct engine *engine, struct passage *passage,
                                struct server *server, const struct proof *proof,
                                struct flow *before, const struct client_said *said)
{
    struct slot *slot;
    struct flow *flow;

    if (is_kept_of(engine, before, proof)) {
        slot = kept_slot(engine, before);
    } else {
        if (!said->bytes) {
            if (synack_ask_again(engine, passage, proof))
                passage_drop(engine, passage, DROP_held_limit);
            else
                passage_reset_by(engine, passage, server, DROP_held_limit);
            return NULL;
        }
        slot = kept_begin(engine, passage, server, proof, before);
        if (!slot)
            return NULL;
        slot->flags |= (uint16_t)(said->fin ? SLOT_FIN : 0);
    }
    if (!(slot->flags & SLOT_WAITS))
        engine->counters.requests_delayed++;
    flow = &engine->flows.flows[slot->flow];
    held_wait(engine, flow, passage->now_us);
    kept_wait(engine, passage, flow);
    return slot;
}

/* --- opening without a check ----------------------------------------------------------------- */

void open_limited(struct engine *engine, struct passage *passage, struct server *server,
                  const struct proof *proof, struct flow *before, const struct client_said *said)
{
    const struct server_policy *policy = server->policy;
    uint32_t per_server =
        policy && policy->open_per_second ? policy->open_per_second : OPEN_PER_SECOND;
    uint32_t per_source = policy && policy->open_per_source_per_second
                              ? policy->open_per_source_per_second
                              : OPEN_PER_SOURCE;
    const struct source_id source = judged_source(engine, passage, said);
    uint32_t scope = LIMIT_SCOPE_OPENING | (uint32_t)(server - engine->servers.slots);

    if (!held_admits(engine, &passage->key, server, passage->now_us)) {
        if (await_place(engine, passage, server, proof, before, said))
            resend_remove(engine->synacks, &passage->key);
        return;
    }
    per_server = limit_share(engine, per_server);
    per_source = limit_share(engine, per_source);
    if (!source_limiter_take(&engine->limits, &source.addr, scope, per_source, per_source,
                             passage->now_us) ||
        !token_take(&server->openings, per_server, per_server, passage->now_us)) {
        if (is_kept_of(engine, before, proof))
            kept_end(engine, before, passage->now_us);
        resend_remove(engine->synacks, &passage->key);
        passage_reset_by(engine, passage, server, DROP_open_limit);
        return;
    }
    if (open_or_wait(engine, passage, server, proof, before, said) || said->bytes)
        resend_remove(engine->synacks, &passage->key);
    else if (!synack_ask_again(engine, passage, proof))
        passage_reset_by(engine, passage, server, DROP_open_limit);
}

/* What is asked: all of it in the frame, or kept. */
struct request {
    struct client_said said;
    struct flow *kept; /* NULL: it all stands in the frame */
    struct slot *slot; /* of it */
    struct checked checked;
    bool fits;     /* the check has said yes */
    bool brief;    /* it is waited for a moment whether there is more */
    bool as_is;    /* it was */
    bool is_long;  /* it is opened before it is whole */
    bool waits;    /* for room or a limit, since before: where it ends is known (needed) */
    size_t needed; /* bytes that are not worth another look before they have come */
};

/* How far its end was looked for. Without this its client could have 16 KiB read again for each
 * byte that it repeats while it waits. */
static void note_end(struct slot *slot, const struct request *request)
{
    slot->needed = (uint16_t)(request->needed <= SLOT_BYTES ? request->needed : SLOT_BYTES + 1);
}

static void credit(struct engine *engine, const struct passage *passage,
                   const struct server *server, const struct client_said *said)
{
    const struct source_id source = judged_source(engine, passage, said);
    struct observed_source released;

    engine->counters.requests_matched++;
    udp_proved(engine, server, &passage->key.client, passage->now_us);
    if (source_match(&engine->sources, &source, passage->now_us, &released))
        observe_source(engine, server, &released, passage->now_us);
}

/*
 * As a host without the connection (RFC 9293 3.10.7.1): RST at the ack that the client named. What
 * only finds no room now is nobody's fault.
 */
static void refuse_request(struct engine *engine, struct passage *passage, struct server *server,
                           const struct proof *proof, const struct request *request,
                           enum drop_reason reason)
{
    const struct source_id source = judged_source(engine, passage, &request->said);
    bool may_be_reset = reason == DROP_minor_limit ||
                        proof_blame_source(engine, server, &source, proof->slot, passage->now_us);

    if (request->kept)
        may_be_reset = kept_end(engine, request->kept, passage->now_us) || may_be_reset;
    resend_remove(engine->greetings, &passage->key);
    if (may_be_reset)
        passage_reset_by(engine, passage, server, reason);
    else
        passage_drop(engine, passage, reason);
}

/* As open_or_wait(), with the greeting that is due. */
static bool open_request(struct engine *engine, struct passage *passage, struct server *server,
                         const struct proof *proof, struct flow *before,
                         const struct request *request)
{
    if (!held_admits(engine, &passage->key, server, passage->now_us)) {
        struct slot *slot = await_place(engine, passage, server, proof, before, &request->said);

        if (slot && request->fits)
            slot->flags |= SLOT_FITS;
        if (slot) {
            slot->protocol = (uint8_t)request->checked.protocol;
            note_end(slot, request);
        }
        return false;
    }
    greet_beside(engine, passage, server, proof);
    return open_or_wait(engine, passage, server, proof, before, &request->said);
}

/* Opened before it is whole: its server may wait for the rest, so there are few of them. */
static bool open_long(struct engine *engine, struct passage *passage, struct server *server,
                      const struct proof *proof, struct flow *before, struct request *request)
{
    const uint32_t most = limit_share(engine, LONG_PER_SERVER);
    const uint32_t of_source = limit_share(engine, LONG_PER_SOURCE);

    if (server->unanswered >= most) {
        passage_drop(engine, passage, DROP_open_limit);
        return false;
    }
    request->said.share = slot_long_begin(&engine->slots, &passage->key, of_source);
    if (request->said.share == SHARE_NONE) {
        passage_drop(engine, passage, DROP_open_limit);
        return false;
    }
    server->unanswered++;
    if (open_request(engine, passage, server, proof, before, request))
        return true;
    server->unanswered--;
    slot_long_end(&engine->slots, request->said.share);
    return false;
}

/* Whole, or as much of it as there will be. What has no room now is tried again when it is
 * repeated. */
static void open_right(struct engine *engine, struct passage *passage, struct server *server,
                       const struct proof *proof, struct flow *before, struct request *request)
{
    bool opened;

    request->said.fits = request->fits;
    opened = request->is_long ? open_long(engine, passage, server, proof, before, request)
                              : open_request(engine, passage, server, proof, before, request);

    if (opened) {
        credit(engine, passage, server, &request->said);
    } else if (request->kept) {
        request->slot->flags |= SLOT_WAITS; /* also where the class long has its most */
        note_end(request->slot, request);
    }
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

/* Nothing describes the request, and it may be right all the same: where it is opened for that, it
 * has been. */
static enum refusal open_as_it_stands(struct engine *engine, struct passage *passage,
                                      struct server *server, const struct proof *proof,
                                      struct flow *before, struct request *request)
{
    const struct client_said *said = &request->said;
    const enum refusal refusal = request_refusal(engine, server, &passage->key.client, said->data,
                                                 said->bytes, passage->now_us);

    if (refusal == REFUSAL_OPEN) {
        open_request(engine, passage, server, proof, before, request);
    } else if (refusal == REFUSAL_OPEN_LIMITED) {
        greet_beside(engine, passage, server, proof);
        open_limited(engine, passage, server, proof, before, said);
    }
    return refusal;
}

static bool refusal_opens(enum refusal refusal)
{
    return refusal == REFUSAL_OPEN || refusal == REFUSAL_OPEN_LIMITED;
}

static void refuse_unless_right(struct engine *engine, struct passage *passage,
                                struct server *server, const struct proof *proof,
                                struct flow *before, struct request *request)
{
    const enum refusal refusal = open_as_it_stands(engine, passage, server, proof, before, request);
    enum drop_reason reason = refusal == REFUSAL_UNBLAMED ? DROP_minor_limit : DROP_mismatch;

    if (refusal_opens(refusal))
        return;
    if (policy_wrong_keyword(server->policy, request->said.data, request->said.bytes))
        reason = DROP_keyword;
    refuse_request(engine, passage, server, proof, request, reason);
}

static bool is_of_lines(enum protocol_id id)
{
    const struct protocol *protocol = protocol_by_id(id);

    return protocol && protocol->whole == whole_line;
}

/* Ended, or too long, before it was whole: nobody's fault, and nobody's connection. */
static void end_unfinished(struct engine *engine, struct passage *passage, struct server *server,
                           const struct request *request)
{
    engine->counters.requests_unfinished++;
    if (request->kept)
        kept_end(engine, request->kept, passage->now_us);
    resend_remove(engine->greetings, &passage->key);
    passage_reset_by(engine, passage, server, DROP_unfinished);
}

/* True of what asks for HTTP or TLS, and is not typed. */
static bool is_brisk(const struct server *server, const struct request *request)
{
    const uint64_t brisk = 1ull << PROTOCOL_HTTP | 1ull << PROTOCOL_TLS | 1ull << PROTOCOL_HTTP2;

    if (request->fits)
        return brisk >> request->checked.protocol & 1;
    return !server->policy->has_pattern && !(server->policy->protocols & ~brisk);
}

/* It is kept, from now on or still. */
static void keep(struct engine *engine, struct passage *passage, struct server *server,
                 const struct proof *proof, struct flow *before, struct request *request)
{
    struct slot *slot = request->slot;

    engine->counters.requests_need_more++;
    if (!slot)
        slot = kept_begin(engine, passage, server, proof, before);
    if (!slot)
        return;
    slot->needed = (uint16_t)(request->needed < SLOT_BYTES ? request->needed : SLOT_BYTES);
    slot->protocol = (uint8_t)request->checked.protocol;
    slot->flags = (uint16_t)(slot->flags & ~(SLOT_FITS | SLOT_TYPED | SLOT_WAITS | SLOT_BRIEF));
    slot->flags |= (uint16_t)((request->fits ? SLOT_FITS : 0) | (request->brief ? SLOT_BRIEF : 0) |
                              (is_brisk(server, request) ? 0 : SLOT_TYPED));
    kept_wait(engine, passage, &engine->flows.flows[slot->flow]);
}

/* A FIN ends it: a line, with its end or without it. */
static bool is_ended_line(const struct server *server, const struct request *request)
{
    const struct client_said *said = &request->said;

    return said->fin &&
           (request->fits ? is_of_lines(request->checked.protocol)
                          : policy_line_so_far(server->policy, said->data, said->bytes));
}

/* It is not whole: will it be? */
static void decide_unfinished(struct engine *engine, struct passage *passage, struct server *server,
                              const struct proof *proof, struct flow *before,
                              struct request *request)
{
    bool full = request->said.bytes >= SLOT_BYTES;

    if (is_ended_line(server, request)) {
        open_right(engine, passage, server, proof, before, request);
        return;
    }
    /* Its client has said all, or nothing more for a while: what no file knows may be right without
     * what its pattern waits for. Where it is not, nobody is blamed. */
    if (!request->fits && (request->said.fin || request->as_is) &&
        refusal_opens(open_as_it_stands(engine, passage, server, proof, before, request)))
        return;
    if (request->said.fin || (full && !request->fits)) {
        end_unfinished(engine, passage, server, request);
    } else if (full) {
        request->is_long = true;
        open_right(engine, passage, server, proof, before, request);
    } else {
        request->brief = !request->fits && !request->as_is && server->policy->pattern.lengths;
        keep(engine, passage, server, proof, before, request);
    }
}

/* Is what fits there as a whole? Of what no file knows nobody can tell. `was_fit`: it was asked
 * before. */
static enum match find_end(const struct server *server, struct request *request, bool was_fit)
{
    const struct client_said *said = &request->said;
    size_t from = request->needed ? request->needed - 1 : 0; /* looked at in vain */

    if (server->policy->opens_begun || request->checked.protocol == PROTOCOL_UNKNOWN) {
        request->needed = said->bytes;
        return MATCH_YES;
    }
    if (was_fit && request->waits)
        return request->needed <= said->bytes ? MATCH_YES : MATCH_MORE;
    request->needed = said->bytes;
    return protocol_whole(request->checked.protocol, said->data, said->bytes, from,
                          &request->needed);
}

/* True of what no file knows, and whose shape tells no end either. */
static bool is_endless(const struct server_policy *policy, enum protocol_id matched)
{
    return matched == PROTOCOL_UNKNOWN && !policy->opens_begun &&
           !(policy->has_pattern && (policy->pattern.line_bytes_max || policy->pattern.lengths));
}

/*
 * True of a header whose end is one for those servers only that take a bare LF (RFC 9112 2.2 lets
 * them): others wait for the rest, and so it may be said for nothing else. `needed` is its length.
 */
static bool ends_loosely(const struct request *request)
{
    const struct protocol *protocol = protocol_by_id(request->checked.protocol);
    const uint8_t *end = request->said.data + request->needed;

    return protocol && protocol->header_lines &&
           (request->needed < 4 || memcmp(end - 4, "\r\n\r\n", 4) != 0);
}

/* A header, and the client behind it waits for the greeting: it has asked nothing yet, so its
 * server is opened as for a bare ACK (rule 2.5). */
static bool is_header_alone(const struct request *request)
{
    return request->checked.protocol == PROTOCOL_PROXY &&
           proxy_is_alone(request->said.data, request->said.bytes);
}

static void open_header(struct engine *engine, struct passage *passage, struct server *server,
                        const struct proof *proof, struct flow *before,
                        const struct request *request)
{
    greet_beside(engine, passage, server, proof);
    open_limited(engine, passage, server, proof, before, &request->said);
}

/* It is no request so far, and may become one in a moment. */
static bool __attribute__((noinline))
may_go_on(const struct server *server, const struct request *request)
{
    return !request->as_is && !request->said.fin && request->said.bytes < SLOT_BYTES &&
           policy_may_go_on(server->policy, request->said.data, request->said.bytes);
}

static inline void judge_request(struct engine *engine, struct passage *passage,
                                 struct server *server, const struct proof *proof,
                                 struct flow *before, struct request *request)
{
    bool early = talks_too_early(server, proof), was_fit = request->fits;
    enum match match = MATCH_YES;

    if (early) {
        refuse_request(engine, passage, server, proof, request, DROP_mismatch);
        return;
    }
    if (!was_fit)
        match = request_check(engine, server, &passage->key.client, request->said.data,
                              request->said.bytes, passage->now_us, &request->checked);
    if (!was_fit && request->checked.put_off) {
        if (request->kept)
            request->slot->flags |= SLOT_WAITS;
        passage_drop(engine, passage, DROP_decipher_limit);
        return;
    }
    request->fits = match == MATCH_YES;
    if (match == MATCH_YES) {
        request->said.protocol = request->checked.protocol;
        match = find_end(server, request, was_fit);
    }
    if (match == MATCH_NO && may_go_on(server, request)) {
        request->brief = true;
        request->needed = request->said.bytes + 1;
        keep(engine, passage, server, proof, before, request);
    } else if (match == MATCH_NO)
        refuse_unless_right(engine, passage, server, proof, before, request);
    else if (match == MATCH_MORE)
        decide_unfinished(engine, passage, server, proof, before, request);
    else if (is_header_alone(request))
        open_header(engine, passage, server, proof, before, request);
    else {
        request->is_long = is_endless(server->policy, request->checked.protocol) ||
                           (!server->policy->opens_begun && ends_loosely(request));
        open_right(engine, passage, server, proof, before, request);
    }
}

/*
 * Its server greets for itself, so it would be opened without a look at the request; but the client
 * did not wait for the greeting.
 */
static bool asks_wrongly(struct engine *engine, const struct passage *passage,
                         struct server *server, struct request *request)
{
    return server_opening(server) == OPENING_COOKIE && server->policy &&
           server->policy->checks_early && request->said.bytes > 0 &&
           request_check(engine, server, &passage->key.client, request->said.data,
                         request->said.bytes, passage->now_us, &request->checked) == MATCH_NO &&
           !request->checked.put_off;
}

/* Counted, then judged, where its server's requests are. */
static void decide(struct engine *engine, struct passage *passage, struct server *server,
                   struct proof *proof, struct flow *before, struct request *request)
{
    enum opening_kind opening = server_opening(server);

    if (engine->ending) {
        passage_drop(engine, passage, DROP_no_room);
        return;
    }
    proof_count(engine, passage, server, proof);
    trigger_spoke(&server->counts, proof->slot);
    if (opening != OPENING_COOKIE) /* open_limited() does, once there is a place */
        resend_remove(engine->synacks, &passage->key);
    if (engine->sources.runs_count && named_source_is_aside(engine, passage, &request->said)) {
        if (request->kept)
            kept_end(engine, request->kept, passage->now_us);
        passage_reset_by(engine, passage, server, DROP_aside);
        return;
    }
    if (opening == OPENING_CHECK || opening == OPENING_GREET)
        judge_request(engine, passage, server, proof, before, request);
    else if (asks_wrongly(engine, passage, server, request)) {
        resend_remove(engine->synacks, &passage->key); /* it is not asked again, whatever it is */
        refuse_unless_right(engine, passage, server, proof, before, request);
    } else {
        open_limited(engine, passage, server, proof, before, &request->said);
    }
}

void __attribute__((noinline))
request_admit(struct engine *engine, struct passage *passage, struct server *server,
              struct proof proof, struct flow *before)
{
    const struct frame *frame = &passage->frame;
    struct request request = {
        .said = {.data = frame_payload(frame),
                 .bytes = frame->payload_bytes,
                 .share = SHARE_NONE,
                 .fin = frame->flags & TCP_FIN},
    };

    if (served_already(engine, passage, &proof)) {
        passage_reset_by(engine, passage, server, DROP_stray);
        return;
    }
    decide(engine, passage, server, &proof, before, &request);
}

void request_goes_on(struct engine *engine, struct passage *passage, struct flow *flow)
{
    struct slot *slot = kept_slot(engine, flow);
    struct server *server = flow_server(engine, flow);
    struct proof proof = {
        .promise = server_promise(engine, server, addr_is_v4(&flow->key.server), slot->generation,
                                  passage->now_us),
        .x = slot->x,
        .c = slot->c,
        .read = slot->read,
        .greeted = slot->flags & SLOT_GREETED,
        .timestamps = slot->flags & SLOT_TIMESTAMPS,
    };
    struct request request = {
        .said = {.bytes = slot->bytes,
                 .promised = slot->promised,
                 .share = SHARE_NONE,
                 .fin = slot->flags & SLOT_FIN},
        .kept = flow,
        .slot = slot,
        .checked = {.protocol = (enum protocol_id)slot->protocol},
        .fits = slot->flags & SLOT_FITS,
        .as_is = slot->flags & SLOT_AS_IS,
        .waits = slot->flags & SLOT_WAITS,
        .needed = slot->needed,
    };

    if (!proof.promise) { /* what was promised is forgotten */
        end_unfinished(engine, passage, server, &request);
        return;
    }
    if (slot->bytes < slot->needed && !request.said.fin &&
        !(slot->flags & (SLOT_WAITS | SLOT_AS_IS)) && slot->bytes < SLOT_BYTES) {
        kept_wait(engine, passage, flow);
        return;
    }
    request.said.data = slot_read(&engine->slots, slot);
    decide(engine, passage, server, &proof, flow, &request);
}

/* There is no frame, so one is made; an answer to it goes out as what is said by timers. */
void request_again(struct engine *engine, struct flow *flow, uint64_t now_us)
{
    _Alignas(8) uint8_t buffer[AGAIN_BYTES];
    struct passage passage;
    struct verdict verdict = {0};
    struct link_header link;
    struct segment segment;
    uint8_t options[12];
    uint32_t bytes;

    kept_client_segment(engine, flow, &link, &segment, options);
    bytes = segment_write(buffer, sizeof(buffer), &link, &segment) - OFFLOAD_BYTES;
    passage_begin(&passage, SIDE_CLIENT, now_us, &verdict);
    if (frame_parse(&passage.frame, (struct offload *)(void *)buffer, buffer + OFFLOAD_BYTES, bytes,
                    bytes, sizeof(buffer) - OFFLOAD_BYTES) != FRAME_TCP)
        return;
    passage.key = flow->key;
    passage.hash = engine_hash(engine, &flow->key);
    passage_read_options(&passage);
    request_goes_on(engine, &passage, flow);
    if (verdict.action == VERDICT_REPLY)
        engine_emit_frame(engine, SIDE_CLIENT, buffer, verdict.bytes);
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
    request_admit(engine, &passage, server, proof, NULL);
}
