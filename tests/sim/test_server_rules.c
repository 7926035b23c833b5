/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_server_rules.c - more of rule 2, rule by rule: what test_server_first.c leaves open. The
 * list is doc/engine-rules.md.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/sim/steps.h"

#define SECOND_US     1000000ull
#define GREETED_SLOTS 1024u /* greeted_max of middle.c */
#define SHARE         (GREETED_SLOTS / 16)

#define OFFER    "<mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>"
#define GRANT    "<mss 1460,sackOK,TS val t ecr 100,nop,wscale 7>"
#define OPENED   "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>"
#define ACCEPTED "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>"

static void pop3(struct scenario *s, const char *client, uint16_t port)
{
    scenario_connection(s, client, port, SERVER_V4, POP3_PORT);
}

/* A client of its own address says its SYN and ACK; G comes. Symbols: x, c, t, t1. */
static void greeted_client(struct scenario *s, uint32_t number)
{
    char addr[20];
    snprintf(addr, sizeof addr, "10.%u.%u.9", 1 + number % 200, number / 200);
    pop3(s, addr, (uint16_t)(2000 + number));
    step_syn(s);
    inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val t1 ecr 110> | " GREETING);
}

/* --- 2.1 ------------------------------------------------------------------------------------- */

/* A part of G would have an ack that proves nothing, and a real server waits for room. */
Test(server_first, rule_2_1_window_too_small_for_the_greeting_waits_for_room)
{
    struct scenario *s = attack_scenario();
    pop3(s, CLIENT_V4, 40000);
    inject(s, CLIENT, "S x:x(0) win 8 <mss 1460>");
    expect(s, CLIENT, "S. c:c(0) ack x+1 win 64240 <mss 1460>");
    inject(s, CLIENT, ". x+1 ack c+1 win 8");
    expect_nothing(s); /* and nothing for the server either */
    inject(s, CLIENT, ". x+1 ack c+1 win 11");
    expect(s, CLIENT, "P. c+1 ack x+1 win 65160 | " GREETING);
    expect_count(s, greetings_sent, 1);
    expect_count(s, flows_opened, 0);
    scenario_end(s);
}

Test(server_first, rule_2_1_syns_never_displace_greetings)
{
    struct scenario *s = attack_scenario();
    step_greeted(s);
    s->quiet = true;
    for (uint32_t i = 0; i < 20000; i++) {
        char addr[20];
        snprintf(addr, sizeof addr, "10.%u.%u.7", 1 + i % 200, i / 200);
        pop3(s, addr, (uint16_t)(1024 + i));
        inject(s, CLIENT, "S x:x(0) win 64240 " OFFER);
    }
    pass(s, SECOND_US + 10000);
    s->quiet = false;
    expect_count(s, greetings_resent, 1);
    s->quiet = true;
    pass(s, 2 * SECOND_US);
    s->quiet = false;
    expect_count(s, greetings_resent, 2);
    scenario_end(s);
}

Test(server_first, rule_2_1_source_over_its_share_is_greeted_once)
{
    struct scenario *s = attack_scenario();
    for (uint32_t i = 0; i < SHARE + 36; i++) {
        pop3(s, CLIENT_V4, (uint16_t)(2000 + i));
        step_syn(s);
        inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
        expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val t1 ecr 110> | " GREETING);
    }
    expect_count(s, greetings_sent, SHARE + 36);
    s->quiet = true;
    pass(s, SECOND_US + 10000);
    s->quiet = false;
    expect_count(s, greetings_resent, SHARE);
    /* the last one has no entry, and is served all the same */
    inject(s, CLIENT, "P. x+1 ack c+12 win 502 <nop,nop,TS val 1130 ecr t1> | USER sim\r\n");
    expect(s, SERVER, OPENED);
    scenario_end(s);
}

/* Whoever has the address now gets what its last owner's cookies draw. */
Test(server_first, rule_2_1_cookie_draws_no_greeting_after_its_reset)
{
    struct scenario *s = attack_scenario();
    step_greeted(s);
    for (int i = 0; i < 3; i++) {
        inject(s, CLIENT, "R x+1:x+1(0) win 0");
        inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
        expect_nothing(s);
        inject(s, CLIENT, ". x:x+1(1) ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
        scenario_drain(s); /* a keepalive is answered, by as many bytes */
    }
    expect_count(s, greetings_sent, 1);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 130 ecr t> | USER sim\r\n");
    expect(s, CLIENT, "R c+1:c+1(0)");
    pass(s, 10 * SECOND_US);
    expect_nothing(s);
    expect_count(s, greetings_resent, 0);
    scenario_end(s);
}

Test(server_first, rule_2_1_cookie_draws_no_greeting_after_the_ring_has_given_up)
{
    struct scenario *s = attack_scenario();
    step_greeted(s);
    s->quiet = true;
    pass(s, 8 * SECOND_US);
    s->quiet = false;
    expect_count(s, greetings_resent, 3);
    inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
    expect_nothing(s);
    /* Who asks is told, beside its opening. */
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 130 ecr t> | USER sim\r\n");
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val * ecr 130> | " GREETING);
    expect(s, SERVER, OPENED);
    scenario_end(s);
}

/* Its options are not sealed: with others it is the same cookie. */
Test(server_first, rule_2_1_cookie_draws_no_greeting_again_by_other_options)
{
    struct scenario *s = attack_scenario();
    step_greeted(s);
    s->quiet = true;
    pass(s, 8 * SECOND_US);
    s->quiet = false;
    inject(s, CLIENT, ". x+1 ack c+16777217 win 502 <nop,nop,TS val 110 ecr t>");
    expect_nothing(s);
    inject(s, CLIENT, ". x+1 ack c+33554433 win 502 <nop,nop,TS val 110 ecr t>");
    expect_nothing(s);
    inject(s, CLIENT, ". x+1 ack c+67108865 win 502 <nop,nop,TS val 110 ecr t>");
    expect_nothing(s);
    expect_count(s, greetings_sent, 1);
    scenario_end(s);
}

Test(server_first, rule_2_1_source_over_its_share_draws_each_greeting_once)
{
    struct scenario *s = attack_scenario();
    for (uint32_t i = 0; i <= SHARE; i++) {
        pop3(s, CLIENT_V4, (uint16_t)(2000 + i));
        step_syn(s);
        inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
        scenario_drain(s);
    }
    inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
    expect_nothing(s);
    expect_count(s, greetings_sent, SHARE + 1);
    scenario_end(s);
}

Test(server_first, rule_2_1_fin_draws_the_greeting_once)
{
    struct scenario *s = attack_scenario();
    pop3(s, CLIENT_V4, 40000);
    step_syn(s);
    inject(s, CLIENT, "F. x+1:x+1(0) ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
    expect(s, CLIENT, "FP. c+1 ack x+2 win 509 <nop,nop,TS val * ecr 110> | " GREETING);
    inject(s, CLIENT, "F. x+1:x+1(0) ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
    expect(s, CLIENT, "F. c+1:c+1(0) ack x+2 win 509 <nop,nop,TS val * ecr 110>");
    scenario_end(s);
}

/* However many cookies it has: the SYN-ACK is said again to who is over it. */
Test(server_first, rule_2_1_source_is_greeted_a_thousand_times_a_second)
{
    struct scenario *s = attack_scenario();
    for (uint32_t i = 0; i < 1000; i++) {
        pop3(s, CLIENT_V4, (uint16_t)(2000 + i));
        step_syn(s);
        inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
        scenario_drain(s);
        inject(s, CLIENT, "R x+1:x+1(0) win 0");
    }
    expect_count(s, greetings_sent, 1000);
    pop3(s, CLIENT_V4, 40000);
    step_syn(s);
    inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
    expect_nothing(s);
    pass(s, SECOND_US + 10000);
    expect(s, CLIENT,
           "S. c:c(0) ack x+1 win 65160 <mss 1460,sackOK,TS val t2 ecr 100,nop,wscale 7>");
    inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 1120 ecr t2>");
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val * ecr 1120> | " GREETING);
    scenario_end(s);
}

Test(server_first, rule_2_1_overwritten_entry_still_lets_its_client_in)
{
    struct scenario *s = attack_scenario();
    greeted_client(s, 0);
    struct symbols first = s->symbols;
    struct ip_addr address = s->client;
    for (uint32_t i = 1; i <= 8 * GREETED_SLOTS;
         i++) /* its set of four is overwritten again and again */
        greeted_client(s, i);
    pass(s, 0);
    s->client = address;
    s->client_port = 2000;
    s->symbols = first;
    inject(s, CLIENT, "P. x+1 ack c+12 win 502 <nop,nop,TS val 130 ecr t1> | USER sim\r\n");
    expect(s, SERVER, OPENED);
    inject(s, SERVER, ACCEPTED);
    expect(s, SERVER, ". x+1 ack y+1 win * <nop,nop,TS val 130 ecr 5000>");
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 130> | " GREETING);
    expect(s, SERVER, "P. x+1 ack y+12 win 502 <nop,nop,TS val 130 ecr 5001> | USER sim\r\n");
    scenario_end(s);
}

/* --- 2.4 ------------------------------------------------------------------------------------- */

Test(server_first, rule_2_4_nothing_of_the_clients_passes_before_the_whole_greeting)
{
    struct scenario *s = attack_scenario();
    step_greeted_synack(s);
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 130> | +OK re");
    expect(s, SERVER, ". x+1 ack y+7 win * <nop,nop,TS val 130 ecr 5001>");
    inject(s, CLIENT, "P. x+11 ack c+12 win 502 <nop,nop,TS val 140 ecr t1> | PASS x\r\n");
    inject(s, CLIENT, ". x+19 ack c+12 win 600 <nop,nop,TS val 141 ecr t1>");
    inject(s, CLIENT, "F. x+19 ack c+12 win 600 <nop,nop,TS val 142 ecr t1>");
    inject(s, CLIENT, "P. x+1 ack c+12 win 502 <nop,nop,TS val 330 ecr t1> | USER sim\r\n");
    expect_nothing(s);
    inject(s, SERVER, "P. y+7 ack x+1 win 509 <nop,nop,TS val 5002 ecr 130> | ady\r\n");
    expect(s, SERVER,
           "FP. x+1 ack y+12 win 502 <nop,nop,TS val 330 ecr 5002> | USER sim\r\nPASS x\r\n");
    expect_nothing(s);
    scenario_end(s);
}

Test(server_first, rule_2_4_reordered_pieces_of_the_greeting)
{
    struct scenario *s = attack_scenario();
    step_greeted_synack(s);
    inject(s, SERVER,
           "P. y+5 ack x+1 win 509 <nop,nop,TS val 5002 ecr 130> | ready\r\n"); /* overtook the
                                                                                   other */
    expect(s, SERVER, ". x+1 ack y+1 win * <nop,nop,TS val 130 ecr 5002>");
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 130> | +OK ");
    expect(s, SERVER, ". x+1 ack y+5 win * <nop,nop,TS val 130 ecr 5002>");
    inject(
        s, SERVER,
        "P. y+3 ack x+1 win 509 <nop,nop,TS val 5203 ecr 130> | K ready\r\n"); /* cut otherwise */
    expect(s, SERVER, "P. x+1 ack y+12 win 502 <nop,nop,TS val 130 ecr 5203> | USER sim\r\n");
    expect_nothing(s);
    scenario_end(s);
}

/* A client that spoke at once and lost G: the connection is open, G still due. Symbols as in
 * steps.h; t1 is G's TSval. */
static void open_without_greeting(struct scenario *s)
{
    pop3(s, CLIENT_V4, 40000);
    step_syn(s);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 130 ecr t> | USER sim\r\n");
    expect(s, SERVER, OPENED);
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val t1 ecr 130> | " GREETING);
    inject(s, SERVER, ACCEPTED);
    expect(s, SERVER, ". x+1 ack y+1 win * <nop,nop,TS val 130 ecr 5000>");
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 130> | " GREETING);
    expect(s, SERVER, "P. x+1 ack y+12 win 502 <nop,nop,TS val 130 ecr 5001> | USER sim\r\n");
    expect_nothing(s);
}

/* A window that G does not fit is answered by the same ACK again: G in answer to each would go on
 * for ever. */
Test(server_first, rule_2_4_greeting_beside_the_flow_waits_for_room)
{
    struct scenario *s = attack_scenario();
    open_without_greeting(s);
    for (int i = 0; i < 3; i++) {
        inject(s, CLIENT, ". x+11 ack c+1 win 0 <nop,nop,TS val 131 ecr t>");
        expect(s, SERVER, ". x+11 ack y+12 win 0 <nop,nop,TS val 131 ecr 5001>");
        expect_nothing(s);
    }
    inject(s, CLIENT, ". x+11 ack c+1 win 1 <nop,nop,TS val 132 ecr t>");
    expect(s, SERVER, ". x+11 ack y+12 win 1 <nop,nop,TS val 132 ecr 5001>");
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val * ecr 132> | " GREETING);
    inject(s, CLIENT, ". x+11 ack c+12 win 1 <nop,nop,TS val 133 ecr *>");
    expect(s, SERVER, ". x+11 ack y+12 win 1 <nop,nop,TS val 133 ecr *>");
    pass(s, 10 * SECOND_US);
    scenario_end(s);
}

Test(server_first, rule_5_1_own_segments_carry_the_newest_tsval)
{
    struct scenario *s = attack_scenario();
    open_without_greeting(s);
    inject(s, SERVER, "P. y+12 ack x+11 win 509 <nop,nop,TS val 5400 ecr 130> | +OK\r\n");
    expect(s, CLIENT, "P. c+12 ack x+11 win 509 <nop,nop,TS val q ecr 130> | +OK\r\n");
    /* the client asks for G by a duplicate ACK; G must not be older than what it has seen */
    inject(s, CLIENT, ". x+11 ack c+1 win 502 <nop,nop,TS val 540 ecr t,nop,nop,sack c+12:c+17>");
    expect(s, SERVER,
           ". x+11 ack y+12 win 502 <nop,nop,TS val 540 ecr 5001,nop,nop,sack y+12:y+17>");
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val q ecr 540> | " GREETING);
    /* what we say to the server in the client's name echoes and carries the newest too */
    inject(s, SERVER, "P. y+1 ack x+11 win 509 <nop,nop,TS val 5500 ecr 540> | " GREETING);
    expect(s, SERVER, ". x+11 ack y+12 win * <nop,nop,TS val 540 ecr 5500>");
    expect_nothing(s);
    scenario_end(s);
}

/* --- 2.5 ------------------------------------------------------------------------------------- */

Test(server_first, rule_2_5_limit_of_the_server)
{
    struct tcp_settings settings = tcp_settings_default(true);
    struct server_policy policy = fixture_cookie(SERVER_V4, COOKIE_PORT, &settings);
    policy.open_per_second = 20;
    policy.open_per_source_per_second = 15;
    struct scenario *s = scenario_new(SETTING_ATTACK, fixture_policy(&policy, 1));
    uint32_t opened = 0, resets = 0;
    for (uint32_t i = 0; i < 60; i++) {
        char addr[20];
        snprintf(addr, sizeof addr, "10.9.%u.9", 1 + i / 20);
        scenario_connection(s, addr, (uint16_t)(2000 + i), SERVER_V4, COOKIE_PORT);
        step_syn(s);
        inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
        opened += s->out[SERVER].count;
        resets += s->out[CLIENT].count;
        if (s->out[CLIENT].count > 0)
            expect(s, CLIENT, "R c+1:c+1(0)");
        scenario_drain(s);
        if (i == 19)
            cr_assert_eq(opened, 15, "one source opened %u", opened);
    }
    cr_assert_eq(opened, 20, "%u were opened", opened);
    cr_assert_eq(resets, 40);
    expect_count(s, drops[DROP_open_limit], 40);
    scenario_end(s);
}

/* --- 3 --------------------------------------------------------------------------------------- */

Test(server_first, rule_3_greetings_echo_carries_the_finer_mss)
{
    struct scenario *s = attack_scenario();
    pop3(s, CLIENT_V4, 40000);
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 1400,sackOK,TS val 100 ecr 0,nop,wscale 7>");
    expect(s, CLIENT, "S. c:c(0) ack x+1 win 65160 " GRANT);
    pass(s, 3 * SECOND_US);
    scenario_drain(s);
    inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 3110 ecr t>");
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val t1 ecr 3110> | " GREETING);
    inject(s, CLIENT, "P. x+1 ack c+12 win 502 <nop,nop,TS val 3120 ecr t1> | USER sim\r\n");
    expect(s, SERVER, "S x:x(0) win * <mss 1400,sackOK,TS val * ecr 0,nop,wscale 7>");
    scenario_end(s);
}
