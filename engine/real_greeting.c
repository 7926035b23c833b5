/* SPDX-License-Identifier: GPL-2.0-or-later */
/* real_greeting.c - compares what the server says with what was said in its name. See real_greeting.h. */
#include "engine/real_greeting.h"

#include "engine/bytes.h"
#include "engine/observe.h"
#include "engine/opening.h"
#include "engine/splice.h"

#include <string.h>

static struct opening *opening_of(struct engine *engine, const struct flow *flow)
{
    return &engine->openings.openings[flow_cold(&engine->flows, flow)->opening];
}

/*
 * Is it a refusal ("-ERR", "421 too many")? Then it tells nothing about the greeting, and this client alone is
 * turned away. The beginning is what we promised, as far as it was equal; the rest stands in the frame.
 */
static bool is_negative(const struct server *server, const struct promise *promise, uint32_t seen,
                        const uint8_t *rest, uint32_t rest_bytes)
{
    const struct protocol *protocol =
        server->policy ? protocol_by_id(server->policy->greeting_protocol) : NULL;
    uint8_t said[2 * GREETING_BYTES_MAX];
    size_t bytes, greeting_bytes;

    if (!protocol || !protocol->greeting)
        return false;
    memcpy(said, promise->greeting, seen);
    bytes = rest_bytes < sizeof(said) - seen ? rest_bytes : sizeof(said) - seen;
    memcpy(said + seen, rest, bytes);
    return protocol->greeting(said, seen + bytes, &greeting_bytes) == GREETING_NEGATIVE;
}

static void unequal(struct engine *engine, struct passage *passage, struct flow *flow, bool negative)
{
    engine->counters.greetings_unequal++;
    observe_unequal_greeting(engine, flow, negative, passage->now_us);
    passage_drop(engine, passage, DROP_swallowed);
    opening_fail(engine, flow, true, passage->now_us);
}

/*
 * The greeting is whole: the held request goes out, and acknowledges it. What the frame carries beyond it is the
 * client's.
 */
static void whole(struct engine *engine, struct passage *passage, struct flow *flow, uint32_t frame_end)
{
    bool more = seq_before(flow_cold(&engine->flows, flow)->server_next, frame_end);

    opening_release(engine, flow, passage->now_us);
    if (more)
        splice_frame(engine, passage, flow);
    else
        passage_drop(engine, passage, DROP_swallowed);
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
    part = (uint32_t)promise->greeting_bytes - opening->greeting_seen;
    part = new_bytes < part ? new_bytes : part;
    if (memcmp(promise->greeting + opening->greeting_seen, frame_payload(frame) + known, part) != 0) {
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

void real_greeting_frame(struct engine *engine, struct passage *passage, struct flow *flow)
{
    struct opening *opening = opening_of(engine, flow);
    const struct frame *frame = &passage->frame;
    uint32_t expected = flow_cold(&engine->flows, flow)->server_next;
    const struct promise *promise =
        server_promise(engine, flow_server(engine, flow), addr_is_v4(&flow->key.server), opening->generation,
                       passage->now_us);

    if (!frame_checksum_good(frame)) {
        passage_drop(engine, passage, DROP_bad_checksum);
        return;
    }
    if ((frame->flags & TCP_RST) || !promise || promise->greeting_bytes != opening->greeting_bytes) {
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
