/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * assembly.h - a bounded pool for requests that came in pieces too small to decide on (rule 1.3).
 *
 * A slot is keyed by the connection, holds x and c, is made only by data at x+1 under a good
 * cookie, takes up to ASSEMBLY_BYTES beyond it, in order, and lives ASSEMBLY_LIFE_US. Bytes are
 * never acknowledged to the client from here. Where bytes come again, the later ones win (odd
 * stacks send zeros where data is due, protocols.md pitfall 20). The pool is small and found by
 * hash; a full pool makes nothing: the caller then opens the server under its limits.
 */
#ifndef SYNWARD_ENGINE_TABLES_ASSEMBLY_H
#define SYNWARD_ENGINE_TABLES_ASSEMBLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/addr.h"

#define ASSEMBLY_BYTES   4096
#define ASSEMBLY_LIFE_US (10ull * 1000 * 1000)

struct assembly {
    struct flow_key key;
    uint32_t x, c;
    uint32_t promise_generation;
    uint16_t bytes; /* contiguous from x+1 */
    bool fin;       /* the client's FIN follows the last byte */
    bool used;
    uint64_t until_us;
    uint8_t data[ASSEMBLY_BYTES];
};

enum assembly_result {
    ASSEMBLY_GREW,      /* something new, or bytes that differ from those before */
    ASSEMBLY_UNCHANGED, /* the same bytes once more */
    ASSEMBLY_GAP,       /* does not join on; ignored */
    ASSEMBLY_FULL,      /* beyond ASSEMBLY_BYTES */
};

struct assembly_link;

/* For assembly.c, and for assembly_count(), which every ACK of a flood asks. */
struct assembly_pool {
    uint64_t seed[2];
    uint32_t slots_count;
    uint32_t buckets_count; /* power of two */
    uint32_t count;
    uint32_t free;      /* first of those that were closed, by chain */
    uint32_t untouched; /* slots from here on were never used */
    uint32_t oldest, newest;
    uint32_t *buckets;
    struct assembly_link *links;
    struct assembly *slots;
};

size_t assembly_pool_bytes(uint32_t slots);
struct assembly_pool *assembly_pool_init(void *memory, uint32_t slots, const uint64_t seed[2]);
/* A new empty slot for a connection that has none; NULL where the pool is full. */
struct assembly *assembly_open(struct assembly_pool *pool, const struct flow_key *key, uint32_t x,
                               uint32_t c, uint64_t now_us);
struct assembly *assembly_find(struct assembly_pool *pool, const struct flow_key *key);
/* Adds bytes that begin `offset` bytes after x+1. */
enum assembly_result assembly_add(struct assembly *assembly, uint32_t offset, const uint8_t *data,
                                  uint32_t bytes);
void assembly_close(struct assembly_pool *pool, struct assembly *assembly);
/* Closes slots whose life is over; cheap when none is. */
void assembly_expire(struct assembly_pool *pool, uint64_t now_us);
uint64_t assembly_next(const struct assembly_pool *pool);
static inline uint32_t assembly_count(const struct assembly_pool *pool)
{
    return pool->count;
}

#endif
