/* SPDX-License-Identifier: GPL-2.0-or-later */
/* icmp.c - what becomes of an ICMP error that quotes a TCP segment. See icmp.h. */
#include "engine/stages/icmp.h"

#include "engine/base/bytes.h"
#include "engine/base/checksum.h"
#include "engine/stages/draining.h"
#include "engine/stages/opening.h"
#include "engine/stages/preparing.h"
#include "engine/stages/splice.h"
#include "engine/tables/carried.h"

#define ICMP_CHECKSUM_AT  2
#define ICMP_UNREACHABLE  3 /* RFC 792 */
#define ICMP_FRAG_NEEDED  4 /* code of the same */
#define ICMP6_UNREACHABLE 1 /* RFC 4443 3.1; "packet too big" is a type of its own */
#define ICMP6_TOO_BIG     2
#define PROTO_ICMPV6      58
#define PAYLOAD_LEAST     200 /* a smaller cut is nobody's path */

/* Of the quoted TCP header. */
#define TCP_SEQ_AT   4
#define TCP_ACK_AT   8
#define TCP_FLAGS_AT 13

/* Who sent what is quoted: an error comes from the side that the segment was sent to. */
static struct flow_key quoted_key(const struct passage *passage, const struct frame_quote *quote)
{
    const struct vlan_ids vlan = passage->frame.vlan;

    if (passage->from == SIDE_CLIENT)
        return (struct flow_key){quote->dst, quote->src, quote->dst_port, quote->src_port, vlan};
    return (struct flow_key){quote->src, quote->dst, quote->src_port, quote->dst_port, vlan};
}

/* Replaces 32 bits of the quote, at an even offset from the ICMP header (RFC 1624). */
static void replace32(struct frame *frame, uint32_t offset, uint32_t value)
{
    uint8_t *at = frame->data + offset;

    if (!frame->offload || !(frame->offload->flags & OFFLOAD_NEEDS_CHECKSUM))
        checksum_update32(frame->data + frame->l4 + ICMP_CHECKSUM_AT, load_be32(at), value);
    store_be32(at, value);
}

/* A quote may end before the ack, or before the flags that say whether there is one. */
static bool quotes_ack(const struct frame *frame, const struct frame_quote *quote)
{
    if (quote->tcp_present < TCP_ACK_AT + 4)
        return false;
    return quote->tcp_present <= TCP_FLAGS_AT || (frame->data[quote->tcp + TCP_FLAGS_AT] & TCP_ACK);
}

static void translate(struct passage *passage, const struct flow *flow,
                      const struct frame_quote *quote)
{
    struct frame *frame = &passage->frame;
    uint32_t ack_at = quote->tcp + TCP_ACK_AT;

    if (passage->from == SIDE_CLIENT)
        replace32(frame, quote->tcp + TCP_SEQ_AT, quote->seq - flow->delta);
    else if (quotes_ack(frame, quote))
        replace32(frame, ack_at, load_be32(frame->data + ack_at) + flow->delta);
}

/* --- errors about segments of our own -------------------------------------------------------- */

/* RFC 4443 2.3: ICMPv6 covers a pseudo header, ICMP does not. */
static bool icmp_checksum_good(const struct frame *frame)
{
    uint32_t bytes = (uint32_t)(frame->payload - frame->l4) + frame->payload_bytes;
    struct ip_addr src = frame_src(frame), dst = frame_dst(frame);
    uint64_t sum = 0;

    if (frame->offload &&
        (frame->offload->flags & (OFFLOAD_NEEDS_CHECKSUM | OFFLOAD_CHECKSUM_VALID)))
        return true;
    if (frame->payload_present < frame->payload_bytes)
        return true;
    if (frame->ip_version == 6)
        sum = checksum_pseudo(&src, &dst, PROTO_ICMPV6, bytes);
    return checksum_fold(checksum_add(sum, frame->data + frame->l4, bytes)) == 0xffff;
}

static bool says_unreachable(const struct frame *frame)
{
    const uint8_t *icmp = frame->data + frame->l4;

    if (frame->ip_version == 6)
        return icmp[0] == ICMP6_UNREACHABLE;
    return icmp[0] == ICMP_UNREACHABLE && icmp[1] != ICMP_FRAG_NEEDED;
}

/*
 * While we ask the server. On an established connection "unreachable" is a soft error (RFC 1122
 * 4.2.3.9); for a SYN that is unanswered, hosts give up (RFC 5461), and the client is told at once.
 */
static void opening_error(struct engine *engine, struct passage *passage, struct flow *flow,
                          const struct frame_quote *quote)
{
    if (passage->from == SIDE_CLIENT) {
        passage_drop(engine, passage, DROP_stray);
        return;
    }
    if (!says_unreachable(&passage->frame) ||
        quote->seq != flow_cold(&engine->flows, flow)->client_isn ||
        !icmp_checksum_good(&passage->frame))
        return;
    passage_drop(engine, passage, DROP_swallowed);
    if (preparing_ends(engine, flow, passage->now_us))
        return;
    opening_fail(engine, flow, false, passage->now_us);
}

/* The next hop's MTU less the headers that our segments have; 0: the error is another. */
static uint16_t payload_for_mtu(const struct frame *frame, bool timestamps)
{
    const uint8_t *icmp = frame->data + frame->l4;
    uint32_t headers = (frame->ip_version == 6 ? 40u : 20u) + TCP_HEADER_BYTES;
    uint32_t mtu = 0;

    headers += timestamps ? TIMESTAMPS_BYTES : 0;
    if (frame->ip_version == 6 && icmp[0] == ICMP6_TOO_BIG)
        mtu = load_be32(icmp + 4);
    else if (frame->ip_version == 4 && icmp[0] == ICMP_UNREACHABLE && icmp[1] == ICMP_FRAG_NEEDED)
        mtu = load_be16(icmp + 6);
    return (uint16_t)(mtu > headers + PAYLOAD_LEAST && mtu <= UINT16_MAX ? mtu - headers : 0);
}

/* "Packet too big" about what we have acknowledged: the client has forgotten it, so the cut is ours
 * to lower (RFC 1191 6.3, RFC 8201 5.2). */
static void draining_error(struct engine *engine, struct passage *passage, struct flow *flow,
                           const struct frame_quote *quote)
{
    const struct flow_cold *cold = flow_cold(&engine->flows, flow);
    uint32_t offset = quote->seq - (cold->client_isn + 1);
    uint16_t payload = payload_for_mtu(&passage->frame, cold->timestamps);

    if (passage->from == SIDE_CLIENT || !payload ||
        offset >= engine->openings.openings[cold->opening].held_bytes) {
        translate(passage, flow, quote);
        return;
    }
    if (!icmp_checksum_good(&passage->frame))
        return;
    passage_drop(engine, passage, DROP_swallowed);
    draining_cut(engine, flow, payload, passage->now_us);
}

/* From the client side about a server that we answer for: it quotes a SYN-ACK or a greeting of
 * ours. */
static void error_without_flow(struct engine *engine, struct passage *passage)
{
    struct server_key key = flow_key_server(&passage->key);
    const struct server *server =
        passage->from == SIDE_CLIENT ? server_find(&engine->servers, &key) : NULL;

    if (server && server_protected(server))
        passage_drop(engine, passage, DROP_stray);
}

/* --- the way of an error --------------------------------------------------------------------- */

static void error_of_flow(struct engine *engine, struct passage *passage, struct flow *flow,
                          const struct frame_quote *quote)
{
    switch ((enum flow_state)flow->state) {
    case FLOW_OPENING:
        opening_error(engine, passage, flow, quote);
        return;
    case FLOW_GREETING:
        if (passage->from == SIDE_CLIENT)
            passage_drop(engine, passage,
                         DROP_stray); /* nothing of the server's has gone there yet */
        else
            translate(passage, flow, quote);
        return;
    case FLOW_KEPT:
        passage_drop(engine, passage, DROP_stray);
        return;
    case FLOW_DRAINING:
        draining_error(engine, passage, flow, quote);
        return;
    case FLOW_SPLICED:
    case FLOW_CLOSING:
        if (flow->flags & FLOW_REFUSED)
            passage_drop(engine, passage, DROP_stray);
        else if (flow->flags & FLOW_EDIT)
            translate(passage, flow, quote);
        return;
    case FLOW_HALF_OPEN:
    case FLOW_PICKED_UP:
        /* An answer, if not the server's: its silence says nothing. */
        flow->link.counted = flow->link.counted || passage->from == SIDE_SERVER;
        return;
    case FLOW_FREE:
    case FLOW_ESTABLISHED:
    case FLOW_ASKING:
    case FLOW_OUTBOUND:
    case FLOW_STATES:
        return;
    }
}

void icmp_frame(struct engine *engine, struct passage *passage)
{
    const struct frame *frame = &passage->frame;
    struct frame_quote quote;
    struct flow *flow;

    if (!frame_parse_quote(frame, &quote))
        return;
    passage->key = quoted_key(passage, &quote);
    flow = flow_find(&engine->flows, &passage->key);
    if (flow)
        flow_recall(&engine->flows, flow);
    if (flow)
        error_of_flow(engine, passage, flow, &quote);
    else
        error_without_flow(engine, passage);
}
