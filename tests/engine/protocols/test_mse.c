/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mse.c - what may be the first flight of BitTorrent's encrypted handshake, and what may not.
 */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "engine/protocols/hidden.h"
#include "tests/engine/protocols/support_hidden.h"
#include "tests/engine/protocols/support_samples.h"
#include "tests/engine/random.h"

#define FLIGHT_MOST 608

/* Checks a copy without a byte to spare. */
static enum match check(const uint8_t *data, size_t bytes)
{
    uint8_t *copy = calloc(1, bytes ? bytes : 1);
    enum match match;

    if (bytes)
        memcpy(copy, data, bytes);
    match = mse_check(copy, bytes);
    free(copy);
    return match;
}

static void fill(struct random *random, uint8_t *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        data[i] = (uint8_t)random_next(random);
}

Test(mse, a_real_key_is_taken_by_its_96_bytes)
{
    uint8_t flight[FLIGHT_MOST + 1];
    struct random random = random_begin("mse");

    fill(&random, flight, sizeof(flight));
    memcpy(flight, mse_public_key, sizeof(mse_public_key));
    for (size_t bytes = 0; bytes <= FLIGHT_MOST; bytes++)
        cr_assert_eq(check(flight, bytes), bytes < MSE_KEY_BYTES ? MATCH_MORE : MATCH_YES, "%zu",
                     bytes);
    cr_assert_eq(check(flight, FLIGHT_MOST + 1), MATCH_NO, "more than any padding");
}

Test(mse, padding_is_not_looked_at)
{
    uint8_t flight[200] = {0};

    memcpy(flight, mse_public_key, sizeof(mse_public_key));
    cr_assert_eq(check(flight, sizeof(flight)), MATCH_YES);
}

Test(mse, keys_that_give_the_secret_away)
{
    static const uint8_t head[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    uint8_t key[MSE_KEY_BYTES] = {0};

    cr_assert_eq(check(key, sizeof(key)), MATCH_NO, "0");
    key[MSE_KEY_BYTES - 1] = 1;
    cr_assert_eq(check(key, sizeof(key)), MATCH_NO, "1");
    memcpy(key, mse_public_key, sizeof(key));
    memcpy(key, head, sizeof(head));
    key[8] = 0xc9, key[9] = 0x0f, key[10] = 0xda, key[11] = 0xa1;
    cr_assert_eq(check(key, sizeof(key)), MATCH_YES, "just below P");
    key[11] = 0xa3;
    cr_assert_eq(check(key, sizeof(key)), MATCH_NO, "beyond P");
}

Test(mse, what_is_not_random)
{
    uint8_t data[MSE_KEY_BYTES];

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)("0123456789abcdef"[i * 7 % 16]);
    cr_assert_eq(check(data, sizeof(data)), MATCH_NO, "text");
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = i % 4 == 3 ? (uint8_t)(i * 37) : 0;
    cr_assert_eq(check(data, sizeof(data)), MATCH_NO, "small numbers of 32 bits");
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(mse_public_key[i] & 0x7f);
    cr_assert_eq(check(data, sizeof(data)), MATCH_NO, "one bit is never set");
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(mse_public_key[i] | 0x10);
    cr_assert_eq(check(data, sizeof(data)), MATCH_NO, "one bit is always set");
}

/* Every protocol's requests are refused when enough of them is there to know them, whatever random
 * bytes follow. */
Test(mse, requests_of_known_protocols_are_not_taken)
{
    struct random random = random_begin("mse");

    for (size_t i = 0; i < samples_count; i++) {
        const struct sample *sample = &samples[i];
        uint8_t data[FLIGHT_MOST];

        fill(&random, data, sizeof(data));
        memcpy(data, sample->bytes, sample->count);
        cr_expect_eq(check(data, sample->decided), MATCH_NO, "'%s'", sample->name);
        cr_expect_eq(check(data, sizeof(data)), MATCH_NO, "'%s' and more", sample->name);
    }
}

Test(mse, random_bytes_are_taken_but_for_a_share_that_is_measured)
{
    enum { ROUNDS = 200000 };
    struct random random = random_begin("mse");
    unsigned refused = 0, not_random = 0;

    for (int round = 0; round < ROUNDS; round++) {
        uint8_t data[MSE_KEY_BYTES];

        fill(&random, data, sizeof(data));
        refused += mse_check(data, sizeof(data)) != MATCH_YES;
        not_random += !looks_random(data, sizeof(data));
    }
    printf("of %d random keys %u are refused, %u of them because they do not look random\n", ROUNDS,
           refused, not_random);
    fflush(stdout);
    cr_assert_leq(refused, ROUNDS / 5000);
    cr_assert_leq(not_random, ROUNDS / 50000);
}

/* Once yes or no, always that, as far as a flight may be long. */
Test(mse, an_answer_is_never_taken_back)
{
    struct random random = random_begin("mse");

    for (int round = 0; round < 2000; round++) {
        uint8_t data[FLIGHT_MOST];
        enum match was = MATCH_MORE;

        fill(&random, data, sizeof(data));
        if (round % 2) {
            const struct sample *sample = &samples[(size_t)round % samples_count];
            const size_t begin = random_below(&random, 9);

            memcpy(data, sample->bytes, begin < sample->count ? begin : sample->count);
        }
        for (size_t bytes = 0; bytes <= sizeof(data); bytes += bytes < 100 ? 1 : 50) {
            enum match is = mse_check(data, bytes);

            cr_assert(was == MATCH_MORE || was == is, "%zu bytes", bytes);
            was = is;
        }
    }
}

/* Bit by bit. */
static bool looks_random_slowly(const uint8_t *data, size_t bytes)
{
    long words = (long)(bytes < 2048 ? bytes : 2048) / 8, n = words * 8;

    for (unsigned bit = 0; bit < 8 && bytes >= 32; bit++) {
        long set = 0;

        for (long at = 0; at < n; at++)
            set += data[at] >> bit & 1;
        if ((2 * set - n) * (2 * set - n) > 27 * n)
            return false;
    }
    return bytes >= 32;
}

/* Bits set more or less often than by chance, each in its own measure, around what is still taken.
 */
Test(mse, random_looks_are_counted_bit_by_bit)
{
    struct random random = random_begin("mse/bits");
    uint8_t data[2200];
    unsigned yes = 0;

    for (unsigned round = 0; round < 20000; round++) {
        size_t bytes = random_below(&random, 3) ? 96 : random_below(&random, sizeof(data));
        uint8_t odd = (uint8_t)(1u << random_below(&random, 8));
        uint32_t often = random_below(&random, 256);

        for (size_t i = 0; i < bytes; i++) {
            data[i] = (uint8_t)random_next(&random);
            if (round % 4 && random_below(&random, 256) < often)
                data[i] = (uint8_t)(round % 2 ? data[i] | odd : data[i] & ~odd);
        }
        cr_assert_eq(looks_random(data, bytes), looks_random_slowly(data, bytes), "round %u",
                     round);
        yes += looks_random(data, bytes);
    }
    cr_assert(yes > 5000 && yes < 15000, "%u", yes);
}

Test(mse, looks_random_at_all_lengths)
{
    static const uint8_t zeros[4000];
    struct random random = random_begin("mse");
    uint8_t data[4000];

    fill(&random, data, sizeof(data));
    for (size_t bytes = 0; bytes <= sizeof(data); bytes++) {
        cr_assert_eq(looks_random(data, bytes), bytes >= 32, "%zu", bytes);
        cr_assert_not(looks_random(zeros, bytes), "%zu", bytes);
    }
    memset(data, 0xff, sizeof(data));
    cr_assert_not(looks_random(data, sizeof(data)), "no sum may run over");
}
