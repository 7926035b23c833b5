/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * source_lists.h - addresses that an operator has put aside in masses, by lists of up to millions
 * of prefixes. They lie as ranges, sorted and without overlap, and are never changed: another set
 * takes their place.
 *
 * IPv4: an index by the upper 16 bits says between which ranges to search, so that a look-up among
 * a million costs a few steps. IPv6: by halves. A rule of the operator's about a single source or
 * prefix (source_rules.h) counts before any list.
 */
#ifndef SYNWARD_ENGINE_TABLES_SOURCE_LISTS_H
#define SYNWARD_ENGINE_TABLES_SOURCE_LISTS_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/addr.h"
#include "engine/base/bytes.h"

/* Both ends count. */
struct range4 {
    uint32_t first, last;
};
struct addr6 {
    uint64_t high, low;
};
struct range6 {
    struct addr6 first, last;
};

#define SOURCE_LISTS_INDEX 65537u

struct source_lists {
    const struct range4 *v4;
    const struct range6 *v6;
    uint32_t v4_count, v6_count;
    uint32_t v4_index[SOURCE_LISTS_INDEX]; /* the first range that ends at or behind n << 16 */
};

static inline struct addr6 addr6_of(const struct ip_addr *addr)
{
    const uint8_t *at = addr->bytes;

    return (struct addr6){(uint64_t)load_be32(at) << 32 | load_be32(at + 4),
                          (uint64_t)load_be32(at + 8) << 32 | load_be32(at + 12)};
}

static inline bool addr6_below(struct addr6 a, struct addr6 b)
{
    return a.high != b.high ? a.high < b.high : a.low < b.low;
}

/* Fills in the index of its ranges. */
void source_lists_index(struct source_lists *lists);

static inline bool source_lists_have_v4(const struct source_lists *lists, uint32_t addr)
{
    uint32_t low = lists->v4_index[addr >> 16], high = lists->v4_index[(addr >> 16) + 1];

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (lists->v4[middle].last < addr)
            low = middle + 1;
        else
            high = middle;
    }
    return low < lists->v4_count && lists->v4[low].first <= addr;
}

bool source_lists_have(const struct source_lists *lists, const struct ip_addr *addr);

#endif
