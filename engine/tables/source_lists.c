/* SPDX-License-Identifier: GPL-2.0-or-later */
/* source_lists.c - see source_lists.h. */
#include "engine/tables/source_lists.h"

void source_lists_index(struct source_lists *lists)
{
    uint32_t range = 0;

    for (uint32_t n = 0; n < SOURCE_LISTS_INDEX; n++) {
        const uint64_t begin = (uint64_t)n << 16;

        while (range < lists->v4_count && lists->v4[range].last < begin)
            range++;
        lists->v4_index[n] = range;
    }
}

static bool have_v6(const struct source_lists *lists, struct addr6 addr)
{
    uint32_t low = 0, high = lists->v6_count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (addr6_below(lists->v6[middle].last, addr))
            low = middle + 1;
        else
            high = middle;
    }
    return low < lists->v6_count && !addr6_below(addr, lists->v6[low].first);
}

bool source_lists_have(const struct source_lists *lists, const struct ip_addr *addr)
{
    return addr_is_v4(addr) ? source_lists_have_v4(lists, load_be32(addr->bytes + 12))
                            : have_v6(lists, addr6_of(addr));
}
