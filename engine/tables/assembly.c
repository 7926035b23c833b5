/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * assembly.c - see assembly.h.
 *
 * Slots are found through a chained hash index and stand in one list in the order of opening, which
 * is the order of expiry since every slot lives equally long. Index and links lie apart from the
 * slots, so that a slot's 4 KiB are touched only when it is used:
 *
 *      | pool | buckets: first slot of each chain | links: chain, older, newer | slots |
 *
 * Limit: time must not go backwards between two calls of assembly_open(), or expiry is late by as
 * much.
 */
#include "engine/tables/assembly.h"

#include <string.h>

#define NO_SLOT    UINT32_MAX
#define POOL_ALIGN 64u

struct assembly_link {
    uint32_t chain; /* next in the bucket, or next free one */
    uint32_t older, newer;
};

static size_t aligned(size_t bytes)
{
    return (bytes + POOL_ALIGN - 1) & ~(size_t)(POOL_ALIGN - 1);
}

static uint32_t buckets_for(uint32_t slots)
{
    uint32_t buckets = 1;

    while (buckets < slots && buckets < 1u << 31)
        buckets *= 2;
    return buckets;
}

static size_t links_at(uint32_t slots)
{
    return aligned(sizeof(struct assembly_pool)) + aligned(buckets_for(slots) * sizeof(uint32_t));
}

static size_t slots_at(uint32_t slots)
{
    return links_at(slots) + aligned(slots * sizeof(struct assembly_link));
}

size_t assembly_pool_bytes(uint32_t slots)
{
    return slots_at(slots) + aligned(slots * sizeof(struct assembly));
}

struct assembly_pool *assembly_pool_init(void *memory, uint32_t slots, const uint64_t seed[2])
{
    struct assembly_pool *pool = memory;
    uint8_t *base = memory;

    *pool = (struct assembly_pool){
        .seed = {seed[0], seed[1]},
        .slots_count = slots,
        .buckets_count = buckets_for(slots),
        .free = NO_SLOT,
        .oldest = NO_SLOT,
        .newest = NO_SLOT,
        .buckets = (void *)(base + aligned(sizeof(*pool))),
        .links = (void *)(base + links_at(slots)),
        .slots = (void *)(base + slots_at(slots)),
    };
    for (uint32_t i = 0; i < pool->buckets_count; i++)
        pool->buckets[i] = NO_SLOT;
    return pool;
}

static uint32_t *bucket_of(const struct assembly_pool *pool, const struct flow_key *key)
{
    return &pool->buckets[flow_key_hash(pool->seed, key) & (pool->buckets_count - 1)];
}

static uint32_t take_slot(struct assembly_pool *pool)
{
    uint32_t index = pool->free;

    if (index != NO_SLOT) {
        pool->free = pool->links[index].chain;
        return index;
    }
    return pool->untouched < pool->slots_count ? pool->untouched++ : NO_SLOT;
}

static void link_newest(struct assembly_pool *pool, uint32_t index, uint32_t *bucket)
{
    pool->links[index] =
        (struct assembly_link){.chain = *bucket, .older = pool->newest, .newer = NO_SLOT};
    *bucket = index;
    if (pool->newest != NO_SLOT)
        pool->links[pool->newest].newer = index;
    else
        pool->oldest = index;
    pool->newest = index;
    pool->count++;
}

struct assembly *assembly_open(struct assembly_pool *pool, const struct flow_key *key, uint32_t x,
                               uint32_t c, uint64_t now_us)
{
    uint32_t index = take_slot(pool);

    if (index == NO_SLOT)
        return NULL;
    link_newest(pool, index, bucket_of(pool, key));

    struct assembly *assembly = &pool->slots[index];
    memset(assembly, 0, offsetof(struct assembly, data));
    assembly->key = *key;
    assembly->x = x;
    assembly->c = c;
    assembly->used = true;
    assembly->until_us = now_us + ASSEMBLY_LIFE_US;
    return assembly;
}

struct assembly *assembly_find(struct assembly_pool *pool, const struct flow_key *key)
{
    if (pool->count == 0)
        return NULL;
    for (uint32_t i = *bucket_of(pool, key); i != NO_SLOT; i = pool->links[i].chain)
        if (flow_key_equal(&pool->slots[i].key, key))
            return &pool->slots[i];
    return NULL;
}

enum assembly_result assembly_add(struct assembly *assembly, uint32_t offset, const uint8_t *data,
                                  uint32_t bytes)
{
    if (offset > assembly->bytes)
        return ASSEMBLY_GAP;
    if (bytes == 0)
        return ASSEMBLY_UNCHANGED;

    uint32_t room = ASSEMBLY_BYTES - offset;
    uint32_t taken = bytes < room ? bytes : room;
    bool grows = offset + taken > assembly->bytes;
    bool differs = grows || memcmp(assembly->data + offset, data, taken) != 0;

    memcpy(assembly->data + offset, data, taken);
    if (grows)
        assembly->bytes = (uint16_t)(offset + taken);
    if (taken < bytes)
        return ASSEMBLY_FULL;
    return differs ? ASSEMBLY_GREW : ASSEMBLY_UNCHANGED;
}

static void unlink_slot(struct assembly_pool *pool, uint32_t index, uint32_t *bucket)
{
    struct assembly_link *link = &pool->links[index];
    uint32_t *at = bucket;

    while (*at != index)
        at = &pool->links[*at].chain;
    *at = link->chain;
    if (link->older != NO_SLOT)
        pool->links[link->older].newer = link->newer;
    else
        pool->oldest = link->newer;
    if (link->newer != NO_SLOT)
        pool->links[link->newer].older = link->older;
    else
        pool->newest = link->older;
    pool->count--;
}

void assembly_close(struct assembly_pool *pool, struct assembly *assembly)
{
    uint32_t index = (uint32_t)(assembly - pool->slots);

    if (!assembly->used)
        return;
    assembly->used = false;
    unlink_slot(pool, index, bucket_of(pool, &assembly->key));
    pool->links[index].chain = pool->free;
    pool->free = index;
}

void assembly_expire(struct assembly_pool *pool, uint64_t now_us)
{
    while (assembly_next(pool) <= now_us && pool->count > 0)
        assembly_close(pool, &pool->slots[pool->oldest]);
}

uint64_t assembly_next(const struct assembly_pool *pool)
{
    return pool->oldest != NO_SLOT ? pool->slots[pool->oldest].until_us : UINT64_MAX;
}
