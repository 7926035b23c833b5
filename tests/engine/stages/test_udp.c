/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_udp.c - servers that are asked over UDP: what is seen of them in calm, and what passes, is
 * answered or dropped under attack (rule 7).
 *
 * It is longer than most: what passes in calm, what under attack, who has proved himself, and what
 * begins an attack.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/udp/dns_message.h"
#include "tests/engine/support_engine.h"
#include "tests/engine/support_udp.h"

#define DNS      "192.0.2.1:53"
#define DNS_2    "192.0.2.1:5353"
#define DNS6     "[2001:db8::1]:53"
#define CLIENT_A "198.51.100.7:4000"
#define CLIENT_B "198.51.100.8:4000"
#define CLIENT_C "203.0.113.9:4000"
#define CLIENT_6 "[2001:db8:1::7]:4000"

static int by_key(const void *a, const void *b)
{
    return memcmp(&((const struct server_policy *)a)->key, &((const struct server_policy *)b)->key,
                  sizeof(struct server_key));
}

/* A bench whose policy knows DNS at two ports over TCP and, where it is armed, over UDP. */
static struct bench *dns_bench(enum mode_setting setting, bool armed)
{
    static const uint16_t ports[] = {53, 5353};
    struct bench *b = bench_new(setting);
    struct policy *policy = calloc(1, policy_bytes(16));

    policy->generation = 2;
    for (uint32_t i = 0; i < b->policy->count; i++) {
        struct server_policy server = b->policy->servers[i];
        const bool is_http = server.key.port == 80;

        policy->servers[policy->count++] = server;
        for (int at = 0; is_http && at < 2; at++) {
            server.key = b->policy->servers[i].key;
            server.key.port = ports[at];
            server.protocols = 1ull << PROTOCOL_DNS;
            policy->servers[policy->count++] = server;
            if (!armed)
                continue;
            server.key = server_key_over(&server.key, true);
            server.echo = (struct dns_echo){
                .copied = {DNS_RD, DNS_CD}, .set = {0, DNS_RA}, .edns = true, .udp_bytes = 1232};
            policy->servers[policy->count++] = server;
        }
    }
    qsort(policy->servers, policy->count, sizeof(policy->servers[0]), by_key);
    engine_adopt_policy(b->engine, policy, b->now_us);
    free(b->policy);
    b->policy = policy;
    b->server = DNS;
    return b;
}

static struct server *udp_server(struct bench *b, const char *text)
{
    struct server_key key = {0};

    endpoint_read(text, &key.addr, &key.port);
    key = server_key_over(&key, true);
    return server_find(&b->engine->servers, &key);
}

/* --- words ----------------------------------------------------------------------------------- */

static uint8_t message[DNS_TEST_BYTES];

static void put(struct bench *b, enum side from, const char *src, const char *dst, uint32_t bytes)
{
    datagram_write(&b->sent, src, dst, message, bytes);
    bench_put(b, from);
}

static void asks(struct bench *b, const char *client, const char *server, uint16_t id)
{
    put(b, SIDE_CLIENT, client, server,
        dns_message_write(message,
                          &(struct dns_words){.id = id, .name = "a.Test", .flags = {DNS_RD}}));
}

static void answers(struct bench *b, const char *server, const char *client, uint16_t id,
                    uint8_t rcode)
{
    const struct dns_words words = {
        .id = id, .name = "a.Test", .flags = {DNS_QR | DNS_RD, (uint8_t)(DNS_RA | rcode)}};

    put(b, SIDE_SERVER, server, client, dns_message_write(message, &words));
}

/* The answer with TC=1 that came for the query in `message`. */
static void truncated(struct bench *b, uint32_t l4)
{
    const uint8_t *data = frame_data(&b->sent);

    replied(b);
    b->sent.bytes = b->verdict.bytes;
    frame_read(&b->sent);
    cr_assert(datagram_is_right(&b->sent, l4));
    cr_assert_eq(data[l4 + 8 + 2], DNS_QR | DNS_TC | DNS_RD);
    cr_assert_eq(data[l4 + 8 + 3], DNS_RA);
    cr_assert_arr_eq(data + l4 + 8, message, 2);
    bench_forget(b);
}

static void passes(struct bench *b)
{
    forwarded(b);
    bench_forget(b);
}

static const char request[] = "\0\22\0\1\1\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1";

/* A client that asks over TCP in normal mode, up to the server's answer. */
static void asks_over_tcp(struct bench *b, const char *client)
{
    b->client = client;
    handshake(b, OFFERS, OFFERS);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = request,
                .payload_bytes = sizeof(request) - 1);
    bench_forget(b);
}

static void proves(struct bench *b, const char *text)
{
    const struct server_key key = server_key_over(&udp_server(b, DNS)->key, false);
    struct ip_addr client;
    uint16_t port;

    endpoint_read(text, &client, &port);
    engine_set_proved(b->engine, &key, &client, b->now_us);
}

/* --- normal mode ----------------------------------------------------------------------------- */

Test(udp, a_server_is_known_once_it_has_answered)
{
    struct bench *b = dns_bench(SETTING_AUTO, false);

    asks(b, CLIENT_A, DNS, 1);
    passes(b);
    cr_assert_null(udp_server(b, DNS), "a client alone makes none");
    answers(b, DNS, CLIENT_B, 1, 0);
    passes(b);
    cr_assert_null(udp_server(b, DNS), "nobody has asked that");
    answers(b, DNS, CLIENT_A, 2, 0);
    passes(b);
    cr_assert_null(udp_server(b, DNS), "nor that");
    answers(b, DNS, CLIENT_A, 1, 0);
    passes(b);
    cr_assert_not_null(udp_server(b, DNS));
    bench_end(b);
}

Test(udp, what_speaks_no_dns_over_tcp_is_left_alone)
{
    struct bench *b = dns_bench(SETTING_ATTACK, true);

    asks(b, CLIENT_A, HTTP, 1);
    passes(b);
    answers(b, HTTP, CLIENT_A, 1, 0);
    passes(b);
    cr_assert_null(udp_server(b, HTTP));
    bench_end(b);
}

Test(udp, query_and_answer_are_told_to_the_learner)
{
    struct bench *b = dns_bench(SETTING_AUTO, false);
    const struct observation *seen;

    asks(b, CLIENT_A, DNS, 1);
    answers(b, DNS, CLIENT_A, 1, DNS_NO_SUCH_NAME);
    bench_forget(b);
    seen = bench_observed(b);
    cr_assert_eq(seen->kind, OBSERVED_QUERY);
    cr_assert(server_key_is_udp(&seen->server));
    cr_assert(seen->query.question_same);
    cr_assert_eq(seen->query.asked[0], DNS_RD);
    cr_assert_eq(seen->query.answered[1], DNS_RA | DNS_NO_SUCH_NAME);
    asks(b, CLIENT_A, DNS, 2);
    put(b, SIDE_SERVER, DNS, CLIENT_A,
        dns_message_write(message,
                          &(struct dns_words){.id = 2, .name = "a.test", .flags = {DNS_QR}}));
    bench_forget(b);
    seen = bench_observed(b);
    cr_assert_eq(seen->kind, OBSERVED_QUERY);
    cr_assert_not(seen->query.question_same, "its letters are others");
    bench_end(b);
}

static uint32_t sampled_of(struct bench *b, const char *server, uint16_t count)
{
    const struct observation_queue *queue = engine_observations(b->engine);
    uint32_t sampled = 0;

    for (uint16_t id = 0; id < count; id++) {
        asks(b, CLIENT_A, server, id);
        answers(b, server, CLIENT_A, id, 0);
        bench_forget(b);
        sampled += queue->count && bench_observed(b)->kind == OBSERVED_QUERY;
    }
    return sampled;
}

Test(udp, an_armed_server_is_sampled_once_a_second_and_takes_nothing_of_the_others)
{
    struct bench *b = dns_bench(SETTING_AUTO, true);

    for (uint32_t i = 0; i < b->policy->count; i++)
        if (b->policy->servers[i].key.port == 5353)
            b->policy->servers[i].armed = false;
    cr_assert_leq(sampled_of(b, DNS, 100), 2, "the first one before it was known");
    cr_assert_geq(sampled_of(b, DNS_2, 100), 19);
    bench_end(b);
}

/* --- attack mode ----------------------------------------------------------------------------- */

Test(udp, query_is_told_to_come_over_tcp)
{
    struct bench *b = dns_bench(SETTING_ATTACK, true);

    asks(b, CLIENT_A, DNS, 0xbeef);
    truncated(b, 34);
    asks(b, CLIENT_6, DNS6, 0xbeef);
    truncated(b, 54);
    cr_assert_eq(bench_counters(b)->queries_asked, 2);
    cr_assert_eq(bench_counters(b)->queries_truncated, 2);
    cr_assert_eq(udp_server(b, DNS)->figures.truncated, 1);
    bench_end(b);
}

Test(udp, answer_is_never_longer_than_the_query)
{
    struct bench *b = dns_bench(SETTING_ATTACK, true);
    const struct dns_words words = {.name = "a.test", .edns = true, .dnssec_ok = true};

    put(b, SIDE_CLIENT, CLIENT_A, DNS, dns_message_write(message, &words));
    replied(b);
    cr_assert_leq(b->verdict.bytes, b->sent.bytes);
    bench_forget(b);
    bench_end(b);
}

Test(udp, tags_come_back_as_they_came)
{
    struct bench *b = dns_bench(SETTING_ATTACK, true);
    static const uint8_t tag[4] = {0x81, 0, 0xe0, 0}; /* a priority */

    datagram_write(
        &b->sent, CLIENT_A, DNS, message,
        dns_message_write(message, &(struct dns_words){.name = "a.test", .flags = {DNS_RD}}));
    frame_insert(&b->sent, 12, tag, sizeof(tag));
    frame_read(&b->sent);
    bench_put(b, SIDE_CLIENT);
    cr_assert_arr_eq(frame_data(&b->sent) + 12, tag, sizeof(tag));
    truncated(b, 38);
    bench_end(b);
}

Test(udp, without_enough_known_of_it_everything_passes)
{
    struct bench *b = dns_bench(SETTING_AUTO, false);

    asks(b, CLIENT_A, DNS, 1);
    answers(b, DNS, CLIENT_A, 1, 0);
    bench_forget(b);
    engine_set_setting(b->engine, NULL, SETTING_ATTACK, b->now_us);
    asks(b, CLIENT_A, DNS, 2);
    passes(b);
    bench_end(b);
}

Test(udp, who_has_asked_over_tcp_asks_directly)
{
    struct bench *b = dns_bench(SETTING_AUTO, true);

    asks_over_tcp(b, CLIENT_A);
    cr_assert_eq(bench_counters(b)->queries_proved, 1);
    engine_set_setting(b->engine, NULL, SETTING_ATTACK, b->now_us);
    asks(b, CLIENT_A, DNS, 1);
    passes(b);
    asks(b, CLIENT_B, DNS, 1);
    truncated(b, 34);
    bench_wait(b, 301 * SECOND_US);
    bench_forget(b);
    asks(b, CLIENT_A, DNS, 1);
    truncated(b, 34);
    bench_end(b);
}

/* A spoofer sends a SYN and a query after it, blindly. */
Test(udp, who_does_not_know_the_servers_number_proves_nothing)
{
    struct bench *b = dns_bench(SETTING_AUTO, true);

    b->client = CLIENT_A;
    client_says(b, .flags = "S", .seq = X, .options = OFFERS);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = 1, .payload = request,
                .payload_bytes = sizeof(request) - 1);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = Y + 2, .payload = request,
                .payload_bytes = sizeof(request) - 1);
    client_says(b, .flags = "P", .seq = X + 1, .payload = request,
                .payload_bytes = sizeof(request) - 1);
    bench_forget(b);
    cr_assert_eq(bench_counters(b)->queries_proved, 0);
    engine_set_setting(b->engine, NULL, SETTING_ATTACK, b->now_us);
    asks(b, CLIENT_A, DNS, 1);
    truncated(b, 34);
    bench_end(b);
}

Test(udp, a_right_query_over_tcp_under_attack_is_a_proof)
{
    struct bench *b = dns_bench(SETTING_ATTACK, true);
    uint32_t cookie;

    b->client = CLIENT_A;
    cookie = get_cookie(b, OFFERS);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = cookie + 1, .payload = request,
                .payload_bytes = sizeof(request) - 1);
    bench_forget(b);
    cr_assert_eq(bench_counters(b)->requests_matched, 1);
    asks(b, CLIENT_A, DNS, 1);
    passes(b);
    bench_end(b);
}

/* Another query over TCP tells them. */
Test(udp, what_other_shards_have_no_room_to_hear_is_told_again)
{
    struct bench *b = dns_bench(SETTING_AUTO, true);
    struct observation_queue *queue = engine_observations(b->engine);
    uint32_t told = 0;

    b->engine->servers.shards = 2;
    for (int round = 0; round < 3; round++) {
        queue->count = round ? 0 : queue->capacity;
        b->client = round == 0 ? CLIENT_A : round == 1 ? "198.51.100.7:4001" : "198.51.100.7:4002";
        asks_over_tcp(b, b->client);
        for (uint32_t i = 0; round && i < queue->count; i++)
            told += queue->slots[i].kind == OBSERVED_PROVED;
        cr_assert_eq(told, round > 0);
    }
    cr_assert_eq(bench_counters(b)->queries_proved, 1);
    bench_end(b);
}

Test(udp, another_shard_may_have_met_it)
{
    struct bench *b = dns_bench(SETTING_ATTACK, true);
    struct server_key key = udp_server(b, DNS)->key;
    struct ip_addr client;
    uint16_t port;

    endpoint_read(CLIENT_A, &client, &port);
    key = server_key_over(&key, false);
    engine_set_proved(b->engine, &key, &client, b->now_us);
    asks(b, CLIENT_A, DNS, 1);
    passes(b);
    bench_end(b);
}

/* Its address may be forged, and it is told to come over TCP as ever. */
Test(udp, who_asks_directly_does_so_as_often_as_is_usual)
{
    struct bench *b = dns_bench(SETTING_AUTO, true);
    uint32_t passed = 0, told = 0;

    asks_over_tcp(b, CLIENT_A);
    engine_set_setting(b->engine, NULL, SETTING_ATTACK, b->now_us);
    for (uint16_t id = 0; id < 1000; id++) {
        asks(b, CLIENT_A, DNS, id);
        passed += b->verdict.action == VERDICT_FORWARD;
        told += b->verdict.action == VERDICT_REPLY;
        bench_forget(b);
    }
    cr_assert_eq(passed, 50);
    cr_assert_eq(told, 950);
    bench_end(b);
}

Test(udp, who_has_proved_nothing_is_told_200_times_a_second_by_each_server)
{
    struct bench *b = dns_bench(SETTING_ATTACK, true);

    for (uint16_t id = 0; id < 1000; id++) {
        asks(b, CLIENT_A, DNS, id);
        bench_forget(b);
        asks(b, CLIENT_A, DNS_2, id);
        bench_forget(b);
    }
    cr_assert_eq(udp_server(b, DNS)->figures.truncated, 200);
    cr_assert_eq(udp_server(b, DNS_2)->figures.truncated, 200);
    cr_assert_eq(bench_counters(b)->drops[DROP_query_limit], 1600);
    bench_end(b);
}

Test(udp, what_is_no_query_waits_for_no_answer)
{
    struct bench *b = dns_bench(SETTING_AUTO, true);

    asks_over_tcp(b, CLIENT_A);
    engine_set_setting(b->engine, NULL, SETTING_ATTACK, b->now_us);
    put(b, SIDE_CLIENT, CLIENT_A, DNS, 0);
    passes(b);
    answers(b, DNS, CLIENT_A, 0, 0); /* the id that stands behind the frame */
    passes(b);
    cr_assert_eq(rate_sum(&udp_server(b, DNS)->counts.handshakes, b->now_us), 0);
    bench_end(b);
}

/* How many of `count` queries of one source pass at once. */
static uint32_t passed_of(struct bench *b, const char *client, uint16_t count)
{
    uint32_t passed = 0;

    for (uint16_t id = 0; id < count; id++) {
        asks(b, client, DNS, id);
        passed += b->verdict.action == VERDICT_FORWARD;
        bench_forget(b);
    }
    return passed;
}

Test(udp, a_network_takes_half_of_what_all_have)
{
    struct bench *b = dns_bench(SETTING_ATTACK, true);
    uint32_t passed = 0;
    char client[40];

    for (int i = 1; i <= 20; i++) {
        snprintf(client, sizeof(client), "198.51.100.%d:4000", i);
        proves(b, client);
        passed += passed_of(b, client, 50);
    }
    cr_assert_eq(passed, 250);
    proves(b, CLIENT_C);
    cr_assert_eq(passed_of(b, CLIENT_C, 100), 50);
    bench_end(b);
}

Test(udp, what_tc_is_no_answer_to_is_dropped_unless_its_source_is_known)
{
    struct bench *b = dns_bench(SETTING_AUTO, true);
    const struct dns_words notify = {.name = "a.test", .flags = {4 << 3}};

    asks_over_tcp(b, CLIENT_A);
    engine_set_setting(b->engine, NULL, SETTING_ATTACK, b->now_us);
    put(b, SIDE_CLIENT, CLIENT_A, DNS, dns_message_write(message, &notify));
    passes(b);
    put(b, SIDE_CLIENT, CLIENT_B, DNS, dns_message_write(message, &notify));
    dropped(b, query_odd);
    memset(message, 0xff, 40);
    put(b, SIDE_CLIENT, CLIENT_B, DNS, 40);
    dropped(b, query_odd);
    put(b, SIDE_CLIENT, CLIENT_B, DNS, 0);
    dropped(b, query_odd);
    cr_assert_eq(udp_server(b, DNS)->figures.refused[REFUSAL_OF_query_odd], 3);
    bench_end(b);
}

static void operator_says(struct bench *b, const char *client, enum source_state state)
{
    struct source_rule rule = {.length = 32, .state = state, .by = SOURCE_BY_OPERATOR};
    uint16_t port;

    endpoint_read(client, &rule.prefix, &port);
    cr_assert(engine_set_source(b->engine, &rule, b->now_us));
}

/* It would be many queries for one token. */
Test(udp, a_super_frame_of_a_known_source_is_dropped)
{
    struct bench *b = dns_bench(SETTING_AUTO, true);
    struct dns_words words = {.id = 7, .name = "a.test", .flags = {DNS_RD}};
    struct offload *offload;

    asks_over_tcp(b, CLIENT_A);
    engine_set_setting(b->engine, NULL, SETTING_ATTACK, b->now_us);
    datagram_write(&b->sent, CLIENT_A, DNS, message, dns_message_write(message, &words));
    offload = (struct offload *)b->sent.buffer;
    offload->gso_type = 5; /* UDP, as virtio counts */
    offload->gso_bytes = 12;
    bench_put(b, SIDE_CLIENT);
    dropped(b, query_odd);
    asks(b, CLIENT_A, DNS, 8);
    passes(b);
    bench_end(b);
}

Test(udp, what_the_operator_says_of_a_source_counts)
{
    struct bench *b = dns_bench(SETTING_ATTACK, true);

    proves(b, CLIENT_A);
    operator_says(b, CLIENT_A, SOURCE_ASIDE);
    asks(b, CLIENT_A, DNS, 1);
    dropped(b, aside);
    cr_assert_eq(udp_server(b, DNS)->figures.refused[REFUSAL_OF_aside], 1);
    operator_says(b, CLIENT_B, SOURCE_ALLOWED);
    cr_assert_eq(passed_of(b, CLIENT_B, 2000), 2000);
    bench_end(b);
}

/* A resolver that asks from port 53, and a NOTIFY. */
Test(udp, an_answer_to_the_servers_own_query_passes_once)
{
    struct bench *b = dns_bench(SETTING_ATTACK, true);
    const struct dns_words words = {.id = 7, .name = "a.test", .flags = {4 << 3}};
    const struct dns_words answer = {.id = 7, .name = "a.test", .flags = {DNS_QR | 4 << 3}};
    const struct dns_words other = {.id = 8, .name = "a.test", .flags = {DNS_QR}};

    put(b, SIDE_SERVER, DNS, CLIENT_A, dns_message_write(message, &words));
    passes(b);
    put(b, SIDE_CLIENT, CLIENT_A, DNS, dns_message_write(message, &other));
    dropped(b, query_odd);
    put(b, SIDE_CLIENT, CLIENT_B, DNS, dns_message_write(message, &answer));
    dropped(b, query_odd);
    put(b, SIDE_CLIENT, CLIENT_A, DNS, dns_message_write(message, &answer));
    passes(b);
    put(b, SIDE_CLIENT, CLIENT_A, DNS, dns_message_write(message, &answer));
    dropped(b, query_odd);
    bench_end(b);
}

Test(udp, damaged_and_impossible_ones_are_dropped)
{
    struct bench *b = dns_bench(SETTING_ATTACK, true);
    const uint32_t bytes = dns_message_write(message, &(struct dns_words){.name = "a.test"});

    datagram_write(&b->sent, CLIENT_A, DNS, message, bytes);
    frame_data(&b->sent)[50] ^= 1;
    bench_put(b, SIDE_CLIENT);
    dropped(b, bad_checksum);
    put(b, SIDE_CLIENT, "224.0.0.1:4000", DNS, bytes);
    dropped(b, bad_segment);
    put(b, SIDE_CLIENT, "198.51.100.7:0", DNS, bytes);
    dropped(b, query_odd);
    bench_end(b);
}

Test(udp, first_fragments_are_dropped_and_those_of_others_pass)
{
    struct bench *b = dns_bench(SETTING_ATTACK, true);
    const uint32_t bytes = dns_message_write(message, &(struct dns_words){.name = "a.test"});

    datagram_write(&b->sent, CLIENT_A, DNS, message, bytes);
    frame_data(&b->sent)[20] = 0x20;
    frame_fix_ip_checksum(&b->sent);
    frame_read(&b->sent);
    bench_put(b, SIDE_CLIENT);
    dropped(b, fragment);
    datagram_write(&b->sent, CLIENT_A, "192.0.2.1:4433", message, bytes);
    frame_data(&b->sent)[20] = 0x20;
    frame_fix_ip_checksum(&b->sent);
    frame_read(&b->sent);
    bench_put(b, SIDE_CLIENT);
    passes(b);
    bench_end(b);
}

Test(udp, a_tag_that_somebody_strips_is_no_way_round)
{
    struct bench *b = dns_bench(SETTING_ATTACK, true);
    static const uint8_t tag[4] = {0x81, 0, 0, 9};

    datagram_write(&b->sent, CLIENT_A, DNS, message,
                   dns_message_write(message, &(struct dns_words){.name = "a.test"}));
    frame_insert(&b->sent, 12, tag, sizeof(tag));
    frame_read(&b->sent);
    bench_put(b, SIDE_CLIENT);
    dropped(b, unreadable);
    bench_end(b);
}

/* --- when it begins -------------------------------------------------------------------------- */

/* `count` queries in a second, each of another source; those for which `answered` says so are
 * answered, with that code. */
static void flood(struct bench *b, uint32_t count, uint32_t answered_of_8, uint8_t rcode)
{
    static uint32_t source;
    char client[40];

    for (uint32_t i = 0; i < count; i++, source++) {
        snprintf(client, sizeof(client), "10.%u.%u.%u:5000", source >> 16 & 255, source >> 8 & 255,
                 source & 255);
        asks(b, client, DNS, (uint16_t)i);
        bench_forget(b);
        if (i % 8 < answered_of_8 && b->verdict.action == VERDICT_FORWARD) {
            answers(b, DNS, client, (uint16_t)i, rcode);
            bench_forget(b);
        }
        b->now_us += SECOND_US / count;
    }
}

Test(udp, queries_that_it_does_not_answer_begin_an_attack)
{
    struct bench *b = dns_bench(SETTING_AUTO, true);

    flood(b, 100, 8, 0);
    cr_assert_eq(udp_server(b, DNS)->mode, MODE_NORMAL);
    flood(b, 1000, 2, 0);
    cr_assert_eq(udp_server(b, DNS)->mode, MODE_ATTACK);
    cr_assert_eq(udp_server(b, DNS)->cause, TRIGGER_OUTSTANDING);
    cr_assert_eq(bench_server(b, DNS)->mode, MODE_NORMAL, "over TCP it is not attacked");
    bench_end(b);
}

Test(udp, ten_times_the_usual_begins_one)
{
    struct bench *b = dns_bench(SETTING_AUTO, true);

    for (int second = 0; second < 14; second++)
        flood(b, 100, 8, 0);
    flood(b, 900, 8, 0);
    cr_assert_eq(udp_server(b, DNS)->mode, MODE_NORMAL);
    flood(b, 4000, 8, 0);
    cr_assert_eq(udp_server(b, DNS)->mode, MODE_ATTACK);
    cr_assert_eq(udp_server(b, DNS)->cause, TRIGGER_QUERY_RATE);
    bench_end(b);
}

Test(udp, names_that_are_not_there_begin_one)
{
    struct bench *b = dns_bench(SETTING_AUTO, true);

    for (int second = 0; second < 14; second++)
        flood(b, 100, 8, second % 2 ? DNS_NO_SUCH_NAME : 0);
    cr_assert_eq(udp_server(b, DNS)->mode, MODE_NORMAL);
    flood(b, 800, 8, DNS_NO_SUCH_NAME);
    cr_assert_eq(udp_server(b, DNS)->mode, MODE_ATTACK);
    cr_assert_eq(udp_server(b, DNS)->cause, TRIGGER_NO_SUCH_NAME);
    bench_end(b);
}

/* Who was told to come over TCP and does not is the attack; who does is none. */
Test(udp, those_who_do_not_come_back_keep_the_mode)
{
    struct bench *b = dns_bench(SETTING_ATTACK, true);
    struct server *server = udp_server(b, DNS);
    const uint32_t before = rate_sum(&server->counts.unanswered, b->now_us);

    asks(b, CLIENT_A, DNS, 1);
    asks(b, CLIENT_A, DNS, 2);
    bench_forget(b);
    cr_assert_eq(rate_sum(&server->counts.unanswered, b->now_us), before + 1, "a source is one");
    proves(b, CLIENT_B);
    cr_assert_eq(rate_sum(&server->counts.unanswered, b->now_us), before + 1);
    proves(b, CLIENT_A);
    cr_assert_eq(rate_sum(&server->counts.unanswered, b->now_us), before);
    bench_end(b);
}

Test(udp, those_who_may_come_by_another_bridge_are_not_counted)
{
    struct bench *b = dns_bench(SETTING_ATTACK, true);
    struct server *server = udp_server(b, DNS);

    engine_set_bridges(b->engine, 2);
    asks(b, CLIENT_A, DNS, 1);
    bench_forget(b);
    cr_assert_eq(rate_sum(&server->counts.unanswered, b->now_us), 0);
    bench_end(b);
}

/* --- what belongs to all --------------------------------------------------------------------- */

Test(udp, two_sources_do_not_use_up_what_belongs_to_all)
{
    struct bench *b = dns_bench(SETTING_AUTO, true);
    uint32_t usual;

    for (int second = 0; second < 14; second++)
        flood(b, 800, 8, 0);
    usual = trigger_usual_queries(&udp_server(b, DNS)->counts) / 2;
    cr_assert_gt(usual, 8 * 50);
    engine_set_setting(b->engine, NULL, SETTING_ATTACK, b->now_us);
    proves(b, CLIENT_A);
    proves(b, CLIENT_B);
    proves(b, CLIENT_C);
    cr_assert_eq(passed_of(b, CLIENT_A, 2000), usual / 8);
    cr_assert_eq(passed_of(b, CLIENT_B, 2000), usual / 8);
    cr_assert_eq(passed_of(b, CLIENT_C, 2000), usual / 8);
    bench_end(b);
}
