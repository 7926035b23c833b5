/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * packet.h - the simulator's own reader and writer of TCP segments in Ethernet frames.
 *
 * It shares nothing with engine/tcp/frame.c and engine/tcp/segment.c on purpose: the judge must not
 * see with the eyes of the judged. It is slow, plain, and checks everything: lengths, both
 * checksums, the offload header. Buffers begin with the offload header, as everywhere.
 *
 * Limits: two VLAN tags, no IP options, no IPv6 extension headers; ICMP is not read.
 */
#ifndef SYNWARD_TESTS_SIM_PACKET_H
#define SYNWARD_TESTS_SIM_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/addr.h"
#include "engine/tcp/frame.h"
#include "engine/tcp/options.h"

#define PACKET_BUFFER_BYTES (OFFLOAD_BYTES + LINK_HEADER_MAX + 65536u + 256u)
#define PACKET_SACK_MAX     4

struct packet_tag {
    uint16_t tpid; /* 0: no tag */
    uint16_t tci;  /* PCP, DEI and VLAN ID */
};

struct packet {
    uint8_t to_mac[6], from_mac[6];
    struct packet_tag tags[2]; /* outer first */
    struct ip_addr src, dst;
    uint8_t ttl, tos;
    bool df;
    uint16_t ip_id;
    uint32_t flow_label;
    uint16_t src_port, dst_port;
    uint32_t seq, ack;
    uint8_t flags;
    bool accurate_ecn; /* the AE bit */
    uint16_t window;
    uint8_t options_bytes;
    uint8_t options[TCP_OPTIONS_MAX];
    const uint8_t *payload; /* in the caller's memory, or in the buffer that was read */
    uint32_t payload_bytes;
    bool partial_checksum;
    uint16_t gso_bytes; /* 0: an ordinary frame */

    /* Filled by packet_read() from the options. */
    uint16_t mss;         /* 0: absent */
    uint8_t window_scale; /* WSCALE_NONE: absent */
    bool sack_permitted, timestamps;
    uint32_t tsval, tsecr;
    uint8_t sack_blocks;
    uint32_t sack[PACKET_SACK_MAX][2];
};

/* Each appends one option; room is the caller's business (40 bytes). packet_pad_options() brings
 * the length to a multiple of 4. */
void packet_add_mss(struct packet *packet, uint16_t mss);
void packet_add_window_scale(struct packet *packet, uint8_t scale);
void packet_add_sack_permitted(struct packet *packet);
void packet_add_timestamps(struct packet *packet, uint32_t tsval, uint32_t tsecr);
void packet_add_sack(struct packet *packet, const uint32_t (*blocks)[2], uint8_t count);
void packet_add_nop(struct packet *packet);
void packet_add_raw(struct packet *packet, uint8_t kind, const uint8_t *value, uint8_t bytes);
void packet_pad_options(struct packet *packet);

/* Lays the packet into `buffer` (PACKET_BUFFER_BYTES long) behind an offload header; returns the
 * bytes written. */
uint32_t packet_write(uint8_t *buffer, const struct packet *packet);

/* Reads a frame. NULL: it is right in every respect; otherwise what is wrong with it (static text).
 */
const char *packet_read(struct packet *packet, const uint8_t *buffer, uint32_t bytes);

/* Sequence space that it takes. */
static inline uint32_t packet_seq_bytes(const struct packet *packet)
{
    return packet->payload_bytes + ((packet->flags & TCP_SYN) != 0) +
           ((packet->flags & TCP_FIN) != 0);
}

/* The VLAN IDs of the tags, as keys have them. */
struct vlan_ids packet_vlan(const struct packet *packet);

#endif
