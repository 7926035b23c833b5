/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * proved.h - a fixed table that remembers for a while what was proved of connections: one slot for
 * each, all marks in it.
 *
 *      proved    a cookie of this connection, whatever its ISN, was good in the last 3 s
 *      silent    the handshake of (connection, x) was counted as silent, and its client has said
 *                nothing since (trigger.h)
 *      blamed    a wrong request of (connection, x) was counted in the last 10 s
 *
 * Apart from the tags of SYNs (seen.h), which can be forged: only handshakes that were completed
 * get a slot, so that a flood of SYNs pushes out nothing. A slot is overwritten early under load;
 * the tag tells connections apart with an error of 2^-32 per question. Correctness may lean on a
 * mark that is there, never on one that is not.
 *
 * Whoever repeats a good cookie, and every handshake in normal mode, takes a slot as well: some
 * 300,000 of them a second push out marks before their time, whereupon a figure of the trigger is
 * too high, or a wrong request counts again.
 *
 * Marks are times in steps of RATE_STEP_US, 15 bits that go round after 2 h 16 min: longer than a
 * cookie lives, and than a connection idles (FLOW_IDLE_LIFE).
 */
#ifndef SYNWARD_ENGINE_TABLES_PROVED_H
#define SYNWARD_ENGINE_TABLES_PROVED_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/rate.h"

#define PROVED_LIFE_MS 3000u
#define BLAMED_STEPS   (10u * 1000 * 1000 / RATE_STEP_US + 1) /* 10 s are over then */

struct proof_slot {
    uint64_t who; /* tag of the connection, and above it the client's ISN, x, that the marks are of;
                     0: never used */
    uint32_t proved_ms;
    uint16_t silent, blamed; /* 0: not marked */
};

_Static_assert(sizeof(struct proof_slot) == 16, "four in a cache line");

struct proof_table {
    struct proof_slot *slots; /* zeroed */
    uint32_t mask;            /* their number, a power of two, less one */
};

/* Set beside the 15 bits, so that no time looks like no mark. */
#define PROOF_MARKED 0x8000u

static inline uint16_t proof_mark(uint64_t step)
{
    return (uint16_t)(step | PROOF_MARKED);
}

/* How many steps before `step` the mark was made. */
static inline uint32_t proof_age(uint16_t mark, uint64_t step)
{
    return ((uint32_t)step - mark) & (PROOF_MARKED - 1);
}

static inline uint32_t proof_tag(uint64_t hash)
{
    uint32_t tag = (uint32_t)(hash >> 32);

    return tag + !tag;
}

/* The slot of (connection, x), made where it was another's; `hash` is the connection's
 * flow_key_hash(). */
static inline struct proof_slot *proof_slot(const struct proof_table *table, uint64_t hash,
                                            uint32_t x, uint32_t now_ms)
{
    struct proof_slot *slot = &table->slots[hash & table->mask];
    uint32_t tag = proof_tag(hash);
    uint64_t who = tag | (uint64_t)x << 32;

    if (slot->who == who)
        return slot;
    if ((uint32_t)slot->who != tag)
        slot->proved_ms = now_ms - PROVED_LIFE_MS;
    slot->who = who;
    slot->silent = slot->blamed = 0;
    return slot;
}

/* The same, or NULL where it is another's. */
static inline struct proof_slot *proof_find(const struct proof_table *table, uint64_t hash,
                                            uint32_t x)
{
    struct proof_slot *slot = &table->slots[hash & table->mask];

    return slot->who == (proof_tag(hash) | (uint64_t)x << 32) ? slot : NULL;
}

/* True of a slot that was made just now, and was another's. */
static inline bool proof_is_new(const struct proof_slot *slot, uint32_t now_ms)
{
    return now_ms - slot->proved_ms == PROVED_LIFE_MS;
}

/* Proved now. True where that was so already. */
static inline bool proof_again(struct proof_slot *slot, uint32_t now_ms)
{
    bool lately = now_ms - slot->proved_ms < PROVED_LIFE_MS;

    slot->proved_ms = now_ms;
    return lately;
}

/* Was a cookie of this connection good in the last PROVED_LIFE_MS? */
static inline bool proof_lately(const struct proof_table *table, uint64_t hash, uint32_t now_ms)
{
    const struct proof_slot *slot = &table->slots[hash & table->mask];

    return (uint32_t)slot->who == proof_tag(hash) && now_ms - slot->proved_ms < PROVED_LIFE_MS;
}

/* To be blamed once. False: it was, in the last 10 s. */
static inline bool proof_blame(struct proof_slot *slot, uint64_t step)
{
    if (slot->blamed && proof_age(slot->blamed, step) < BLAMED_STEPS)
        return false;
    slot->blamed = proof_mark(step);
    return true;
}

#endif
