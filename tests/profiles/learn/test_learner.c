/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_learner.c - connections told as observations, and what is known of the server afterwards.
 *
 * It is longer than most: each fact that a profile holds has a test of how it is learned, and one
 * of how it is not.
 */
#include <criterion/criterion.h>

#include <stdio.h>

#include "profiles/store/expiry.h"
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

static void observe_query(const struct server_key *key)
{
    struct observation observation = {
        .kind = OBSERVED_QUERY,
        .server = server_key_over(key, true),
        .query = {.asked = {DNS_RD}, .answered = {DNS_QR | DNS_RD, DNS_RA}, .question_same = true}};

    learner_observe(learner, &observation, WALL_US);
}

Test(learner, query_over_udp_needs_dns_over_tcp)
{
    const struct server_key key = test_server(), udp = server_key_over(&key, true);

    observe_query(&key);
    cr_assert_null(store_find(store, &udp), "nobody is there to send its clients to");
    store_add(store, &key)->accepted = UINT64_C(1) << PROTOCOL_DNS;
    for (uint32_t answers = 1; answers <= ARMED_REQUESTS; answers++) {
        observe_query(&key);
        cr_assert_eq(store_find(store, &udp)->requests, answers);
        cr_assert_eq(profile_armed(store_find(store, &udp)), answers == ARMED_REQUESTS);
    }
    cr_assert_eq(store_find(store, &udp)->protocol, PROTOCOL_DNS);
    cr_assert_eq(server()->requests, 0, "the one over TCP has learned nothing");
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
    cr_assert_eq(server()->voices[VOICE_CLIENT], 1);
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
    observation.handshake = (struct observed_handshake){
        .offered = OFFER_ALL, .repeated = true, .granted = test_synack()};
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
    cr_assert_eq(profile_speaks_first(server()), SPEAKER_CLIENT,
                 "an answered connection says more");
}

Test(learner, greeting_of_an_unknown_protocol_counts_when_the_client_was_answered)
{
    struct talk talk = talk_open(learner, 1);
    server_says(&talk, "299 one\r\n");
    server_says(&talk, "299 two\r\n");
    cr_assert_eq(server()->greeting.count, 0);
    client_says(&talk, "USER a\r\n");
    server_says(&talk, "381 go on\r\n");
    cr_assert_eq(server()->greeting.bytes, 18);
    cr_assert_eq(server()->requests, 1);
    cr_assert_eq(server()->protocol, PROTOCOL_UNKNOWN,
                 "USER is no POP3 and no FTP where nobody greeted in it");
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
        snprintf(greeting, sizeof(greeting), "+OK POP3 server ready <%d.%d@host>\r\n", (int)id * 77,
                 (int)id);
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
    talk_whole(learner, 2, NULL, "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
               "HTTP/1.1 404 Not Found\r\n\r\n");
    talk_whole(learner, 3, NULL, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", NULL);
    cr_assert_eq(server()->requests, 0);
    cr_assert_eq(server()->accepted, 0);
    cr_assert_eq(learner_stats(learner).requests_refused, 3);
}

/* Neither accepted nor refused, however long nothing of it comes. */
Test(learner, connection_of_which_no_more_is_seen_says_nothing)
{
    struct talk talk = talk_open(learner, 1);
    struct observation observation = talk.base;

    client_says(&talk, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    observation.end = (struct observed_end){.reason = END_UNSEEN};
    talk_observe(&talk, &observation, OBSERVED_END);
    learner_flush(learner, 0);
    cr_assert_eq(learner_stats(learner).requests_refused, 0);
    cr_assert_eq(learner_stats(learner).requests_accepted, 0);
    cr_assert_eq(server()->handshakes, 1);
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

/* --- wrong clients --------------------------------------------------------------------------- */

#define HTTP_GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define HTTP_OK  "HTTP/1.1 200 OK\r\n\r\n"

enum timing {
    PROMPT_SERVER,
    LATE_SERVER,
    LATE_IN_PIECES,
    CLIENT_BETWEEN_PIECES,
    TINY_WINDOW,
    TIMINGS
};

/* One byte to a segment, as a client with a window of one byte has it. */
static void server_says_slowly(struct talk *talk, const char *text)
{
    for (char byte[2] = {0}; *text; text++) {
        byte[0] = *text;
        server_says(talk, byte);
    }
}

static void server_says_in_two(struct talk *talk, const char *text)
{
    char first[64];
    const size_t half = strlen(text) / 2;
    snprintf(first, sizeof(first), "%.*s", (int)half, text);
    server_says(talk, first);
    server_says(talk, text + half);
}

static void greet_wrong_client(struct talk *talk, const char *greeting, const char *request,
                               enum timing timing)
{
    char first[4];
    snprintf(first, sizeof(first), "%.3s", greeting);
    if (timing == PROMPT_SERVER)
        server_says(talk, greeting);
    else if (timing == CLIENT_BETWEEN_PIECES)
        server_says(talk, first);
    client_says(talk, request);
    if (timing == LATE_SERVER)
        server_says(talk, greeting);
    else if (timing == LATE_IN_PIECES)
        server_says_in_two(talk, greeting);
    else if (timing == TINY_WINDOW)
        server_says_slowly(talk, greeting);
    else if (timing == CLIENT_BETWEEN_PIECES)
        server_says(talk, greeting + strlen(first));
}

static void talk_wrongly(uint64_t id, const char *greeting, const char *request, const char *answer,
                         enum timing timing)
{
    struct talk talk = talk_open(learner, id);
    if (greeting)
        greet_wrong_client(&talk, greeting, request, timing);
    else
        client_says(&talk, request);
    if (answer && timing == TINY_WINDOW)
        server_says_slowly(&talk, answer);
    else if (answer)
        server_says(&talk, answer);
    if (timing == TINY_WINDOW && id % 2 == 0)
        client_says(&talk, request);
    talk_close(&talk);
}

/* What wrong clients must not change. */
struct held {
    enum speaker speaker;
    enum greeting_kind kind;
    uint64_t accepted, requests;
    bool armed, has_pattern;
    enum protocol_id protocol;
    enum request_check check;
    double fidelity;
    struct pattern pattern;
    uint16_t greeting_bytes;
    uint8_t greeting[GREETING_BYTES_MAX];
};

static void note_held(struct held *held)
{
    const struct profile *profile = server();
    memset(held, 0, sizeof(*held)); /* they are compared with memcmp */
    held->speaker = profile_speaks_first(profile);
    held->kind = profile_greeting_kind(profile);
    held->accepted = profile->accepted;
    held->requests = profile->requests;
    held->armed = profile_armed(profile);
    held->protocol = profile->protocol;
    held->check = profile_check(profile);
    held->fidelity = fidelity_value(&profile->fidelity);
    held->has_pattern = pattern_model_get(&profile->pattern, &held->pattern);
    held->greeting_bytes = profile->greeting.bytes;
    memcpy(held->greeting, profile->greeting.latest, profile->greeting.bytes);
}

static const char *random_request(uint64_t *state, char request[24])
{
    for (int i = 0; i < 23; i++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        request[i] = (char)(1 + (*state >> 33) % 255);
    }
    request[23] = 0;
    return request;
}

/* A thousand of each kind against what was learned: `answers` are what such a server says to what
 * it does not understand. */
static void check_wrong_clients(const char *greeting, const char *const answers[],
                                size_t answers_count)
{
    static const char *const requests[] = {HTTP_GET,
                                           "\x13"
                                           "BitTorrent protocol",
                                           "SSH-2.0-x\r\n", "EHLO a\r\n", NULL};
    struct held before;
    note_held(&before);
    uint64_t id = 1000, state = 20261122;
    cr_assert(before.armed);
    for (int timing = 0; timing < (greeting ? TIMINGS : 1); timing++)
        for (size_t kind = 0; kind < sizeof(requests) / sizeof(*requests); kind++)
            for (int round = 0; round < 1000; round++) {
                char noise[24];
                const char *request =
                    requests[kind] ? requests[kind] : random_request(&state, noise);
                const char *answer = answers[(size_t)round % answers_count];
                if (!greeting && strcmp(request, HTTP_GET) == 0)
                    continue;
                talk_wrongly(id++, greeting, request, answer, (enum timing)timing);
                struct held after;
                note_held(&after);
                cr_assert_eq(
                    memcmp(&before, &after, sizeof(before)), 0,
                    "timing %d, request %d '%s', answer '%s', round %d: speaker %d, kind %d, "
                    "accepted %d, requests %d, armed %d, fidelity %f",
                    timing, (int)kind, request, answer ? answer : "", round, after.speaker,
                    after.kind, (int)after.accepted, (int)after.requests, after.armed,
                    after.fidelity);
            }
}

Test(learner, wrong_clients_of_a_pop3_server_change_nothing)
{
    static const char *const answers[] = {"-ERR unknown command\r\n", NULL, "-ERR\r\n-ERR\r\n",
                                          "-"};
    for (uint64_t id = 1; id <= 12; id++)
        talk_whole(learner, id, "+OK ready\r\n", "USER a\r\n", "+OK\r\n");
    check_wrong_clients("+OK ready\r\n", answers, 4);
}

Test(learner, wrong_clients_of_a_server_that_no_file_knows_change_nothing)
{
    static const char *const answers[] = {"500 what?\r\n", NULL, "530 log in first\r\n", "50"};
    for (uint64_t id = 1; id <= 12; id++)
        talk_whole(learner, id, "299 one\r\n299 two\r\n",
                   id % 3   ? "MOOD a\r\n"
                   : id % 2 ? "MOOD b\r\n"
                            : "MOOD c\r\n",
                   "201 hello\r\n");
    check_wrong_clients("299 one\r\n299 two\r\n", answers, 4);
}

Test(learner, wrong_clients_of_a_web_server_change_nothing)
{
    static const char *const answers[] = {"HTTP/1.1 400 Bad Request\r\n\r\n",
                                          NULL,
                                          "<html><head><title>400 Bad Request</title>",
                                          "HTTP/1.1 301 Moved\r\n\r\n",
                                          "HTTP/1.",
                                          "HTTP/1.1 200 OK\r\n\r\n",
                                          "\x15\x03\x01"};
    for (uint64_t id = 1; id <= 12; id++)
        talk_whole(learner, id, NULL, HTTP_GET, HTTP_OK);
    check_wrong_clients(NULL, answers, 7);
}

Test(learner, refused_request_says_who_speaks_first_only_while_nothing_better_does)
{
    for (uint64_t id = 1; id <= 100; id++)
        talk_whole(learner, id, NULL, HTTP_GET, "HTTP/1.1 403 Forbidden\r\n\r\n");
    cr_assert_eq(profile_speaks_first(server()), SPEAKER_CLIENT);
    cr_assert_eq(server()->voices[VOICE_CLIENT], 0);
    cr_assert_eq(server()->voices[VOICE_CLIENT_REFUSED], 100);
    talk_whole(learner, 101, "+OK ready\r\n", "USER a\r\n", "+OK\r\n");
    cr_assert_eq(profile_speaks_first(server()), SPEAKER_SERVER);
}

Test(learner, answer_that_looks_like_a_greeting_does_not_accept_but_the_next_one_may)
{
    struct talk talk = talk_open(learner, 1);
    client_says(&talk, "*2\r\n$4\r\nAUTH\r\n$1\r\na\r\n");
    server_says(&talk, "+OK you are in\r\n");
    cr_assert_eq(server()->requests, 0);
    client_says(&talk, "*2\r\n$3\r\nGET\r\n$1\r\na\r\n");
    server_says(&talk, "$1\r\nb\r\n");
    cr_assert_eq(server()->requests, 1);
    cr_assert_eq(server()->greeting.count, 0);
    talk_close(&talk);
}

/* --- a greeting that is not the promised one ------------------------------------------------- */

/* Each in a network of its own. */
static struct ip_addr source(uint8_t number)
{
    const uint8_t v4[4] = {192, number, 2, 1};
    return addr_from_v4(v4);
}

/* All in one network, which is not that of the other clients. */
static struct ip_addr neighbour(uint8_t number)
{
    const uint8_t v4[4] = {203, 0, 113, number};
    return addr_from_v4(v4);
}

static void learn_pop3(void)
{
    for (uint64_t id = 1; id <= 12; id++)
        talk_whole(learner, id, "+OK ready\r\n", "USER a\r\n", "+OK\r\n");
    cr_assert(profile_armed(server()));
}

/* A client whose connection we opened: the greeting, then either the engine's finding that it is
 * unequal, or the released request. */
static struct talk talk_opened(uint64_t id, struct ip_addr client)
{
    const struct synack_features granted = test_synack();
    struct talk talk = {.learner = learner};
    talk.base = (struct observation){.opened = true,
                                     .flow_id = id,
                                     .time_us = id * 1000000,
                                     .server = test_server(),
                                     .client = client,
                                     .client_port = 40000};
    struct observation observation = talk.base;
    observation.handshake = (struct observed_handshake){.offered = OFFER_ALL, .granted = granted};
    talk_observe(&talk, &observation, OBSERVED_SYNACK);
    talk_establish(&talk);
    return talk;
}

static void meet_unequal(uint64_t id, struct ip_addr client, const char *greeting, bool told)
{
    struct talk talk = talk_opened(id, client);
    struct observation observation = talk.base;
    server_says(&talk, greeting);
    observation.greeting.negative = greeting[0] == '-';
    if (told)
        talk_observe(&talk, &observation, OBSERVED_GREETING);
    talk_close(&talk);
}

static void meet_whole(uint64_t id, struct ip_addr client, const char *greeting)
{
    struct talk talk = talk_opened(id, client);
    server_says(&talk, greeting);
    client_says(&talk, "USER a\r\n");
    server_says(&talk, "+OK\r\n");
    talk_close(&talk);
}

Test(learner, one_source_with_unequal_greetings_changes_nothing)
{
    learn_pop3();
    struct held before;
    note_held(&before);
    for (uint64_t id = 100; id < 1100; id++) {
        meet_unequal(id, neighbour((uint8_t)(id % 100)), "+OK changed\r\n", id % 5 > 0);
        struct held after;
        note_held(&after);
        cr_assert_eq(memcmp(&before, &after, sizeof(before)), 0, "after %d", (int)id);
    }
}

Test(learner, one_ipv6_network_is_one_source)
{
    learn_pop3();
    for (uint8_t host = 1; host < 100; host++) {
        struct ip_addr client;
        cr_assert(addr_from_text("fd77::1", &client));
        client.bytes[15] = host;
        meet_unequal(100 + host, client, "+OK changed\r\n", true);
    }
    cr_assert(profile_armed(server()));
}

Test(learner, three_sources_replace_the_greeting_while_we_open_and_nothing_else)
{
    learn_pop3();
    for (uint8_t i = 1; i <= 3; i++) {
        cr_assert_eq(server()->greeting.bytes, strlen("+OK ready\r\n"));
        meet_unequal(100 + i, source(i), "+OK changed\r\n", true);
    }
    cr_assert(profile_armed(server()));
    cr_assert_eq(server()->requests, 12, "the request check stays");
    cr_assert_eq(profile_greeting_kind(server()), GREETING_STABLE);
    cr_assert_eq(server()->greeting.bytes, strlen("+OK changed\r\n"));
    cr_assert_eq(server()->drifts, 1);
    meet_whole(200, source(1), "+OK changed\r\n");
    cr_assert(profile_armed(server()));
    cr_assert_eq(fidelity_value(&server()->fidelity), 1.0);
}

/* Where all clients come from one network, three connections of it will do. */
Test(learner, only_network_of_clients_replaces_the_greeting_in_three_connections)
{
    const uint8_t v4[4] = {10, 77, 0, 200};

    learn_pop3();
    for (uint64_t id = 100; id <= 102; id++)
        meet_unequal(id, addr_from_v4(v4), "+OK changed\r\n", true);
    cr_assert(profile_armed(server()));
    cr_assert_eq(server()->greeting.bytes, strlen("+OK changed\r\n"));
}

/* Greetings that differ from what was known, and from each other: what is said is not foreseen. */
Test(learner, three_sources_that_hear_three_greetings_leave_none)
{
    char greeting[32];

    learn_pop3();
    for (uint8_t i = 1; i <= 3; i++) {
        snprintf(greeting, sizeof(greeting), "+OK %d\r\n", i);
        meet_unequal(100 + i, source(i), greeting, true);
    }
    cr_assert_eq(server()->greeting.count, 0);
    cr_assert_eq(server()->requests, 12);
}

Test(learner, three_sources_replace_the_greeting_in_normal_mode)
{
    learn_pop3();
    for (uint64_t id = 200; id < 203; id++)
        talk_whole(learner, id, "+OK changed\r\n", "USER a\r\n", "+OK\r\n");
    cr_assert(profile_armed(server()));
    cr_assert_eq(profile_greeting_kind(server()), GREETING_STABLE);
    cr_assert_eq(server()->greeting.bytes, strlen("+OK changed\r\n"));
}

Test(learner, equal_greeting_makes_the_count_of_unequal_ones_begin_anew)
{
    learn_pop3();
    for (uint8_t i = 1; i <= 30; i++) {
        meet_unequal(100 + i, source(i), "+OK changed\r\n", true);
        if (i % 2 == 0)
            meet_whole(200 + i, source(i), "+OK ready\r\n");
    }
    cr_assert(profile_armed(server()));
}

/* What no protocol's file calls a refusal (Telnet's, an unknown service's), said in the words of
 * one. */
Test(learner, refusal_in_plain_words_disarms_nobody)
{
    for (uint64_t id = 1; id <= 12; id++)
        talk_whole(learner, id, "Debian\r\n", "\xff\xfb\x18", "\xff\xfb\3");
    cr_assert(profile_armed(server()));
    for (uint8_t i = 1; i < 100; i++)
        meet_unequal(100 + i, source(i), "Too many connections\r\n", true);
    cr_assert(profile_armed(server()));
    for (uint8_t i = 1; i <= 3; i++)
        meet_unequal(200 + i, source(i), "Fedora\r\n", true);
    cr_assert_eq(server()->greeting.bytes, strlen("Fedora\r\n"));
}

/* "220-" to "220 ": whole, whatever the segments are, and those of the answer do not belong to it.
 */
Test(learner, greeting_of_many_lines_is_whole)
{
    for (uint64_t id = 1; id <= 10; id++) {
        struct talk talk = talk_open(learner, id);
        server_says(&talk, "220-Welcome\r\n220-");
        server_says(&talk, " to 220 services\r\n");
        server_says(&talk, "220 ready\r\n");
        client_says(&talk, "USER a\r\n");
        server_says(&talk, "331 password\r\n");
        talk_close(&talk);
    }
    cr_assert_eq(profile_greeting_kind(server()), GREETING_STABLE);
    cr_assert_eq(server()->greeting.bytes,
                 strlen("220-Welcome\r\n220- to 220 services\r\n220 ready\r\n"));
    cr_assert(profile_armed(server()));
}

/* Never learned, whoever says them; the connection tells nothing of who speaks first either. */
Test(learner, refusals_are_no_greetings)
{
    static const char *const refusals[] = {"421 too many\r\n",
                                           "554 go away\r\n",
                                           "554-a\r\n554 b\r\n",
                                           "-ERR busy\r\n",
                                           "* BYE no\r\n",
                                           "Exceeded MaxStartups\r\n",
                                           "Not allowed at this time\r\n",
                                           "Too many connections\r\n",
                                           "% Connection refused\r\n"};
    for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
        struct talk talk = talk_open(learner, i + 1);
        server_says(&talk, refusals[i]);
        client_says(&talk, "QUIT\r\n");
        talk_close(&talk);
    }
    struct talk talk = talk_open(learner, 100);
    talk_data(&talk, SIDE_SERVER, 0, 0, "\x17\0\0\0\xff\x10\4Too many connections", 27);
    talk_close(&talk);
    cr_assert_eq(server()->greeting.count, 0);
    cr_assert_eq(server()->voices[VOICE_SERVER], 0);
}

Test(learner, negative_greeting_disarms_nobody)
{
    learn_pop3();
    for (uint8_t i = 1; i < 100; i++)
        meet_unequal(100 + i, source(i), "-ERR busy\r\n", true);
    cr_assert(profile_armed(server()));
    cr_assert_eq(server()->greeting.count, 12);
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
        struct observation observation = {.kind = (enum observation_kind)(state >> 33) %
                                                  (OBSERVED_GREETING + 1),
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

/* --- protocols that share words, or in which either may begin -------------------------------- */

#define SSH_CLIENT "SSH-2.0-OpenSSH_9.2\r\n"
#define SSH_SERVER "SSH-2.0-dropbear\r\n"
#define NO_PACKET  "\x01\x01\x01\x10\x08\x14"

static void greet_and_leave(uint64_t id, const char *greeting)
{
    struct talk talk = talk_open(learner, id);
    server_says(&talk, greeting);
    talk_close(&talk);
}

Test(learner, greeting_that_protocols_share_is_named_by_the_request)
{
    greet_and_leave(1, "220 here\r\n");
    talk_whole(learner, 2, "220 here\r\n", "EHLO a\r\n", "250 hello\r\n");
    cr_assert_eq(server()->protocol, PROTOCOL_SMTP);
    cr_assert_eq(server()->accepted, 1u << PROTOCOL_SMTP);
    cr_assert_eq(server()->greeting.count, 2);
}

Test(learner, request_that_protocols_share_is_of_the_one_that_is_answered_so)
{
    talk_whole(learner, 1, "", "get k\r\n", "END\r\n");
    cr_assert_eq(server()->protocol, PROTOCOL_MEMCACHED);
    cr_assert_eq(server()->accepted, UINT64_C(1) << PROTOCOL_MEMCACHED);
}

Test(learner, greeting_that_names_ftp_is_ftps)
{
    talk_whole(learner, 1, "220 (vsFTPd 3.0.3, FTP)\r\n", "USER a\r\n", "331 password\r\n");
    cr_assert_eq(server()->protocol, PROTOCOL_FTP);
    cr_assert_eq(server()->accepted, 1u << PROTOCOL_FTP, "and USER is not POP3's here");
}

Test(learner, refusals_that_protocols_share_are_no_greeting)
{
    greet_and_leave(1, "421 too many\r\n");
    talk_whole(learner, 2, "554-no\r\n554 no\r\n", "EHLO a\r\n", "250 hello\r\n");
    greet_and_leave(3, "* BYE\r\n");
    greet_and_leave(4, "Exceeded MaxStartups\r\n");
    cr_assert_eq(server()->greeting.count, 0);
    cr_assert_eq(profile_speaks_first(server()), SPEAKER_UNKNOWN);
}

Test(learner, ssh_client_that_did_not_wait_is_a_weak_voice)
{
    for (uint64_t id = 1; id <= 3; id++) {
        struct talk talk = talk_open(learner, id);
        client_says(&talk, SSH_CLIENT);
        server_says(&talk, SSH_SERVER);
        talk_close(&talk);
    }
    cr_assert_eq(server()->protocol, PROTOCOL_SSH);
    cr_assert_eq(server()->greeting.count, 3);
    cr_assert_eq(server()->greeting.bytes, strlen(SSH_SERVER));
    cr_assert_eq(profile_speaks_first(server()), SPEAKER_CLIENT);
    talk_whole(learner, 4, SSH_SERVER, SSH_CLIENT, NO_PACKET);
    cr_assert_eq(profile_speaks_first(server()), SPEAKER_SERVER, "one that waited tells more");
    cr_assert_eq(server()->requests, 0, "what is no packet of SSH accepts nothing");
}

Test(learner, telnet_server_that_began_has_answered)
{
    talk_whole(learner, 1, "\xff\xfd\x18\xff\xfd\x20", "\xff\xfb\x18", "login: ");
    cr_assert_eq(server()->protocol, PROTOCOL_TELNET);
    cr_assert_eq(server()->accepted, 1u << PROTOCOL_TELNET);
    cr_assert_eq(profile_speaks_first(server()), SPEAKER_SERVER);
    talk_whole(learner, 2, NULL, "\xff\xfb\x18", "login: ");
    cr_assert_eq(server()->requests, 1, "text alone is anybody's");
}

Test(learner, answer_names_the_protocol_of_a_request_that_nobody_knows)
{
    talk_whole(learner, 1, NULL, "\x80\x7c\x01\x03\x01 SSLv2", "\x16\x03\x01\x03\x4a\x02");
    cr_assert_eq(server()->protocol, PROTOCOL_TLS);
    cr_assert_eq(server()->accepted, 0, "but the request is refused");
    cr_assert_eq(learner_stats(learner).requests_refused, 1);
}

Test(learner, service_of_two_protocols_accepts_both)
{
    talk_whole(learner, 1, NULL, "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n");
    talk_whole(learner, 2, NULL, "\x16\x03\x01\x03\x4a\x01zz", "\x16\x03\x03\x03\x4a\x02zz");
    cr_assert_eq(server()->accepted, 1u << PROTOCOL_HTTP | 1u << PROTOCOL_TLS);
}

/* --- keywords -------------------------------------------------------------------------------- */

static const char *keyword_list(const struct keyword_set *set)
{
    static char text[512];
    uint16_t at = 0;
    size_t text_at = 0, used = 0;
    const uint8_t *name;
    text[0] = '\0';
    while ((name = keyword_set_next(set, &at, &text_at)) != NULL) {
        const struct keyword_entry *entry = &set->entries[at - 1];
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s=%.*s/%d", used ? " " : "",
                                 keyword_info((enum keyword_kind)entry->kind)->name, entry->bytes,
                                 name, entry->seen);
    }
    return text;
}

#define HTTP_OK "HTTP/1.1 200 OK\r\n\r\n"

Test(learner, keywords_of_accepted_requests)
{
    talk_whole(learner, 1, NULL, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_OK);
    talk_whole(learner, 2, NULL, "GET / HTTP/1.1\r\nHost: b\r\n\r\n",
               "HTTP/1.1 404 Not Found\r\n\r\n");
    talk_whole(learner, 3, NULL, "GET / HTTP/1.1\r\nHost: A:80\r\n\r\n",
               "HTTP/1.1 302 Found\r\n\r\n");
    talk_whole(learner, 4, NULL, "GET / HTTP/1.1\r\nHost: c\r\n\r\n", NULL);
    talk_whole(learner, 5, NULL, "GET / HTTP/1.0\r\n\r\n", HTTP_OK);
    talk_whole(learner, 6, NULL,
               "\x13"
               "BitTorrent",
               "no");
    cr_assert_str_eq(keyword_list(&store_at(store, 0)->keywords), "host=a/2 host=/1");
}

/* "100 Continue" accepts HTTP, but says nothing of the host; the body follows. */
Test(learner, keywords_count_at_the_final_answer)
{
    for (uint64_t id = 1; id <= 2; id++) {
        struct talk talk = talk_open(learner, id);
        client_says(&talk, id == 1 ? "PUT / HTTP/1.1\r\nHost: a\r\n\r\n"
                                   : "PUT / HTTP/1.1\r\nHost: b\r\n\r\n");
        server_says(&talk, "HTTP/1.1 100 Continue\r\n\r\n");
        client_says(&talk, "body");
        server_says(&talk, id == 1 ? HTTP_OK : "HTTP/1.1 404 Not Found\r\n\r\n");
        talk_close(&talk);
    }
    cr_assert_str_eq(keyword_list(&store_at(store, 0)->keywords), "host=a/1");
    cr_assert_eq(store_at(store, 0)->requests, 2);
}

#define PEER(hash) "\023BitTorrent protocol........" hash
#define HASH_A     "aaaaaaaaaaaaaaaaaaaa"
#define HASH_B     "bbbbbbbbbbbbbbbbbbbb"

Test(learner, hash_that_the_peer_has)
{
    talk_whole(learner, 1, NULL, PEER(HASH_A) "-TR3000-abcdefghijkl",
               PEER(HASH_A) "-qB4500-abcdefghijkl");
    talk_whole(learner, 2, NULL, PEER(HASH_B) "-TR3000-abcdefghijkl", NULL);
    talk_whole(learner, 3, NULL, PEER(HASH_B) "-TR3000-abcdefghijkl", PEER(HASH_A));
    struct talk talk = talk_open(learner, 4); /* in pieces */
    client_says(&talk, "\023BitTorrent protocol");
    client_says(&talk, "........" HASH_A);
    server_says(&talk, PEER(HASH_A));
    talk_close(&talk);
    cr_assert_str_eq(keyword_list(&store_at(store, 0)->keywords), "info_hash=" HASH_A "/2");
}

Test(learner, name_of_who_says_hello)
{
    talk_whole(learner, 1, "220 mx ESMTP\r\n", "EHLO a.example\r\n", "250 mx\r\n");
    talk_whole(learner, 2, "220 mx ESMTP\r\n", "EHLO b.example\r\n", "550 go away\r\n");
    cr_assert_str_eq(keyword_list(&store_at(store, 0)->keywords), "ehlo=a.example/1");
}

/* Ports that are listened on for one connection each do not fill the store. */
Test(learner, ports_of_one_address_make_room_for_each_other)
{
    const struct synack_features granted = test_synack();
    struct server_key key = test_server();

    for (uint32_t i = 0; i < PROFILES_OF_ADDRESS + 100; i++) {
        struct observation observation = {.kind = OBSERVED_SYNACK,
                                          .flow_id = i + 1,
                                          .time_us = i * 1000000ull,
                                          .server = key,
                                          .client_port = 40000};

        observation.server.port = (uint16_t)(20000 + i);
        observation.handshake =
            (struct observed_handshake){.offered = OFFER_ALL, .granted = granted};
        learner_observe(learner, &observation, WALL_US + observation.time_us);
    }
    cr_assert_eq(store_count(store), PROFILES_OF_ADDRESS);
    key.port = 20000 + PROFILES_OF_ADDRESS + 99;
    cr_assert_not_null(store_find(store, &key), "the newest");
    key.port = 20000;
    cr_assert_null(store_find(store, &key), "the oldest");
}
