/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * frame.c - the walk from the Ethernet header to the TCP payload, and the edits of a TCP frame in
 * place.
 *
 *      frame_parse -> link layer -> parse_v4 -> parse_tcp | parse_icmp
 *                                \> parse_v6 -> (extension headers) /
 *
 * Every step is given `end`, the offset behind the IP packet as its header states it, and checks
 * once that what it reads lies below both `end` and the bytes present; the readers of bytes.h do
 * not check again. This runs for every frame that crosses: no loop but those over tags and
 * extension headers, and no clearing of the whole view.
 *
 * A frame is read as hosts read it, so that a server in attack mode is not reached around the
 * cookie, and a right client is served however odd its frames are (doc/frames.md):
 *  - VLAN tags that carry a priority only, in any number;
 *  - extension headers in any number, and IPv4 options, as far as hosts take them; what only some
 *    hosts or routers take is FRAME_UNREADABLE;
 *  - a first fragment whose TCP header is not even named within it is FRAME_MALFORMED (RFC 7112 5).
 * The protocol of a packet whose IP header is cut off or contradicts itself cannot be known; no
 * host takes it either: FRAME_OTHER. So is what carries other packets or frames: carrier.h looks
 * into it.
 *
 * Limit: ESP is opaque (FRAME_OTHER); only who has the keys can say anything in it.
 */
#include "engine/tcp/frame.h"

#include "engine/base/bytes.h"
#include "engine/base/checksum.h"
#include "engine/tcp/extensions.h"
#include "engine/tcp/ip_options.h"

#define ETHERTYPE_AT    12
#define ETHERTYPE_IPV4  0x0800
#define ETHERTYPE_IPV6  0x86dd
#define ETHERTYPE_VLAN  0x8100
#define ETHERTYPE_QINQ  0x88a8
#define ETHERTYPE_QINQ1 0x9100 /* before 802.1ad */
#define VLAN_TAG_BYTES  4
/* Tags up to here: some 500, of which hosts take any number */
#define TAGS_FARTHEST 2048u
/* Headers up to here: what follows must be said in 16 bits */
#define L4_FARTHEST 60000u

#define IPV4_FRAGMENT 0x3fff /* more fragments, or an offset */

#define IPV4_OFFSET       0x1fff /* of a fragment */
#define ICMP_HEADER_BYTES 8
#define QUOTED_TCP_BYTES  8 /* RFC 792: what any error quotes of the transport header */

enum ip_protocol {
    PROTO_HOP_BY_HOP = 0,
    PROTO_ICMP = 1,
    PROTO_ICMPV6 = 58,
};

/*
 * RFC 792 and RFC 1812 for IPv4: unreachable, quench, redirect, time exceeded, parameter problem;
 * RFC 4443 2.1 for IPv6.
 */
static bool icmp_quotes_packet(uint8_t ip_version, uint8_t type)
{
    if (ip_version == 6)
        return type >= 1 && type <= 4;
    return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

static enum frame_kind __attribute__((noinline))
parse_icmp(struct frame *frame, uint32_t l4, uint32_t end)
{
    uint32_t present_end = end < frame->bytes ? end : frame->bytes;

    if (l4 + ICMP_HEADER_BYTES > present_end ||
        !icmp_quotes_packet(frame->ip_version, frame->data[l4]))
        return FRAME_OTHER;
    frame->l4 = (uint16_t)l4;
    frame->payload = (uint16_t)(l4 + ICMP_HEADER_BYTES);
    frame->payload_bytes = end - frame->payload;
    frame->payload_present = present_end - frame->payload;
    return FRAME_ICMP_ERROR;
}

static enum frame_kind parse_tcp(struct frame *frame, uint32_t l4, uint32_t end)
{
    uint32_t payload = frame_payload_at(frame->data, l4, end < frame->bytes ? end : frame->bytes);

    if (!payload)
        return FRAME_MALFORMED;
    frame_fill_tcp(frame, l4, payload, end);
    return FRAME_TCP;
}

/*
 * The length that an IPv4 header states. 0 is what senders write into super-frames above 64 KiB,
 * and what captures made in front of segmentation offload hold: then the packet goes to the end of
 * the frame.
 */
static inline uint32_t v4_total_bytes(const struct frame *frame, uint32_t stated,
                                      uint32_t wire_bytes)
{
    if (stated == 0 && (frame->offload == NULL || frame->offload->gso_type != OFFLOAD_GSO_NONE))
        return wire_bytes - frame->l3;
    return stated;
}

/* False where hosts drop the packet for them; then a source route is noted (frame_route()). */
static bool __attribute__((noinline)) v4_options_good(struct frame *frame, uint32_t header_bytes)
{
    uint32_t begin = (uint32_t)frame->l3 + IPV4_HEADER_BYTES, route_at = 0, route_bytes = 0;
    enum ipv4_options found = IPV4_OPTIONS_BAD;

    if (frame->l3 + header_bytes <= frame->bytes)
        found = ipv4_options_read(frame->data + begin, header_bytes - IPV4_HEADER_BYTES, &route_at,
                                  &route_bytes);
    if (found == IPV4_OPTIONS_GOOD)
        return true;
    frame->l4 = (uint16_t)(begin + route_at);
    frame->payload = (uint16_t)(frame->l3 + header_bytes);
    frame->payload_bytes = found == IPV4_OPTIONS_ROUTED ? route_bytes : 0;
    return false;
}

/*
 * Words of the header are loaded once each and taken apart in registers: parsing is the largest
 * part of what a forwarded segment costs.
 */
static enum frame_kind parse_v4(struct frame *frame, uint32_t wire_bytes)
{
    const uint8_t *ip = frame->data + frame->l3;
    uint32_t first, second, third, header_bytes, total_bytes;
    uint8_t protocol;

    if (frame->bytes < (uint32_t)frame->l3 + IPV4_HEADER_BYTES || ip[0] >> 4 != 4)
        return FRAME_OTHER;
    first = load_be32(ip);
    second = load_be32(ip + 4);
    third = load_be32(ip + 8);
    protocol = (uint8_t)(third >> 16);
    frame->ip_version = 4;
    if (protocol != PROTO_TCP && protocol != PROTO_ICMP)
        return FRAME_OTHER;
    header_bytes = (first >> 24 & 15) * 4;
    if (second & IPV4_FRAGMENT) {
        frame->payload = second & IPV4_OFFSET ? 0 : (uint16_t)(frame->l3 + header_bytes);
        return protocol == PROTO_TCP ? FRAME_TCP_FRAGMENT : FRAME_OTHER;
    }
    total_bytes = v4_total_bytes(frame, first & 0xffff, wire_bytes);
    if (header_bytes < IPV4_HEADER_BYTES || total_bytes < header_bytes ||
        frame->l3 + total_bytes > wire_bytes)
        return protocol == PROTO_TCP ? FRAME_MALFORMED : FRAME_OTHER;
    if (protocol == PROTO_TCP && header_bytes > IPV4_HEADER_BYTES &&
        !v4_options_good(frame, header_bytes))
        return FRAME_UNREADABLE;
    if (protocol == PROTO_TCP)
        return parse_tcp(frame, frame->l3 + header_bytes, frame->l3 + total_bytes);
    return parse_icmp(frame, frame->l3 + header_bytes, frame->l3 + total_bytes);
}

/* What TCP or ICMPv6 behind whatever chain comes to. */
static inline __attribute__((always_inline)) enum frame_kind
parse_transport(struct frame *frame, uint8_t protocol, uint32_t at, uint32_t end,
                uint32_t wire_bytes)
{
    const uint8_t *ip = frame->data + frame->l3;
    struct ip_addr src = addr_from_v6(ip + 8), dst = addr_from_v6(ip + 24);
    bool tcp = protocol == PROTO_TCP;

    /* IPv4-mapped addresses are for programs, not for the wire (RFC 4291 2.5.5.2): here they would
     * be the keys of IPv4. */
    if (end > wire_bytes || addr_is_v4(&src) || addr_is_v4(&dst))
        return tcp ? FRAME_MALFORMED : FRAME_OTHER;
    return tcp ? parse_tcp(frame, at, end) : parse_icmp(frame, at, end);
}

/*
 * Where the packet ends. A length of 0 before hop-by-hop options is what a jumbo payload has; Linux
 * takes such a packet up to the end of the frame also where no jumbo option follows.
 */
static uint32_t v6_end(const struct frame *frame, uint32_t wire_bytes)
{
    const uint8_t *ip = frame->data + frame->l3;
    uint32_t stated = load_be16(ip + 4);

    if (!stated && ip[6] == PROTO_HOP_BY_HOP)
        return wire_bytes;
    return frame->l3 + IPV6_HEADER_BYTES + stated;
}

/* What is said about the length further on (RFC 2675 3); a fragment cannot be a jumbo. */
static void read_jumbo(const struct frame *frame, struct extensions *chain, uint32_t *end)
{
    const uint8_t *ip = frame->data + frame->l3;

    if (load_be16(ip + 4)) {
        chain->refused |= chain->jumbo != 0;
        return;
    }
    chain->refused |= chain->atomic;
    if (!chain->jumbo)
        return;
    if (chain->jumbo > *end - frame->l3 - IPV6_HEADER_BYTES)
        chain->refused = true;
    else
        *end = frame->l3 + IPV6_HEADER_BYTES + chain->jumbo;
}

static enum frame_kind __attribute__((noinline))
parse_chain(struct frame *frame, uint32_t wire_bytes)
{
    uint32_t end = v6_end(frame, wire_bytes), limit = end < frame->bytes ? end : frame->bytes;
    struct extensions chain;

    extensions_begin(frame->data, frame->l3, &chain);
    if (!extensions_walk(frame->data, frame->l3, limit, &chain))
        return chain.fragment ? FRAME_MALFORMED : FRAME_OTHER;
    frame->payload = (uint16_t)(chain.later_fragment || chain.at > L4_FARTHEST ? 0 : chain.at);
    if (chain.fragment)
        return chain.next == PROTO_TCP ? FRAME_TCP_FRAGMENT : FRAME_OTHER;
    if (chain.next != PROTO_TCP && chain.next != PROTO_ICMPV6)
        return FRAME_OTHER;
    read_jumbo(frame, &chain, &end);
    if (!chain.refused && chain.at <= L4_FARTHEST)
        return parse_transport(frame, chain.next, chain.at, end, wire_bytes);
    if (chain.next != PROTO_TCP)
        return FRAME_OTHER;
    frame->l4 = (uint16_t)(chain.route_at < UINT16_MAX ? chain.route_at : 0);
    frame->payload_bytes = frame->l4 ? chain.route_bytes : 0;
    return FRAME_UNREADABLE;
}

/* Apart from parse_v4, so that the commoner path keeps no more registers than it needs. */
static enum frame_kind __attribute__((noinline)) parse_v6(struct frame *frame, uint32_t wire_bytes)
{
    const uint8_t *ip = frame->data + frame->l3;
    uint32_t at = (uint32_t)frame->l3 + IPV6_HEADER_BYTES;

    if (frame->bytes < at || ip[0] >> 4 != 6)
        return FRAME_OTHER;
    frame->ip_version = 6;
    if (ip[6] != PROTO_TCP)
        return parse_chain(frame, wire_bytes);
    return parse_transport(frame, PROTO_TCP, at, at + load_be16(ip + 4), wire_bytes);
}

static inline bool is_vlan_tag(uint16_t ethertype)
{
    return ethertype == ETHERTYPE_VLAN || ethertype == ETHERTYPE_QINQ ||
           ethertype == ETHERTYPE_QINQ1;
}

enum frame_kind frame_walk_packet(struct frame *frame, uint32_t l3, uint16_t ethertype,
                                  uint32_t wire_bytes)
{
    frame->l3 = (uint16_t)l3;
    if (ethertype == ETHERTYPE_IPV4)
        return parse_v4(frame, wire_bytes);
    if (ethertype == ETHERTYPE_IPV6)
        return parse_v6(frame, wire_bytes);
    return FRAME_OTHER;
}

/* Where the tags of a frame lead, and whether a key can say what they are. */
struct tags {
    uint32_t at; /* of the EtherType */
    uint16_t ethertype;
    unsigned ids;  /* tags with a VLAN ID */
    bool readable; /* by hosts, and answered by them as by us */
};

/* The last two VLAN IDs are kept: of more no key can be made, and outer ones may be stripped. */
static void read_tag(struct frame *frame, struct tags *tags)
{
    uint16_t id = load_be16(frame->data + tags->at + 2) & VLAN_ID_MASK;

    /* Nobody takes this one for a priority. */
    if (!id && tags->ethertype == ETHERTYPE_QINQ1)
        tags->readable = false;
    if (!id)
        return;
    if (tags->ids >= 2) {
        tags->readable = false;
        frame->vlan.id[0] = frame->vlan.id[1];
    }
    frame->vlan.id[tags->ids ? 1 : 0] = (uint16_t)(VLAN_PRESENT | id);
    tags->ids++;
}

/*
 * A tag with VLAN ID 0 carries a priority only (802.1Q 9.6). Hosts take such a frame as they would
 * without it, however many there are, so it is not part of a key.
 */
static enum frame_kind parse_link(struct frame *frame, uint32_t wire_bytes)
{
    struct tags tags = {.at = ETHERTYPE_AT, .readable = true};
    enum frame_kind kind;

    frame->l3 = 0;
    if (frame->bytes < ETH_HEADER_BYTES)
        return FRAME_OTHER;
    tags.ethertype = load_be16(frame->data + tags.at);
    while (is_vlan_tag(tags.ethertype)) {
        if (tags.at + VLAN_TAG_BYTES + 2 > frame->bytes)
            return FRAME_OTHER;
        tags.readable &= tags.at < TAGS_FARTHEST;
        read_tag(frame, &tags);
        tags.at += VLAN_TAG_BYTES;
        tags.ethertype = load_be16(frame->data + tags.at);
        if (tags.at > L4_FARTHEST)
            return FRAME_OTHER;
    }
    kind = frame_walk_packet(frame, tags.at + 2, tags.ethertype, wire_bytes);
    if (kind != FRAME_TCP || tags.readable)
        return kind;
    frame->payload = frame->l4;
    frame->payload_bytes = 0; /* no route */
    return FRAME_UNREADABLE;
}

enum frame_kind frame_walk(struct frame *frame, struct offload *offload, uint8_t *data,
                           uint32_t bytes, uint32_t wire_bytes, uint32_t capacity)
{
    frame->offload = offload;
    frame->data = data;
    frame->bytes = bytes;
    frame->capacity = capacity;
    frame->vlan = (struct vlan_ids){{0, 0}};
    frame->ip_version = 0;
    frame->payload = 0;
    frame->kind = parse_link(frame, wire_bytes);
    return frame->kind;
}

/* Offset of the TCP header in the IPv4 packet quoted from payload to `end`; 0: none. */
static uint32_t quoted_v4(const struct frame *frame, uint32_t end, struct frame_quote *quote)
{
    const uint8_t *ip = frame->data + frame->payload;
    uint32_t header_bytes;

    if ((uint32_t)frame->payload + IPV4_HEADER_BYTES > end || ip[0] >> 4 != 4 || ip[9] != PROTO_TCP)
        return 0;
    header_bytes = (ip[0] & 15u) * 4;
    if (header_bytes < IPV4_HEADER_BYTES || (load_be16(ip + 6) & IPV4_OFFSET))
        return 0;
    quote->src = addr_from_v4(ip + 12);
    quote->dst = addr_from_v4(ip + 16);
    return frame->payload + header_bytes;
}

static uint32_t quoted_v6(const struct frame *frame, uint32_t end, struct frame_quote *quote)
{
    const uint8_t *ip = frame->data + frame->payload;
    struct extensions chain;

    if ((uint32_t)frame->payload + IPV6_HEADER_BYTES > end || ip[0] >> 4 != 6)
        return 0;
    extensions_begin(frame->data, frame->payload, &chain);
    if (!extensions_walk(frame->data, frame->payload, end, &chain) || chain.later_fragment ||
        chain.next != PROTO_TCP)
        return 0;
    quote->src = addr_from_v6(ip + 8);
    quote->dst = addr_from_v6(ip + 24);
    return addr_is_v4(&quote->src) || addr_is_v4(&quote->dst) ? 0 : chain.at;
}

bool frame_parse_quote(const struct frame *frame, struct frame_quote *quote)
{
    uint32_t end = frame->payload + frame->payload_present;
    uint32_t at =
        frame->ip_version == 4 ? quoted_v4(frame, end, quote) : quoted_v6(frame, end, quote);
    const uint8_t *tcp = frame->data + at;

    if (!at || at + QUOTED_TCP_BYTES > end)
        return false;
    quote->src_port = load_be16(tcp);
    quote->dst_port = load_be16(tcp + 2);
    quote->seq = load_be32(tcp + 4);
    quote->tcp = at;
    quote->tcp_present = end - at;
    return true;
}

/* RFC 1122 4.2.3.10, RFC 4291 2.5.3 and 2.7. Linux takes 0/8 and ::. */
bool frame_ends_good(const struct frame *frame)
{
    const uint8_t *ip = frame_ip(frame);
    uint64_t high, low;
    uint32_t src;

    if (frame->data[0] & 1)
        return false;
    if (frame->ip_version == 4) {
        src = load_be32(ip + 12);
        return src != 0 && src >> 24 != 127 && src >> 28 != 14 && src != UINT32_MAX &&
               src != load_be32(ip + 16);
    }
    high = load_wire64(ip + 8);
    low = load_wire64(ip + 16);
    return ip[8] != 0xff && (high || low != WIRE64(1)) && /* ::1 */
           ((high ^ load_wire64(ip + 24)) | (low ^ load_wire64(ip + 32)));
}

/* Any frame. IPv6's header has no checksum. */
static bool __attribute__((noinline)) any_checksum_good(const struct frame *frame)
{
    const uint8_t *ip = frame_ip(frame);
    bool ipv4 = frame->ip_version == 4;

    /* Vouched for: by a card that has seen the whole packet, or a capture taken before a card
     * filled it in. */
    if (frame->offload != NULL && (frame->offload->flags & OFFLOAD_CHECKSUM_VALID))
        return true;
    if (ipv4 && !checksum_native_is_good(checksum_native_add_long(0, ip, (size_t)(ip[0] & 15) * 4)))
        return false;
    if (frame_checksum_is_partial(frame) || frame->payload_present < frame->payload_bytes)
        return true;
    return tcp_checksum_good(frame_tcp(frame),
                             frame->payload - (uint32_t)frame->l4 + frame->payload_bytes,
                             ipv4 ? load_wire64(ip + 12) : checksum_native_add_long(0, ip + 8, 32));
}

/* Those of a flood are verified at constant offsets: untagged, without IPv4 options, one segment
 * that nobody vouches for. */
bool frame_checksum_good(const struct frame *frame)
{
    const struct offload *offload = frame->offload;
    uint64_t addresses;

    if (offload == NULL || offload->flags != 0 || frame->l3 != ETH_HEADER_BYTES ||
        frame->l4 != PLAIN_L4 || frame->payload_present < frame->payload_bytes)
        return any_checksum_good(frame);
    addresses = load_wire64(frame_ip(frame) + 12);
    return frame_plain_header_good(frame->data, addresses) &&
           tcp_checksum_good(frame->data + PLAIN_L4,
                             frame->payload - PLAIN_L4 + frame->payload_bytes, addresses);
}

/* Replaces 32 bits at `at`, which the TCP checksum covers, at an even offset from the TCP header.
 */
static inline void tcp_replace32(struct frame *frame, uint8_t *at, uint32_t value)
{
    if (!frame_checksum_is_partial(frame))
        checksum_update32(frame_tcp(frame) + TCP_CHECKSUM_AT, load_be32(at), value);
    store_be32(at, value);
}

static inline void tcp_replace16(struct frame *frame, uint8_t *at, uint16_t value)
{
    if (!frame_checksum_is_partial(frame))
        checksum_update16(frame_tcp(frame) + TCP_CHECKSUM_AT, load_be16(at), value);
    store_be16(at, value);
}

void frame_set_seq(struct frame *frame, uint32_t seq)
{
    tcp_replace32(frame, frame_tcp(frame) + 4, seq);
    frame->seq = seq;
}

void frame_set_ack(struct frame *frame, uint32_t ack)
{
    tcp_replace32(frame, frame_tcp(frame) + 8, ack);
    frame->ack = ack;
}

void frame_set_window(struct frame *frame, uint16_t window)
{
    tcp_replace16(frame, frame_tcp(frame) + 14, window);
    frame->window = window;
}

void frame_set_flags(struct frame *frame, uint8_t flags)
{
    uint8_t *at = frame_tcp(frame) + 12;

    tcp_replace16(frame, at, (uint16_t)(at[0] << 8 | flags));
    frame->flags = flags;
}

void frame_set_ecn(struct frame *frame, enum ip_ecn ecn)
{
    uint8_t *ip = frame->data + frame->l3;
    uint8_t tos = (uint8_t)((frame_tos(frame) & ~3u) | ecn);

    if (frame->ip_version == 4) {
        checksum_update16(ip + 10, load_be16(ip), (uint16_t)(ip[0] << 8 | tos));
        ip[1] = tos;
    } else {
        /*
         * The traffic class lies across the first two bytes; its ECN bits are bits 5 and 4 of the
         * second (RFC 8200 3).
         */
        ip[1] = (uint8_t)((ip[1] & 0xcf) | ecn << 4);
    }
}

/*
 * At an odd offset each byte weighs in the other half of its word: the same as the number rotated
 * by one byte (RFC 1071 2(B)).
 */
static inline uint32_t as_summed(uint32_t value, bool odd)
{
    return odd ? value << 8 | value >> 24 : value;
}

void frame_set_be32(struct frame *frame, uint32_t offset, uint32_t value)
{
    uint8_t *at = frame->data + offset;
    bool odd = (offset - frame->l4) & 1;

    if (!frame_checksum_is_partial(frame))
        checksum_update32(frame_tcp(frame) + TCP_CHECKSUM_AT, as_summed(load_be32(at), odd),
                          as_summed(value, odd));
    store_be32(at, value);
}

void frame_nop_options(struct frame *frame, uint32_t offset, uint32_t bytes)
{
    const uint16_t nop = 1; /* TCP_OPT_NOP */

    for (; bytes > 0; offset++, bytes--) {
        unsigned shift = (offset - frame->l4) & 1 ? 0 : 8;

        if (!frame_checksum_is_partial(frame))
            checksum_update16(frame_tcp(frame) + TCP_CHECKSUM_AT,
                              (uint16_t)(frame->data[offset] << shift), (uint16_t)(nop << shift));
        frame->data[offset] = (uint8_t)nop;
    }
}

/* The kernel cuts it where it leaves a TAP, and finishes the checksums (virtio 1.2, 5.1.6.2). */
static void make_super_frame(struct frame *frame, uint16_t mss)
{
    uint32_t l4_bytes = frame->payload - frame->l4 + frame->payload_bytes;
    struct ip_addr src = frame_src(frame), dst = frame_dst(frame);
    uint64_t sum = checksum_pseudo(&src, &dst, PROTO_TCP, l4_bytes);

    store_be16(frame_tcp(frame) + TCP_CHECKSUM_AT, checksum_fold(sum));
    *frame->offload = (struct offload){
        .flags = OFFLOAD_NEEDS_CHECKSUM,
        .gso_type = (uint8_t)((frame->ip_version == 4 ? OFFLOAD_GSO_TCPV4 : OFFLOAD_GSO_TCPV6) |
                              (frame->flags & TCP_CWR ? OFFLOAD_GSO_ECN : 0)),
        .header_bytes = frame->payload,
        .gso_bytes = mss,
        .checksum_start = frame->l4,
        .checksum_offset = TCP_CHECKSUM_AT,
    };
}

void frame_limit_gso(struct frame *frame, uint16_t mss)
{
    if (frame->offload == NULL || mss == 0)
        return;
    if (frame_is_super(frame))
        frame_lower_gso(frame, mss);
    else if (frame->payload_bytes > mss && !(frame->flags & TCP_URG) && frame_checksum_good(frame))
        make_super_frame(frame, mss);
}
