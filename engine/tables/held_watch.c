/* SPDX-License-Identifier: GPL-2.0-or-later */
/* held_watch.c - see held_watch.h. */
#include "engine/tables/held_watch.h"

#include "engine/tables/carried.h"

struct watched *watch_place(struct held_watch *watch, uint32_t index)
{
    return &watch->entries[index & (HELD_WATCHED - 1)];
}

static void leave_list(struct held_watch *watch, const struct watched *watched)
{
    if (!watched->server)
        return;
    if (watched->next != WATCH_NOBODY)
        watch->entries[watched->next].before = watched->before;
    if (watched->before != WATCH_NOBODY)
        watch->entries[watched->before].next = watched->next;
    else
        watch->first[watched->server] =
            watched->next != WATCH_NOBODY ? (uint16_t)(watched->next + 1) : 0;
}

static void enter_list(struct held_watch *watch, struct watched *watched)
{
    uint16_t *first = &watch->first[watched->server];

    watched->before = watched->next = WATCH_NOBODY;
    if (!watched->server)
        return;
    if (*first) {
        watched->next = (uint16_t)(*first - 1);
        watch->entries[watched->next].before = (uint16_t)(watched - watch->entries);
    }
    *first = (uint16_t)(watched - watch->entries + 1);
}

struct watched *watch_begin(struct held_watch *watch, const struct flow_table *flows,
                            const struct flow *flow)
{
    const struct flow_cold *cold = flow_cold(flows, flow);
    const uint32_t index = flow_index(flows, flow);
    struct watched *watched = watch_place(watch, index);

    leave_list(watch, watched);
    *watched = (struct watched){
        .flow = index,
        .serial = cold->serial,
        .client_next = cold->client_next,
        .server_next = cold->server_next,
        .looked = flow->used,
        .opened = flow->used,
        .server = cold->server,
    };
    enter_list(watch, watched);
    if (watch->used <= (index & (HELD_WATCHED - 1)))
        watch->used = (index & (HELD_WATCHED - 1)) + 1;
    return watched;
}

struct watched *watch_go_on(struct held_watch *watch, const struct flow_table *flows,
                            const struct flow *flow, const struct watched *from)
{
    struct watched *watched = watch_begin(watch, flows, flow);
    const struct watched now = *watched;

    *watched = *from;
    watched->flow = now.flow;
    watched->serial = now.serial;
    watched->server = now.server;
    watched->next = now.next;
    watched->before = now.before;
    return watched;
}

void watch_forget(struct held_watch *watch, uint16_t server)
{
    while (watch->first[server]) {
        struct watched *watched = &watch->entries[watch->first[server] - 1];

        leave_list(watch, watched);
        *watched = (struct watched){.next = WATCH_NOBODY, .before = WATCH_NOBODY};
    }
}

static bool is_of(const struct watched *watched, const struct flow_table *flows,
                  const struct flow *flow)
{
    return flow_cold(flows, flow)->serial == watched->serial && flow_cold(flows, flow)->server;
}

struct flow *watch_flow(const struct flow_table *flows, const struct watched *watched)
{
    struct flow *flow = &flows->flows[watched->flow];

    return flow->state == FLOW_SPLICED && (!(flow->flags & FLOW_SERVER_FIN) || watched->lingers) &&
                   is_of(watched, flows, flow)
               ? flow
               : NULL;
}

struct watched *watch_of(struct held_watch *watch, const struct flow_table *flows,
                         const struct flow *flow)
{
    struct watched *watched = watch_place(watch, flow_index(flows, flow));

    return watched->flow == flow_index(flows, flow) && is_of(watched, flows, flow) ? watched : NULL;
}

static void note_look(struct watched *watched, const struct flow_cold *cold, uint64_t now_us)
{
    watched->looked = flow_clock(now_us);
    watched->client_next = cold->client_next;
    watched->server_next = cold->server_next;
}

void watch_closed(struct held_watch *watch, const struct flow_table *flows, const struct flow *flow,
                  uint64_t now_us)
{
    struct watched *watched = watch_of(watch, flows, flow);

    if (!watched)
        return;
    if (!watched->closed && watched->looked == watched->opened)
        note_look(watched, flow_cold(flows, flow), now_us);
    watched->closed = true;
}

void watch_server_fin(struct held_watch *watch, const struct flow_table *flows,
                      const struct flow *flow, uint64_t now_us)
{
    struct watched *watched = watch_of(watch, flows, flow);

    if (!watched)
        return;
    flow_recall(flows, flow);
    note_look(watched, flow_cold(flows, flow), now_us);
}

bool watch_lingers(struct watched *watched, const struct flow_table *flows, uint64_t now_us)
{
    const struct flow *flow = &flows->flows[watched->flow];
    const uint8_t fins = flow->flags & (FLOW_CLIENT_FIN | FLOW_SERVER_FIN);

    watched->lingers = false;
    if (flow->state != FLOW_SPLICED || fins != FLOW_SERVER_FIN || !is_of(watched, flows, flow))
        return false;
    flow_recall(flows, flow);
    watched->lingers = flow_cold(flows, flow)->client_next != watched->client_next &&
                       flow->used - watched->looked >= WATCH_LOOK &&
                       flow_clock(now_us) - flow->used < WATCH_LONG;
    return watched->lingers;
}

static bool is_slower(uint64_t bytes, uint32_t bytes_per_second, uint32_t elapsed)
{
    return bytes * 1000000 < ((uint64_t)bytes_per_second * elapsed) << 16;
}

static void note_trickle(struct watched *watched, bool typed)
{
    const int sum = watched->trickles + (typed ? WATCH_TRICKLES : WATCH_TYPED);

    watched->trickles = (uint8_t)(sum < UINT8_MAX ? sum : UINT8_MAX);
}

/*
 * What has come since the last look, `elapsed` ago. Where both sides speak, a little at a time, a
 * person types, or is told something: that is idle at most.
 */
static void judge(struct watched *watched, const struct flow *flow, const struct flow_cold *cold,
                  uint32_t least, uint32_t elapsed)
{
    const uint32_t asked = cold->client_next - watched->client_next;
    const uint32_t answered = cold->server_next - watched->server_next;
    const uint64_t bytes = (uint64_t)asked + answered;
    const bool moves = !is_slower(bytes, least, elapsed);
    const bool typed = watch_was_answered(flow, cold) && !watched->closed &&
                       is_slower(asked, WATCH_TYPED_BYTES_PER_SECOND, elapsed);

    watched->vague = elapsed > WATCH_LONG;
    if (moves || (bytes && elapsed > WATCH_LONG)) {
        watched->slow = watched->closed = false;
        watched->moved = moves;
        watched->trickles = 0;
        return;
    }
    if (watched->moved && !watched->closed && !watched->slow) {
        watched->moved = false; /* it lost something, say, and goes on soon */
        return;
    }
    if (!watched->slow)
        watched->since = watched->looked;
    watched->slow = true;
    if (watched->closed || (asked && !answered)) {
        note_trickle(watched, typed);
    } else if (watch_was_answered(flow, cold)) { /* a body may come at long intervals */
        watched->trickles = 0;
    }
    if (answered)
        watched->closed = false;
}

enum watch_class watch_look(struct watched *watched, const struct flow_table *flows,
                            const struct flow *flow, uint32_t least, uint64_t now_us)
{
    const struct flow_cold *cold = flow_cold(flows, flow);
    const uint32_t elapsed = flow_clock(now_us) - watched->looked;

    if (watched->lingers) {
        watched->slow = true;
        return WATCH_SLOW;
    }
    flow_recall(flows, flow);
    if (flows->carried && carried_was_closed(flows, watched->flow))
        watched->closed = true;
    if (elapsed >= WATCH_LOOK) {
        judge(watched, flow, cold, least, elapsed);
        note_look(watched, cold, now_us);
    }
    watched->had_body = watched->had_body || !seq_before(cold->client_next, watched->body_end);
    if (!watched->slow)
        return WATCH_WELL;
    if (watched->trickles >= WATCH_TRICKLES * WATCH_TYPED)
        return WATCH_SLOW;
    if (watched->awaits && !watched->had_body)
        return WATCH_BODY;
    return watch_was_answered(flow, cold) ? WATCH_CLIENT : WATCH_SERVER;
}
