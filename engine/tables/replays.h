/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replays.h - never twice: which requests were handed to a server lately (rule 5.8).
 *
 * When held request bytes first go to a server, (connection, client ISN) leaves a tag in a fixed
 * table. A delayed copy of that request, coming when its flow is forgotten, finds the tag and is
 * reset instead of being opened again: a POST never runs twice.
 *
 *      slot, 32 bits:   | 30 bits of a keyed hash | number of the minute, 2 bits |
 *
 * A tag counts in its own minute and the next one, so it lives 60 to 120 s without a clock of its
 * own (and again 4 minutes later, which hurts nobody: by then only a copy could have the same tuple
 * and ISN). Limits: under load a slot is overwritten early (counted); one question in 2^30 finds a
 * stranger's tag, and that client has to connect once more.
 */
#ifndef SYNWARD_ENGINE_TABLES_REPLAYS_H
#define SYNWARD_ENGINE_TABLES_REPLAYS_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/addr.h"

#define SERVED_MINUTE_US   (60ull * 1000 * 1000)
#define SERVED_MINUTE_MASK 3u

struct served_table {
    uint32_t *slots;
    uint32_t mask;
    uint64_t overwritten; /* tags lost before their life was over */
};

/* `slots`: `count` (a power of two) zeroed words of the caller's. */
void served_init(struct served_table *table, uint32_t *slots, uint32_t count);
/* `hash` is the connection's flow_key_hash(). */
void served_note(struct served_table *table, uint64_t hash, uint32_t x, uint64_t now_us);

/* The rest is inline: each request of a flood asks. */

/* The slot, and the tag without its minute. Never 0, which is an empty slot. */
static inline uint32_t *served_slot(const struct served_table *table, uint64_t hash, uint32_t x,
                                    uint32_t *tag)
{
    uint64_t mixed = hash_with(hash, x);

    *tag = ((uint32_t)(mixed >> 32) & ~SERVED_MINUTE_MASK) | (SERVED_MINUTE_MASK + 1);
    return &table->slots[mixed & table->mask];
}

/* True where the slot was written in this minute or the one before. */
static inline bool served_counts(uint32_t slot, uint64_t now_us)
{
    uint32_t age = ((uint32_t)(now_us / SERVED_MINUTE_US) - slot) & SERVED_MINUTE_MASK;

    return slot && age <= 1;
}

static inline bool served_lately(const struct served_table *table, uint64_t hash, uint32_t x,
                                 uint64_t now_us)
{
    uint32_t tag;
    const uint32_t *slot = served_slot(table, hash, x, &tag);

    return served_counts(*slot, now_us) && (*slot & ~SERVED_MINUTE_MASK) == tag;
}

#endif
