/* SPDX-License-Identifier: GPL-2.0-or-later */
/* source_entry.h - what is read of an entry of the source table (source.h). */
#ifndef SYNWARD_ENGINE_TABLES_SOURCE_ENTRY_H
#define SYNWARD_ENGINE_TABLES_SOURCE_ENTRY_H

#include "engine/tables/source.h"

static inline uint32_t source_half(uint64_t now_us)
{
    return (uint32_t)(now_us / SOURCE_HALF_US);
}

/* Of the last 5 to 10 s. */
static inline uint32_t source_counted(const struct source_entry *source, const uint32_t halves[2],
                                      uint64_t now_us)
{
    uint32_t age = source_half(now_us) - source->half;

    return age == 0 ? halves[0] + halves[1] : age == 1 ? halves[0] : 0;
}

static inline bool source_is_aside(const struct source_entry *source, uint64_t now_us)
{
    return source->until_us > now_us;
}

static inline bool source_is_limited(const struct source_table *table,
                                     const struct source_entry *source, uint64_t now_us)
{
    return source_counted(source, source->mismatches, now_us) >= table->enough;
}

static inline struct source_link source_entry_link(const struct source_entry *source)
{
    return (struct source_link){source->mac, source->vlan};
}

#endif
