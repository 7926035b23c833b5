/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_learner.c - connections told as observations, and what is known of the server afterwards. */
#include <criterion/criterion.h>

#include <stdio.h>

#include "tests/profiles/observations.h"

static struct store *store;
static struct learner *learner;

static void setup(void)
{
    store = store_new();
    learner = learner_new(store);
}

static void teardown(void)
{
    learner_free(learner);
    store_free(store);
}

TestSuite(learner, .init = setup, .fini = teardown);

static struct profile *server(void)
{
    const struct server_key key = test_server();
    struct profile *profile = store_find(store, &key);
    cr_assert_not_null(profile);
    return profile;
}

Test(learner, pop3_server_is_learned_and_armed_by_the_eighth_connection)
{
    for (uint64_t id = 1; id <= 8; id++) {
        talk_whole(learner, id, "+OK ready\r\n", "USER a\r\n", "+OK\r\n");
        cr_assert_eq(profile_armed(server()), id == 8, "after %d", (int)id);
    }
    const struct profile *profile = server();
    cr_assert_eq(profile->handshakes, 8);
    cr_assert_eq(profile->requests, 8);
    cr_assert_eq(profile->protocol, PROTOCOL_POP3);
    cr_assert_eq(profile->accepted, 1u << PROTOCOL_POP3);
    cr_assert_eq(profile_speaks_first(profile), SPEAKER_SERVER);
    cr_assert_eq(profile_greeting_kind(profile), GREETING_STABLE);
    cr_assert_eq(profile->greeting.bytes, 11);
    cr_assert_eq(fidelity_value(&profile->fidelity), 1.0);
    cr_assert_eq(profile->tcp.model.mss, 1460);
    cr_assert_eq(profile->tcp.model.ecn, CAPABILITY_UNKNOWN, "nobody offered it");
    cr_assert_eq(profile->tcp.model.variants[0].seen, 8);
}

Test(learner, facts_of_a_long_connection_count_before_it_ends_and_once)
{
    struct talk talk = talk_open(learner, 1);
    client_says(&talk, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    server_says(&talk, "HTTP/1.1 200 OK\r\n\r\n");
    cr_assert_eq(server()->requests, 1);
    cr_assert_eq(profile_speaks_first(server()), SPEAKER_CLIENT);
    client_says(&talk, "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    server_says(&talk, "HTTP/1.1 200 OK\r\n\r\n");
    talk_close(&talk);
    cr_assert_eq(server()->requests, 1);
    cr_assert_eq(server()->client_first, 1);
}

Test(learner, handshake_that_nobody_completed_is_no_evidence)
{
    struct synack_features granted = test_synack();
    struct talk talk = talk_synack(learner, 1, OFFER_ALL, &granted);
    talk_close(&talk);
    cr_assert_eq(server()->handshakes, 0);
    cr_assert_eq(server()->tcp.model.mss, 1460, "but it told the capabilities");
    cr_assert_eq(server()->fidelity.count, 0);
    for (uint64_t id = 2; id < 6; id++) {
        talk = talk_open(learner, id);
        talk_close(&talk);
    }
    granted.window = 1000; /* a stack under flood */
    for (uint64_t id = 10; id < 200; id++)
        talk_synack(learner, id, OFFER_ALL, &granted);
    cr_assert_eq(server()->tcp.model.window, 65160);
    cr_assert_eq(fidelity_value(&server()->fidelity), 1.0);
}

Test(learner, variant_not_seen_before_is_not_compared)
{
    struct synack_features granted = test_synack();
    struct talk talk = talk_open(learner, 1);
    talk_close(&talk);
    cr_assert_eq(server()->fidelity.count, 0);
    granted.timestamps = false;
    granted.window = 64240;
    granted.layout_bytes = 2;
    granted.layout[1] = TCP_OPT_WSCALE;
    granted.sack = false;
    talk = talk_synack(learner, 2, OFFER_MSS | OFFER_WSCALE, &granted);
    talk_establish(&talk);
    cr_assert_eq(server()->fidelity.count, 0);
    talk = talk_synack(learner, 3, OFFER_MSS | OFFER_WSCALE, &granted);
    talk_establish(&talk);
    cr_assert_eq(server()->fidelity.count, 1);
    cr_assert_eq(fidelity_value(&server()->fidelity), 1.0);
    cr_assert_eq(server()->tcp.model.variants_count, 2);
    granted.ttl = 63;
    talk = talk_synack(learner, 4, OFFER_MSS | OFFER_WSCALE, &granted);
    talk_establish(&talk);
    cr_assert_eq(fidelity_value(&server()->fidelity), 0.5);
}

Test(learner, repeated_synack_counts_once)
{
    struct talk talk = talk_open(learner, 1);
    struct observation observation = talk.base;
    observation.handshake =
        (struct observed_handshake){.offered = OFFER_ALL, .repeated = true, .granted = test_synack()};
    talk_observe(&talk, &observation, OBSERVED_SYNACK);
    talk_establish(&talk);
    cr_assert_eq(server()->handshakes, 1);
    cr_assert_eq(server()->tcp.model.variants[0].seen, 1);
}

Test(learner, refusals_are_neither_greeting_nor_voice)
{
    static const char *const refusals[] = {"421 too many\r\n",
                                           "554 no\r\n",
                                           "-ERR busy\r\n",
                                           "* BYE\r\n",
                                           "Exceeded MaxStartups\r\n",
                                           "HTTP/1.1 408 Request Timeout\r\n\r\n"};
    for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
        struct talk talk = talk_open(learner, i + 1);
        server_says(&talk, refusals[i]);
        talk_close(&talk);
    }
    cr_assert_eq(server()->greeting.count, 0);
    cr_assert_eq(profile_speaks_first(server()), SPEAKER_UNKNOWN);
}

Test(learner, unprompted_data_and_a_close_is_no_greeting)
{
    struct talk talk = talk_open(learner, 1);
    server_says(&talk, "-rw-r--r-- 1 a a 1 b\r\n");
    talk_close(&talk);
    cr_assert_eq(server()->greeting.count, 0);
    cr_assert_eq(profile_speaks_first(server()), SPEAKER_SERVER,
                 "it did speak first, and nothing else is known");
    talk_whole(learner, 2, NULL, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n");
    cr_assert_eq(profile_speaks_first(server()), SPEAKER_CLIENT, "an answered connection says more");
}

Test(learner, greeting_of_an_unknown_protocol_counts_when_the_client_was_answered)
{
    struct talk talk = talk_open(learner, 1);
    server_says(&talk, "220-one\r\n");
    server_says(&talk, "220 two\r\n");
    cr_assert_eq(server()->greeting.count, 0);
    client_says(&talk, "USER a\r\n");
    server_says(&talk, "331 go on\r\n");
    cr_assert_eq(server()->greeting.bytes, 18);
    cr_assert_eq(server()->requests, 1);
    cr_assert_eq(server()->protocol, PROTOCOL_UNKNOWN, "USER is no POP3 where nobody greeted in it");
    cr_assert_eq(server()->accepted, 1u << PROTOCOL_UNKNOWN);
}

Test(learner, greeting_in_two_pieces_is_whole)
{
    struct talk talk = talk_open(learner, 1);
    server_says(&talk, "+OK re");
    cr_assert_eq(server()->greeting.count, 0);
    server_says(&talk, "ady\r\n");
    cr_assert_eq(server()->greeting.count, 1);
    cr_assert_eq(server()->greeting.bytes, 11);
}

Test(learner, second_piece_that_acknowledges_early_talk_is_still_greeting)
{
    struct talk talk = talk_open(learner, 1);
    server_says(&talk, "+OK re");
    client_says(&talk, "USER a\r\n");
    server_says(&talk, "ady\r\n");
    cr_assert_eq(server()->greeting.bytes, 11);
    cr_assert_eq(server()->requests, 0);
    server_says(&talk, "+OK\r\n");
    cr_assert_eq(server()->requests, 1);
}

Test(learner, early_talker_gets_a_greeting_that_acknowledges_it)
{
    struct talk talk = talk_open(learner, 1);
    client_says(&talk, "USER a\r\n");
    server_says(&talk, "+OK ready\r\n");
    cr_assert_eq(server()->greeting.count, 1);
    cr_assert_eq(server()->requests, 0, "the greeting is no answer");
    server_says(&talk, "-ERR no\r\n");
    talk_close(&talk);
    cr_assert_eq(server()->requests, 0);
}

Test(learner, greeting_that_varies_is_a_template_or_variable)
{
    char greeting[64];
    for (uint64_t id = 1; id <= 8; id++) {
        snprintf(greeting, sizeof(greeting), "+OK POP3 server ready <%d.%d@host>\r\n", (int)id * 77, (int)id);
        talk_whole(learner, id, greeting, "USER a\r\n", "+OK\r\n");
    }
    cr_assert_eq(profile_greeting_kind(server()), GREETING_TEMPLATE);
}

Test(learner, wrong_requests_are_not_evidence)
{
    talk_whole(learner, 1, NULL,
               "\x13"
               "BitTorrent protocol",
               "HTTP/1.1 400 Bad Request\r\n\r\n");
    talk_whole(learner, 2, NULL, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 404 Not Found\r\n\r\n");
    talk_whole(learner, 3, NULL, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", NULL);
    cr_assert_eq(server()->requests, 0);
    cr_assert_eq(server()->accepted, 0);
    cr_assert_eq(learner_stats(learner).requests_refused, 3);
}

Test(learner, unknown_requests_give_a_pattern)
{
    char request[16];
    for (uint64_t id = 1; id <= 8; id++) {
        snprintf(request, sizeof(request), "\x05\x01\x7fQ%c%c", (char)('a' + id), (char)('z' - id));
        talk_whole(learner, id, NULL, request, "\x05\x01");
    }
    struct pattern pattern;
    cr_assert(pattern_model_get(&server()->pattern, &pattern));
    cr_assert_eq(pattern.least_bytes, 6);
    cr_assert_eq(pattern.pairs, 4);
    cr_assert_eq(profile_check(server()), CHECK_PATTERN);
}

Test(learner, zero_bytes_of_pure_acks_are_no_data)
{
    struct talk talk = talk_open(learner, 1);
    struct observation observation = talk.base;
    observation.data = (struct observed_data){.from = SIDE_CLIENT, .wire_bytes = 6, .bytes = 6};
    talk_observe(&talk, &observation, OBSERVED_DATA);
    client_says(&talk, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    observation.data =
        (struct observed_data){.from = SIDE_SERVER, .peer_acked = 27, .wire_bytes = 6, .bytes = 6};
    talk_observe(&talk, &observation, OBSERVED_DATA);
    server_says(&talk, "HTTP/1.1 200 OK\r\n\r\n");
    cr_assert_eq(server()->requests, 1);
}

Test(learner, three_networks_with_an_unequal_greeting_disarm)
{
    for (uint64_t id = 1; id <= 8; id++)
        talk_whole(learner, id, "+OK ready\r\n", "USER a\r\n", "+OK\r\n");
    cr_assert(profile_armed(server()));
    for (unsigned network = 0; network < 6; network++) {
        const uint8_t v4[4] = {192, 0, (uint8_t)(network / 2), (uint8_t)network};
        const struct observation observation = {.kind = OBSERVED_GREETING,
                                                .time_us = 1000 + network,
                                                .server = test_server(),
                                                .client = addr_from_v4(v4)};
        cr_assert_eq(server()->greeting.count > 0, network <= 4, "network %u", network);
        learner_observe(learner, &observation, WALL_US);
    }
    cr_assert_not(profile_armed(server()));
    cr_assert_eq(server()->greeting.count, 0);
    cr_assert_eq(server()->requests, 0);
}

Test(learner, negative_greeting_disarms_nobody)
{
    talk_whole(learner, 1, "+OK ready\r\n", "USER a\r\n", "+OK\r\n");
    for (uint8_t network = 0; network < 9; network++) {
        const uint8_t v4[4] = {192, 0, network, 1};
        const struct observation observation = {.kind = OBSERVED_GREETING,
                                                .server = test_server(),
                                                .client = addr_from_v4(v4),
                                                .greeting.negative = true};
        learner_observe(learner, &observation, WALL_US);
    }
    cr_assert_eq(server()->greeting.count, 1);
}

Test(learner, flows_beyond_its_room_push_out_the_oldest)
{
    for (uint64_t id = 1; id <= 20000; id++)
        talk_open(learner, id);
    const struct learner_stats stats = learner_stats(learner);
    cr_assert_eq(stats.flows, 20000);
    cr_assert_eq(stats.flows_evicted, 20000 - 16384);
    learner_tick(learner, UINT64_MAX, WALL_US);
    struct talk talk = talk_open(learner, 30000);
    client_says(&talk, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    server_says(&talk, "HTTP/1.1 200 OK\r\n\r\n");
    cr_assert_eq(server()->requests, 1);
}

Test(learner, forgotten_server_starts_afresh)
{
    struct talk talk = talk_open(learner, 1);
    client_says(&talk, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const struct server_key key = test_server();
    cr_assert(store_forget(store, &key));
    learner_forget(learner, &key);
    server_says(&talk, "HTTP/1.1 200 OK\r\n\r\n");
    talk_close(&talk);
    cr_assert_null(store_find(store, &key));
}

Test(learner, garbage_never_harms)
{
    uint64_t state = 20261122; /* replays */
    for (int round = 0; round < 200000; round++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        struct observation observation = {.kind =
                                              (enum observation_kind)(state >> 33) % (OBSERVED_GREETING + 1),
                                          .opened = state >> 40 & 1,
                                          .flow_id = state >> 41 & 63,
                                          .time_us = (uint64_t)round,
                                          .server = test_server()};
        if (observation.kind == OBSERVED_DATA) {
            observation.data.from = state >> 50 & 1 ? SIDE_SERVER : SIDE_CLIENT;
            observation.data.offset = (uint32_t)(state >> 20) >> (state >> 59);
            observation.data.peer_acked = (uint32_t)(state >> 52 & 15);
            observation.data.bytes = (uint16_t)(state >> 12 & 2047);
            observation.data.wire_bytes = observation.data.bytes + (state >> 30 & 1);
            memset(observation.data.data, (int)(state >> 44), sizeof(observation.data.data));
        } else if (observation.kind == OBSERVED_SYNACK) {
            observation.handshake =
                (struct observed_handshake){.offered = state >> 46 & 31, .granted = test_synack()};
        }
        learner_observe(learner, &observation, WALL_US);
    }
    learner_flush(learner, WALL_US);
    cr_assert_eq(store_count(store), 1);
}
