/* SPDX-License-Identifier: GPL-2.0-or-later */
/* passage.c - see passage.h. */
#include "engine/shard/passage.h"

void passage_hold(struct passage *passage)
{
    passage->verdict->action = VERDICT_HOLD;
    passage->verdict->bytes = 0;
}

void __attribute__((noinline))
passage_count_refusal(struct engine *engine, const struct passage *passage, enum drop_reason reason)
{
    struct server *server = server_of(&engine->servers, &passage->key);

    if (server)
        figures_refuse(&server->figures, reason);
}

/* `bytes` were laid into the frame's buffer; 0: there was no room. */
static void replied(struct engine *engine, struct passage *passage, uint32_t bytes)
{
    if (!bytes) {
        passage_drop(engine, passage, DROP_no_room);
        return;
    }
    passage->verdict->action = VERDICT_REPLY;
    passage->verdict->bytes = bytes;
}

void passage_reply(struct engine *engine, struct passage *passage, const struct link_header *link,
                   const struct segment *segment)
{
    const struct frame *frame = &passage->frame;

    replied(
        engine, passage,
        segment_write(frame->data - OFFLOAD_BYTES, OFFLOAD_BYTES + frame->capacity, link, segment));
}

void passage_answer(struct engine *engine, struct passage *passage, const struct segment *segment)
{
    replied(engine, passage, segment_answer(&passage->frame, segment));
}

void speak_as(const struct engine *engine, const struct promise *promise,
              const struct flow_key *key, struct segment *segment)
{
    segment->ttl = promised_ttl(promise);
    segment->df = promise->synack.df;
    segment->flow_label = addr_is_v4(&key->server) ? 0 : flow_label_to_client(engine, key);
}

uint32_t flow_label_to_client(const struct engine *engine, const struct flow_key *key)
{
    /* Of the half that TSval's offset is not made of (cookie.h): one must not tell the other. */
    return (uint32_t)(flow_key_hash(engine->config.keys.tsval, key) >> 44);
}

void passage_reset_by(struct engine *engine, struct passage *passage, const struct server *server,
                      enum drop_reason reason)
{
    bool v4 = addr_is_v4(&passage->key.server);
    const struct promise *promise = server_promise_now(engine, server, v4);
    uint32_t flow_label = v4 ? 0 : flow_label_to_client(engine, &passage->key);

    engine->counters.drops[reason]++;
    if (figures_is_refusal(reason))
        passage_count_refusal(engine, passage, reason);
    replied(engine, passage,
            segment_answer_reset(&passage->frame, promised_ttl(promise), promise->synack.df,
                                 flow_label));
}

void passage_reset(struct engine *engine, struct passage *passage, enum drop_reason reason)
{
    struct server_key key = flow_key_server(&passage->key);
    const struct server *server =
        passage->from == SIDE_CLIENT ? server_find(&engine->servers, &key) : NULL;

    if (server) {
        passage_reset_by(engine, passage, server, reason);
        return;
    }
    engine->counters.drops[reason]++;
    replied(engine, passage, segment_answer_reset(&passage->frame, TTL_DEFAULT, true, 0));
}

/* `bytes` were laid behind the outbox's last frame; 0: there was no room. */
static void emitted(struct engine *engine, enum side to, uint32_t bytes)
{
    struct outbox *outbox = &engine->outbox;

    if (!bytes) {
        engine->counters.drops[DROP_outbox_full]++;
        return;
    }
    outbox->frames[outbox->count++] = (struct outbox_frame){to, outbox->used, bytes};
    outbox->used += (bytes + 7) & ~7u;
}

void engine_emit(struct engine *engine, enum side to, const struct link_header *link,
                 const struct segment *segment)
{
    struct outbox *outbox = &engine->outbox;
    uint32_t bytes = 0;

    if (outbox->count < OUTBOX_FRAMES)
        bytes = segment_write(outbox->memory + outbox->used, outbox->capacity - outbox->used, link,
                              segment);
    emitted(engine, to, bytes);
}

void engine_emit_frame(struct engine *engine, enum side to, const uint8_t *buffer, uint32_t bytes)
{
    struct outbox *outbox = &engine->outbox;

    if (outbox->count == OUTBOX_FRAMES || bytes > outbox->capacity - outbox->used)
        bytes = 0;
    memcpy(outbox->memory + outbox->used, buffer, bytes);
    emitted(engine, to, bytes);
}
