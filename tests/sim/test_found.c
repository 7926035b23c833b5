/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_found.c - what the random worlds found: each as short as it can be said.
 */
#include <criterion/criterion.h>

#include "tests/sim/steps.h"

/* A segment with a flipped bit goes its way; the host drops it, and it must have changed nothing
 * here (rule 4, last row). */
static void inject_broken(struct scenario *s, enum side from, const char *text)
{
    s->bad_checksum = true;
    inject(s, from, text);
    scenario_drain(s);
}

Test(found, flipped_bit_makes_no_connection)
{
    struct scenario *s = attack_scenario();
    inject_broken(s, SERVER, ". 7000:7000(0) ack 9000 win 500 <nop,nop,TS val 5000 ecr 110>");
    expect_count(s, flows_tracked, 0);
    inject_broken(s, SERVER, "S. 7000:7000(0) ack 9000 win 500 <mss 1460>");
    expect_count(s, flows_tracked, 0);
    scenario_end(s);
    s = normal_scenario();
    inject_broken(s, CLIENT, "S 7000:7000(0) win 500 <mss 1460>");
    expect_count(s, flows_tracked, 0);
    scenario_end(s);
}

/* Else the floor below acks would follow, and acknowledge what the client has not got. */
Test(found, flipped_bit_in_a_sequence_number_moves_no_floor)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    inject_broken(s, SERVER,
                  ". y+1073741925:y+1073741925(0) ack x+19 win 500 <nop,nop,TS val 5010 ecr 120>");
    inject(s, SERVER, "P. y+1:y+101(100) ack x+19 win 500 <nop,nop,TS val 5010 ecr 120>");
    expect(s, CLIENT, "P. c+1:c+101(100) ack x+19 win 500 <nop,nop,TS val t2 ecr 120>");
    inject(s, CLIENT, ". x+19 ack c+1 win 502 <nop,nop,TS val 140 ecr t2>");
    expect(s, SERVER, ". x+19 ack y+1 win 502 <nop,nop,TS val 140 ecr 5010>");
    scenario_end(s);
}

Test(found, flipped_flag_ends_no_splice)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    inject_broken(s, SERVER, "S. y+1:y+1(0) ack x+19 win 500 <nop,nop,TS val 5010 ecr 120>");
    inject_broken(s, SERVER, "R. y+1:y+1(0) ack x+19 win 500 <nop,nop,TS val 5010 ecr 120>");
    inject_broken(s, CLIENT, "F. x+19:x+19(0) ack c+1 win 502 <nop,nop,TS val 140 ecr t>");
    inject_broken(s, SERVER, "F. y+1:y+1(0) ack x+19 win 500 <nop,nop,TS val 5010 ecr 120>");
    expect_count(s, flows_spliced, 1);
    inject(s, SERVER, "P. y+1:y+101(100) ack x+19 win 500 <nop,nop,TS val 5010 ecr 120>");
    expect(s, CLIENT, "P. c+1:c+101(100) ack x+19 win 500 <nop,nop,TS val * ecr 120>");
    scenario_end(s);
}

/* RFC 9293 3.10.7.3: the server is half-open on this tuple from a SYN that somebody else sent. */
Test(found, synack_that_answers_another_syn)
{
    struct scenario *s = attack_scenario();
    step_request(s);
    inject(s, SERVER, "S. y:y(0) ack x+70001 win 65160 <mss 1460>");
    expect(s, SERVER, "R x+70001:x+70001(0) win 0");
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    expect_nothing(s);
    inject(s, SERVER,
           "S. z:z(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    expect(s, SERVER, "P. x+1 ack z+1 win 502 <nop,nop,TS val 120 ecr 5000> | " GET_REQUEST);
    scenario_end(s);
}

/* The tuple's last connection has closed, the new one's first segment is lost: its second must not
 * be translated for the old one. */
Test(found, first_flight_out_of_order_on_a_tuple_used_again)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    inject(s, CLIENT, "F. x+19:x+19(0) ack c+1 win 502 <nop,nop,TS val 140 ecr t>");
    expect(s, SERVER, "F. x+19:x+19(0) ack y+1 win 502 <nop,nop,TS val 140 ecr 5000>");
    inject(s, SERVER, "F. y+1:y+1(0) ack x+20 win 500 <nop,nop,TS val 5010 ecr 140>");
    expect(s, CLIENT, "F. c+1:c+1(0) ack x+20 win 500 <nop,nop,TS val * ecr 140>");
    inject(s, CLIENT, ". x+20:x+20(0) ack c+2 win 502 <nop,nop,TS val 150 ecr t>");
    expect(s, SERVER, ". x+20:x+20(0) ack y+2 win 502 <nop,nop,TS val 150 ecr *>");
    pass(s, 200000);
    inject(s, CLIENT,
           "S x+90000:x+90000(0) win 64240 <mss 1460,sackOK,TS val 350 ecr 0,nop,wscale 7>");
    expect(s, CLIENT,
           "S. d:d(0) ack x+90001 win 65160 <mss 1460,sackOK,TS val u ecr 350,nop,wscale 7>");
    inject(s, CLIENT, ". x+91449:x+92897(1448) ack d+1 win 502 <nop,nop,TS val 360 ecr u>");
    expect_nothing(s);
    inject(s, CLIENT, "P. x+90001 ack d+1 win 502 <nop,nop,TS val 370 ecr u> | " GET_REQUEST);
    expect(s, SERVER, "S x+90000:x+90000(0) win * <mss 1460,sackOK,TS val * ecr 0,nop,wscale 7>");
    scenario_end(s);
}

/* The server is half-open from the SYN that passed in normal mode: it says so twice, and must be
 * reset once only. */
Test(found, synack_that_grants_a_scale_not_offered)
{
    struct scenario *s = attack_scenario();
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460,sackOK,TS val 100 ecr 0>");
    expect(s, CLIENT, "S. c:c(0) ack x+1 win 65160 <mss 1460,sackOK,TS val t ecr 100>");
    inject(s, CLIENT, "P. x+1 ack c+1 win 64240 <nop,nop,TS val 120 ecr t> | " GET_REQUEST);
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0>");
    inject(s, SERVER,
           "S. z:z(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr 90,nop,wscale 7>");
    expect(s, SERVER, "R x+1:x+1(0) win 0");
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0>");
    inject(s, SERVER,
           "S. z:z(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    expect_nothing(s);
    inject(s, SERVER, "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5001 ecr v>");
    expect(s, SERVER, "P. x+1 ack y+1 win 64240 <nop,nop,TS val 120 ecr 5001> | " GET_REQUEST);
    scenario_end(s);
}

/* A copy of the handshake's ACK comes behind the FIN of a client that said nothing: its service is
 * opened by cookie alone. */
Test(found, late_ack_of_a_client_that_has_left_opens_nothing)
{
    struct scenario *s = attack_scenario();
    scenario_connection(s, CLIENT_V4, 40000, SERVER_V4, COOKIE_PORT);
    step_syn(s);
    inject(s, CLIENT, "F. x+1:x+1(0) ack c+1 win 502 <nop,nop,TS val 115 ecr t>");
    expect(s, CLIENT, "F. c+1:c+1(0) ack x+2 win * <nop,nop,TS val * ecr 115>");
    inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
    expect_nothing(s);
    scenario_end(s);
}

/* The tuple's last connection ended in normal mode, and was tracked only. */
Test(found, first_flight_out_of_order_on_a_tracked_tuple_used_again)
{
    struct scenario *s = normal_scenario();
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460>");
    inject(s, SERVER, "S. y:y(0) ack x+1 win 65160 <mss 1460>");
    inject(s, CLIENT, "F. x+1:x+1(0) ack y+1 win 64240");
    inject(s, SERVER, "F. y+1:y+1(0) ack x+2 win 65160");
    inject(s, CLIENT, ". x+2:x+2(0) ack y+2 win 64240");
    scenario_drain(s);
    engine_set_setting(s->middle->engine, NULL, SETTING_ATTACK, s->now_us);
    inject(s, CLIENT, "S x+90000:x+90000(0) win 64240 <mss 1460>");
    expect(s, CLIENT, "S. d:d(0) ack x+90001 win * <mss 1460>");
    inject(s, CLIENT, ". x+91449:x+92897(1448) ack d+1 win 64240");
    expect_nothing(s);
    engine_set_setting(s->middle->engine, NULL, SETTING_NORMAL, s->now_us);
    inject(s, CLIENT, ". x+91449:x+92897(1448) ack d+1 win 64240");
    expect_nothing(s);
    inject(s, CLIENT, "P. x+90001 ack d+1 win 64240 | " GET_REQUEST);
    expect(s, SERVER, "S x+90000:x+90000(0) win * <mss 1460>");
    scenario_end(s);
}

/* A RST that the server refuses (RFC 5961 3.2) has numbers of its own: what we say in the client's
 * name must not take them over. */
Test(found, reset_moves_no_numbers)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    inject(s, CLIENT, "R x+5000:x+5000(0) win 0");
    expect(s, SERVER, "R x+5000:x+5000(0) win 0");
    expect(s, SERVER, ". x:x+1(1) ack y+1 win *");
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5003 ecr v,nop,wscale 7>");
    expect(s, SERVER, ". x+19 ack y+1 win * <nop,nop,TS val * ecr 5003>");
    scenario_end(s);
}

/* The client spoke before it was greeted, and its greeting is lost: who does not know its numbers
 * neither asks for it nor has it. */
Test(found, blind_ack_concerns_no_greeting)
{
    struct scenario *s = attack_scenario();
    scenario_connection(s, CLIENT_V4, 40000, SERVER_V4, POP3_PORT);
    step_syn(s);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | USER sim\r\n");
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val * ecr 120> | " GREETING);
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    scenario_drain(s);
    inject(s, SERVER, "P. y+1 ack x+1 win 509 <nop,nop,TS val 5001 ecr v> | " GREETING);
    scenario_drain(s);
    expect_count(s, flows_spliced, 1);
    inject(s, CLIENT, ". x+1500000000:x+1500000000(0) ack c win 1000");
    expect(s, SERVER, ". x+1500000000:x+1500000000(0) ack y+12 win *");
    expect_nothing(s);
    inject(s, CLIENT, ". x+1500000000:x+1500000000(0) ack c+500 win 1000");
    scenario_drain(s);
    inject(s, CLIENT, ". x+11 ack c+1 win 502 <nop,nop,TS val 140 ecr t>");
    expect(s, SERVER, ". x+11 ack y+12 win 502 <nop,nop,TS val 140 ecr *>");
    expect(s, CLIENT, "P. c+1 ack x+1 win * <nop,nop,TS val * ecr 140> | " GREETING);
    scenario_end(s);
}

/* The tuple's last connection said this, and a link held it back: it ends below where the greeting
 * does, and is not what stands behind it. */
Test(found, last_segment_of_an_older_connection_is_not_behind_the_greeting)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    inject(s, SERVER, "FP. y-5000:y-4900(100) ack x-3000 win 509 <nop,nop,TS val 4923 ecr 60>");
    expect(s, SERVER, ". x+19 ack y+1 win * <nop,nop,TS val 60 ecr 4923>");
    expect_nothing(s);
    expect_count(s, drops[DROP_outbox_full], 0);
    expect_count(s, flows_spliced, 1);
    scenario_end(s);
}

/* --- a server that has forgotten its connection ---------------------------------------------- */

/* In attack mode a SYN on what is there passes, for the challenge ACK that it draws (rule 5.11). A
 * server that has lost the connection since takes it for a new one. */
static void syn_meets_no_connection(struct scenario *s, const char *syn, const char *synack,
                                    const char *reset)
{
    inject(s, CLIENT, syn);
    expect(s, SERVER, syn);
    inject(s, SERVER, synack);
    expect(s, SERVER, reset);
    expect_nothing(s);
    expect_count(s, flows_closing, 1); /* the next SYN gets a cookie */
}

Test(found, forgotten_connection_buys_none_without_a_request)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    syn_meets_no_connection(s, "S x+5000:x+5000(0) win 64240 <mss 1460>",
                            "S. y+7000:y+7000(0) ack x+5001 win 65160 <mss 1460>",
                            "R x+5001:x+5001(0)");
    scenario_end(s);
    s = attack_scenario();
    step_open(s);
    syn_meets_no_connection(s, "S x:x(0) win 64240 <mss 1460>",
                            "S. y+7000:y+7000(0) ack x+1 win 65160 <mss 1460>", "R x+1:x+1(0)");
    scenario_end(s);
}

/* One from before the attack is no better. */
Test(found, forgotten_connection_of_calm_buys_none_either)
{
    struct scenario *s = normal_scenario();
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460>");
    expect(s, SERVER, "S x:x(0) win 64240 <mss 1460>");
    inject(s, SERVER, "S. y:y(0) ack x+1 win 65160 <mss 1460>");
    expect(s, CLIENT, "S. y:y(0) ack x+1 win 65160 <mss 1460>");
    inject(s, CLIENT, "P. x+1 ack y+1 win 64240 | " GET_REQUEST);
    expect(s, SERVER, "P. x+1 ack y+1 win 64240 | " GET_REQUEST);
    engine_set_setting(s->middle->engine, NULL, SETTING_ATTACK, s->now_us);
    syn_meets_no_connection(s, "S x+18:x+18(0) win 64240 <mss 1460>",
                            "S. y+7000:y+7000(0) ack x+19 win 65160 <mss 1460>", "R x+19:x+19(0)");
    scenario_end(s);
}
