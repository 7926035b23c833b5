/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * again.c - see again.h.
 */
#include "engine/stages/again.h"

#include "engine/stages/early.h"
#include "engine/stages/greeting.h"
#include "engine/stages/speak.h"
#include "engine/stages/syn.h"

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
        const uint32_t own = cookie_tsval(&engine->config.keys, &entry->key, &entry->client,
                                          cookie_time(engine, now_us));
        const uint32_t tsval = own + entry->ahead * (COOKIE_TS_BITS + 1);

        segment.options = options;
        segment.options_bytes = segment_timestamps(options, tsval, entry->tsecr);
    }
    address_to_client(&entry->key, &segment);
    engine_emit(engine, SIDE_CLIENT, &entry->link, &segment);
}

/* True where a flow on the entry's tuple is another, older connection, be it only picked up from
 * what the server said, or there is none. */
static bool flow_is_another(const struct engine *engine, const struct flow *flow,
                            const struct resend_entry *entry)
{
    return !flow || ((flow->state == FLOW_CLOSING || flow->state == FLOW_ESTABLISHED ||
                      (flow_is_half_open(flow) && !flow_cold(&engine->flows, flow)->server)) &&
                     flow_cold(&engine->flows, flow)->client_isn + 1 != entry->ack);
}

/* A greeting that is due (after 1 s, RFC 6298 2.1, and 3 s): to a client that waits, or beside a
 * flow that was opened before it was acknowledged. Or the grace of one that nobody can greet. */
static void greeting_due(struct engine *engine, const struct resend_entry *entry, uint64_t now_us)
{
    const struct flow *flow = flow_find(&engine->flows, &entry->key);
    struct server_key key = flow_key_server(&entry->key);
    struct server *server = server_find(&engine->servers, &key);
    const struct promise *promise =
        server ? server_promise(engine, server, addr_is_v4(&entry->key.server), entry->generation,
                                now_us)
               : NULL;

    if (promise && !promise->greeting_bytes && entry->stage == 0)
        early_is_over(engine, entry, server, now_us);
    if (!promise || !promise->greeting_bytes)
        return;
    if (flow_is_another(engine, flow, entry) || flow->state == FLOW_OPENING ||
        flow->state == FLOW_KEPT) {
        resend_greeting(engine, entry, promise, now_us);
        if (entry->stage == 0)
            engine->counters.greetings_sent++;
        else
            engine->counters.greetings_resent++;
    } else if ((flow->state == FLOW_SPLICED || flow->state == FLOW_GREETING ||
                flow->state == FLOW_DRAINING) &&
               (flow->flags & FLOW_GREETING_DUE)) {
        greet_flow(engine, flow, &entry->link, promise, entry->tsecr);
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
    struct synack_said said;
    struct segment segment;

    if (!promise || !flow_is_another(engine, flow_find(&engine->flows, &entry->key), entry))
        return;
    said = (struct synack_said){&entry->key, promise,
                                &server_synack(engine, server, promise, entry->offered)->answer,
                                &entry->client, entry->tsecr};
    speak_synack(engine, &said, now_us, &segment, options);
    segment.seq = entry->seq;
    segment.ack = entry->ack;
    address_to_client(&entry->key, &segment);
    engine_emit(engine, SIDE_CLIENT, &entry->link, &segment);
    engine->counters.cookies_sent++;
    server->figures.cookies_sent++;
}

bool say_again(struct engine *engine, uint64_t now_us)
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
