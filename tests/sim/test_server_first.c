/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_server_first.c - rule 2, services that greet: the application ACK, rule by rule. G is "+OK
 * ready\r\n", g = 11.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/sim/steps.h"

static void expect_no_state(struct scenario *s)
{
    expect_count(s, flows_tracked, 0);
    expect_count(s, flows_pending, 0);
    expect_count(s, flows_spliced, 0);
}

/* --- 2.1: greeting for the server ------------------------------------------------------------ */

Test(server_first, rule_2_1_bare_ack_is_greeted)
{
    struct scenario *s = attack_scenario();
    step_greeted(s);
    expect_count(s, greetings_sent, 1);
    expect_no_state(s);
    scenario_end(s);
}

Test(server_first, rule_2_1_greeting_comes_again_at_1_3_and_7_seconds)
{
    struct scenario *s = attack_scenario();
    step_greeted(s);
    pass(s, 999000);
    expect_nothing(s);
    pass(s, 2000);
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val * ecr 110> | " GREETING);
    pass(s, 1990000);
    expect_nothing(s);
    pass(s, 20000);
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val * ecr 110> | " GREETING);
    pass(s, 3980000); /* two lost in a row happen to one client in 2,500 at 2 % loss: a bare server
                         would say it again */
    expect_nothing(s);
    pass(s, 20000);
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val * ecr 110> | " GREETING);
    pass(s, 60000000);
    expect_nothing(s);
    expect_count(s, greetings_resent, 3);
    expect_no_state(s);
    scenario_end(s);
}

Test(server_first, rule_2_1_acknowledged_greeting_is_not_said_again)
{
    struct scenario *s = attack_scenario();
    step_greeted(s);
    inject(s, CLIENT, ". x+1 ack c+12 win 502 <nop,nop,TS val 120 ecr t1>");
    pass(s, 10000000);
    scenario_end(s);
}

Test(server_first, rule_2_1_synack_comes_again_where_the_final_ack_was_lost)
{
    struct scenario *s = attack_scenario();
    scenario_connection(s, CLIENT_V4, 40000, SERVER_V4, POP3_PORT);
    step_syn(s);
    pass(s, 1010000);
    expect(s, CLIENT,
           "S. c:c(0) ack x+1 win 65160 <mss 1460,sackOK,TS val * ecr 100,nop,wscale 7>");
    inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 1110 ecr t>");
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val * ecr 1110> | " GREETING);
    scenario_end(s);
}

/* Nobody takes them: that is all that a SYN in the name of another draws. */
Test(server_first, rule_2_1_forged_syn_draws_four_synacks)
{
    struct scenario *s = attack_scenario();

    scenario_connection(s, CLIENT_V4, 40000, SERVER_V4, POP3_PORT);
    step_syn(s);
    for (uint64_t wait_s = 1; wait_s <= 4; wait_s *= 2) {
        expect_nothing(s);
        pass(s, wait_s * 1000000 + 10000);
        expect(s, CLIENT,
               "S. c:c(0) ack x+1 win 65160 <mss 1460,sackOK,TS val * ecr 100,nop,wscale 7>");
    }
    pass(s, 60000000);
    expect_nothing(s);
    scenario_end(s);
}

Test(server_first, rule_2_1_greeting_is_cut_to_the_clients_mss)
{
    struct tcp_settings settings = tcp_settings_default(true);
    static char greeting[900];
    memset(greeting, 'x', sizeof greeting - 1);
    memcpy(greeting, "+OK ", 4);
    memcpy(greeting + 897, "\r\n", 2);
    struct server_policy policy = fixture_greet(SERVER_V4, POP3_PORT, greeting, &settings);
    struct scenario *s = scenario_new(SETTING_ATTACK, fixture_policy(&policy, 1));
    scenario_connection(s, CLIENT_V4, 40000, SERVER_V4, POP3_PORT);
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 536,sackOK,TS val 100 ecr 0,nop,wscale 7>");
    expect(s, CLIENT,
           "S. c:c(0) ack x+1 win 65160 <mss 1460,sackOK,TS val t ecr 100,nop,wscale 7>");
    inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
    /* a super-frame, which leaves the TAP in segments of 524 bytes and their timestamps; nobody
     * skips the request check */
    expect(s, CLIENT, "P. c+1:c+900(899) ack x+1 win 509 gso 524 <nop,nop,TS val * ecr 110>");
    expect_count(s, flows_pending, 0);
    scenario_end(s);
}

/* --- 2.2, 2.3: the request ------------------------------------------------------------------- */

Test(server_first, rule_2_2_request_behind_the_greeting)
{
    struct scenario *s = attack_scenario();
    step_greeted_request(s);
    expect_count(s, requests_matched, 1);
    expect_count(s, flows_pending, 1);
    scenario_end(s);
}

Test(server_first, rule_2_2_client_speaks_before_the_greeting)
{
    struct scenario *s = attack_scenario();
    scenario_connection(s, CLIENT_V4, 40000, SERVER_V4, POP3_PORT);
    step_syn(s);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t> | USER sim\r\n");
    expect(s, SERVER, "S x:x(0) win * ttl 57 <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    scenario_drain(s); /* G may go out now or beside the held request */
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    expect(s, SERVER, ". x+1 ack y+1 win * <nop,nop,TS val 110 ecr 5000>");
    scenario_drain(s);
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 110> | " GREETING);
    expect(s, SERVER, "P. x+1 ack y+12 win 502 <nop,nop,TS val 110 ecr *> | USER sim\r\n");
    scenario_drain(s);
    inject(s, CLIENT, ". x+11 ack c+12 win 502 <nop,nop,TS val 130 ecr t>");
    expect(s, SERVER, ". x+11 ack y+12 win 502 <nop,nop,TS val 130 ecr *>");
    scenario_end(s);
}

Test(server_first, rule_2_2_wrong_request_is_reset)
{
    struct scenario *s = attack_scenario();
    step_greeted(s);
    inject(s, CLIENT, "P. x+1 ack c+12 win 502 <nop,nop,TS val 130 ecr t1> | " GET_REQUEST);
    expect(s, CLIENT, "R c+12:c+12(0)");
    expect_count(s, requests_mismatched, 1);
    expect_no_state(s);
    pass(s, 10000000); /* and the greeting is not said again */
    scenario_end(s);
}

Test(server_first, rule_2_3_servers_synack_is_acknowledged_by_us)
{
    struct scenario *s = attack_scenario();
    step_greeted_synack(s);
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 6000 ecr v,nop,wscale 7>");
    expect(s, SERVER, ". x+1 ack y+1 win * <nop,nop,TS val 130 ecr *>");
    expect_nothing(s);
    scenario_end(s);
}

/* --- 2.4: the real greeting ------------------------------------------------------------------ */

Test(server_first, rule_2_4_real_greeting_is_swallowed_then_the_request_goes_out)
{
    struct scenario *s = attack_scenario();
    step_greeted_synack(s);
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 130> | " GREETING);
    expect(s, SERVER, "P. x+1 ack y+12 win 502 <nop,nop,TS val 130 ecr 5001> | USER sim\r\n");
    expect_nothing(s);
    expect_count(s, flows_spliced, 1);
    inject(s, SERVER, "P. y+12 ack x+11 win 509 <nop,nop,TS val 5010 ecr 130> | +OK\r\n");
    expect(s, CLIENT, "P. c+12 ack x+11 win 509 <nop,nop,TS val * ecr 130> | +OK\r\n");
    scenario_end(s);
}

Test(server_first, rule_2_4_greeting_in_two_pieces)
{
    struct scenario *s = attack_scenario();
    step_greeted_synack(s);
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 130> | +OK");
    expect(s, SERVER, ". x+1 ack y+4 win * <nop,nop,TS val 130 ecr 5001>");
    expect_nothing(s);
    pass(s, 20000000); /* servers take their time: the 15 s are for the SYN */
    expect_nothing(s);
    inject(s, SERVER, "P. y+4 ack x+1 win 509 <nop,nop,TS val 25001 ecr 130> |  ready\r\n");
    expect(s, SERVER, "P. x+1 ack y+12 win 502 <nop,nop,TS val 130 ecr 25001> | USER sim\r\n");
    expect_nothing(s);
    scenario_end(s);
}

Test(server_first, rule_2_4_greeting_may_take_five_minutes)
{
    struct scenario *s = attack_scenario();
    step_greeted_synack(s);
    pass(s, 290000000);
    expect_nothing(s);
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 295001 ecr 130> | " GREETING);
    expect(s, SERVER, "P. x+1 ack y+12 win 502 <nop,nop,TS val 130 ecr 295001> | USER sim\r\n");
    scenario_end(s);
}

Test(server_first, rule_2_4_retransmitted_greeting_is_swallowed_and_acknowledged)
{
    struct scenario *s = attack_scenario();
    step_greeted_synack(s);
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 130> | " GREETING);
    expect(s, SERVER, "P. x+1 ack y+12 win 502 <nop,nop,TS val 130 ecr 5001> | USER sim\r\n");
    pass(s, 200000);
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5201 ecr 130> | " GREETING);
    if (s->out[CLIENT].count > 0)
        scenario_fail(s, __FILE__, __LINE__, "the client must not see the greeting twice");
    if (s->out[SERVER].count == 0)
        scenario_fail(s, __FILE__, __LINE__,
                      "the server must hear an ACK, or it repeats its greeting for ever");
    scenario_drain(s);
    scenario_end(s);
}

Test(server_first, rule_2_4_swallowing_acknowledges_the_greeting_and_no_more)
{
    struct scenario *s = attack_scenario();
    step_greeted_synack(s);
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 130> | " GREETING);
    expect(s, SERVER, "P. x+1 ack y+12 win 502 <nop,nop,TS val 130 ecr 5001> | USER sim\r\n");
    inject(s, SERVER, "P. y+12 ack x+11 win 509 <nop,nop,TS val 5010 ecr 130> | +OK\r\n");
    expect(s, CLIENT, "P. c+12 ack x+11 win 509 <nop,nop,TS val * ecr 130> | +OK\r\n");
    /* the client has not acknowledged +OK: an ACK of ours for the repeated greeting must not either
     */
    inject(s, SERVER, "P. y+1 ack x+11 win 509 <nop,nop,TS val 5201 ecr 130> | " GREETING);
    expect(s, SERVER, ". * ack y+12");
    scenario_end(s);
}

Test(server_first, rule_2_4_wrong_checksum_is_not_taken_for_the_greeting)
{
    struct scenario *s = attack_scenario();
    step_open(s); /* client first: there is no greeting at all */
    inject(s, SERVER,
           "P. y+1 ack x+19 win 509 <nop,nop,TS val 5010 ecr 120> | HTTP/1.1 200 OK\r\n");
    expect(s, CLIENT, "P. c+1 ack x+19 win 509 <nop,nop,TS val * ecr 120> | HTTP/1.1 200 OK\r\n");
    s->bad_checksum = true; /* a bit of its seq was flipped on the way */
    inject(s, SERVER, "P. y-2097152 ack x+19 win 509 <nop,nop,TS val 5011 ecr 120> | more");
    if (s->out[SERVER].count > 0)
        scenario_fail(s, __FILE__, __LINE__, "a frame that does not check was answered");
    scenario_drain(s);
    scenario_end(s);
}

Test(server_first, rule_2_4_greeting_and_more_in_one_segment)
{
    struct scenario *s = attack_scenario();
    step_greeted_synack(s);
    inject(s, SERVER,
           "P. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 130> | " GREETING "+OK early\r\n");
    expect(s, SERVER, "P. x+1 ack y+12 win 502 <nop,nop,TS val 130 ecr 5001> | USER sim\r\n");
    /* what is behind the greeting is the client's: at once, or when the server repeats it */
    if (s->out[CLIENT].count == 0)
        inject(s, SERVER,
               "P. y+1 ack x+11 win 509 <nop,nop,TS val 5301 ecr 130> | " GREETING "+OK early\r\n");
    expect(s, CLIENT, "P. c+12:c+23(11) ack * win 509 <nop,nop,TS val * ecr 130>");
    scenario_drain(s);
    scenario_end(s);
}

Test(server_first, rule_2_4_greeting_lost_by_the_client_is_said_beside_the_flow)
{
    struct scenario *s = attack_scenario();
    scenario_connection(s, CLIENT_V4, 40000, SERVER_V4, POP3_PORT);
    step_syn(s);
    inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val * ecr 110> | " GREETING);
    /* that was lost; the client talks all the same */
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | USER sim\r\n");
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 120> | " GREETING);
    scenario_drain(s);
    inject(s, SERVER, "P. y+12 ack x+11 win 509 <nop,nop,TS val 5010 ecr 120> | +OK\r\n");
    scenario_drain(s);
    pass(s, 1100000);
    expect(s, CLIENT, "P. c+1:c+12(11) ack * win * <nop,nop,TS val * ecr *>");
    inject(s, CLIENT, ". x+11 ack c+17 win 502 <nop,nop,TS val 1200 ecr t>");
    scenario_drain(s);
    pass(s, 10000000);
    scenario_end(s);
}

/* Nobody need have the address any more, and a bare ACK is no longer than a header. */
Test(server_first, rule_2_4_acks_beside_the_flow_draw_the_greeting_five_times_a_second)
{
    struct scenario *s = attack_scenario();
    scenario_connection(s, CLIENT_V4, 40000, SERVER_V4, POP3_PORT);
    step_syn(s);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | USER sim\r\n");
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val * ecr 120> | " GREETING);
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 120> | " GREETING);
    inject(s, SERVER, "P. y+12 ack x+11 win 509 <nop,nop,TS val 5010 ecr 120> | +OK\r\n");
    scenario_drain(s);
    for (int i = 0; i < 100; i++) { /* in 900 ms, before it comes again by itself */
        inject(s, CLIENT, ". x+11 ack c+1 win 502 <nop,nop,TS val 130 ecr t>");
        pass(s, 9000);
    }
    scenario_drain(s);
    cr_assert_leq(engine_counters(s->middle->engine)->greetings_resent, 5u);
    cr_assert_geq(engine_counters(s->middle->engine)->greetings_resent, 4u);
    scenario_end(s);
}

Test(server_first, rule_2_4_unequal_positive_greeting_resets_both_ends)
{
    struct scenario *s = attack_scenario();
    step_greeted_synack(s);
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 130> | +OK other\r\n");
    expect(s, CLIENT, "R. c+12:c+12(0) ack *");
    expect(s, SERVER, "R x+1:x+1(0)");
    expect_nothing(s);
    expect_count(s, greetings_unequal, 1);
    expect_count(s, flows_pending, 0);
    cr_assert_eq(s->middle->observed[OBSERVED_GREETING], 1);
    scenario_end(s);
}

Test(server_first, rule_2_4_negative_greeting_resets_this_client)
{
    struct scenario *s = attack_scenario();
    step_greeted_synack(s);
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 130> | -ERR too many\r\n");
    expect(s, CLIENT, "R. c+12:c+12(0) ack *");
    expect_count(s, flows_pending, 0);
    expect_count(s, flows_spliced, 0);
    scenario_drain(s); /* the server's end may be closed too */
    scenario_end(s);
}

Test(server_first, rule_2_4_server_closes_instead_of_greeting)
{
    struct scenario *s = attack_scenario();
    step_greeted_synack(s);
    inject(s, SERVER, "F. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 130>");
    expect(s, CLIENT, "R. c+12:c+12(0) ack *");
    scenario_drain(s);
    expect_count(s, flows_pending, 0);
    expect_count(s, flows_spliced, 0);
    scenario_end(s);
}

Test(server_first, rule_2_4_sack_below_the_greeting_becomes_nops)
{
    struct scenario *s = attack_scenario();
    step_greeted_synack(s);
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 130> | " GREETING);
    expect(s, SERVER, "P. x+1 ack y+12 win 502 <nop,nop,TS val 130 ecr 5001> | USER sim\r\n");
    /* a D-SACK for a copy of G (RFC 2883): it names bytes of which the server knows nothing */
    inject(s, CLIENT, ". x+11 ack c+12 win 502 <nop,nop,TS val 140 ecr t1,nop,nop,sack c+1:c+12>");
    expect(s, SERVER,
           ". x+11 ack y+12 win 502 "
           "<nop,nop,TS val 140 ecr 5001,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop>");
    scenario_end(s);
}

/* --- 2.5 ------------------------------------------------------------------------------------- */

Test(server_first, rule_2_5_opened_at_once_passes_its_own_greeting)
{
    struct scenario *s = attack_scenario();
    scenario_connection(s, CLIENT_V4, 40000, SERVER_V4, COOKIE_PORT);
    step_syn(s);
    inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
    expect(s, SERVER, "S x:x(0) win * ttl 57 <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    expect(s, SERVER, ". x+1 ack y+1 win * <nop,nop,TS val 110 ecr 5000>");
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 110> | +OK <1.2@salt>\r\n");
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val * ecr 110> | +OK <1.2@salt>\r\n");
    scenario_end(s);
}

/* A client that asks before it was greeted, of a server whose greeting nobody can say for it. */
Test(server_first, rule_2_5_request_that_is_already_there_is_checked)
{
    struct tcp_settings settings = tcp_settings_default(true);
    struct server_policy cookie = fixture_cookie(SERVER_V4, COOKIE_PORT, &settings);
    cookie.checks_early = true;
    struct scenario *s = scenario_new(SETTING_ATTACK, fixture_policy(&cookie, 1));
    scenario_connection(s, CLIENT_V4, 40000, SERVER_V4, COOKIE_PORT);
    step_syn(s);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t> | " GET_REQUEST);
    expect(s, CLIENT, "R c+1:c+1(0)");
    scenario_connection(s, CLIENT_V4, 40001, SERVER_V4, COOKIE_PORT);
    step_syn(s);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t> | USER sim\r\n");
    expect(s, SERVER, "S x:x(0) win * ttl 57 <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    scenario_end(s);
}

Test(server_first, rule_2_5_lost_final_ack_does_not_hang)
{
    struct scenario *s = attack_scenario();
    scenario_connection(s, CLIENT_V4, 40000, SERVER_V4, COOKIE_PORT);
    step_syn(s);
    pass(s, 1010000); /* the client's ACK was lost; it believes to be connected and waits for the
                         greeting */
    expect(s, CLIENT,
           "S. c:c(0) ack x+1 win 65160 <mss 1460,sackOK,TS val * ecr 100,nop,wscale 7>");
    scenario_end(s);
}

Test(server_first, rule_2_5_over_the_limit_is_reset)
{
    struct scenario *s = attack_scenario();
    uint32_t resets = 0;
    for (uint16_t i = 0; i < 250; i++) {
        scenario_connection(s, CLIENT_V4, (uint16_t)(1024 + i), SERVER_V4, COOKIE_PORT);
        step_syn(s);
        inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
        resets += s->out[CLIENT].count;
        scenario_drain(s);
        pass(s, 10);
    }
    cr_assert_geq(resets, 45,
                  "%u of 250 at once were reset; 200 a second are allowed for one source", resets);
    scenario_end(s);
}
