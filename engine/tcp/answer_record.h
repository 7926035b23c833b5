/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * answer_record.h - what the engine writes down of a server in attack mode so that the kernel may
 * answer SYNs in its name, and drop the segments that prove nothing (bridge/bpf/answer.bpf.h,
 * reject.bpf.h), and what both then write.
 *
 *      engine -> kernel   under `version`: promises' generations and keys, what is said to an offer
 *                         when a segment that proves nothing may pass (stages/stray.h)
 *      kernel -> engine   `counts`: how many were answered, for the triggers; how many dropped
 *      both               the next IPv4 identification; which connections were asked (seen.h)
 *
 * `version` is odd while the engine writes. Who reads takes it before and after, and sends the SYN
 * up where it was odd or is another now: no answer is made of halves.
 *
 * Counts are by the steps of rate.h and never fall, so that the engine adds to each step what is
 * new of it, whenever it looks.
 */
#ifndef SYNWARD_ENGINE_TCP_ANSWER_RECORD_H
#define SYNWARD_ENGINE_TCP_ANSWER_RECORD_H

#include <stdint.h>

#include "engine/tcp/cookie.h"
#include "engine/tcp/options.h"

#define ANSWER_RECORDS 512u /* servers in attack mode that the kernel answers for at once */
#define ANSWER_OFFERS  32u  /* every enum synack_offer but a signed one */
#define ANSWER_KEYS    4u   /* epochs: the one before, this and the next, by their lowest bits */
#define ANSWER_STEPS   8u
#define ANSWER_STEP_US 250000u
#define ANSWER_DEAD_US 3000000u /* that long without a word of the engine */
/* One that proves nothing goes up, as it may pass: until the engine has said when another may, or
 * for that long, they are dropped. */
#define ANSWER_STRAY_US 10000u
#define ANSWER_CORES    16u /* who share a place lose nothing, they wait for each other */

/* Promises whose cookies are good: the one made now, the one before, and that of a server without a
 * profile. A power of two. */
#define ANSWER_PROMISES 4u

/*
 * Of connections that the engine knows there is one entry for each hash: how many they are, and the
 * sum, modulo 16, of bits 32 to 35 of their hashes; the place is bits 40 to 61. Where it is 0 there
 * is none; where there is one, the bits are its own. So of a flood beside 100,000 connections one
 * segment in 570 is taken for theirs, and not one in 42. A count that is full stays so. Behind them
 * stands a bit for so many entries in a row, set where one of them is not 0: a flood, of which each
 * segment has another hash, asks only these, which are so few that they stay in a core's cache.
 */
#define ANSWER_KNOWN       (1u << 22)
#define ANSWER_KNOWN_ROW   16u
#define ANSWER_KNOWN_BYTES (ANSWER_KNOWN + ANSWER_KNOWN / ANSWER_KNOWN_ROW / 8)
#define ANSWER_KNOWN_FULL  15u /* in the low bits of an entry */

enum answer_grants {
    ANSWER_SACK = 1 << 0,
    ANSWER_WSCALE = 1 << 1,
    ANSWER_ECN = 1 << 2,
    ANSWER_USABLE = 1 << 3, /* else such a SYN goes up */
};

enum answer_ip_id { ANSWER_IP_ID_ZERO, ANSWER_IP_ID_INCREMENT, ANSWER_IP_ID_RANDOM };

/* What is said to an offer. */
struct answer_said {
    uint8_t options[TCP_OPTIONS_MAX] __attribute__((aligned(8))); /* without timestamps */
    uint8_t options_bytes;
    uint8_t timestamps_at; /* of TSval in the options; 0: there are none. Even */
    uint8_t flags, grants; /* of the header; enum answer_grants */
    uint16_t window, unused;
};

/* Answered SYNs, and those that were the first of their client's ISN; dropped segments. */
struct answer_counts {
    uint32_t syns[ANSWER_STEPS], asked[ANSWER_STEPS];
    uint32_t rejected, unused[15];
};

/* Whose cookies are good until then. All zero: nobody's. */
struct answer_promise {
    uint64_t until_us;
    uint32_t generation;
    uint32_t greeting_bytes; /* that we say with it; 0: none */
    struct cookie_key keys[ANSWER_KEYS];
};

struct answer_record {
    uint32_t version, serial; /* serial 0: nobody's */
    uint32_t ip_id;           /* next, for servers that count up */
    int32_t spare;            /* SYNs that are still to go up where `waits` */
    uint8_t ttl, df, ip_id_kind, waits;
    uint8_t rejects; /* 0: what proves nothing goes up all the same */
    uint8_t notes;   /* an ACK that completes a handshake gets no answer: it is but counted */
    uint8_t unused[2];
    uint64_t until_us;  /* nothing is answered from then on: who would check the cookies is dead */
    uint64_t ahead_us;  /* of the time that cookies are made by: struct cookie_share */
    uint64_t strays_us; /* from then on one that proves nothing may pass: see ANSWER_STRAY_US */
    struct answer_promise promises[ANSWER_PROMISES]; /* the first is the one made now */
    struct answer_said said[ANSWER_OFFERS];
    struct answer_counts counts[ANSWER_CORES] __attribute__((aligned(64)));
};

_Static_assert(sizeof(struct answer_counts) % 64 == 0, "cache lines of its own for each core");

/* Where the entry of a connection stands. `hash`: flow_key_hash() */
static inline uint32_t answer_known_at(uint64_t hash)
{
    return (uint32_t)(hash >> 40) & (ANSWER_KNOWN - 1);
}

/* What a connection adds to its entry. */
static inline uint8_t answer_known_one(uint64_t hash)
{
    return (uint8_t)((uint32_t)(hash >> 32) << 4) | 1;
}

/* False: no connection with this hash is there. */
static inline bool answer_known_has(uint8_t entry, uint64_t hash)
{
    const uint32_t count = entry & ANSWER_KNOWN_FULL;

    return count > 1 || (count == 1 && entry == answer_known_one(hash));
}

/* The byte with the bit of an entry's row, and which of its bits that is. */
static inline uint32_t answer_known_row_at(uint32_t at)
{
    return ANSWER_KNOWN + at / ANSWER_KNOWN_ROW / 8;
}

static inline uint8_t answer_known_row_bit(uint32_t at)
{
    return (uint8_t)(1u << (at / ANSWER_KNOWN_ROW & 7));
}

#endif
