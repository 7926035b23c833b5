/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_cookie.c - cookies say what was put into them, for their time, for their connection and for
 * no other. */
#include <criterion/criterion.h>

#include <string.h>

#include "engine/base/bytes.h"
#include "engine/tcp/cookie.h"
#include "engine/tcp/options.h"
#include "tests/engine/random.h"
#include "tests/engine/support_frames.h"

static const struct cookie_keys keys = {.mac = "a secret of 16b", .tsval = {11, 22}};
static const struct cookie_options plain = {.mss = 1460, .window_scale = 7, .sack = true};

static bool passes(const struct flow_key *key, uint32_t x, uint32_t generation, uint32_t c,
                   uint64_t now_us)
{
    struct cookie_options options;

    return cookie_check(&keys, key, x, generation, c, now_us, &options);
}

Test(cookie, options_come_back)
{
    static const uint8_t scales[] = {0, 1, 7, 14, WSCALE_NONE, 200};
    static const uint16_t sizes[][2] = {{1460, 1460}, {9000, 1460}, {1459, 1300}, {1300, 1300},
                                        {1299, 536},  {536, 536},   {535, 216},   {100, 216}};
    struct flow_key key = flow_of("192.0.2.7:1000", "192.0.2.1:80");
    struct cookie_options options;

    for (size_t s = 0; s < sizeof(scales); s++) {
        for (size_t m = 0; m < sizeof(sizes) / sizeof(sizes[0]); m++) {
            struct cookie_options in = {
                .mss = sizes[m][0], .window_scale = scales[s], .sack = m % 2 == 0, .ecn = true};
            uint32_t c = cookie_make(&keys, &key, 77, 3, &in, 1000);

            cr_assert(cookie_check(&keys, &key, 77, 3, c, 1000, &options));
            cr_assert_eq(options.mss, sizes[m][1]);
            cr_assert_eq(options.window_scale, scales[s] > 14 ? WSCALE_NONE : scales[s]);
            cr_assert_eq(options.sack, m % 2 == 0);
            cr_assert_not(options.ecn, "only a TSval carries ECN");
        }
    }
}

Test(cookie, v6_has_its_own_table)
{
    struct flow_key key = flow_of("[2001:db8::7]:1000", "[2001:db8::1]:80");
    struct cookie_options in = {.mss = 1432, .window_scale = 2}, options;
    uint32_t c = cookie_make(&keys, &key, 1, 1, &in, 0);

    cr_assert(cookie_check(&keys, &key, 1, 1, c, 0, &options));
    cr_assert_eq(options.mss, 1360);
}

Test(cookie, lives_four_to_eight_minutes)
{
    struct flow_key key = flow_of("192.0.2.7:1000", "192.0.2.1:80");
    struct random random = random_begin("cookie/lives");

    for (unsigned round = 0; round < 2000; round++) {
        uint64_t made_us = random_next(&random) % (100 * COOKIE_EPOCH_US);
        uint64_t end_us = (made_us / COOKIE_EPOCH_US + 2) * COOKIE_EPOCH_US;
        uint32_t x = (uint32_t)random_next(&random),
                 c = cookie_make(&keys, &key, x, 9, &plain, made_us);

        cr_assert_eq(c >> 31, made_us / COOKIE_EPOCH_US & 1);
        cr_assert(passes(&key, x, 9, c, made_us));
        cr_assert(passes(&key, x, 9, c, made_us + COOKIE_EPOCH_US));
        cr_assert(passes(&key, x, 9, c, end_us - 1));
        cr_assert_not(passes(&key, x, 9, c, end_us));
        cr_assert_not(passes(&key, x, 9, c, end_us + COOKIE_EPOCH_US));
    }
}

Test(cookie, same_within_an_epoch)
{
    struct flow_key key = flow_of("192.0.2.7:1000", "192.0.2.1:80");

    cr_assert_eq(cookie_make(&keys, &key, 5, 1, &plain, 0),
                 cookie_make(&keys, &key, 5, 1, &plain, COOKIE_EPOCH_US - 1));
    cr_assert_neq(cookie_make(&keys, &key, 5, 1, &plain, 0),
                  cookie_make(&keys, &key, 5, 1, &plain, COOKIE_EPOCH_US));
}

Test(cookie, first_epoch_has_none_before_it)
{
    struct flow_key key = flow_of("192.0.2.7:1000", "192.0.2.1:80");
    uint32_t c = cookie_make(&keys, &key, 5, 1, &plain, 0);

    cr_assert_not(passes(&key, 5, 1, c | 0x80000000u, 0));
}

Test(cookie, belongs_to_one_connection_client_isn_generation_and_key)
{
    struct flow_key key = flow_of("192.0.2.7:1000", "192.0.2.1:80");
    struct cookie_keys other = keys;
    struct cookie_options options;
    uint32_t c = cookie_make(&keys, &key, 77, 3, &plain, 0);

    for (size_t i = 0; i < sizeof(key); i++) {
        struct flow_key changed = key;

        ((uint8_t *)&changed)[i] ^= 1;
        cr_assert_not(passes(&changed, 77, 3, c, 0), "byte %zu of the key counts", i);
    }
    for (unsigned bit = 0; bit < 32; bit++) {
        cr_assert_not(passes(&key, 77 ^ 1u << bit, 3, c, 0));
        cr_assert_not(passes(&key, 77, 3 ^ 1u << bit, c, 0));
    }
    for (unsigned bit = 0; bit < 24; bit++)
        cr_assert_not(passes(&key, 77, 3, c ^ 1u << bit, 0));
    other.mac[15] ^= 1;
    cr_assert_not(cookie_check(&other, &key, 77, 3, c, 0, &options));
}

/* What is kept of one server is asked in turn for other generations and epochs, and must never
 * answer for the one before. */
Test(cookie, kept_keys_make_and_accept_the_same)
{
    struct random random = random_begin("cookie/kept");
    struct cookie_kept kept[2] = {0};
    uint32_t generation = 1;
    uint64_t now_us = 0;

    for (unsigned round = 0; round < 20000; round++) {
        struct flow_key key = round & 1 ? flow_of("[2001:db8::7]:1000", "[2001:db8::1]:80")
                                        : flow_of("192.0.2.7:1000", "192.0.2.1:80");
        uint32_t x = (uint32_t)random_next(&random), c, bit = 1u << random_below(&random, 24);
        struct cookie_options in = {.mss = (uint16_t)random_next(&random),
                                    .window_scale = (uint8_t)random_below(&random, 16),
                                    .sack = random_below(&random, 2)};
        struct cookie_options plainly, options;

        key.client.bytes[15] = (uint8_t)random_next(&random);
        key.client_port = (uint16_t)random_next(&random);
        if (random_below(&random, 3) == 0)
            generation = random_below(&random, 4) - 1; /* the default promise's is the highest */
        if (random_below(&random, 3) == 0)
            now_us = random_below(&random, 5) * COOKIE_EPOCH_US + random_below(&random, 1000);
        c = cookie_make_kept(&kept[round & 1], &keys, &key, x, generation, &in, now_us);
        cr_assert_eq(c, cookie_make(&keys, &key, x, generation, &in, now_us));
        now_us += random_below(&random, 3) * COOKIE_EPOCH_US;
        cr_assert_eq(
            cookie_check_kept(&kept[round & 1], &keys, &key, x, generation, c, now_us, &options),
            cookie_check(&keys, &key, x, generation, c, now_us, &plainly));
        cr_assert_not(cookie_check_kept(&kept[round & 1], &keys, &key, x, generation, c ^ bit,
                                        now_us, &options));
        cr_assert_not(cookie_check_kept(&kept[round & 1], &keys, &key, x, generation + 1, c, now_us,
                                        &options));
    }
}

/* An empty place must not be taken for the key of generation 0 in epoch 0. */
Test(cookie, nothing_kept_is_no_key)
{
    struct flow_key key = flow_of("192.0.2.7:1000", "192.0.2.1:80");
    struct cookie_kept kept = {0};

    cr_assert_eq(cookie_make_kept(&kept, &keys, &key, 5, 0, &plain, 0),
                 cookie_make(&keys, &key, 5, 0, &plain, 0));
    cr_assert_neq(kept.key[0].begun.v0, 0u);
}

Test(cookie, end_of_a_greeting_is_not_taken_for_another_cookie)
{
    struct random random = random_begin("cookie/greeting");
    struct flow_key key = flow_of("192.0.2.7:1000", "192.0.2.1:110");

    for (uint32_t x = 0; x < 20000; x++) {
        uint32_t c = cookie_make(&keys, &key, x, 1, &plain, 0);

        cr_assert_not(passes(&key, x, 1, c + 1 + random_below(&random, 1400), 0));
    }
}

/* 2^-24 a guess: of 2^20 for random connections 1/16 pass on average; 5 or more would be a chance
 * of one in 10^8. */
Test(cookie, blind_guesses_hardly_pass)
{
    struct random random = random_begin("cookie/guess");
    struct flow_key key = flow_of("192.0.2.7:1000", "192.0.2.1:80");
    unsigned passed = 0;

    for (unsigned i = 0; i < 1u << 20; i++)
        passed +=
            passes(&key, (uint32_t)random_next(&random), 1, (uint32_t)random_next(&random), 0);
    cr_assert_lt(passed, 5u);
}

/* The 7 option bits are masked: what is on the wire must not tell the options of two connections
 * apart. */
Test(cookie, options_are_masked)
{
    struct flow_key key = flow_of("192.0.2.7:1000", "192.0.2.1:80");
    unsigned seen[128] = {0};

    for (uint32_t x = 0; x < 12800; x++)
        seen[cookie_make(&keys, &key, x, 1, &plain, 0) >> 24 & 127]++;
    for (unsigned i = 0; i < 128; i++)
        cr_assert(seen[i] > 30 && seen[i] < 190, "%u comes %u times", i, seen[i]);
}

static uint16_t mss_by_timestamp(const struct flow_key *key, uint16_t mss)
{
    struct cookie_options in = {.mss = mss, .window_scale = 7}, options;
    uint32_t c = cookie_make(&keys, key, 1, 1, &in, 5000000);

    cr_assert(cookie_check(&keys, key, 1, 1, c, 5000000, &options));
    cookie_refine(key, cookie_tsval(&keys, key, &in, 5000000), &options);
    return options.mss;
}

Test(cookie, finer_mss_never_exceeds_the_clients)
{
    struct flow_key v4 = flow_of("192.0.2.7:1000", "192.0.2.1:80");
    struct flow_key v6 = flow_of("[2001:db8::7]:1000", "[2001:db8::1]:80");

    for (uint32_t mss = 216; mss <= UINT16_MAX; mss++) {
        uint16_t four = mss_by_timestamp(&v4, (uint16_t)mss),
                 six = mss_by_timestamp(&v6, (uint16_t)mss);

        cr_assert_leq(four, mss);
        cr_assert_leq(six, mss);
        cr_assert(mss > 1460 || mss - four <= 48);
        cr_assert(mss < 1300 || mss > 1460 || mss - four <= 9);
    }
    cr_assert_eq(mss_by_timestamp(&v4, 1380), 1380);
    cr_assert_eq(mss_by_timestamp(&v4, 1452), 1450);
    cr_assert_eq(mss_by_timestamp(&v4, 8960), 8960);
    cr_assert_eq(mss_by_timestamp(&v6, 8940), 8940);
    cr_assert_eq(mss_by_timestamp(&v4, 100), 216);
}

Test(cookie, timestamp_carries_ecn)
{
    struct flow_key key = flow_of("192.0.2.7:1000", "192.0.2.1:80");
    struct cookie_options in = {.mss = 1460, .ecn = true}, options = {.mss = 1460};

    cookie_refine(&key, cookie_tsval(&keys, &key, &in, 123456789), &options);
    cr_assert(options.ecn);
    cr_assert_eq(options.mss, 1460);
    in.ecn = false;
    cookie_refine(&key, cookie_tsval(&keys, &key, &in, 123456789), &options);
    cr_assert_not(options.ecn);
}

Test(cookie, foreign_echo_changes_nothing)
{
    struct flow_key key = flow_of("192.0.2.7:1000", "192.0.2.1:80");
    struct cookie_options options = {.mss = 1300, .window_scale = 7, .sack = true};

    cookie_refine(&key, 0x3f, &options);
    cr_assert_eq(options.mss, 1300);
    cr_assert_not(options.ecn);
}

Test(cookie, timestamps_go_forward_and_stay_below_the_ceiling)
{
    struct flow_key key = flow_of("192.0.2.7:1000", "192.0.2.1:80");
    uint32_t before = cookie_tsval(&keys, &key, &plain, 0);

    for (uint64_t now_us = 0; now_us < 10u * 1000 * 1000; now_us += 7777) {
        uint32_t tsval = cookie_tsval(&keys, &key, &plain, now_us);
        uint32_t ceiling = cookie_tsval_ceiling(&keys, &key, now_us);

        cr_assert_not(seq_before(tsval, before));
        cr_assert_lt(tsval - before, 128u);
        cr_assert(seq_before(tsval, ceiling));
        cr_assert_leq(ceiling - tsval, 64u);
        cr_assert_eq(ceiling % 64, 0u);
        cr_assert_eq(tsval & 0x20, 0u);
        before = tsval;
    }
}

Test(cookie, own_echo_is_known_for_as_long_as_asked)
{
    struct flow_key key = flow_of("192.0.2.7:1000", "192.0.2.1:80"),
                    other = flow_of("192.0.2.7:1001", "192.0.2.1:80");
    const uint64_t told_us = 100000000, age_us = 10000000;

    for (uint64_t later_us = 0; later_us < 12000000; later_us += 333333) {
        uint32_t tsval = cookie_tsval(&keys, &key, &plain, told_us);
        uint64_t now_us = told_us + later_us;

        cr_assert_eq(cookie_tsecr_is_ours(&keys, &key, tsval, age_us, now_us),
                     later_us < age_us + 64000);
        cr_assert_not(cookie_tsecr_is_ours(&keys, &other, tsval, age_us, now_us));
        cr_assert_not(
            cookie_tsecr_is_ours(&keys, &key, tsval + 20000, age_us, now_us)); /* not told yet */
    }
}

/* Towards what is asked for, by 488 ppm of what passes at most, and never back. */
Test(cookie, shared_time_is_slewed)
{
    struct cookie_share share = {.on = true, .ahead_us = 1000000, .steered_us = 0};
    uint64_t now_us = 0, before = share.ahead_us;

    for (int second = 0; second < 100; second++) {
        now_us += 1000000;
        cookie_share_steer(&share, 1000000 + 20000, now_us);
        cr_assert_leq(share.ahead_us, 1000000u + 20000);
        cr_assert_leq(share.ahead_us - 1000000, now_us / 2000, "500 ppm at most");
    }
    cr_assert_eq(share.ahead_us, 1020000);
    for (int second = 0; second < 10; second++) {
        before = now_us + share.ahead_us;
        now_us += 1000000;
        cookie_share_steer(&share, 0, now_us);
        cr_assert_geq(now_us + share.ahead_us - before, 999500u);
        cr_assert_lt(now_us + share.ahead_us - before, 1000000u);
    }
}

/* RFC 7323 5.3: never below what the client has heard, also where numbers wrap; the bits stay. */
Test(cookie, timestamps_above_those_of_another_bridge)
{
    static const uint32_t echoes[] = {0, 5, 63, 64, 0x7fffffff, 0x80000000, 0xffffffff, 0xffffffc1};

    for (size_t i = 0; i < sizeof(echoes) / sizeof(echoes[0]); i++)
        for (int32_t behind = -200; behind <= 200; behind++) {
            const uint32_t own = ((echoes[i] + (uint32_t)behind) & ~COOKIE_TS_BITS) | 0x15;
            const uint32_t said = cookie_tsval_above(own, echoes[i]);

            cr_assert_gt((int32_t)(said - echoes[i]), 0);
            cr_assert_geq((int32_t)(said - own), 0);
            cr_assert_eq(said & COOKIE_TS_BITS, 0x15u);
            if ((int32_t)(own - echoes[i]) > 63)
                cr_assert_eq(said, own);
        }
}

Test(cookie, timestamp_clocks_of_two_connections_differ)
{
    struct flow_key one = flow_of("192.0.2.7:1000", "192.0.2.1:80"),
                    two = flow_of("192.0.2.7:1001", "192.0.2.1:80");
    struct cookie_keys other = keys;

    other.tsval[0]++;
    cr_assert_neq(cookie_tsval(&keys, &one, &plain, 0), cookie_tsval(&keys, &two, &plain, 0));
    cr_assert_neq(cookie_tsval(&keys, &one, &plain, 0), cookie_tsval(&other, &one, &plain, 0));
}
