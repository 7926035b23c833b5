/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * token_bucket.h - token buckets, one by one and in a fixed table by source.
 *
 * The table is set-associative (4 ways): a source that finds no bucket of its own takes the one
 * that was used longest ago. So memory is fixed, and a flood of sources can at worst give back
 * tokens to others, never take them. Sources are told apart by IPv4 address or IPv6 /64.
 */
#ifndef SYNWARD_ENGINE_BASE_TOKEN_BUCKET_H
#define SYNWARD_ENGINE_BASE_TOKEN_BUCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/addr.h"

/*
 * All zero is a full bucket. Time is kept in 1/4096 us: 64 bits last 142 years, and a rate is met
 * within 0.02 % up to 1,000,000 a second (one token's time is rounded to the nearest 1/4096 us;
 * coarser above).
 */
struct token_bucket {
    uint64_t full_at; /* when it will be full again, in 1/4096 us; <= now: it is full */
};

/*
 * Takes one token from a bucket of `burst` tokens refilled at `per_second`. False: none left.
 * per_second, burst >= 1.
 */
bool token_take(struct token_bucket *bucket, uint32_t per_second, uint32_t burst, uint64_t now_us);

/* When one is there next, if nobody takes it before. */
uint64_t token_next_us(const struct token_bucket *bucket, uint32_t per_second, uint32_t burst);

/* The part of an address that counts as one source: IPv4 address, or IPv6 /64 with the rest zero.
 */
struct ip_addr source_prefix(const struct ip_addr *addr);

struct source_bucket {
    uint64_t tag; /* keyed hash of (prefix, scope); 0: free */
    uint64_t used_us;
    struct token_bucket bucket;
};

struct source_limiter {
    struct source_bucket *slots;
    uint32_t count; /* power of two, >= 4 */
    uint64_t seed[2];
};

/* `slots` is zeroed memory of the caller's. */
void source_limiter_init(struct source_limiter *limiter, struct source_bucket *slots,
                         uint32_t count, const uint64_t seed[2]);
/*
 * One token of the bucket of (addr's prefix, scope); the scope tells buckets for different purposes
 * or servers apart.
 */
bool source_limiter_take(struct source_limiter *limiter, const struct ip_addr *addr, uint32_t scope,
                         uint32_t per_second, uint32_t burst, uint64_t now_us);
/* In a scope of its own, in place of tokens: addr's prefix is noted until then; not later than now:
 * it is none any more. Asking takes no place. */
void source_limiter_note(struct source_limiter *limiter, const struct ip_addr *addr, uint32_t scope,
                         uint64_t until_us, uint64_t now_us);
bool source_limiter_is_noted(struct source_limiter *limiter, const struct ip_addr *addr,
                             uint32_t scope, uint64_t now_us);

#endif
