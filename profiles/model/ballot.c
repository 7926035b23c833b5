/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ballot.c - see ballot.h. */
#include "profiles/model/ballot.h"

#include <string.h>

#include "engine/base/siphash.h"

#define WIDE_BITS   24
#define WIDE_MASK   ((UINT64_C(1) << WIDE_BITS) - 1)
#define FORM_BITS   56 /* of VOTE_FORMS and the hidden forms above them */
#define FEW_ROWS    (BALLOT_ROWS / 4)
#define V4_NARROW   24 /* prefix lengths in bits */
#define V4_WIDE     16
#define V6_NARROW   48
#define V6_WIDE     32
#define V4_BYTES_AT 12 /* of an IPv4 address in its IPv6 form */

/* --- names of prefixes ----------------------------------------------------------------------- */

/* The first bits of an address, and how many they are, hashed. */
static uint64_t hash_bits(const uint8_t key[BALLOT_KEY_BYTES], const uint8_t *address,
                          unsigned bits, uint64_t family)
{
    struct siphash state = siphash_begin(key);
    uint64_t word = 0;

    memcpy(&word, address, bits / 8);
    siphash_word(&state, word);
    return siphash_end(&state, (uint64_t)bits | family << 8, sizeof(word) + 2);
}

uint64_t ballot_prefix(const uint8_t key[BALLOT_KEY_BYTES], const struct ip_addr *client)
{
    const bool ipv4 = addr_is_v4(client);
    const uint8_t *address = client->bytes + (ipv4 ? V4_BYTES_AT : 0);
    const uint64_t narrow = hash_bits(key, address, ipv4 ? V4_NARROW : V6_NARROW, ipv4),
                   wide = hash_bits(key, address, ipv4 ? V4_WIDE : V6_WIDE, ipv4);

    /* The last bit of the wide half tells the families apart, whose shares differ. */
    return (narrow & ~WIDE_MASK) | (wide & WIDE_MASK & ~UINT64_C(1)) | ipv4;
}

static uint32_t wide_share(uint64_t prefix)
{
    return prefix & 1 ? BALLOT_WIDE_V4 : BALLOT_WIDE_V6;
}

static bool sampled(uint64_t prefix, uint8_t zeros)
{
    return zeros == 0 || prefix >> (64 - zeros) == 0;
}

/* --- rows ------------------------------------------------------------------------------------ */

void ballot_init(struct ballot *ballot)
{
    ballot->count = 0;
    ballot->zeros = 0;
}

_Static_assert(BALLOT_ZEROS_MAX == 64 - WIDE_BITS, "the wide network takes no part in the sample");

struct ballot_row *ballot_find(struct ballot *ballot, uint64_t prefix)
{
    for (uint16_t i = 0; i < ballot->count; i++)
        if (ballot->rows[i].prefix == prefix)
            return &ballot->rows[i];
    return NULL;
}

static bool expired(const struct ballot_row *row, uint32_t now_s)
{
    return row->last_s + BALLOT_KEPT_S < now_s;
}

/* Drops what is too old, and what a sample of fewer hashes leaves out. */
static void sweep(struct ballot *ballot, uint32_t now_s)
{
    uint16_t kept = 0;

    for (uint16_t i = 0; i < ballot->count; i++)
        if (!expired(&ballot->rows[i], now_s) && sampled(ballot->rows[i].prefix, ballot->zeros))
            ballot->rows[kept++] = ballot->rows[i];
    ballot->count = kept;
}

static uint32_t rows_of_wide(const struct ballot *ballot, uint64_t prefix)
{
    uint32_t rows = 0;

    for (uint16_t i = 0; i < ballot->count; i++)
        rows += ((ballot->rows[i].prefix ^ prefix) & WIDE_MASK) == 0;
    return rows;
}

static bool make_room(struct ballot *ballot, uint64_t prefix, uint32_t now_s)
{
    sweep(ballot, now_s);
    if (ballot->zeros > 0 && ballot->count < FEW_ROWS)
        ballot->zeros--; /* the crowd has become smaller */
    if (!sampled(prefix, ballot->zeros))
        return false;
    while (ballot->count == BALLOT_ROWS && ballot->zeros < BALLOT_ZEROS_MAX) {
        ballot->zeros++;
        sweep(ballot, now_s);
    }
    return ballot->count < BALLOT_ROWS && sampled(prefix, ballot->zeros) &&
           rows_of_wide(ballot, prefix) < wide_share(prefix);
}

struct ballot_row *ballot_serve(struct ballot *ballot, uint64_t prefix, uint32_t now_s)
{
    struct ballot_row *row = ballot_find(ballot, prefix);

    if (row && expired(row, now_s))
        *row = (struct ballot_row){.prefix = prefix, .first_s = now_s};
    if (!row && make_room(ballot, prefix, now_s)) {
        row = &ballot->rows[ballot->count++];
        *row = (struct ballot_row){.prefix = prefix, .first_s = now_s};
    }
    if (row && now_s > row->last_s)
        row->last_s = now_s;
    return row;
}

void ballot_clear(struct ballot *ballot, uint64_t votes)
{
    for (uint16_t i = 0; i < ballot->count; i++)
        ballot->rows[i].votes &= ~votes;
}

/* --- counting -------------------------------------------------------------------------------- */

bool ballot_senior(const struct ballot_row *row, const struct ballot_time *time)
{
    return time->since_s + BALLOT_SENIOR_S > time->now_s ||
           row->first_s + BALLOT_SENIOR_S <= time->now_s;
}

struct ballot_count ballot_count(const struct ballot *ballot, uint64_t votes,
                                 const struct ballot_time *time)
{
    struct ballot_count count = {0};

    for (uint16_t i = 0; i < ballot->count; i++) {
        const struct ballot_row *row = &ballot->rows[i];
        const bool is_for = (row->votes & votes) == votes;

        if (expired(row, time->now_s))
            continue;
        count.rows++;
        count.rows_for = (uint16_t)(count.rows_for + is_for);
        if (!ballot_senior(row, time))
            continue;
        count.seniors++;
        count.seniors_for = (uint16_t)(count.seniors_for + is_for);
    }
    return count;
}

uint32_t ballot_needed(const struct ballot_count *count)
{
    const uint32_t share = (count->seniors + BALLOT_SHARE - 1) / BALLOT_SHARE;

    return share > BALLOT_LEAST ? share : BALLOT_LEAST;
}

bool ballot_carries(const struct ballot_count *count)
{
    if (ballot_few(count))
        return count->rows > 0 && count->rows_for == count->rows;
    return count->seniors_for >= ballot_needed(count);
}

uint64_t ballot_minor(const struct ballot *ballot, const struct ballot_time *time)
{
    uint64_t once = 0, twice = 0;

    _Static_assert(BALLOT_MINOR == 2, "counted in two words");
    for (uint16_t i = 0; i < ballot->count; i++) {
        const struct ballot_row *row = &ballot->rows[i];

        if (expired(row, time->now_s) || !ballot_senior(row, time))
            continue;
        twice |= once & row->votes;
        once |= row->votes;
    }
    return twice & ((UINT64_C(1) << FORM_BITS) - 1);
}
