/* SPDX-License-Identifier: GPL-2.0-or-later */
/* seen.c - a fixed table of 32-bit tags. See seen.h. */
#include "engine/tables/seen.h"

#include <string.h>

void tag_table_init(struct tag_table *table, struct tag *slots, uint32_t count, uint32_t life_ms)
{
    memset(table, 0, sizeof(*table));
    table->slots = slots;
    table->mask = count - 1;
    table->life_ms = life_ms;
}
