/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slot_shares.h - who holds how much of the slots of slots.h: counted for each source and each
 * prefix that holds any.
 *
 * A source is an IPv4 address or IPv6 /64, a prefix an IPv4 /24 or IPv6 /48; the VLAN IDs belong to
 * both. A share exists as long as somebody refers to it: a slot, or a connection of the class long
 * that its server has not answered yet. Shares are found through a chained hash index by a keyed
 * hash of 64 bits; two that collide are taken for one, which nobody can bring about without the
 * key.
 *
 * Prefixes are ranked by their unpromised slots: those with equally many stand in one list, and a
 * share moves by one list at a time, so that the largest is found without a search; of equals the
 * one that has been so for longest.
 */
#ifndef SYNWARD_ENGINE_TABLES_SLOT_SHARES_H
#define SYNWARD_ENGINE_TABLES_SLOT_SHARES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/addr.h"

#define SHARE_NONE UINT32_MAX

struct slot_share {
    uint64_t hash;
    uint32_t next;       /* in the chain of its bucket, or of freed ones */
    uint32_t references; /* who counts on it; 0: free */
    uint32_t chunks;
    uint16_t slots;
    uint16_t unanswered;             /* connections of the class long */
    uint32_t oldest, newest;         /* unpromised slots, in the order of their making */
    uint32_t unpromised;             /* how many */
    uint32_t rank_older, rank_newer; /* prefixes with equally many */
};

/* Prefixes with equally many unpromised slots: first and last share + 1; 0: none. */
struct slot_rank {
    uint32_t oldest, newest;
};

struct slot_shares {
    uint64_t seed[2];
    struct slot_share *shares;
    uint32_t *buckets;       /* index + 1; 0: empty */
    struct slot_rank *ranks; /* by number of unpromised slots */
    uint32_t capacity, buckets_count, ranks_count;
    uint32_t untouched, free_head;
    uint32_t largest; /* no prefix has more unpromised slots */
};

/* For `capacity` shares, of which a prefix may have `unpromised_max` slots. */
size_t slot_shares_bytes(uint32_t capacity, uint32_t unpromised_max);
/* `memory`: zeroed, 64-aligned. */
void slot_shares_init(struct slot_shares *shares, void *memory, uint32_t capacity,
                      uint32_t unpromised_max, const uint64_t seed[2]);

/* The hashes of a client's source and of its prefix. */
uint64_t slot_share_source(const struct slot_shares *shares, const struct flow_key *key);
uint64_t slot_share_prefix(const struct slot_shares *shares, const struct flow_key *key);

/* NULL: it holds nothing. */
struct slot_share *slot_share_find(const struct slot_shares *shares, uint64_t hash);
/* Found or made, with one reference more; SHARE_NONE: no room. */
uint32_t slot_share_refer(struct slot_shares *shares, uint64_t hash);
void slot_share_release(struct slot_shares *shares, uint32_t index);

/* One unpromised slot more (1) or less (-1) of a prefix: moves it to its rank. */
void slot_share_rank(struct slot_shares *shares, uint32_t index, int change);
/* The prefix with the most unpromised slots; NULL: nobody has any. */
struct slot_share *slot_share_largest(struct slot_shares *shares);

#endif
