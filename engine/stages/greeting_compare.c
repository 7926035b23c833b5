/* SPDX-License-Identifier: GPL-2.0-or-later */
/* greeting_compare.c - compares what the server says with what was said in its name. See
 * greeting_compare.h. */
#include "engine/stages/greeting_compare.h"

#include "engine/base/bytes.h"
#include "engine/shard/observe.h"
#include "engine/stages/capacity.h"
#include "engine/stages/opening.h"
#include "engine/stages/opening_say.h"
#include "engine/stages/splice.h"

#include <string.h>

#define RESET_NEAR_BYTES (1u << 20) /* as far as what crosses the link at the same time */

#define WORD_BYTES 3 /* "220", "+OK", "* O", "SSH": by them refusals differ */

_Static_assert(HOLD_GREETING_BYTES == GREETING_BYTES_MAX, "as long as a promised greeting may be");

static struct opening *opening_of(struct engine *engine, const struct flow *flow)
{
    return &engine->openings.openings[flow_cold(&engine->flows, flow)->opening];
}

/* The file of the protocol that this server greets in, or NULL where none does. */
static const struct protocol *greets_in(const struct server *server)
{
    const struct protocol *protocol =
        server->policy ? protocol_by_id(server->policy->greeting_protocol) : NULL;

    return protocol && protocol->greeting ? protocol : NULL;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/*
 * Is it a refusal ("-ERR", "421 too many")? Then it tells nothing about the greeting, and this
 * client alone is turned away. A client with a tiny window has a server say it in pieces: what may
 * still become a greeting, and has another first word than the promised one, becomes a refusal.
 */
static bool refuses(const struct protocol *protocol, const struct promise *promise,
                    const uint8_t *said, uint32_t bytes)
{
    uint32_t word =
        least(bytes, promise->greeting_bytes < WORD_BYTES ? promise->greeting_bytes : WORD_BYTES);
    enum greeting_verdict verdict;
    size_t greeting_bytes;

    if (!protocol)
        return false;
    verdict = protocol->greeting(said, bytes, &greeting_bytes);
    return verdict == GREETING_NEGATIVE ||
           (verdict == GREETING_MORE && memcmp(said, promise->greeting, word) != 0);
}

/* The beginning is what we promised, as far as it was equal; the rest stands in the frame. */
static bool is_negative(const struct server *server, const struct promise *promise, uint32_t seen,
                        const uint8_t *rest, uint32_t rest_bytes)
{
    uint8_t said[2 * GREETING_BYTES_MAX];
    uint32_t bytes = least(rest_bytes, (uint32_t)sizeof(said) - seen);

    memcpy(said, promise->greeting, seen);
    memcpy(said + seen, rest, bytes);
    return refuses(greets_in(server), promise, said, seen + bytes);
}

/* Who closes behind it refuses as well, whatever the words are. */
static void unequal(struct engine *engine, struct passage *passage, struct flow *flow,
                    bool negative)
{
    negative = negative || (passage->frame.flags & TCP_FIN);
    if (negative)
        capacity_refused(engine, flow, passage->now_us);
    engine->counters.greetings_unequal++;
    observe_unequal_greeting(engine, flow, negative, passage->now_us);
    passage_drop(engine, passage, DROP_swallowed);
    opening_fail(engine, flow, true, passage->now_us);
}

/*
 * The greeting is whole: the held request goes out, and acknowledges it. What the frame carries
 * beyond it is the client's (SSH's keys behind the identification, RFC 4253 4.2).
 */
static void whole(struct engine *engine, struct passage *passage, struct flow *flow,
                  uint32_t frame_end)
{
    bool more = seq_before(flow_cold(&engine->flows, flow)->server_next, frame_end);

    opening_release(engine, flow, passage->now_us);
    if (more)
        splice_frame(engine, passage, flow);
    else
        passage_drop(engine, passage, DROP_swallowed);
}

/* By template: whole, and the same in front and at the end. `length` is g'. */
static bool fits_template(const struct promise *promise, const uint8_t *said, size_t length)
{
    const uint8_t *end = promise->greeting + promise->greeting_bytes - promise->greeting_suffix;

    return length >= (size_t)promise->greeting_prefix + promise->greeting_suffix &&
           memcmp(said, promise->greeting, promise->greeting_prefix) == 0 &&
           memcmp(said + length - promise->greeting_suffix, end, promise->greeting_suffix) == 0;
}

/* What has come of the greeting, as one piece. */
struct said {
    const uint8_t *data;
    uint32_t bytes;
};

/* Adds what is new to what was kept; without a buffer (the pool is empty) it must stand in one
 * frame. */
static struct said collect(struct engine *engine, const struct opening *opening,
                           const uint8_t *data, uint32_t bytes)
{
    uint8_t *collected = opening_collected(&engine->openings, opening);
    uint32_t seen = opening->greeting_seen;

    if (!collected)
        return (struct said){data, bytes};
    bytes = least(bytes, HOLD_GREETING_BYTES - seen);
    memcpy(collected + seen, data, bytes);
    return (struct said){collected, seen + bytes};
}

/*
 * A template: the greeting is kept until its protocol says that it is whole (RFC 959 4.2, RFC 5321
 * 4.2.1, RFC 1939 3), as its length tells where the client's bytes begin. delta = c + g - y - g':
 * its end is where ours ended.
 */
static void compare_template(struct engine *engine, struct passage *passage, struct flow *flow,
                             const struct promise *promise, const uint8_t *data, uint32_t new_bytes)
{
    struct opening *opening = opening_of(engine, flow);
    struct flow_cold *cold = flow_cold(&engine->flows, flow);
    const struct protocol *protocol = greets_in(flow_server(engine, flow));
    struct said said = collect(engine, opening, data, new_bytes);
    bool may_go_on = opening->hold != OPENING_NONE && said.bytes < HOLD_GREETING_BYTES;
    size_t length = 0;
    enum greeting_verdict verdict =
        protocol ? protocol->greeting(said.data, said.bytes, &length) : GREETING_NEGATIVE;

    if (verdict == GREETING_MORE && may_go_on &&
        memcmp(said.data, promise->greeting, least(said.bytes, promise->greeting_prefix)) == 0) {
        cold->server_next += said.bytes - opening->greeting_seen;
        opening->greeting_seen = (uint16_t)said.bytes;
        opening_acknowledge(engine, passage, flow, opening);
    } else if (verdict == GREETING_POSITIVE && length > opening->greeting_seen &&
               fits_template(promise, said.data, length)) {
        cold->server_next += (uint32_t)length - opening->greeting_seen;
        flow->delta += promise->greeting_bytes - (uint32_t)length;
        whole(engine, passage, flow, passage->frame.seq + frame_seq_bytes(&passage->frame));
    } else {
        unequal(engine, passage, flow,
                !protocol || opening->hold == OPENING_NONE ||
                    refuses(protocol, promise, said.data, said.bytes));
    }
}

/* Data of the greeting: the part that is new is compared. */
static void greeting_data(struct engine *engine, struct passage *passage, struct flow *flow,
                          const struct promise *promise)
{
    struct flow_cold *cold = flow_cold(&engine->flows, flow);
    struct opening *opening = opening_of(engine, flow);
    const struct frame *frame = &passage->frame;
    uint32_t known = cold->server_next - frame->seq;
    uint32_t new_bytes, part;

    if (known > frame->payload_bytes || known == frame->payload_bytes) {
        /* A gap (known wraps), or nothing new: say again where we stand. */
        opening_acknowledge(engine, passage, flow, opening);
        return;
    }
    observe_frame_data(engine, flow, passage);
    new_bytes = frame->payload_bytes - known;
    if (opening->collects) {
        compare_template(engine, passage, flow, promise, frame_payload(frame) + known, new_bytes);
        return;
    }
    part = (uint32_t)promise->greeting_bytes - opening->greeting_seen;
    part = new_bytes < part ? new_bytes : part;
    if (memcmp(promise->greeting + opening->greeting_seen, frame_payload(frame) + known, part) !=
        0) {
        unequal(engine, passage, flow,
                is_negative(flow_server(engine, flow), promise, opening->greeting_seen,
                            frame_payload(frame) + known, new_bytes));
        return;
    }
    opening->greeting_seen = (uint16_t)(opening->greeting_seen + part);
    cold->server_next += part;
    if (opening->greeting_seen == promise->greeting_bytes)
        whole(engine, passage, flow, frame->seq + frame_seq_bytes(frame));
    else
        opening_acknowledge(engine, passage, flow, opening);
}

/* Of this connection: a segment of nobody's with these ends, which was let through, is answered by
 * the server's host with a RST that has the number of that (RFC 5961 3.2). */
static bool is_near(uint32_t seq, uint32_t expected)
{
    return seq - (expected - RESET_NEAR_BYTES) <= 2 * RESET_NEAR_BYTES;
}

void real_greeting_frame(struct engine *engine, struct passage *passage, struct flow *flow)
{
    struct opening *opening = opening_of(engine, flow);
    const struct frame *frame = &passage->frame;
    uint32_t expected = flow_cold(&engine->flows, flow)->server_next;
    const struct promise *promise =
        server_promise(engine, flow_server(engine, flow), addr_is_v4(&flow->key.server),
                       opening->generation, passage->now_us);

    if (!frame_checksum_good(frame)) {
        passage_drop(engine, passage, DROP_bad_checksum);
        return;
    }
    if ((frame->flags & TCP_RST) && !is_near(frame->seq, expected)) {
        passage_drop(engine, passage, DROP_swallowed);
        return;
    }
    if ((frame->flags & TCP_RST) || !promise ||
        promise->greeting_bytes != opening->greeting_bytes) {
        passage_drop(engine, passage, DROP_swallowed);
        opening_fail(engine, flow, !(frame->flags & TCP_RST), passage->now_us);
        return;
    }
    if (passage->options.present & OPTION_TIMESTAMPS)
        opening->server_tsval = seq_max(opening->server_tsval, passage->options.tsval);
    if (frame->payload_bytes && !(frame->flags & TCP_SYN))
        greeting_data(engine, passage, flow, promise);
    else if ((frame->flags & TCP_SYN) || ((frame->flags & TCP_FIN) && frame->seq != expected))
        opening_acknowledge(engine, passage, flow, opening);
    else if (frame->flags & TCP_FIN)
        unequal(engine, passage, flow, true); /* it leaves without a whole greeting: a refusal */
    else
        passage_drop(engine, passage, DROP_swallowed);
}
