/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * segment.c - lays a segment of our own into a buffer, outermost header first.
 *
 *      | offload | link header | IP | TCP | options | payload |
 *                              ^ l3 ^ l4, checksum_start
 *
 * Limit: 64 KiB less the IP header, the most that the length field of either family can state.
 */
#include "engine/segment.h"

#include <string.h>

#include "engine/bytes.h"
#include "engine/checksum.h"
#include "engine/tcp_options.h"

#define MAC_BYTES         6
#define IPV4_HEADER_BYTES 20
#define IPV6_HEADER_BYTES 40
#define IPV4_DF           0x4000
#define PROTO_TCP         6
#define TCP_CHECKSUM_AT   16
#define TTL_DEFAULT       64 /* RFC 1700: the recommended default */

void link_header_copy(const struct frame *frame, struct link_header *link)
{
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

static uint32_t ip_header_bytes(const struct segment *segment)
{
    return addr_is_v4(&segment->dst) ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
}

static uint32_t tcp_header_bytes(const struct segment *segment)
{
    return TCP_HEADER_BYTES + (uint32_t)segment->options_bytes;
}

uint32_t segment_bytes(const struct link_header *link, const struct segment *segment)
{
    return OFFLOAD_BYTES + link->length + ip_header_bytes(segment) + tcp_header_bytes(segment) +
           segment->payload_bytes;
}

static void write_v4(uint8_t *ip, const struct segment *segment, uint32_t l4_bytes)
{
    ip[0] = 0x45;
    ip[1] = segment->tos;
    store_be16(ip + 2, (uint16_t)(IPV4_HEADER_BYTES + l4_bytes));
    store_be16(ip + 4, segment->ip_id);
    store_be16(ip + 6, segment->df ? IPV4_DF : 0);
    ip[8] = segment->ttl;
    ip[9] = PROTO_TCP;
    store_be16(ip + 10, 0);
    memcpy(ip + 12, segment->src.bytes + 12, 4);
    memcpy(ip + 16, segment->dst.bytes + 12, 4);
    store_be16(ip + 10, (uint16_t)~checksum_native_fold(checksum_native_add(0, ip, IPV4_HEADER_BYTES)));
}

static void write_v6(uint8_t *ip, const struct segment *segment, uint32_t l4_bytes)
{
    store_be32(ip, 6u << 28 | (uint32_t)segment->tos << 20 | (segment->flow_label & 0xfffff));
    store_be16(ip + 4, (uint16_t)l4_bytes);
    ip[6] = PROTO_TCP;
    ip[7] = segment->ttl;
    memcpy(ip + 8, segment->src.bytes, 16);
    memcpy(ip + 24, segment->dst.bytes, 16);
}

/* By words, as a call for a few bytes would cost more than they do. */
static inline void copy_options(uint8_t *at, const struct segment *segment)
{
    for (uint8_t done = 0; done < segment->options_bytes; done = (uint8_t)(done + 4)) {
        uint32_t word;

        memcpy(&word, segment->options + done, sizeof(word));
        memcpy(at + done, &word, sizeof(word));
    }
}

/* `sum` is the native one of the pseudo header. */
static void write_tcp(uint8_t *tcp, const struct segment *segment, uint32_t l4_bytes, uint64_t sum)
{
    uint8_t *payload = tcp + tcp_header_bytes(segment);

    store_be16(tcp, segment->src_port);
    store_be16(tcp + 2, segment->dst_port);
    store_be32(tcp + 4, segment->seq);
    store_be32(tcp + 8, segment->flags & TCP_ACK ? segment->ack : 0);
    tcp[12] = (uint8_t)(tcp_header_bytes(segment) / 4 << 4);
    tcp[13] = segment->flags;
    store_be16(tcp + 14, segment->window);
    store_be32(tcp + TCP_CHECKSUM_AT, 0); /* checksum and urgent pointer */
    copy_options(tcp + TCP_HEADER_BYTES, segment);
    if (segment->payload_bytes > 0 && segment->payload != payload)
        memcpy(payload, segment->payload, segment->payload_bytes);
    if (segment->gso_bytes > 0)
        store_be16(tcp + TCP_CHECKSUM_AT, checksum_native_fold(sum));
    else
        store_be16(tcp + TCP_CHECKSUM_AT,
                   (uint16_t)~checksum_native_fold(checksum_native_add(sum, tcp, l4_bytes)));
}

/* All zero, but for a super-frame (virtio 1.2, 5.1.6.2). */
static void write_offload(uint8_t *buffer, const struct segment *segment, uint32_t l4)
{
    struct offload offload = {0};

    if (segment->gso_bytes > 0) {
        offload.flags = OFFLOAD_NEEDS_CHECKSUM;
        offload.gso_type = addr_is_v4(&segment->dst) ? OFFLOAD_GSO_TCPV4 : OFFLOAD_GSO_TCPV6;
        if (segment->flags & TCP_CWR)
            offload.gso_type |= OFFLOAD_GSO_ECN;
        offload.header_bytes = (uint16_t)(l4 + tcp_header_bytes(segment));
        offload.gso_bytes = segment->gso_bytes;
        offload.checksum_start = (uint16_t)l4;
        offload.checksum_offset = TCP_CHECKSUM_AT;
    }
    memcpy(buffer, &offload, sizeof(offload));
}

uint32_t segment_write(uint8_t *buffer, uint32_t capacity, const struct link_header *link,
                       const struct segment *segment)
{
    uint32_t ip_bytes = ip_header_bytes(segment);
    uint32_t l4_bytes = tcp_header_bytes(segment) + segment->payload_bytes;
    uint8_t *ip = buffer + OFFLOAD_BYTES + link->length;
    uint64_t sum;

    if (segment->payload_bytes > UINT16_MAX || ip_bytes + l4_bytes > UINT16_MAX ||
        segment_bytes(link, segment) > capacity)
        return 0;
    write_offload(buffer, segment, link->length + ip_bytes);
    memcpy(buffer + OFFLOAD_BYTES, link->bytes,
           sizeof(link->bytes)); /* what is too much, the IP header covers */
    sum = checksum_native_length(PROTO_TCP, l4_bytes);
    if (ip_bytes == IPV4_HEADER_BYTES) {
        write_v4(ip, segment, l4_bytes);
        sum = checksum_native_add(sum, ip + 12, 8);
    } else {
        write_v6(ip, segment, l4_bytes);
        sum = checksum_native_add(sum, ip + 8, 32);
    }
    write_tcp(ip + ip_bytes, segment, l4_bytes, sum);
    return segment_bytes(link, segment);
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

void segment_reset_reply(const struct frame *frame, struct link_header *link, struct segment *segment)
{
    link_header_reverse(frame, link);
    *segment = (struct segment){
        .src = frame->dst,
        .dst = frame->src,
        .src_port = frame->dst_port,
        .dst_port = frame->src_port,
        .flags = TCP_RST,
        .ttl = TTL_DEFAULT,
        .df = true,
    };
    if (frame->flags & TCP_ACK) {
        segment->seq = frame->ack;
    } else {
        segment->flags |= TCP_ACK;
        segment->ack = frame->seq + frame_seq_bytes(frame);
    }
}

void segment_of_frame(const struct frame *frame, struct link_header *link, struct segment *segment)
{
    link_header_copy(frame, link);
    *segment = (struct segment){
        .src = frame->src,
        .dst = frame->dst,
        .src_port = frame->src_port,
        .dst_port = frame->dst_port,
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
        .gso_bytes =
            frame->offload && frame->offload->gso_type != OFFLOAD_GSO_NONE ? frame->offload->gso_bytes : 0,
    };
}
