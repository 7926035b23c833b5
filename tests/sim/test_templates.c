/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_templates.c - rule 2.4 where the greeting changes: the real one is as long as it likes,
 * and both ends are joined at the end of the greetings, delta = c + g - y - g'. G is "+OK mail
 * ready 9:59:58\r\n", g = 24; compared are its first 15 bytes and its last two.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/sim/rng.h"
#include "tests/sim/steps.h"

#define SAID   "+OK mail ready 9:59:58\r\n"
#define LONGER "+OK mail ready 10:00:01\r\n" /* 25 bytes */
#define SHORT  "+OK mail ready 1\r\n"        /* 18 bytes */

static struct server_policy template_policy(const char *addr, const char *said, uint16_t prefix,
                                            uint16_t suffix, const struct tcp_settings *settings)
{
    struct server_policy policy = fixture_greet(addr, POP3_PORT, said, settings);
    policy.now.greeting_template = true;
    policy.now.greeting_prefix = prefix;
    policy.now.greeting_suffix = suffix;
    return policy;
}

static struct scenario *template_scenario(void)
{
    struct tcp_settings settings = tcp_settings_default(true);
    struct server_policy policy = template_policy(SERVER_V4, SAID, 15, 2, &settings);
    struct scenario *s = scenario_new(SETTING_ATTACK, fixture_policy(&policy, 1));
    scenario_connection(s, CLIENT_V4, 40000, SERVER_V4, POP3_PORT);
    return s;
}

/* Greeted, asked, and its server has accepted: the real greeting is awaited. */
static void step_awaiting(struct scenario *s)
{
    step_syn(s);
    inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val t1 ecr 110> | " SAID);
    inject(s, CLIENT, "P. x+1 ack c+25 win 502 <nop,nop,TS val 130 ecr t1> | USER sim\r\n");
    expect(s, SERVER, "S x:x(0) win * ttl 57 <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    expect(s, SERVER, ". x+1 ack y+1 win * <nop,nop,TS val 130 ecr 5000>");
    expect_nothing(s);
}

Test(templates, rule_2_4_longer_greeting_is_aligned_at_its_end)
{
    struct scenario *s = template_scenario();
    step_awaiting(s);
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 130> | " LONGER);
    expect(s, SERVER, "P. x+1 ack y+26 win 502 <nop,nop,TS val 130 ecr 5001> | USER sim\r\n");
    expect_nothing(s);
    inject(s, SERVER, "P. y+26 ack x+11 win 509 <nop,nop,TS val 5010 ecr 130> | +OK\r\n");
    expect(s, CLIENT, "P. c+25 ack x+11 win 509 <nop,nop,TS val * ecr 130> | +OK\r\n");
    inject(s, CLIENT, ". x+11 ack c+30 win 502 <nop,nop,TS val 140 ecr t1>");
    expect(s, SERVER, ". x+11 ack y+31 win 502 <nop,nop,TS val 140 ecr *>");
    expect_count(s, greetings_unequal, 0);
    scenario_end(s);
}

Test(templates, rule_2_4_shorter_greeting_is_aligned_at_its_end)
{
    struct scenario *s = template_scenario();
    step_awaiting(s);
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 130> | " SHORT);
    expect(s, SERVER, "P. x+1 ack y+19 win 502 <nop,nop,TS val 130 ecr 5001> | USER sim\r\n");
    /* an ACK from before the whole greeting was there stands below the server's numbers */
    inject(s, CLIENT, ". x+11 ack c+1 win 502 <nop,nop,TS val 131 ecr t1>");
    expect(s, SERVER, ". x+11 ack y+19 win 502 <nop,nop,TS val 131 ecr *>");
    inject(s, SERVER, "P. y+19 ack x+11 win 509 <nop,nop,TS val 5010 ecr 130> | +OK\r\n");
    expect(s, CLIENT, "P. c+25 ack x+11 win 509 <nop,nop,TS val * ecr 130> | +OK\r\n");
    scenario_end(s);
}

/* Its length tells where the client's bytes begin, so it is kept until its line has ended. */
Test(templates, rule_2_4_in_pieces_each_acknowledged)
{
    struct scenario *s = template_scenario();
    step_awaiting(s);
    inject(s, SERVER, ". y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 130> | +OK mai");
    expect(s, SERVER, ". x+1 ack y+8 win * <nop,nop,TS val 130 ecr 5001>");
    inject(s, SERVER, ". y+5 ack x+1 win 509 <nop,nop,TS val 5002 ecr 130> | mail ready 10");
    expect(s, SERVER, ". x+1 ack y+18 win * <nop,nop,TS val 130 ecr 5002>");
    inject(s, SERVER,
           ". y+20 ack x+1 win 509 <nop,nop,TS val 5003 ecr 130> | 0:01\r\n"); /* a gap */
    expect(s, SERVER, ". x+1 ack y+18 win * <nop,nop,TS val 130 ecr *>");
    inject(s, SERVER, ". y+1 ack x+1 win 509 <nop,nop,TS val 5004 ecr 130> | +OK mai"); /* again */
    expect(s, SERVER, ". x+1 ack y+18 win * <nop,nop,TS val 130 ecr *>");
    inject(s, SERVER, "P. y+18 ack x+1 win 509 <nop,nop,TS val 5005 ecr 130> | :00:01\r\n+OK");
    expect(s, SERVER, "P. x+1 ack y+26 win 502 <nop,nop,TS val 130 ecr 5005> | USER sim\r\n");
    expect(s, CLIENT, "P. c+25 ack x+1 win 509 <nop,nop,TS val * ecr *> | +OK");
    scenario_end(s);
}

Test(templates, rule_2_4_in_a_super_frame_with_more_behind_it)
{
    struct scenario *s = template_scenario();
    static uint8_t data[9000];
    memset(data, 'm', sizeof data);
    memcpy(data, LONGER, 25);
    step_awaiting(s);
    s->payload = data;
    inject(s, SERVER, "P. y+1:y+9001(9000) ack x+1 win 509 gso 1448 <nop,nop,TS val 5001 ecr 130>");
    s->payload = NULL;
    expect(s, SERVER, "P. x+1 ack y+26 win 502 <nop,nop,TS val 130 ecr 5001> | USER sim\r\n");
    expect(s, CLIENT, "P. c+25:c+9000(8975) ack x+1 win 509 gso 1448 <nop,nop,TS val * ecr 130>");
    scenario_end(s);
}

Test(templates, rule_2_4_repeated_after_the_splice_is_swallowed)
{
    struct scenario *s = template_scenario();
    step_awaiting(s);
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 130> | " LONGER);
    expect(s, SERVER, "P. x+1 ack y+26 win 502 <nop,nop,TS val 130 ecr 5001> | USER sim\r\n");
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5201 ecr 130> | " LONGER);
    expect(s, SERVER, ". x+11 ack y+26 win * <nop,nop,TS val * ecr 5201>");
    inject(s, SERVER, "P. y+20 ack x+11 win 509 <nop,nop,TS val 5202 ecr 130> | 0:01\r\n+OK\r\n");
    expect(s, CLIENT, "P. c+25 ack x+11 win 509 <nop,nop,TS val * ecr 130> | +OK\r\n");
    expect_nothing(s);
    scenario_end(s);
}

/* RFC 2883: a copy of G reported by the client names bytes that the server never had, below y+1+g',
 * or below y. */
Test(templates, rule_2_4_sack_below_it_becomes_nops)
{
    struct scenario *s = template_scenario();
    step_awaiting(s);
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 130> | " SHORT);
    expect(s, SERVER, "P. x+1 ack y+19 win 502 <nop,nop,TS val 130 ecr 5001> | USER sim\r\n");
    inject(
        s, CLIENT,
        ". x+11 ack c+25 win 502 <nop,nop,TS val 140 ecr t1,nop,nop,sack c+1:c+25 c+1473:c+2921>");
    expect(s, SERVER,
           ". x+11 ack y+19 win 502 <nop,nop,TS val 140 ecr 5001,nop,nop,sack y+1467:y+2915,"
           "nop,nop,nop,nop,nop,nop,nop,nop>");
    scenario_end(s);
}

/* Who talked before G reached it gets G beside the flow, at c+1, whatever the real one was. */
Test(templates, rule_2_4_said_beside_the_flow_where_the_client_has_it_not)
{
    struct scenario *s = template_scenario();
    step_syn(s);
    inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val * ecr 110> | " SAID); /* lost */
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | USER sim\r\n");
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    expect(s, SERVER, ". x+1 ack y+1 win * <nop,nop,TS val 120 ecr 5000>");
    pass(s, 1010000);
    expect(s, CLIENT,
           "P. c+1 ack x+1 win * <nop,nop,TS val * ecr *> | " SAID); /* while it is awaited */
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 6001 ecr 120> | " LONGER);
    expect(s, SERVER, "P. x+1 ack y+26 win 502 <nop,nop,TS val 120 ecr 6001> | USER sim\r\n");
    inject(s, SERVER, "P. y+26 ack x+11 win 509 <nop,nop,TS val 6010 ecr 120> | +OK\r\n");
    expect(s, CLIENT, "P. c+25 ack x+11 win 509 <nop,nop,TS val * ecr 120> | +OK\r\n");
    inject(s, CLIENT, ". x+11 ack c+1 win 502 <nop,nop,TS val 1200 ecr t>"); /* it asks for it */
    expect(s, CLIENT, "P. c+1 ack x+1 win * <nop,nop,TS val * ecr 1200> | " SAID);
    expect(s, SERVER, ". x+11 ack y+26 win 502 <nop,nop,TS val 1200 ecr *>");
    inject(s, CLIENT, ". x+11 ack c+30 win 502 <nop,nop,TS val 1210 ecr t>");
    expect(s, SERVER, ". x+11 ack y+31 win 502 <nop,nop,TS val 1210 ecr *>");
    pass(s, 10000000);
    scenario_end(s);
}

static void expect_refused(struct scenario *s, bool negative)
{
    expect(s, CLIENT, "R. c+25:c+25(0) ack *");
    expect(s, SERVER, "R x+1:x+1(0)");
    expect_nothing(s);
    expect_count(s, greetings_unequal, 1);
    expect_count(s, flows_pending, 0);
    cr_assert_eq(s->middle->observed[OBSERVED_GREETING], 1);
    cr_assert_eq(s->middle->negative_greetings, negative ? 1 : 0);
    scenario_end(s);
}

static void expect_unequal(const char *first, const char *second, bool negative)
{
    struct scenario *s = template_scenario();
    char text[200];
    step_awaiting(s);
    snprintf(text, sizeof text, ". y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 130> | %s", first);
    inject(s, SERVER, text);
    if (second) {
        scenario_drain(s);
        snprintf(text, sizeof text, "P. y+%zu ack x+1 win 509 <nop,nop,TS val 5002 ecr 130> | %s",
                 strlen(first) + 1, second);
        inject(s, SERVER, text);
    }
    expect_refused(s, negative);
}

Test(templates, rule_2_4_another_greeting_resets_both_ends)
{
    expect_unequal("+OK other mail 9:59:58\r\n", NULL, false);
    expect_unequal("+OK mail re", "fused 10:00:01\r\n", false); /* differs in its second piece */
    expect_unequal("+OK ma", "\r\n", false);                    /* ends within the prefix */
    expect_unequal("220 mail ready\r\n", NULL, false);
    expect_unequal("+OK mail ready 9:59:58\n", NULL, false); /* its end is another */
}

/* One that comes byte by byte must not look like a change: three clients with tiny windows could
 * disarm. */
Test(templates, rule_2_4_refusals_blame_this_client_alone)
{
    expect_unequal("-ERR too many\r\n", NULL, true);
    expect_unequal("-", NULL, true);
    expect_unequal("-ER", NULL, true);
}

/* Without an end there is no greeting: 1,400 bytes are kept, and no more. */
Test(templates, rule_2_4_line_without_end_is_given_up)
{
    struct scenario *s = template_scenario();
    static uint8_t data[1500];
    memset(data, 'm', sizeof data);
    memcpy(data, "+OK mail ready ", 15);
    step_awaiting(s);
    s->payload = data;
    inject(s, SERVER, ". y+1:y+401(400) ack x+1 win 509 <nop,nop,TS val 5001 ecr 130>");
    expect(s, SERVER, ". x+1 ack y+401 win * <nop,nop,TS val 130 ecr 5001>");
    s->payload = data + 400;
    inject(s, SERVER, ". y+401:y+1401(1000) ack x+1 win 509 <nop,nop,TS val 5001 ecr 130>");
    s->payload = NULL;
    expect_refused(s, false);
}

/* --- SSH: the identification, exact, and what stands behind it ------------------------------- */

#define BANNER "SSH-2.0-dropbear_2022.83\r\n" /* 26 bytes */

/* Its KEXINIT comes in the same segment (Dropbear): the greeting is the line, the rest is the
 * client's. */
Test(templates, rule_2_4_ssh_keys_behind_the_identification_are_passed_on)
{
    struct tcp_settings settings = tcp_settings_default(true);
    struct server_policy policy = fixture_greet(SERVER_V4, POP3_PORT, BANNER, &settings);
    policy.greeting_protocol = PROTOCOL_SSH;
    policy.protocols = 1ull << PROTOCOL_SSH;
    policy.greeting_grace_us = 5000;
    struct scenario *s = scenario_new(SETTING_ATTACK, fixture_policy(&policy, 1));
    scenario_connection(s, CLIENT_V4, 40000, SERVER_V4, POP3_PORT);
    step_syn(s);
    inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
    expect_nothing(s); /* it may speak by itself: the grace */
    pass(s, 6000);
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val t1 ecr 110> | " BANNER);
    inject(s, CLIENT, "P. x+1 ack c+27 win 502 <nop,nop,TS val 130 ecr t1> | SSH-2.0-PuTTY\r\n");
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    expect(s, SERVER, ". x+1 ack y+1 win * <nop,nop,TS val 130 ecr 5000>");
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 130> | " BANNER "KEXINIT");
    expect(s, SERVER, "P. x+1 ack y+27 win 502 <nop,nop,TS val 130 ecr 5001> | SSH-2.0-PuTTY\r\n");
    expect(s, CLIENT, "P. c+27 ack x+1 win 509 <nop,nop,TS val * ecr 130> | KEXINIT");
    scenario_end(s);
}

/* A client that speaks within the grace is greeted by its server alone. */
Test(templates, rule_2_1_who_speaks_within_the_grace_hears_the_server_itself)
{
    struct tcp_settings settings = tcp_settings_default(true);
    struct server_policy policy = fixture_greet(SERVER_V4, POP3_PORT, POP3_PROMISE, &settings);
    policy.greeting_grace_us = 5000;
    struct scenario *s = scenario_new(SETTING_ATTACK, fixture_policy(&policy, 1));
    scenario_connection(s, CLIENT_V4, 40000, SERVER_V4, POP3_PORT);
    step_syn(s);
    inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
    pass(s, 2000);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 112 ecr t> | USER sim\r\n");
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    scenario_drain(s);
    expect_count(s, requests_matched, 1);
    scenario_end(s);
}

/* --- whole sessions over links that lose, repeat and reorder --------------------------------- */

static void add_session(struct world *world, struct rng *rng, uint32_t i)
{
    struct session *session = world_session(world, i % 2 == 0, (uint16_t)(40000 + i), POP3_PORT);
    char greeting[64] = "+OK mail ready ";
    uint32_t words = rng_below(rng, 30);
    for (uint32_t at = 0; at < words; at++)
        greeting[15 + at] = (char)('0' + rng_below(rng, 10));
    memcpy(greeting + 15 + words, "\r\n", 3);
    session_pop3(session, greeting, rng_below(rng, 20000), i + 1);
    session_expect_greeting(session, SAID);
    if (rng_chance(rng, 500000)) {
        session->manner.greeting_cut = 1 + rng_below(rng, 15 + words);
        session->manner.greeting_gap_us = rng_below(rng, 400000);
    }
    session->manner.early_talk = rng_chance(rng, 300000);
    session_start(session, rng_below(rng, 2000000));
}

Test(templates, rule_2_4_any_length_over_lossy_links, .timeout = 120)
{
    const uint64_t seed = fixture_seed(20261122);
    for (uint64_t round = 0; round < 20; round++) {
        struct tcp_settings settings = tcp_settings_default(round % 2 == 0);
        struct server_policy policies[2] = {template_policy(SERVER_V4, SAID, 15, 2, &settings),
                                            template_policy(SERVER_V6, SAID, 15, 2, &settings)};
        struct middle *middle = middle_new(NULL, WIRE_START_US);
        struct rng rng = {.state = seed + round};
        struct world world;
        engine_set_setting(middle->engine, NULL, SETTING_ATTACK, WIRE_START_US);
        middle_adopt(middle, fixture_policy(policies, 2), WIRE_START_US);
        world_open_at(&world, seed + round, middle, WIRE_START_US, &settings, &settings);
        const uint32_t part = (uint32_t)(round % 4) * 10000;
        const struct link link = {
            .latency_us = 500, .loss = part, .duplicates = part, .reorders = part};
        wire_set_links(world.wire, &link);
        for (uint32_t i = 0; i < 30; i++)
            add_session(&world, &rng, i);
        cr_assert(world_run(&world, 600000000), "SIM_SEED=%llu, round %llu",
                  (unsigned long long)seed, (unsigned long long)round);
        for (const struct session *session = world.stage.sessions; session; session = session->next)
            cr_assert(session_done(session), "port %u, SIM_SEED=%llu, round %llu",
                      session->client_port, (unsigned long long)seed, (unsigned long long)round);
        cr_assert_eq(world_counters(&world)->greetings_unequal, 0);
        world_expect_empty(&world);
        world_close(&world);
    }
}
