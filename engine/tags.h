/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tags.h - a fixed table of 32-bit tags that remembers for a while that something happened to a connection.
 *
 * One slot per hash, overwritten early under load; a tag tells connections apart with an error of 2^-32 per question.
 * Correctness may lean on a tag that is there, never on one that is not. Used for cookies accepted lately and
 * for untracked segments that were let through (ENGINE 4).
 */
#ifndef SYNWARD_ENGINE_TAGS_H
#define SYNWARD_ENGINE_TAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/addr.h"

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
/* Remembers (connection, extra) from now on; `hash` is the connection's flow_key_hash(). */
void tag_put(struct tag_table *table, uint64_t hash, uint32_t extra, uint64_t now_us);
/* Milliseconds since it was put, or -1 where it is not there or its life is over. */
int64_t tag_age_ms(const struct tag_table *table, uint64_t hash, uint32_t extra, uint64_t now_us);
void tag_remove(struct tag_table *table, uint64_t hash, uint32_t extra);

#endif
