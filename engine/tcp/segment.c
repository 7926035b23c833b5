/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * segment.c - lays a segment of our own into a buffer, outermost header first.
 *
 *      | offload | link header | IP | TCP | options | payload |
 *                              ^ l3 ^ l4, checksum_start
 *
 * Limit: 64 KiB less the IP header, the most that the length field of either family can state.
 */
#include "engine/tcp/segment.h"

#include "engine/base/bytes.h"
#include "engine/base/checksum.h"
#include "engine/tcp/options.h"

#define MAC_BYTES         6
#define ETHERTYPE_BYTES   2
#define VLAN_TAG_BYTES    4
#define IPV6_HEADER_BYTES 40
#define IPV4_DF           0x4000

/*
 * A link header that is longer than ours carries tags that only give a priority: those that name a
 * VLAN stay, at most two (frame.c reads no more). Writes up to LINK_HEADER_MAX bytes, returns how
 * many; `to` may be the frame's own beginning.
 */
static uint32_t __attribute__((noinline)) shorten_link(const struct frame *frame, uint8_t *to)
{
    uint32_t end = frame->l3 - ETHERTYPE_BYTES, length = 2 * MAC_BYTES;

    memmove(to, frame->data, length);
    for (uint32_t at = length; at < end; at += VLAN_TAG_BYTES) {
        if (!(load_be16(frame->data + at + 2) & VLAN_ID_MASK) ||
            length + VLAN_TAG_BYTES + ETHERTYPE_BYTES > LINK_HEADER_MAX)
            continue;
        memmove(to + length, frame->data + at, VLAN_TAG_BYTES);
        length += VLAN_TAG_BYTES;
    }
    memmove(to + length, frame->data + end, ETHERTYPE_BYTES);
    return length + ETHERTYPE_BYTES;
}

void link_header_copy(const struct frame *frame, struct link_header *link)
{
    if (frame->l3 > LINK_HEADER_MAX) {
        link->length = (uint8_t)shorten_link(frame, link->bytes);
        return;
    }
    link->length = (uint8_t)frame->l3;
    memcpy(link->bytes, frame->data,
           sizeof(link->bytes)); /* fixed, so no call: headers follow that are longer */
}

void link_header_reverse(const struct frame *frame, struct link_header *link)
{
    link_header_copy(frame, link);
    memcpy(link->bytes, frame->data + MAC_BYTES, MAC_BYTES);
    memcpy(link->bytes + MAC_BYTES, frame->data, MAC_BYTES);
}

void link_header_turn(struct link_header *link)
{
    uint8_t mac[MAC_BYTES];

    memcpy(mac, link->bytes, MAC_BYTES);
    memcpy(link->bytes, link->bytes + MAC_BYTES, MAC_BYTES);
    memcpy(link->bytes + MAC_BYTES, mac, MAC_BYTES);
}

static uint32_t tcp_header_bytes(const struct segment *segment)
{
    return TCP_HEADER_BYTES + (uint32_t)segment->options_bytes;
}

/* Of offload header, link header, headers and payload together. */
static uint32_t bytes_of(uint32_t l3, uint32_t ip_bytes, const struct segment *segment)
{
    return OFFLOAD_BYTES + l3 + ip_bytes + tcp_header_bytes(segment) + segment->payload_bytes;
}

uint32_t segment_bytes(const struct link_header *link, const struct segment *segment)
{
    return bytes_of(link->length, addr_is_v4(&segment->dst) ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES,
                    segment);
}

/* All but the addresses, which stand there. Returns their native sum, as the pseudo header wants
 * it. */
static inline uint64_t write_v4(uint8_t *restrict ip, const struct segment *restrict segment,
                                uint32_t l4_bytes)
{
    uint64_t addresses = load_wire64(ip + 12), sum;

    store_be32(ip, 0x45u << 24 | (uint32_t)segment->tos << 16 | (IPV4_HEADER_BYTES + l4_bytes));
    store_be32(ip + 4, (uint32_t)segment->ip_id << 16 | (segment->df ? IPV4_DF : 0));
    store_be32(ip + 8, (uint32_t)segment->ttl << 24 | PROTO_TCP << 16);
    sum = checksum_native(addresses, load_wire64(ip));
    sum = checksum_native(sum, checksum_native_half(ip + 8));
    checksum_native_store(ip + 10, sum);
    return addresses;
}

static inline uint64_t write_v6(uint8_t *restrict ip, const struct segment *restrict segment,
                                uint32_t l4_bytes)
{
    store_be32(ip, 6u << 28 | (uint32_t)segment->tos << 20 | (segment->flow_label & 0xfffff));
    store_be16(ip + 4, (uint16_t)l4_bytes);
    ip[6] = PROTO_TCP;
    ip[7] = segment->ttl;
    return checksum_native_add(0, ip + 8, 32);
}

/* By words, as a call for a few bytes would cost more than they do. Returns their native sum, added
 * to `sum`. */
static inline uint64_t write_options(uint8_t *restrict at, const struct segment *restrict segment,
                                     uint64_t sum)
{
    for (uint32_t done = 0; done < segment->options_bytes; done += 4) {
        memcpy(at + done, segment->options + done, 4);
        sum = checksum_native(sum, checksum_native_half(at + done));
    }
    return sum;
}

/* The header without options and ports, which stand there; its checksum is 0. */
static inline void write_numbers(uint8_t *restrict tcp, const struct segment *restrict segment)
{
    store_be32(tcp + 4, segment->seq);
    store_be32(tcp + 8, segment->flags & TCP_ACK ? segment->ack : 0);
    store_be32(tcp + 12, tcp_header_bytes(segment) / 4 << 28 | (uint32_t)segment->flags << 16 |
                             segment->window);
    store_be32(tcp + TCP_CHECKSUM_AT, 0); /* checksum and urgent pointer */
}

/* All but the ports, which stand there; `sum` is the native one of the addresses. */
static inline void write_tcp(uint8_t *restrict tcp, const struct segment *restrict segment,
                             uint32_t l4_bytes, uint64_t sum)
{
    uint8_t *payload = tcp + tcp_header_bytes(segment);

    write_numbers(tcp, segment);
    sum = checksum_native(sum, checksum_native_length(PROTO_TCP, l4_bytes));
    if (segment->payload_bytes > 0 && segment->payload != payload)
        memcpy(payload, segment->payload, segment->payload_bytes);
    if (segment->gso_bytes > 0) {
        write_options(tcp + TCP_HEADER_BYTES, segment, 0);
        store_be16(tcp + TCP_CHECKSUM_AT, checksum_native_fold(sum));
        return;
    }
    sum = checksum_native(checksum_native(sum, load_wire64(tcp)), load_wire64(tcp + 8));
    sum = write_options(tcp + TCP_HEADER_BYTES, segment, sum);
    if (segment->payload_bytes > 0)
        sum = checksum_native_add(sum, payload, segment->payload_bytes);
    checksum_native_store(tcp + TCP_CHECKSUM_AT, sum);
}

/* All zero, but for a super-frame (virtio 1.2, 5.1.6.2). */
static inline void write_offload(uint8_t *buffer, bool v4, const struct segment *segment,
                                 uint32_t l4)
{
    struct offload offload = {0};

    if (segment->gso_bytes > 0) {
        offload.flags = OFFLOAD_NEEDS_CHECKSUM;
        offload.gso_type = v4 ? OFFLOAD_GSO_TCPV4 : OFFLOAD_GSO_TCPV6;
        if (segment->flags & TCP_CWR)
            offload.gso_type |= OFFLOAD_GSO_ECN;
        offload.header_bytes = (uint16_t)(l4 + tcp_header_bytes(segment));
        offload.gso_bytes = segment->gso_bytes;
        offload.checksum_start = (uint16_t)l4;
        offload.checksum_offset = TCP_CHECKSUM_AT;
    }
    memcpy(buffer, &offload, sizeof(offload));
}

/* False where it does not fit, or says more than the IP header can state. */
static bool fits(uint32_t capacity, uint32_t l3, uint32_t ip_bytes, const struct segment *segment)
{
    return segment->payload_bytes <= UINT16_MAX &&
           ip_bytes + tcp_header_bytes(segment) + segment->payload_bytes <= UINT16_MAX &&
           bytes_of(l3, ip_bytes, segment) <= capacity;
}

/* Everything behind the link header but addresses and ports, which stand in their places. Returns
 * the bytes of the whole. */
static inline uint32_t write_said(uint8_t *restrict buffer, uint32_t l3, bool v4,
                                  const struct segment *restrict segment)
{
    uint32_t ip_bytes = v4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
    uint32_t l4_bytes = tcp_header_bytes(segment) + segment->payload_bytes;
    uint8_t *ip = buffer + OFFLOAD_BYTES + l3;

    write_offload(buffer, v4, segment, l3 + ip_bytes);
    write_tcp(ip + ip_bytes, segment, l4_bytes,
              v4 ? write_v4(ip, segment, l4_bytes) : write_v6(ip, segment, l4_bytes));
    return bytes_of(l3, ip_bytes, segment);
}

uint32_t segment_write(uint8_t *buffer, uint32_t capacity, const struct link_header *link,
                       const struct segment *segment)
{
    bool v4 = addr_is_v4(&segment->dst);
    uint32_t ip_bytes = v4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
    uint8_t *ip = buffer + OFFLOAD_BYTES + link->length;

    if (!fits(capacity, link->length, ip_bytes, segment))
        return 0;
    memcpy(buffer + OFFLOAD_BYTES, link->bytes,
           sizeof(link->bytes)); /* what is too much, the IP header covers */
    if (v4) {
        memcpy(ip + 12, segment->src.bytes + 12, 4);
        memcpy(ip + 16, segment->dst.bytes + 12, 4);
    } else {
        memcpy(ip + 8, segment->src.bytes, 16);
        memcpy(ip + 24, segment->dst.bytes, 16);
    }
    store_be32(ip + ip_bytes, (uint32_t)segment->src_port << 16 | segment->dst_port);
    return write_said(buffer, link->length, v4, segment);
}

static inline void exchange(uint8_t *a, uint8_t *b, size_t bytes)
{
    uint8_t kept[16];

    memcpy(kept, a, bytes);
    memmove(a, b, bytes);
    memcpy(b, kept, bytes);
}

/* The IP header moves up behind a link header that was shortened. Returns its offset. */
static uint32_t __attribute__((noinline)) move_up(const struct frame *frame, bool v4)
{
    uint32_t l3 = shorten_link(frame, frame->data);

    memmove(frame->data + l3, frame->data + frame->l3, v4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES);
    return l3;
}

/* Exchanges both ends of a frame, for what is laid over it. Returns where its IP header is now. */
static inline uint32_t turn(const struct frame *frame, bool v4)
{
    uint32_t ports = load_be32(frame_tcp(frame));
    uint32_t l3 = frame->l3 > LINK_HEADER_MAX ? move_up(frame, v4) : frame->l3;
    uint8_t *ip = frame->data + l3;

    exchange(frame->data, frame->data + MAC_BYTES, MAC_BYTES);
    if (v4)
        exchange(ip + 12, ip + 16, 4);
    else
        exchange(ip + 8, ip + 24, 16);
    /* Not exchanged where they are: IPv4 options and extension headers that stood before them are
     * gone. */
    store_be32(ip + (v4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES), ports << 16 | ports >> 16);
    return l3;
}

uint32_t segment_answer(const struct frame *frame, const struct segment *segment)
{
    bool v4 = frame->ip_version == 4;

    if (!fits(OFFLOAD_BYTES + frame->capacity, frame->l3,
              v4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES, segment))
        return 0;
    return write_said(frame->data - OFFLOAD_BYTES, turn(frame, v4), v4, segment);
}

uint8_t segment_timestamps(uint8_t out[12], uint32_t tsval, uint32_t tsecr)
{
    out[0] = out[1] = TCP_OPT_NOP;
    out[2] = TCP_OPT_TIMESTAMPS;
    out[3] = 10;
    store_be32(out + 4, tsval);
    store_be32(out + 8, tsecr);
    return 12;
}

static inline struct segment reset_of(const struct frame *frame)
{
    bool acks = frame->flags & TCP_ACK;

    return (struct segment){
        .flags = acks ? TCP_RST : TCP_RST | TCP_ACK,
        .ttl = TTL_DEFAULT,
        .df = true,
        .seq = acks ? frame->ack : 0,
        .ack = acks ? 0 : frame->seq + frame_seq_bytes(frame),
    };
}

void segment_reset_reply(const struct frame *frame, struct segment *segment)
{
    *segment = reset_of(frame);
}

uint32_t segment_answer_reset(const struct frame *frame, uint8_t ttl, bool df, uint32_t flow_label)
{
    bool v4 = frame->ip_version == 4;
    uint32_t ip_bytes = v4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES, l4 = frame->l3 + ip_bytes;
    struct segment segment = reset_of(frame);
    uint8_t *ip, *tcp;
    uint64_t sum;

    segment.ttl = ttl;
    segment.df = df;
    segment.flow_label = flow_label;
    if (l4 + TCP_HEADER_BYTES > frame->capacity)
        return 0;
    l4 = turn(frame, v4) + ip_bytes;
    tcp = frame->data + l4;
    ip = tcp - ip_bytes;
    memset(frame->data - OFFLOAD_BYTES, 0, OFFLOAD_BYTES);
    sum = v4 ? write_v4(ip, &segment, TCP_HEADER_BYTES) : write_v6(ip, &segment, TCP_HEADER_BYTES);
    write_numbers(tcp, &segment);
    sum = checksum_native(sum, checksum_native_length(PROTO_TCP, TCP_HEADER_BYTES));
    sum = checksum_native(checksum_native(sum, load_wire64(tcp)), load_wire64(tcp + 8));
    checksum_native_store(tcp + TCP_CHECKSUM_AT, sum);
    return OFFLOAD_BYTES + l4 + TCP_HEADER_BYTES;
}

void segment_of_frame(const struct frame *frame, struct link_header *link, struct segment *segment)
{
    link_header_copy(frame, link);
    *segment = (struct segment){
        .src = frame_src(frame),
        .dst = frame_dst(frame),
        .src_port = frame_src_port(frame),
        .dst_port = frame_dst_port(frame),
        .seq = frame->seq,
        .ack = frame->ack,
        .flags = frame->flags,
        .window = frame->window,
        .ttl = frame_ttl(frame),
        .tos = frame_tos(frame),
        .df = frame_df(frame),
        .ip_id = frame_ip_id(frame),
        .flow_label = frame_flow_label(frame),
        .options = frame_options(frame),
        .options_bytes = frame->options_bytes,
        .payload = frame_payload(frame),
        .payload_bytes = frame->payload_bytes,
        .gso_bytes = frame->offload && frame->offload->gso_type != OFFLOAD_GSO_NONE
                         ? frame->offload->gso_bytes
                         : 0,
    };
}
