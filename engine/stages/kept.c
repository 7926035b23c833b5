/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kept.c - see kept.h. */
#include "engine/stages/kept.h"

#include "engine/base/bytes.h"
#include "engine/shard/connection.h"
#include "engine/stages/admission.h"
#include "engine/stages/greeting.h"
#include "engine/stages/handover.h"
#include "engine/stages/request.h"
#include "engine/stages/speak.h"
#include "engine/tcp/cookie.h"

#define PROMISE_AFTER_MS 40u /* at most 500: RFC 1122 4.2.3.2 */
/* Idle, and in all: HTTP and TLS, what somebody may be typing, and second slots of a source while
 * slots are scarce */
#define BRISK_IDLE_MS  20000u
#define BRISK_TOTAL_MS 60000u
#define TYPED_IDLE_MS  60000u
#define TYPED_TOTAL_MS 300000u
#define BRIEF_MS       300u
/* Where a length says that more is to come: it may be lost. What is not let in then is tried again
 * as often. */
#define BRIEF_LENGTH_MS 1000u
#define SCARCE_IDLE_MS  5000u
#define SCARCE_TOTAL_MS 20000u
/* Second slots of a source are looked at so often: slots may be scarce by then */
#define LOOK_MS 5000u

uint16_t kept_window(uint32_t promised, uint8_t scale)
{
    uint32_t left = SLOT_BYTES - promised;

    /* Rounded up: an edge that lies a little to the right is no promise broken (RFC 7323 2.4). */
    return (uint16_t)((left + (1u << scale) - 1) >> scale);
}

/* --- what we say ----------------------------------------------------------------------------- */

/* Of the slot's connection, or NULL where it is forgotten. */
static const struct promise *promise_of(struct engine *engine, const struct flow *flow,
                                        const struct slot *slot, uint64_t now_us)
{
    return server_promise(engine, flow_server(engine, flow), addr_is_v4(&flow->key.server),
                          slot->generation, now_us);
}

static struct cookie_options client_of(const struct flow *flow, const struct slot *slot)
{
    struct cookie_options client = cookie_read(&flow->key, slot->read);

    if (slot->flags & SLOT_TIMESTAMPS)
        cookie_refine(&flow->key, slot->tsecr, &client);
    return client;
}

static uint8_t promised_scale(const struct promise *promise, const struct cookie_options *client)
{
    return client->window_scale != WSCALE_NONE &&
                   promise->synack.window_scale_state == CAPABILITY_GRANTED
               ? promise->synack.window_scale
               : 0;
}

/* The ACK of what was promised (RFC 9293 3.10.7.4); TSecr is of the last segment in order (RFC 7323
 * 4.3). */
static void speak_ack(const struct engine *engine, const struct flow *flow, const struct slot *slot,
                      const struct promise *promise, struct segment *segment, uint8_t options[12])
{
    const struct cookie_options client = client_of(flow, slot);

    speak_for(engine, promise, &flow->key, segment);
    segment->flags = TCP_ACK;
    segment->seq = slot->client_ack;
    segment->ack = slot->x + 1 + slot->promised;
    segment->window = kept_window(slot->promised, promised_scale(promise, &client));
    if (slot->flags & SLOT_TIMESTAMPS) {
        const uint32_t own = cookie_tsval(&engine->config.keys, &flow->key, &client,
                                          cookie_time(engine, engine->now_us));

        segment->options = options;
        segment->options_bytes =
            segment_timestamps(options, tsval_shared(engine, own, slot->tsecr), slot->tsval);
    }
    address_to_client(&flow->key, segment);
}

static void link_of(const struct slot *slot, struct link_header *link)
{
    memcpy(link->bytes, slot->link, sizeof(link->bytes));
    link->length = slot->link_bytes;
}

void kept_client_segment(struct engine *engine, struct flow *flow, struct link_header *link,
                         struct segment *segment, uint8_t options[12])
{
    const struct slot *slot = kept_slot(engine, flow);
    const uint8_t scale = client_of(flow, slot).window_scale;

    link_of(slot, link);
    link_header_turn(link);
    segment_begin(segment);
    address_to_server(&flow->key, segment);
    segment->flags = TCP_ACK;
    segment->seq = slot->x + 1 + slot->bytes;
    segment->ack = slot->client_ack;
    segment->ttl = TTL_DEFAULT;
    /* Its newest is not remembered: any host has room for so much. */
    segment->window = kept_window(0, scale == WSCALE_NONE ? 0 : scale);
    if (slot->flags & SLOT_TIMESTAMPS) {
        segment->options = options;
        segment->options_bytes = segment_timestamps(options, slot->tsval, slot->tsecr);
    }
}

static void say_ack(struct engine *engine, struct passage *passage, struct flow *flow)
{
    const struct slot *slot = kept_slot(engine, flow);
    const struct promise *promise = promise_of(engine, flow, slot, passage->now_us);
    struct segment segment;
    uint8_t options[12];

    if (!promise) {
        passage_drop(engine, passage, DROP_answered);
        return;
    }
    speak_ack(engine, flow, slot, promise, &segment, options);
    passage_answer(engine, passage, &segment);
}

/* From a timer; the delayed ACK of RFC 1122 4.2.3.2. */
static void emit(struct engine *engine, const struct flow *flow, const struct slot *slot,
                 bool reset)
{
    const struct promise *promise = promise_of(engine, flow, slot, engine->now_us);
    struct link_header link;
    struct segment segment;
    uint8_t options[12];

    if (!promise)
        promise =
            server_promise_now(engine, flow_server(engine, flow), addr_is_v4(&flow->key.server));
    speak_ack(engine, flow, slot, promise, &segment, options);
    if (reset) {
        segment.flags = TCP_RST | TCP_ACK;
        segment.options_bytes = 0;
    }
    link_of(slot, &link);
    engine_emit(engine, SIDE_CLIENT, &link, &segment);
}

void kept_reset(struct engine *engine, const struct flow *flow, const struct slot *slot)
{
    emit(engine, flow, slot, true);
}

/* --- time ------------------------------------------------------------------------------------ */

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static bool is_short_lived(const struct engine *engine, const struct slot *slot)
{
    return (slot->flags & SLOT_SECOND) && slots_are_scarce(&engine->slots);
}

/* True where the acknowledgement only waits for its time. While slots are scarce it waits for the
 * client to repeat itself, but for a source's first. */
static bool waits_to_promise(const struct engine *engine, const struct slot *slot)
{
    return !(slot->flags & (SLOT_PROMISED | SLOT_WAITS)) && !is_short_lived(engine, slot);
}

static uint32_t brief_ms(struct engine *engine, const struct flow *flow)
{
    const struct server *server = flow_server(engine, flow);

    return server->policy && server->policy->pattern.lengths ? BRIEF_LENGTH_MS : BRIEF_MS;
}

/* How long it has left, in ms; 0: its time is over. */
static uint32_t life_left(struct engine *engine, const struct flow *flow, const struct slot *slot,
                          uint64_t now_us)
{
    bool typed = slot->flags & SLOT_TYPED, scarce = is_short_lived(engine, slot);
    uint32_t idle = scarce ? SCARCE_IDLE_MS : typed ? TYPED_IDLE_MS : BRISK_IDLE_MS;
    uint32_t total = scarce ? SCARCE_TOTAL_MS : typed ? TYPED_TOTAL_MS : BRISK_TOTAL_MS;
    uint32_t idle_ms = (uint32_t)(((uint64_t)(flow_clock(now_us) - flow->used) << 16) / 1000);
    uint32_t age_ms = (uint32_t)(now_us / 1000) - slot->since_ms;

    if (slot->flags & SLOT_BRIEF)
        total = brief_ms(engine, flow);
    return least(idle > idle_ms ? idle - idle_ms : 0, total > age_ms ? total - age_ms : 0);
}

/* True of what was waited for in vain, and not let in as it stands so far. */
static bool is_tried_again(const struct slot *slot)
{
    return (slot->flags & (SLOT_AS_IS | SLOT_FITS | SLOT_WAITS)) == SLOT_AS_IS;
}

static void set_timer(struct engine *engine, const struct flow *flow, const struct slot *slot,
                      uint64_t now_us)
{
    uint32_t age_ms = (uint32_t)(now_us / 1000) - slot->since_ms;
    uint32_t wait_ms = least(life_left(engine, flow, slot, now_us), LOOK_MS);

    if (waits_to_promise(engine, slot))
        wait_ms = least(wait_ms, age_ms < PROMISE_AFTER_MS ? PROMISE_AFTER_MS - age_ms : 0);
    if (is_tried_again(slot))
        wait_ms = least(wait_ms, BRIEF_LENGTH_MS - age_ms % BRIEF_LENGTH_MS);
    timer_wheel_set(&engine->slots.wheel, slot_index(&engine->slots, slot),
                    now_us + 1000ull * wait_ms);
}

/* Pieces are missing of what the last process has promised. */
static bool is_lost(const struct slot *slot)
{
    return (slot->flags & (SLOT_HANDED | SLOT_PROMISED)) == SLOT_HANDED;
}

static void forget_handed(struct engine *engine, struct flow *flow, uint64_t now_us)
{
    const struct flow_key key = flow->key;

    kept_end(engine, flow, now_us);
    takeover_lost(engine, &key, now_us); /* our reset may get lost, too */
}

static void give_up_handed(struct engine *engine, struct flow *flow, uint64_t now_us)
{
    kept_reset(engine, flow, kept_slot(engine, flow));
    forget_handed(engine, flow, now_us);
}

/* Its client may have said all that it will say. */
static void look_at_handed(struct engine *engine, struct flow *flow, struct slot *slot,
                           uint64_t now_us)
{
    if (is_lost(slot)) {
        give_up_handed(engine, flow, now_us);
        return;
    }
    slot->flags &= (uint16_t)~SLOT_HANDED;
    set_timer(engine, flow, slot, now_us);
    request_again(engine, flow, now_us);
}

bool kept_tick(struct engine *engine, uint64_t now_us)
{
    uint32_t index = timer_wheel_expired(&engine->slots.wheel, now_us);
    struct slot *slot;
    struct flow *flow;
    bool is_over;

    if (index == TIMER_NONE)
        return false;
    slot = &engine->slots.slots[index];
    flow = &engine->flows.flows[slot->flow];
    if (slot->flags & SLOT_HANDED) {
        look_at_handed(engine, flow, slot, now_us);
        return true;
    }
    is_over = !life_left(engine, flow, slot, now_us);
    if (is_over && !(slot->flags & SLOT_BRIEF)) {
        engine->counters.requests_unfinished++;
        kept_cut(engine, flow, now_us);
        return true;
    }
    /* Before all else, or the timer would be due again at once. */
    if (waits_to_promise(engine, slot) &&
        (uint32_t)(now_us / 1000) - slot->since_ms >= PROMISE_AFTER_MS) {
        slot_promise(&engine->slots, slot);
        emit(engine, flow, slot, false);
    }
    if (is_over || is_tried_again(slot)) {
        slot->flags = (uint16_t)((slot->flags & ~SLOT_BRIEF) | SLOT_AS_IS);
        set_timer(engine, flow, slot, now_us);
        request_again(engine, flow, now_us);
        return true;
    }
    set_timer(engine, flow, slot, now_us);
    return true;
}

/* --- beginning and end ----------------------------------------------------------------------- */

/* Whose slot is needed: one that lacks pieces has promised something all the same. */
static void make_way(struct engine *engine, const struct slot *victim, uint64_t now_us)
{
    struct flow *flow = &engine->flows.flows[victim->flow];

    if (is_lost(victim))
        give_up_handed(engine, flow, now_us);
    else
        kept_end(engine, flow, now_us);
}

/* Room for one more, or NULL: then the frame has been dropped. */
static struct slot *find_room(struct engine *engine, struct passage *passage,
                              const struct server *server)
{
    uint16_t index = (uint16_t)(server - engine->servers.slots);
    const struct source_id source = source_of_passage(passage, &passage->key.client);
    bool known = source_matched_lately(&engine->sources, &source, KEPT_MATCHED_US, passage->now_us);
    struct slot *victim = NULL, *slot = NULL;
    enum slot_room room =
        slot_room(&engine->slots, &passage->key, index, known, passage->now_us, &victim);

    if (room == SLOT_ROOM_AFTER)
        make_way(engine, victim, passage->now_us);
    if (room != SLOT_ROOM_NONE)
        slot = slot_take(&engine->slots, &passage->key, index, known, passage->now_us);
    if (!slot)
        passage_drop(engine, passage, DROP_slots_full);
    return slot;
}

static void fill(struct slot *slot, const struct passage *passage, const struct proof *proof)
{
    struct link_header link;

    slot->x = proof->x;
    slot->c = proof->c;
    slot->read = proof->read;
    slot->generation = proof->promise->generation;
    slot->client_ack = passage->frame.ack;
    slot->tsval = passage->options.tsval;
    slot->tsecr = passage->options.tsecr;
    slot->flags |=
        (uint16_t)((proof->timestamps ? SLOT_TIMESTAMPS : 0) | (proof->greeted ? SLOT_GREETED : 0));
    link_header_reverse(&passage->frame, &link);
    memcpy(slot->link, link.bytes, sizeof(slot->link));
    slot->link_bytes = link.length;
}

struct slot *kept_begin(struct engine *engine, struct passage *passage, struct server *server,
                        const struct proof *proof, struct flow *before)
{
    const struct frame *frame = &passage->frame;
    struct slot *slot;
    struct flow *flow;

    if (engine->ending) {
        passage_drop(engine, passage, DROP_no_room);
        return NULL;
    }
    /* What an older connection on the tuple left is the first to go: it could be the one that is
     * evicted for this. */
    if (before && before->state == FLOW_KEPT) {
        engine_flow_free(engine, before);
        before = NULL;
    }
    slot = find_room(engine, passage, server);
    if (!slot)
        return NULL;
    fill(slot, passage, proof);
    if (proof->greeted)
        greeting_heard(engine, passage, proof->c);
    if (slot_add(&engine->slots, slot, 0, frame_payload(frame), frame->payload_bytes) !=
        SLOT_GREW) {
        slot_give_back(&engine->slots, slot);
        passage_drop(engine, passage, DROP_slots_full);
        return NULL;
    }
    if (before)
        engine_flow_free(engine, before);
    flow = engine_flow_new(engine, &passage->key, FLOW_KEPT, passage->now_us);
    if (!flow) {
        slot_give_back(&engine->slots, slot);
        passage_drop(engine, passage, DROP_no_room);
        return NULL;
    }
    slot->flow = flow_index(&engine->flows, flow);
    flow_cold(&engine->flows, flow)->slot = slot_index(&engine->slots, slot);
    flow_cold(&engine->flows, flow)->client_isn = proof->x;
    flow_bind_server(engine, flow, server);
    return slot;
}

bool kept_end(struct engine *engine, struct flow *flow, uint64_t now_us)
{
    const struct slot *slot = kept_slot(engine, flow);
    uint64_t hash = engine_hash(engine, &flow->key);
    bool promised = slot->flags & SLOT_PROMISED;

    /* What still comes of it is answered by a reset: its client may not have got ours. */
    if (promised) {
        served_note(&engine->served, hash, slot->x, now_us);
        served_note(&engine->served, hash, slot->x + 1 + slot->promised, now_us);
    }
    resend_remove(engine->greetings, &flow->key);
    engine_flow_free(engine, flow);
    return promised;
}

void kept_cut(struct engine *engine, struct flow *flow, uint64_t now_us)
{
    const struct slot *slot = kept_slot(engine, flow);

    if (slot->flags & SLOT_PROMISED)
        emit(engine, flow, slot, true);
    kept_end(engine, flow, now_us);
}

void kept_wait(struct engine *engine, struct passage *passage, struct flow *flow)
{
    struct slot *slot = kept_slot(engine, flow);
    bool enough = slot->bytes >= 2u * client_of(flow, slot).mss;
    uint16_t promised = slot->promised;

    if (!(slot->flags & SLOT_WAITS) && ((slot->flags & SLOT_PROMISED) || enough))
        slot_promise(&engine->slots, slot);
    set_timer(engine, flow, slot, passage->now_us);
    /* A timer that finds nothing new (request_again()) has nobody to answer. */
    if ((slot->flags & SLOT_PROMISED) &&
        (slot->promised != promised || passage->frame.payload_bytes ||
         (passage->frame.flags & TCP_FIN)))
        say_ack(engine, passage, flow);
    else
        passage_hold(passage);
}

/* --- frames ---------------------------------------------------------------------------------- */

/* True where the segment speaks of this connection: otherwise it may be another on the tuple. */
static bool is_of_slot(const struct slot *slot, const struct promise *promise,
                       const struct frame *frame)
{
    return frame->seq - slot->x <= 1 + 2 * SLOT_BYTES &&
           frame->ack - (slot->c + 1) <= (promise ? promise->greeting_bytes : 0u);
}

/* RFC 7323 5.3 R1, and 3.2: without the timestamps that were agreed on it is not from this client.
 */
static bool is_old(const struct slot *slot, const struct passage *passage)
{
    return (slot->flags & SLOT_TIMESTAMPS) && (!(passage->options.present & OPTION_TIMESTAMPS) ||
                                               seq_before(passage->options.tsval, slot->tsval));
}

static void client_reset(struct engine *engine, struct passage *passage, struct flow *flow)
{
    const struct slot *slot = kept_slot(engine, flow);
    uint32_t offset = passage->frame.seq - (slot->x + 1);

    passage_drop(engine, passage, DROP_answered);
    if (offset == slot->bytes || offset == slot->promised) /* RFC 5961 3.2 */
        engine_flow_free(engine, flow);
}

static void note(struct engine *engine, const struct passage *passage, struct flow *flow,
                 struct slot *slot, const struct promise *promise)
{
    const struct frame *frame = &passage->frame;

    flow->used = flow_clock(passage->now_us);
    if (seq_before(slot->client_ack, frame->ack))
        slot->client_ack = frame->ack;
    if (promise && promise->greeting_bytes && !(slot->flags & SLOT_GREETED) &&
        frame->ack == slot->c + 1 + promise->greeting_bytes) {
        slot->flags |= SLOT_GREETED;
        greeting_heard(engine, passage, slot->c);
    }
}

/* What the segment adds. A keepalive's byte lies below what we expect. */
static enum slot_added add(struct engine *engine, const struct passage *passage, struct slot *slot)
{
    const struct frame *frame = &passage->frame;
    uint32_t offset = frame->seq - (slot->x + 1), bytes = frame->payload_bytes, was = slot->bytes;
    const uint8_t *data = frame_payload(frame);
    enum slot_added added;

    if (offset == UINT32_MAX && bytes > 0) { /* at x: its first byte is not of the stream */
        offset = 0;
        data++;
        bytes--;
    }
    if (offset == UINT32_MAX || bytes == 0)
        return SLOT_REPEATED;
    added = slot_add(&engine->slots, slot, offset, data, bytes);
    if (offset <= was && (slot->flags & SLOT_TIMESTAMPS)) {
        slot->tsval = passage->options.tsval;
        slot->tsecr = passage->options.tsecr;
    }
    return added;
}

static void data_arrives(struct engine *engine, struct passage *passage, struct flow *flow,
                         struct slot *slot)
{
    const struct frame *frame = &passage->frame;
    enum slot_added added = add(engine, passage, slot);
    bool fin =
        (frame->flags & TCP_FIN) && frame->seq + frame->payload_bytes == slot->x + 1 + slot->bytes;

    if (fin)
        slot->flags |= SLOT_FIN;
    if (added == SLOT_GREW || fin || (slot->flags & SLOT_WAITS)) {
        request_goes_on(engine, passage, flow);
        return;
    }
    if (added == SLOT_REFUSED && !(slot->flags & SLOT_PROMISED)) {
        passage_drop(engine, passage, DROP_hold_full);
        return;
    }
    /* Repeated, or a gap: the client waits for an answer, and gets it at once (RFC 5681 4.2). */
    if (added == SLOT_REPEATED || added == SLOT_BEHIND)
        slot_promise(&engine->slots, slot);
    set_timer(engine, flow, slot, passage->now_us);
    say_ack(engine, passage, flow);
}

static void client_frame(struct engine *engine, struct passage *passage, struct flow *flow)
{
    struct slot *slot = kept_slot(engine, flow);
    struct server *server = flow_server(engine, flow);
    const struct promise *promise = promise_of(engine, flow, slot, passage->now_us);
    const struct frame *frame = &passage->frame;

    if (!frame_checksum_good(frame)) {
        passage_drop(engine, passage, DROP_bad_checksum);
    } else if (frame->flags & TCP_RST) {
        client_reset(engine, passage, flow);
    } else if ((frame->flags & (TCP_SYN | TCP_ACK)) != TCP_ACK ||
               !is_of_slot(slot, promise, frame)) {
        /* Another connection on the tuple, or nobody's. */
        if (!admission(engine, passage, server, flow))
            passage_drop(engine, passage, DROP_bad_cookie);
    } else if (is_old(slot, passage)) {
        passage_drop(engine, passage, DROP_answered);
    } else {
        note(engine, passage, flow, slot, promise);
        if ((frame->payload_bytes && !frame_is_padding(frame)) || (frame->flags & TCP_FIN))
            data_arrives(engine, passage, flow, slot);
        else if (slot->flags &
                 SLOT_PROMISED) /* keepalives RFC 9293 3.8.4, probes RFC 9293 3.8.6.1 */
            say_ack(engine, passage, flow);
        else
            passage_drop(engine, passage, DROP_answered);
    }
}

/* The server knows nothing of this connection yet: what comes is of an older one on the tuple. */
void kept_frame(struct engine *engine, struct passage *passage, struct flow *flow)
{
    if (is_lost(kept_slot(engine, flow))) {
        if (passage->from == SIDE_CLIENT && (passage->frame.flags & TCP_RST))
            forget_handed(engine, flow, passage->now_us); /* RFC 9293 3.10.7.1: no answer */
        else
            give_up_handed(engine, flow, passage->now_us);
        passage_drop(engine, passage, DROP_answered);
    } else if (passage->from == SIDE_CLIENT) {
        client_frame(engine, passage, flow);
    } else {
        passage_drop(engine, passage, DROP_swallowed);
    }
}
