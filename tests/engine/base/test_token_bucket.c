/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/base/token_bucket.c: rates and bursts against a naive bucket, and the table by
 * source. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "engine/base/token_bucket.h"
#include "tests/engine/random.h"

#define SECOND_US 1000000ull

static const uint64_t seed[2] = {0x0123456789abcdefull, 0xfedcba9876543210ull};

static uint32_t take_all(struct token_bucket *bucket, uint32_t per_second, uint32_t burst,
                         uint64_t now_us)
{
    uint32_t taken = 0;

    while (taken < 1000000 && token_take(bucket, per_second, burst, now_us))
        taken++;
    return taken;
}

Test(limiter, zero_is_full_at_any_time)
{
    const uint64_t times[] = {0, 1, SECOND_US, 400ull * 24 * 3600 * SECOND_US};

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        struct token_bucket bucket = {0};
        cr_assert_eq(take_all(&bucket, 10, 25, times[i]), 25);
    }
}

Test(limiter, refills_one_by_one)
{
    struct token_bucket bucket = {0};

    cr_assert_eq(take_all(&bucket, 10, 3, 0), 3);
    cr_assert_not(token_take(&bucket, 10, 3, 99999));
    cr_assert(token_take(&bucket, 10, 3, 100000));
    cr_assert_not(token_take(&bucket, 10, 3, 100000));
    cr_assert_eq(take_all(&bucket, 10, 3, 3 * SECOND_US), 3, "never above its burst");
}

Test(limiter, says_when_one_is_there_next)
{
    const uint32_t rates[] = {1, 3, 10, 100, 4097, 1000000};

    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
        for (uint32_t burst = 1; burst < 9; burst++) {
            const uint64_t now_us = 7 * SECOND_US + burst;
            struct token_bucket bucket = {0};
            uint64_t next_us;

            cr_assert_leq(token_next_us(&bucket, rates[i], burst), now_us, "a full one");
            take_all(&bucket, rates[i], burst, now_us);
            next_us = token_next_us(&bucket, rates[i], burst);
            cr_assert_gt(next_us, now_us);
            cr_assert_not(token_take(&bucket, rates[i], burst, next_us - 1));
            cr_assert(token_take(&bucket, rates[i], burst, next_us));
        }
}

Test(limiter, refusals_cost_nothing)
{
    struct token_bucket bucket = {0};

    cr_assert_eq(take_all(&bucket, 1, 1, 0), 1);
    for (uint64_t now_us = 0; now_us < SECOND_US; now_us += 1000)
        cr_assert_not(token_take(&bucket, 1, 1, now_us));
    cr_assert(token_take(&bucket, 1, 1, SECOND_US));
}

/* Asked every microsecond, each rate is met within the 0.02 % that token_bucket.h states. */
Test(limiter, rates_are_met)
{
    const uint32_t rates[] = {1, 3, 7, 1000, 4096, 99999, 333333, 700001, 999757, 999999, 1000000};

    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        struct token_bucket bucket = {0};
        uint32_t taken = 0;
        for (uint64_t now_us = 0; now_us < 3 * SECOND_US; now_us++)
            taken += token_take(&bucket, rates[i], 2, now_us);
        double wanted = 3.0 * rates[i] + 2;
        cr_assert_leq(fabs(taken - wanted), 3 + wanted * 0.0002, "%u a second: %u", rates[i],
                      taken);
    }
}

Test(limiter, extremes_stay_defined)
{
    struct token_bucket bucket = {0};

    cr_assert(token_take(&bucket, 1, UINT32_MAX, 1ull << 50));
    cr_assert(token_take(&bucket, UINT32_MAX, UINT32_MAX, 1ull << 50));
    bucket.full_at = UINT64_MAX;
    cr_assert_not(token_take(&bucket, 1, 1, 5), "emptier than empty is empty");
    cr_assert(token_take(&bucket, 1, 1, 5 + SECOND_US), "and not for ever");
    cr_assert_not(token_take(&bucket, 0, 1, 5 + SECOND_US));
    bucket.full_at = UINT64_MAX;
    cr_assert_not(token_take(&bucket, 1, UINT32_MAX, 1ull << 50), "no sum wraps");
}

Test(limiter, raised_limit_counts_at_once)
{
    struct token_bucket bucket = {0};

    cr_assert_eq(take_all(&bucket, 1, 1000, 0), 1000);
    cr_assert_not(token_take(&bucket, 1000, 1, 0));
    cr_assert(token_take(&bucket, 1000, 1, 1000));
}

Test(limiter, random_against_naive_bucket)
{
    struct random random = random_begin("limiter");

    for (uint32_t round = 0; round < 200; round++) {
        /* Rates whose token is a whole number of microseconds: the naive bucket is then exact. */
        const uint32_t rates[] = {1, 10, 125, 1000, 50000, 1000000};
        uint32_t rate = rates[random_below(&random, 6)];
        uint32_t burst = 1 + random_below(&random, 50);
        uint64_t token_us = SECOND_US / rate, now_us = random_below(&random, 1000000);
        uint64_t credit_us = burst * token_us;
        struct token_bucket bucket = {0};

        for (uint32_t step = 0; step < 1000; step++) {
            uint64_t passed_us =
                random_next(&random) % (1 + 2 * token_us) * (random_below(&random, 4) == 0);
            now_us += passed_us;
            credit_us =
                credit_us + passed_us < burst * token_us ? credit_us + passed_us : burst * token_us;
            bool expected = credit_us >= token_us;
            cr_assert_eq(token_take(&bucket, rate, burst, now_us), expected, "round %u step %u",
                         round, step);
            credit_us -= expected ? token_us : 0;
        }
    }
}

static struct ip_addr v4(uint32_t number)
{
    uint8_t bytes[4] = {10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};

    return addr_from_v4(bytes);
}

static struct ip_addr v6(uint8_t subnet, uint8_t host)
{
    uint8_t bytes[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, subnet, 1, 2, 3, 4, 5, 6, 7, host};

    return addr_from_v6(bytes);
}

Test(limiter, prefixes)
{
    struct ip_addr one = v4(1), two = v4(2), host = v6(1, 1);
    struct ip_addr a = source_prefix(&one), b = source_prefix(&two), prefix = source_prefix(&host);
    uint8_t zeros[8] = {0};

    cr_assert_eq(memcmp(&a, &one, sizeof(a)), 0, "an IPv4 address is its own source");
    cr_assert_neq(memcmp(&a, &b, sizeof(a)), 0);
    cr_assert_eq(memcmp(prefix.bytes, host.bytes, 8), 0);
    cr_assert_eq(memcmp(prefix.bytes + 8, zeros, 8), 0);
}

static uint32_t take_source(struct source_limiter *limiter, struct ip_addr addr, uint32_t scope,
                            uint64_t now_us)
{
    uint32_t taken = 0;

    while (taken < 100 && source_limiter_take(limiter, &addr, scope, 10, 5, now_us))
        taken++;
    return taken;
}

Test(limiter, sources_and_scopes_have_their_own)
{
    struct source_bucket slots[64] = {0};
    struct source_limiter limiter;

    source_limiter_init(&limiter, slots, 64, seed);
    cr_assert_eq(take_source(&limiter, v4(1), 0, 1000), 5);
    cr_assert_eq(take_source(&limiter, v4(1), 0, 1000), 0);
    cr_assert_eq(take_source(&limiter, v4(1), 1, 1000), 5, "another scope");
    cr_assert_eq(take_source(&limiter, v4(2), 0, 1000), 5, "another source");
    cr_assert_eq(take_source(&limiter, v6(1, 1), 0, 1000), 5);
    cr_assert_eq(take_source(&limiter, v6(1, 2), 0, 1000), 0, "one /64 is one source");
    cr_assert_eq(take_source(&limiter, v6(2, 1), 0, 1000), 5);
    cr_assert_eq(take_source(&limiter, v4(1), 0, 1000 + SECOND_US / 10), 1);
}

/* In a set of four who is asked about keeps what is noted of him. */
Test(limiter, who_is_noted_is_so_until_then)
{
    struct source_bucket slots[4] = {0};
    struct source_limiter limiter;
    const struct ip_addr noted = v4(1), other = v4(2);

    source_limiter_init(&limiter, slots, 4, seed);
    cr_assert_not(source_limiter_is_noted(&limiter, &noted, 7, 1000));
    source_limiter_note(&limiter, &noted, 7, 1000 + 60 * SECOND_US, 1000);
    cr_assert(source_limiter_is_noted(&limiter, &noted, 7, 1001));
    cr_assert_not(source_limiter_is_noted(&limiter, &noted, 8, 1001), "another scope");
    cr_assert_not(source_limiter_is_noted(&limiter, &other, 7, 1001), "another source");
    for (uint32_t i = 0; i < 100; i++) {
        cr_assert(source_limiter_is_noted(&limiter, &noted, 7, 2000 + 2 * i));
        take_source(&limiter, v4(10 + i), 0, 2001 + 2 * i);
    }
    cr_assert_not(source_limiter_is_noted(&limiter, &noted, 7, 1000 + 60 * SECOND_US));
}

/* With one set of four, the fifth source takes over the bucket of the one that was quiet the
 * longest. */
Test(limiter, full_set_replaces_the_least_recent)
{
    struct source_bucket slots[4] = {0};
    struct source_limiter limiter;

    source_limiter_init(&limiter, slots, 4, seed);
    for (uint32_t i = 0; i < 4; i++)
        cr_assert_eq(take_source(&limiter, v4(i), 0, 1000 + i), 5);
    cr_assert_eq(take_source(&limiter, v4(0), 0, 1010), 0);
    cr_assert_eq(take_source(&limiter, v4(9), 0, 1011), 5, "takes that of source 1");
    cr_assert_eq(take_source(&limiter, v4(0), 0, 1012), 0);
    cr_assert_eq(take_source(&limiter, v4(2), 0, 1013), 0);
    cr_assert_eq(take_source(&limiter, v4(3), 0, 1014), 0);
    cr_assert_eq(take_source(&limiter, v4(1), 0, 1015), 5, "forgotten, so full again");
}

Test(limiter, flood_of_sources_takes_nothing_from_others)
{
    struct source_bucket slots[256] = {0};
    struct source_limiter limiter;

    source_limiter_init(&limiter, slots, 256, seed);
    for (uint32_t i = 0; i < 100000; i++) {
        struct ip_addr flood = v4(i + 1000), other = v4(1);
        source_limiter_take(&limiter, &flood, 0, 10, 5, i);
        if (i % 1000 == 0)
            cr_assert(source_limiter_take(&limiter, &other, 0, 1000, 5, i));
    }
}
