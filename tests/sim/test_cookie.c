/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_cookie.c - rule 3: cookies through time and promises; and rule 4, segments of clients
 * that have no flow.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/sim/steps.h"

#define EPOCH_US COOKIE_EPOCH_US

static void expect_no_state(struct scenario *s)
{
    expect_count(s, flows_tracked, 0);
    expect_count(s, flows_pending, 0);
    expect_count(s, flows_spliced, 0);
}

/* --- 3 --------------------------------------------------------------------------------------- */

Test(cookie, rule_3_repeated_syn_gets_the_same_cookie)
{
    struct scenario *s = attack_scenario();
    step_syn(s);
    pass(s, 1000000);
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460,sackOK,TS val 1100 ecr 0,nop,wscale 7>");
    expect(s, CLIENT,
           "S. c:c(0) ack x+1 win 65160 <mss 1460,sackOK,TS val * ecr 1100,nop,wscale 7>");
    scenario_end(s);
}

Test(cookie, rule_3_good_for_four_minutes_at_least)
{
    for (uint64_t hour = 0; hour < 5; hour++) {
        struct scenario *s = attack_scenario();
        pass(s, hour * 3600 * 1000000 + 77 * 1000000);
        step_syn(s);
        pass(s, EPOCH_US - 1000);
        inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 240000 ecr t> | " GET_REQUEST);
        expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val * ecr 0,nop,wscale 7>");
        scenario_end(s);
    }
}

Test(cookie, rule_3_expired_after_eight_minutes)
{
    struct scenario *s = attack_scenario();
    step_syn(s);
    pass(s, 2 * EPOCH_US + 1000);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 480000 ecr t> | " GET_REQUEST);
    scenario_drain(s); /* a small rate of what is not ours is let through (rule 4) */
    expect_count(s, cookies_rejected, 1);
    expect_count(s, flows_pending, 0);
    scenario_end(s);
}

Test(cookie, rule_3_forged_ack_is_rejected)
{
    struct scenario *s = attack_scenario();
    step_syn(s);
    for (uint32_t i = 0; i < 2000; i++) {
        trace_bind(&s->symbols, "guess", 77777u * (i + 1));
        inject(s, CLIENT, "P. x+1 ack guess win 502 <nop,nop,TS val 110 ecr t> | " GET_REQUEST);
        scenario_drain(s);
    }
    expect_count(s, flows_pending, 0);
    expect_count(s, requests_matched, 0);
    scenario_end(s);
}

Test(cookie, rule_3_bound_to_addresses_ports_vlan_and_isn)
{
    struct scenario *s = attack_scenario();
    step_syn(s);
    inject(s, CLIENT, "P. x+2 ack c+1 win 502 <nop,nop,TS val 110 ecr t> | " GET_REQUEST);
    s->client_port++;
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t> | " GET_REQUEST);
    s->client_port--;
    s->client.bytes[15]++;
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t> | " GET_REQUEST);
    scenario_drain(s);
    expect_count(s, flows_pending, 0);
    expect_count(s, requests_matched, 0);
    scenario_end(s);
}

/* A new promise: the one before stays good for one cookie lifetime. */
static struct policy *changed_promise(const char *greeting, uint64_t until_us)
{
    struct tcp_settings settings = tcp_settings_default(true);
    struct server_policy policy = fixture_greet(SERVER_V4, POP3_PORT, greeting, &settings);
    policy.has_before = true;
    policy.before_until_us = until_us;
    policy.before = fixture_greet(SERVER_V4, POP3_PORT, GREETING, &settings).now;
    policy.now.generation = 2;
    return fixture_policy(&policy, 1);
}

Test(cookie, rule_3_promise_before_stays_valid)
{
    struct scenario *s = attack_scenario();
    step_greeted(s);
    middle_adopt(s->middle,
                 changed_promise("+OK a new greeting\r\n", s->now_us + COOKIE_LIFETIME_US),
                 s->now_us);
    inject(s, CLIENT, "P. x+1 ack c+12 win 502 <nop,nop,TS val 130 ecr t1> | USER sim\r\n");
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    expect(s, SERVER, ". x+1 ack y+1 win * <nop,nop,TS val 130 ecr 5000>");
    /* compared with the greeting that this client was told */
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr 130> | " GREETING);
    expect(s, SERVER, "P. x+1 ack y+12 win 502 <nop,nop,TS val 130 ecr 5001> | USER sim\r\n");
    scenario_end(s);
}

Test(cookie, rule_3_new_clients_get_the_new_promise)
{
    struct scenario *s = attack_scenario();
    middle_adopt(s->middle, changed_promise("+OK new\r\n", s->now_us + COOKIE_LIFETIME_US),
                 s->now_us);
    scenario_connection(s, CLIENT_V4, 40000, SERVER_V4, POP3_PORT);
    step_syn(s);
    inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val * ecr 110> | +OK new\r\n");
    scenario_end(s);
}

Test(cookie, rule_3_promise_before_ends)
{
    struct scenario *s = attack_scenario();
    step_greeted(s);
    middle_adopt(s->middle, changed_promise("+OK new\r\n", s->now_us + 5000000), s->now_us);
    pass(s, 6000000);
    scenario_drain(s);
    inject(s, CLIENT, "P. x+1 ack c+12 win 502 <nop,nop,TS val 130 ecr t1> | USER sim\r\n");
    scenario_drain(s);
    expect_count(s, flows_pending, 0);
    scenario_end(s);
}

/* --- 4: no flow ------------------------------------------------------------------------------ */

Test(stray, rule_4_data_on_a_syn_is_not_acknowledged)
{
    struct scenario *s = attack_scenario();
    inject(s, CLIENT, "S x win 64240 <mss 1460,unknown-34> | " GET_REQUEST);
    expect(s, CLIENT, "S. c:c(0) ack x+1 win 64240 <mss 1460>");
    scenario_end(s);
}

Test(stray, rule_4_keepalive_and_window_probe_are_answered)
{
    struct scenario *s = attack_scenario();
    step_handshake(s);
    inject(s, CLIENT, ". x ack c+1 win 502 <nop,nop,TS val 5000 ecr t>");
    expect(s, CLIENT, ". c+1 ack x+1 win 509 <nop,nop,TS val * ecr 5000>");
    inject(s, CLIENT, ". x:x+1(1) ack c+1 win 502 <nop,nop,TS val 6000 ecr t>");
    expect(s, CLIENT, ". c+1 ack x+1 win 509 <nop,nop,TS val * ecr 6000>");
    expect_no_state(s);
    scenario_end(s);
}

Test(stray, rule_4_fin_before_any_request)
{
    struct scenario *s = attack_scenario();
    step_handshake(s);
    inject(s, CLIENT, "F. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t>");
    expect(s, CLIENT, "F. c+1 ack x+2 win 509 <nop,nop,TS val * ecr 120>");
    inject(s, CLIENT, ". x+2 ack c+2 win 502 <nop,nop,TS val 130 ecr t>");
    expect_nothing(s);
    expect_no_state(s);
    scenario_end(s);
}

Test(stray, rule_4_fin_of_a_greeted_client)
{
    struct scenario *s = attack_scenario();
    step_greeted(s);
    inject(s, CLIENT, "F. x+1 ack c+12 win 502 <nop,nop,TS val 120 ecr t1>");
    expect(s, CLIENT, "F. c+12 ack x+2 win 509 <nop,nop,TS val * ecr 120>");
    pass(s, 10000000); /* the ring's entry is gone */
    scenario_end(s);
}

Test(stray, rule_4_fin_of_a_client_that_the_greeting_has_not_reached)
{
    struct scenario *s = attack_scenario();
    step_greeted(s);
    inject(s, CLIENT, "F. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t>");
    expect(s, CLIENT, "FP. c+1 ack x+2 win 509 <nop,nop,TS val * ecr 120> | " GREETING);
    pass(s, 10000000);
    scenario_end(s);
}

Test(stray, rule_4_rst_is_met_with_silence)
{
    struct scenario *s = attack_scenario();
    step_greeted(s);
    inject(s, CLIENT, "R x+1:x+1(0) win 0");
    pass(s, 10000000);
    expect_no_state(s);
    scenario_end(s);
}

Test(stray, rule_4_rst_elsewhere_does_not_silence_the_greeting)
{
    struct scenario *s = attack_scenario();
    step_greeted(s);
    inject(s, CLIENT, "R x+500:x+500(0) win 0");
    pass(s, 1100000);
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val * ecr 110> | " GREETING);
    scenario_end(s);
}

Test(stray, rule_4_data_beyond_the_first_byte_soon_after_a_good_cookie_is_not_let_through)
{
    struct scenario *s = attack_scenario();
    step_handshake(s);
    inject(s, CLIENT, "P. x+1449:x+1500(51) ack c+1 win 502 <nop,nop,TS val 120 ecr t>");
    expect_nothing(s);
    expect_no_state(s);
    scenario_end(s);
}

/* The handshake's ACK and the request's beginning are lost: the server never hears of the rest, and
 * the client of no RST. */
Test(stray, rule_4_rest_of_a_request_whose_beginning_was_lost_is_not_let_through)
{
    struct scenario *s = attack_scenario();
    step_syn(s);
    inject(s, CLIENT, "P. x+1449:x+1500(51) ack c+1 win 502 <nop,nop,TS val 120 ecr t>");
    expect_nothing(s);
    pass(s, 7000000);
    inject(s, CLIENT, "P. x+1500:x+1551(51) ack c+1 win 502 <nop,nop,TS val 7120 ecr t>");
    expect_nothing(s);
    expect_no_state(s);
    scenario_end(s);
}

/* The same of a client without timestamps: behind a SYN that we answered within the last minute. */
Test(stray, rule_4_rest_of_a_request_without_timestamps_is_not_let_through)
{
    struct scenario *s = attack_scenario();
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460>");
    expect(s, CLIENT, "S. c:c(0) ack x+1 win * <mss 1460>");
    pass(s, 30000000);
    inject(s, CLIENT, "P. x+1461:x+1500(39) ack c+1 win 64240");
    expect_nothing(s);
    pass(s, 30000000);
    inject(s, CLIENT, "P. x+1500:x+1551(51) ack c+1 win 64240");
    expect_nothing(s);
    expect_no_state(s);
    inject(s, CLIENT, "P. x+70000:x+70051(51) ack c+1 win 64240"); /* another connection's */
    expect(s, SERVER, "P. x+70000:x+70051(51) ack c+1 win 64240");
    inject(s, CLIENT, "P. x+1 ack c+1 win 64240 | " GET_REQUEST);
    expect(s, SERVER, "S x:x(0) win * <mss 1460>");
    scenario_end(s);
}

/* The handshake's ACK came, and of the request the rest alone, for longer than cookies proved are
 * remembered. */
Test(stray, rule_4_rest_of_a_request_long_after_the_handshake_is_not_let_through)
{
    struct scenario *s = attack_scenario();
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460>");
    expect(s, CLIENT, "S. c:c(0) ack x+1 win * <mss 1460>");
    inject(s, CLIENT, ". x+1 ack c+1 win 64240");
    pass(s, 10000000);
    inject(s, CLIENT, "P. x+1461:x+1500(39) ack c+1 win 64240");
    expect_nothing(s);
    expect_no_state(s);
    scenario_end(s);
}

Test(stray, rule_4_older_connection_is_let_through_and_its_reset_waits)
{
    struct scenario *s = attack_scenario();
    inject(s, CLIENT, "P. 1000 ack 2000 win 502 | hello");
    expect(s, SERVER, "P. 1000 ack 2000 win 502 | hello");
    inject(s, SERVER, "R 2000:2000(0) win 0");
    expect_nothing(s);
    pass(s, 3500000);
    inject(s, CLIENT, "P. 1000 ack 2000 win 502 | hello");
    expect(s, SERVER, "P. 1000 ack 2000 win 502 | hello");
    inject(s, SERVER, "R 2000:2000(0) win 0");
    expect(s, CLIENT, "R 2000:2000(0) win 0");
    scenario_end(s);
}

Test(stray, rule_5_13_older_connection_is_picked_up_by_a_server_segment)
{
    struct scenario *s = attack_scenario();
    inject(s, SERVER, "P. 2000 ack 1000 win 502 | hello");
    expect(s, CLIENT, "P. 2000 ack 1000 win 502 | hello");
    for (int i = 0; i < 100; i++) {
        inject(s, CLIENT, ". 1000 ack 2005 win 502");
        expect(s, SERVER, ". 1000 ack 2005 win 502");
    }
    scenario_end(s);
}
