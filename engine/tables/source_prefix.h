/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * source_prefix.h - prefixes of both families in one space: an IPv4 prefix is that of the mapped
 * address (addr.h), 96 bits longer.
 */
#ifndef SYNWARD_ENGINE_TABLES_SOURCE_PREFIX_H
#define SYNWARD_ENGINE_TABLES_SOURCE_PREFIX_H

#include "engine/base/addr.h"

#define PREFIX_V4_BITS       96u
#define PREFIX_V4_SOURCE     128u
#define PREFIX_V4_NEIGHBOURS (PREFIX_V4_BITS + 24u)
#define PREFIX_V6_SOURCE     64u
#define PREFIX_V6_NEIGHBOURS 48u
#define PREFIX_V6_SITE       56u /* an end site (RFC 6177 2) */

/* The address with what is behind its first `bits` cleared. */
struct ip_addr prefix_cut(const struct ip_addr *addr, uint32_t bits);

/* The same; a single IPv4 address, nearly always, is whole. */
static inline struct ip_addr prefix_masked(const struct ip_addr *addr, uint32_t bits)
{
    return bits == 128 ? *addr : prefix_cut(addr, bits);
}

static inline uint32_t prefix_source_bits(const struct ip_addr *addr)
{
    return addr_is_v4(addr) ? PREFIX_V4_SOURCE : PREFIX_V6_SOURCE;
}

static inline uint32_t prefix_neighbour_bits(const struct ip_addr *addr)
{
    return addr_is_v4(addr) ? PREFIX_V4_NEIGHBOURS : PREFIX_V6_NEIGHBOURS;
}

/* Of a prefix as people write it: `length` counts in its own family. */
static inline uint32_t prefix_bits(const struct ip_addr *prefix, uint8_t length)
{
    uint32_t bits = length + (addr_is_v4(prefix) ? PREFIX_V4_BITS : 0);

    return bits < 128 ? bits : 128;
}

/* The length as people write it. */
static inline uint8_t prefix_length(const struct ip_addr *prefix, uint32_t bits)
{
    return (uint8_t)(addr_is_v4(prefix) ? bits - PREFIX_V4_BITS : bits);
}

#endif
