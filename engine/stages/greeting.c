/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * greeting.c - says G, and remembers that it was said. See greeting.h.
 */
#include "engine/stages/greeting.h"

#include "engine/stages/speak.h"

/* Of any client, without timestamps: the cookie's smallest entry less 12 */
#define MSS_LEAST            204
#define ASKED_APART_MS       200
#define ASKED_AGAIN          0x415341u   /* its tags: stray.c has others */
#define LIMIT_SCOPE_GREETING 0x00800000u /* the bits above are others' (syn.c, banned.c) */

bool greeting_fits(const struct passage *passage, const struct proof *proof)
{
    const struct cookie_options client = proof_client(passage, proof);
    uint32_t scale = client.window_scale == WSCALE_NONE ? 0 : client.window_scale;
    uint32_t window = (uint32_t)passage->frame.window << scale;

    return proof->promise->greeting_bytes <= window;
}

void speak_greeting(const struct promise *promise, uint16_t mss, bool timestamps,
                    struct segment *segment)
{
    uint16_t limit = (uint16_t)(mss - (timestamps ? 12 : 0));

    segment->flags |= TCP_PSH;
    segment->payload = promise->greeting;
    segment->payload_bytes = promise->greeting_bytes;
    segment->gso_bytes = promise->greeting_bytes > limit ? limit : 0;
}

/* How far what the client is told is above our own clock, for when it is told again. */
static uint16_t steps_ahead(const struct engine *engine, const struct passage *passage,
                            const struct cookie_options *client)
{
    const uint32_t own = cookie_tsval(&engine->config.keys, &passage->key, client,
                                      cookie_time(engine, passage->now_us));
    const uint32_t steps =
        (tsval_shared(engine, own, passage->options.tsecr) - own) / (COOKIE_TS_BITS + 1);

    return (uint16_t)(steps < RESEND_AHEAD_MAX ? steps : RESEND_AHEAD_MAX);
}

bool greeting_remember(struct engine *engine, const struct passage *passage,
                       const struct proof *proof, uint64_t grace_us)
{
    struct resend_entry *entry =
        resend_add(engine->greetings, &passage->key, grace_us, passage->now_us);

    if (!entry)
        return false;
    entry->seq = proof->c + 1;
    entry->ack = proof->x + 1;
    entry->tsecr = passage->options.tsval;
    entry->client = proof_client(passage, proof);
    entry->ahead = 0;
    if (engine->config.share.on && proof->timestamps)
        entry->ahead = steps_ahead(engine, passage, &entry->client) & RESEND_AHEAD_MAX;
    entry->timestamps = proof->timestamps;
    entry->generation = proof->promise->generation;
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

bool greeting_was_said(const struct engine *engine, const struct passage *passage,
                       const struct proof *proof)
{
    return served_lately(&engine->greeted, passage->hash, cookie_itself(proof->c), passage->now_us);
}

bool greeting_may_be_said(struct engine *engine, const struct passage *passage,
                          const struct proof *proof)
{
    const uint32_t limit = limit_share(engine, GREETINGS_PER_SOURCE);

    if (!source_limiter_take(&engine->limits, &passage->key.client, LIMIT_SCOPE_GREETING, limit,
                             limit, passage->now_us))
        return false;
    served_note(&engine->greeted, passage->hash, cookie_itself(proof->c), passage->now_us);
    return true;
}

bool greeting_may_be_repeated(struct engine *engine, const struct passage *passage)
{
    const uint32_t limit = limit_share(engine, GREETINGS_PER_SOURCE);
    int64_t age_ms = tag_age_ms(&engine->stray, passage->hash, ASKED_AGAIN, passage->now_us);

    if ((age_ms >= 0 && age_ms < ASKED_APART_MS) ||
        !source_limiter_take(&engine->limits, &passage->key.client, LIMIT_SCOPE_GREETING, limit,
                             limit, passage->now_us))
        return false;
    tag_take(&engine->stray, passage->hash, ASKED_AGAIN, passage->now_us);
    tag_put_first(&engine->stray, passage->hash, ASKED_AGAIN, passage->now_us);
    return true;
}

void greet(struct engine *engine, struct passage *passage, struct server *server,
           const struct proof *proof)
{
    uint32_t grace_us = server->policy->greeting_grace_us;
    struct segment segment;
    uint8_t options[12];

    if (greeting_remember(engine, passage, proof, grace_us) && grace_us) {
        passage_drop(engine, passage, DROP_answered);
        return;
    }
    speak_greeting_now(engine, passage, proof, &segment, options);
    passage_answer(engine, passage, &segment);
    engine->counters.greetings_sent++;
}

bool greeted_already(struct engine *engine, const struct passage *passage,
                     const struct proof *proof)
{
    const struct resend_entry *entry = resend_find(engine->greetings, &passage->key);

    return entry && entry->ack == proof->x + 1;
}

void greeting_heard(struct engine *engine, const struct passage *passage, uint32_t c)
{
    resend_remove(engine->greetings, &passage->key);
    served_note(&engine->served, passage->hash, cookie_itself(c), passage->now_us);
}

void greet_beside(struct engine *engine, const struct passage *passage, const struct server *server,
                  const struct proof *proof)
{
    struct link_header link;
    struct segment segment;
    uint8_t options[12];

    if (server_opening(server) != OPENING_GREET || proof->greeted ||
        greeted_already(engine, passage, proof) || !proof->promise->greeting_bytes ||
        !greeting_fits(passage, proof) || !greeting_may_be_said(engine, passage, proof) ||
        !greeting_remember(engine, passage, proof, 0))
        return;
    speak_greeting_now(engine, passage, proof, &segment, options);
    address_to_client(&passage->key, &segment);
    link_header_reverse(&passage->frame, &link);
    engine_emit(engine, SIDE_CLIENT, &link, &segment);
    engine->counters.greetings_sent++;
}

/* The newest TSval that the server has sent on this flow, as far as it is remembered while the
 * greeting is due. */
static uint32_t newest_tsval(const struct engine *engine, const struct flow *flow)
{
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);

    return flow_has_opening(flow) ? engine->openings.openings[cold->opening].server_tsval
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

void greet_flow(struct engine *engine, const struct flow *flow, const struct link_header *to_client,
                const struct promise *promise, uint32_t tsecr)
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
