/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * segment.h - the one writer of segments of our own (SYN-ACK, SYN, ACK, RST, greeting, held data).
 *
 * A caller says what the segment says and over which link header it goes; segment_write() lays down offload header,
 * link header, IP header, TCP header, options and payload, with full checksums. Only where gso_bytes is set
 * (payload larger than one segment) is the checksum partial, as the kernel wants it for a super-frame (virtio 1.2,
 * 5.1.6.2). segment_answer() lays the same over the frame that it answers: then what the frame's link header, addresses and
 * ports say stays where it is, with both ends exchanged, which is most of what a flood costs.
 */
#ifndef SYNWARD_ENGINE_SEGMENT_H
#define SYNWARD_ENGINE_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

/* What a segment says comes first, and between whom it goes last: an answer takes that from its frame. */
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
 * Writes the segment to `buffer` (the offload header comes first). options and payload may not overlap the buffer,
 * but for the payload, which may already stand at its final place. Returns bytes written, or 0 where `capacity` is
 * too small.
 */
uint32_t segment_write(uint8_t *buffer, uint32_t capacity, const struct link_header *link,
                       const struct segment *segment);

/*
 * The same in the place of `frame` (FRAME_TCP with an offload header in front of it), to who sent it: link header, addresses and ports
 * are the frame's, exchanged, and those of `segment` are not looked at. The view is no longer good afterwards.
 */
uint32_t segment_answer(const struct frame *frame, const struct segment *segment);

/* What `frame` (FRAME_TCP) says, going the same way; options and payload point into it. */
void segment_of_frame(const struct frame *frame, struct link_header *link, struct segment *segment);

/* NOP NOP timestamps, 12 bytes (RFC 7323 appendix A). Returns 12. */
uint8_t segment_timestamps(uint8_t out[12], uint32_t tsval, uint32_t tsecr);

/*
 * A RST that the sender of `frame` must accept, for segment_answer(): seq = its ack where it has one, else ack = its seq + length
 * (RFC 9293 3.10.7.1).
 */
void segment_reset_reply(const struct frame *frame, struct segment *segment);
/* Both in one, as segment_answer(): what most of a flood of wrong requests gets. */
uint32_t segment_answer_reset(const struct frame *frame, uint8_t ttl, bool df, uint32_t flow_label);

#endif
