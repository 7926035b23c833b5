/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * segment.h - the one writer of segments of our own (SYN-ACK, SYN, ACK, RST, greeting, held data).
 *
 * A caller says what the segment says and over which link header it goes; segment_write() lays down
 * offload header, link header, IP header, TCP header, options and payload, with full checksums.
 * Only where gso_bytes is set (payload larger than one segment) is the checksum partial, as the
 * kernel wants it for a super-frame (virtio 1.2, 5.1.6.2). segment_answer() lays the same over the
 * frame that it answers: then what the frame's link header, addresses and ports say stays where it
 * is, with both ends exchanged, which is most of what a flood costs.
 */
#ifndef SYNWARD_ENGINE_TCP_SEGMENT_H
#define SYNWARD_ENGINE_TCP_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine/base/addr.h"
#include "engine/tcp/frame.h"

#define TTL_DEFAULT 64 /* RFC 1700: the recommended default */

/* Ethernet header with its VLAN tags (PCP and DEI kept), up to and with the EtherType of IP. */
struct link_header {
    uint8_t bytes[LINK_HEADER_MAX];
    uint8_t length;
};

/* The link header of `frame` as it is, and with source and destination MAC exchanged. Of more than
 * two tags those stay that name a VLAN. */
void link_header_copy(const struct frame *frame, struct link_header *link);
void link_header_reverse(const struct frame *frame, struct link_header *link);

/* Both MACs exchanged. */
void link_header_turn(struct link_header *link);

/* What a segment says comes first, and between whom it goes last: an answer takes that from its
 * frame. */
struct segment {
    uint32_t seq, ack;
    uint16_t window; /* as it goes into the header */
    uint16_t ip_id;  /* IPv4 */
    uint8_t flags;   /* enum tcp_flags; ack is written as 0 without TCP_ACK */
    uint8_t ttl;
    uint8_t tos;
    bool df;             /* IPv4 */
    uint32_t flow_label; /* IPv6 */
    uint32_t payload_bytes;
    const uint8_t *options;
    const uint8_t *payload;
    uint8_t options_bytes; /* multiple of 4 */
    /* 0, or the segment size of a super-frame; set only where payload_bytes > gso_bytes */
    uint16_t gso_bytes;

    struct ip_addr src, dst;
    uint16_t src_port, dst_port;
};

/* Empties what a segment says, and leaves between whom it goes. */
static inline void segment_begin(struct segment *segment)
{
    memset(segment, 0, offsetof(struct segment, src));
}

/* Bytes of offload header, link header, headers and payload together. */
uint32_t segment_bytes(const struct link_header *link, const struct segment *segment);

/*
 * Writes the segment to `buffer` (the offload header comes first). options and payload may not
 * overlap the buffer, but for the payload, which may already stand at its final place. Returns
 * bytes written, or 0 where `capacity` is too small.
 */
uint32_t segment_write(uint8_t *buffer, uint32_t capacity, const struct link_header *link,
                       const struct segment *segment);

/*
 * The same in the place of `frame` (FRAME_TCP with an offload header in front of it), to who sent
 * it: link header, addresses and ports are the frame's, exchanged, and those of `segment` are not
 * looked at. More than two tags, IPv4 options and extension headers are not said again. The view is
 * no longer good afterwards.
 */
uint32_t segment_answer(const struct frame *frame, const struct segment *segment);

/* What `frame` (FRAME_TCP) says, going the same way; options and payload point into it. */
void segment_of_frame(const struct frame *frame, struct link_header *link, struct segment *segment);

/* NOP NOP timestamps, 12 bytes (RFC 7323 appendix A). Returns 12. */
uint8_t segment_timestamps(uint8_t out[12], uint32_t tsval, uint32_t tsecr);

/*
 * A RST that the sender of `frame` must accept, for segment_answer(): seq = its ack where it has
 * one, else ack = its seq + length (RFC 9293 3.10.7.1).
 */
void segment_reset_reply(const struct frame *frame, struct segment *segment);
/* Both in one, as segment_answer(): what most of a flood of wrong requests gets. */
uint32_t segment_answer_reset(const struct frame *frame, uint8_t ttl, bool df, uint32_t flow_label);

/*
 * A window field for a half of a connection whose shifts differ from this one's (RFC 7323 2.3):
 * ours do where the server granted less than promised. A nonzero window never becomes 0, and
 * saturates.
 */
static inline uint16_t segment_window(uint16_t window, int8_t shift)
{
    uint32_t scaled;

    if (shift == 0 || window == 0)
        return window;
    scaled = shift > 0 ? (uint32_t)window << shift : (uint32_t)window >> -shift;
    if (scaled == 0)
        return 1;
    return scaled > UINT16_MAX ? UINT16_MAX : (uint16_t)scaled;
}

/* The offload header of what is no super-frame, and both MACs exchanged, in front of an answer that
 * is laid over its frame. */
static inline void segment_turn_link(uint8_t *data)
{
    uint8_t mac[6];

    memset(data - OFFLOAD_BYTES, 0, OFFLOAD_BYTES);
    memcpy(mac, data, sizeof(mac));
    memcpy(data, data + sizeof(mac), sizeof(mac));
    memcpy(data + sizeof(mac), mac, sizeof(mac));
}

/* segment_answer_reset() of a plain frame (frame_is_plain()) with an ACK: by words, each of which
 * goes into the sums as it is made. */
static inline uint32_t segment_reset_plain(uint8_t *data, uint8_t ttl, bool df)
{
    uint8_t *ip = data + ETH_HEADER_BYTES, *tcp = data + PLAIN_L4;
    const uint64_t addresses = load_wire64(ip + 12), turned = addresses << 32 | addresses >> 32;
    const uint64_t first = df ? WIRE64(0x4500002800004000u) : WIRE64(0x4500002800000000u);
    const uint32_t third = WIRE32((uint32_t)ttl << 24 | PROTO_TCP << 16);
    const uint64_t said = WIRE64(0x5004000000000000u); /* RST, no window, no urgent pointer */
    uint32_t ports = (uint32_t)checksum_native_half(tcp),
             seq = (uint32_t)checksum_native_half(tcp + 8);
    uint64_t numbers = 0, sum;

    ports = ports << 16 | ports >> 16;
    memcpy(&numbers, &seq, sizeof(seq)); /* ack 0 */
    segment_turn_link(data);
    memcpy(ip, &first, sizeof(first));
    memcpy(ip + 8, &third, sizeof(third));
    memcpy(ip + 12, &turned, sizeof(turned));
    checksum_native_store(ip + 10, checksum_native(addresses, first + third));
    memcpy(tcp, &ports, sizeof(ports));
    memcpy(tcp + 4, &numbers, sizeof(numbers));
    memcpy(tcp + 12, &said, sizeof(said));
    sum = (uint64_t)ports + seq + said + checksum_native_length(PROTO_TCP, TCP_HEADER_BYTES);
    checksum_native_store(tcp + TCP_CHECKSUM_AT, checksum_native(addresses, sum));
    return OFFLOAD_BYTES + PLAIN_FRAME_BYTES;
}

#endif
