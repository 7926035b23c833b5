/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * datagram.h - the one bounds-checked way to look into UDP: a frame that frame_walk() came to as
 * FRAME_OTHER, with the offsets of its UDP header.
 *
 * Whole datagrams, and first fragments as far as their ports are there. A later fragment has no
 * ports; it is told by none, and no host has any use for it without the first.
 */
#ifndef SYNWARD_ENGINE_UDP_DATAGRAM_H
#define SYNWARD_ENGINE_UDP_DATAGRAM_H

#include "engine/tcp/frame.h"

#define PROTO_UDP        17
#define UDP_HEADER_BYTES 8
#define UDP_CHECKSUM_AT  6 /* from the UDP header */

enum datagram_kind {
    DATAGRAM_NONE,     /* no UDP, or none that a host takes */
    DATAGRAM_WHOLE,    /* every field below is valid */
    DATAGRAM_FRAGMENT, /* a first fragment: ports are valid */
};

struct datagram {
    enum datagram_kind kind;
    bool bare; /* neither IPv4 options nor IPv6 extension headers stand before it, and it is one */
    uint16_t src_port, dst_port;
    uint32_t l4;            /* offset of the UDP header from frame->data */
    uint32_t payload_bytes; /* by the UDP header, all of it in the frame */
};

/* Returns datagram->kind. Never reads beyond the frame. */
enum datagram_kind datagram_read(const struct frame *frame, struct datagram *datagram);

/* What a host would find: IPv4's header and the datagram, as far as they have a checksum. Partial
 * ones are taken as good. Of a DATAGRAM_WHOLE. */
bool datagram_checksum_good(const struct frame *frame, const struct datagram *datagram);

static inline uint8_t *datagram_payload(const struct frame *frame, const struct datagram *datagram)
{
    return frame->data + datagram->l4 + UDP_HEADER_BYTES;
}

/*
 * Makes of a datagram that is bare its answer, in place: back to where it came from, with
 * `payload_bytes` of payload that stand there already (no more than it had). The frame has an
 * offload header in front of it. Returns how long the frame is now.
 */
uint32_t datagram_turn(const struct frame *frame, const struct datagram *datagram,
                       uint32_t payload_bytes);

#endif
