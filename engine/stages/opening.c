/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * opening.c - opens the connection of a client that has proved itself, and splices it. See
 * opening.h.
 *
 * It is longer than most: all that a server may answer to one SYN stands here.
 */
#include "engine/stages/opening.h"

#include "engine/base/bytes.h"
#include "engine/protocols/protocol.h"
#include "engine/shard/observe.h"
#include "engine/stages/banned.h"
#include "engine/stages/capacity.h"
#include "engine/stages/draining.h"
#include "engine/stages/granting.h"
#include "engine/stages/greeting_compare.h"
#include "engine/stages/kept.h"
#include "engine/stages/opening_room.h"
#include "engine/stages/opening_say.h"
#include "engine/stages/preparing.h"
#include "engine/stages/slow.h"
#include "engine/stages/splice.h"
#include "engine/stages/syn.h"
#include "engine/shard/connection.h"

#include <string.h>

#define OLD_CONNECTIONS_MAX 3
#define CLIENT_TTL_LEAST    32

void opening_set_timer(struct engine *engine, const struct flow *flow, uint64_t due_us)
{
    const uint32_t index = flow_cold(&engine->flows, flow)->opening;

    engine->openings.openings[index].due_us = due_us;
    timer_wheel_set(&engine->openings.wheel, index, due_us);
}

uint8_t opening_offer(const struct opening *opening)
{
    return (uint8_t)(OFFER_MSS | (opening->client.sack ? OFFER_SACK : 0) |
                     (opening->timestamps ? OFFER_TIMESTAMPS : 0) |
                     (opening->client.window_scale == WSCALE_NONE ? 0 : OFFER_WSCALE) |
                     (opening->ecn ? OFFER_ECN : 0));
}

/* --- beginning ------------------------------------------------------------------------------- */

static void fill_opening(struct opening *opening, const struct passage *passage,
                         const struct proof *proof, const struct promise *promise, bool greeted)
{
    const struct frame *frame = &passage->frame;
    const struct cookie_options client = proof_client(passage, proof);

    link_header_copy(frame, &opening->to_server);
    link_header_reverse(frame, &opening->to_client);
    /* From no client it is so little; what we say must get there, whatever it is meant to say. */
    opening->client_ttl = frame_ttl(frame) < CLIENT_TTL_LEAST ? CLIENT_TTL_LEAST : frame_ttl(frame);
    opening->client_tos = (uint8_t)(frame_tos(frame) & ~3);
    opening->server_ttl = promise->synack.ttl ? promise->synack.ttl : 64;
    opening->server_df = promise->synack.df;
    opening->client_flow_label = frame_flow_label(frame);
    opening->client = client;
    opening->timestamps = proof->timestamps;
    /* Without timestamps the cookie cannot say whether ECN was granted; the request may: RFC 3168
     * 6.1.1 wants no ECT else. */
    opening->ecn = proof->timestamps ? client.ecn : (frame_tos(frame) & 3) != ECN_NOT_ECT;
    opening->c = proof->c;
    opening->read = proof->read;
    opening->generation = promise->generation;
    if (client.window_scale != WSCALE_NONE &&
        promise->synack.window_scale_state == CAPABILITY_GRANTED)
        opening->promised_scale = promise->synack.window_scale;
    opening->client_tsval = passage->options.tsval;
    opening->echo = passage->options.tsecr;
    opening->client_ack = frame->ack;
    opening->client_window = frame->window;
    opening->greeting_bytes = greeted ? promise->greeting_bytes : 0;
    opening->collects = greeted && promise->greeting_template;
    if (frame->payload_bytes && passage->frame.offload &&
        passage->frame.offload->gso_type != OFFLOAD_GSO_NONE)
        opening->gso_bytes = passage->frame.offload->gso_bytes;
}

/*
 * The flow and its opening, or NULL where there is no room for either. A closing connection on the
 * tuple gives way, as a TIME-WAIT does to a SYN that is clearly newer (RFC 6191 2).
 */
static struct flow *make_flow(struct engine *engine, const struct passage *passage,
                              struct server *server, struct flow *before, bool promised)
{
    const uint32_t index =
        engine->ending ? OPENING_NONE : opening_room_take(engine, &passage->key, server, promised);
    struct flow *flow;

    if (index == OPENING_NONE)
        return NULL;
    if (before)
        engine_flow_free(engine, before);
    flow = engine_flow_new(engine, &passage->key, FLOW_OPENING, passage->now_us);
    if (!flow) {
        opening_give_back(&engine->openings, index);
        return NULL;
    }
    flow_cold(&engine->flows, flow)->opening = index;
    engine->openings.openings[index].flow = flow_index(&engine->flows, flow);
    flow_bind_server(engine, flow, server);
    server->openings_now++;
    return flow;
}

/* A whole request that the server can answer as it is (stages/capacity.h). */
static void note_asking(struct engine *engine, struct server *server, const struct flow *flow,
                        struct opening *opening, enum protocol_id protocol)
{
    opening->protocol = (uint8_t)protocol;
    opening->whole =
        opening->held_bytes != 0 &&
        !protocol_awaits(protocol, opening_hold(&engine->openings, opening), opening->held_bytes);
    opening->banned = banned_asks(engine, server, &flow->key, engine->now_us);
    if (opening->banned)
        return;
    opening->asks = opening->whole;
    opening->unheard = true;
    server->asking_now += opening->asks;
    server->unheard_now++;
}

static void asking_no_more(struct server *server, struct opening *opening)
{
    server->asking_now -= opening->asks;
    opening->asks = false;
}

void opening_asks_in_vain(struct engine *engine, struct flow *flow, struct opening *opening)
{
    struct server *server = flow_server(engine, flow);

    if (!opening->asks)
        return;
    asking_no_more(server, opening);
    if (server_anybody_waits(server))
        engine->held.queue_us = 0;
}

/* Who waited for that may have a place now. */
static void unheard_no_more(struct engine *engine, struct server *server, struct opening *opening)
{
    if (!opening->unheard)
        return;
    opening->unheard = false;
    server->unheard_now--;
    if (server_anybody_waits(server))
        engine->held.queue_us = 0;
}

void opening_judged_apart(struct engine *engine, const struct flow *flow, struct opening *opening)
{
    struct server *server = flow_server(engine, flow);

    asking_no_more(server, opening);
    unheard_no_more(engine, server, opening);
    opening->banned = true;
}

/* Of those that the server does not hear it is none, or over. */
static void banned_no_more(struct server *server, struct opening *opening)
{
    server->banned_now -= opening->banned;
    opening->banned = false;
}

void opening_heard(struct engine *engine, struct flow *flow, struct opening *opening,
                   uint64_t now_us)
{
    struct server *server = flow_server(engine, flow);

    engine_server_answered(engine, server, now_us);
    unheard_no_more(engine, server, opening);
    banned_no_more(server, opening);
    banned_heard(engine, flow, opening, now_us);
    syn_heard(engine, server, &flow->key.client, now_us);
}

void opening_done(struct engine *engine, struct flow *flow)
{
    struct flow_cold *cold = flow_cold(&engine->flows, flow);
    uint32_t share = engine->openings.openings[cold->opening].share;

    granting_end(engine, &engine->openings.openings[cold->opening]);
    asking_no_more(flow_server(engine, flow), &engine->openings.openings[cold->opening]);
    unheard_no_more(engine, flow_server(engine, flow), &engine->openings.openings[cold->opening]);
    banned_no_more(flow_server(engine, flow), &engine->openings.openings[cold->opening]);
    if (share != SHARE_NONE) {
        slot_long_end(&engine->slots, share);
        flow_server(engine, flow)->unanswered--;
    }
    opening_give_back(&engine->openings, cold->opening);
    cold->opening = OPENING_NONE;
    flow_server(engine, flow)->openings_now--;
}

/* True where the client was greeted by us: then the server's own greeting is swallowed. */
static bool was_greeted(const struct engine *engine, const struct proof *proof,
                        const struct flow_key *key, uint64_t now_us)
{
    const struct resend_entry *entry = resend_find(engine->greetings, key);

    return proof->promise->greeting_bytes &&
           (proof->greeted || (entry && entry->ack == proof->x + 1) ||
            served_lately(&engine->served, engine_hash(engine, key), cookie_itself(proof->c),
                          now_us));
}

/* When its request was first proved: it may have been kept since. */
static uint64_t proved_us(struct engine *engine, const struct flow *before,
                          const struct proof *proof, uint64_t now_us)
{
    const struct slot *slot =
        before && before->state == FLOW_KEPT ? kept_slot(engine, before) : NULL;

    if (!slot || slot->x != proof->x)
        return now_us;
    return now_us - (uint64_t)((uint32_t)(now_us / 1000) - slot->since_ms) * 1000;
}

void opening_ask(struct engine *engine, struct flow *flow, struct opening *opening, uint64_t now_us)
{
    opening_send_syn(engine, flow, opening);
    opening->attempts = 1;
    opening->asked = flow_clock(now_us);
    opening_set_timer(engine, flow, now_us + OPENING_SYN_FIRST_US);
}

bool opening_begin(struct engine *engine, struct passage *passage, struct server *server,
                   const struct proof *proof, struct flow *before, const struct client_said *said)
{
    const uint64_t began_us = proved_us(engine, before, proof, passage->now_us);
    struct flow *flow = make_flow(engine, passage, server, before, said->promised > 0);
    struct flow_cold *cold;
    struct opening *opening;

    if (!flow) {
        passage_drop(engine, passage, DROP_no_room);
        return false;
    }
    cold = flow_cold(&engine->flows, flow);
    opening = &engine->openings.openings[cold->opening];
    fill_opening(opening, passage, proof, proof->promise,
                 was_greeted(engine, proof, &flow->key, passage->now_us));
    cold->client_isn = proof->x;
    cold->client_next = proof->x + 1;
    cold->timestamps = proof->timestamps;
    cold->client_scale = opening->client.window_scale;
    cold->generation = (uint8_t)proof->promise->generation;
    if (opening->greeting_bytes && !proof->greeted)
        flow->flags |= FLOW_GREETING_DUE;
    opening_hold_add(&engine->openings, opening, 0, said->data, said->bytes);
    opening->fin = said->fin && opening->held_bytes == said->bytes;
    opening->promised = (uint16_t)said->promised;
    opening->share = said->share;
    opening->client_isn = proof->x;
    opening->proved_us = began_us;
    note_asking(engine, server, flow, opening, said->protocol);
    tag_take(&engine->stray, passage->hash, 0, passage->now_us);
    if (!said->fits || !granting_begin(engine, flow, opening, proof->promise, passage->now_us)) {
        opening_ask(engine, flow, opening, passage->now_us);
        preparing_begin(engine, flow, opening, proof->promise, passage->now_us);
    }
    passage_hold(passage);
    return true;
}

/* --- the end of an opening that failed ------------------------------------------------------- */

/* Leaves the flow closing, and its opening given back: late answers of the server are reset. */
static void give_up(struct engine *engine, struct flow *flow, enum flow_end reason, uint64_t now_us)
{
    opening_done(engine, flow);
    resend_remove(engine->greetings, &flow->key);
    flow->flags |= FLOW_REFUSED;
    engine_flow_close(engine, flow, reason, now_us);
}

void opening_fail(struct engine *engine, struct flow *flow, bool server_too, uint64_t now_us)
{
    const struct opening *opening =
        &engine->openings.openings[flow_cold(&engine->flows, flow)->opening];

    engine->counters.flows_refused++;
    flow_server(engine, flow)->figures.failed++;
    opening_reset_client(engine, flow, opening);
    if (server_too)
        opening_reset_server(engine, flow, opening);
    give_up(engine, flow, END_SERVER_RESET, now_us);
}

void opening_abandon(struct engine *engine, struct flow *flow, uint64_t now_us)
{
    opening_reset_server(engine, flow,
                         &engine->openings.openings[flow_cold(&engine->flows, flow)->opening]);
    give_up(engine, flow, END_CLIENT_RESET, now_us);
}

/* --- the client while it waits --------------------------------------------------------------- */

static void client_reset(struct engine *engine, struct passage *passage, struct flow *flow,
                         const struct opening *opening)
{
    uint32_t offset = passage->frame.seq - (flow_cold(&engine->flows, flow)->client_isn + 1);

    passage_drop(engine, passage, DROP_answered);
    /* RFC 5961 3.2, as far as we know what the client has sent. */
    if (offset > opening->held_bytes + 1u)
        return;
    opening_reset_server(engine, flow, opening);
    give_up(engine, flow, END_CLIENT_RESET, passage->now_us);
}

/* The newest of what the client says about itself, for the segments that we send in its name. */
static void note_client(struct engine *engine, const struct passage *passage, struct flow *flow,
                        struct opening *opening)
{
    const struct frame *frame = &passage->frame;

    if (passage->options.present & OPTION_TIMESTAMPS)
        opening->client_tsval = seq_max(opening->client_tsval, passage->options.tsval);
    opening->client_window = frame->window;
    if (seq_before(opening->client_ack, frame->ack) &&
        frame->ack - opening->c <= 1u + opening->greeting_bytes)
        opening->client_ack = frame->ack;
    if ((flow->flags & FLOW_GREETING_DUE) &&
        opening->client_ack == opening->c + 1 + opening->greeting_bytes) {
        flow->flags = (uint8_t)(flow->flags & ~FLOW_GREETING_DUE);
        resend_remove(engine->greetings, &flow->key);
    }
}

static void client_frame(struct engine *engine, struct passage *passage, struct flow *flow,
                         struct opening *opening)
{
    const struct frame *frame = &passage->frame;
    uint32_t offset = frame->seq - (flow_cold(&engine->flows, flow)->client_isn + 1);
    bool held;

    if (!frame_checksum_good(frame)) {
        passage_drop(engine, passage, DROP_bad_checksum);
        return;
    }
    if (frame->flags & TCP_RST) {
        client_reset(engine, passage, flow, opening);
        return;
    }
    /* Who does not know our numbers is not the client (RFC 5961 5.2). */
    if ((frame->flags & TCP_SYN) || !(frame->flags & TCP_ACK) ||
        frame->ack - (opening->c + 1) > opening->greeting_bytes) {
        passage_drop(engine, passage, DROP_answered);
        return;
    }
    note_client(engine, passage, flow, opening);
    held = frame->payload_bytes && opening_hold_add(&engine->openings, opening, offset,
                                                    frame_payload(frame), frame->payload_bytes);
    /* In its place only (RFC 9293 3.10.7.4); the client may have closed its side (RFC 9293 3.6.1)
     * and still listen. */
    if ((frame->flags & TCP_FIN) && offset + frame->payload_bytes == opening->held_bytes)
        opening->fin = true;
    if (opening->grant && frame->payload_bytes && !held)
        granting_again(engine, flow, opening, passage->now_us);
    if (opening->promised && !held)
        opening_acknowledge_client(engine, passage, flow, opening);
    else if (held)
        passage_hold(passage);
    else if (frame->payload_bytes && offset + frame->payload_bytes > opening->held_bytes)
        passage_drop(engine, passage, DROP_hold_full);
    else /* held already: a client's probe of its tail (RFC 8985 7.3), say */
        passage_drop(engine, passage, DROP_answered);
}

/* --- the server answers ---------------------------------------------------------------------- */

/*
 * Where the server grants less than we promised in its name, the splice makes up for it (rule
 * 5.3): windows (RFC 7323 2.3), SACK blocks that were not permitted (RFC 2018 2), ECT that was not
 * agreed on (RFC 3168 6.1.1), longer segments.
 */
static void note_grants(const struct engine *engine, const struct passage *passage,
                        struct flow *flow, const struct opening *opening)
{
    const struct tcp_options *options = &passage->options;
    uint8_t client_scale = opening->client.window_scale;
    uint16_t mss = options->mss                     ? options->mss
                   : passage->frame.ip_version == 4 ? MSS_DEFAULT_V4
                                                    : MSS_DEFAULT_V6;
    int real = options->present & OPTION_WSCALE
                   ? (options->wscale > WSCALE_MAX ? WSCALE_MAX : options->wscale)
                   : 0;

    flow->to_client_shift = (int8_t)(real - opening->promised_scale);
    if (client_scale != WSCALE_NONE && !(options->present & OPTION_WSCALE))
        flow->to_server_shift = (int8_t)client_scale;
    if (opening->client.sack && !(options->present & OPTION_SACK_PERMITTED))
        flow->flags |= FLOW_NO_SACK;
    if (!opening->ecn || !(passage->frame.flags & TCP_ECE))
        flow->flags |= FLOW_NO_ECN;
    if (mss > ALIGNED_TIMESTAMPS_BYTES)
        flow_cold(&engine->flows, flow)->server_mss =
            (uint16_t)(mss - (opening->timestamps ? ALIGNED_TIMESTAMPS_BYTES : 0));
}

/* Above every stateless TSval of ours: also above two that were said in answer to a later one of
 * another bridge. */
uint32_t opening_tsval_ceiling(const struct engine *engine, const struct flow *flow,
                               const struct opening *opening, uint64_t now_us)
{
    const uint32_t own =
        cookie_tsval_ceiling(&engine->config.keys, &flow->key, cookie_time(engine, now_us));

    return tsval_shared(engine, own, opening->echo + 2 * (COOKIE_TS_BITS + 1));
}

/* The offsets between both halves, fixed from here on. TSval goes on above ours, or PAWS would bite
 * (RFC 7323 5.3). */
static void fix_offsets(struct engine *engine, const struct passage *passage, struct flow *flow,
                        struct opening *opening)
{
    struct flow_cold *cold = flow_cold(&engine->flows, flow);
    uint32_t y = passage->frame.seq;

    cold->server_isn = y;
    cold->server_next = y + 1;
    opening->server_tsval = passage->options.tsval;
    opening->edge = passage->frame.window; /* unscaled: RFC 7323 2.2 */
    flow->flags |= FLOW_EDIT;
    flow->delta = opening->c - y;
    flow->ack_floor = y + 1;
    flow->tsecr_floor = opening->server_tsval;
    if (opening->timestamps)
        flow->ts_delta =
            opening_tsval_ceiling(engine, flow, opening, passage->now_us) - opening->server_tsval;
}

static void server_accepts(struct engine *engine, struct passage *passage, struct flow *flow,
                           struct opening *opening)
{
    struct flow_cold *cold = flow_cold(&engine->flows, flow);

    preparing_heard(engine, passage, flow, opening);
    if (opening->timestamps && !(passage->options.present & OPTION_TIMESTAMPS)) {
        /* RFC 7323 3.2: the client may drop whatever comes without the timestamps that were agreed
         * on. */
        passage_drop(engine, passage, DROP_swallowed);
        opening_fail(engine, flow, true, passage->now_us);
        return;
    }
    opening->granted = false; /* nothing of what was said then has been taken */
    granting_heard_by_syn(flow_server(engine, flow), opening, passage->now_us);
    opening_heard(engine, flow, opening, passage->now_us);
    fix_offsets(engine, passage, flow, opening);
    note_grants(engine, passage, flow, opening);
    cold->offered = opening_offer(opening);
    if (!opening->for_learner)
        observe_choose(engine, flow, passage->now_us);
    observe_synack(engine, flow, passage, opening->attempts > 1);
    observe_established(engine, flow, passage->now_us);
    if (opening->greeting_bytes) {
        engine_flow_state(engine, flow, FLOW_GREETING, passage->now_us);
        opening->greeting_since_us = passage->now_us;
        opening_set_timer(engine, flow, passage->now_us + OPENING_GREETING_LEAST_US);
        opening_acknowledge(engine, passage, flow, opening);
        return;
    }
    passage_drop(engine, passage, DROP_swallowed);
    opening_release(engine, flow, passage->now_us);
}

/*
 * rule 5.5: an old connection on this tuple answers our SYN with an ACK of its own, or one that
 * is half-open, from another SYN, with its SYN-ACK. As any client would (RFC 9293 3.5.1, and
 * 3.10.7.3, first check), reset it, and ask again.
 */
static void old_connection(struct engine *engine, struct passage *passage, const struct flow *flow,
                           struct opening *opening)
{
    if (opening->old_connections++ >= OLD_CONNECTIONS_MAX) {
        passage_drop(engine, passage, DROP_swallowed);
        return;
    }
    opening_refuse_answer(engine, passage, flow, opening);
    opening_send_syn(engine, flow, opening);
}

/*
 * True where the SYN-ACK is that of a half-open connection from another SYN of this client, one
 * that passed before the mode changed: it grants a scale that we did not ask for (the two halves
 * would scale windows differently, RFC 7323 2.2), or lacks the timestamps that this server grants
 * by what is known of it. The next one without them is this server as it is now.
 */
static bool answers_another_syn(const struct passage *passage, const struct opening *opening)
{
    if ((passage->options.present & OPTION_WSCALE) && opening->client.window_scale == WSCALE_NONE)
        return true;
    return !opening->refused && opening->timestamps &&
           !(passage->options.present & OPTION_TIMESTAMPS);
}

/*
 * The server said it twice, to the first SYN and to ours: one RST is enough, a second would hit the
 * connection that our next SYN makes (RFC 9293 3.10.7.4: its number would be exact). Where the RST
 * is lost, our timer asks again.
 */
static void synack_arrives(struct engine *engine, struct passage *passage, struct flow *flow,
                           struct opening *opening)
{
    uint32_t isn = passage->frame.seq;

    if (opening->refused_lately && isn == opening->refused_isn) {
        passage_drop(engine, passage, DROP_swallowed);
        return;
    }
    if (!answers_another_syn(passage, opening)) {
        server_accepts(engine, passage, flow, opening);
        return;
    }
    opening->refused = opening->refused_lately = true;
    opening->refused_isn = isn;
    old_connection(engine, passage, flow, opening);
}

/* The server in SYN-RECEIVED or before: what a client in SYN-SENT makes of it (RFC 9293 3.10.7.3).
 */
static void server_frame(struct engine *engine, struct passage *passage, struct flow *flow,
                         struct opening *opening)
{
    const struct frame *frame = &passage->frame;
    bool ours = frame->ack == flow_cold(&engine->flows, flow)->client_isn + 1;

    if (!frame_checksum_good(frame)) {
        passage_drop(engine, passage, DROP_bad_checksum);
        return;
    }
    if (opening->granted && granting_answered(engine, passage, flow, opening))
        return;
    if (frame->flags & TCP_RST) {
        passage_drop(engine, passage, DROP_swallowed);
        if (ours && (frame->flags & TCP_ACK)) {
            trigger_refusal(&flow_server(engine, flow)->counts, passage->now_us);
            server_doubt(flow_server(engine, flow), DOUBT_REFUSES, &flow->key.client);
            engine_check_triggers(engine, flow_server(engine, flow), passage->now_us);
            opening_fail(engine, flow, false, passage->now_us);
        }
        return;
    }
    if ((frame->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK) && ours)
        synack_arrives(engine, passage, flow, opening);
    else if ((frame->flags & TCP_ACK) && !ours)
        old_connection(engine, passage, flow, opening);
    else
        passage_drop(engine, passage, DROP_swallowed);
}

/* The kernel has answered the server. What it tells of that is done with; all else goes on as in
 * any joined connection. */
static void joined_frame(struct engine *engine, struct passage *passage, struct flow *flow)
{
    if (passage->from == SIDE_SERVER && (passage->frame.flags & TCP_SYN))
        passage_drop(engine, passage, DROP_swallowed);
    else
        splice_frame(engine, passage, flow);
}

void opening_frame(struct engine *engine, struct passage *passage, struct flow *flow)
{
    struct opening *opening = &engine->openings.openings[flow_cold(&engine->flows, flow)->opening];

    flow->used = flow_clock(passage->now_us);
    if (preparing_ends(engine, flow, passage->now_us)) {
        joined_frame(engine, passage, flow);
        return;
    }
    if (passage->from == SIDE_CLIENT)
        client_frame(engine, passage, flow, opening);
    else if (flow->state == FLOW_GREETING)
        real_greeting_frame(engine, passage, flow);
    else
        server_frame(engine, passage, flow, opening);
}

/* --- the splice ------------------------------------------------------------------------------ */

void opening_release(struct engine *engine, struct flow *flow, uint64_t now_us)
{
    struct flow_cold *cold = flow_cold(&engine->flows, flow);
    struct opening *opening = &engine->openings.openings[cold->opening];
    uint32_t server_tsval = opening->server_tsval, held = opening->held_bytes;

    flow->ack_floor = cold->server_next;
    flow->tsecr_floor = server_tsval;
    served_note(&engine->served, engine_hash(engine, &flow->key), cold->client_isn, now_us);
    engine->counters.flows_opened++;
    figures_admit(&flow_server(engine, flow)->figures, now_us - opening->proved_us);
    if (opening->promised || opening->share != SHARE_NONE)
        draining_begin(engine, flow, now_us);
    else if (opening->granted)
        granting_send_rest(engine, flow, opening);
    else if (!opening->completed)
        opening_send_held(engine, flow, opening, 0, held);
    asking_no_more(flow_server(engine, flow), opening);
    slow_watch(engine, flow, opening, now_us);
    if (held)
        observe_data(engine, flow,
                     (struct observed_payload){
                         .from = SIDE_CLIENT,
                         .seq = cold->client_isn + 1,
                         .ack = cold->server_next,
                         .data = opening_hold(&engine->openings, opening),
                         .present = held,
                         .wire_bytes = held,
                         .push = true,
                     },
                     now_us);
    if (flow->state == FLOW_DRAINING)
        return;
    if (opening->fin)
        flow->flags |= FLOW_CLIENT_FIN;
    opening_done(engine, flow);
    if (flow->flags & FLOW_GREETING_DUE)
        cold->newest_tsval = server_tsval;
    else
        cold->storm = (struct flow_storm){0};
    engine_flow_state(engine, flow, FLOW_SPLICED, now_us);
}
