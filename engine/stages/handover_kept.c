/* SPDX-License-Identifier: GPL-2.0-or-later */
/* handover_kept.c - see handover_kept.h. */
#include "engine/stages/handover_kept.h"

#include <string.h>

#include "engine/shard/connection.h"
#include "engine/stages/handover.h"
#include "engine/stages/kept.h"
#include "engine/stages/opening.h"
#include "engine/stages/opening_say.h"

_Static_assert(sizeof(struct handed_piece) == 1132, "no padding but what is named");

static uint16_t least(uint32_t a, uint32_t b)
{
    return (uint16_t)(a < b ? a : b);
}

/* --- out ------------------------------------------------------------------------------------- */

static void fill(const struct engine *engine, const struct slot *slot, uint32_t chunk,
                 struct handed_piece *out)
{
    const struct flow *flow = &engine->flows.flows[slot->flow];
    const uint32_t offset = chunk * SLOT_CHUNK_BYTES;

    memset(out, 0, sizeof(*out));
    out->key = flow->key;
    out->x = slot->x;
    out->c = slot->c;
    out->read = slot->read;
    out->generation = slot->generation;
    out->client_ack = slot->client_ack;
    out->tsval = slot->tsval;
    out->tsecr = slot->tsecr;
    out->since_ms = slot->since_ms;
    out->promised = slot->promised;
    out->offset = (uint16_t)offset;
    out->bytes = least(slot->promised - offset, SLOT_CHUNK_BYTES);
    out->timestamps = (slot->flags & SLOT_TIMESTAMPS) != 0;
    out->greeted = (slot->flags & SLOT_GREETED) != 0;
    out->known = (slot->flags & SLOT_KNOWN) != 0;
    out->whole = (slot->flags & SLOT_WHOLE) != 0;
    memcpy(out->link.bytes, slot->link, sizeof(out->link.bytes));
    out->link.length = slot->link_bytes;
    memcpy(out->data, engine->slots.chunks + (size_t)slot->chunk[chunk] * SLOT_CHUNK_BYTES,
           out->bytes);
}

uint32_t handover_pieces(const struct engine *engine, uint32_t *cursor, struct handed_piece *out,
                         uint32_t max)
{
    uint32_t count = 0;

    for (; *cursor < engine->slots.untouched * SLOT_CHUNKS && count < max; ++*cursor) {
        const struct slot *slot = &engine->slots.slots[*cursor / SLOT_CHUNKS];
        const uint32_t chunk = *cursor % SLOT_CHUNKS;

        if (slot->flow != SLOT_NONE && (slot->flags & SLOT_PROMISED) &&
            chunk * SLOT_CHUNK_BYTES < slot->promised)
            fill(engine, slot, chunk, &out[count++]);
    }
    return count;
}

/* --- in -------------------------------------------------------------------------------------- */

static bool is_sane(const struct handed_piece *from)
{
    return from->promised <= SLOT_BYTES && from->offset < from->promised &&
           from->offset % SLOT_CHUNK_BYTES == 0 &&
           from->bytes == least(from->promised - from->offset, SLOT_CHUNK_BYTES) &&
           from->link.length >= ETH_HEADER_BYTES && from->link.length <= LINK_HEADER_MAX;
}

/* Whoever had one has one: what newcomers may have was judged when it came. */
static struct slot *take_slot(struct engine *engine, const struct handed_piece *from,
                              const struct server *server, uint64_t now_us)
{
    const uint16_t index = (uint16_t)(server - engine->servers.slots);
    struct slot *slot = slot_take(&engine->slots, &from->key, index, from->known != 0, now_us);

    if (slot && from->whole)
        slot_whole(&engine->slots, slot);
    return slot;
}

static void fill_slot(struct slot *slot, const struct handed_piece *from)
{
    slot->x = from->x;
    slot->c = from->c;
    slot->read = from->read;
    slot->generation = from->generation;
    slot->client_ack = from->client_ack;
    slot->tsval = from->tsval;
    slot->tsecr = from->tsecr;
    slot->since_ms = from->since_ms;
    slot->promised = from->promised; /* more than is there, until the last piece is */
    slot->flags |= (uint16_t)(SLOT_HANDED | (from->timestamps ? SLOT_TIMESTAMPS : 0) |
                              (from->greeted ? SLOT_GREETED : 0));
    memcpy(slot->link, from->link.bytes, sizeof(slot->link));
    slot->link_bytes = from->link.length;
}

/* The flow of a request whose first piece this is; NULL: there is no room. */
static struct flow *begin(struct engine *engine, const struct handed_piece *from, uint64_t now_us)
{
    const struct server_key key = flow_key_server(&from->key);
    struct server *server = server_find(&engine->servers, &key);
    struct slot *slot = NULL;
    struct flow *flow = NULL;

    if (server && !flow_find(&engine->flows, &from->key))
        slot = take_slot(engine, from, server, now_us);
    if (slot)
        flow = flow_new(&engine->flows, &from->key, FLOW_KEPT, now_us);
    if (!flow) {
        if (slot)
            slot_give_back(&engine->slots, slot);
        return NULL;
    }
    fill_slot(slot, from);
    slot->flow = flow_index(&engine->flows, flow);
    flow_cold(&engine->flows, flow)->slot = slot_index(&engine->slots, slot);
    flow_cold(&engine->flows, flow)->client_isn = from->x;
    flow_bind_server(engine, flow, server);
    timer_wheel_set(&engine->slots.wheel, slot_index(&engine->slots, slot), now_us);
    return flow;
}

/* What stands for one tuple may be of two requests, where somebody has written it: neither gets the
 * other's bytes. */
static bool is_same(const struct slot *slot, const struct handed_piece *from)
{
    return slot->x == from->x && slot->c == from->c && slot->generation == from->generation &&
           slot->since_ms == from->since_ms && slot->promised == from->promised;
}

/* Of one whose pieces before this one are there; NULL: they are not. */
static struct flow *find_begun(struct engine *engine, const struct handed_piece *from)
{
    struct flow *flow = flow_find(&engine->flows, &from->key);
    const struct slot *slot = flow && flow->state == FLOW_KEPT ? kept_slot(engine, flow) : NULL;

    if (!slot || !(slot->flags & SLOT_HANDED) || !is_same(slot, from))
        return NULL;
    return slot->bytes == from->offset ? flow : NULL;
}

/* Nobody is kept for it: its client is reset at once, where the outbox has room, else when it says
 * more. Its later pieces find the tuple taken: one reset. */
static void refuse(struct engine *engine, const struct handed_piece *from, uint64_t now_us)
{
    const struct flow *flow = NULL;
    struct slot slot = {0};

    if (takeover_lost(engine, &from->key, now_us))
        flow = flow_find(&engine->flows, &from->key);
    if (!flow || !flow_server(engine, flow))
        return;
    fill_slot(&slot, from);
    kept_reset(engine, flow, &slot);
}

void takeover_piece(struct engine *engine, const struct handed_piece *from, uint64_t now_us)
{
    struct flow *flow;
    struct slot *slot;

    if (!is_sane(from)) {
        takeover_lost(engine, &from->key, now_us);
        return;
    }
    flow = from->offset ? find_begun(engine, from) : begin(engine, from, now_us);
    if (!flow) {
        refuse(engine, from, now_us);
        return;
    }
    slot = kept_slot(engine, flow);
    slot_add(&engine->slots, slot, from->offset, from->data, from->bytes);
    if (slot->bytes < from->offset + from->bytes) { /* there is no room for it */
        engine_flow_free(engine, flow);
        refuse(engine, from, now_us);
        return;
    }
    /* That one is missing shows when it is looked at. */
    if (slot->bytes == from->promised)
        slot_promise(&engine->slots, slot);
}

/* --- out of openings ------------------------------------------------------------------------- */

/* What went with a grant its server may have taken, and a greeting that is due stands nowhere else:
 * these are not kept. */
static bool may_be_kept(const struct flow *flow, const struct opening *opening)
{
    return flow->state == FLOW_OPENING && opening->promised > 0 &&
           opening->held_bytes >= opening->promised && !opening->first_granted_us &&
           !(flow->flags & FLOW_GREETING_DUE);
}

/* All but what differs from piece to piece. */
static void fill_from_opening(const struct flow *flow, const struct opening *opening,
                              struct handed_piece *out)
{
    memset(out, 0, sizeof(*out));
    out->key = flow->key;
    out->x = opening->client_isn;
    out->c = opening->c;
    out->read = opening->read;
    out->generation = opening->generation;
    out->client_ack = opening->client_ack;
    out->tsval = opening->client_tsval;
    out->tsecr = opening->echo;
    out->since_ms = (uint32_t)(opening->proved_us / 1000);
    out->promised = opening->held_bytes;
    out->timestamps = opening->timestamps;
    out->greeted = opening->greeting_bytes != 0;
    out->whole = opening->whole;
    out->link = opening->to_client;
}

bool handover_keep(struct engine *engine, struct flow *flow, uint64_t now_us)
{
    const struct opening *opening =
        &engine->openings.openings[flow_cold(&engine->flows, flow)->opening];
    uint8_t held[HOLD_BYTES];
    struct handed_piece piece;

    if (!may_be_kept(flow, opening))
        return false;
    fill_from_opening(flow, opening, &piece);
    memcpy(held, opening_hold(&engine->openings, opening), piece.promised);
    opening_reset_server(engine, flow, opening);
    opening_done(engine, flow);
    engine_flow_free(engine, flow);
    for (uint32_t at = 0; at < piece.promised; at += SLOT_CHUNK_BYTES) {
        piece.offset = (uint16_t)at;
        piece.bytes = least(piece.promised - at, SLOT_CHUNK_BYTES);
        memcpy(piece.data, held + at, piece.bytes);
        takeover_piece(engine, &piece, now_us);
    }
    return true;
}
