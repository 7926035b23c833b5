/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_stray_rules.c - more of rule 3 and 4, row by row: what test_cookie.c leaves open. The list
 * is doc/engine-rules.md.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "engine/base/bytes.h"
#include "tests/sim/steps.h"

#define SECOND_US 1000000ull
#define OFFER     "<mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>"
#define GRANT     "<mss 1460,sackOK,TS val t ecr 100,nop,wscale 7>"
#define REQUEST   "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | " GET_REQUEST
#define OPENED    "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>"

/* --- 3 --------------------------------------------------------------------------------------- */

Test(cookie, rule_3_bound_to_the_vlan)
{
    struct tcp_settings settings = tcp_settings_default(true);
    struct server_policy policies[2];
    for (int i = 0; i < 2; i++) {
        policies[i] = fixture_check(SERVER_V4, HTTP_PORT, PROTOCOL_HTTP, &settings);
        policies[i].key.vlan.id[0] = (uint16_t)(VLAN_PRESENT | (5u + 2u * (unsigned)i));
    }
    struct scenario *s = scenario_new(SETTING_ATTACK, fixture_policy(policies, 2));
    s->tags[0] = (struct packet_tag){0x8100, 5};
    step_syn(s);
    s->tags[0] = (struct packet_tag){0x8100, 7};
    inject(s, CLIENT, REQUEST);
    scenario_drain(s);
    expect_count(s, cookies_rejected, 1);
    expect_count(s, flows_pending, 0);
    s->tags[0] = (struct packet_tag){0x8100, 5};
    inject(s, CLIENT, REQUEST);
    expect(s, SERVER, OPENED);
    scenario_end(s);
}

/* A client that leaves its options out when it asks again; both of our answers are under way. */
static void two_offers(bool take_the_second)
{
    struct scenario *s = attack_scenario();
    inject(s, CLIENT, "S x:x(0) win 64240 " OFFER);
    expect(s, CLIENT, "S. c:c(0) ack x+1 win 65160 " GRANT);
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 536>");
    expect(s, CLIENT, "S. d:d(0) ack x+1 win 64240 <mss 1460>");
    cr_assert_neq(s->symbols.at[1].value, s->symbols.at[3].value);
    if (take_the_second) {
        inject(s, CLIENT, "P. x+1 ack d+1 win 64240 | " GET_REQUEST);
        expect(s, SERVER, "S x:x(0) win 64240 <mss 536>");
    } else {
        inject(s, CLIENT, REQUEST);
        expect(s, SERVER, OPENED);
    }
    scenario_end(s);
}

Test(cookie, rule_3_cookies_of_two_offers_are_both_good)
{
    two_offers(false);
    two_offers(true);
}

static void two_epochs(const char *request)
{
    struct scenario *s = attack_scenario();
    step_syn(s);
    pass(s, COOKIE_EPOCH_US);
    inject(s, CLIENT, "S x:x(0) win 64240 " OFFER);
    expect(s, CLIENT,
           "S. d:d(0) ack x+1 win 65160 <mss 1460,sackOK,TS val * ecr 100,nop,wscale 7>");
    inject(s, CLIENT, request);
    expect(s, SERVER, OPENED);
    scenario_end(s);
}

Test(cookie, rule_3_cookies_of_two_epochs_are_both_good)
{
    two_epochs("P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | " GET_REQUEST);
    two_epochs("P. x+1 ack d+1 win 502 <nop,nop,TS val 120 ecr t> | " GET_REQUEST);
}

/* --- 4 --------------------------------------------------------------------------------------- */

Test(stray, rule_4_signed_syn_is_forwarded_and_its_connection_works)
{
    struct scenario *s = signed_scenario();
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460,unknown-29>");
    expect(s, SERVER, "S x:x(0) win 64240 <mss 1460,unknown-29>");
    inject(s, SERVER, "S. y:y(0) ack x+1 win 65160 <mss 1460,unknown-29>");
    expect(s, CLIENT, "S. y:y(0) ack x+1 win 65160 <mss 1460,unknown-29>");
    inject(s, CLIENT, ". x+1 ack y+1 win 502 <unknown-29>");
    expect(s, SERVER, ". x+1 ack y+1 win 502 <unknown-29>");
    inject(s, CLIENT, "P. x+1 ack y+1 win 502 <unknown-29> | " GET_REQUEST);
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <unknown-29> | " GET_REQUEST);
    inject(s, SERVER, "P. y+1 ack x+19 win 502 <unknown-29> | HTTP/1.1 204 No\r\n\r\n");
    expect(s, CLIENT, "P. y+1 ack x+19 win 502 <unknown-29> | HTTP/1.1 204 No\r\n\r\n");
    expect_count(s, cookies_sent, 0);
    scenario_end(s);
}

/* As by hosts that do not know the option; nothing of it reaches the server. */
Test(stray, rule_4_signed_syn_is_answered_plainly_where_the_server_does_not_sign)
{
    struct scenario *s = attack_scenario();
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460,unknown-29>");
    expect(s, CLIENT, "S. c:c(0) ack x+1 win * <mss 1460>");
    expect_nothing(s);
    scenario_end(s);
}

/* A stated limit: its client gets an answer without kind 30, and gives the subflow up (RFC 8684
 * 3.2). */
Test(stray, rule_4_mp_join_gets_a_plain_synack)
{
    struct scenario *s = attack_scenario();
    inject(s, CLIENT,
           "S x:x(0) win 64240 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7,unknown-30>");
    expect(s, CLIENT, "S. c:c(0) ack x+1 win 65160 " GRANT);
    inject(s, CLIENT, "R x+1:x+1(0) win 0");
    expect_nothing(s);
    expect_count(s, flows_tracked, 0);
    scenario_end(s);
}

Test(stray, rule_4_accurate_ecn_falls_back_to_classic)
{
    struct tcp_settings settings = tcp_settings_default(true);
    settings.ecn = true;
    struct scenario *s = scenario_new(SETTING_ATTACK, fixture_all(&settings));
    inject(s, CLIENT, "SEW x:x(0) win 64240 ae " OFFER);
    expect(s, CLIENT, "S.E c:c(0) ack x+1 win 65160 " GRANT);
    inject(s, CLIENT, REQUEST);
    expect(s, SERVER, "SEW x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    scenario_end(s);
    s = attack_scenario(); /* a server without ECN */
    inject(s, CLIENT, "SEW x:x(0) win 64240 ae " OFFER);
    expect(s, CLIENT, "S. c:c(0) ack x+1 win 65160 " GRANT);
    inject(s, CLIENT, REQUEST);
    expect(s, SERVER, OPENED);
    scenario_end(s);
}

Test(stray, rule_4_zero_bytes_are_a_bare_ack_and_real_data_wins)
{
    static const uint8_t zeros[8];
    struct scenario *s = attack_scenario();
    step_syn(s);
    s->payload = zeros;
    inject(s, CLIENT, ". x+1:x+7(6) ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
    expect_nothing(s);
    expect_count(s, cookies_accepted, 1);
    expect_count(s, requests_mismatched, 0);
    expect_count(s, requests_need_more, 0);
    inject(s, CLIENT, REQUEST);
    expect(s, SERVER, OPENED);
    /* in the middle of a request in pieces: they stand where data is due, and the data wins */
    scenario_connection(s, CLIENT_V4, 40001, SERVER_V4, HTTP_PORT);
    step_handshake(s);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | GET / HT");
    inject(s, CLIENT, "P. x+9 ack c+1 win 502 <nop,nop,TS val 121 ecr t> | TP/1.1\r\n\r\n");
    expect(s, SERVER, OPENED);
    scenario_end(s);
}

Test(stray, rule_4_bad_cookies_pass_at_a_small_rate)
{
    struct scenario *s = attack_scenario();
    for (uint32_t second = 0; second < 3; second++) {
        uint32_t reached = 0;
        for (uint32_t i = 0; i < 1000; i++) {
            s->client_port = (uint16_t)(10000 + 1000 * second + i);
            inject(s, CLIENT, "P. 1000 ack 2000 win 502 | hello");
            cr_assert_eq(s->out[CLIENT].count, 0, "a bad cookie was answered");
            reached += s->out[SERVER].count;
            scenario_drain(s);
        }
        cr_assert_eq(reached, 100, "%u reached the server at once", reached);
        pass(s, SECOND_US);
    }
    expect_count(s, cookies_rejected, 3000);
    expect_count(s, drops[DROP_bad_cookie], 2700);
    scenario_end(s);
}

/* A stray segment, then a proved request on the same tuple: the server's RST for the first is not
 * for the second. */
Test(stray, rule_4_reset_is_forgotten_when_a_request_was_proved)
{
    struct scenario *s = attack_scenario();
    inject(s, CLIENT, "P. 1000 ack 2000 win 502 | hello");
    expect(s, SERVER, "P. 1000 ack 2000 win 502 | hello");
    step_request(s);
    inject(s, SERVER, "R 2000:2000(0) win 0");
    expect_nothing(s);
    pass(s, 100000);
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 120 ecr 5000> | " GET_REQUEST);
    expect_nothing(s);
    scenario_end(s);
}

/* --- frames that are no whole segments ------------------------------------------------------- */

/* A request as in REQUEST, its IPv4 header changed by `change`; returns the verdict. */
static enum verdict_action changed_frame(struct scenario *s, enum side from,
                                         void (*change)(uint8_t *ip))
{
    static uint8_t buffer[PACKET_BUFFER_BYTES];
    struct packet packet = {.ttl = 60,
                            .df = true,
                            .window = 502,
                            .flags = TCP_ACK,
                            .seq = 1000,
                            .ack = 2000,
                            .src = from == CLIENT ? s->client : s->server,
                            .dst = from == CLIENT ? s->server : s->client,
                            .src_port = from == CLIENT ? s->client_port : s->server_port,
                            .dst_port = from == CLIENT ? s->server_port : s->client_port,
                            .payload = (const uint8_t *)GET_REQUEST,
                            .payload_bytes = 18};
    memcpy(packet.from_mac, "\2\0\0\0\xc\1", 6);
    memcpy(packet.to_mac, "\2\0\0\0\5\1", 6);
    uint32_t bytes = packet_write(buffer, &packet);
    change(buffer + OFFLOAD_BYTES + ETH_HEADER_BYTES);
    s->quiet = true;
    middle_input(s->middle, from, buffer, bytes, s->now_us);
    s->quiet = false;
    return s->middle->last.action;
}

static void first_fragment(uint8_t *ip)
{
    store_be16(ip + 6, 0x2000);
}

static void later_fragment(uint8_t *ip)
{
    store_be16(ip + 6, 0x0010);
}

static void short_tcp_header(uint8_t *ip)
{
    ip[20 + 12] = 0x40; /* 16 bytes */
}

static void beyond_the_frame(uint8_t *ip)
{
    ip[20 + 12] = 0xf0; /* 60 bytes, of which 38 are there */
}

static void option_without_end(uint8_t *ip)
{
    ip[20 + 12] = 0x60;
    ip[20 + 20] = 8;
    ip[20 + 21] = 0;
}

Test(stray, rule_4_fragments_to_an_attacked_address_are_dropped)
{
    struct scenario *s = attack_scenario();
    cr_assert_eq(changed_frame(s, CLIENT, first_fragment), VERDICT_DROP);
    cr_assert_eq(changed_frame(s, CLIENT, later_fragment), VERDICT_DROP);
    expect_count(s, drops[DROP_fragment], 2);
    cr_assert_eq(changed_frame(s, SERVER, first_fragment), VERDICT_FORWARD);
    cr_assert(addr_from_text("10.0.0.99", &s->server));
    cr_assert_eq(changed_frame(s, CLIENT, first_fragment), VERDICT_FORWARD,
                 "nobody attacks that address");
    scenario_end(s);
    s = normal_scenario();
    cr_assert_eq(changed_frame(s, CLIENT, later_fragment), VERDICT_FORWARD);
    scenario_end(s);
}

Test(stray, rule_5_14_malformed_to_an_attacked_address_is_dropped)
{
    static void (*const changes[])(uint8_t * ip) = {short_tcp_header, beyond_the_frame};
    struct scenario *s = attack_scenario();
    for (uint32_t i = 0; i < 2; i++) {
        cr_assert_eq(changed_frame(s, CLIENT, changes[i]), VERDICT_DROP);
        cr_assert_eq(s->middle->last.reason, DROP_bad_segment);
    }
    cr_assert_eq(changed_frame(s, CLIENT, option_without_end), VERDICT_DROP);
    expect_count(s, flows_tracked, 0);
    scenario_end(s);
    s = normal_scenario();
    for (uint32_t i = 0; i < 2; i++)
        cr_assert_eq(changed_frame(s, CLIENT, changes[i]), VERDICT_FORWARD, "the host's to judge");
    scenario_end(s);
}
