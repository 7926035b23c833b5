/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * extensions.h - the walk along IPv6's extension headers to what they lead to (RFC 8200 4).
 *
 * Headers of any number are walked, as hosts do; what bounds the work is the length of the packet,
 * eight bytes a step. What a host does with each is what Linux does:
 *
 *      hop-by-hop            read where it is the first; refused elsewhere
 *      destination options   read, any number of times
 *      routing               passed over where no segments are left, whatever its type
 *      fragment              passed over, once, where it is atomic (RFC 6946): all of the packet
 *      authentication,       refused, and walked all the same, so that it is known whether TCP is
 *      mobility, HIP, shim6  what they hide
 */
#ifndef SYNWARD_ENGINE_TCP_EXTENSIONS_H
#define SYNWARD_ENGINE_TCP_EXTENSIONS_H

#include <stdbool.h>
#include <stdint.h>

#define IPV6_HEADER_BYTES 40

struct extensions {
    uint32_t at;  /* offset of what comes next */
    uint8_t next; /* its protocol */
    bool fragment;
    bool later_fragment; /* what follows is not a header */
    bool atomic;
    bool refused;         /* hosts drop the packet for one of the headers, others may not */
    uint32_t jumbo;       /* jumbo payload length; 0: none */
    uint32_t route_at;    /* offset of the addresses of a routing header with segments left */
    uint32_t route_bytes; /* 0: none */
};

/* For the packet whose IPv6 header lies at `l3` and ends below `limit`: at its first step. */
void extensions_begin(const uint8_t *data, uint32_t l3, struct extensions *walk);
/* To the end. False where a header does not lie below `limit`. */
bool extensions_walk(const uint8_t *data, uint32_t l3, uint32_t limit, struct extensions *walk);

#endif
