/* SPDX-License-Identifier: GPL-2.0-or-later */
/* unread.c - whether a frame that cannot be read may reach an attacked server. See unread.h. */
#include "engine/stages/unread.h"

#include "engine/shard/shard.h"
#include "engine/tcp/carrier.h"

static bool host_attacked(const struct engine *engine, const struct frame *frame)
{
    struct ip_addr host = frame_dst(frame);

    return server_host_attacked(&engine->servers, &host, &frame->vlan);
}

/* Somebody behind us may send it on to an address that stands in it as a source route. */
static bool routed_to_attacked(const struct engine *engine, const struct frame *frame)
{
    const uint32_t bytes = frame->ip_version == 4 ? 4 : 16;
    const uint8_t *route;
    uint32_t left = frame_route(frame, &route);

    for (; left >= bytes; left -= bytes, route += bytes) {
        struct ip_addr host = bytes == 4 ? addr_from_v4(route) : addr_from_v6(route);

        if (server_address_attacked(&engine->servers, &host))
            return true;
    }
    return false;
}

/* Which VLAN it comes out in, only the end of the tunnel knows. */
static bool carries_to_attacked(const struct engine *engine, const struct frame *frame)
{
    struct frame inner;
    enum frame_kind kind = carrier_look(frame, &inner);
    struct ip_addr host;

    if (kind == FRAME_OTHER || !inner.l3)
        return kind != FRAME_OTHER;
    host = frame_dst(&inner);
    return server_address_attacked(&engine->servers, &host) ||
           (kind == FRAME_UNREADABLE && routed_to_attacked(engine, &inner));
}

void unread_frame(struct engine *engine, struct passage *passage)
{
    const struct frame *frame = &passage->frame;

    switch (frame->kind) {
    case FRAME_TCP_FRAGMENT:
        if (host_attacked(engine, frame))
            passage_drop(engine, passage, DROP_fragment);
        return;
    case FRAME_MALFORMED:
        if (host_attacked(engine, frame))
            passage_drop(engine, passage, DROP_bad_segment);
        return;
    case FRAME_UNREADABLE:
        if (host_attacked(engine, frame) || routed_to_attacked(engine, frame))
            passage_drop(engine, passage, DROP_unreadable);
        return;
    case FRAME_OTHER:
        if (carries_to_attacked(engine, frame))
            passage_drop(engine, passage, DROP_unreadable);
        return;
    case FRAME_TCP:
    case FRAME_ICMP_ERROR:
        return;
    }
}

/* RFC 9293 3.4: its halves have sequence numbers of their own. */
static bool is_answered_for(const struct flow *flow)
{
    switch ((enum flow_state)flow->state) {
    case FLOW_KEPT:
    case FLOW_OPENING:
    case FLOW_GREETING:
    case FLOW_DRAINING:
    case FLOW_SPLICED:
        return true;
    case FLOW_CLOSING:
        return flow->flags & FLOW_EDIT;
    case FLOW_FREE:
    case FLOW_HALF_OPEN:
    case FLOW_PICKED_UP:
    case FLOW_ESTABLISHED:
    case FLOW_ASKING:
    case FLOW_OUTBOUND:
    case FLOW_STATES:
        break;
    }
    return false;
}

void unread_of_flow(struct engine *engine, struct passage *passage)
{
    const struct frame *frame = &passage->frame;
    const struct flow *flow;
    struct flow_key key;
    uint32_t ports;

    if (frame->kind != FRAME_TCP_FRAGMENT && frame->kind != FRAME_UNREADABLE)
        return;
    ports = frame_ports_at(frame);
    if (!ports)
        return;
    frame_flow_key_at(frame, passage->from, ports, &key);
    flow = flow_find(&engine->flows, &key);
    if (flow && is_answered_for(flow))
        passage_drop(engine, passage,
                     frame->kind == FRAME_UNREADABLE ? DROP_unreadable : DROP_fragment);
}

bool unread_behind_tags(const struct engine *engine, const struct passage *passage)
{
    return server_host_behind_tags(&engine->servers, &passage->key.server, &passage->key.vlan);
}
