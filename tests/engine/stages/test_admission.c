/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of engine/stages/admission.c: a client without a flow, judged by one segment alone (rule
 * 1 to 4).
 *
 * It is longer than most: rules 1 to 4 judge a single segment, and each way that one can be wrong
 * has its test.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "engine/stages/greeting.h"
#include "engine/tcp/cookie.h"
#include "tests/engine/support_engine.h"

/* What the client may do next depends on nothing that we remember of it. */
static void no_flow(struct bench *b)
{
    cr_assert_str_eq(bench_flow_state(b), "none");
    nothing(b);
}

/* --- SYN ------------------------------------------------------------------------------------- */

Test(admission, syn_is_answered_as_the_server_would)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    client_says(b, .flags = "S", .seq = X, .options = OFFERS, .ip_id = 99);
    replied(b);
    to_client(b, .flags = "S.", .seq = ANY, .ack = X + 1, .window = 65160, .options = OFFERS,
              .ttl = 63);
    cr_assert_eq(frame_ip_id(&b->seen.view), 0);
    cr_assert(frame_df(&b->seen.view));
    no_flow(b);
    cr_assert_eq(bench_counters(b)->cookies_syn, 1);
    cr_assert_eq(bench_counters(b)->cookies_sent, 1);
    bench_end(b);
}

Test(admission, nothing_is_granted_that_was_not_offered)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    client_says(b, .flags = "S", .seq = X);
    to_client(b, .flags = "S.", .seq = ANY, .ack = X + 1, .options = "mss=1460");
    client_says(b, .flags = "SEWA", .seq = X,
                .options = "mss=1460"); /* accurate ECN falls back to classic */
    to_client(b, .flags = "S.E", .seq = ANY, .ack = X + 1, .options = "mss=1460");
    client_says(b, .flags = "SE", .seq = X, .options = "mss=1460");
    to_client(b, .flags = "S.", .seq = ANY, .ack = X + 1, .options = "mss=1460");
    client_says(b, .flags = "SEW", .seq = X, .options = "mss=1460 ws=9 nop");
    to_client(b, .flags = "S.E", .seq = ANY, .ack = X + 1, .options = "mss=1460 nop ws=7");
    bench_end(b);
}

/* A server without DF that counts its IP IDs. */
Test(admission, ipv4_without_df_and_with_ids)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint16_t first;

    bench_policy(b, HTTP)->now.synack.df = false;
    bench_policy(b, HTTP)->now.synack.ip_id = IP_ID_INCREMENT;
    client_says(b, .flags = "S", .seq = X, .options = OFFERS);
    to_client(b, .flags = "S.", .seq = ANY, .ack = X + 1, .options = OFFERS, .may_fragment = true);
    first = frame_ip_id(&b->seen.view);
    client_says(b, .flags = "S", .seq = X, .options = OFFERS);
    to_client(b, .flags = "S.", .seq = ANY, .ack = X + 1, .options = OFFERS, .may_fragment = true);
    cr_assert_eq(frame_ip_id(&b->seen.view), (uint16_t)(first + 1));
    bench_end(b);
}

/* 19 and 29: only the server itself can sign an answer (RFC 2385, RFC 5925). */
/* A few are passed on, for the server to answer; the others get the RST that it would send. */
Test(admission, clients_of_a_port_that_nobody_listens_on_are_refused)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    const struct server_key server = bench_policy(b, HTTP)->key;
    unsigned passed = 0;

    engine_set_listening(b->engine, &server, false, b->now_us);
    client_says(b, .flags = "S", .seq = X, .options = OFFERS);
    to_client(b, .flags = "S.", .seq = ANY, .ack = X + 1,
              .options = OFFERS); /* not fresh: not believed */
    engine_listening_fresh(b->engine, b->now_us);
    for (unsigned i = 0; i < 50; i++) {
        client_says(b, .flags = "S", .seq = X + i, .options = OFFERS);
        if (b->verdict.action == VERDICT_FORWARD)
            passed++, to_server(b, .flags = "S", .seq = X + i, .options = OFFERS);
        else
            to_client(b, .flags = "R.", .seq = 0, .ack = X + i + 1);
    }
    cr_expect_eq(passed, 10);
    cr_expect_eq(bench_counters(b)->drops[DROP_unlistened], 40);
    engine_set_listening(b->engine, &server, true, b->now_us);
    client_says(b, .flags = "S", .seq = X, .options = OFFERS);
    to_client(b, .flags = "S.", .seq = ANY, .ack = X + 1, .options = OFFERS);
    bench_end(b);
}

/* --- servers in doubt, without anybody's word on who listens ---------------------------------- */

/* In normal mode SYNs of these clients are met with a RST. */
static void refused(struct bench *b, const char *from)
{
    client_says(b, .from = from, .flags = "S", .seq = X, .options = OFFERS);
    take(b, SIDE_SERVER);
    server_says(b, .to = from, .flags = "R.", .seq = 0, .ack = X + 1);
    take(b, SIDE_CLIENT);
}

/* How many of 50 SYNs of this client are passed on; the others get a RST. */
static unsigned passed_of_50(struct bench *b, const char *from)
{
    unsigned passed = 0;

    for (unsigned i = 0; i < 50; i++) {
        client_says(b, .from = from, .flags = "S", .seq = X + i, .options = OFFERS);
        if (b->verdict.action == VERDICT_FORWARD)
            passed++, to_server(b, .from = from, .flags = "S", .seq = X + i, .options = OFFERS);
        else
            to_client(b, .to = from, .flags = "R.", .seq = 0, .ack = X + i + 1);
    }
    return passed;
}

static void answered(struct bench *b, const char *from)
{
    client_says(b, .from = from, .flags = "S", .seq = X, .options = OFFERS);
    to_client(b, .to = from, .flags = "S.", .seq = ANY, .ack = X + 1, .options = OFFERS);
}

Test(admission, clients_of_a_server_that_refuses_are_refused)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    refused(b, "10.1.1.1:7777");
    refused(b, "10.1.1.2:7777");
    refused(b, "10.1.1.3:7777");
    engine_set_setting(b->engine, NULL, SETTING_ATTACK, b->now_us);
    answered(b, "10.1.2.1:7777"); /* of another network */
    cr_assert_eq(passed_of_50(b, "10.1.1.9:7777"), 10);
    bench_wait(b, SECOND_US);
    /* It comes back: one of those that pass is answered. */
    client_says(b, .from = "10.1.1.9:7779", .flags = "S", .seq = X, .options = OFFERS);
    to_server(b, .from = "10.1.1.9:7779", .flags = "S", .seq = X, .options = OFFERS);
    server_says(b, .to = "10.1.1.9:7779", .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    take(b, SIDE_CLIENT);
    client_says(b, .from = "10.1.1.9:7779", .flags = ".", .seq = X + 1, .ack = Y + 1);
    take(b, SIDE_SERVER);
    answered(b, "10.1.1.9:7780");
    bench_end(b);
}

Test(admission, refusals_of_two_networks_count_for_all)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    refused(b, "10.1.1.1:7777");
    refused(b, "10.1.1.2:7777");
    refused(b, "10.1.2.1:7777");
    engine_set_setting(b->engine, NULL, SETTING_ATTACK, b->now_us);
    cr_assert_eq(passed_of_50(b, "10.9.9.9:7777"), 10);
    bench_end(b);
}

/* A right request of this client, to a server that does not answer. */
static void unheard(struct bench *b, const char *from)
{
    client_says(b, .from = from, .flags = "S", .seq = X, .options = OFFERS);
    to_client(b, .to = from, .flags = "S.", .seq = ANY, .ack = X + 1, .options = OFFERS);
    client_says(b, .from = from, .flags = "P.", .seq = X + 1, .ack = b->seen.view.seq + 1,
                .payload = REQUEST);
    held(b);
    to_server(b, .from = from, .flags = "S", .seq = X, .options = OFFERS);
}

Test(admission, clients_of_a_silent_server_are_ignored_but_for_a_few)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    unsigned passed = 0, met = 0, ignored = 0;

    unheard(b, "10.1.1.1:7777");
    unheard(b, "10.1.2.1:7777");
    bench_wait(b, SECOND_US * 29 / 10);
    bench_forget(b);
    answered(b, "10.1.3.1:7777");
    bench_wait(b, SECOND_US / 5);
    bench_forget(b);
    for (unsigned i = 0; i < 50; i++) {
        client_says(b, .from = "10.1.3.2:7777", .flags = "S", .seq = X + i, .options = OFFERS);
        passed += b->verdict.action == VERDICT_FORWARD;
        met += b->verdict.action == VERDICT_REPLY;
        ignored += b->verdict.action == VERDICT_DROP;
        bench_forget(b);
    }
    cr_assert_eq(passed, 1);
    cr_assert_eq(met, 10);
    cr_assert_eq(ignored, 39);
    cr_assert_eq(bench_counters(b)->drops[DROP_silent], 39);
    /* The one that passed is answered: all are, again. */
    server_says(b, .to = "10.1.3.2:7777", .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    take(b, SIDE_CLIENT);
    answered(b, "10.1.3.9:7777");
    bench_end(b);
}

/* Who is banned there cannot use up what others prove us wrong by. */
Test(admission, banned_networks_keep_a_server_in_doubt_from_nobody)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    unheard(b, "10.1.1.1:7777");
    unheard(b, "10.1.2.1:7777");
    bench_wait(b, SECOND_US * 31 / 10);
    bench_forget(b);
    for (unsigned i = 0; i < 500; i++) {
        client_says(b, .from = i % 2 ? "10.1.1.2:7777" : "10.1.2.2:7777", .flags = "S",
                    .seq = X + i, .options = OFFERS);
        bench_forget(b);
    }
    client_says(b, .from = "10.1.3.1:7777", .flags = "S", .seq = X, .options = OFFERS);
    to_server(b, .from = "10.1.3.1:7777", .flags = "S", .seq = X, .options = OFFERS);
    server_says(b, .to = "10.1.3.1:7777", .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    take(b, SIDE_CLIENT);
    answered(b, "10.1.3.9:7777");
    bench_end(b);
}

/* The SYN of a new connection of 10.2.`network`.1: how it was met. */
static enum verdict_action syn_of(struct bench *b, unsigned network, unsigned port)
{
    char from[32];

    snprintf(from, sizeof(from), "10.2.%u.1:%u", network, 1000 + port);
    client_says(b, .from = from, .flags = "S", .seq = X, .options = OFFERS);
    bench_forget(b);
    return b->verdict.action;
}

static struct bench *silent_server(void)
{
    struct engine_config config;
    struct bench *b;

    bench_config(&config);
    config.flows_max = config.sources_max = 1024;
    b = bench_new_sized(SETTING_ATTACK, &config);
    unheard(b, "10.1.1.1:7777");
    unheard(b, "10.1.2.1:7777");
    bench_wait(b, SECOND_US * 31 / 10);
    bench_forget(b);
    return b;
}

#define BANNED  14
#define MANY    40
#define STEP_US 20000

/* In each of these steps one of so many banned networks asks again, as their hosts do for each of
 * two connections a second. */
static void banned_ask_on(struct bench *b, unsigned networks, unsigned from, unsigned to)
{
    for (unsigned step = from; step < to; step++) {
        syn_of(b, step % networks, step);
        bench_wait(b, STEP_US);
        bench_forget(b);
    }
}

/* Who is banned comes again, a stranger comes once: more networks than are let in a second. */
Test(admission, many_banned_networks_keep_a_server_in_doubt_from_no_stranger)
{
    struct bench *b = silent_server();

    banned_ask_on(b, BANNED, 0, 50);
    for (unsigned i = 0; i < 40; i++) {
        banned_ask_on(b, BANNED, 50 + 11 * i, 61 + 11 * i);
        cr_assert_neq(syn_of(b, 100 + i, 0), VERDICT_DROP, "stranger %u", i);
    }
    bench_end(b);
}

/* Its network is a stranger's again, although it has had one within a minute. */
Test(admission, whom_the_server_has_answered_is_none_of_the_banned)
{
    struct bench *b = silent_server();

    banned_ask_on(b, MANY, 0, 60);
    client_says(b, .from = "10.2.99.1:7777", .flags = "S", .seq = X, .options = OFFERS);
    to_server(b, .from = "10.2.99.1:7777", .flags = "S", .seq = X, .options = OFFERS);
    server_says(b, .to = "10.2.99.1:7777", .flags = "S.", .seq = Y, .ack = X + 1,
                .options = OFFERS);
    take(b, SIDE_CLIENT);
    unheard(b, "10.1.3.1:7777");
    unheard(b, "10.1.4.1:7777");
    bench_wait(b, SECOND_US * 31 / 10);
    bench_forget(b);
    banned_ask_on(b, MANY, 60, 400);
    for (unsigned step = 400; step < 400 + MANY; step++) /* all that is theirs */
        syn_of(b, step % MANY, step);
    cr_assert_neq(syn_of(b, 99, 0), VERDICT_DROP);
    bench_end(b);
}

Test(admission, refused_networks_keep_a_server_in_doubt_from_nobody)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    refused(b, "10.1.1.1:7777");
    refused(b, "10.1.1.2:7777");
    refused(b, "10.1.2.1:7777");
    engine_set_setting(b->engine, NULL, SETTING_ATTACK, b->now_us);
    passed_of_50(b, "10.1.1.9:7777");
    client_says(b, .from = "10.1.3.1:7777", .flags = "S", .seq = X, .options = OFFERS);
    to_server(b, .from = "10.1.3.1:7777", .flags = "S", .seq = X, .options = OFFERS);
    bench_end(b);
}

/* The server answers others: what fails is not the server. */
Test(admission, a_server_that_answers_somebody_is_not_silent)
{
    struct engine_config config;
    struct bench *b;

    engine_config_defaults(&config);
    config.openings_max = 64; /* room for the bytes of all three */
    b = bench_new_sized(SETTING_ATTACK, &config);
    unheard(b, "10.1.1.1:7777");
    unheard(b, "10.1.2.1:7777");
    bench_wait(b, SECOND_US);
    bench_forget(b);
    open_http(b, OFFERS, OFFERS);
    bench_wait(b, SECOND_US * 5 / 2);
    bench_forget(b);
    for (unsigned i = 0; i < 50; i++)
        answered(b, "10.1.3.2:7777");
    bench_end(b);
}

#define TCP_AO "hex=1d0c010100000000000000000000"

Test(admission, signed_syns_pass_under_a_limit)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    const char *kinds[] = {"mss=1460 md5", "mss=1460 " TCP_AO};
    unsigned passed = 0;

    bench_policy(b, HTTP)->signs = OPTION_AUTHENTICATED;
    for (int i = 0; i < 500; i++) {
        client_says(b, .flags = "S", .seq = X, .options = kinds[i % 2]);
        cr_assert_neq(b->verdict.action, VERDICT_REPLY);
        if (b->verdict.action == VERDICT_FORWARD)
            passed++, to_server(b, .flags = "S", .seq = X, .options = kinds[i % 2]);
    }
    cr_assert_eq(passed, 100);
    dropped(b, open_limit);
    bench_wait(b, SECOND_US);
    client_says(b, .flags = "S", .seq = X, .options = kinds[0]);
    forwarded(b);
    to_server(b, .flags = "S", .seq = X, .options = kinds[0]);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = "mss=1460 md5");
    to_client(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = "mss=1460 md5");
    client_says(b, .flags = ".", .seq = X + 1, .ack = Y + 1, .options = "md5");
    to_server(b, .flags = ".", .seq = X + 1, .ack = Y + 1, .options = "md5");
    cr_assert_str_eq(bench_flow_state(b), "established");
    bench_end(b);
}

/*
 * A host that does not know the option answers as if it was not there, and so do we: what it would
 * answer must not reach it. One that signs in one way may not know the other.
 */
Test(admission, signed_syns_are_answered_plainly_where_the_server_does_not_sign_so)
{
    static const struct {
        uint8_t signs;
        const char *options;
        bool passes;
    } syns[] = {
        {0, "mss=1460 md5", false},         {0, "mss=1460 " TCP_AO, false},
        {OPTION_MD5, "mss=1460 md5", true}, {OPTION_MD5, "mss=1460 " TCP_AO, false},
        {OPTION_MD5, "md5 " TCP_AO, false}, {OPTION_AO, "mss=1460 " TCP_AO, true},
        {OPTION_AO, "mss=1460 md5", false},
    };

    for (size_t i = 0; i < sizeof(syns) / sizeof(syns[0]); i++) {
        struct bench *b = bench_new(SETTING_ATTACK);

        bench_policy(b, HTTP)->signs = syns[i].signs;
        client_says(b, .flags = "S", .seq = X, .options = syns[i].options);
        if (syns[i].passes)
            to_server(b, .flags = "S", .seq = X, .options = syns[i].options);
        else
            to_client(b, .flags = "S.", .seq = ANY, .ack = X + 1, .options = "mss=1460");
        nothing(b);
        client_says(b, .to = STRANGER, .flags = "S", .seq = X, .options = syns[i].options);
        take(b, SIDE_SERVER); /* not known: no server, no wall */
        bench_end(b);
    }
}

Test(admission, unknown_options_are_not_reflected)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    client_says(b, .flags = "S", .seq = X,
                .options = "mss=1460 hex=1e0c00810102030405060708 hex=fd04f989");
    to_client(b, .flags = "S.", .seq = ANY, .ack = X + 1, .options = "mss=1460");
    client_says(b, .flags = "S", .seq = X, .options = "mss=1460 fastopen nop nop");
    to_client(b, .flags = "S.", .seq = ANY, .ack = X + 1, .options = "mss=1460");
    client_says(b, .flags = "S", .seq = X, .options = "mss=1460 hex=03000000");
    to_client(b, .flags = "S.", .seq = ANY, .ack = X + 1, .options = "mss=1460");
    bench_end(b);
}

Test(admission, data_on_a_syn_is_not_acknowledged)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    client_says(b, .flags = "S", .seq = X, .options = OFFERS, .payload = REQUEST);
    to_client(b, .flags = "S.", .seq = ANY, .ack = X + 1, .options = OFFERS);
    no_flow(b);
    bench_end(b);
}

Test(admission, flags_that_make_no_sense)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    static const char *const flags[] = {"", "F", "P", "U", "FPU", "SF", "S.", "SF."};

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        client_says(b, .flags = flags[i], .seq = X, .ack = 1, .options = OFFERS);
        dropped(b, bad_segment);
    }
    client_says(b, .flags = "SR", .seq = X, .options = OFFERS);
    cr_assert_eq(b->verdict.action, VERDICT_DROP);
    client_says(b, .flags = "R", .seq = X);
    dropped(b, answered);
    no_flow(b);
    bench_end(b);
}

Test(admission, wrong_checksum_is_never_answered)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = get_cookie(b, OFFERS);

    client_builds(b, .flags = "S", .seq = X, .options = OFFERS);
    frame_tcp(&b->sent.view)[16] ^= 1;
    bench_put(b, SIDE_CLIENT);
    dropped(b, bad_checksum);
    client_builds(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = REQUEST);
    frame_tcp(&b->sent.view)[30] ^= 1;
    bench_put(b, SIDE_CLIENT);
    dropped(b, bad_checksum);
    client_builds(b, .flags = ".", .seq = X + 1, .ack = c + 1);
    frame_data(&b->sent)[14 + 10] ^= 1;
    bench_put(b, SIDE_CLIENT);
    dropped(b, bad_checksum);
    no_flow(b);
    bench_end(b);
}

/* --- what cannot be judged ------------------------------------------------------------------- */

Test(admission, fragments_to_an_attacked_address_are_dropped)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    client_builds(b, .flags = ".", .seq = X, .ack = 1, .payload = "fragment");
    frame_data(&b->sent)[14 + 6] = 0x20;
    frame_fix_ip_checksum(&b->sent);
    bench_put(b, SIDE_CLIENT);
    dropped(b, fragment);
    b->damaged = true;
    client_builds(b, .to = "192.0.2.77:80", .flags = ".", .seq = X, .ack = 1,
                  .payload = "fragment");
    frame_data(&b->sent)[14 + 6] = 0x20;
    frame_fix_ip_checksum(&b->sent);
    bench_put(b, SIDE_CLIENT);
    forwarded(b);
    take(b, SIDE_SERVER);
    server_builds(b, .flags = ".", .seq = X, .ack = 1, .payload = "fragment");
    frame_data(&b->sent)[14 + 6] = 0x20;
    frame_fix_ip_checksum(&b->sent);
    bench_put(b, SIDE_SERVER);
    forwarded(b);
    take(b, SIDE_CLIENT);
    bench_end(b);
}

Test(admission, malformed_segments_to_an_attacked_address_are_dropped)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    for (int attacked = 1; attacked >= 0; attacked--) {
        client_builds(b, .to = attacked ? HTTP6 : "[2001:db8::77]:80", .from = CLIENT6,
                      .flags = ".", .seq = X);
        frame_tcp(&b->sent.view)[12] = 0x40;
        bench_put(b, SIDE_CLIENT);
        if (attacked) {
            dropped(b, bad_segment);
        } else {
            forwarded(b);
            take(b, SIDE_SERVER);
        }
    }
    bench_end(b);
}

/* --- the client answers ---------------------------------------------------------------------- */

Test(admission, bare_ack_is_counted_once)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = get_cookie(b, OFFERS);

    for (int i = 0; i < 3; i++) {
        client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1);
        dropped(b, answered);
    }
    cr_assert_eq(bench_counters(b)->cookies_accepted, 1);
    no_flow(b);
    bench_end(b);
}

static uint32_t silent_now(struct bench *b)
{
    return rate_sum(&bench_server(b, HTTP)->counts.silent, b->now_us);
}

/* On the short way, and behind a tag, which no short way takes: who keeps silent counts until it
 * has asked, rightly or wrongly. */
Test(admission, who_has_asked_is_silent_no_more)
{
    static const char *const requests[] = {REQUEST, "\x13"
                                                    "BitTorrent"};

    for (unsigned i = 0; i < 4; i++) {
        struct bench *b = bench_new(SETTING_ATTACK);
        const uint16_t tag = i < 2 ? 0 : 0x6000; /* a priority alone */
        uint32_t c = get_cookie(b, OFFERS);

        client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1, .window = 502, .vlan = {tag});
        dropped(b, answered);
        cr_assert_eq(silent_now(b), 1);
        client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .window = 502,
                    .payload = requests[i % 2], .vlan = {tag});
        take(b, i % 2 ? SIDE_CLIENT : SIDE_SERVER);
        cr_assert_eq(silent_now(b), 0, "way %u", i);
        cr_assert_eq(rate_sum(&bench_server(b, HTTP)->counts.handshakes, b->now_us), 1);
        bench_end(b);
    }
}

/* The same address and port behind a tag is another server: what is answered for one is not
 * answered for the other. */
Test(admission, a_server_is_found_by_its_vlan_too)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    /* The profile is that of the tagged one; of the other nothing is known, so that it grants no
     * timestamps. */
    bench_policy(b, HTTP)->key.vlan.id[0] = VLAN_PRESENT | 5;
    engine_adopt_policy(b->engine, b->policy, b->now_us);
    for (uint16_t round = 0; round < 6; round++) {
        const bool tagged = round % 2 != 0;

        bench_client(b, round);
        b->vlan[0] = tagged ? 5 : 0;
        get_cookie(b, "mss=1460 sack ts=1/0 nop ws=7");
        cr_assert_eq((b->seen_options.present & OPTION_TIMESTAMPS) != 0, tagged, "round %u", round);
    }
    bench_end(b);
}

/* What a shard keeps of a server's cookies is made of what all shards have alike. */
Test(admission, cookie_of_one_shard_is_good_in_another)
{
    struct bench *one = bench_new(SETTING_ATTACK), *other;
    struct engine_config config;
    uint32_t c;

    bench_config(&config);
    config.table_seed[0]++;
    config.shards = 2;
    other = bench_new_sized(SETTING_ATTACK, &config);
    cr_assert_neq(get_cookie(other, "mss=1400 nop nop ts=5/0"), 0u); /* its own keys are made */
    c = get_cookie(one, OFFERS);
    client_says(other, .flags = ".", .seq = X + 1, .ack = c + 1);
    dropped(other, answered);
    cr_assert_eq(bench_counters(other)->cookies_accepted, 1);
    bench_end(one);
    bench_end(other);
}

/* Another policy is adopted, with another promise: the keys that are kept follow, for both promises
 * and in both epochs. */
Test(admission, cookies_follow_the_promise)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    struct server_policy *http = bench_policy(b, HTTP);
    uint32_t first = get_cookie(b, OFFERS), second;

    http->before = http->now;
    http->has_before = true;
    http->before_until_us = b->now_us + COOKIE_LIFETIME_US;
    http->now.generation++;
    engine_adopt_policy(b->engine, b->policy, b->now_us);
    second = get_cookie(b, OFFERS);
    cr_assert_neq(first, second);
    for (unsigned epochs = 0; epochs < 2; epochs++) {
        client_says(b, .flags = ".", .seq = X + 1, .ack = first + 1);
        dropped(b, answered);
        client_says(b, .flags = ".", .seq = X + 1, .ack = second + 1);
        dropped(b, answered);
        bench_wait(b, COOKIE_EPOCH_US);
    }
    client_says(b, .flags = ".", .seq = X + 1, .ack = first + 1);
    to_server(b, .flags = ".", .seq = X + 1, .ack = first + 1); /* a stray */
    bench_end(b);
}

/* Odd stacks send a bare ACK with a few zero bytes where data is due; the request that follows
 * wins. */
Test(admission, zero_padding_is_a_bare_ack)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = get_cookie(b, OFFERS);

    client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1, .payload = "\0\0\0\0\0\0",
                .payload_bytes = 6);
    dropped(b, answered);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = REQUEST);
    held(b);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    bench_end(b);
}

Test(admission, zeros_that_are_pushed_or_many_are_data)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    static const uint8_t zeros[9];
    uint32_t c = get_cookie(b, OFFERS);

    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = zeros, .payload_bytes = 6);
    to_client(b, .flags = "R", .seq = c + 1, .window_closed = true);
    client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1, .payload = zeros, .payload_bytes = 9);
    to_client(b, .flags = "R", .seq = c + 1, .window_closed = true);
    cr_assert_eq(bench_counters(b)->drops[DROP_mismatch], 2);
    bench_end(b);
}

/* What is kept never changes: it may have been acknowledged. */
Test(admission, first_bytes_win_in_a_slot)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = get_cookie(b, OFFERS);

    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = "PO");
    held(b);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = "GE");
    to_client(b, .flags = ".", .seq = c + 1, .ack = X + 3);
    client_says(b, .flags = "P.", .seq = X + 3, .ack = c + 1, .payload = "ST / HTTP/1.1\r\n\r\n");
    held(b);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = "POST / HTTP/1.1\r\n\r\n");
    bench_end(b);
}

/* The same bytes once more: acknowledged at once, and no server is opened for them. */
Test(admission, unchanged_beginning_is_acknowledged)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = get_cookie(b, OFFERS);

    for (int i = 0; i < 5; i++) {
        client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = "GE");
        if (i == 0)
            held(b);
        else
            to_client(b, .flags = ".", .seq = c + 1, .ack = X + 3);
    }
    cr_assert_eq(bench_counters(b)->requests_need_more, 1);
    bench_end(b);
}

Test(admission, prefix_has_its_share_of_slots)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    for (uint16_t port = 1; port <= 5; port++) { /* of 64, a sixteenth */
        bench_client(b, port);
        uint32_t c = get_cookie(b, OFFERS);

        client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = "GE");
    }
    cr_assert_eq(bench_counters(b)->flows_kept, 4);
    cr_assert_eq(bench_counters(b)->drops[DROP_slots_full], 1);
    bench_end(b);
}

Test(admission, fin_behind_half_a_request_is_reset)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = get_cookie(b, OFFERS);

    client_says(b, .flags = "PF.", .seq = X + 1, .ack = c + 1, .payload = "GE");
    to_client(b, .flags = "R", .seq = c + 1, .window_closed = true);
    no_flow(b);
    bench_end(b);
}

Test(admission, keepalive_and_probe_are_answered)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = get_cookie(b, OFFERS);

    client_says(b, .flags = ".", .seq = X, .ack = c + 1);
    to_client(b, .flags = ".", .seq = c + 1, .ack = X + 1, .window = 65160 >> 7, .ttl = 63);
    client_says(b, .flags = ".", .seq = X, .ack = c + 1, .payload = "\0", .payload_bytes = 1);
    to_client(b, .flags = ".", .seq = c + 1, .ack = X + 1, .window = 65160 >> 7);
    no_flow(b);
    bench_end(b);
}

Test(admission, leaving_before_asking)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = get_cookie(b, OFFERS);

    client_says(b, .flags = "F.", .seq = X + 1, .ack = c + 1);
    to_client(b, .flags = "F.", .seq = c + 1, .ack = X + 2);
    client_says(b, .flags = ".", .seq = X + 2, .ack = c + 2);
    dropped(b, answered);
    cr_assert_eq(bench_counters(b)->cookies_rejected, 0);
    no_flow(b);
    bench_end(b);
}

Test(admission, leaving_with_timestamps)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = get_cookie(b, "mss=1460 sack ts=100/0 nop ws=7"), tsval = b->seen_options.tsval;

    cr_assert_eq(b->seen_options.tsecr, 100);
    client_says(b, .flags = "F.", .seq = X + 1, .ack = c + 1, .options = ts(150, tsval));
    to_client(b, .flags = "F.", .seq = c + 1, .ack = X + 2, .options = ANY_OPTIONS);
    cr_assert_eq(b->seen_options.tsecr, 150);
    cr_assert_geq(b->seen_options.tsval, tsval);
    bench_end(b);
}

/* A greeted service says G and FIN in one segment; its last ACK is then met with silence. */
Test(admission, leaving_a_service_that_greets)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c;

    b->server = POP3;
    c = get_cookie(b, OFFERS);
    client_says(b, .flags = "F.", .seq = X + 1, .ack = c + 1);
    to_client(b, .flags = "FP.", .seq = c + 1, .ack = X + 2, .payload = GREETING);
    client_says(b, .flags = ".", .seq = X + 2, .ack = c + 1 + GREETING_LENGTH + 1);
    dropped(b, answered);
    bench_wait(b, 10 * SECOND_US);
    nothing(b);
    bench_end(b);
}

Test(admission, leaving_after_the_greeting)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c, said;

    b->server = POP3;
    c = get_cookie(b, OFFERS);
    said = c + 1 + GREETING_LENGTH;
    client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1);
    to_client(b, .flags = "P.", .seq = c + 1, .ack = X + 1, .payload = GREETING);
    client_says(b, .flags = "F.", .seq = X + 1, .ack = said);
    to_client(b, .flags = "F.", .seq = said, .ack = X + 2);
    bench_wait(b, 10 * SECOND_US);
    nothing(b);
    bench_end(b);
}

Test(admission, reset_ends_the_greeting)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c;

    b->server = POP3;
    c = get_cookie(b, OFFERS);
    client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1);
    to_client(b, .flags = "P.", .seq = c + 1, .ack = X + 1, .payload = GREETING);
    client_says(b, .flags = "R", .seq = X + 2);
    dropped(b, answered);
    bench_wait(b, SECOND_US);
    to_client(b, .flags = "P.", .seq = c + 1, .ack = X + 1, .payload = GREETING);
    client_says(b, .flags = "R", .seq = X + 1);
    dropped(b, answered);
    bench_wait(b, 10 * SECOND_US);
    nothing(b);
    bench_end(b);
}

/* A source has its share of the ring: over it G is said, but not again. */
Test(admission, greeting_over_a_sources_share_is_said_once)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t again = 0;

    b->server = POP3;
    for (uint16_t port = 1; port <= 100; port++) {
        bench_client(b, port);
        uint32_t c = get_cookie(b, OFFERS);

        client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1);
        to_client(b, .flags = "P.", .seq = c + 1, .ack = X + 1, .payload = GREETING);
    }
    bench_wait(b, SECOND_US + SECOND_US / 2);
    for (; b->queued > 0; again++)
        take(b, SIDE_CLIENT);
    cr_assert_leq(again, 1024 / 16);
    cr_assert_gt(again, 0);
    bench_end(b);
}

/* POP3, and an address that was greeted as often as it may be in a second. */
static struct bench *greeted_enough(void)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    b->server = POP3;
    for (uint16_t port = 1; port <= GREETINGS_PER_SOURCE; port++) {
        bench_client(b, port);
        uint32_t c = get_cookie(b, OFFERS);

        client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1);
        to_client(b, .flags = "P.", .seq = c + 1, .ack = X + 1, .payload = GREETING);
        client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1 + GREETING_LENGTH);
    }
    return b;
}

/* One more. Its cookie. */
static uint32_t one_too_many(struct bench *b, uint16_t more, bool by_the_kernel)
{
    uint32_t c;

    bench_client(b, (uint16_t)(GREETINGS_PER_SOURCE + more));
    c = get_cookie(b, OFFERS);
    if (by_the_kernel)
        bench_forget_synack(b);
    client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1);
    return c;
}

/* SYNs from everywhere: the ring of SYN-ACKs has room for 256. */
static void flood_synacks(struct bench *b)
{
    const char *own = b->client;
    char client[64];

    for (unsigned i = 0; i < 3000; i++) {
        snprintf(client, sizeof(client), "198.18.%u.%u:%u", i >> 8, i & 255, 1000 + i);
        b->client = client;
        get_cookie(b, OFFERS);
    }
    b->client = own;
}

/* What comes due may be of a flood as well: true, when the client is asked again. */
static bool is_asked_again(struct bench *b, uint32_t c)
{
    bool asked = false;

    bench_wait(b, SECOND_US + 1000);
    while (b->queued > 0)
        asked |= take(b, SIDE_CLIENT)->seq == c;
    return asked;
}

/* It waits for a word and repeats nothing by itself: its SYN-ACK comes again, whether somebody
 * remembers the first or not, and beside a flood. */
Test(admission, who_cannot_be_greeted_now_is_asked_again)
{
    for (int by_the_kernel = 0; by_the_kernel < 2; by_the_kernel++) {
        struct bench *b = greeted_enough();
        uint32_t c = one_too_many(b, 1, by_the_kernel);

        dropped(b, open_limit);
        flood_synacks(b);
        cr_assert(is_asked_again(b, c));
        client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1);
        to_client(b, .flags = "P.", .seq = c + 1, .ack = X + 1, .payload = GREETING);
        bench_end(b);
    }
}

/* A source has its share of those who wait; who is beyond that need not wait in vain. */
Test(admission, who_can_neither_be_greeted_nor_remembered_is_reset)
{
    struct bench *b = greeted_enough();
    uint32_t c;

    /* What others send in its name takes nothing from it. */
    for (uint16_t port = 2000; port < 2300; port++) {
        bench_client(b, port);
        get_cookie(b, OFFERS);
    }
    for (uint16_t more = 1; more <= 256 / 16; more++) {
        one_too_many(b, more, false);
        dropped(b, open_limit);
    }
    c = one_too_many(b, 256 / 16 + 1, false);
    to_client(b, .flags = "R", .seq = c + 1, .window_closed = true);
    bench_end(b);
}

/* --- no cookie ------------------------------------------------------------------------------- */

/* Connections older than we are: a small rate is let through, and what the server says to them
 * waits. */
Test(admission, strays_are_let_through_at_a_small_rate)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    unsigned passed = 0;

    for (uint16_t port = 1; port <= 300; port++) {
        bench_client(b, port);
        client_says(b, .flags = ".", .seq = 7777, .ack = 8888);
        if (b->verdict.action == VERDICT_FORWARD)
            passed++, to_server(b, .flags = ".", .seq = 7777, .ack = 8888);
    }
    dropped(b, bad_cookie);
    cr_assert_eq(passed, 100);
    cr_assert_eq(bench_counters(b)->cookies_rejected, 300);
    cr_assert_eq(bench_counters(b)->drops[DROP_bad_cookie], 200);
    bench_end(b);
}

Test(admission, reset_for_a_stray_waits_three_seconds)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    client_says(b, .flags = "P.", .seq = 7777, .ack = 8888, .payload = "a");
    to_server(b, .flags = "P.", .seq = 7777, .ack = 8888, .payload = "a");
    server_says(b, .flags = "R", .seq = 8888);
    dropped(b, swallowed);
    bench_wait(b, 2900000);
    client_says(b, .flags = "P.", .seq = 7777, .ack = 8888, .payload = "a");
    to_server(b, .flags = "P.", .seq = 7777, .ack = 8888, .payload = "a");
    server_says(b, .flags = "R", .seq = 8888);
    dropped(b, swallowed);
    bench_wait(b, 200000);
    client_says(b, .flags = "P.", .seq = 7777, .ack = 8888, .payload = "a");
    to_server(b, .flags = "P.", .seq = 7777, .ack = 8888, .payload = "a");
    server_says(b, .flags = "R", .seq = 8888);
    to_client(b, .flags = "R", .seq = 8888);
    bench_end(b);
}

Test(admission, server_that_knows_a_stray_makes_it_a_flow)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    client_says(b, .flags = "P.", .seq = 7777, .ack = 8888, .payload = "a");
    to_server(b, .flags = "P.", .seq = 7777, .ack = 8888, .payload = "a");
    server_says(b, .flags = ".", .seq = 8888, .ack = 7778);
    to_client(b, .flags = ".", .seq = 8888, .ack = 7778);
    cr_assert_str_eq(bench_flow_state(b), "picked-up");
    client_says(b, .flags = "P.", .seq = 7778, .ack = 8888, .payload = "b");
    to_server(b, .flags = "P.", .seq = 7778, .ack = 8888, .payload = "b");
    cr_assert_str_eq(bench_flow_state(b), "established", "both have spoken");
    bench_end(b);
}

/* The second segment of a first flight comes first: 3 s after a good cookie nothing is let through,
 * of its first window nothing for a minute. */
Test(admission, reordered_first_flight_is_not_let_through)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = get_cookie(b, OFFERS);

    client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1);
    client_says(b, .flags = "P.", .seq = X + 1461, .ack = c + 1, .payload = "tail");
    dropped(b, bad_cookie);
    bench_wait(b, 2900000);
    client_says(b, .flags = "P.", .seq = X + 1461, .ack = c + 1, .payload = "tail");
    dropped(b, bad_cookie);
    client_says(b, .flags = "P.", .seq = X + 70000, .ack = c + 1, .payload = "tail");
    dropped(b, bad_cookie);
    bench_wait(b, 3100000);
    client_says(b, .flags = "P.", .seq = X + 1461, .ack = c + 1, .payload = "tail");
    dropped(b, bad_cookie);
    client_says(b, .flags = "P.", .seq = X + 70000, .ack = c + 1, .payload = "tail");
    to_server(b, .flags = "P.", .seq = X + 70000, .ack = c + 1, .payload = "tail");
    bench_end(b);
}

/* --- limits, and servers of which less is known ---------------------------------------------- */

/* Opens `wanted` connections by cookie, from one source or from as many; returns how many SYNs the
 * server got. */
static unsigned open_by_cookie(struct bench *b, uint16_t wanted, bool one_source)
{
    unsigned opened = 0;

    for (uint16_t i = 0; i < wanted; i++) {
        char client[32];

        snprintf(client, sizeof(client), "%s.%u.%u:%u", one_source ? "198.51" : "203.0",
                 one_source ? 1 : i >> 8, one_source ? 1 : i & 255, 1000 + i);
        b->client = client;
        uint32_t c = get_cookie(b, OFFERS);

        client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1);
        if (b->verdict.action == VERDICT_HOLD) {
            opened++, to_server(b, .flags = "S", .seq = X, .options = OFFERS);
            continue;
        }
        to_client(b, .flags = "R", .seq = c + 1, .window_closed = true);
    }
    b->client = CLIENT;
    return opened;
}

static struct bench *bench_with_room(void)
{
    struct engine_config config;

    bench_config(&config);
    config.flows_max = 4096;
    config.openings_max = 1024;
    config.sources_max = 4096;
    return bench_new_sized(SETTING_ATTACK, &config);
}

Test(admission, openings_are_limited_for_each_source)
{
    struct bench *b = bench_with_room();

    bench_policy(b, HTTP)->opening = OPENING_COOKIE;
    cr_assert_eq(open_by_cookie(b, 300, true), 200);
    cr_assert_eq(bench_counters(b)->drops[DROP_open_limit], 100);
    bench_end(b);
}

Test(admission, openings_are_limited_for_each_server)
{
    struct bench *b = bench_with_room();

    bench_policy(b, HTTP)->opening = OPENING_COOKIE;
    cr_assert_eq(open_by_cookie(b, 1200, false), 1000);
    cr_assert_eq(bench_counters(b)->drops[DROP_open_limit], 200);
    bench_end(b);
}

Test(admission, limits_of_the_policy_count)
{
    struct bench *b = bench_with_room();

    bench_policy(b, HTTP)->opening = OPENING_COOKIE;
    bench_policy(b, HTTP)->open_per_second = 7;
    bench_policy(b, HTTP)->open_per_source_per_second = 3;
    cr_assert_eq(open_by_cookie(b, 20, true), 3);
    bench_wait(b, 2 * SECOND_US);
    while (b->queued > 0)
        take(b, b->queue[0].to);
    cr_assert_eq(open_by_cookie(b, 20, false), 7);
    bench_end(b);
}

/* Profiled, but not armed: its SYN-ACK as learned so far, opened after a good cookie. */
Test(admission, profiled_but_not_armed)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    struct server_policy *policy = bench_policy(b, HTTP);
    uint32_t c;

    policy->armed = false;
    policy->opening = OPENING_COOKIE;
    policy->protocols = 0;
    policy->now.synack.sack = CAPABILITY_UNKNOWN;
    client_says(b, .flags = "S", .seq = X, .options = OFFERS);
    to_client(b, .flags = "S.", .seq = ANY, .ack = X + 1, .options = "mss=1460 nop ws=7");
    c = b->seen.view.seq;
    client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1);
    held(b);
    to_server(b, .flags = "S", .seq = X, .options = "mss=1460 nop ws=7");
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = "mss=1460 nop ws=7");
    to_server(b, .flags = ".", .seq = X + 1, .ack = Y + 1);
    server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 1, .payload = "220 mine");
    to_client(b, .flags = "P.", .seq = c + 1, .ack = X + 1, .payload = "220 mine");
    bench_end(b);
}

/* A client that is known to speak first waits for nothing. */
Test(admission, opened_by_cookie_only_with_a_request)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c;

    bench_policy(b, HTTP)->opening = OPENING_COOKIE_REQUEST;
    c = get_cookie(b, OFFERS);
    client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1);
    dropped(b, answered);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = "anything");
    held(b);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    bench_end(b);
}

/* Not profiled at all: MSS 1460 or 1440, scale 7, SACK, no timestamps, no ECN; opened after a good
 * cookie. */
Test(admission, server_without_a_profile)
{
    struct bench *b = bench_new(SETTING_NORMAL);
    uint32_t c;

    b->server = STRANGER;
    client_says(b, .flags = "S", .seq = X);
    to_server(b, .flags = "S", .seq = X);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1);
    to_client(b, .flags = "S.", .seq = Y, .ack = X + 1);
    engine_set_setting(b->engine, NULL, SETTING_ATTACK, b->now_us);
    bench_client(b, 9);
    client_says(b, .flags = "SEW", .seq = X, .options = "mss=1400 sack ts=1/0 nop ws=2");
    to_client(b, .flags = "S.", .seq = ANY, .ack = X + 1, .window = 64240, .options = OFFERS);
    c = b->seen.view.seq;
    client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1);
    held(b);
    to_server(b, .flags = "S", .seq = X, .options = "mss=1300 nop nop sack nop ws=2");
    bench_end(b);
}

/* A port that was never seen answering may be anything: its SYNs pass. */
Test(admission, port_that_never_answered_passes)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    b->server = "192.0.2.1:3000";
    client_says(b, .flags = "S", .seq = X, .options = OFFERS);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    server_says(b, .flags = "R.", .seq = 0, .ack = X + 1);
    to_client(b, .flags = "R.", .seq = 0, .ack = X + 1);
    bench_end(b);
}

Test(admission, server_that_is_never_protected)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    bench_policy(b, HTTP)->opening = OPENING_PASS;
    handshake(b, OFFERS, OFFERS);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = "anything");
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = "anything");
    cr_assert_eq(bench_counters(b)->cookies_sent, 0);
    bench_end(b);
}

/* --- around the segment ---------------------------------------------------------------------- */

static void tagged(uint16_t outer, uint16_t inner)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    struct server_key key = flow_key_server(&(struct flow_key){0});
    uint32_t c;

    /* The policy knows the server without tags; under a tag it is another one, known by its
     * SYN-ACK. */
    endpoint_read(HTTP, &key.addr, &key.port);
    b->vlan[0] = outer, b->vlan[1] = inner;
    engine_set_setting(b->engine, NULL, SETTING_NORMAL, b->now_us);
    handshake(b, OFFERS, OFFERS);
    engine_set_setting(b->engine, NULL, SETTING_ATTACK, b->now_us);
    bench_client(b, 3);
    c = get_cookie(b, OFFERS);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = REQUEST);
    held(b);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = REQUEST);
    server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 19, .payload = "HTTP/1.1 200");
    to_client(b, .flags = "P.", .seq = c + 1, .ack = X + 19, .payload = "HTTP/1.1 200");
    bench_end(b);
}

Test(admission, vlan_tags_are_kept_with_their_priority)
{
    tagged(0xa064, 0);
    tagged(0x6064, 0x3005);
}

Test(admission, ipv6_and_its_flow_label)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c, label;

    b->client = CLIENT6, b->server = POP3_6;
    client_says(b, .flags = "S", .seq = X, .options = "mss=1440", .flow_label = 0x12345, .ttl = 55);
    to_client(b, .flags = "S.", .seq = ANY, .ack = X + 1, .options = "mss=1440", .ttl = 63);
    c = b->seen.view.seq;
    label = frame_flow_label(&b->seen.view);
    cr_assert_neq(label, 0);
    bench_wait(b, SECOND_US);
    to_client(b, .flags = "S.", .seq = c, .ack = X + 1, .options = "mss=1440", .flow_label = label);
    client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1, .flow_label = 0x12345, .ttl = 55);
    to_client(b, .flags = "P.", .seq = c + 1, .ack = X + 1, .payload = GREETING,
              .flow_label = label);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 12, .payload = USER,
                .flow_label = 0x12345, .ttl = 55);
    to_server(b, .flags = "S", .seq = X, .options = "mss=1440", .flow_label = 0x12345, .ttl = 55);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = "mss=1440");
    to_server(b, .flags = ".", .seq = X + 1, .ack = Y + 1, .flow_label = 0x12345, .ttl = 55);
    server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 1, .payload = GREETING);
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 12, .payload = USER, .flow_label = 0x12345,
              .ttl = 55);
    bench_end(b);
}
