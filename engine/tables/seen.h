/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * seen.h - a fixed table of 32-bit tags that remembers for a while that something happened to a
 * connection.
 *
 * One slot per connection, overwritten early under load; a tag tells connections apart with an
 * error of 2^-32 per question. Correctness may lean on a tag that is there, never on one that is
 * not. Used for SYN-ACKs that went out and for untracked segments that were let through (rule 4).
 *
 * The slot is told by the connection alone and the tag is the sum of its hash and a number, so that
 * a number near that one can be asked for too: tag_passed(). A tag that was taken, or whose life is
 * over, still stands there for that until it is overwritten.
 */
#ifndef SYNWARD_ENGINE_TABLES_SEEN_H
#define SYNWARD_ENGINE_TABLES_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/addr.h"

struct tag {
    uint32_t tag; /* 0: never used */
    /* wraps after 49 days: a life is far shorter, and stale slots only answer wrongly with 2^-32 */
    uint32_t at_ms;
};

struct tag_table {
    struct tag *slots;
    uint32_t mask;
    uint32_t life_ms;
    uint64_t overwritten; /* tags lost before their life was over */
};

/* `slots`: `count` (a power of two) zeroed tags. */
void tag_table_init(struct tag_table *table, struct tag *slots, uint32_t count, uint32_t life_ms);
/* The rest is inline: a flood asks several tables for each of its segments. */

/* The slot of the connection; `*tag` is what stands in it when it is ours. */
static inline struct tag *tag_slot(const struct tag_table *table, uint64_t hash, uint32_t extra,
                                   uint32_t *tag)
{
    *tag = (uint32_t)(hash >> 32) + extra;
    *tag += !*tag;
    return &table->slots[hash & table->mask];
}

static inline bool tag_alive(const struct tag_table *table, const struct tag *slot, uint32_t now_ms)
{
    return slot->tag && now_ms - slot->at_ms < table->life_ms;
}

/*
 * Remembers (connection, extra) from now on, unless it is remembered already; true where it was
 * not. `hash` is the connection's flow_key_hash().
 */
static inline bool tag_put_first(struct tag_table *table, uint64_t hash, uint32_t extra,
                                 uint64_t now_us)
{
    uint32_t tag, now_ms = (uint32_t)(now_us / 1000);
    struct tag *slot = tag_slot(table, hash, extra, &tag);
    bool alive = tag_alive(table, slot, now_ms);

    if (alive && slot->tag == tag)
        return false;
    if (alive)
        table->overwritten++;
    *slot = (struct tag){tag, now_ms};
    return true;
}

/* Milliseconds since it was put, or -1 where it is not there or its life is over. */
static inline int64_t tag_age_ms(const struct tag_table *table, uint64_t hash, uint32_t extra,
                                 uint64_t now_us)
{
    uint32_t tag, now_ms = (uint32_t)(now_us / 1000);
    const struct tag *slot = tag_slot(table, hash, extra, &tag);

    if (slot->tag != tag || !tag_alive(table, slot, now_ms))
        return -1;
    return now_ms - slot->at_ms;
}

/* Its life is over, and it says what tag_age_ms() would have said. */
static inline int64_t tag_take(struct tag_table *table, uint64_t hash, uint32_t extra,
                               uint64_t now_us)
{
    uint32_t tag, now_ms = (uint32_t)(now_us / 1000), age_ms;
    struct tag *slot = tag_slot(table, hash, extra, &tag);

    if (slot->tag != tag || !tag_alive(table, slot, now_ms))
        return -1;
    age_ms = now_ms - slot->at_ms;
    slot->at_ms = now_ms - table->life_ms;
    return age_ms;
}

/*
 * How far `number` lies beyond the one that the connection was remembered with last, or 0 where
 * that was not within `life_ms`, whatever the table's own life is. Of a slot that is another's:
 * anything.
 */
static inline uint32_t tag_passed(const struct tag_table *table, uint64_t hash, uint32_t number,
                                  uint32_t life_ms, uint64_t now_us)
{
    const struct tag *slot = &table->slots[hash & table->mask];

    if (!slot->tag || (uint32_t)(now_us / 1000) - slot->at_ms >= life_ms)
        return 0;
    return (uint32_t)(hash >> 32) + number - slot->tag;
}

#endif
