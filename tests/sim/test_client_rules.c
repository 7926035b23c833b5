/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_client_rules.c - more of rule 1 and 5, rule by rule: what test_client_first.c leaves open.
 * The list is doc/engine-rules.md.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/sim/steps.h"

#define SECOND_US     1000000ull
#define TABLE_ENTRIES 4096u /* flows_max of middle.c */
#define SLOTS         64u   /* openings_max of middle.c */

#define OFFER    "<mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>"
#define GRANT    "<mss 1460,sackOK,TS val t ecr 100,nop,wscale 7>"
#define REQUEST  "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | " GET_REQUEST
#define OPENED   "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>"
#define ACCEPTED "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>"
#define HANDED   "P. x+1 ack y+1 win 502 <nop,nop,TS val 120 ecr 5000> | " GET_REQUEST

static void expect_no_state(struct scenario *s)
{
    expect_count(s, flows_tracked, 0);
    expect_count(s, flows_pending, 0);
    expect_count(s, flows_spliced, 0);
}

/* The HTTP server, as the policy says that it answers. */
static struct server_policy http_policy(const struct tcp_settings *settings)
{
    return fixture_check(SERVER_V4, HTTP_PORT, PROTOCOL_HTTP, settings);
}

static struct scenario *scenario_of(const struct server_policy *policies, uint32_t count)
{
    return scenario_new(SETTING_ATTACK, fixture_policy(policies, count));
}

static struct scenario *ecn_scenario(void)
{
    struct tcp_settings settings = tcp_settings_default(true);
    settings.ecn = true;
    return scenario_new(SETTING_ATTACK, fixture_all(&settings));
}

static struct scenario *plain_scenario(void)
{
    struct tcp_settings settings = tcp_settings_default(true);
    settings.timestamps = false;
    return scenario_new(SETTING_ATTACK, fixture_all(&settings));
}

/* --- 1.1 ------------------------------------------------------------------------------------- */

Test(client_first, rule_1_1_ttl_df_and_ip_id_are_the_servers)
{
    struct tcp_settings settings = tcp_settings_default(true);
    settings.ttl = 128;
    struct server_policy policy = http_policy(&settings);
    policy.now.synack.df = false;
    policy.now.synack.ip_id = IP_ID_INCREMENT;
    struct scenario *s = scenario_of(&policy, 1);
    inject(s, CLIENT, "S x:x(0) win 64240 " OFFER);
    expect(s, CLIENT,
           "S. c:c(0) ack x+1 win 65160 ttl 128 id i nodf <mss 1460,sackOK,TS val * ecr "
           "100,nop,wscale 7>");
    inject(s, CLIENT, "S x:x(0) win 64240 " OFFER);
    expect(s, CLIENT,
           "S. c:c(0) ack x+1 win 65160 ttl 128 id i+1 nodf <mss 1460,sackOK,TS val * ecr "
           "100,nop,wscale 7>");
    scenario_end(s);
}

Test(client_first, rule_1_1_order_of_options_is_the_servers)
{
    static const uint8_t layout[] = {TCP_OPT_MSS, TCP_OPT_NOP, TCP_OPT_WSCALE,
                                     TCP_OPT_SACK_PERMITTED, TCP_OPT_TIMESTAMPS};
    struct tcp_settings settings = tcp_settings_default(true);
    struct server_policy policy = http_policy(&settings);
    struct synack_variant *variant = &policy.now.synack.variants[0];
    policy.now.synack.variants_count = 1;
    variant->offered = OFFER_MSS | OFFER_SACK | OFFER_TIMESTAMPS | OFFER_WSCALE;
    variant->window = 8192;
    variant->layout_bytes = sizeof layout;
    memcpy(variant->layout, layout, sizeof layout);
    struct scenario *s = scenario_of(&policy, 1);
    inject(s, CLIENT, "S x:x(0) win 64240 " OFFER);
    expect(s, CLIENT, "S. c:c(0) ack x+1 win 8192 <mss 1460,nop,wscale 7,sackOK,TS val t ecr 100>");
    scenario_end(s);
}

Test(client_first, rule_1_1_answer_is_built_in_the_frames_own_buffer)
{
    struct scenario *s = attack_scenario();
    step_syn(s);
    cr_assert_eq(s->middle->last.action, VERDICT_REPLY, "a flood must cost no copy");
    inject(s, CLIENT,
           "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | SSH-2.0-OpenSSH_9.2\r\n");
    expect(s, CLIENT, "R c+1:c+1(0)");
    cr_assert_eq(s->middle->last.action, VERDICT_REPLY);
    scenario_connection(s, CLIENT_V4, 40001, SERVER_V4, POP3_PORT);
    step_syn(s);
    inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val * ecr 110> | " GREETING);
    cr_assert_eq(s->middle->last.action, VERDICT_REPLY);
    scenario_end(s);
}

/* --- 1.3 ------------------------------------------------------------------------------------- */

Test(client_first, rule_1_3_opens_with_the_clients_flow_label)
{
    struct scenario *s = attack_scenario();
    scenario_connection(s, CLIENT_V6, 40000, SERVER_V6, HTTP_PORT);
    s->client_flow_label = 74565;
    inject(s, CLIENT, "S x:x(0) win 64800 <mss 1440>");
    expect(s, CLIENT, "S. c:c(0) ack x+1 win 64240 label l <mss 1440>");
    inject(s, CLIENT, "P. x+1 ack c+1 win 64800 | " GET_REQUEST);
    expect(s, SERVER, "S x:x(0) win * ttl 57 label 74565 <mss *>");
    inject(s, SERVER, "S. y:y(0) ack x+1 win 64240 <mss 1440>");
    expect(s, SERVER, "P. x+1 ack y+1 win 64800 ttl 57 label 74565 | " GET_REQUEST);
    scenario_end(s);
}

/* One tuple in two VLANs: pieces of one connection are not added to the other's. */
Test(client_first, rule_1_3_pieces_of_two_vlans_stay_apart)
{
    struct tcp_settings settings = tcp_settings_default(true);
    struct server_policy policies[2] = {http_policy(&settings), http_policy(&settings)};
    policies[0].key.vlan.id[0] = VLAN_PRESENT | 5;
    policies[1].key.vlan.id[0] = VLAN_PRESENT | 7;
    struct scenario *s = scenario_of(policies, 2);
    s->tags[0] = (struct packet_tag){0x8100, 5};
    step_handshake(s);
    struct symbols five = s->symbols;
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | GET / HT");
    scenario_connection(s, CLIENT_V4, 40000, SERVER_V4, HTTP_PORT);
    s->tags[0] = (struct packet_tag){0x8100, 7};
    step_handshake(s);
    inject(s, CLIENT, "P. x+9 ack c+1 win 502 <nop,nop,TS val 121 ecr t> | TP/1.1\r\n\r\n");
    expect_nothing(s);
    s->tags[0] = (struct packet_tag){0x8100, 5};
    s->symbols = five;
    inject(s, CLIENT, "P. x+9 ack c+1 win 502 <nop,nop,TS val 121 ecr t> | TP/1.1\r\n\r\n");
    expect(s, SERVER, OPENED);
    scenario_end(s);
}

Test(client_first, rule_1_3_only_data_at_the_start_begins_a_slot)
{
    struct scenario *s = attack_scenario();
    step_handshake(s);
    inject(s, CLIENT, "P. x+9 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | TP/1.1\r\n\r\n");
    expect_nothing(s);
    expect_count(s, requests_need_more, 0);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 121 ecr t> | GET / HT");
    expect_nothing(s);
    expect_count(s, requests_need_more, 1);
    inject(s, CLIENT, "P. x+9 ack c+1 win 502 <nop,nop,TS val 122 ecr t> | TP/1.1\r\n\r\n");
    expect(s, SERVER, OPENED);
    scenario_end(s);
}

Test(client_first, rule_1_4_held_data_is_never_acknowledged_by_us)
{
    struct scenario *s = attack_scenario();
    step_request(s);
    inject(s, CLIENT, "P. x+19 ack c+1 win 502 <nop,nop,TS val 130 ecr t> | more");
    pass(s, 900000);
    expect_nothing(s);
    inject(s, SERVER, ACCEPTED);
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 130 ecr 5000> | " GET_REQUEST "more");
    expect_nothing(s);
    inject(s, SERVER, ". y+1 ack x+23 win 509 <nop,nop,TS val 5001 ecr 130>"); /* only now */
    expect(s, CLIENT, ". c+1 ack x+23 win 509 <nop,nop,TS val * ecr 130>");
    scenario_end(s);
}

/* --- 3 and 5.3: ECN -------------------------------------------------------------------------- */

Test(client_first, rule_3_ecn_without_timestamps_follows_the_request)
{
    struct scenario *s = ecn_scenario();
    inject(s, CLIENT, "SEW x:x(0) win 64240 <mss 1460,nop,nop,sackOK,nop,wscale 7>");
    expect(s, CLIENT, "S.E c:c(0) ack x+1 win 64240 <mss 1460,nop,nop,sackOK,nop,wscale 7>");
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 tos 2 | " GET_REQUEST);
    expect(s, SERVER, "SEW x:x(0) win * tos 0 <mss 1460,nop,nop,sackOK,nop,wscale 7>");
    inject(s, SERVER, "S.E y:y(0) ack x+1 win 64240 <mss 1460,nop,nop,sackOK,nop,wscale 7>");
    expect(s, SERVER, "P. x+1 ack y+1 win 502 | " GET_REQUEST);
    inject(s, CLIENT, "P. x+19 ack c+1 win 502 tos 2 | more");
    expect(s, SERVER, "P. x+19 ack y+1 win 502 tos 2 | more");
    /* a first segment without ECT (a retransmission, RFC 3168 6.1.5): opened without */
    scenario_connection(s, CLIENT_V4, 40001, SERVER_V4, HTTP_PORT);
    inject(s, CLIENT, "SEW x:x(0) win 64240 <mss 1460,nop,nop,sackOK,nop,wscale 7>");
    expect(s, CLIENT, "S.E c:c(0) ack x+1 win 64240 <mss 1460,nop,nop,sackOK,nop,wscale 7>");
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 tos 0 | " GET_REQUEST);
    expect(s, SERVER, "S x:x(0) win * tos 0 <mss 1460,nop,nop,sackOK,nop,wscale 7>");
    inject(s, SERVER, "S. y:y(0) ack x+1 win 64240 <mss 1460,nop,nop,sackOK,nop,wscale 7>");
    expect(s, SERVER, "P. x+1 ack y+1 win 502 | " GET_REQUEST);
    inject(s, CLIENT, "P. x+19 ack c+1 win 502 tos 2 | more");
    expect(s, SERVER, "P. x+19 ack y+1 win 502 tos 0 | more");
    scenario_end(s);
}

Test(client_first, rule_5_3_no_ecn_clears_ect)
{
    struct scenario *s = ecn_scenario();
    inject(s, CLIENT, "SEW x:x(0) win 64240 " OFFER);
    expect(s, CLIENT, "S.E c:c(0) ack x+1 win 65160 " GRANT);
    inject(s, CLIENT, REQUEST);
    expect(s, SERVER, "SEW x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    inject(s, SERVER, ACCEPTED);
    expect(s, SERVER, HANDED);
    inject(s, CLIENT, "P. x+19 ack c+1 win 502 tos 2 <nop,nop,TS val 130 ecr t> | more");
    expect(s, SERVER, "P. x+19 ack y+1 win 502 tos 0 <nop,nop,TS val 130 ecr 5000> | more");
    inject(s, CLIENT,
           "P. x+23 ack c+1 win 502 tos 35 <nop,nop,TS val 131 ecr t> | more"); /* DSCP 8, CE */
    expect(s, SERVER, "P. x+23 ack y+1 win 502 tos 32 <nop,nop,TS val 131 ecr 5000> | more");
    scenario_end(s);
}

/* --- 5.2 ------------------------------------------------------------------------------------- */

Test(client_first, rule_5_2_window_of_our_synack_is_never_zero)
{
    struct tcp_settings settings = tcp_settings_default(true);
    struct server_policy policy = http_policy(&settings);
    policy.now.synack.window = 0;
    for (uint8_t i = 0; i < policy.now.synack.variants_count; i++)
        policy.now.synack.variants[i].window = 0;
    struct scenario *s = scenario_of(&policy, 1);
    inject(s, CLIENT, "S x:x(0) win 64240 " OFFER);
    expect(s, CLIENT, "S. c:c(0) ack x+1 win 64240 " GRANT);
    scenario_end(s);
}

/* A client with a large first window sends 21,900 bytes: 16 KiB are held, the rest comes again. */
Test(client_first, rule_5_2_beyond_16_kib_comes_again)
{
    struct scenario *s = plain_scenario();
    static char text[7400], request[7301];
    memset(request, 'a', sizeof request - 1);
    memcpy(request, "POST / HTTP/1.1\r\n\r\nX:", 21);
    s->offload = true;
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460,nop,nop,sackOK,nop,wscale 7>");
    expect(s, CLIENT, "S. c:c(0) ack x+1 win 64240 <mss 1460,nop,nop,sackOK,nop,wscale 7>");
    snprintf(text, sizeof text, ". x+1 ack c+1 win 502 gso 1460 | %s", request);
    inject(s, CLIENT, text);
    expect(s, SERVER, "S x:x(0) win * <mss 1460,nop,nop,sackOK,nop,wscale 7>");
    inject(s, CLIENT, "P. x+7301:x+14601(7300) ack c+1 win 502 gso 1460");
    inject(s, CLIENT, "P. x+14601:x+21901(7300) ack c+1 win 502 gso 1460");
    inject(s, CLIENT, "P. x+21901:x+23361(1460) ack c+1 win 502");
    expect_nothing(s);
    expect_count(s, drops[DROP_hold_full], 1);
    inject(s, SERVER, "S. y:y(0) ack x+1 win 64240 <mss 1460,nop,nop,sackOK,nop,wscale 7>");
    expect(s, SERVER, "P. x+1:x+16385(16384) ack y+1 win 502 gso 1460");
    expect_nothing(s);
    inject(s, SERVER, ". y+1 ack x+16385 win 509");
    expect(s, CLIENT, ". c+1 ack x+16385 win 509");
    inject(s, CLIENT, "P. x+16385:x+17845(1460) ack c+1 win 502");
    expect(s, SERVER, "P. x+16385:x+17845(1460) ack y+1 win 502");
    scenario_end(s);
}

Test(client_first, rule_5_2_pool_empty_opens_without_the_data)
{
    struct scenario *s = attack_scenario();
    for (uint32_t i = 0; i <= SLOTS; i++) {
        scenario_connection(s, CLIENT_V4, (uint16_t)(40000 + i), SERVER_V4, HTTP_PORT);
        step_syn(s);
        inject(s, CLIENT, REQUEST);
        expect(s, SERVER, OPENED);
    }
    inject(s, SERVER, ACCEPTED);
    expect(s, SERVER, ". x+1:x+1(0) ack y+1 win 502 <nop,nop,TS val 120 ecr 5000>");
    inject(s, CLIENT,
           "P. x+1 ack c+1 win 502 <nop,nop,TS val 320 ecr t> | " GET_REQUEST); /* its timer */
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 320 ecr 5000> | " GET_REQUEST);
    scenario_end(s);
}

/* --- 5.7 ------------------------------------------------------------------------------------- */

Test(client_first, rule_5_7_closing_entry_still_translates)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    step_close(s);
    expect_count(s, flows_closing, 1);
    pass(s, 60 * SECOND_US);
    inject(s, SERVER, "F. y+20 ack x+19 win 509 <nop,nop,TS val 65006 ecr 120>"); /* our ACK of its
                                                                                     FIN was lost */
    expect(s, CLIENT, "F. c+20 ack x+19 win 509 <nop,nop,TS val d+60001 ecr 120>");
    inject(s, CLIENT, ". x+20 ack c+21 win 501 <nop,nop,TS val 60140 ecr d+60001>");
    expect(s, SERVER, ". x+20 ack y+21 win 501 <nop,nop,TS val 60140 ecr 65006>");
    scenario_end(s);
}

/* The client's port is used again one second after the close, while the old entry is there. */
Test(client_first, rule_5_7_proved_request_replaces_a_closing_entry)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    step_close(s);
    pass(s, SECOND_US);
    struct symbols old = s->symbols;
    scenario_connection(s, CLIENT_V4, 40000, SERVER_V4, HTTP_PORT);
    trace_bind(&s->symbols, "x", 99887766);
    step_handshake(s);
    expect_count(s, flows_closing, 1);
    struct symbols new = s->symbols;
    s->symbols = old;
    inject(s, SERVER,
           "F. y+20 ack x+19 win 509 <nop,nop,TS val 5206 ecr 120>"); /* the old one still finds its
                                                                         way */
    expect(s, CLIENT, "F. c+20 ack x+19 win 509 <nop,nop,TS val d+201 ecr 120>");
    s->symbols = new;
    inject(s, CLIENT, REQUEST);
    expect(s, SERVER, OPENED);
    expect_count(s, flows_closing, 0);
    trace_bind(&s->symbols, "y", 12345678);
    inject(s, SERVER, ACCEPTED);
    expect(s, SERVER, HANDED);
    expect_count(s, requests_matched, 2);
    scenario_end(s);
}

Test(client_first, rule_5_7_lives_of_idle_and_closing_entries)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    pass(s, 7430 * SECOND_US); /* nobody says anything for 2 h 3 min 50 s */
    expect_count(s, flows_spliced, 1);
    inject(s, CLIENT, ". x+18 ack c+1 win 502 <nop,nop,TS val 7000000 ecr t>");
    expect(s, SERVER, ". x+18 ack y+1 win 502 <nop,nop,TS val 7000000 ecr 5000>");
    pass(s, 7430 * SECOND_US);
    expect_count(s, flows_spliced, 1);
    pass(s, 80 * SECOND_US);
    expect_count(s, flows_spliced, 0);
    expect_count(s, flows_expired, 1);
    scenario_connection(s, CLIENT_V4, 40001, SERVER_V4, HTTP_PORT);
    step_open(s);
    step_close(s);
    pass(s, 235 * SECOND_US);
    expect_count(s, flows_closing, 1);
    pass(s, 10 * SECOND_US);
    expect_count(s, flows_closing, 0);
    scenario_end(s);
}

Test(client_first, rule_5_7_oldest_closing_entry_makes_room)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    step_close(s);
    scenario_connection(s, CLIENT_V4, 40001, SERVER_V4, HTTP_PORT);
    step_open(s);
    step_close(s);
    struct symbols second = s->symbols;
    step_fill_table(s, TABLE_ENTRIES - 2);
    expect_count(s, flows_closing, 2);
    scenario_connection(s, CLIENT_V4, 40002, SERVER_V4, HTTP_PORT);
    step_open(s);
    expect_count(s, flows_closing, 1);
    expect_count(s, flows_evicted, 1);
    scenario_connection(s, CLIENT_V4, 40001, SERVER_V4, HTTP_PORT);
    s->symbols = second;
    inject(s, SERVER, "F. y+20 ack x+19 win 509 <nop,nop,TS val 5206 ecr 120>");
    expect(s, CLIENT, "F. c+20 ack x+19 win 509 <nop,nop,TS val d+201 ecr 120>");
    scenario_end(s);
}

/* --- 5.8 ------------------------------------------------------------------------------------- */

Test(client_first, rule_5_8_copy_is_reset_when_no_entry_is_left)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    step_close(s);
    step_fill_table(s, TABLE_ENTRIES);
    expect_count(s, flows_closing, 0);
    pass(s, 30 * SECOND_US);
    inject(s, CLIENT, REQUEST); /* a copy that was half a minute under way; its cookie is good */
    expect(s, CLIENT, "R c+1:c+1(0)");
    expect_nothing(s);
    expect_count(s, requests_matched, 1);
    scenario_end(s);
}

/* --- 5.9 ------------------------------------------------------------------------------------- */

Test(client_first, rule_5_9_reordered_and_overlapping_while_opening)
{
    struct scenario *s = attack_scenario();
    step_request(s);
    inject(s, CLIENT,
           "P. x+23 ack c+1 win 502 <nop,nop,TS val 131 ecr t> | tail"); /* before what stands in
                                                                            front of it */
    expect_nothing(s);
    inject(s, CLIENT,
           "P. x+13 ack c+1 win 502 <nop,nop,TS val 132 ecr t> | .1\r\n\r\nmore"); /* half known */
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 133 ecr t> | GET / HT");
    expect_nothing(s);
    inject(s, SERVER, ACCEPTED);
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 133 ecr 5000> | " GET_REQUEST "more");
    inject(s, CLIENT, "P. x+23 ack c+1 win 502 <nop,nop,TS val 334 ecr t> | tail");
    expect(s, SERVER, "P. x+23 ack y+1 win 502 <nop,nop,TS val 334 ecr 5000> | tail");
    scenario_end(s);
}

Test(client_first, rule_5_9_half_close_while_opening)
{
    struct scenario *s = attack_scenario();
    step_request(s);
    inject(s, CLIENT, "F. x+19 ack c+1 win 502 <nop,nop,TS val 125 ecr t>");
    expect_nothing(s);
    inject(s, SERVER, ACCEPTED);
    expect(s, SERVER, "FP. x+1 ack y+1 win 502 <nop,nop,TS val 125 ecr 5000> | " GET_REQUEST);
    inject(s, SERVER,
           "P. y+1 ack x+20 win 509 <nop,nop,TS val 5005 ecr 125> | HTTP/1.1 204 No\r\n\r\n");
    expect(s, CLIENT,
           "P. c+1 ack x+20 win 509 <nop,nop,TS val d ecr 125> | HTTP/1.1 204 No\r\n\r\n");
    inject(s, CLIENT, ". x+20 ack c+20 win 501 <nop,nop,TS val 140 ecr d>");
    expect(s, SERVER, ". x+20 ack y+20 win 501 <nop,nop,TS val 140 ecr 5005>");
    pass(s, 600 * SECOND_US); /* a half-closed connection may last */
    inject(s, SERVER, "FP. y+20 ack x+20 win 509 <nop,nop,TS val 605005 ecr 140> | late");
    expect(s, CLIENT, "FP. c+20 ack x+20 win 509 <nop,nop,TS val d+600000 ecr 140> | late");
    inject(s, CLIENT, ". x+20 ack c+25 win 501 <nop,nop,TS val 600140 ecr d+600000>");
    expect(s, SERVER, ". x+20 ack y+25 win 501 <nop,nop,TS val 600140 ecr 605005>");
    expect_count(s, flows_closing, 1);
    scenario_end(s);
}

/* --- 5.11 ------------------------------------------------------------------------------------ */

Test(client_first, rule_5_11_syn_on_a_live_flow_is_the_hosts_business)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    inject(s, CLIENT, "S x+5000:x+5000(0) win 64240 " OFFER);
    expect(s, SERVER, "S x+5000:x+5000(0) win 64240 " OFFER);
    inject(s, SERVER, ". y+1 ack x+19 win 509 <nop,nop,TS val 5005 ecr 120>"); /* challenge ACK */
    expect(s, CLIENT, ". c+1 ack x+19 win 509 <nop,nop,TS val d ecr 120>");
    inject(s, CLIENT, "P. x+19 ack c+1 win 502 <nop,nop,TS val 140 ecr d> | more");
    expect(s, SERVER, "P. x+19 ack y+1 win 502 <nop,nop,TS val 140 ecr 5005> | more");
    expect_count(s, cookies_sent, 1);
    expect_count(s, flows_spliced, 1);
    scenario_end(s);
}

/* It was switched off and on, and uses its port again; its server still has the old connection. */
Test(client_first, rule_5_11_client_that_lost_its_connection_gets_through)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    inject(s, CLIENT, "S x+5000:x+5000(0) win 64240 " OFFER);
    expect(s, SERVER, "S x+5000:x+5000(0) win 64240 " OFFER);
    inject(s, CLIENT, "S x+5000:x+5000(0) win 64240 " OFFER);
    expect_nothing(s);
    inject(s, SERVER, ". y+1 ack x+19 win 509 <nop,nop,TS val 5005 ecr 120>");
    expect(s, CLIENT, ". c+1 ack x+19 win 509 <nop,nop,TS val d ecr 120>");
    inject(s, CLIENT, "R x+19:x+19(0) win 0");
    expect(s, SERVER, "R x+19:x+19(0) win 0");
    expect(s, SERVER, ". x:x+1(1) ack y+1 win *");
    inject(s, CLIENT, "S x+5000:x+5000(0) win 64240 " OFFER);
    expect(s, CLIENT,
           "S. c2:c2(0) ack x+5001 win 65160 <mss 1460,sackOK,TS val * ecr 100,nop,wscale 7>");
    expect_nothing(s);
    scenario_end(s);
}

Test(client_first, rule_5_11_no_state_for_what_is_no_syn)
{
    struct scenario *s = attack_scenario();
    inject(s, CLIENT, "SF x:x(0) win 64240 " OFFER);
    inject(s, CLIENT, "SR x:x(0) win 64240 " OFFER);
    expect_nothing(s);
    expect_no_state(s);
    expect_count(s, drops[DROP_bad_segment], 2);
    scenario_end(s);
}
