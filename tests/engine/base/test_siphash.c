/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_siphash.c - against the paper's own example, and against libsodium. */
#include <criterion/criterion.h>

#include <sodium/crypto_shorthash.h>
#include <string.h>

#include "engine/base/siphash.h"
#include "tests/engine/random.h"

static uint64_t siphash(const uint8_t key[16], const uint8_t *data, uint8_t bytes)
{
    struct siphash state = siphash_begin(key);
    uint64_t rest = 0;
    uint8_t at = 0;

    for (; bytes - at >= 8; at = (uint8_t)(at + 8))
        siphash_word(&state, load_wire64(data + at));
    for (unsigned shift = 0; at < bytes; at++, shift += 8)
        rest |= (uint64_t)data[at] << shift;
    return siphash_end(&state, rest, bytes);
}

/* Appendix A of "SipHash: a fast short-input PRF": key 00 to 0f, message 00 to 0e. */
Test(siphash, example_of_the_paper)
{
    uint8_t key[16], message[15];

    for (uint8_t i = 0; i < sizeof(key); i++)
        key[i] = i;
    memcpy(message, key, sizeof(message));
    cr_assert_eq(siphash(key, message, sizeof(message)), 0xa129ca6149be45e5u);
}

Test(siphash, same_as_libsodium)
{
    struct random random = random_begin("siphash");

    for (unsigned round = 0; round < 20000; round++) {
        uint8_t key[crypto_shorthash_KEYBYTES], data[64],
            bytes = (uint8_t)random_below(&random, sizeof(data));
        uint64_t expected;

        for (size_t i = 0; i < sizeof(key); i++)
            key[i] = (uint8_t)random_next(&random);
        for (size_t i = 0; i < sizeof(data); i++)
            data[i] = (uint8_t)random_next(&random);
        crypto_shorthash((uint8_t *)&expected, data, bytes, key);
        cr_assert_eq(siphash(key, data, bytes), expected, "round %u", round);
    }
}
