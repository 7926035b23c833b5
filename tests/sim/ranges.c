/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ranges.c - see ranges.h. */
#include "tests/sim/ranges.h"

#include <stddef.h>
#include <string.h>

#include "engine/base/bytes.h"

static void cut_out(struct ranges *ranges, uint32_t first, uint32_t count)
{
    memmove(ranges->at + first, ranges->at + first + count,
            (ranges->count - first - count) * sizeof ranges->at[0]);
    ranges->count -= count;
}

void ranges_add(struct ranges *ranges, uint32_t from, uint32_t to)
{
    uint32_t first = 0, last;
    if (!seq_before(from, to))
        return;
    while (first < ranges->count && seq_before(ranges->at[first].to, from))
        first++;
    for (last = first; last < ranges->count && !seq_before(to, ranges->at[last].from); last++) {
        if (seq_before(ranges->at[last].from, from))
            from = ranges->at[last].from;
        to = seq_max(to, ranges->at[last].to);
    }
    if (last > first) {
        ranges->at[first] = (struct range){from, to};
        cut_out(ranges, first + 1, last - first - 1);
        return;
    }
    if (ranges->count == RANGES_MAX)
        return;
    memmove(ranges->at + first + 1, ranges->at + first,
            (ranges->count - first) * sizeof ranges->at[0]);
    ranges->at[first] = (struct range){from, to};
    ranges->count++;
}

void ranges_trim(struct ranges *ranges, uint32_t seq)
{
    while (ranges->count > 0 && !seq_before(seq, ranges->at[0].to))
        cut_out(ranges, 0, 1);
    if (ranges->count > 0 && seq_before(ranges->at[0].from, seq))
        ranges->at[0].from = seq;
}

const struct range *ranges_find(const struct ranges *ranges, uint32_t seq)
{
    for (uint32_t i = 0; i < ranges->count; i++) {
        if (!seq_before(seq, ranges->at[i].from) && seq_before(seq, ranges->at[i].to))
            return &ranges->at[i];
    }
    return NULL;
}

const struct range *ranges_after(const struct ranges *ranges, uint32_t seq)
{
    for (uint32_t i = 0; i < ranges->count; i++) {
        if (seq_before(seq, ranges->at[i].from))
            return &ranges->at[i];
    }
    return NULL;
}
