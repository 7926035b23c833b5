/* SPDX-License-Identifier: GPL-2.0-or-later */
/* granting.c - see granting.h. */
#include "engine/stages/granting.h"

#include "engine/protocols/protocol.h"
#include "engine/shard/connection.h"
#include "engine/stages/banned.h"
#include "engine/stages/opening.h"
#include "engine/stages/opening_say.h"
#include "engine/stages/splice.h"
#include "engine/tables/carried.h"
#include "engine/tcp/grant.h"

#include <string.h>

#define LOOK_US       (10ull * 1000)    /* until the program's word is looked at */
#define WAIT_US       (1000ull * 1000)  /* for an answer of the socket */
#define UNSEEN_US     (100ull * 1000)   /* the same, where the program has seen no segment */
#define LIFE_US       (10000ull * 1000) /* of a grant, should we die */
#define ROOM_US       (250ull * 1000)   /* between two looks whether its queue has room */
#define NO_ROOM_US    (1000ull * 1000)  /* from when on it counts as one that does not answer */
#define LEFT_ALONE_US (600ull * 1000 * 1000) /* a server that has made nothing of three */
#define NO_PROGRAM_US (10ull * 1000 * 1000)  /* the same: the program may be back at its card */
#define HEARD_US      (30000ull * 1000)      /* so often the learner hears one */
#define MISSES        3u
#define AHEAD_BYTES   (1u << 20) /* of c+1, that the socket's first segment may be */
/* The least that the kernel takes: below, a SYN's own way. */
#define LEAST_MSS_V4 536u
#define LEAST_MSS_V6 1220u

_Static_assert(sizeof(((struct grant *)NULL)->client) == sizeof(struct ip_addr),
               "addresses as keys have them");

static const char *const reasons[] = {
#define REASON_TEXT(name, text) text,
    GRANT_OUTCOMES(REASON_TEXT)
#undef REASON_TEXT
};

static struct grant *grant_of(const struct engine *engine, const struct opening *opening)
{
    return &engine->config.grants[opening->grant - 1];
}

/* --- who gets one ---------------------------------------------------------------------------- */

static bool is_left_alone(const struct server *server, uint64_t now_us)
{
    const uint64_t long_us = server->grants.why == GRANT_unseen ? NO_PROGRAM_US : LEFT_ALONE_US;

    return server->grants.missed >= MISSES && now_us < server->grants.missed_us + long_us;
}

const char *granting_hindrance(const struct engine *engine, const struct server *server,
                               uint64_t now_us)
{
    if (!engine->config.grants)
        return NULL;
    if (server->key.vlan.id[0])
        return "its frames are tagged";
    if (server->policy && server->policy->now.greeting_bytes)
        return "it speaks first";
    if (server_opening(server) != OPENING_CHECK)
        return "its requests are not checked";
    return is_left_alone(server, now_us) ? reasons[server->grants.why] : NULL;
}

/* It holds more than in calm, and what it says first is to be heard: that it has no room
 * (capacity.h). */
static bool may_say_full(const struct server *server)
{
    return server->held > server->held_peak && server->policy &&
           protocols_have_words_for_full(server->policy->protocols);
}

/* What came in pieces that we have acknowledged is drained by ourselves (draining.h). */
static bool may_be_granted(const struct engine *engine, const struct flow *flow,
                           const struct opening *opening, const struct server *server,
                           uint64_t now_us)
{
    const uint32_t least = addr_is_v4(&flow->key.server) ? LEAST_MSS_V4 : LEAST_MSS_V6;

    return engine->config.grants && !flow->key.vlan.id[0] && !opening->greeting_bytes &&
           opening->held_bytes && !opening->promised && opening->share == SHARE_NONE &&
           opening->client.mss >= least && !is_left_alone(server, now_us) && !may_say_full(server);
}

/* The learner sees what we splice: by these it knows that the server is there still, and takes what
 * it took. */
static bool is_for_learner(struct server *server, uint64_t now_us)
{
    uint64_t *heard_us = &server->grants.heard_us;

    if (!*heard_us)
        *heard_us = now_us;
    if (now_us < *heard_us + HEARD_US)
        return false;
    *heard_us = now_us;
    return true;
}

/* One of two places, from now on this opening's; 0: both are taken. */
static uint32_t take_place(const struct engine *engine, uint32_t seq, uint32_t ack)
{
    const uint32_t first = grant_place(seq, ack);

    for (uint32_t i = 0; i < 2; i++) {
        uint32_t none = GRANT_FREE;

        if (__atomic_compare_exchange_n(&engine->config.grants[first ^ i].state, &none, GRANT_TAKEN,
                                        false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return (first ^ i) + 1;
    }
    return 0;
}

/* Above every stateless TSval of ours, as a splice's (opening.c), or PAWS would bite (RFC
 * 7323 5.3).
 */
static uint32_t first_tsval(const struct engine *engine, const struct flow *flow,
                            const struct opening *opening, uint64_t now_us)
{
    return cookie_tsval_above(opening_tsval_ceiling(engine, flow, opening, now_us), opening->echo);
}

static uint8_t flags_of(const struct opening *opening)
{
    return (uint8_t)((opening->client.sack ? GRANT_SACK : 0) |
                     (opening->timestamps ? GRANT_TIMESTAMPS : 0) |
                     (opening->client.window_scale == WSCALE_NONE ? 0 : GRANT_WSCALE) |
                     (opening->ecn ? GRANT_ECN : 0));
}

static uint8_t scales_of(const struct opening *opening)
{
    const uint8_t client = opening->client.window_scale;

    return (uint8_t)(client == WSCALE_NONE ? 0 : client | opening->promised_scale << 4);
}

static void fill_in(const struct engine *engine, const struct flow *flow,
                    const struct opening *opening, uint64_t now_us)
{
    struct grant *grant = grant_of(engine, opening);

    grant->until_us = now_us + LIFE_US;
    memcpy(grant->client, flow->key.client.bytes, sizeof(grant->client));
    memcpy(grant->server, flow->key.server.bytes, sizeof(grant->server));
    grant->seq = opening->client_isn + 1;
    grant->ack = opening->c + 1;
    grant->client_port = flow->key.client_port;
    grant->server_port = flow->key.server_port;
    grant->mss = opening->client.mss;
    grant->flags = flags_of(opening);
    grant->scales = scales_of(opening);
    grant->tsval = opening->server_tsval;
    __atomic_store_n(&grant->state, GRANT_MADE, __ATOMIC_RELEASE);
}

/* All that is held, in the one segment (or super-frame) that the grant is for. */
static void send_granted(struct engine *engine, struct flow *flow, struct opening *opening,
                         uint64_t now_us)
{
    opening->server_tsval = opening->timestamps ? first_tsval(engine, flow, opening, now_us) : 0;
    fill_in(engine, flow, opening, now_us);
    opening->granted_bytes = opening->held_bytes;
    opening->granted_fin = opening->fin;
    opening->acked = opening->held_bytes; /* where a RST is to be exact (RFC 5961 3.2) */
    opening_send_held(engine, flow, opening, 0, opening->held_bytes);
}

/* What the server takes in one segment, as it has told clients. */
static uint16_t promised_mss(const struct flow *flow, const struct opening *opening,
                             const struct promise *promise)
{
    uint16_t mss = addr_is_v4(&flow->key.server) ? MSS_DEFAULT_V4 : MSS_DEFAULT_V6;

    if (promise->synack.mss_state == CAPABILITY_GRANTED && promise->synack.mss > mss)
        mss = promise->synack.mss;
    return (uint16_t)(mss - (opening->timestamps ? ALIGNED_TIMESTAMPS_BYTES : 0));
}

bool granting_begin(struct engine *engine, struct flow *flow, struct opening *opening,
                    const struct promise *promise, uint64_t now_us)
{
    struct flow_cold *cold = flow_cold(&engine->flows, flow);

    if (!may_be_granted(engine, flow, opening, flow_server(engine, flow), now_us) ||
        is_for_learner(flow_server(engine, flow), now_us))
        return false;
    opening->grant = take_place(engine, opening->client_isn + 1, opening->c + 1);
    if (!opening->grant) {
        engine->counters.hook_no_place++;
        return false;
    }
    engine->counters.hook_granted++;
    opening->granted = true;
    grant_of(engine, opening)->outcome = GRANT_unseen;
    grant_of(engine, opening)->client_tsval = opening->client_tsval;
    opening->granted_us = opening->first_granted_us = now_us;
    opening->asked = flow_clock(now_us);
    cold->server_isn = opening->c;
    cold->server_next = opening->c + 1;
    cold->server_mss = promised_mss(flow, opening, promise);
    send_granted(engine, flow, opening, now_us);
    flow->ack_floor = cold->server_next;
    flow->tsecr_floor = opening->server_tsval;
    if (engine->flows.carried)
        carried_touch(&engine->flows, flow_index(&engine->flows, flow));
    opening_set_timer(engine, flow, now_us + LOOK_US);
    return true;
}

void granting_again(struct engine *engine, struct flow *flow, struct opening *opening,
                    uint64_t now_us)
{
    /* Its buffer may have been another's need: then only what was sent is repeated, or nothing. */
    if (opening->held_bytes >= opening->granted_bytes)
        send_granted(engine, flow, opening, now_us);
}

void granting_end(struct engine *engine, struct opening *opening)
{
    if (!opening->grant)
        return;
    __atomic_store_n(&grant_of(engine, opening)->state, GRANT_FREE, __ATOMIC_RELEASE);
    opening->grant = 0;
}

/* --- the server does not take it ------------------------------------------------------------- */

static void count_outcome(struct engine *engine, enum grant_outcome outcome)
{
    uint64_t *const counts[] = {
#define OUTCOME_COUNT(name, text) &engine->counters.hook_##name,
        GRANT_OUTCOMES(OUTCOME_COUNT)
#undef OUTCOME_COUNT
    };

    (*counts[outcome])++;
}

static void leave_alone(struct server *server, enum grant_outcome outcome, uint64_t now_us)
{
    if (server->grants.missed < MISSES)
        server->grants.missed++;
    server->grants.why = (uint8_t)outcome;
    server->grants.missed_us = now_us;
}

/* What is this client's affair, or this moment's, says nothing of the server; nor does its silence,
 * unless it answers a SYN: a filter of its may have banned the client. */
static void note_miss(struct engine *engine, struct server *server, struct opening *opening,
                      enum grant_outcome outcome, uint64_t now_us)
{
    count_outcome(engine, outcome);
    server->figures.fell_back++;
    if (outcome == GRANT_old || outcome == GRANT_queue_full || outcome == GRANT_memory)
        return;
    if (outcome == GRANT_childless || outcome == GRANT_known)
        opening->ignored = (uint8_t)outcome;
    else
        leave_alone(server, outcome, now_us);
}

void granting_heard_by_syn(struct server *server, struct opening *opening, uint64_t now_us)
{
    if (opening->ignored)
        leave_alone(server, (enum grant_outcome)opening->ignored, now_us);
    opening->ignored = 0;
}

/* Asked by a SYN, as if nothing had been granted. */
static void fall_back(struct engine *engine, struct flow *flow, struct opening *opening,
                      enum grant_outcome outcome, uint64_t now_us)
{
    struct flow_cold *cold = flow_cold(&engine->flows, flow);

    note_miss(engine, flow_server(engine, flow), opening, outcome, now_us);
    granting_end(engine, opening);
    if (engine->flows.carried)
        carried_withdraw(&engine->flows, flow_index(&engine->flows, flow));
    cold->server_isn = cold->server_next = 0;
    cold->server_mss = 0;
    cold->client_next = cold->client_isn + 1;
    opening->server_tsval = 0;
    opening->acked = 0;
    opening_ask(engine, flow, opening, now_us);
}

/* By the program's word the server may still answer. */
static bool may_be_answered(enum grant_outcome outcome)
{
    return outcome == GRANT_unseen || outcome == GRANT_childless || outcome == GRANT_known;
}

static enum grant_outcome outcome_of(const struct engine *engine, const struct opening *opening)
{
    const uint32_t outcome = __atomic_load_n(&grant_of(engine, opening)->outcome, __ATOMIC_RELAXED);

    return outcome < GRANT_OUTCOMES_COUNT ? (enum grant_outcome)outcome : GRANT_memory;
}

/* Whoever waits for room in an accept queue would be helped by each repeat, without us. A SYN would
 * wait longer. */
static void try_again(struct engine *engine, struct flow *flow, struct opening *opening,
                      uint64_t now_us)
{
    granting_again(engine, flow, opening, now_us);
    opening->granted_us = now_us;
    opening_set_timer(engine, flow, now_us + ROOM_US);
}

/* What is to be sent again may have been another's need (granting_again()). */
static bool may_wait_for_room(const struct opening *opening, uint64_t now_us)
{
    return now_us < opening->first_granted_us + LIFE_US &&
           opening->held_bytes >= opening->granted_bytes;
}

bool granting_finds_no_room(const struct engine *engine, const struct opening *opening,
                            uint64_t now_us)
{
    return now_us - opening->first_granted_us >= NO_ROOM_US &&
           outcome_of(engine, opening) == GRANT_queue_full;
}

void granting_due(struct engine *engine, struct flow *flow, struct opening *opening,
                  uint64_t now_us)
{
    const enum grant_outcome outcome = outcome_of(engine, opening);
    const uint64_t until_us = opening->granted_us + (outcome == GRANT_unseen ? UNSEEN_US : WAIT_US);

    if (outcome == GRANT_queue_full && may_wait_for_room(opening, now_us))
        try_again(engine, flow, opening, now_us);
    else if (may_be_answered(outcome) && now_us < until_us)
        opening_set_timer(engine, flow, until_us);
    else
        fall_back(engine, flow, opening, outcome, now_us);
}

/* --- the server answers ---------------------------------------------------------------------- */

/* In the numbers of the socket that was made of our cookie: also its challenge ACK to our SYN
 * (RFC 5961 4.2). */
static bool is_of_socket(const struct frame *frame, const struct opening *opening)
{
    const uint32_t acked = frame->ack - (opening->client_isn + 1);
    const uint32_t most = (uint32_t)opening->granted_bytes + opening->granted_fin;

    return (frame->flags & (TCP_ACK | TCP_SYN)) == TCP_ACK && acked <= most &&
           frame->seq - (opening->c + 1) <= AHEAD_BYTES;
}

/* From here on it is a connection as others, which nothing is changed of. */
static void join(struct engine *engine, struct passage *passage, struct flow *flow,
                 struct opening *opening)
{
    struct flow_cold *cold = flow_cold(&engine->flows, flow);
    struct server *server = flow_server(engine, flow);

    granting_end(engine, opening);
    engine->counters.hook_taken++;
    server->figures.taken++;
    server->grants.missed = 0;
    opening_heard(engine, flow, opening, passage->now_us);
    cold->server_isn = opening->c;
    cold->server_next = opening->c + 1;
    cold->client_next = seq_max(
        cold->client_next, opening->client_isn + 1 + opening->granted_bytes + opening->granted_fin);
    if (passage->options.present & OPTION_TIMESTAMPS)
        opening->server_tsval = passage->options.tsval;
    cold->offered = FLOW_OFFER_UNKNOWN;
    cold->sampled[SIDE_CLIENT] = cold->sampled[SIDE_SERVER] = OBSERVE_NOTHING;
    flow->flags |= FLOW_EDIT;
    flow->delta = flow->ts_delta = 0;
    flow->to_client_shift = flow->to_server_shift = 0;
    opening_release(engine, flow, passage->now_us);
}

void granting_told(struct engine *engine, struct passage *passage, struct flow *flow)
{
    struct opening *opening = &engine->openings.openings[flow_cold(&engine->flows, flow)->opening];

    if (passage->from != SIDE_SERVER || !opening->granted ||
        !is_of_socket(&passage->frame, opening))
        return;
    join(engine, passage, flow, opening);
    flow_recall(&engine->flows, flow);
}

bool granting_is_open(const struct engine *engine, uint32_t opening)
{
    return engine->openings.openings[opening].grant != 0;
}

bool granting_answered(struct engine *engine, struct passage *passage, struct flow *flow,
                       struct opening *opening)
{
    const struct frame *frame = &passage->frame;
    enum grant_outcome outcome;

    if (is_of_socket(frame, opening)) {
        join(engine, passage, flow, opening);
        splice_frame(engine, passage, flow);
        return true;
    }
    if (!opening->grant)
        return false;
    outcome = outcome_of(engine, opening);
    /* An old connection answers; or a listener that knows nothing of our cookie does: a socket's
     * own RST has an ACK. */
    if (!may_be_answered(outcome))
        fall_back(engine, flow, opening, outcome, passage->now_us);
    else if ((frame->flags & (TCP_RST | TCP_ACK)) == TCP_RST && frame->seq == opening->c + 1)
        fall_back(engine, flow, opening, outcome == GRANT_unseen ? GRANT_unseen : GRANT_reset,
                  passage->now_us);
    passage_drop(engine, passage, DROP_swallowed);
    return true;
}

void granting_send_rest(struct engine *engine, struct flow *flow, struct opening *opening)
{
    const bool fin = opening->fin && !opening->granted_fin;

    if (opening->held_bytes > opening->granted_bytes || fin)
        opening_send_held(engine, flow, opening, opening->granted_bytes, opening->held_bytes);
}
