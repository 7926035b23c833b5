/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_hidden.c - eMule's obfuscated handshake, against bytes that another implementation made. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "engine/protocols/hidden.h"
#include "tests/engine/protocols/support_hidden.h"
#include "tests/engine/protocols/support_samples.h"
#include "tests/engine/random.h"

#define HASH "\x3a\x35\x44\xa8\x31\x0e\x28\x1d\x51\xed\x51\x82\xf4\x6f\xd4\x6f"

static enum match check(const uint8_t *data, size_t bytes)
{
    uint8_t *copy = calloc(1, bytes ? bytes : 1);
    enum match match;

    if (bytes)
        memcpy(copy, data, bytes);
    match = edonkey_hidden_check(emule_user_hash, copy, bytes);
    free(copy);
    return match;
}

Test(hidden, a_request_is_told_by_nine_bytes)
{
    for (size_t bytes = 0; bytes <= sizeof(emule_request); bytes++)
        cr_assert_eq(check(emule_request, bytes), bytes < 9 ? MATCH_MORE : MATCH_YES, "%zu", bytes);
}

Test(hidden, another_hash_or_any_other_byte_is_refused)
{
    uint8_t data[sizeof(emule_request)], hash[EDONKEY_HASH_BYTES];

    for (size_t at = 1; at < 9; at++) {
        memcpy(data, emule_request, sizeof(data));
        data[at] ^= 1;
        cr_assert_eq(check(data, sizeof(data)), MATCH_NO, "byte %zu", at);
    }
    for (size_t at = 0; at < sizeof(hash); at++) {
        memcpy(hash, emule_user_hash, sizeof(hash));
        hash[at] ^= 0x80;
        cr_assert_eq(edonkey_hidden_check(hash, emule_request, sizeof(emule_request)), MATCH_NO);
    }
}

/* The first byte is free, but for the marks of plain messages: they cost no cipher. */
Test(hidden, the_first_byte)
{
    uint8_t data[sizeof(emule_request)];

    memcpy(data, emule_request, sizeof(data));
    for (unsigned first = 0; first < 256; first++) {
        bool plain = first == 0xe3 || first == 0xc5 || first == 0xd4;

        data[0] = (uint8_t)first;
        cr_assert_eq(check(data, sizeof(data)), plain ? MATCH_NO : MATCH_YES, "%02x", first);
        cr_assert_eq(edonkey_hidden_begins(data, 1), plain ? MATCH_NO : MATCH_MORE, "%02x", first);
    }
}

Test(hidden, requests_of_known_protocols_cost_no_cipher)
{
    for (size_t i = 0; i < samples_count; i++)
        cr_expect_eq(edonkey_hidden_begins((const uint8_t *)samples[i].bytes, samples[i].count),
                     MATCH_NO, "'%s'", samples[i].name);
}

Test(hidden, answers)
{
    uint8_t data[sizeof(emule_answer)];

    for (size_t bytes = 0; bytes <= sizeof(data); bytes++) {
        uint8_t *copy = malloc(bytes + 1);

        memcpy(copy, emule_answer, bytes);
        cr_assert_eq(edonkey_hidden_accepts(emule_user_hash, emule_request, copy, bytes),
                     bytes < 4 ? ACCEPTANCE_MORE : ACCEPTANCE_ACCEPTED, "%zu", bytes);
        free(copy);
    }
    for (size_t at = 0; at < 4; at++) {
        memcpy(data, emule_answer, sizeof(data));
        data[at] ^= 4;
        cr_assert_eq(edonkey_hidden_accepts(emule_user_hash, emule_request, data, sizeof(data)),
                     ACCEPTANCE_REFUSED);
    }
}

static void assert_hash(const char *answer, size_t bytes, size_t decided)
{
    for (size_t there = 0; there <= bytes; there++) {
        uint8_t *copy = malloc(there + 1);

        memcpy(copy, answer, there);
        const uint8_t *hash = edonkey_user_hash(copy, there);
        cr_assert_eq(hash != NULL, there >= decided, "%zu of %zu", there, bytes);
        if (hash)
            cr_assert_eq(memcmp(hash, emule_user_hash, EDONKEY_HASH_BYTES), 0);
        free(copy);
    }
}

Test(hidden, the_user_hash_stands_in_the_plain_answer)
{
    assert_hash(BYTES("\xe3\x7f\0\0\0\x4c" HASH "\1\2\3\4"), 22);
    assert_hash(BYTES("\xc5\x04\0\0\0\1\x3c\1\0\xe3\x7f\0\0\0\x4c" HASH), 31);
    assert_hash(BYTES("\xe3\x7f\0\0\0\1" HASH "\1\2\3\4"), SIZE_MAX);
    assert_hash(BYTES("\xe3\x10\0\0\0\x4c" HASH), SIZE_MAX);
    assert_hash(BYTES("HTTP/1.1 200 OK\r\nServer: a\r\n\r\n"), SIZE_MAX);
    assert_hash(BYTES("\xc5\xff\xff\xff\xff\1\xe3\x7f\0\0\0\x4c" HASH HASH), SIZE_MAX);
    assert_hash(BYTES("\xe3\0\0\0\0\xe3\0\0\0\0\xe3\0\0\0\0\xe3\0\0\0\0\xe3\x7f\0\0\0\x4c" HASH),
                SIZE_MAX);
}

Test(hidden, sets_and_names)
{
    cr_assert_eq(hidden_protocols(0), 0);
    cr_assert_eq(hidden_protocols(HIDDEN_BITTORRENT), 1u << PROTOCOL_BITTORRENT);
    cr_assert_eq(hidden_protocols(HIDDEN_BITTORRENT | HIDDEN_EDONKEY),
                 1u << PROTOCOL_BITTORRENT | 1u << PROTOCOL_EDONKEY);
    cr_assert_eq(hidden_protocol(HIDDEN_NONE), PROTOCOL_UNKNOWN);
    cr_assert_null(hidden_form_name(HIDDEN_NONE));
    cr_assert_str_eq(hidden_form_name(HIDDEN_BITTORRENT), "encrypted");
    cr_assert_str_eq(hidden_form_name(HIDDEN_EDONKEY), "obfuscated");
}

/* What a wrong client must hit: 32 bits. */
Test(hidden, random_requests_are_never_taken)
{
    struct random random = random_begin("hidden");

    for (int round = 0; round < 20000; round++) {
        uint8_t data[32];

        for (size_t i = 0; i < sizeof(data); i++)
            data[i] = (uint8_t)random_next(&random);
        cr_assert_eq(edonkey_hidden_check(emule_user_hash, data, sizeof(data)), MATCH_NO);
    }
}
