/* SPDX-License-Identifier: GPL-2.0-or-later */
/* carry.c - see carry.h. */
#include "engine/stages/carry.h"

#include "engine/shard/observe.h"
#include "engine/shard/passage.h"
#include "engine/stages/ack_storm.h"
#include "engine/stages/granting.h"
#include "engine/stages/preparing.h"
#include "engine/stages/splice.h"
#include "engine/stages/telling.h"
#include "engine/stages/track.h"
#include "engine/tables/joined_log.h"
#include "engine/tables/carried.h"

/* Two names of one number: that they stay so is what is asserted.
 * NOLINTBEGIN(misc-redundant-expression) */
_Static_assert(RECORD_NEAR_BYTES == TRACK_NEAR_BYTES && RECORD_OLD_BYTES == TRACK_OLD_BYTES &&
                   RECORD_PROGRESS_BYTES == TRACK_PROGRESS_BYTES,
               "the kernel believes what the engine does");
_Static_assert(RECORD_FLOOR_DISTANCE == SPLICE_FLOOR_DISTANCE &&
                   RECORD_FLOOR_FARTHEST == SPLICE_FLOOR_FARTHEST &&
                   RECORD_TIMESTAMPS_BYTES == TIMESTAMPS_BYTES,
               "the kernel translates as the engine does");
_Static_assert(RECORD_WATCH_BYTES == OBSERVATION_FLOW_BYTES, "the learner gets as much");
/* NOLINTEND(misc-redundant-expression) */

/* Nothing that its halves differ in but offsets. */
static bool spliced_plainly(const struct flow *flow)
{
    return !(flow->flags & (FLOW_GREETING_DUE | FLOW_NO_SACK | FLOW_REFUSED)) &&
           !flow->to_client_shift && !flow->to_server_shift;
}

static bool may_be_carried(const struct flow *flow)
{
    if (flow->key.vlan.id[1])
        return false;
    if (flow->state == FLOW_SPLICED)
        return spliced_plainly(flow);
    return flow->state == FLOW_ESTABLISHED || flow->state == FLOW_OUTBOUND;
}

/* Its server's first segment says that it has the connection, and is told of (telling.c). */
static bool is_granted(const struct engine *engine, const struct flow *flow)
{
    return flow->state == FLOW_OPENING && engine->telling &&
           granting_is_open(engine, flow_cold(&engine->flows, flow)->opening);
}

/* Until the server is known to have answered nothing of it is to be settled. */
static bool is_prepared(const struct engine *engine, const struct flow *flow)
{
    return flow->state == FLOW_OPENING && engine->telling &&
           preparing_is_open(engine, flow_cold(&engine->flows, flow)->opening);
}

/* A client's first data is for the trigger of the silent (track_speaks()), and behind the FIN of
 * one that is only followed its segments are looked at one by one (plain_of_client()). */
static bool gate_may_open(const struct flow *flow, const struct flow_cold *cold, enum side from)
{
    const bool spoken = cold->client_next != cold->client_isn + 1;

    if (from == SIDE_SERVER)
        return cold->server_next;
    return (!(flow->flags & FLOW_CLIENT_FIN) || flow->state == FLOW_SPLICED) &&
           (spoken || cold->offered == FLOW_OFFER_MIDDLE || flow->state == FLOW_OUTBOUND);
}

/* Whether somebody is to see what this side of the connection says. */
static bool is_watched(const struct engine *engine, const struct flow_cold *cold, enum side from)
{
    return cold->sampled[from] < 2 * OBSERVATION_FLOW_BYTES &&
           !(engine->telling && engine->telling->unlearned);
}

static uint16_t flags_of(const struct engine *engine, const struct flow *flow,
                         const struct flow_cold *cold)
{
    uint16_t flags = 0;

    if (flow->state == FLOW_OPENING)
        return RECORD_EDIT | RECORD_ASKING | RECORD_GRANTED |
               (cold->timestamps ? RECORD_TIMESTAMPS : 0);
    if (flow->state == FLOW_SPLICED)
        flags |= RECORD_EDIT;
    if (flow->flags & FLOW_NO_ECN)
        flags |= RECORD_NO_ECN;
    if (cold->timestamps)
        flags |= RECORD_TIMESTAMPS;
    if (is_watched(engine, cold, SIDE_CLIENT))
        flags |= RECORD_WATCH_CLIENT;
    if (is_watched(engine, cold, SIDE_SERVER))
        flags |= RECORD_WATCH_SERVER;
    return flags;
}

static void fill_in(struct engine *engine, const struct flow *flow, struct flow_record *record)
{
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);
    struct carried *carried = engine->flows.carried;

    carried->serial = carried->serial % (RECORD_SERIALS - 1) + 1; /* never 0 */
    record->serial = carried->serial;
    /* In one: the kernel may still compare them with what stood here before (record_token()). */
    __atomic_store_n(&record->offsets, (uint64_t)flow->ts_delta << 32 | flow->delta,
                     __ATOMIC_RELAXED);
    __atomic_store_n(&record->floors, (uint64_t)flow->tsecr_floor << 32 | flow->ack_floor,
                     __ATOMIC_RELAXED);
    record->used = flow->used;
    record->begin[SIDE_CLIENT] = cold->client_isn + 1;
    record->begin[SIDE_SERVER] = cold->server_isn + 1;
    record->flow_label =
        addr_is_v4(&flow->key.server) ? 0 : flow_label_to_client(engine, &flow->key);
    record->server_mss = cold->server_mss;
    record->empty = 0;
    record->closed = 0;
    record->ended[SIDE_CLIENT] = record->ended[SIDE_SERVER] = RECORD_LIVES;
    __atomic_store_n(&record->way[SIDE_CLIENT],
                     record_way(record->serial, RECORD_UP, cold->client_next), __ATOMIC_RELEASE);
    __atomic_store_n(&record->way[SIDE_SERVER],
                     record_way(record->serial, RECORD_UP, cold->server_next), __ATOMIC_RELEASE);
}

/* All below `next` has gone out. */
static void settle_way(uint64_t *at, uint32_t next, bool open)
{
    uint64_t was = __atomic_load_n(at, __ATOMIC_RELAXED), is;

    do {
        uint32_t gate = record_gate(was);

        if (!open)
            gate = RECORD_UP;
        else if (gate == RECORD_UP)
            gate = RECORD_JOIN;
        is = record_way(record_serial(was), gate, record_later(record_next(was), next));
    } while (!__atomic_compare_exchange_n(at, &was, is, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

static void write_floors(const struct engine *engine, const struct flow *flow,
                         const struct flow_cold *cold, struct flow_record *record)
{
    __atomic_store_n(&record->tsecr_floor, flow->tsecr_floor, __ATOMIC_RELAXED);
    __atomic_store_n(&record->ack_floor, flow->ack_floor, __ATOMIC_RELAXED);
    __atomic_store_n(&record->flags, flags_of(engine, flow, cold), __ATOMIC_RELAXED);
}

static bool add(struct engine *engine, uint32_t index, struct flow_record *record)
{
    fill_in(engine, &engine->flows.flows[index], record);
    record->added = carried_add(&engine->flows, index);
    return record->added;
}

static void settle(struct engine *engine, uint32_t index)
{
    const struct flow *flow = &engine->flows.flows[index];
    const struct flow_cold *cold = &engine->flows.cold[index];
    struct flow_record *record = &engine->flows.carried->records[index];

    if (!may_be_carried(flow)) {
        carried_withdraw(&engine->flows, index);
        return;
    }
    if (!record->added && !add(engine, index, record))
        return;
    joined_log_follow(&engine->flows, flow);
    write_floors(engine, flow, cold, record);
    settle_way(&record->way[SIDE_CLIENT], cold->client_next,
               gate_may_open(flow, cold, SIDE_CLIENT));
    settle_way(&record->way[SIDE_SERVER], cold->server_next,
               gate_may_open(flow, cold, SIDE_SERVER));
}

void carry_again(struct engine *engine, const struct flow *flow)
{
    if (engine->flows.carried)
        settle(engine, flow_index(&engine->flows, flow));
}

bool carry_all_joined(struct engine *engine, uint32_t *cursor)
{
    const struct carried *carried = engine->flows.carried;

    for (; carried && *cursor < engine->flows.unused; ++*cursor) {
        if (carried->orders_count == CARRIED_ORDERS)
            return true;
        if (engine->flows.flows[*cursor].state == FLOW_SPLICED)
            settle(engine, *cursor);
    }
    return false;
}

/* What the server has said is on its way through here. Without an offset its own TCP has made the
 * connection, and has said that it has (granting.h), if only by a bare ACK. */
static bool server_was_heard(const struct flow *flow, const struct flow_cold *cold)
{
    return cold->server_next != cold->server_isn + 1 || !flow->delta;
}

/*
 * Of one that was joined in this batch the server answers as soon as it has the request, which is
 * still to be written: so the kernel is told before. Nothing that the server has said is on its way
 * through here; its client may go on when all is written (carry_settle()), or when there is an
 * answer, which says that it is.
 */
static bool begin_joined(struct engine *engine, uint32_t index, struct flow_record *record)
{
    const struct flow *flow = &engine->flows.flows[index];
    const struct flow_cold *cold = &engine->flows.cold[index];

    if (flow->state != FLOW_SPLICED || server_was_heard(flow, cold) || !add(engine, index, record))
        return false;
    write_floors(engine, flow, cold, record);
    record->flags |= RECORD_ASKING;
    settle_way(&record->way[SIDE_CLIENT], cold->client_next,
               gate_may_open(flow, cold, SIDE_CLIENT));
    settle_way(&record->way[SIDE_SERVER], cold->server_next, true);
    return true;
}

/*
 * The same of one that its server's own TCP makes: all that this says is in our numbers from the
 * first. Its client goes on when there is an answer, or when the engine has been told of the first
 * segment of the server's; until then nothing is to be settled.
 */
static void begin_granted(struct engine *engine, uint32_t index, struct flow_record *record)
{
    const struct flow_cold *cold = &engine->flows.cold[index];

    if (record->added || !add(engine, index, record))
        return;
    write_floors(engine, &engine->flows.flows[index], cold, record);
    settle_way(&record->way[SIDE_CLIENT], cold->client_next, true);
    settle_way(&record->way[SIDE_SERVER], cold->server_next, true);
}

bool carry_prepared(struct engine *engine, uint32_t index, uint32_t first, uint16_t flags,
                    uint32_t place)
{
    struct flow_record *record = &engine->flows.carried->records[index];
    const struct flow_cold *cold = &engine->flows.cold[index];

    fill_in(engine, &engine->flows.flows[index], record);
    record->flags = (uint16_t)(RECORD_EDIT | RECORD_ASKING | RECORD_PREPARED | flags |
                               (cold->timestamps ? RECORD_TIMESTAMPS : 0));
    record->begin[SIDE_SERVER] = first;
    record->floors = record_token(record->serial, place);
    __atomic_store_n(&record->offsets, record_token(record->serial, place), __ATOMIC_RELEASE);
    settle_way(&record->way[SIDE_CLIENT], cold->client_next, true);
    record->added = carried_add(&engine->flows, index);
    return record->added;
}

/* Neither known to the kernel nor about to be. */
static bool is_left(struct engine *engine, uint32_t index, struct flow_record *record)
{
    if (is_granted(engine, &engine->flows.flows[index])) {
        begin_granted(engine, index, record);
        return true;
    }
    if (is_prepared(engine, &engine->flows.flows[index]))
        return true;
    if (record->added)
        return false;
    if (!may_be_carried(&engine->flows.flows[index])) {
        record->seen = 0;
        return true;
    }
    /* Where its server has spoken in this batch carry_settle() adds it, when all is written. */
    if (begin_joined(engine, index, record) || engine->flows.flows[index].state == FLOW_SPLICED)
        return false;
    return record->seen < CARRY_AFTER && ++record->seen < CARRY_AFTER;
}

bool carry_is_due(struct engine *engine)
{
    struct carried *carried = engine->flows.carried;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < carried->touched_count; i++) {
        const uint32_t index = carried->touched[i];
        struct flow_record *record = &carried->records[index];

        if (is_left(engine, index, record))
            record->touched = false;
        else
            carried->touched[kept++] = index;
    }
    carried->touched_count = kept;
    carried->sifted = kept > 0;
    return kept > 0;
}

void carry_settle(struct engine *engine)
{
    struct carried *carried = engine->flows.carried;

    if (!carried->sifted)
        carry_is_due(engine);
    carried->sifted = false;
    for (uint32_t i = 0; i < carried->touched_count; i++) {
        carried->records[carried->touched[i]].touched = false;
        settle(engine, carried->touched[i]);
    }
    carried->touched_count = 0;
}
