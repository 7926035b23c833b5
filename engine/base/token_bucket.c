/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * token_bucket.c - see token_bucket.h.
 *
 * A bucket is one point in time (the virtual scheduling form of GCRA, ITU-T I.371): when it will be
 * full again. A token taken moves that point on by one token's time; no token is left when it lies
 * more than (burst - 1) tokens' time ahead. There is nothing to refill, and all zero is full.
 *
 * The table keeps a 64-bit keyed hash for the source, not the source: two sources with one hash
 * would share a bucket, which at 16,384 slots is not worth comparing addresses for.
 */
#include "engine/base/token_bucket.h"

#include <string.h>

#define TICKS_PER_US     4096ull
#define TICKS_PER_SECOND (1000000ull * TICKS_PER_US)
#define DEPTH_MAX        (1ull << 62) /* keeps sums of times below 2^64 */
#define LIMITER_WAYS     4u

static uint64_t ticks_of_token(uint32_t per_second)
{
    const uint64_t rate = per_second != 0 ? per_second : 1;

    return (TICKS_PER_SECOND + rate / 2) / rate;
}

/* Fits: 2^32 tokens of at most 2^32 ticks. */
static uint64_t depth_of(uint64_t token, uint32_t burst)
{
    const uint64_t depth = burst * token;

    return depth > DEPTH_MAX ? DEPTH_MAX : depth;
}

bool token_take(struct token_bucket *bucket, uint32_t per_second, uint32_t burst, uint64_t now_us)
{
    const uint64_t token = ticks_of_token(per_second), depth = depth_of(token, burst);
    const uint64_t now = now_us * TICKS_PER_US;

    if (bucket->full_at < now)
        bucket->full_at = now;
    /* Emptier than empty: the limit was raised since. Without this it would wait at the old rate.
     */
    if (bucket->full_at - now > depth)
        bucket->full_at = now + depth;
    if (depth - (bucket->full_at - now) < token)
        return false;
    bucket->full_at += token;
    return true;
}

uint64_t token_next_us(const struct token_bucket *bucket, uint32_t per_second, uint32_t burst)
{
    const uint64_t token = ticks_of_token(per_second), depth = depth_of(token, burst);
    const uint64_t at = bucket->full_at + token;

    return at <= depth ? 0 : (at - depth + TICKS_PER_US - 1) / TICKS_PER_US;
}

struct ip_addr source_prefix(const struct ip_addr *addr)
{
    struct ip_addr prefix = *addr;

    if (!addr_is_v4(addr))
        memset(prefix.bytes + 8, 0, 8);
    return prefix;
}

void source_limiter_init(struct source_limiter *limiter, struct source_bucket *slots,
                         uint32_t count, const uint64_t seed[2])
{
    *limiter = (struct source_limiter){.slots = slots, .count = count, .seed = {seed[0], seed[1]}};
}

static uint64_t source_tag(const struct source_limiter *limiter, const struct ip_addr *addr,
                           uint32_t scope)
{
    struct {
        struct ip_addr prefix;
        uint32_t scope;
    } source = {source_prefix(addr), scope};
    _Static_assert(sizeof(source) == 20, "no padding: it is hashed as bytes");
    uint64_t tag = table_hash(limiter->seed, &source, sizeof(source));

    return tag != 0 ? tag : 1;
}

/* NULL: it has none. */
static struct source_bucket *find_bucket(const struct source_limiter *limiter, uint64_t tag)
{
    struct source_bucket *set =
        &limiter->slots[(tag & (limiter->count / LIMITER_WAYS - 1)) * LIMITER_WAYS];

    for (uint32_t i = 0; i < LIMITER_WAYS; i++)
        if (set[i].tag == tag)
            return &set[i];
    return NULL;
}

/* The bucket of `tag`; where it has none, a free one of its set or the one used longest ago, made
 * full. */
static struct source_bucket *source_bucket(const struct source_limiter *limiter, uint64_t tag)
{
    uint32_t sets = limiter->count / LIMITER_WAYS;
    struct source_bucket *set = &limiter->slots[(tag & (sets - 1)) * LIMITER_WAYS];
    struct source_bucket *oldest = set;

    for (uint32_t i = 0; i < LIMITER_WAYS; i++) {
        bool older;

        if (set[i].tag == tag)
            return &set[i];
        older = set[i].tag == 0 || set[i].used_us < oldest->used_us;
        if (oldest->tag != 0 && older)
            oldest = &set[i];
    }
    *oldest = (struct source_bucket){.tag = tag};
    return oldest;
}

bool source_limiter_take(struct source_limiter *limiter, const struct ip_addr *addr, uint32_t scope,
                         uint32_t per_second, uint32_t burst, uint64_t now_us)
{
    struct source_bucket *slot = source_bucket(limiter, source_tag(limiter, addr, scope));

    slot->used_us = now_us;
    return token_take(&slot->bucket, per_second, burst, now_us);
}

bool source_limiter_is_noted(struct source_limiter *limiter, const struct ip_addr *addr,
                             uint32_t scope, uint64_t now_us)
{
    struct source_bucket *slot = find_bucket(limiter, source_tag(limiter, addr, scope));

    if (!slot)
        return false;
    slot->used_us = now_us;
    return slot->bucket.full_at > now_us * TICKS_PER_US;
}

void source_limiter_note(struct source_limiter *limiter, const struct ip_addr *addr, uint32_t scope,
                         uint64_t until_us, uint64_t now_us)
{
    const uint64_t tag = source_tag(limiter, addr, scope);
    struct source_bucket *slot =
        until_us > now_us ? source_bucket(limiter, tag) : find_bucket(limiter, tag);

    if (!slot)
        return;
    slot->used_us = now_us;
    slot->bucket.full_at = until_us * TICKS_PER_US;
}
