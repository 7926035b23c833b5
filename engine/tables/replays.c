/* SPDX-License-Identifier: GPL-2.0-or-later */
/* replays.c - tags of requests handed to a server, dated by the minute. See replays.h. */
#include "engine/tables/replays.h"

#include <string.h>

void served_init(struct served_table *table, uint32_t *slots, uint32_t count)
{
    memset(table, 0, sizeof(*table));
    table->slots = slots;
    table->mask = count - 1;
}

void served_note(struct served_table *table, uint64_t hash, uint32_t x, uint64_t now_us)
{
    uint32_t tag;
    uint32_t *slot = served_slot(table, hash, x, &tag);

    if (served_counts(*slot, now_us) && (*slot & ~SERVED_MINUTE_MASK) != tag)
        table->overwritten++;
    *slot = tag | ((uint32_t)(now_us / SERVED_MINUTE_US) & SERVED_MINUTE_MASK);
}
