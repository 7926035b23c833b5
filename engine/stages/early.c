/* SPDX-License-Identifier: GPL-2.0-or-later */
/* early.c - see early.h. */
#include "engine/stages/early.h"

#include "engine/shard/connection.h"
#include "engine/stages/greeting.h"
#include "engine/stages/kept.h"
#include "engine/stages/request.h"
#include "engine/stages/speak.h"

#define FRAME_MOST_BYTES 256 /* a frame without payload, and a RST in its place */

bool early_waits(struct engine *engine, struct passage *passage, const struct server *server,
                 const struct proof *proof)
{
    const uint32_t grace_us = server->policy ? server->policy->early_grace_us : 0;

    if (!grace_us || server_opening(server) != OPENING_COOKIE || proof->promise->greeting_bytes)
        return false;
    if (!greeted_already(engine, passage, proof) &&
        !greeting_remember(engine, passage, proof, grace_us))
        return false;
    passage_drop(engine, passage, DROP_answered);
    return true;
}

/* The client's ACK, as it came, in `buffer`; its length. */
static uint32_t write_ack(const struct engine *engine, const struct resend_entry *entry,
                          uint8_t buffer[FRAME_MOST_BYTES], uint64_t now_us)
{
    const uint8_t scale = entry->client.window_scale;
    struct link_header link = entry->link;
    struct segment segment;
    uint8_t options[12];

    link_header_turn(&link);
    segment_begin(&segment);
    address_to_server(&entry->key, &segment);
    segment.flags = TCP_ACK;
    segment.seq = entry->ack;
    segment.ack = entry->seq;
    segment.ttl = TTL_DEFAULT;
    segment.window = kept_window(0, scale == WSCALE_NONE ? 0 : scale); /* as there */
    if (entry->timestamps) {
        const uint32_t own = cookie_tsval(&engine->config.keys, &entry->key, &entry->client,
                                          cookie_time(engine, now_us));
        const uint32_t tsecr = own + entry->ahead * (COOKIE_TS_BITS + 1);

        segment.options = options;
        segment.options_bytes = segment_timestamps(options, entry->tsecr, tsecr);
    }
    return segment_write(buffer, FRAME_MOST_BYTES, &link, &segment) - OFFLOAD_BYTES;
}

void early_is_over(struct engine *engine, const struct resend_entry *entry, struct server *server,
                   uint64_t now_us)
{
    _Alignas(8) uint8_t buffer[FRAME_MOST_BYTES];
    const uint32_t bytes = write_ack(engine, entry, buffer, now_us);
    const struct flow_key key = entry->key;
    struct flow *flow = flow_find(&engine->flows, &key);
    struct verdict verdict = {0};
    struct passage passage;
    struct proof proof;

    resend_remove(engine->greetings, &key);
    /* What gives way to a proof: also a handshake that a switch of modes caught in the middle */
    if (flow && flow->state != FLOW_CLOSING && !flow_is_half_open(flow))
        return;
    passage_begin(&passage, SIDE_CLIENT, now_us, &verdict);
    if (frame_parse(&passage.frame, (struct offload *)(void *)buffer, buffer + OFFLOAD_BYTES, bytes,
                    bytes, sizeof(buffer) - OFFLOAD_BYTES) != FRAME_TCP)
        return;
    passage.key = key;
    passage.hash = engine_hash(engine, &key);
    passage_read_options(&passage);
    if (!prove(engine, &passage, server, passage.frame.seq - 1, passage.frame.ack, &proof) ||
        served_already(engine, &passage, &proof))
        return;
    open_limited(engine, &passage, server, &proof, flow,
                 &(struct client_said){.share = SHARE_NONE});
    if (verdict.action == VERDICT_REPLY)
        engine_emit_frame(engine, SIDE_CLIENT, buffer, verdict.bytes);
}
