/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * offload.h - the virtio-net header that stands in front of every frame on our TAPs (IFF_VNET_HDR).
 *
 *      buffer:  | struct offload, 10 bytes | Ethernet header | ... |
 *
 * Numbers are in host byte order (TUNSETVNETLE/BE are not used). `checksum_start` and
 * `header_bytes` count from the Ethernet header. With OFFLOAD_NEEDS_CHECKSUM the checksum field
 * holds only the sum of the pseudo header, and whoever puts the frame on a wire finishes it: an
 * edit of seq, ack or options then needs no checksum update.
 */
#ifndef SYNWARD_ENGINE_TCP_OFFLOAD_H
#define SYNWARD_ENGINE_TCP_OFFLOAD_H

#include <stdint.h>

#define OFFLOAD_BYTES 10

enum offload_flags {
    OFFLOAD_NEEDS_CHECKSUM = 1, /* checksum is partial */
    OFFLOAD_CHECKSUM_VALID = 2, /* the kernel vouches for it */
};

enum offload_segmentation {
    OFFLOAD_GSO_NONE = 0,
    OFFLOAD_GSO_TCPV4 = 1,
    OFFLOAD_GSO_TCPV6 = 4,
    OFFLOAD_GSO_ECN = 0x80, /* or'ed in: CWR only on the first segment */
};

struct offload {
    uint8_t flags;
    uint8_t gso_type;
    uint16_t header_bytes;
    uint16_t gso_bytes; /* payload bytes of each segment of a super-frame */
    uint16_t checksum_start;
    uint16_t checksum_offset; /* from checksum_start */
} __attribute__((packed));

_Static_assert(sizeof(struct offload) == OFFLOAD_BYTES, "virtio_net_hdr is 10 bytes");

#endif
