/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tags.c - a fixed table of 32-bit tags. See tags.h. */
#include "engine/tags.h"

#include <string.h>

void tag_table_init(struct tag_table *table, struct tag *slots, uint32_t count, uint32_t life_ms)
{
    memset(table, 0, sizeof(*table));
    table->slots = slots;
    table->mask = count - 1;
    table->life_ms = life_ms;
}

/* The slot of (hash, extra); `*tag` is what stands in it when it is ours. */
static struct tag *slot_of(const struct tag_table *table, uint64_t hash, uint32_t extra, uint32_t *tag)
{
    uint64_t mixed = hash_with(hash, extra);

    *tag = (uint32_t)(mixed >> 32) | 1;
    return &table->slots[mixed & table->mask];
}

static bool alive(const struct tag_table *table, const struct tag *slot, uint32_t now_ms)
{
    return slot->tag && now_ms - slot->at_ms < table->life_ms;
}

void tag_put(struct tag_table *table, uint64_t hash, uint32_t extra, uint64_t now_us)
{
    uint32_t tag, now_ms = (uint32_t)(now_us / 1000);
    struct tag *slot = slot_of(table, hash, extra, &tag);

    if (slot->tag != tag && alive(table, slot, now_ms))
        table->overwritten++;
    *slot = (struct tag){tag, now_ms};
}

int64_t tag_age_ms(const struct tag_table *table, uint64_t hash, uint32_t extra, uint64_t now_us)
{
    uint32_t tag, now_ms = (uint32_t)(now_us / 1000);
    const struct tag *slot = slot_of(table, hash, extra, &tag);

    if (slot->tag != tag || !alive(table, slot, now_ms))
        return -1;
    return now_ms - slot->at_ms;
}

void tag_remove(struct tag_table *table, uint64_t hash, uint32_t extra)
{
    uint32_t tag;
    struct tag *slot = slot_of(table, hash, extra, &tag);

    if (slot->tag == tag)
        slot->tag = 0;
}
