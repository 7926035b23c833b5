/* SPDX-License-Identifier: GPL-2.0-or-later */
/* served.c - tags of requests handed to a server, dated by the minute. See served.h. */
#include "engine/served.h"

#include <string.h>

#define MINUTE_MASK 3u

void served_init(struct served_table *table, uint32_t *slots, uint32_t count)
{
    memset(table, 0, sizeof(*table));
    table->slots = slots;
    table->mask = count - 1;
}

/* The slot, and the tag without its minute. Never 0, which is an empty slot. */
static uint32_t *slot_of(const struct served_table *table, uint64_t hash, uint32_t x, uint32_t *tag)
{
    uint64_t mixed = hash_with(hash, x);

    *tag = ((uint32_t)(mixed >> 32) & ~MINUTE_MASK) | (MINUTE_MASK + 1);
    return &table->slots[mixed & table->mask];
}

/* True where the slot was written in this minute or the one before. */
static bool counts(uint32_t slot, uint64_t now_us)
{
    uint32_t age = ((uint32_t)(now_us / SERVED_MINUTE_US) - slot) & MINUTE_MASK;

    return slot && age <= 1;
}

void served_note(struct served_table *table, uint64_t hash, uint32_t x, uint64_t now_us)
{
    uint32_t tag;
    uint32_t *slot = slot_of(table, hash, x, &tag);

    if (counts(*slot, now_us) && (*slot & ~MINUTE_MASK) != tag)
        table->overwritten++;
    *slot = tag | ((uint32_t)(now_us / SERVED_MINUTE_US) & MINUTE_MASK);
}

bool served_lately(const struct served_table *table, uint64_t hash, uint32_t x, uint64_t now_us)
{
    uint32_t tag;
    const uint32_t *slot = slot_of(table, hash, x, &tag);

    return counts(*slot, now_us) && (*slot & ~MINUTE_MASK) == tag;
}
