/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_encrypted.c - connections that look random: which are taken for BitTorrent's encrypted
 * handshake, which for eMule's obfuscated one, and what the profile says then.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "engine/protocols/hidden.h"
#include "profiles/model/encrypted.h"
#include "tests/engine/protocols/support_hidden.h"
#include "tests/engine/random.h"
#include "tests/profiles/observations.h"

#define PREFACE "\023BitTorrent protocol"
#define PLAIN                                                                                      \
    PREFACE "\0\0\0\0\0\x10\0\5"                                                                   \
            "01234567890123456789-TR3000-abcdefghijkl"
#define PLAIN_BYTES 68
#define DATA_MAX    1400

static struct store *store;
static struct learner *learner;
static struct random source;
static uint64_t flows;

static void setup(void)
{
    store = store_new();
    learner = learner_new(store);
    source = random_begin("encrypted");
    flows = 0;
}

static void teardown(void)
{
    learner_free(learner);
    store_free(store);
}

TestSuite(encrypted, .init = setup, .fini = teardown);

static struct profile *server(void)
{
    const struct server_key key = test_server();
    struct profile *profile = store_find(store, &key);
    cr_assert_not_null(profile);
    return profile;
}

static void says(struct talk *talk, enum side from, const void *data, size_t bytes)
{
    const uint32_t offset = from == SIDE_CLIENT ? talk->client_bytes : talk->server_bytes;
    const uint32_t acked = from == SIDE_CLIENT ? talk->server_bytes : talk->acked_by_server;
    talk_data(talk, from, offset, acked, data, bytes);
    if (from == SIDE_CLIENT)
        talk->acked_by_server = talk->client_bytes += (uint32_t)bytes;
    else
        talk->server_bytes += (uint32_t)bytes;
}

static void says_random(struct talk *talk, enum side from, size_t bytes)
{
    uint8_t data[DATA_MAX];
    for (size_t i = 0; i < bytes; i++)
        data[i] = (uint8_t)random_next(&source);
    says(talk, from, data, bytes);
}

/* As MSE does, in cipher to the end; 0 bytes: nothing is said. */
static void connection(size_t client_first, size_t server_first, size_t client_then,
                       size_t server_then)
{
    struct talk talk = talk_open(learner, ++flows);
    if (client_first)
        says_random(&talk, SIDE_CLIENT, client_first);
    if (server_first)
        says_random(&talk, SIDE_SERVER, server_first);
    if (client_then)
        says_random(&talk, SIDE_CLIENT, client_then);
    if (server_then)
        says_random(&talk, SIDE_SERVER, server_then);
    talk_close(&talk);
}

static size_t padded(void)
{
    return MSE_KEY_BYTES + random_below(&source, MSE_PADDING_BYTES + 1);
}

static void encrypted_connection(void)
{
    connection(padded(), padded(), 200, 120);
}

static void plain_connection(void)
{
    struct talk talk = talk_open(learner, ++flows);
    says(&talk, SIDE_CLIENT, PLAIN, PLAIN_BYTES);
    says(&talk, SIDE_SERVER, PLAIN, PLAIN_BYTES);
    talk_close(&talk);
}

static void assert_accepts(uint64_t protocols, uint8_t hidden)
{
    cr_assert_eq(server()->accepted, protocols, "%llx", (unsigned long long)server()->accepted);
    cr_assert_eq(server()->hidden, hidden, "%x", server()->hidden);
}

#define UNKNOWN    (UINT64_C(1) << PROTOCOL_UNKNOWN)
#define BITTORRENT (UINT64_C(1) << PROTOCOL_BITTORRENT)
#define EDONKEY    (UINT64_C(1) << PROTOCOL_EDONKEY)

/* --- MSE ------------------------------------------------------------------------------------- */

Test(encrypted, bittorrent_in_clear_behind_the_handshake_proves_it)
{
    struct talk talk = talk_open(learner, ++flows);
    uint8_t answer[14 + 300 + PLAIN_BYTES];
    says_random(&talk, SIDE_CLIENT, 198);
    says_random(&talk, SIDE_SERVER, 424);
    cr_assert_eq(server()->requests, 0, "not decided yet");
    says_random(&talk, SIDE_CLIENT, 471);
    for (size_t i = 0; i < 314; i++)
        answer[i] = (uint8_t)random_next(&source);
    memcpy(answer + 314, PLAIN, PLAIN_BYTES);
    says(&talk, SIDE_SERVER, answer, 330); /* the segments' border lies in the word */
    cr_assert_eq(server()->requests, 0);
    says(&talk, SIDE_SERVER, answer + 330, sizeof(answer) - 330);
    cr_assert_eq(server()->requests, 1, "before the connection ends");
    assert_accepts(0, HIDDEN_BITTORRENT);
    cr_assert_eq(server()->protocol, PROTOCOL_BITTORRENT);
    cr_assert_eq(profile_speaks_first(server()), SPEAKER_CLIENT);
    talk_close(&talk);
    cr_assert_eq(server()->requests, 1);
}

Test(encrypted, one_likeness_is_enough_beside_plain_bittorrent)
{
    plain_connection();
    assert_accepts(BITTORRENT, 0);
    encrypted_connection();
    assert_accepts(BITTORRENT, HIDDEN_BITTORRENT);
    cr_assert_eq(server()->requests, 2);
}

Test(encrypted, also_where_it_came_before_the_plain_one)
{
    encrypted_connection();
    assert_accepts(UNKNOWN, 0);
    cr_assert_eq(server()->protocol, PROTOCOL_UNKNOWN);
    plain_connection();
    assert_accepts(BITTORRENT, HIDDEN_BITTORRENT);
    cr_assert_eq(server()->protocol, PROTOCOL_BITTORRENT);
    cr_assert_eq(server()->requests, 2);
    cr_assert_eq(server()->pattern.accepted, 0);
}

Test(encrypted, eight_likenesses_that_vary_are_enough_alone)
{
    for (int i = 0; i < 8; i++) {
        if (i > 0)
            assert_accepts(UNKNOWN, 0);
        encrypted_connection();
    }
    assert_accepts(0, HIDDEN_BITTORRENT);
    cr_assert_eq(server()->protocol, PROTOCOL_BITTORRENT);
    cr_assert_eq(server()->requests, 8);
    cr_assert(profile_armed(server()));
    cr_assert_eq(profile_check(server()), CHECK_PROTOCOL);
    encrypted_connection();
    assert_accepts(0, HIDDEN_BITTORRENT);
    cr_assert_eq(server()->requests, 9);
}

/* An encrypted service whose requests are of much the same length. */
Test(encrypted, padding_that_does_not_vary_is_another_service)
{
    for (size_t i = 0; i < 30; i++)
        connection(300 + i, padded(), 200, 120);
    assert_accepts(UNKNOWN, 0);
    cr_assert_eq(server()->requests, 30);
}

/* A proxy's answers are longer than any padding more often than not. */
Test(encrypted, flights_that_are_too_long_speak_against_it)
{
    for (size_t i = 0; i < 40; i++)
        connection(padded(), i % 4 ? padded() : 1200, 200, 120);
    assert_accepts(UNKNOWN, 0);
}

/* A constant byte is a header. */
Test(encrypted, something_in_common_speaks_against_it)
{
    for (size_t i = 0; i < 30; i++) {
        struct talk talk = talk_open(learner, ++flows);
        uint8_t data[608];
        const size_t bytes = padded();
        for (size_t at = 0; at < bytes; at++)
            data[at] = (uint8_t)random_next(&source);
        data[3] = 0x80;
        says(&talk, SIDE_CLIENT, data, bytes);
        says_random(&talk, SIDE_SERVER, padded());
        says_random(&talk, SIDE_CLIENT, 200);
        says_random(&talk, SIDE_SERVER, 120);
        talk_close(&talk);
    }
    assert_accepts(UNKNOWN, 0);
}

/* Each alone; the first two answers are none, as the handshake is over at its end. */
Test(encrypted, flights_that_are_none_of_mse)
{
    static const size_t flights[][4] = {{95, 200, 200, 100},
                                        {609, 200, 200, 100},
                                        {200, 95, 200, 100},
                                        {200, 609, 200, 100},
                                        {200, 200, 0, 100}};
    plain_connection();
    for (size_t i = 0; i < sizeof(flights) / sizeof(*flights); i++) {
        const uint8_t before = server()->hidden;
        connection(flights[i][0], flights[i][1], flights[i][2], flights[i][3]);
        cr_assert_eq(server()->hidden, before, "case %zu", i);
    }
    cr_assert_eq(server()->hidden, 0);
}

/* The server closes on who asks, in cipher, for what it does not have; and some go away by
 * themselves. */
Test(encrypted, connections_that_came_to_nothing_are_no_evidence)
{
    plain_connection();
    encrypted_connection();
    connection(200, 200, 200, 0);
    connection(200, 200, 0, 0);
    connection(200, 0, 0, 0);
    assert_accepts(BITTORRENT, HIDDEN_BITTORRENT);
    cr_assert_eq(server()->requests, 2);
    cr_assert_eq(learner_stats(learner).requests_refused, 3);
}

Test(encrypted, unknown_requests_that_are_no_likeness_are_decided_at_once)
{
    struct talk talk = talk_open(learner, 1);
    client_says(&talk, "MODE 9\n");
    server_says(&talk, "ok\n");
    cr_assert_eq(server()->requests, 1);
    talk = talk_open(learner, 2);
    says(&talk, SIDE_CLIENT, (uint8_t[200]){1, 2, 3}, 200);
    says_random(&talk, SIDE_SERVER, 200);
    cr_assert_eq(server()->requests, 2, "200 bytes that do not look random");
    talk = talk_open(learner, 3);
    says_random(&talk, SIDE_CLIENT, 200);
    says_random(&talk, SIDE_SERVER, 1300);
    cr_assert_eq(server()->requests, 3, "a long answer");
}

/* --- eMule ----------------------------------------------------------------------------------- */

#define HASH "\x3a\x35\x44\xa8\x31\x0e\x28\x1d\x51\xed\x51\x82\xf4\x6f\xd4\x6f"

static void plain_hello(const char *hash)
{
    struct talk talk = talk_open(learner, ++flows);
    uint8_t answer[30] = "\xe3\x19\0\0\0\x4c";
    memcpy(answer + 6, hash, 16);
    says(&talk, SIDE_CLIENT,
         "\xe3\x19\0\0\0\1\x10"
         "abcdefghijklmnopqrstuvw",
         30);
    says(&talk, SIDE_SERVER, answer, sizeof(answer));
    talk_close(&talk);
}

static void obfuscated_hello(bool answered)
{
    struct talk talk = talk_open(learner, ++flows);
    says(&talk, SIDE_CLIENT, emule_request, sizeof(emule_request));
    if (answered)
        says(&talk, SIDE_SERVER, emule_answer, sizeof(emule_answer));
    else
        says_random(&talk, SIDE_SERVER, sizeof(emule_answer));
    talk_close(&talk);
}

static void assert_hash(const char *hash)
{
    const uint8_t *known = profile_user_hash(server());
    cr_assert_not_null(known);
    cr_assert_eq(memcmp(known, hash, 16), 0);
    cr_assert_eq(keyword_set_count(&server()->keywords, KEYWORD_USER_HASH), 1);
}

Test(encrypted, emule_tells_its_user_hash_and_is_known_by_it)
{
    plain_hello(HASH);
    assert_hash(HASH);
    assert_accepts(EDONKEY, 0);
    obfuscated_hello(true);
    assert_accepts(EDONKEY, HIDDEN_EDONKEY);
    cr_assert_eq(server()->requests, 2);
}

Test(encrypted, emule_obfuscated_before_it_said_its_user_hash)
{
    obfuscated_hello(true);
    obfuscated_hello(true);
    assert_accepts(UNKNOWN, 0);
    plain_hello(HASH);
    assert_accepts(EDONKEY, HIDDEN_EDONKEY);
    cr_assert_eq(server()->requests, 3);
    cr_assert_eq(server()->protocol, PROTOCOL_EDONKEY);
}

Test(encrypted, emule_that_does_not_answer_in_kind_has_not_accepted)
{
    plain_hello(HASH);
    obfuscated_hello(false);
    assert_accepts(EDONKEY, 0);
    cr_assert_eq(learner_stats(learner).requests_refused, 1);
}

Test(encrypted, nor_before_its_hash_is_known)
{
    obfuscated_hello(false);
    plain_hello(HASH);
    assert_accepts(EDONKEY | UNKNOWN, 0);
}

Test(encrypted, emule_with_another_hash_is_something_else)
{
    obfuscated_hello(true);
    plain_hello("0123456789abcdef");
    assert_accepts(EDONKEY | UNKNOWN, 0);
    plain_hello(HASH);
    assert_hash(HASH);
    assert_accepts(EDONKEY, HIDDEN_EDONKEY);
}
