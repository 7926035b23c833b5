/* SPDX-License-Identifier: GPL-2.0-or-later */
/* slot_shares.c - see slot_shares.h. */
#include "engine/tables/slot_shares.h"

#include <string.h>

#include "engine/base/bytes.h"

#define PREFIX_V4_BITS 24
#define PREFIX_V6_BITS 48
#define SOURCE_V4_BITS 32
#define SOURCE_V6_BITS 64

static uint32_t power_from(uint32_t count)
{
    uint32_t power = 1;

    while (power < count && power < 1u << 31)
        power *= 2;
    return power;
}

size_t slot_shares_bytes(uint32_t capacity, uint32_t unpromised_max)
{
    return align64((size_t)capacity * sizeof(struct slot_share)) +
           align64(power_from(capacity) * sizeof(uint32_t)) +
           align64((unpromised_max + 1) * sizeof(struct slot_rank));
}

void slot_shares_init(struct slot_shares *shares, void *memory, uint32_t capacity,
                      uint32_t unpromised_max, const uint64_t seed[2])
{
    uint8_t *at = memory;

    *shares = (struct slot_shares){
        .seed = {seed[0], seed[1]},
        .capacity = capacity,
        .buckets_count = power_from(capacity),
        .ranks_count = unpromised_max + 1,
        .free_head = SHARE_NONE,
        .shares = (void *)at,
    };
    at += align64((size_t)capacity * sizeof(struct slot_share));
    shares->buckets = (void *)at;
    at += align64(shares->buckets_count * sizeof(uint32_t));
    shares->ranks = (void *)at;
}

/* --- hashes ---------------------------------------------------------------------------------- */

/* Of the address's first bits, as many as its family has of a source or a prefix, and the VLAN IDs.
 */
static uint64_t hash_of(const struct slot_shares *shares, const struct flow_key *key, bool prefix)
{
    uint32_t v4 = prefix ? PREFIX_V4_BITS : SOURCE_V4_BITS;
    uint32_t v6 = prefix ? PREFIX_V6_BITS : SOURCE_V6_BITS;
    uint32_t bytes = addr_is_v4(&key->client) ? 12 + v4 / 8 : v6 / 8;
    struct ip_addr masked = {{0}};
    uint32_t vlan;

    memcpy(masked.bytes, key->client.bytes, bytes);
    memcpy(&vlan, &key->vlan, sizeof(vlan));
    return hash_with(hash_with(addr_hash(shares->seed, &masked), vlan), bytes);
}

uint64_t slot_share_source(const struct slot_shares *shares, const struct flow_key *key)
{
    return hash_of(shares, key, false);
}

uint64_t slot_share_prefix(const struct slot_shares *shares, const struct flow_key *key)
{
    return hash_of(shares, key, true);
}

/* --- index ----------------------------------------------------------------------------------- */

static uint32_t *bucket_of(const struct slot_shares *shares, uint64_t hash)
{
    return &shares->buckets[hash & (shares->buckets_count - 1)];
}

struct slot_share *slot_share_find(const struct slot_shares *shares, uint64_t hash)
{
    uint32_t at = *bucket_of(shares, hash);

    while (at && shares->shares[at - 1].hash != hash)
        at = shares->shares[at - 1].next;
    return at ? &shares->shares[at - 1] : NULL;
}

static uint32_t take_share(struct slot_shares *shares)
{
    uint32_t index = shares->free_head;

    if (index != SHARE_NONE) {
        shares->free_head = shares->shares[index].next;
        return index;
    }
    return shares->untouched < shares->capacity ? shares->untouched++ : SHARE_NONE;
}

uint32_t slot_share_refer(struct slot_shares *shares, uint64_t hash)
{
    struct slot_share *share = slot_share_find(shares, hash);
    uint32_t *bucket = bucket_of(shares, hash);
    uint32_t index;

    if (share) {
        share->references++;
        return (uint32_t)(share - shares->shares);
    }
    index = take_share(shares);
    if (index == SHARE_NONE)
        return SHARE_NONE;
    shares->shares[index] = (struct slot_share){
        .hash = hash,
        .next = *bucket,
        .references = 1,
        .oldest = SHARE_NONE,
        .newest = SHARE_NONE,
    };
    *bucket = index + 1;
    return index;
}

void slot_share_release(struct slot_shares *shares, uint32_t index)
{
    struct slot_share *share = &shares->shares[index];
    uint32_t *at = bucket_of(shares, share->hash);

    if (--share->references > 0)
        return;
    while (*at != index + 1)
        at = &shares->shares[*at - 1].next;
    *at = share->next;
    share->next = shares->free_head;
    shares->free_head = index;
}

/* --- ranks ----------------------------------------------------------------------------------- */

static void rank_leave(struct slot_shares *shares, uint32_t index)
{
    struct slot_share *share = &shares->shares[index];
    struct slot_rank *rank = &shares->ranks[share->unpromised];

    if (share->rank_older != SHARE_NONE)
        shares->shares[share->rank_older].rank_newer = share->rank_newer;
    else
        rank->oldest = share->rank_newer + 1; /* SHARE_NONE + 1 is 0 */
    if (share->rank_newer != SHARE_NONE)
        shares->shares[share->rank_newer].rank_older = share->rank_older;
    else
        rank->newest = share->rank_older + 1;
}

static void rank_enter(struct slot_shares *shares, uint32_t index)
{
    struct slot_share *share = &shares->shares[index];
    struct slot_rank *rank = &shares->ranks[share->unpromised];

    share->rank_older = rank->newest - 1;
    share->rank_newer = SHARE_NONE;
    if (rank->newest)
        shares->shares[rank->newest - 1].rank_newer = index;
    else
        rank->oldest = index + 1;
    rank->newest = index + 1;
}

void slot_share_rank(struct slot_shares *shares, uint32_t index, int change)
{
    struct slot_share *share = &shares->shares[index];

    if (share->unpromised > 0)
        rank_leave(shares, index);
    share->unpromised = (uint32_t)((int)share->unpromised + change);
    if (share->unpromised > 0)
        rank_enter(shares, index);
    if (share->unpromised > shares->largest)
        shares->largest = share->unpromised;
}

/* What ranks have lost is noticed here: each step down was paid for by a step up. */
struct slot_share *slot_share_largest(struct slot_shares *shares)
{
    while (shares->largest > 0 && !shares->ranks[shares->largest].oldest)
        shares->largest--;
    return shares->largest > 0 ? &shares->shares[shares->ranks[shares->largest].oldest - 1] : NULL;
}
