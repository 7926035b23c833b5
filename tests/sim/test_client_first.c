/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_client_first.c - rule 1, services whose client speaks first, rule by rule; with what
 * rule 5 says of their opening.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/steps.h"

static void expect_no_state(struct scenario *s)
{
    expect_count(s, flows_tracked, 0);
    expect_count(s, flows_pending, 0);
    expect_count(s, flows_spliced, 0);
}

/* --- 1.1: the SYN-ACK ------------------------------------------------------------------------ */

Test(client_first, rule_1_1_syn_is_answered_statelessly)
{
    struct scenario *s = attack_scenario();
    step_syn(s);
    expect_no_state(s);
    expect_count(s, cookies_syn, 1);
    expect_count(s, cookies_sent, 1);
    scenario_end(s);
}

Test(client_first, rule_1_1_nothing_that_was_not_offered)
{
    struct scenario *s = attack_scenario();
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460>");
    expect(s, CLIENT, "S. c:c(0) ack x+1 win 64240 <mss 1460>");
    inject(s, CLIENT, "S x:x(0) win 64240");
    expect(s, CLIENT, "S. *:*(0) ack x+1 win 64240 <mss 1460>");
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460,nop,nop,sackOK>");
    expect(s, CLIENT, "S. *:*(0) ack x+1 win 64240 <mss 1460,nop,nop,sackOK>");
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460,nop,wscale 3>");
    expect(s, CLIENT, "S. *:*(0) ack x+1 win 64240 <mss 1460,nop,wscale 7>");
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460,nop,nop,TS val 7 ecr 0>");
    expect(s, CLIENT, "S. *:*(0) ack x+1 win 65160 <mss 1460,nop,nop,TS val * ecr 7>");
    expect_no_state(s);
    scenario_end(s);
}

Test(client_first, rule_1_1_refused_capabilities_are_refused)
{
    struct tcp_settings settings = tcp_settings_default(true);
    settings.timestamps = false;
    settings.sack = false;
    settings.window_scale = 3;
    settings.mss = 1400;
    settings.ttl = 128;
    struct server_policy policy = fixture_check(SERVER_V4, HTTP_PORT, PROTOCOL_HTTP, &settings);
    struct scenario *s = scenario_new(SETTING_ATTACK, fixture_policy(&policy, 1));
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>");
    expect(s, CLIENT, "S. c:c(0) ack x+1 win 64240 ttl 128 <mss 1400,nop,wscale 3>");
    scenario_end(s);
}

Test(client_first, rule_1_1_unknown_options_are_not_reflected)
{
    struct scenario *s = attack_scenario();
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460,unknown-30,unknown-34>");
    expect(s, CLIENT, "S. c:c(0) ack x+1 win 64240 <mss 1460>");
    scenario_end(s);
}

Test(client_first, rule_1_1_ecn_is_granted_where_the_server_grants_it)
{
    struct tcp_settings settings = tcp_settings_default(true);
    settings.ecn = true;
    struct scenario *s = scenario_new(SETTING_ATTACK, fixture_all(&settings));
    inject(s, CLIENT, "SEW x:x(0) win 64240 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>");
    expect(s, CLIENT,
           "S.E c:c(0) ack x+1 win 65160 <mss 1460,sackOK,TS val t ecr 100,nop,wscale 7>");
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | " GET_REQUEST);
    expect(s, SERVER, "SEW x:x(0) win * <mss 1460,sackOK,TS val * ecr 0,nop,wscale 7>");
    scenario_end(s);
    s = attack_scenario();
    inject(s, CLIENT, "SEW x:x(0) win 64240 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>");
    expect(s, CLIENT,
           "S. c:c(0) ack x+1 win 65160 <mss 1460,sackOK,TS val t ecr 100,nop,wscale 7>");
    scenario_end(s);
}

Test(client_first, rule_1_1_ipv6)
{
    struct scenario *s = attack_scenario();
    scenario_connection(s, CLIENT_V6, 40000, SERVER_V6, HTTP_PORT);
    inject(s, CLIENT, "S x:x(0) win 64800 <mss 1440,sackOK,TS val 100 ecr 0,nop,wscale 7>");
    expect(s, CLIENT,
           "S. c:c(0) ack x+1 win 65160 ttl 64 <mss 1440,sackOK,TS val t ecr 100,nop,wscale 7>");
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | " GET_REQUEST);
    expect(s, SERVER, "S x:x(0) win * ttl 57 <mss 1440,sackOK,TS val v ecr 0,nop,wscale 7>");
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1440,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 120 ecr 5000> | " GET_REQUEST);
    scenario_end(s);
}

static void tags_pass_through(struct packet_tag outer, struct packet_tag inner)
{
    struct tcp_settings settings = tcp_settings_default(true);
    struct server_policy policy = fixture_check(SERVER_V4, HTTP_PORT, PROTOCOL_HTTP, &settings);
    struct packet tagged = {.tags = {outer, inner}};
    policy.key.vlan = packet_vlan(&tagged);
    struct scenario *s = scenario_new(SETTING_ATTACK, fixture_policy(&policy, 1));
    s->tags[0] = outer;
    s->tags[1] = inner;
    step_open(s);
    inject(s, SERVER, ". y+1 ack x+19 win 509 <nop,nop,TS val 5010 ecr 120>");
    expect(s, CLIENT, ". c+1 ack x+19 win 509 <nop,nop,TS val * ecr 120>");
    scenario_end(s);
}

Test(client_first, rule_1_1_vlan_tags_are_kept)
{
    tags_pass_through((struct packet_tag){0x8100, 5}, (struct packet_tag){0, 0});
    tags_pass_through((struct packet_tag){0x88a8, 100}, (struct packet_tag){0x8100, 7});
    tags_pass_through((struct packet_tag){0x8100, 0x6005}, (struct packet_tag){0x8100, 0x2007});
}

Test(client_first, rule_1_1_priority_is_not_part_of_a_connection)
{
    struct tcp_settings settings = tcp_settings_default(true);
    struct server_policy policy = fixture_check(SERVER_V4, HTTP_PORT, PROTOCOL_HTTP, &settings);
    policy.key.vlan.id[0] = VLAN_PRESENT | 5;
    struct scenario *s = scenario_new(SETTING_ATTACK, fixture_policy(&policy, 1));
    s->tags[0] = (struct packet_tag){0x8100, 5};
    step_handshake(s);
    s->tags[0].tci = 0x6005; /* PCP 3 from here on */
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | " GET_REQUEST);
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    scenario_end(s);
}

/* --- 1.2, 1.3 -------------------------------------------------------------------------------- */

Test(client_first, rule_1_2_bare_ack_is_counted_and_not_stored)
{
    struct scenario *s = attack_scenario();
    step_handshake(s);
    expect_count(s, cookies_accepted, 1);
    expect_no_state(s);
    scenario_end(s);
}

Test(client_first, rule_1_3_match_opens_with_what_was_granted)
{
    struct scenario *s = attack_scenario();
    step_request(s);
    expect_count(s, requests_matched, 1);
    expect_count(s, flows_pending, 1);
    scenario_end(s);
}

Test(client_first, rule_1_3_offers_exactly_what_was_granted)
{
    struct tcp_settings settings = tcp_settings_default(true);
    settings.sack = false;
    struct scenario *s = scenario_new(SETTING_ATTACK, fixture_all(&settings));
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 1380,nop,nop,sackOK,nop,wscale 9>");
    expect(s, CLIENT, "S. c:c(0) ack x+1 win 64240 <mss 1460,nop,wscale 7>");
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 | " GET_REQUEST);
    expect(s, SERVER,
           "S x:x(0) win * <mss 1300,nop,wscale 9>"); /* MSS from two bits: rounded down */
    scenario_end(s);
}

Test(client_first, rule_1_3_timestamps_carry_a_finer_mss)
{
    struct scenario *s = attack_scenario();
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 1400,sackOK,TS val 100 ecr 0,nop,wscale 2>");
    expect(s, CLIENT,
           "S. c:c(0) ack x+1 win 65160 <mss 1460,sackOK,TS val t ecr 100,nop,wscale 7>");
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | " GET_REQUEST);
    expect(s, SERVER, "S x:x(0) win * <mss 1400,sackOK,TS val * ecr 0,nop,wscale 2>");
    scenario_end(s);
}

Test(client_first, rule_1_3_mismatch_is_reset)
{
    struct scenario *s = attack_scenario();
    step_handshake(s);
    inject(s, CLIENT,
           "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | SSH-2.0-OpenSSH_9.2\r\n");
    expect(s, CLIENT, "R c+1:c+1(0)");
    expect_count(s, requests_mismatched, 1);
    expect_no_state(s);
    scenario_end(s);
}

Test(client_first, rule_1_3_bad_checksum_is_never_answered)
{
    struct scenario *s = attack_scenario();
    step_handshake(s);
    s->bad_checksum = true;
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | " GET_REQUEST);
    expect_nothing(s);
    expect_count(s, drops[DROP_bad_checksum], 1);
    expect_no_state(s);
    scenario_end(s);
}

Test(client_first, rule_1_3_need_more_two_bytes_under_nagle)
{
    struct scenario *s = attack_scenario();
    step_handshake(s);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | GE");
    expect_nothing(s);
    expect_count(s, requests_need_more, 1);
    pass(s, 50000); /* Nagle's client says no more before these are acknowledged */
    expect(s, CLIENT, ". c+1 ack x+3 win 128 <nop,nop,TS val * ecr 120>");
    inject(s, CLIENT, "P. x+3 ack c+1 win 502 <nop,nop,TS val 170 ecr t> | T / HTTP/1.1\r\n\r\n");
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 170 ecr 5000> | " GET_REQUEST);
    scenario_end(s);
}

Test(client_first, rule_1_3_need_more_in_pieces)
{
    struct scenario *s = attack_scenario();
    step_handshake(s);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | GET / HT");
    expect_nothing(s);
    inject(s, CLIENT, "P. x+9 ack c+1 win 502 <nop,nop,TS val 121 ecr t> | TP/1.1\r\n\r\n");
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 121 ecr 5000> | " GET_REQUEST);
    scenario_end(s);
}

Test(client_first, rule_1_3_need_more_then_mismatch)
{
    struct scenario *s = attack_scenario();
    step_handshake(s);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | GET / ");
    expect_nothing(s);
    inject(s, CLIENT, "P. x+7 ack c+1 win 502 <nop,nop,TS val 121 ecr t> | NONSENSE\r\n\r\n");
    expect(s, CLIENT, "R c+1:c+1(0)");
    expect_no_state(s);
    scenario_end(s);
}

Test(client_first, rule_1_3_request_on_the_handshakes_own_ack)
{
    struct scenario *s = attack_scenario();
    step_syn(s);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t> | " GET_REQUEST);
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    expect_count(s, cookies_accepted, 1);
    scenario_end(s);
}

Test(client_first, rule_1_3_unknown_protocol_by_pattern)
{
    struct tcp_settings settings = tcp_settings_default(true);
    struct scenario *s = scenario_new(SETTING_ATTACK, fixture_all(&settings));
    scenario_connection(s, CLIENT_V4, 40000, SERVER_V4, BINARY_PORT);
    /* least 8 bytes, of which the first are ab cd 01 00: a text protocol does not fit */
    step_handshake(s);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | " GET_REQUEST);
    expect(s, CLIENT, "R c+1:c+1(0)");
    scenario_end(s);
}

/* --- 1.4 and 5: the opening ------------------------------------------------------------------ */

Test(client_first, rule_1_4_held_data_completes_the_handshake)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    expect_count(s, flows_spliced, 1);
    expect_count(s, flows_pending, 0);
    scenario_end(s);
}

Test(client_first, rule_5_offsets_both_ways)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    inject(s, SERVER, ". y+1 ack x+19 win 509 <nop,nop,TS val 5001 ecr 120>");
    expect(s, CLIENT, ". c+1 ack x+19 win 509 <nop,nop,TS val d ecr 120>");
    inject(s, SERVER,
           "P. y+1 ack x+19 win 509 <nop,nop,TS val 5005 ecr 120> | HTTP/1.1 204 No\r\n\r\n");
    expect(s, CLIENT,
           "P. c+1 ack x+19 win 509 <nop,nop,TS val d+4 ecr 120> | HTTP/1.1 204 No\r\n\r\n");
    inject(s, CLIENT, ". x+19 ack c+20 win 501 <nop,nop,TS val 140 ecr d+4>");
    expect(s, SERVER, ". x+19 ack y+20 win 501 <nop,nop,TS val 140 ecr 5005>");
    /* SACK both ways */
    inject(s, CLIENT,
           ". x+19 ack c+20 win 501 <nop,nop,TS val 141 ecr d+4,nop,nop,sack c+30:c+40 c+50:c+60>");
    expect(
        s, SERVER,
        ". x+19 ack y+20 win 501 <nop,nop,TS val 141 ecr 5005,nop,nop,sack y+30:y+40 y+50:y+60>");
    inject(s, SERVER,
           ". y+20 ack x+19 win 509 <nop,nop,TS val 5006 ecr 141,nop,nop,sack x+30:x+40>");
    expect(s, CLIENT,
           ". c+20 ack x+19 win 509 <nop,nop,TS val d+5 ecr 141,nop,nop,sack x+30:x+40>");
    scenario_end(s);
}

Test(client_first, rule_5_1_tsval_goes_on_above_every_stateless_one)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    inject(s, SERVER, ". y+1 ack x+19 win 509 <nop,nop,TS val 5000 ecr 120>");
    expect(s, CLIENT, ". c+1 ack x+19 win 509 <nop,nop,TS val d ecr 120>");
    uint32_t t = 0, d = 0;
    cr_assert(trace_symbol(&s->symbols, "t", &t) && trace_symbol(&s->symbols, "d", &d));
    cr_assert_gt((int32_t)(d - t), 0, "the client saw %u, then %u", t, d);
    cr_assert_lt((int32_t)(d - t), 1000);
    scenario_end(s);
}

Test(client_first, rule_5_1_tsecr_never_names_less_than_s)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    /* the client still echoes our stateless TSval: the server must read its own SYN-ACK's */
    inject(s, CLIENT, "P. x+19 ack c+1 win 502 <nop,nop,TS val 130 ecr t> | more");
    expect(s, SERVER, "P. x+19 ack y+1 win 502 <nop,nop,TS val 130 ecr 5000> | more");
    scenario_end(s);
}

Test(client_first, rule_5_2_first_flight_in_two_super_frames)
{
    struct tcp_settings settings = tcp_settings_default(true);
    settings.timestamps = false;
    struct scenario *s = scenario_new(SETTING_ATTACK, fixture_all(&settings));
    static char request[9000];
    char text[9200];
    memset(request, 'a', 7300);
    memcpy(request, "POST / HTTP/1.1\r\n\r\nX:", 21);
    s->offload = true;
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460,nop,nop,sackOK,nop,wscale 7>");
    expect(s, CLIENT, "S. c:c(0) ack x+1 win 64240 <mss 1460,nop,nop,sackOK,nop,wscale 7>");
    snprintf(text, sizeof text, ". x+1 ack c+1 win 502 gso 1460 | %.7300s", request);
    inject(s, CLIENT, text);
    expect(s, SERVER, "S x:x(0) win * <mss 1460,nop,nop,sackOK,nop,wscale 7>");
    inject(s, CLIENT, "P. x+7301:x+14601(7300) ack c+1 win 502 gso 1460");
    expect_nothing(s);
    inject(s, SERVER, "S. y:y(0) ack x+1 win 64240 <mss 1460,nop,nop,sackOK,nop,wscale 7>");
    uint32_t sent = 0;
    while (s->out[SERVER].count > 0) {
        struct scenario_frame *frame = &s->out[SERVER].frames[s->out[SERVER].first];
        struct packet packet;
        cr_assert_null(packet_read(&packet, frame->buffer, frame->bytes));
        cr_assert(packet.payload_bytes <= 1460 || packet.gso_bytes == 1460);
        cr_assert_eq(packet.payload_bytes > 0, true);
        uint32_t x = 0;
        trace_symbol(&s->symbols, "x", &x);
        cr_assert_eq(packet.seq, x + 1 + sent);
        sent += packet.payload_bytes;
        s->out[SERVER].first++;
        s->out[SERVER].count--;
        free(frame->buffer);
    }
    cr_assert_eq(sent, 14600, "%u bytes went out", sent);
    scenario_end(s);
}

Test(client_first, rule_5_3_smaller_scale_rescales_windows)
{
    struct scenario *s = attack_scenario();
    step_request(s);
    /* promised 7, granted 4: server's windows are 8 times finer; the client's scale is as it
     * offered */
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 4>");
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 120 ecr 5000> | " GET_REQUEST);
    inject(s, SERVER, ". y+1 ack x+19 win 4080 <nop,nop,TS val 5001 ecr 120>");
    expect(s, CLIENT, ". c+1 ack x+19 win 510 <nop,nop,TS val * ecr 120>");
    inject(s, SERVER, ". y+1 ack x+19 win 3 <nop,nop,TS val 5001 ecr 120>");
    expect(s, CLIENT,
           ". c+1 ack x+19 win 1 <nop,nop,TS val * ecr 120>"); /* nonzero never becomes 0 */
    inject(s, SERVER, ". y+1 ack x+19 win 0 <nop,nop,TS val 5001 ecr 120>");
    expect(s, CLIENT, ". c+1 ack x+19 win 0 <nop,nop,TS val * ecr 120>");
    scenario_end(s);
}

Test(client_first, rule_5_3_no_scale_at_all_rescales_both_ways)
{
    struct scenario *s = attack_scenario();
    step_request(s);
    inject(s, SERVER, "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v>");
    /* the server reads the client's windows unscaled now: 502 << 7 = 64256 */
    expect(s, SERVER, "P. x+1 ack y+1 win 64256 <nop,nop,TS val 120 ecr 5000> | " GET_REQUEST);
    inject(s, CLIENT, ". x+19 ack c+1 win 1024 <nop,nop,TS val 121 ecr t>");
    expect(s, SERVER, ". x+19 ack y+1 win 65535 <nop,nop,TS val 121 ecr 5000>");
    inject(s, SERVER, ". y+1 ack x+19 win 64000 <nop,nop,TS val 5001 ecr 121>");
    expect(s, CLIENT, ". c+1 ack x+19 win 500 <nop,nop,TS val * ecr 121>");
    scenario_end(s);
}

Test(client_first, rule_5_3_no_sack_turns_blocks_into_nops)
{
    struct scenario *s = attack_scenario();
    step_request(s);
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,nop,nop,TS val 5000 ecr v,nop,wscale 7>");
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 120 ecr 5000> | " GET_REQUEST);
    inject(s, CLIENT, ". x+19 ack c+1 win 501 <nop,nop,TS val 141 ecr t,nop,nop,sack c+30:c+40>");
    expect(s, SERVER,
           ". x+19 ack y+1 win 501 "
           "<nop,nop,TS val 141 ecr 5000,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop>");
    scenario_end(s);
}

/* The first SYN-ACK may be that of a SYN of long ago; the second is the server's own word. */
Test(client_first, rule_5_3_no_timestamps_resets)
{
    struct scenario *s = attack_scenario();
    step_request(s);
    inject(s, SERVER, "S. z:z(0) ack x+1 win 64240 <mss 1460,nop,nop,sackOK,nop,wscale 7>");
    expect(s, SERVER, "R x+1:x+1(0) win 0");
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    expect_nothing(s);
    inject(s, SERVER, "S. y:y(0) ack x+1 win 64240 <mss 1460,nop,nop,sackOK,nop,wscale 7>");
    expect(s, CLIENT, "R. c+1:c+1(0) ack x+1");
    expect(s, SERVER, "R x+1:x+1(0)");
    scenario_end(s);
}

Test(client_first, rule_5_3_smaller_mss_lowers_super_frames)
{
    struct scenario *s = attack_scenario();
    s->offload = true;
    step_request(s);
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1000,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 120 ecr 5000> | " GET_REQUEST);
    inject(s, CLIENT, ". x+19:x+5019(5000) ack c+1 win 502 gso 1448 <nop,nop,TS val 130 ecr t>");
    expect(s, SERVER, ". x+19:x+5019(5000) ack y+1 win 502 gso 988 <nop,nop,TS val 130 ecr 5000>");
    scenario_end(s);
}

Test(client_first, rule_5_3_smaller_mss_cuts_single_segments)
{
    struct scenario *s = attack_scenario();
    s->offload = true;
    step_request(s);
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1000,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 120 ecr 5000> | " GET_REQUEST);
    /* as large as we promised: no super-frame yet, and more than the server's card may take */
    inject(s, CLIENT, "P. x+19:x+1467(1448) ack c+1 win 502 <nop,nop,TS val 130 ecr t>");
    expect(s, SERVER, "P. x+19:x+1467(1448) ack y+1 win 502 gso 988 <nop,nop,TS val 130 ecr 5000>");
    inject(s, CLIENT, "P. x+1467:x+2455(988) ack c+1 win 502 <nop,nop,TS val 140 ecr t>");
    expect(s, SERVER, "P. x+1467:x+2455(988) ack y+1 win 502 <nop,nop,TS val 140 ecr 5000>");
    s->offload = false; /* a full checksum becomes a partial one */
    inject(s, CLIENT, "P. x+2455:x+3903(1448) ack c+1 win 502 <nop,nop,TS val 150 ecr t>");
    expect(s, SERVER,
           "P. x+2455:x+3903(1448) ack y+1 win 502 gso 988 <nop,nop,TS val 150 ecr 5000>");
    scenario_end(s);
}

Test(client_first, rule_5_4_silent_server_gets_the_syn_again_then_the_client_a_reset)
{
    struct scenario *s = attack_scenario();
    step_request(s);
    pass(s, 1100000);
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val v1 ecr 0,nop,wscale 7>");
    pass(s, 2100000);
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val * ecr 0,nop,wscale 7>");
    pass(s, 4100000);
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val * ecr 0,nop,wscale 7>");
    expect_nothing(s);
    pass(s, 8200000);
    expect(s, CLIENT, "R. c+1:c+1(0) ack x+1");
    scenario_drain(s);
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v1,nop,wscale 7>");
    expect(s, SERVER, "R x+1:x+1(0)"); /* a late SYN-ACK is reset */
    expect_count(s, flows_pending, 0);
    scenario_end(s);
}

Test(client_first, rule_5_4_refusal_reaches_the_client)
{
    struct scenario *s = attack_scenario();
    step_request(s);
    inject(s, SERVER, "R. 0:0(0) ack x+1 win 0");
    expect(s, CLIENT, "R. c+1:c+1(0) ack x+1");
    expect_count(s, flows_refused, 1);
    expect_count(s, flows_pending, 0);
    scenario_end(s);
}

Test(client_first, rule_5_4_other_resets_are_ignored_while_opening)
{
    struct scenario *s = attack_scenario();
    step_request(s);
    inject(s, SERVER, "R. 0:0(0) ack x+77 win 0");
    inject(s, SERVER, "R x+1:x+1(0) win 0");
    expect_nothing(s);
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 120 ecr 5000> | " GET_REQUEST);
    scenario_end(s);
}

Test(client_first, rule_5_5_old_connection_at_the_server_is_reset_first)
{
    struct scenario *s = attack_scenario();
    step_request(s);
    inject(s, SERVER, ". 777:777(0) ack 888 win 500 <nop,nop,TS val 4000 ecr 7>");
    expect(s, SERVER, "R 888:888(0)");
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val * ecr 0,nop,wscale 7>");
    scenario_end(s);
}

Test(client_first, rule_5_8_request_is_not_run_twice)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    inject(s, SERVER,
           "FP. y+1 ack x+19 win 509 <nop,nop,TS val 5005 ecr 120> | HTTP/1.1 204 No\r\n\r\n");
    expect(s, CLIENT,
           "FP. c+1 ack x+19 win 509 <nop,nop,TS val d ecr 120> | HTTP/1.1 204 No\r\n\r\n");
    inject(s, CLIENT, "F. x+19 ack c+21 win 501 <nop,nop,TS val 140 ecr d>");
    expect(s, SERVER, "F. x+19 ack y+21 win 501 <nop,nop,TS val 140 ecr 5005>");
    inject(s, SERVER, ". y+21 ack x+20 win 509 <nop,nop,TS val 5006 ecr 140>");
    expect(s, CLIENT, ". c+21 ack x+20 win 509 <nop,nop,TS val d+1 ecr 140>");
    /* a copy of the request that was long under way: the entry is still there, or the tag is */
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | " GET_REQUEST);
    uint32_t matched = 1;
    expect_count(s, requests_matched, matched);
    scenario_drain(s);
    scenario_end(s);
}

Test(client_first, rule_5_9_repeated_synack_completes_again)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 6000 ecr v,nop,wscale 7>");
    /* our data was lost: whatever goes out must complete the handshake, and the client must not see
     * a SYN-ACK(y) */
    if (s->out[CLIENT].count > 0)
        scenario_fail(s, __FILE__, __LINE__, "a repeated SYN-ACK must not reach the client");
    cr_assert_gt(s->out[SERVER].count, 0, "a repeated SYN-ACK was not answered");
    scenario_drain(s);
    scenario_end(s);
}

Test(client_first, rule_5_9_fin_with_the_request)
{
    struct scenario *s = attack_scenario();
    step_handshake(s);
    inject(s, CLIENT, "FP. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | " GET_REQUEST);
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    expect(s, SERVER, "FP. x+1 ack y+1 win 502 <nop,nop,TS val 120 ecr 5000> | " GET_REQUEST);
    scenario_end(s);
}

Test(client_first, rule_5_9_client_resets_while_opening)
{
    struct scenario *s = attack_scenario();
    step_request(s);
    inject(s, CLIENT, "R. x+19 ack c+1 win 0");
    scenario_drain(s);
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    expect(s, SERVER, "R x+1:x+1(0)");
    expect_count(s, flows_pending, 0);
    expect_count(s, flows_spliced, 0);
    scenario_end(s);
}

Test(client_first, rule_5_9_repeated_request_while_opening_is_held)
{
    struct scenario *s = attack_scenario();
    step_request(s);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 320 ecr t> | " GET_REQUEST);
    expect_nothing(s);
    inject(s, CLIENT, "P. x+19 ack c+1 win 502 <nop,nop,TS val 330 ecr t> | tail");
    expect_nothing(s);
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 330 ecr 5000> | " GET_REQUEST "tail");
    scenario_end(s);
}
