/* SPDX-License-Identifier: GPL-2.0-or-later */
/* datagram.c - see datagram.h. */
#include "engine/udp/datagram.h"

#include <string.h>

#include "engine/tcp/extensions.h"
#include "engine/tcp/segment.h"

#define IPV4_FRAGMENT   0x3fffu /* more fragments, or an offset */
#define IPV4_OFFSET     0x1fffu
#define IPV6_HOP_BY_HOP 0
#define ANSWER_TTL      64

/* The UDP header at `l4`; the IP packet ends at `end`. */
static enum datagram_kind read_header(const struct frame *frame, uint32_t l4, uint32_t end,
                                      bool fragment, struct datagram *datagram)
{
    const uint8_t *udp = frame->data + l4;
    uint32_t bytes;

    if (end > frame->bytes || l4 + UDP_HEADER_BYTES > end)
        return DATAGRAM_NONE;
    datagram->l4 = l4;
    datagram->src_port = load_be16(udp);
    datagram->dst_port = load_be16(udp + 2);
    if (fragment)
        return DATAGRAM_FRAGMENT;
    bytes = load_be16(udp + 4);
    if (!bytes && frame->ip_version == 6) /* a jumbo (RFC 2675 4), which Linux takes of any size */
        bytes = end - l4;
    if (bytes < UDP_HEADER_BYTES || l4 + bytes > end)
        return DATAGRAM_NONE;
    datagram->payload_bytes = bytes - UDP_HEADER_BYTES;
    return DATAGRAM_WHOLE;
}

static enum datagram_kind read_v4(const struct frame *frame, struct datagram *datagram)
{
    const uint8_t *ip = frame_ip(frame);
    const uint32_t header_bytes = (ip[0] & 15u) * 4, total_bytes = load_be16(ip + 2);
    const uint32_t fragment = load_be16(ip + 6);

    if (ip[9] != PROTO_UDP || header_bytes < IPV4_HEADER_BYTES || total_bytes < header_bytes ||
        (fragment & IPV4_OFFSET))
        return DATAGRAM_NONE;
    datagram->bare = header_bytes == IPV4_HEADER_BYTES;
    return read_header(frame, frame->l3 + header_bytes, frame->l3 + total_bytes,
                       fragment & IPV4_FRAGMENT, datagram);
}

static enum datagram_kind read_v6(const struct frame *frame, struct datagram *datagram)
{
    const uint8_t *ip = frame_ip(frame);
    const uint32_t stated = load_be16(ip + 4);
    uint32_t end = frame->l3 + IPV6_HEADER_BYTES + stated;
    struct ip_addr src = frame_src(frame), dst = frame_dst(frame);
    struct extensions chain;

    if (addr_is_v4(&src) || addr_is_v4(&dst)) /* for programs, not for the wire */
        return DATAGRAM_NONE;
    datagram->bare = ip[6] == PROTO_UDP;
    if (datagram->bare)
        return read_header(frame, frame->l3 + IPV6_HEADER_BYTES, end, false, datagram);
    if (!stated && ip[6] == IPV6_HOP_BY_HOP) /* to the end of the frame, as of TCP (frame.c) */
        end = frame->bytes;
    if (end > frame->bytes)
        return DATAGRAM_NONE;
    extensions_begin(frame->data, frame->l3, &chain);
    if (!extensions_walk(frame->data, frame->l3, end, &chain) || chain.next != PROTO_UDP ||
        chain.later_fragment)
        return DATAGRAM_NONE;
    return read_header(frame, chain.at, end, chain.fragment, datagram);
}

enum datagram_kind datagram_read(const struct frame *frame, struct datagram *datagram)
{
    *datagram = (struct datagram){.kind = DATAGRAM_NONE};
    if (frame->kind != FRAME_OTHER || !frame->l3)
        return DATAGRAM_NONE;
    if (frame->ip_version == 4)
        datagram->kind = read_v4(frame, datagram);
    else if (frame->ip_version == 6)
        datagram->kind = read_v6(frame, datagram);
    datagram->bare = datagram->bare && !frame_is_super(frame);
    return datagram->kind;
}

static uint64_t sum_of_addresses(const struct frame *frame)
{
    const uint8_t *ip = frame_ip(frame);

    return frame->ip_version == 4 ? load_wire64(ip + 12) : checksum_native_add_long(0, ip + 8, 32);
}

bool datagram_checksum_good(const struct frame *frame, const struct datagram *datagram)
{
    const uint8_t *ip = frame_ip(frame), *udp = frame->data + datagram->l4;
    const uint32_t bytes = UDP_HEADER_BYTES + datagram->payload_bytes;
    const bool v4 = frame->ip_version == 4;
    uint64_t sum;

    if (frame->offload && (frame->offload->flags & OFFLOAD_CHECKSUM_VALID))
        return true;
    if (v4 && !checksum_native_is_good(checksum_native_add_long(0, ip, (ip[0] & 15u) * 4u)))
        return false;
    if (frame_checksum_is_partial(frame))
        return true;
    if (!load_be16(udp + UDP_CHECKSUM_AT)) /* none: over IPv6 that is an error (RFC 8200 8.1) */
        return v4;
    sum = checksum_native(sum_of_addresses(frame), checksum_native_length(PROTO_UDP, bytes));
    return checksum_native_is_good(checksum_native_add_long(sum, udp, bytes));
}

/* Source and destination change places; what else differs from a fresh header is made so. */
static void turn_ip(const struct frame *frame, uint32_t bytes)
{
    uint8_t *ip = frame->data + frame->l3, addr[16];
    const bool v4 = frame->ip_version == 4;
    const uint32_t at = v4 ? 12 : 8, length = v4 ? 4 : 16;

    memcpy(addr, ip + at, length);
    memcpy(ip + at, ip + at + length, length);
    memcpy(ip + at + length, addr, length);
    if (!v4) {
        store_be32(ip, 6u << 28);
        store_be16(ip + 4, (uint16_t)bytes);
        ip[7] = ANSWER_TTL;
        return;
    }
    ip[1] = 0;
    store_be16(ip + 2, (uint16_t)(IPV4_HEADER_BYTES + bytes));
    store_be32(ip + 4, 0x4000); /* whole, and not to be cut: its ID says nothing (RFC 6864 4.1) */
    ip[8] = ANSWER_TTL;
    store_be16(ip + 10, 0);
    checksum_native_store(ip + 10, checksum_native_add_long(0, ip, IPV4_HEADER_BYTES));
}

uint32_t datagram_turn(const struct frame *frame, const struct datagram *datagram,
                       uint32_t payload_bytes)
{
    uint8_t *udp = frame->data + datagram->l4;
    const uint32_t bytes = UDP_HEADER_BYTES + payload_bytes;
    uint64_t sum;

    segment_turn_link(frame->data);
    turn_ip(frame, bytes);
    store_be16(udp, datagram->dst_port);
    store_be16(udp + 2, datagram->src_port);
    store_be16(udp + 4, (uint16_t)bytes);
    store_be16(udp + UDP_CHECKSUM_AT, 0);
    sum = checksum_native(sum_of_addresses(frame), checksum_native_length(PROTO_UDP, bytes));
    checksum_native_store(udp + UDP_CHECKSUM_AT, checksum_native_add_long(sum, udp, bytes));
    if (!load_be16(udp + UDP_CHECKSUM_AT)) /* 0 says that there is none (RFC 768) */
        store_be16(udp + UDP_CHECKSUM_AT, 0xffff);
    return datagram->l4 + bytes;
}
