/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * segment.h - the one writer of segments of our own (SYN-ACK, SYN, ACK, RST, greeting, held data).
 *
 * A caller says what the segment says and over which link header it goes; segment_write() lays down offload header,
 * link header, IP header, TCP header, options and payload, with full checksums. Only where gso_bytes is set
 * (payload larger than one segment) is the checksum partial, as the kernel wants it for a super-frame (virtio 1.2,
 * 5.1.6.2).
 */
#ifndef SYNWARD_ENGINE_SEGMENT_H
#define SYNWARD_ENGINE_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/addr.h"
#include "engine/frame.h"

/* Ethernet header with its VLAN tags (PCP and DEI kept), up to and with the EtherType of IP. */
struct link_header {
    uint8_t bytes[LINK_HEADER_MAX];
    uint8_t length;
};

/* The link header of `frame` as it is, and with source and destination MAC exchanged. */
void link_header_copy(const struct frame *frame, struct link_header *link);
void link_header_reverse(const struct frame *frame, struct link_header *link);

struct segment {
    struct ip_addr src, dst;
    uint16_t src_port, dst_port;
    uint32_t seq, ack;
    uint8_t flags;   /* enum tcp_flags; ack is written as 0 without TCP_ACK */
    uint16_t window; /* as it goes into the header */
    uint8_t ttl;
    uint8_t tos;
    bool df;             /* IPv4 */
    uint16_t ip_id;      /* IPv4 */
    uint32_t flow_label; /* IPv6 */
    const uint8_t *options;
    uint8_t options_bytes; /* multiple of 4 */
    const uint8_t *payload;
    uint32_t payload_bytes;
    /* 0, or the segment size of a super-frame; set only where payload_bytes > gso_bytes */
    uint16_t gso_bytes;
};

/* Bytes of offload header, link header, headers and payload together. */
uint32_t segment_bytes(const struct link_header *link, const struct segment *segment);

/*
 * Writes the segment to `buffer` (the offload header comes first). options and payload may not overlap the buffer,
 * but for the payload, which may already stand at its final place. Returns bytes written, or 0 where `capacity` is
 * too small.
 */
uint32_t segment_write(uint8_t *buffer, uint32_t capacity, const struct link_header *link,
                       const struct segment *segment);

/* What `frame` (FRAME_TCP) says, going the same way; options and payload point into it. */
void segment_of_frame(const struct frame *frame, struct link_header *link, struct segment *segment);

/* NOP NOP timestamps, 12 bytes (RFC 7323 appendix A). Returns 12. */
uint8_t segment_timestamps(uint8_t out[12], uint32_t tsval, uint32_t tsecr);

/*
 * A RST that the sender of `frame` must accept: seq = its ack where it has one, else ack = its seq + length
 * (RFC 9293 3.10.7.1). `link` and `segment` are filled for the way back to the sender.
 */
void segment_reset_reply(const struct frame *frame, struct link_header *link, struct segment *segment);

#endif
