/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_keywords.c - keywords in attack mode: a poisoned index of a P2P network sends real clients,
 * each with an address of its own and a request that is right in every other way, to a server that
 * does not have what they want.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/siege.h"
#include "engine/tables/slots.h"
#include "tests/sim/steps.h"

#define POISONED 2000u
#define RIGHT    200u

#define BEGIN   "\023BitTorrent protocol"
#define FLAGS   "........"
#define HASH    "aaaaaaaaaaaaaaaaaaaa" /* what the server has */
#define OTHER   "bbbbbbbbbbbbbbbbbbbb" /* what the index says that it has */
#define PEER_ID "-TR3000-abcdefghijkl"

static void know(struct server_policy *policy, enum keyword_kind kind, const char *name)
{
    policy->check_keywords = true;
    memcpy(policy->keywords.key, "key of the tests", KEYWORD_KEY_BYTES);
    keyword_filter_add(&policy->keywords, kind, (const uint8_t *)name, strlen(name));
}

/* --- the poisoned index ---------------------------------------------------------------------- */

static struct siege *peers_of_a_poisoned_index(bool keywords)
{
    struct siege *siege = siege_new(NULL);
    struct server_policy *policy = siege_policy(siege, HTTP_PORT);
    struct server_key key = {.port = HTTP_PORT};

    siege->rtt_us = 40000;
    siege->requests[KIND_HONEST] = BEGIN FLAGS HASH PEER_ID;
    siege->requests[KIND_WRONG] = BEGIN FLAGS OTHER PEER_ID;
    policy->protocols = 1u << PROTOCOL_BITTORRENT;
    if (keywords)
        know(policy, KEYWORD_INFO_HASH, HASH);
    siege_known(siege, HTTP_PORT);
    cr_assert(addr_from_text(SERVER_V4, &key.addr));
    engine_set_mode(siege->middle->engine, &key, MODE_ATTACK, TRIGGER_NONE, 0, siege->now_us);
    for (uint32_t i = 0; i < POISONED; i++) {
        siege_client(siege, KIND_WRONG, true, HTTP_PORT);
        if (i % (POISONED / RIGHT) == 0)
            siege_client(siege, KIND_HONEST, true, HTTP_PORT);
        siege_wait(siege, 1000);
    }
    siege_wait(siege, 10 * SECOND_US);
    return siege;
}

Test(keywords, poisoned_index_the_server_sees_nobody_who_asks_for_what_it_lacks)
{
    struct siege *siege = peers_of_a_poisoned_index(true);
    const struct counters *counters = engine_counters(siege->middle->engine);

    cr_assert_eq(siege->begun[KIND_WRONG], POISONED);
    cr_assert_eq(siege->syns_at_server[KIND_WRONG], 0);
    cr_assert_eq(siege->accepted[KIND_WRONG], 0);
    cr_assert_eq(siege->reset[KIND_WRONG], POISONED);
    cr_assert_eq(siege->served[KIND_HONEST], RIGHT + 1, "and the one that came before the attack");
    cr_assert_eq(siege->reset[KIND_HONEST], 0);
    cr_assert_eq(counters->drops[DROP_keyword], POISONED);
    cr_assert_eq(counters->drops[DROP_mismatch], 0);
    cr_assert_eq(siege->asides, 0, "each has asked once");
    siege_end(siege);
}

/* What it would be without: they all are right clients of the protocol. */
Test(keywords, poisoned_index_protocol_alone_lets_them_all_in)
{
    struct siege *siege = peers_of_a_poisoned_index(false);

    cr_assert_eq(siege->accepted[KIND_WRONG], POISONED);
    cr_assert_eq(siege->served[KIND_HONEST], RIGHT + 1);
    siege_end(siege);
}

/* --- request by request ---------------------------------------------------------------------- */

static struct scenario *scenario_of(enum protocol_id protocol, enum keyword_kind kind,
                                    const char *name)
{
    struct tcp_settings settings = tcp_settings_default(true);
    struct server_policy policy = fixture_check(SERVER_V4, HTTP_PORT, protocol, &settings);
    struct scenario *s;

    know(&policy, kind, name);
    s = scenario_new(SETTING_ATTACK, fixture_policy(&policy, 1));
    step_handshake(s);
    return s;
}

#define OPENS(s) expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>")

Test(keywords, right_host_is_opened)
{
    struct scenario *s = scenario_of(PROTOCOL_HTTP, KEYWORD_HOST, "a");
    inject(
        s, CLIENT,
        "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | GET / HTTP/1.1\r\nHost: A:80\r\n\r\n");
    OPENS(s);
    expect_nothing(s);
    scenario_end(s);
}

Test(keywords, wrong_host_is_reset_and_counted)
{
    struct scenario *s = scenario_of(PROTOCOL_HTTP, KEYWORD_HOST, "a");
    inject(s, CLIENT,
           "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | GET / HTTP/1.1\r\nHost: b\r\n\r\n");
    expect(s, CLIENT, "R c+1 win *");
    expect_nothing(s);
    expect_count(s, drops[DROP_keyword], 1);
    expect_count(s, requests_mismatched, 1);
    scenario_end(s);
}

Test(keywords, wrong_protocol_is_no_wrong_keyword)
{
    struct scenario *s = scenario_of(PROTOCOL_HTTP, KEYWORD_HOST, "a");
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | SSH-2.0-x\r\n");
    expect(s, CLIENT, "R c+1 win *");
    expect_count(s, drops[DROP_mismatch], 1);
    expect_count(s, drops[DROP_keyword], 0);
    scenario_end(s);
}

Test(keywords, hash_in_the_second_segment)
{
    struct scenario *s = scenario_of(PROTOCOL_BITTORRENT, KEYWORD_INFO_HASH, HASH);
    s->payload = (const uint8_t *)BEGIN;
    inject(s, CLIENT, "P. x+1:x+21(20) ack c+1 win 502 <nop,nop,TS val 120 ecr t>");
    expect_nothing(s);
    expect_count(s, requests_need_more, 1);
    s->payload = (const uint8_t *)FLAGS HASH;
    inject(s, CLIENT, "P. x+21:x+49(28) ack c+1 win 502 <nop,nop,TS val 121 ecr t>");
    OPENS(s);
    expect_nothing(s);
    scenario_end(s);
}

Test(keywords, wrong_hash_in_the_second_segment)
{
    struct scenario *s = scenario_of(PROTOCOL_BITTORRENT, KEYWORD_INFO_HASH, HASH);
    s->payload = (const uint8_t *)BEGIN;
    inject(s, CLIENT, "P. x+1:x+21(20) ack c+1 win 502 <nop,nop,TS val 120 ecr t>");
    s->payload = (const uint8_t *)FLAGS OTHER;
    inject(s, CLIENT, "P. x+21:x+49(28) ack c+1 win 502 <nop,nop,TS val 121 ecr t>");
    expect(s, CLIENT, "R c+1 win *");
    expect_nothing(s);
    expect_count(s, drops[DROP_keyword], 1);
    scenario_end(s);
}

/* rule 1.3: what does not become decidable within 16 KiB is reset, and nobody is blamed. */
Test(keywords, name_that_does_not_come_within_16_kib)
{
    static uint8_t request[SLOT_BYTES];
    struct scenario *s = scenario_of(PROTOCOL_HTTP, KEYWORD_HOST, "a");

    memset(request, 'a', sizeof(request));
    memcpy(request, "GET / HTTP/1.1\r\nX: ", 19);
    for (uint32_t at = 0; at < sizeof(request); at += 1024) {
        char text[100];

        snprintf(text, sizeof(text), ". x+%u:x+%u(1024) ack c+1 win 502 <nop,nop,TS val 120 ecr t>",
                 1 + at, 1025 + at);
        s->payload = request + at;
        inject(s, CLIENT, text);
        if (at >= 2048 && at + 1024 < sizeof(request))
            expect(s, CLIENT, ". c+1 ack * win * <nop,nop,TS val * ecr 120>");
    }
    expect(s, CLIENT, "R c+1 win *");
    expect_count(s, drops[DROP_unfinished], 1);
    expect_count(s, requests_mismatched, 0);
    scenario_end(s);
}

Test(keywords, name_that_is_never_said)
{
    struct scenario *s = scenario_of(PROTOCOL_HTTP, KEYWORD_HOST, "a");
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | GET / HTTP/1.0\r\n\r\n");
    expect(s, CLIENT, "R c+1 win *");
    expect_count(s, drops[DROP_keyword], 1);
    scenario_end(s);
    s = scenario_of(PROTOCOL_HTTP, KEYWORD_HOST, "");
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | GET / HTTP/1.0\r\n\r\n");
    OPENS(s);
    scenario_end(s);
}
