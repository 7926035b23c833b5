/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * frame.h - the one bounds-checked way to look into a frame.
 *
 * frame_parse() walks Ethernet, VLAN tags (802.1Q 0x8100, 802.1ad 0x88a8, and 0x9100; any number,
 * two of which may name a VLAN), IPv4 with options or IPv6 with its chain of extension headers
 * (extensions.h), and the TCP header.
 * Afterwards every offset in the view is known to lie inside the frame; options are parsed on
 * demand (options.h). Parsing fails closed: what does not fit is FRAME_MALFORMED, and the engine
 * never answers or edits such a frame.
 *
 * A capture may hold less of a frame than was on the wire: `wire_bytes` says how long it was. On a
 * live bridge both are the same, and an IP length beyond the frame is FRAME_MALFORMED.
 *
 * Ethernet padding behind the IP packet is not payload; it stays where it is.
 */
#ifndef SYNWARD_ENGINE_TCP_FRAME_H
#define SYNWARD_ENGINE_TCP_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/addr.h"
#include "engine/base/bytes.h"
#include "engine/base/checksum.h"
#include "engine/tcp/offload.h"

#define ETH_HEADER_BYTES  14
#define LINK_HEADER_MAX   22 /* Ethernet header with two VLAN tags */
#define IPV4_HEADER_BYTES 20
#define TCP_HEADER_BYTES  20
#define TCP_CHECKSUM_AT   16 /* from the TCP header */
#define PROTO_TCP         6
/*
 * Odd stacks send the zeros that fill a frame up to 60 bytes as payload of a bare ACK: 6 of them, 8
 * where alignment adds to it.
 */
#define ACK_PADDING_MAX 8
/* Where TCP begins in a plain frame */
#define PLAIN_L4          (ETH_HEADER_BYTES + IPV4_HEADER_BYTES)
#define PLAIN_FRAME_BYTES (PLAIN_L4 + TCP_HEADER_BYTES) /* the least that it has */

enum side { SIDE_CLIENT, SIDE_SERVER };
static inline enum side side_other(enum side side)
{
    return side == SIDE_CLIENT ? SIDE_SERVER : SIDE_CLIENT;
}

enum tcp_flags {
    TCP_FIN = 0x01,
    TCP_SYN = 0x02,
    TCP_RST = 0x04,
    TCP_PSH = 0x08,
    TCP_ACK = 0x10,
    TCP_URG = 0x20,
    TCP_ECE = 0x40,
    TCP_CWR = 0x80,
};

enum ip_ecn { ECN_NOT_ECT = 0, ECN_ECT1 = 1, ECN_ECT0 = 2, ECN_CE = 3 };

enum frame_kind {
    FRAME_OTHER,        /* not TCP, not an ICMP error: passes as it is */
    FRAME_TCP,          /* every field below is valid */
    FRAME_TCP_FRAGMENT, /* a fragment (first or later) of an IP packet that carries TCP; addresses
                           are valid, and frame_ports_at() */
    FRAME_ICMP_ERROR, /* ICMP or ICMPv6 error; addresses and l4 are valid, and payload is the quoted
                         packet */
    FRAME_MALFORMED,  /* says that it is TCP over IP, but does not fit; addresses are valid, nothing
                         behind them */
    FRAME_UNREADABLE, /* TCP that some hosts or routers may take, and that is not ours to read;
                         addresses are valid, frame_route() and frame_ports_at() */
};

/*
 * A view of one frame in a buffer that the caller owns. Offsets count from `data`. Numbers are in
 * host byte order.
 */
struct frame {
    enum frame_kind kind;
    struct offload *offload;  /* in front of data; NULL where there is none (captures) */
    uint8_t *data;            /* Ethernet header */
    uint32_t bytes;           /* bytes present from data on */
    uint32_t capacity;        /* bytes that may be written from data on */
    uint32_t payload_present; /* of payload_bytes, in the buffer; less only in truncated captures */
    uint16_t l3;              /* offset of the IP header; 0: none was come to */
    uint16_t l4;              /* offset of the TCP or ICMP header */
    uint16_t payload;         /* offset of the TCP payload */
    uint8_t ip_version;       /* 4 or 6 */
    struct vlan_ids vlan;
    uint32_t seq, ack;
    uint16_t window;        /* as it stands in the header, unscaled */
    uint8_t flags;          /* enum tcp_flags */
    uint8_t options_bytes;  /* 0 to 40, options begin at l4 + 20 */
    uint32_t payload_bytes; /* on the wire, by the IP header */
};

/* Offset of the payload behind the TCP header at `l4`; 0: the header is too short, or does not end
 * below `end`. */
static inline uint32_t frame_payload_at(const uint8_t *data, uint32_t l4, uint32_t end)
{
    uint32_t header_bytes, payload;

    if (l4 + TCP_HEADER_BYTES > end)
        return 0;
    header_bytes = data[l4 + 12] / 16 * 4u;
    payload = l4 + header_bytes;
    return header_bytes < TCP_HEADER_BYTES || payload > end ? 0 : payload;
}

/* What the TCP header at `l4` says, which lies in the frame, with the payload behind it up to
 * `end`, or to the end of what is there. */
static inline __attribute__((always_inline)) void frame_fill_tcp(struct frame *frame, uint32_t l4,
                                                                 uint32_t payload, uint32_t end)
{
    const uint8_t *tcp = frame->data + l4;

    frame->kind = FRAME_TCP;
    frame->l4 = (uint16_t)l4;
    frame->payload = (uint16_t)payload;
    frame->seq = load_be32(tcp + 4);
    frame->ack = load_be32(tcp + 8);
    frame->flags = tcp[13];
    frame->window = load_be16(tcp + 14);
    frame->options_bytes = (uint8_t)(payload - l4 - TCP_HEADER_BYTES);
    frame->payload_bytes = end - payload;
    frame->payload_present = (end < frame->bytes ? end : frame->bytes) - payload;
}

/* Where the packet of a plain frame ends, by its IPv4 header. */
static inline uint32_t frame_plain_end(const uint8_t *data)
{
    return (uint32_t)ETH_HEADER_BYTES + load_be16(data + ETH_HEADER_BYTES + 2);
}

/* Where its payload begins, by its TCP header. */
static inline uint32_t frame_plain_payload(const uint8_t *data)
{
    return PLAIN_L4 + (data[PLAIN_L4 + 12] >> 2 & 0x3cu);
}

/*
 * The frames that nearly all are, told by two words: untagged, IPv4 without options, no fragment,
 * TCP, and all that the stated length says is there.
 *
 *      12 EtherType 0800 | 14 version 4, 20 bytes of header | 20 no fragment | 23 protocol 6
 */
static inline bool frame_is_plain(const uint8_t *data, uint32_t bytes)
{
    const uint64_t first_is = WIRE64(0x0800450000000000u), first_mask = WIRE64(0xffffff0000000000u);
    const uint64_t second_is = WIRE64(0x0000000600000000u),
                   second_mask = WIRE64(0x3fff00ff00000000u);
    uint32_t end, payload;
    uint64_t odd;

    if (bytes < PLAIN_FRAME_BYTES)
        return false;
    odd = (load_wire64(data + 12) ^ first_is) & first_mask;
    odd |= (load_wire64(data + 20) ^ second_is) & second_mask;
    end = frame_plain_end(data);
    payload = frame_plain_payload(data);
    return !odd && end <= bytes && payload <= end && payload >= PLAIN_FRAME_BYTES;
}

/*
 * The view of a frame that is plain. Every offset is a constant: a view that is only looked at
 * inline stays in registers, and what is not looked at is not read.
 */
static inline __attribute__((always_inline)) void frame_fill_plain(struct frame *frame,
                                                                   struct offload *offload,
                                                                   uint8_t *data, uint32_t bytes,
                                                                   uint32_t capacity)
{
    uint32_t end = frame_plain_end(data);

    frame->offload = offload;
    frame->data = data;
    frame->bytes = bytes;
    frame->capacity = capacity;
    frame->l3 = ETH_HEADER_BYTES;
    frame->ip_version = 4;
    frame->vlan = (struct vlan_ids){{0, 0}};
    frame_fill_tcp(frame, PLAIN_L4, frame_plain_payload(data), end);
    frame->payload_present = frame->payload_bytes;
}

/* The walk over any frame, with frame_parse()'s arguments, to the same view. */
enum frame_kind frame_walk(struct frame *frame, struct offload *offload, uint8_t *data,
                           uint32_t bytes, uint32_t wire_bytes, uint32_t capacity);

/* The same from an IP header at `l3` on (EtherType 0800 or 86dd), in a frame that was walked so
 * far.
 */
enum frame_kind frame_walk_packet(struct frame *frame, uint32_t l3, uint16_t ethertype,
                                  uint32_t wire_bytes);

/*
 * Fills `frame` for `bytes` bytes at `data` of a frame that was `wire_bytes` long on the wire (>=
 * bytes). `offload` may be NULL. `capacity` >= bytes. Never reads beyond `bytes`. Returns
 * frame->kind.
 */
static inline enum frame_kind frame_parse(struct frame *frame, struct offload *offload,
                                          uint8_t *data, uint32_t bytes, uint32_t wire_bytes,
                                          uint32_t capacity)
{
    if (!frame_is_plain(data, bytes))
        return frame_walk(frame, offload, data, bytes, wire_bytes, capacity);
    frame_fill_plain(frame, offload, data, bytes, capacity);
    return FRAME_TCP;
}

/*
 * Sources that no host answers: a network's, this host's, a group, everybody (RFC 1122 3.2.1.3,
 * 4.2.3.10). By the first byte alone where that is certain; 255 is looked at again.
 */
static inline uint8_t ipv4_source_is_odd(uint8_t first)
{
    static const uint8_t odd[256] = {[0] = 1, [127] = 1, [224 ... 239] = 1, [255] = 1};

    return odd[first];
}

/*
 * True where a host would answer a SYN with such ends: sent to a single station, from a single host
 * that is not itself. Of a FRAME_TCP.
 */
bool frame_ends_good(const struct frame *frame);

/* What few frames are asked for is read from the packet where it is wanted. For a frame whose
 * addresses are valid. */

static inline const uint8_t *frame_ip(const struct frame *frame)
{
    return frame->data + frame->l3;
}

static inline struct ip_addr frame_src(const struct frame *frame)
{
    const uint8_t *ip = frame_ip(frame);

    return frame->ip_version == 4 ? addr_from_v4(ip + 12) : addr_from_v6(ip + 8);
}

static inline struct ip_addr frame_dst(const struct frame *frame)
{
    const uint8_t *ip = frame_ip(frame);

    return frame->ip_version == 4 ? addr_from_v4(ip + 16) : addr_from_v6(ip + 24);
}

/* Of a FRAME_UNREADABLE: the addresses that it is routed to behind its destination, 4 or 16 bytes
 * each, and how many bytes they are. 0: it has no source route. */
static inline uint32_t frame_route(const struct frame *frame, const uint8_t **route)
{
    *route = frame->data + frame->l4;
    return frame->payload_bytes;
}

/* Of a FRAME_UNREADABLE, or a FRAME_TCP_FRAGMENT: where its ports are; 0: not in this frame. */
static inline uint32_t frame_ports_at(const struct frame *frame)
{
    return frame->payload && frame->payload + 4u <= frame->bytes ? frame->payload : 0;
}

/* Of a FRAME_TCP. */
static inline uint16_t frame_src_port(const struct frame *frame)
{
    return load_be16(frame->data + frame->l4);
}

static inline uint16_t frame_dst_port(const struct frame *frame)
{
    return load_be16(frame->data + frame->l4 + 2);
}

/* TTL or hop limit. */
static inline uint8_t frame_ttl(const struct frame *frame)
{
    return frame_ip(frame)[frame->ip_version == 4 ? 8 : 7];
}

/* DSCP and ECN; in IPv6 the traffic class lies across the first two bytes (RFC 8200 3). */
static inline uint8_t frame_tos(const struct frame *frame)
{
    const uint8_t *ip = frame_ip(frame);

    return (uint8_t)(frame->ip_version == 4 ? ip[1] : ip[0] << 4 | ip[1] >> 4);
}

/* IPv4 don't fragment; true for IPv6. */
static inline bool frame_df(const struct frame *frame)
{
    return frame->ip_version != 4 || (frame_ip(frame)[6] & 0x40) != 0;
}

/* IPv4 identification; 0 for IPv6. */
static inline uint16_t frame_ip_id(const struct frame *frame)
{
    return frame->ip_version == 4 ? load_be16(frame_ip(frame) + 4) : 0;
}

/* IPv6, 20 bits; 0 for IPv4. */
static inline uint32_t frame_flow_label(const struct frame *frame)
{
    return frame->ip_version == 4 ? 0 : load_be32(frame_ip(frame)) & 0xfffff;
}

/* The AE (former NS) bit of a FRAME_TCP, RFC 9768. */
static inline bool frame_accurate_ecn(const struct frame *frame)
{
    return (frame->data[frame->l4 + 12] & 1) != 0;
}

/* The TCP segment that a FRAME_ICMP_ERROR is about, as far as it is quoted. */
struct frame_quote {
    struct ip_addr src, dst;
    uint16_t src_port, dst_port;
    uint32_t tcp; /* offset of the quoted TCP header from data: even, as the checksum counts */
    uint32_t tcp_present; /* bytes quoted from there on; ports and seq (8) at least */
    uint32_t seq;
};

/*
 * Reads the quote of a FRAME_ICMP_ERROR: IPv4 with options or IPv6 with extension headers, as
 * bounded as those of a frame. Only what lies in the buffer counts: lengths in a quoted header are
 * not believed, since routers change them, and no host reads them. False where it is no beginning
 * of a TCP segment over the frame's own IP version.
 */
bool frame_parse_quote(const struct frame *frame, struct frame_quote *quote);

/* Key of the connection that a packet seen coming in on `from` belongs to, whose ports are there.
 */
static inline void frame_flow_key_at(const struct frame *frame, enum side from, uint32_t ports,
                                     struct flow_key *key)
{
    uint16_t src = load_be16(frame->data + ports), dst = load_be16(frame->data + ports + 2);
    bool client = from == SIDE_CLIENT;

    key->client = client ? frame_src(frame) : frame_dst(frame);
    key->server = client ? frame_dst(frame) : frame_src(frame);
    key->client_port = client ? src : dst;
    key->server_port = client ? dst : src;
    key->vlan = frame->vlan;
}

/* The same of a FRAME_TCP. */
static inline void frame_flow_key(const struct frame *frame, enum side from, struct flow_key *key)
{
    frame_flow_key_at(frame, from, frame->l4, key);
}

/* The same of a plain frame, by words and straight from the packet. */
static inline struct flow_words frame_plain_words(const uint8_t *data, enum side from)
{
    const uint8_t *ip = data + ETH_HEADER_BYTES;
    const uint32_t ports = load_be32(ip + IPV4_HEADER_BYTES);
    bool client = from == SIDE_CLIENT;

    return (struct flow_words){{0, addr_v4_word(ip + (client ? 12 : 16))},
                               {0, addr_v4_word(ip + (client ? 16 : 12))},
                               flow_ends_word(client ? ports : ports << 16 | ports >> 16)};
}

/* Sequence space that the segment takes: payload, SYN and FIN (RFC 9293 3.4). */
static inline uint32_t frame_seq_bytes(const struct frame *frame)
{
    return frame->payload_bytes + ((frame->flags & TCP_SYN) != 0) + ((frame->flags & TCP_FIN) != 0);
}

static inline uint8_t *frame_tcp(const struct frame *frame)
{
    return frame->data + frame->l4;
}

static inline const uint8_t *frame_options(const struct frame *frame)
{
    return frame->data + frame->l4 + TCP_HEADER_BYTES;
}

static inline const uint8_t *frame_payload(const struct frame *frame)
{
    return frame->data + frame->payload;
}

/*
 * True unless the frame carries a full TCP checksum that is wrong (RFC 9293 3.1; the IPv4 header
 * checksum is looked at too). Partial checksums and those that the kernel vouches for are taken as
 * good.
 */
bool frame_checksum_good(const struct frame *frame);

/* `sum`: of the addresses of the pseudo header, as they stand in the packet. */
static inline bool tcp_checksum_good(const uint8_t *tcp, uint32_t l4_bytes, uint64_t sum)
{
    sum = checksum_native(sum, checksum_native_length(PROTO_TCP, l4_bytes));
    return checksum_native_is_good(checksum_native_add_long(sum, tcp, l4_bytes));
}

/* The checksum of a plain frame's IPv4 header. `addresses`: as a word, which the pseudo header's
 * sum begins with as well. */
static inline bool frame_plain_header_good(const uint8_t *data, uint64_t addresses)
{
    const uint8_t *ip = data + ETH_HEADER_BYTES;

    return checksum_native_is_good(
        checksum_native(checksum_native(addresses, load_wire64(ip)), checksum_native_half(ip + 8)));
}

/* frame_checksum_good() of a plain frame whose transport part has `l4_bytes`, behind an offload
 * header. */
static inline __attribute__((always_inline)) bool frame_plain_checksums_good(const uint8_t *data,
                                                                             uint32_t l4_bytes)
{
    const uint8_t flags = *(data - OFFLOAD_BYTES); /* of struct offload */
    const uint64_t addresses = load_wire64(data + ETH_HEADER_BYTES + 12);

    if (flags & OFFLOAD_CHECKSUM_VALID)
        return true;
    return frame_plain_header_good(data, addresses) &&
           ((flags & OFFLOAD_NEEDS_CHECKSUM) ||
            tcp_checksum_good(data + PLAIN_L4, l4_bytes, addresses));
}

/* True where the checksum field holds the pseudo header's sum alone: edits behind that need no
 * correction. */
static inline bool frame_checksum_is_partial(const struct frame *frame)
{
    return frame->offload != NULL && (frame->offload->flags & OFFLOAD_NEEDS_CHECKSUM);
}

/*
 * Several edits with one correction of the checksum at their end (RFC 1624): each of a word at an
 * even offset from the TCP header adds the native sum of ~old + new. They look at the packet only,
 * so that a view in registers may stay there.
 */
static inline uint64_t frame_edit_be32(uint8_t *at, uint32_t value)
{
    uint64_t sum = (uint32_t)~checksum_native_half(at);

    store_be32(at, value);
    return sum + checksum_native_half(at);
}

/* `sum`: of all edits. A partial checksum is over none of what was edited. */
static inline __attribute__((always_inline)) void frame_edit_end(const struct offload *offload,
                                                                 uint8_t *tcp, uint64_t sum)
{
    uint16_t was;

    if (offload != NULL && (offload->flags & OFFLOAD_NEEDS_CHECKSUM))
        return;
    memcpy(&was, tcp + TCP_CHECKSUM_AT, sizeof(was));
    checksum_native_store(tcp + TCP_CHECKSUM_AT, sum + (uint16_t)~was);
}

/*
 * False where a partial checksum is said to stand elsewhere than TCP's: whoever fills it in (a
 * card, or the kernel in front of one) would write over what we have read, a port or the flags. Who
 * has a virtual card may say so. Of a FRAME_TCP.
 */
static inline bool frame_offload_honest(const struct frame *frame)
{
    return !frame_checksum_is_partial(frame) ||
           (frame->offload->checksum_start == frame->l4 &&
            frame->offload->checksum_offset == TCP_CHECKSUM_AT);
}

/* The same of any other frame: it does not stand in front of where a transport header can be. */
static inline bool frame_offload_behind_ip(const struct frame *frame)
{
    uint32_t least = frame->kind == FRAME_ICMP_ERROR ? frame->l4 : frame->payload;

    if (!least)
        least = (frame->l3 ? frame->l3 : (uint32_t)ETH_HEADER_BYTES) +
                (frame->ip_version == 6 ? 40u : (uint32_t)IPV4_HEADER_BYTES);
    return !frame_checksum_is_partial(frame) || frame->offload->checksum_start >= least;
}

/* True where it stands for several segments (virtio 1.2, 5.1.6.2). */
static inline bool frame_is_super(const struct frame *frame)
{
    return frame->offload != NULL && frame->offload->gso_type != OFFLOAD_GSO_NONE;
}

/* Its segments get `mss` bytes at most. */
static inline void frame_lower_gso(struct frame *frame, uint16_t mss)
{
    if (frame->offload->gso_bytes > mss)
        frame->offload->gso_bytes = mss;
}

/*
 * Edits of a FRAME_TCP in place. Each keeps the checksum right by increments (RFC 1624) where it is
 * full, leaves it alone where it is partial, and keeps the view in step.
 */
void frame_set_seq(struct frame *frame, uint32_t seq);
void frame_set_ack(struct frame *frame, uint32_t ack);
void frame_set_window(struct frame *frame, uint16_t window);
void frame_set_flags(struct frame *frame, uint8_t flags);
/* Replaces the ECN field of the IP header (IPv4 header checksum kept right). */
void frame_set_ecn(struct frame *frame, enum ip_ecn ecn);
/* Replaces the flow label of an IPv6 header (20 bits); no checksum covers it. Inline, so that a
 * view in registers may stay there. */
static inline void frame_set_flow_label(const struct frame *frame, uint32_t flow_label)
{
    uint8_t *at = frame->data + frame->l3;

    store_be32(at, (load_be32(at) & 0xfff00000u) | (flow_label & 0xfffffu));
}
/* Replaces 32 bits of the TCP options or payload at `offset` bytes from data, at any alignment. */
void frame_set_be32(struct frame *frame, uint32_t offset, uint32_t value);
/* Overwrites `bytes` bytes of options at `offset` from data with NOPs. */
void frame_nop_options(struct frame *frame, uint32_t offset, uint32_t bytes);
/*
 * For a host whose segments may carry `mss` bytes of payload (0: no limit): lowers gso_bytes, and
 * makes a super-frame of a single segment that is larger. What is urgent (its pointer would be
 * copied into every piece) or damaged (its checksum would be made right) stays as it is.
 */
void frame_limit_gso(struct frame *frame, uint16_t mss);

#endif
