/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * held_sources.h - how many connections each source holds at each server, whom each server has
 * answered, and who was slow there, in fixed memory.
 *
 * Counts stand in two rows, found by two halves of a keyed hash of (source, server); the smaller of
 * the two is the answer. Sources that share both places are counted together, so the answer is
 * never too low.
 *
 * In two more rows stands likewise when one of each network began to wait for its first place
 * (held.h): flow_clock(), its low 16 bits, never 0.
 *
 * In two more likewise when one of each network was ended for being idle, while others waited for
 * their first place: for HELD_IDLED_APART its next one has had its turn. Times of 16 bits come
 * round: 72 min after the note it counts once more for as long, which is no harm worth a byte.
 *
 * In one more row stands when each source was last served quickly, as it counts once in
 * HELD_QUICK_APART for the room that a crowd makes for itself.
 *
 * Who was answered leaves a tag, for a day:  | 20 bits of the hash | minute, 12 bits |
 * So does who was ended for being slow, for ten minutes.
 */
#ifndef SYNWARD_ENGINE_TABLES_HELD_SOURCES_H
#define SYNWARD_ENGINE_TABLES_HELD_SOURCES_H

#include <stdbool.h>
#include <stdint.h>

#define HELD_PLACES         16384u /* of a row, and of the tags; a power of two */
#define HELD_MINUTE_US      (60ull * 1000 * 1000)
#define HELD_MINUTE_MASK    0xfffu
#define HELD_ANSWERED_LASTS (24u * 60)
#define HELD_SLOW_LASTS     10u
#define HELD_WAIT_APART     30u  /* flow_clock(): 2 s */
#define HELD_IDLED_APART    152u /* 10 s */
#define HELD_QUICK_APART    4u   /* 262 ms */

struct held_sources {
    uint16_t rows[2][HELD_PLACES], waiting[2][HELD_PLACES], idled[2][HELD_PLACES];
    uint16_t quick[HELD_PLACES];
    uint32_t answered[HELD_PLACES], slow[HELD_PLACES];
};

static inline uint32_t held_row_place(uint64_t hash, int row)
{
    return (row ? hash >> 32 : hash) & (HELD_PLACES - 1);
}

static inline uint16_t *held_place(struct held_sources *held, uint64_t hash, int row)
{
    return &held->rows[row][held_row_place(hash, row)];
}

static inline void held_note_time(uint16_t times[2][HELD_PLACES], uint64_t network, uint32_t clock)
{
    for (int row = 0; row < 2; row++)
        times[row][held_row_place(network, row)] = (uint16_t)(clock | !(uint16_t)clock);
}

/* It was noted less than `apart` ago, as far as is known. */
static inline bool held_is_recent(const uint16_t times[2][HELD_PLACES], uint64_t network,
                                  uint32_t clock, uint32_t apart)
{
    for (int row = 0; row < 2; row++) {
        const uint16_t noted = times[row][held_row_place(network, row)];

        if (!noted || (uint16_t)(clock - noted) >= apart)
            return false;
    }
    return true;
}

/* One of this network waits from now on. */
static inline void held_note_wait(struct held_sources *held, uint64_t network, uint32_t clock)
{
    held_note_time(held->waiting, network, clock);
}

/* Nobody of it has begun to wait within HELD_WAIT_APART, as far as is known. */
static inline bool held_waits_alone(const struct held_sources *held, uint64_t network,
                                    uint32_t clock)
{
    return !held_is_recent(held->waiting, network, clock, HELD_WAIT_APART);
}

static inline void held_note_idled(struct held_sources *held, uint64_t network, uint32_t clock)
{
    held_note_time(held->idled, network, clock);
}

static inline bool held_was_idled(const struct held_sources *held, uint64_t network, uint32_t clock)
{
    return held_is_recent(held->idled, network, clock, HELD_IDLED_APART);
}

/* This source was served quickly: true where that counts. */
static inline bool held_note_quick(struct held_sources *held, uint64_t source, uint32_t clock)
{
    uint16_t *last = &held->quick[source & (HELD_PLACES - 1)];

    if (*last && (uint16_t)(clock - *last) < HELD_QUICK_APART)
        return false;
    *last = (uint16_t)(clock | !(uint16_t)clock);
    return true;
}

static inline void held_change(struct held_sources *held, uint64_t hash, int change)
{
    for (int row = 0; row < 2; row++) {
        uint16_t *place = held_place(held, hash, row);

        if (change > 0 ? *place < UINT16_MAX : *place > 0)
            *place = (uint16_t)(*place + change);
    }
}

static inline uint32_t held_by(struct held_sources *held, uint64_t hash)
{
    const uint16_t one = *held_place(held, hash, 0), other = *held_place(held, hash, 1);

    return one < other ? one : other;
}

static inline void held_note(uint32_t tags[HELD_PLACES], uint64_t hash, uint64_t now_us)
{
    const uint32_t tag = (uint32_t)(hash >> 32) & ~HELD_MINUTE_MASK;

    tags[hash & (HELD_PLACES - 1)] = tag | ((uint32_t)(now_us / HELD_MINUTE_US) & HELD_MINUTE_MASK);
}

static inline bool held_is_noted(const uint32_t tags[HELD_PLACES], uint64_t hash, uint32_t lasts,
                                 uint64_t now_us)
{
    const uint32_t tag = tags[hash & (HELD_PLACES - 1)];
    const uint32_t age = ((uint32_t)(now_us / HELD_MINUTE_US) - tag) & HELD_MINUTE_MASK;

    return tag && (tag ^ (uint32_t)(hash >> 32)) <= HELD_MINUTE_MASK && age < lasts;
}

static inline void held_note_answered(struct held_sources *held, uint64_t hash, uint64_t now_us)
{
    held_note(held->answered, hash, now_us);
}

static inline bool held_was_answered(const struct held_sources *held, uint64_t hash,
                                     uint64_t now_us)
{
    return held_is_noted(held->answered, hash, HELD_ANSWERED_LASTS, now_us);
}

/* Its next one is a stranger's again. */
static inline void held_forget_answered(struct held_sources *held, uint64_t hash, uint64_t now_us)
{
    if (held_was_answered(held, hash, now_us))
        held->answered[hash & (HELD_PLACES - 1)] = 0;
}

static inline void held_note_slow(struct held_sources *held, uint64_t hash, uint64_t now_us)
{
    held_note(held->slow, hash, now_us);
}

static inline bool held_was_slow(const struct held_sources *held, uint64_t hash, uint64_t now_us)
{
    return held_is_noted(held->slow, hash, HELD_SLOW_LASTS, now_us);
}

#endif
