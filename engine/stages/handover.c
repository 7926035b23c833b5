/* SPDX-License-Identifier: GPL-2.0-or-later */
/* handover.c - see handover.h. */
#include "engine/stages/handover.h"

#include <string.h>

#include "engine/shard/connection.h"
#include "engine/shard/observe.h"
#include "engine/stages/carry.h"
#include "engine/stages/handover_kept.h"
#include "engine/stages/kept.h"
#include "engine/stages/opening.h"
#include "engine/stages/opening_say.h"
#include "engine/stages/preparing.h"
#include "engine/stages/unseen.h"
#include "engine/tables/carried.h"
#include "engine/tcp/joined.h"

/* Things done by one handover_end(): each may put two segments into the outbox. */
#define END_WORK 16

/* --- openings end ---------------------------------------------------------------------------- */

/* Its client was told nothing of what it has said, and says it again; nor of what the server has
 * said by now, but what we said for it. */
static bool will_be_repeated(const struct flow *flow, const struct opening *opening)
{
    return (flow->state == FLOW_OPENING || flow->state == FLOW_GREETING) &&
           opening->held_bytes > 0 && opening->promised == 0;
}

/* What its server says all the same, as our reset was lost, is not taken for a connection that
 * nobody knows, in which the request would be lost; as of one that never was, its client may come
 * by the same cookie (is_of_closing() of admission.c). */
static void forget_greeting(struct engine *engine, struct flow *flow, uint64_t now_us)
{
    struct flow_cold *cold = flow_cold(&engine->flows, flow);

    flow->flags = 0;
    cold->client_next = cold->client_isn + 1;
    engine_flow_state(engine, flow, FLOW_CLOSING, now_us);
}

/* Its client says its request again to the next process. */
static void forget_opening(struct engine *engine, struct flow *flow, const struct opening *opening,
                           uint64_t now_us)
{
    opening_reset_server(engine, flow, opening);
    opening_done(engine, flow);
    if (flow->state == FLOW_GREETING)
        forget_greeting(engine, flow, now_us);
    else
        engine_flow_free(engine, flow);
}

static void end_opening(struct engine *engine, struct flow *flow, uint64_t now_us)
{
    const struct opening *opening =
        &engine->openings.openings[flow_cold(&engine->flows, flow)->opening];
    const struct flow_key key = flow->key;

    if (preparing_ends(engine, flow, now_us))
        return;
    if (will_be_repeated(flow, opening)) {
        forget_opening(engine, flow, opening, now_us);
    } else if (!handover_keep(engine, flow, now_us)) {
        opening_fail(engine, flow, true, now_us);
        return;
    }
    /* Where frames go on without us what the server says all the same is not for the client. */
    if (engine->flows.joined)
        joined_count(engine->flows.joined, engine->flows.seed, &key, 1);
}

static struct flow *oldest_of(const struct engine *engine, enum flow_list_id id)
{
    const struct flow_list *list = &engine->flows.lists[id];

    return list->count ? &engine->flows.flows[list->oldest] : NULL;
}

/* Where frames go on without us what the client says behind what we have acknowledged is not for
 * the server, which knows nothing of it. */
static void keep_from_server(const struct engine *engine)
{
    const struct flow_list *list = &engine->flows.lists[FLOW_LIST_KEPT];
    uint32_t at = list->oldest;

    for (uint32_t i = 0; engine->flows.joined && i < list->count; i++) {
        const struct flow *flow = &engine->flows.flows[at];

        joined_count(engine->flows.joined, engine->flows.seed, &flow->key, 1);
        at = flow_cold(&engine->flows, flow)->newer;
    }
}

bool handover_end(struct engine *engine, uint64_t now_us)
{
    engine->now_us = now_us;
    if (!engine->ending)
        keep_from_server(engine);
    engine->ending = true;
    for (int work = 0; work < END_WORK; work++) {
        struct flow *opening = oldest_of(engine, FLOW_LIST_OPENING);

        if (!opening)
            return false;
        end_opening(engine, opening, now_us);
    }
    return true;
}

/* --- out ------------------------------------------------------------------------------------- */

static bool is_handed(enum flow_state state)
{
    return state == FLOW_HALF_OPEN || state == FLOW_ESTABLISHED || state == FLOW_OUTBOUND ||
           state == FLOW_SPLICED || state == FLOW_CLOSING;
}

uint32_t handover_flows(const struct engine *engine, uint32_t *cursor, struct handed_flow *out,
                        uint32_t max)
{
    uint32_t count = 0;

    for (; *cursor < engine->flows.unused && count < max; ++*cursor) {
        const struct flow *flow = &engine->flows.flows[*cursor];

        if (!is_handed((enum flow_state)flow->state))
            continue;
        flow_recall(&engine->flows, flow);
        handed_flow_fill(flow, flow_cold(&engine->flows, flow), &out[count]);
        if (engine->flows.carried && engine->flows.carried->records[*cursor].added)
            out[count].record = *cursor + 1;
        count++;
    }
    return count;
}

uint32_t handover_servers(const struct engine *engine, uint32_t *cursor, struct handed_server *out,
                          uint32_t max)
{
    uint32_t count = 0;

    for (; *cursor < engine->servers.capacity && count < max; ++*cursor) {
        const struct server *server = &engine->servers.slots[*cursor];

        if (server_slot_used(&engine->servers, *cursor))
            out[count++] = (struct handed_server){.key = server->key,
                                                  .cause = (uint16_t)server->cause,
                                                  .attacked = server->mode == MODE_ATTACK,
                                                  .cause_value = server->cause_value,
                                                  .held_peak = server->held_peak,
                                                  .opened = server->capacity.opened,
                                                  .answers_usual = server->answers.usual,
                                                  .answers_seen = server->answers.seen,
                                                  .usual_windows = server->counts.usual_windows,
                                                  .usual = server->counts.usual,
                                                  .since_us = server->since_us,
                                                  .attack_ended_us = server->attack_ended_us,
                                                  .answered_us = server->answered_us,
                                                  .back_us = server->back_us,
                                                  .peak_us = server->peak_us};
    }
    return count;
}

uint32_t handover_watches(const struct engine *engine, uint32_t *cursor, struct handed_watch *out,
                          uint32_t max)
{
    const struct held_watch *watch = engine->held.watch;
    uint32_t count = 0;

    for (; *cursor < watch->used && count < max; ++*cursor) {
        const struct watched *watched = &watch->entries[*cursor];
        const struct flow *flow = watch_flow(&engine->flows, watched);

        if (flow)
            out[count++] = (struct handed_watch){.key = flow->key, .watched = *watched};
    }
    return count;
}

/* --- who waits for a greeting ---------------------------------------------------------------- */

static struct handed_waiting waiting_of(const struct resend_entry *entry, bool greeting)
{
    return (struct handed_waiting){.key = entry->key,
                                   .seq = entry->seq,
                                   .ack = entry->ack,
                                   .tsecr = entry->tsecr,
                                   .generation = entry->generation,
                                   .sent_us = entry->sent_us,
                                   .mss = entry->client.mss,
                                   .ahead = greeting ? entry->ahead : 0,
                                   .window_scale = entry->client.window_scale,
                                   .sack = entry->client.sack,
                                   .ecn = entry->client.ecn,
                                   .greeting = greeting,
                                   .said = entry->stage != 0,
                                   .timestamps = entry->timestamps,
                                   .offered = greeting ? 0 : entry->offered,
                                   .proved = resend_is_proved(entry),
                                   .link = entry->link};
}

uint32_t handover_waiting(const struct engine *engine, uint32_t *cursor, struct handed_waiting *out,
                          uint32_t max)
{
    const uint32_t greetings = engine->greetings->slots_count;
    uint32_t count = 0;

    for (; *cursor < greetings + engine->synacks->slots_count && count < max; ++*cursor) {
        const bool greeting = *cursor < greetings;
        const struct resend_entry *entry = greeting
                                               ? resend_at(engine->greetings, *cursor)
                                               : resend_at(engine->synacks, *cursor - greetings);

        if (entry)
            out[count++] = waiting_of(entry, greeting);
    }
    return count;
}

static bool is_sane_waiting(const struct handed_waiting *from)
{
    return from->link.length >= ETH_HEADER_BYTES && from->link.length <= LINK_HEADER_MAX &&
           (from->window_scale <= WSCALE_MAX || from->window_scale == WSCALE_NONE);
}

/* When it was said first, as far as that counts: what came due meanwhile is due now, once. */
static uint64_t said_at(const struct handed_waiting *from, uint64_t now_us)
{
    const uint64_t earliest_us = now_us > RESEND_FIRST_US ? now_us - RESEND_FIRST_US : 0;

    if (!from->said || from->sent_us > now_us)
        return now_us;
    return from->sent_us > earliest_us ? from->sent_us : earliest_us;
}

void takeover_waiting(struct engine *engine, const struct handed_waiting *from, uint64_t now_us)
{
    struct resend_ring *ring = from->greeting ? engine->greetings : engine->synacks;
    struct resend_entry *entry = NULL;

    if (is_sane_waiting(from) && from->proved && !from->greeting)
        entry = resend_add_proved(ring, &from->key, said_at(from, now_us));
    else if (is_sane_waiting(from))
        entry = resend_add(ring, &from->key, from->said ? 0 : 1, said_at(from, now_us));
    if (!entry)
        return;
    entry->seq = from->seq;
    entry->ack = from->ack;
    entry->tsecr = from->tsecr;
    entry->generation = from->generation;
    entry->client = (struct cookie_options){.mss = from->mss,
                                            .window_scale = from->window_scale,
                                            .sack = from->sack != 0,
                                            .ecn = from->ecn != 0};
    if (from->greeting)
        entry->ahead = from->ahead & RESEND_AHEAD_MAX;
    else
        entry->offered = from->offered & 0x3fu;
    entry->timestamps = from->timestamps != 0;
    entry->link = from->link;
}

/* --- tags ------------------------------------------------------------------------------------ */

struct tags {
    uint32_t *tags;
    uint32_t count;
};

static struct tags tags_of(const struct engine *engine, enum handed_tags which)
{
    switch (which) {
    case HANDED_SERVED:
        return (struct tags){engine->served.slots, engine->served.mask + 1};
    case HANDED_GREETED:
        return (struct tags){engine->greeted.slots, engine->greeted.mask + 1};
    case HANDED_ANSWERED:
        return (struct tags){engine->held.sources->answered, HELD_PLACES};
    case HANDED_SLOW:
        return (struct tags){engine->held.sources->slow, HELD_PLACES};
    case HANDED_TAGS:
        break;
    }
    return (struct tags){NULL, 0};
}

/* Those whose time is over are no harm: they carry it with them. But the minute of a request that
 * was served goes round after four. */
static bool is_of_use(enum handed_tags which, uint32_t tag, uint64_t now_us)
{
    if (which == HANDED_SERVED || which == HANDED_GREETED)
        return served_counts(tag, now_us);
    return tag != 0;
}

uint32_t handover_places(const struct engine *engine, enum handed_tags which)
{
    return tags_of(engine, which).count;
}

uint32_t handover_tags(const struct engine *engine, enum handed_tags which, uint32_t *cursor,
                       struct handed_tag *out, uint32_t max)
{
    const struct tags from = tags_of(engine, which);
    uint32_t count = 0;

    for (; *cursor < from.count && count < max; ++*cursor)
        if (is_of_use(which, from.tags[*cursor], engine->now_us))
            out[count++] = (struct handed_tag){*cursor, from.tags[*cursor]};
    return count;
}

void takeover_tag(struct engine *engine, enum handed_tags which, const struct handed_tag *from)
{
    const struct tags to = tags_of(engine, which);

    if (from->place < to.count)
        to.tags[from->place] = from->tag;
}

/* --- in -------------------------------------------------------------------------------------- */

void takeover_server(struct engine *engine, const struct handed_server *from, uint64_t now_us)
{
    struct server *server = server_add(&engine->servers, &from->key, now_us);
    const bool attacked = from->attacked && from->cause < TRIGGER_CAUSES;

    if (!server)
        return;
    /* The operator's word counts, and was said before. */
    if (attacked && server_setting(&engine->servers, server) == SETTING_AUTO)
        server_set_mode(server, MODE_ATTACK, (enum trigger_cause)from->cause, from->cause_value,
                        from->since_us);
    server->attack_ended_us = from->attack_ended_us;
    /* It no longer is: its cookies are out all the same. */
    if (from->attacked && server->mode != MODE_ATTACK)
        server->attack_ended_us = now_us;
    server->answered_us = from->answered_us;
    server->back_us = from->back_us;
    if (from->held_peak > server->held_peak)
        server->held_peak = from->held_peak;
    server->peak_us = from->peak_us;
    if (from->opened > server->capacity.opened)
        server->capacity.opened = from->opened;
    trigger_take_over_usual(&server->counts, from->usual, from->usual_windows);
    server->answers.usual = from->answers_usual;
    server->answers.seen =
        (uint8_t)(from->answers_seen < ANSWERS_KNOWN ? from->answers_seen : ANSWERS_KNOWN);
}

static bool is_shift(int shift)
{
    return shift >= -WSCALE_MAX && shift <= WSCALE_MAX;
}

static bool is_sane(const struct handed_flow *from)
{
    return from->state < FLOW_STATES && is_handed((enum flow_state)from->state) &&
           is_shift(from->to_client_shift) && is_shift(from->to_server_shift) &&
           (from->client_scale <= WSCALE_MAX || from->client_scale == WSCALE_NONE);
}

static void fill_flow(struct flow *flow, struct flow_cold *cold, const struct handed_flow *from)
{
    memcpy(&flow->link, from->words, sizeof(from->words));
    flow->flags = from->flags;
    flow->to_client_shift = from->to_client_shift;
    flow->to_server_shift = from->to_server_shift;
    flow->used = from->used;
    cold->born = from->born;
    cold->offered = from->offered;
    cold->generation = from->generation;
    cold->timestamps = from->timestamps != 0;
    cold->client_isn = from->client_isn;
    cold->server_isn = from->server_isn;
    cold->client_next = from->client_next;
    cold->server_next = from->server_next;
    cold->server_mss = from->server_mss;
    cold->client_scale = from->client_scale;
    /* What else stands there counts from nothing. */
    cold->newest_tsval = from->flags & FLOW_GREETING_DUE ? from->newest_tsval : 0;
    /* The learner has not heard how it began. */
    cold->sampled[SIDE_CLIENT] = cold->sampled[SIDE_SERVER] = OBSERVE_NOTHING;
}

bool takeover_flow(struct engine *engine, const struct handed_flow *from, uint64_t now_us)
{
    const bool joined = from->state == FLOW_SPLICED;
    struct flow *flow = NULL;

    /* Joined last: by what offsets is counted, and logged, then. */
    if (is_sane(from) && !flow_find(&engine->flows, &from->key))
        flow = flow_new(&engine->flows, &from->key,
                        joined ? FLOW_CLOSING : (enum flow_state)from->state, now_us);
    if (!flow)
        return false;
    fill_flow(flow, flow_cold(&engine->flows, flow), from);
    if (joined)
        flow_set_state(&engine->flows, flow, FLOW_SPLICED, now_us);
    if (from->state != FLOW_OUTBOUND)
        engine_flow_find_server(engine, flow);
    if (from->state == FLOW_ESTABLISHED || joined)
        engine_note_regular(engine, flow, now_us);
    return true;
}

/* By its offsets and numbers it is the same, and no later one between the same ports. */
static bool is_same(const struct engine *engine, const struct flow *flow,
                    const struct handed_flow *from)
{
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);

    return flow->state == FLOW_SPLICED && flow->delta == from->words[0] &&
           flow->ts_delta == from->words[1] && cold->client_isn == from->client_isn;
}

void takeover_again(struct engine *engine, const struct handed_flow *from, uint64_t now_us)
{
    const bool reset = from->flags & FLOW_RESET;
    const uint8_t ended[2] = {reset                           ? RECORD_RST
                              : from->flags & FLOW_CLIENT_FIN ? RECORD_FIN
                                                              : RECORD_LIVES,
                              from->flags & FLOW_SERVER_FIN ? RECORD_FIN : RECORD_LIVES};
    struct flow *flow = flow_find(&engine->flows, &from->key);
    struct flow_cold *cold;

    if (!flow || !is_same(engine, flow, from))
        return;
    cold = flow_cold(&engine->flows, flow);
    flow_recall(&engine->flows, flow);
    cold->client_next = record_later(cold->client_next, from->client_next);
    cold->server_next = record_later(cold->server_next, from->server_next);
    flow->ack_floor = record_later(flow->ack_floor, from->words[2]);
    flow->used = record_later(flow->used, from->used);
    carry_again(engine, flow);
    unseen_end(engine, flow, ended, now_us);
}

bool takeover_carry(struct engine *engine, uint32_t *cursor)
{
    return carry_all_joined(engine, cursor);
}

bool takeover_lost(struct engine *engine, const struct flow_key *key, uint64_t now_us)
{
    struct flow *flow = NULL;

    if (!flow_find(&engine->flows, key))
        flow = flow_new(&engine->flows, key, FLOW_CLOSING, now_us);
    if (!flow)
        return false;
    flow->flags = FLOW_REFUSED;
    engine_flow_find_server(engine, flow);
    return true;
}

void takeover_came_late(struct engine *engine)
{
    engine->came_late = true;
}

void takeover_watch(struct engine *engine, const struct handed_watch *from)
{
    const struct flow *flow = flow_find(&engine->flows, &from->key);

    if (!flow || flow->state != FLOW_SPLICED || from->watched.to_server.length > LINK_HEADER_MAX ||
        from->watched.to_server.length < ETH_HEADER_BYTES)
        return;
    watch_go_on(engine->held.watch, &engine->flows, flow, &from->watched)->counted = false;
}
