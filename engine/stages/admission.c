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
 */
#include "engine/stages/admission.h"

#include "engine/stages/early.h"
#include "engine/stages/greeting.h"
#include "engine/stages/proof.h"
#include "engine/stages/request.h"
#include "engine/stages/speak.h"
#include "engine/stages/syn.h"

/* --- a handshake completed -------------------------------------------------------------------- */

/* A late copy of the ACK of a client that was served, has left, or has heard G since; or of one
 * that was told it, and whose place in the ring is another's. */
static bool bare_is_late(const struct engine *engine, const struct passage *passage,
                         const struct proof *proof)
{
    bool heard =
        !proof->greeted && proof->promise->greeting_bytes &&
        (greeting_was_said(engine, passage, proof) ||
         served_lately(&engine->served, passage->hash, cookie_itself(proof->c), passage->now_us));

    return heard || served_already(engine, passage, proof);
}

/* Its server has the word now: greeted in its name, or opened so that it greets for itself. */
static void __attribute__((noinline))
admit_waiting(struct engine *engine, struct passage *passage, struct server *server,
              struct proof proof, struct flow *before)
{
    bool greets = server_opening(server) == OPENING_GREET && proof.promise->greeting_bytes;
    bool late = bare_is_late(engine, passage, &proof);
    const bool picked_up = before && before->state == FLOW_ESTABLISHED;

    if (!late && !greets && !picked_up && early_waits(engine, passage, server, &proof))
        return;
    if (!late && !greets) {
        /* Also on a promise from before there was a greeting: the server greets for itself. */
        open_limited(engine, passage, server, &proof, before,
                     &(struct client_said){.share = SHARE_NONE});
        return;
    }
    /*
     * Not without room for all of G: a part of it would have an ack that proves nothing, and to let
     * the server greet would open it to whoever announces a tiny window. The client is greeted once
     * it says that it has room (RFC 9293 3.8.6).
     */
    if (late || greeted_already(engine, passage, &proof) || !greeting_fits(passage, &proof)) {
        resend_remove(engine->synacks, &passage->key);
        passage_drop(engine, passage, DROP_answered);
    } else if (greeting_may_be_said(engine, passage, &proof)) {
        resend_remove(engine->synacks, &passage->key);
        greet(engine, passage, server, &proof);
    } else if (synack_ask_again(engine, passage, &proof)) {
        passage_drop(engine, passage, DROP_open_limit);
    } else { /* it would wait until it gives up */
        passage_reset_by(engine, passage, server, DROP_open_limit);
    }
}

/* The bare ACK that completes a handshake, or any that repeats it. Inline: most of a flood of ACKs
 * ends here. */
static inline __attribute__((always_inline)) void
admit_bare(struct engine *engine, struct passage *passage, struct server *server,
           struct proof *proof, struct flow *before)
{
    enum opening_kind opening = server_opening(server);

    /* The next shard asks it again, where it waits for a word; who says something repeats it. */
    if (engine->ending) {
        if (!opening_waits_for_ack(server) || proof->greeted ||
            synack_ask_again(engine, passage, proof))
            passage_drop(engine, passage, DROP_no_room);
        else
            passage_reset_by(engine, passage, server, DROP_no_room);
        return;
    }
    proof_count(engine, passage, server, proof);
    /* Who waits for a place, or a word, may have to be asked again: admit_waiting() */
    if (opening != OPENING_COOKIE && (opening != OPENING_GREET || proof->greeted))
        resend_remove(engine->synacks, &passage->key);
    if (proof->greeted)
        greeting_heard(engine, passage, proof->c);
    if (opening == OPENING_COOKIE || opening == OPENING_PASS ||
        (opening == OPENING_GREET && !proof->greeted))
        admit_waiting(engine, passage, server, *proof, before);
    else
        passage_drop(engine, passage, DROP_answered);
}

/* --- closing, keepalive ----------------------------------------------------------------------- */

/* A client that leaves before it has asked: FIN+ACK, as an idle server would (RFC 9293 3.6), behind
 * G where that is due. */
static void admit_fin(struct engine *engine, struct passage *passage, struct server *server,
                      struct proof *proof)
{
    bool left_before = served_already(engine, passage, proof);
    struct segment segment;
    uint8_t options[12];

    proof_count(engine, passage, server, proof);
    resend_remove(engine->synacks, &passage->key);
    resend_remove(engine->greetings, &passage->key);
    served_note(&engine->served, passage->hash, proof->x, passage->now_us);
    speak_established(engine, passage, proof, &segment, options);
    segment.flags |= TCP_FIN;
    if (server_opening(server) == OPENING_GREET && !proof->greeted && !left_before &&
        greeting_fits(passage, proof) && greeting_may_be_said(engine, passage, proof))
        speak_greeting(proof->promise, proof_client(passage, proof).mss, proof->timestamps,
                       &segment);
    passage_answer(engine, passage, &segment);
}

/* RFC 9293 3.8.4, and RFC 9293 3.8.6.1 for probes. Where the handshake's ACK was lost, it stands
 * for that ACK. */
static void admit_keepalive(struct engine *engine, struct passage *passage, struct server *server,
                            struct proof *proof, struct flow *before)
{
    struct segment segment;
    uint8_t options[12];

    if (opening_waits_for_ack(server) && !proof->greeted &&
        !greeted_already(engine, passage, proof)) {
        admit_bare(engine, passage, server, proof, before);
        return;
    }
    speak_established(engine, passage, proof, &segment, options);
    segment.ack = proof->x + 1;
    passage_answer(engine, passage, &segment);
}

/* --- dispatch --------------------------------------------------------------------------------- */

/* A bare FIN, or a few bytes, at x+1. */
static void __attribute__((noinline))
admit_little(struct engine *engine, struct passage *passage, struct server *server,
             struct proof proof, struct flow *before)
{
    if (!passage->frame.payload_bytes)
        admit_fin(engine, passage, server, &proof);
    else if (frame_is_padding(&passage->frame))
        admit_bare(engine, passage, server, &proof, before);
    else
        request_admit(engine, passage, server, proof, before);
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

static bool had_handshake(const struct flow *flow, const struct flow_cold *cold)
{
    return (flow->flags &
            (FLOW_EDIT | FLOW_CLIENT_FIN | FLOW_SERVER_FIN | FLOW_RESET | FLOW_REFUSED)) ||
           cold->client_next != cold->client_isn + 1;
}

/*
 * The closing connection's own segments, told without a hash; a new one on the tuple has another x
 * (rule 5.7). Not so where it never was one: a client whose half-open connection was reset
 * (half_open.h) asks again with the same x.
 */
static bool is_of_closing(const struct engine *engine, const struct frame *frame,
                          const struct flow *before)
{
    const struct flow_cold *cold = flow_cold(&engine->flows, before);

    return before->state == FLOW_CLOSING && had_handshake(before, cold) &&
           (frame->seq - 1 == cold->client_isn || frame->seq == cold->client_next);
}

/* An ACK that does not speak of x+1. */
static bool __attribute__((noinline))
admit_elsewhere(struct engine *engine, struct passage *passage, struct server *server,
                struct flow *before)
{
    const struct frame *frame = &passage->frame;
    struct proof proof;

    if (frame->payload_bytes <= 1 &&
        prove(engine, passage, server, frame->seq, frame->ack, &proof)) {
        admit_keepalive(engine, passage, server, &proof, before);
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
                             struct flow *before)
{
    const struct frame *frame = &passage->frame;
    struct proof proof;

    if (before && is_of_closing(engine, frame, before))
        return false;
    if (!prove_at_once(engine, passage, server, frame->seq - 1, frame->ack, &proof))
        return admit_elsewhere(engine, passage, server, before);
    if (frame->payload_bytes > ACK_PADDING_MAX)
        request_admit(engine, passage, server, proof, before);
    else if (frame->payload_bytes || (frame->flags & TCP_FIN))
        admit_little(engine, passage, server, proof, before);
    else
        admit_bare(engine, passage, server, &proof, before);
    return true;
}

/*
 * A RST of a client that we have greeted, or promised to: it wants nothing more, where the number
 * is exact (RFC 5961 3.2), and what it asks afterwards is reset. Never answered (RFC 9293
 * 3.10.7.1).
 */
static void admit_rst(struct engine *engine, struct passage *passage)
{
    const struct resend_entry *entry = resend_find(engine->greetings, &passage->key);

    if (entry && entry->ack == passage->frame.seq) {
        served_note(&engine->served, passage->hash, entry->ack - 1, passage->now_us);
        resend_remove(engine->greetings, &passage->key);
    }
    entry = resend_find(engine->synacks, &passage->key);
    if (entry && entry->ack == passage->frame.seq)
        resend_remove(engine->synacks, &passage->key);
}

/* A RST, a SYN, or what has neither SYN nor ACK. */
static bool __attribute__((noinline)) admit_other(struct engine *engine, struct passage *passage,
                                                  struct server *server, struct flow *before)
{
    uint8_t flags = passage->frame.flags;
    bool attack = server->mode == MODE_ATTACK;

    if ((flags & TCP_RST) && !(flags & TCP_SYN)) {
        admit_rst(engine, passage);
        if (before || !attack)
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
    if (before || !attack)
        return false;
    passage_drop(engine, passage, DROP_bad_segment);
    return true;
}

/* Whoever answers checks first (RFC 9293 3.1); what only passes is its receiver's to check. */
bool admission(struct engine *engine, struct passage *passage, struct server *server,
               struct flow *before)
{
    if ((passage->frame.flags & (TCP_SYN | TCP_ACK | TCP_RST)) != TCP_ACK)
        return admit_other(engine, passage, server, before);
    if (frame_checksum_good(&passage->frame))
        return admit_ack(engine, passage, server, before);
    passage_drop(engine, passage, DROP_bad_checksum);
    return true;
}
