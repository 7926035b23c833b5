/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * carrier.c - takes one wrapping after the other off a frame. See carrier.h.
 *
 * Each step knows what lies at `at` in one of four ways: by an EtherType, by an IP protocol, as a
 * whole Ethernet frame, or as PPP. It says what lies behind its own header in the same way.
 */
#include "engine/tcp/carrier.h"

#include "engine/base/bytes.h"
#include "engine/tcp/extensions.h"

enum wrapping {
    WRAPPED_NOTHING, /* that we know of */
    WRAPPED_ETHERTYPE,
    WRAPPED_PROTOCOL,
    WRAPPED_ETHERNET,
    WRAPPED_PPP,
};

struct look {
    const uint8_t *data;
    uint32_t at, end; /* of what lies in the frame */
    enum wrapping as;
    uint16_t type; /* EtherType or protocol */
    bool piece;    /* the first fragment of a larger packet */
    bool cut;      /* a header does not lie in the frame */
};

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define LENGTH_MAX     0x05dc /* of 802.3; larger numbers are EtherTypes */
/* Headers up to here: a view's offsets have 16 bits */
#define FARTHEST          60000u
#define LONGEST_PACKET    (40u + 65535u)
#define IPV4_MORE         0x2000
#define IPV4_OFFSET       0x1fff
#define PROTOCOL_IPV4     4
#define PROTOCOL_IPV6     41
#define UDP_HEADER_BYTES  8
#define MPLS_LABELS_MAX   16
#define MPLS_BOTTOM       0x100
#define PPP_ADDRESS       0xff03
#define MINIMAL_SOURCE    0x80 /* RFC 2004: the original source is there */
#define GRE_CHECKSUM      0x8000
#define GRE_ROUTING       0x4000
#define GRE_KEY           0x2000
#define GRE_SEQUENCE      0x1000
#define GRE_ACK           0x0080 /* RFC 2637 4.1 */
#define L2TP_CONTROL      0x8000
#define L2TP_LENGTH       0x4000
#define L2TP_SEQUENCE     0x0800
#define L2TP_OFFSET       0x0200
#define GTP_EXTRAS        0x07
#define GTP_PACKET        255 /* message type of what carries a packet */
#define L2TPV3_COOKIE_MAX 8

/* True where `bytes` bytes lie at `at`. */
static bool there(struct look *look, uint32_t bytes)
{
    if (look->at + bytes <= look->end)
        return true;
    look->cut = true;
    return false;
}

static void next_is(struct look *look, uint32_t header_bytes, enum wrapping as, uint16_t type)
{
    look->at += header_bytes;
    look->as = as;
    look->type = type;
}

/* An IP version by its number alone, where nothing else says it. */
static void next_is_ip(struct look *look, uint32_t header_bytes)
{
    look->as = WRAPPED_NOTHING;
    if (!there(look, header_bytes + 1))
        return;
    if (look->data[look->at + header_bytes] >> 4 == 4)
        next_is(look, header_bytes, WRAPPED_ETHERTYPE, ETHERTYPE_IPV4);
    else if (look->data[look->at + header_bytes] >> 4 == 6)
        next_is(look, header_bytes, WRAPPED_ETHERTYPE, ETHERTYPE_IPV6);
}

/* --- link formats ---------------------------------------------------------------------------- */

/* A header of `bytes` bytes, the last two of which are the EtherType of what follows. */
static void ends_in_type(struct look *look, uint32_t bytes)
{
    if (there(look, bytes))
        next_is(look, bytes, WRAPPED_ETHERTYPE, load_be16(look->data + look->at + bytes - 2));
}

/* RFC 1042: SNAP with an organisation of zero (or 802.1H's), or the address of IP itself. */
static void llc(struct look *look)
{
    const uint8_t *at = look->data + look->at;

    if (!there(look, 8))
        return;
    if (at[0] == 0xaa && at[1] == 0xaa)
        ends_in_type(look, 8);
    else if (at[0] == 6 && at[1] == 6)
        next_is_ip(look, 3);
}

/* RFC 3032. Behind the last label stands a packet, or a frame, perhaps after a word of control
 * (RFC 4448 4.6). */
static void mpls(struct look *look)
{
    for (unsigned labels = 0; labels < MPLS_LABELS_MAX && there(look, 5); labels++) {
        bool bottom = load_be32(look->data + look->at) & MPLS_BOTTOM;
        uint8_t first = look->data[look->at + 4] >> 4;

        look->at += 4;
        if (!bottom)
            continue;
        if (first == 4 || first == 6)
            next_is_ip(look, 0);
        else
            next_is(look, first ? 0 : 4, WRAPPED_ETHERNET, 0);
        return;
    }
}

/* RFC 2516 4: version and type 1, a session. */
static void pppoe(struct look *look)
{
    if (there(look, 6))
        next_is(look, 6, WRAPPED_PPP, 0);
}

/* RFC 8300 2.2 */
static void nsh(struct look *look)
{
    const uint8_t *at = look->data + look->at;
    uint32_t bytes;

    if (!there(look, 4))
        return;
    bytes = (at[1] & 0x3fu) * 4;
    if (at[3] == 3)
        next_is(look, bytes, WRAPPED_ETHERNET, 0);
    else if (at[3] == 1 || at[3] == 2)
        next_is_ip(look, bytes);
}

/* RFC 6325 3.1: the options' length is counted in words. */
static void trill(struct look *look)
{
    if (there(look, 6))
        next_is(look, 6 + (load_be16(look->data + look->at) >> 6 & 31u) * 4, WRAPPED_ETHERNET, 0);
}

static void packet_v4(struct look *look)
{
    const uint8_t *ip = look->data + look->at;
    uint16_t where;

    if (!there(look, IPV4_HEADER_BYTES) || ip[0] >> 4 != 4)
        return;
    where = load_be16(ip + 6);
    if (where & IPV4_OFFSET)
        return;
    look->piece |= (where & IPV4_MORE) != 0;
    next_is(look, (ip[0] & 15u) * 4, WRAPPED_PROTOCOL, ip[9]);
}

static void packet_v6(struct look *look)
{
    struct extensions walk;

    if (!there(look, IPV6_HEADER_BYTES) || look->data[look->at] >> 4 != 6)
        return;
    extensions_begin(look->data, look->at, &walk);
    look->cut |= !extensions_walk(look->data, look->at, look->end, &walk);
    look->piece |= walk.fragment;
    if (look->cut || walk.later_fragment)
        return;
    look->at = walk.at;
    look->as = WRAPPED_PROTOCOL;
    look->type = walk.next;
}

static void by_ethertype(struct look *look)
{
    uint16_t type = look->type;

    look->as = WRAPPED_NOTHING;
    if (type <= LENGTH_MAX) {
        llc(look);
        return;
    }
    switch (type) {
    case ETHERTYPE_IPV4:
        packet_v4(look);
        break;
    case ETHERTYPE_IPV6:
        packet_v6(look);
        break;
    case 0x8100:
    case 0x88a8:
    case 0x9100:
    case 0x9200:
    case 0x9300:
        ends_in_type(look, 4);
        break;
    case 0x8847:
    case 0x8848:
        mpls(look);
        break;
    case 0x8864:
        pppoe(look);
        break;
    case 0x6558: /* Ethernet in GRE and others */
        look->as = WRAPPED_ETHERNET;
        break;
    case 0x88e7: /* 802.1ah */
        next_is(look, 4, WRAPPED_ETHERNET, 0);
        break;
    case 0x893f: /* 802.1BR */
    case 0x8909: /* TrustSec */
        ends_in_type(look, 8);
        break;
    case 0xf1c1: /* 802.1CB */
    case 0x892f: /* HSR */
    case 0x8926: /* VN-tag */
        ends_in_type(look, 6);
        break;
    case 0x22f3:
        trill(look);
        break;
    case 0x894f:
        nsh(look);
        break;
    case 0x880b:
        look->as = WRAPPED_PPP;
        break;
    default:
        break;
    }
}

/* RFC 1661 2, RFC 1662 3.1: address and control may be there or not, the protocol may be one byte.
 */
static void by_ppp(struct look *look)
{
    uint16_t protocol;
    uint32_t bytes = 2;

    look->as = WRAPPED_NOTHING;
    if (!there(look, 4))
        return;
    if (load_be16(look->data + look->at) == PPP_ADDRESS)
        look->at += 2;
    protocol = load_be16(look->data + look->at);
    if (protocol >> 8 & 1) {
        protocol >>= 8;
        bytes = 1;
    }
    if (protocol == 0x21 || protocol == 0x57)
        next_is_ip(look, bytes);
    else if (protocol == 0x281 || protocol == 0x283)
        next_is(look, bytes, WRAPPED_ETHERTYPE, 0x8847);
    else if (protocol == 0x31)
        next_is(look, bytes + 2, WRAPPED_ETHERNET, 0);
}

/* --- tunnels --------------------------------------------------------------------------------- */

/* RFC 2784, RFC 2890; of version 1 RFC 2637 4.1. */
static void gre(struct look *look)
{
    const uint8_t *at = look->data + look->at;
    uint16_t flags, type;
    uint32_t bytes = 4;

    if (!there(look, 4))
        return;
    flags = load_be16(at);
    type = load_be16(at + 2);
    bytes += flags & (GRE_CHECKSUM | GRE_ROUTING) ? 4 : 0;
    bytes += flags & GRE_KEY ? 4 : 0;
    bytes += flags & GRE_SEQUENCE ? 4 : 0;
    bytes += (flags & 7) == 1 && (flags & GRE_ACK) ? 4 : 0;
    next_is(look, bytes, WRAPPED_ETHERTYPE, type);
}

/* RFC 2661 3.1 */
static void l2tp(struct look *look)
{
    const uint8_t *at = look->data + look->at;
    uint32_t bytes = 6;
    uint16_t flags;

    if (!there(look, 12))
        return;
    flags = load_be16(at);
    if ((flags & L2TP_CONTROL) || (flags & 15) != 2)
        return;
    bytes += flags & L2TP_LENGTH ? 2 : 0;
    bytes += flags & L2TP_SEQUENCE ? 4 : 0;
    if (flags & L2TP_OFFSET)
        bytes += 2u + (there(look, bytes + 2) ? load_be16(at + bytes) : 0u);
    next_is(look, bytes, WRAPPED_PPP, 0);
}

static bool is_type(uint16_t type)
{
    return type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6 || type == 0x8100 || type == 0x88a8;
}

/*
 * RFC 3931 4.1: how long the cookie is, whether a word of its own follows, and what is carried,
 * only both ends know. A frame is known by its EtherType, a packet by its first byte.
 */
static void l2tpv3(struct look *look)
{
    for (uint32_t bytes = 4; bytes <= 4 + L2TPV3_COOKIE_MAX + 4; bytes += 4) {
        const uint8_t *at = look->data + look->at + bytes;

        if (!there(look, bytes + ETH_HEADER_BYTES))
            return;
        if (!is_type(load_be16(at + 12)))
            continue;
        next_is(look, bytes, WRAPPED_ETHERNET, 0);
        return;
    }
    for (uint32_t bytes = 4; bytes <= 4 + L2TPV3_COOKIE_MAX; bytes += 4) {
        const uint8_t *at = look->data + look->at + bytes;

        if (at[0] != 0x45 && at[0] != 0x60)
            continue;
        next_is_ip(look, bytes);
        return;
    }
}

/* 3GPP TS 29.281 5.1: sequence number, N-PDU number and next extension are there together. */
static void gtp(struct look *look)
{
    const uint8_t *at = look->data + look->at;
    uint32_t bytes = 8;
    uint8_t extension = 0;

    if (!there(look, 12) || at[1] != GTP_PACKET)
        return;
    if (at[0] & GTP_EXTRAS) {
        extension = at[0] & 4 ? at[11] : 0;
        bytes += 4;
    }
    while (extension && there(look, bytes + 4) && at[bytes]) {
        uint32_t length = at[bytes] * 4u;

        if (!there(look, bytes + length))
            return;
        extension = at[bytes + length - 1];
        bytes += length;
    }
    next_is_ip(look, bytes);
}

/* RFC 4380 5.1.1: authentication and an origin may stand before the packet. */
static void teredo(struct look *look)
{
    const uint8_t *at = look->data + look->at;
    uint32_t bytes = 0;

    if (there(look, 4) && load_be16(at) == 1)
        bytes += 13u + at[2] + at[3];
    if (there(look, bytes + 2) && load_be16(at + bytes) == 0)
        bytes += 8;
    next_is_ip(look, bytes);
}

/* RFC 8926 3.4 */
static void geneve(struct look *look)
{
    const uint8_t *at = look->data + look->at;

    if (there(look, 8))
        next_is(look, 8 + (at[0] & 0x3fu) * 4, WRAPPED_ETHERTYPE, load_be16(at + 2));
}

/* draft-ietf-nvo3-vxlan-gpe 3: what follows is said in the fourth byte. */
static void vxlan_gpe(struct look *look)
{
    const uint8_t *at = look->data + look->at;

    if (!there(look, 8))
        return;
    if (at[3] == 1 || at[3] == 2)
        next_is_ip(look, 8);
    else
        next_is(look, 8, at[3] == 4 ? WRAPPED_ETHERTYPE : WRAPPED_ETHERNET, 0x894f);
}

/* By the port that it goes to: the one registered, and what Linux took before there was one. */
static void udp(struct look *look)
{
    uint16_t port;

    if (!there(look, UDP_HEADER_BYTES))
        return;
    port = load_be16(look->data + look->at + 2);
    look->at += UDP_HEADER_BYTES;
    switch (port) {
    case 4789:
    case 8472:
        next_is(look, 8, WRAPPED_ETHERNET, 0);
        break;
    case 4790:
        vxlan_gpe(look);
        break;
    case 6081:
        geneve(look);
        break;
    case 1701:
        l2tp(look);
        break;
    case 2152:
        gtp(look);
        break;
    case 3544:
        teredo(look);
        break;
    case 4754:
        gre(look);
        break;
    case 6635:
        mpls(look);
        break;
    default:
        break;
    }
}

static void by_protocol(struct look *look)
{
    uint16_t protocol = look->type;

    look->as = WRAPPED_NOTHING;
    switch (protocol) {
    case PROTOCOL_IPV4:
    case 94: /* IP in IP before it had a number */
        next_is(look, 0, WRAPPED_ETHERTYPE, ETHERTYPE_IPV4);
        break;
    case PROTOCOL_IPV6:
        next_is(look, 0, WRAPPED_ETHERTYPE, ETHERTYPE_IPV6);
        break;
    case 17:
    case 136: /* UDP-Lite */
        udp(look);
        break;
    case 47:
        gre(look);
        break;
    case 97: /* RFC 3378 */
        next_is(look, 2, WRAPPED_ETHERNET, 0);
        break;
    case 115:
        l2tpv3(look);
        break;
    case 137: /* RFC 4023 */
        mpls(look);
        break;
    case 143: /* RFC 8986 10.1 */
        look->as = WRAPPED_ETHERNET;
        break;
    default:
        break;
    }
}

/* --- the whole ------------------------------------------------------------------------------- */

/* TCP named by an IPv4 header that does not stand right before it: behind AH (RFC 4302 2.2), or in
 * the minimal encapsulation of RFC 2004, which moves the destination. */
static enum frame_kind tcp_apart(const struct look *look, struct frame *inner)
{
    const uint8_t *at = look->data + look->at;

    if (look->as != WRAPPED_PROTOCOL || look->at + 12 > look->end)
        return FRAME_OTHER;
    if (look->type == 51 && at[0] == PROTO_TCP) {
        inner->payload_bytes = 0;
        return FRAME_UNREADABLE;
    }
    if (look->type == 55 && at[0] == PROTO_TCP) {
        inner->l4 = (uint16_t)(look->at + 4);
        inner->payload_bytes = 4;
        return FRAME_UNREADABLE;
    }
    return FRAME_OTHER;
}

/* What an IP header inside leads to. Lengths beyond the frame are as good as others: the rest may
 * come in later fragments. */
static enum frame_kind inner_packet(const struct look *look, const struct frame *frame,
                                    struct frame *inner)
{
    if (look->as != WRAPPED_ETHERTYPE ||
        (look->type != ETHERTYPE_IPV4 && look->type != ETHERTYPE_IPV6))
        return FRAME_OTHER;
    *inner = *frame;
    inner->offload = NULL;
    return frame_walk_packet(inner, look->at, look->type, look->at + LONGEST_PACKET);
}

static void take_off(struct look *look)
{
    switch (look->as) {
    case WRAPPED_ETHERTYPE:
        by_ethertype(look);
        break;
    case WRAPPED_PROTOCOL:
        by_protocol(look);
        break;
    case WRAPPED_ETHERNET:
        look->as = WRAPPED_NOTHING;
        look->at += 12;
        ends_in_type(look, 2);
        break;
    case WRAPPED_PPP:
        by_ppp(look);
        break;
    case WRAPPED_NOTHING:
        break;
    }
}

enum frame_kind carrier_look(const struct frame *frame, struct frame *inner)
{
    struct look look = {.data = frame->data,
                        .at = frame->l3,
                        .end = frame->bytes,
                        .as = frame->l3 ? WRAPPED_ETHERTYPE : WRAPPED_NOTHING};
    enum frame_kind kind;

    if (look.as)
        look.type = load_be16(frame->data + frame->l3 - 2);
    *inner = *frame;
    for (unsigned depth = 0; look.as != WRAPPED_NOTHING; depth++) {
        if (depth == 2 * CARRIERS_MAX || look.at > FARTHEST) {
            look.piece = look.cut = true;
            break;
        }
        if (depth > 0) {
            kind = inner_packet(&look, frame, inner);
            if (kind != FRAME_OTHER && kind != FRAME_ICMP_ERROR)
                return kind;
        }
        kind = tcp_apart(&look, inner);
        if (kind != FRAME_OTHER)
            return kind;
        take_off(&look);
    }
    inner->l3 = 0;
    return look.piece && look.cut ? FRAME_UNREADABLE : FRAME_OTHER;
}
