/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_modes.c - normal mode, and the ways between normal and attack mode (ENGINE 5.13, 6).
 */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/sim/steps.h"

/* --- normal mode ------------------------------------------------------------------------------------------- */

static void one_exchange(struct scenario *s)
{
    inject(s, CLIENT, "S x:x(0) win 64240 ttl 57 id 7 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>");
    expect(s, SERVER, "S x:x(0) win 64240 ttl 57 id 7 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>");
    inject(s, SERVER, "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr 100,nop,wscale 7>");
    expect(s, CLIENT, "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr 100,nop,wscale 7>");
    inject(s, CLIENT, ". x+1 ack y+1 win 502 <nop,nop,TS val 110 ecr 5000>");
    expect(s, SERVER, ". x+1 ack y+1 win 502 <nop,nop,TS val 110 ecr 5000>");
    inject(s, CLIENT, "P. x+1 ack y+1 win 502 <nop,nop,TS val 120 ecr 5000> | " GET_REQUEST);
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 120 ecr 5000> | " GET_REQUEST);
    inject(s, SERVER, "P. y+1 ack x+19 win 509 <nop,nop,TS val 5020 ecr 120> | HTTP/1.1 200 OK\r\n\r\n");
    expect(s, CLIENT, "P. y+1 ack x+19 win 509 <nop,nop,TS val 5020 ecr 120> | HTTP/1.1 200 OK\r\n\r\n");
}

static void one_end(struct scenario *s)
{
    inject(s, CLIENT, "F. x+19 ack y+20 win 502 <nop,nop,TS val 130 ecr 5020>");
    expect(s, SERVER, "F. x+19 ack y+20 win 502 <nop,nop,TS val 130 ecr 5020>");
    inject(s, SERVER, "F. y+20 ack x+20 win 509 <nop,nop,TS val 5030 ecr 130>");
    expect(s, CLIENT, "F. y+20 ack x+20 win 509 <nop,nop,TS val 5030 ecr 130>");
    inject(s, CLIENT, ". x+20 ack y+21 win 502 <nop,nop,TS val 140 ecr 5030>");
    expect(s, SERVER, ". x+20 ack y+21 win 502 <nop,nop,TS val 140 ecr 5030>");
}

Test(normal, frames_cross_untouched_and_observations_come)
{
    struct scenario *s = normal_scenario();
    one_exchange(s);
    expect_count(s, flows_tracked, 1);
    one_end(s);
    cr_assert_eq(s->middle->observed[OBSERVED_SYNACK], 1);
    cr_assert_eq(s->middle->observed[OBSERVED_ESTABLISHED], 1);
    cr_assert_eq(s->middle->observed[OBSERVED_DATA], 2);
    cr_assert_eq(s->middle->observed[OBSERVED_END], 1);
    expect_count(s, cookies_sent, 0);
    scenario_end(s);
}

Test(normal, unknown_server_passes_and_is_observed)
{
    struct scenario *s = scenario_new(SETTING_AUTO, NULL);
    one_exchange(s);
    one_end(s);
    cr_assert_eq(s->middle->observed[OBSERVED_SYNACK], 1);
    cr_assert_eq(s->middle->observed[OBSERVED_END], 1);
    scenario_end(s);
}

Test(normal, wrong_checksum_crosses_as_it_is)
{
    struct scenario *s = normal_scenario();
    s->bad_checksum = true;
    inject(s, CLIENT, "P. 1000 ack 2000 win 502 | hello");
    cr_assert_eq(s->middle->last.action, VERDICT_FORWARD);
    scenario_drain(s);
    scenario_end(s);
}

Test(normal, connection_opened_by_the_server_side_passes_in_attack_mode)
{
    struct scenario *s = attack_scenario();
    inject(s, SERVER, "S y:y(0) win 64240 <mss 1460>");
    expect(s, CLIENT, "S y:y(0) win 64240 <mss 1460>");
    inject(s, CLIENT, "S. x:x(0) ack y+1 win 64240 <mss 1460>");
    expect(s, SERVER, "S. x:x(0) ack y+1 win 64240 <mss 1460>");
    inject(s, SERVER, ". y+1 ack x+1 win 64240");
    expect(s, CLIENT, ". y+1 ack x+1 win 64240");
    inject(s, CLIENT, "P. x+1 ack y+1 win 64240 | data");
    expect(s, SERVER, "P. x+1 ack y+1 win 64240 | data");
    scenario_end(s);
}

/* --- triggers ---------------------------------------------------------------------------------------------- */

static struct server_info info_of(struct scenario *s, uint16_t port)
{
    struct server_info infos[16], none = {.mode = MODE_NORMAL};
    uint32_t count = engine_servers(s->middle->engine, infos, 16, s->now_us);
    for (uint32_t i = 0; i < count && i < 16; i++) {
        if (infos[i].key.port == port && memcmp(&infos[i].key.addr, &s->server, sizeof s->server) == 0)
            return infos[i];
    }
    return none;
}

static void make_answering(struct scenario *s)
{
    scenario_connection(s, CLIENT_V4, 30000, SERVER_V4, HTTP_PORT);
    one_exchange(s);
    one_end(s);
}

Test(modes, rule_6_more_than_200_half_open_switch_to_attack)
{
    struct tcp_settings settings = tcp_settings_default(true);
    struct scenario *s = scenario_new(SETTING_AUTO, fixture_all(&settings));
    make_answering(s);
    for (uint16_t i = 0; i < 200; i++) {
        scenario_connection(s, CLIENT_V4, (uint16_t)(1000 + i), SERVER_V4, HTTP_PORT);
        inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460>");
        expect(s, SERVER, "S x:x(0) win 64240 <mss 1460>");
    }
    cr_assert_eq(info_of(s, HTTP_PORT).mode, MODE_NORMAL);
    for (uint16_t i = 200; i < 203; i++) {
        scenario_connection(s, CLIENT_V4, (uint16_t)(1000 + i), SERVER_V4, HTTP_PORT);
        inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460>");
        scenario_drain(s);
    }
    cr_assert_eq(info_of(s, HTTP_PORT).mode, MODE_ATTACK);
    cr_assert_eq(info_of(s, POP3_PORT).mode, MODE_NORMAL, "the mode is one server's");
    cr_assert_geq(s->middle->observed[OBSERVED_TRIGGER], 1);
    scenario_connection(s, CLIENT_V4, 5000, SERVER_V4, HTTP_PORT);
    step_syn(s);
    scenario_end(s);
}

Test(modes, rule_6_server_that_never_answers_is_not_put_into_attack_mode)
{
    struct scenario *s = scenario_new(SETTING_AUTO, NULL);
    for (uint16_t i = 0; i < 400; i++) {
        scenario_connection(s, CLIENT_V4, (uint16_t)(1000 + i), SERVER_V4, HTTP_PORT);
        inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460>");
        expect(s, SERVER, "S x:x(0) win 64240 <mss 1460>");
    }
    scenario_end(s);
}

/* --- 5.13 -------------------------------------------------------------------------------------------------- */

static void set_mode(struct scenario *s, enum mode_setting setting)
{
    engine_set_setting(s->middle->engine, NULL, setting, s->now_us);
}

Test(modes, rule_5_13_open_connection_finishes_untouched_in_attack_mode)
{
    struct scenario *s = normal_scenario();
    one_exchange(s);
    set_mode(s, SETTING_ATTACK);
    one_end(s);
    scenario_end(s);
}

Test(modes, rule_5_13_half_open_connection_finishes_untouched)
{
    struct scenario *s = normal_scenario();
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460>");
    expect(s, SERVER, "S x:x(0) win 64240 <mss 1460>");
    set_mode(s, SETTING_ATTACK);
    inject(s, SERVER, "S. y:y(0) ack x+1 win 65160 <mss 1460>");
    expect(s, CLIENT, "S. y:y(0) ack x+1 win 65160 <mss 1460>");
    inject(s, CLIENT, "P. x+1 ack y+1 win 502 | hello");
    expect(s, SERVER, "P. x+1 ack y+1 win 502 | hello");
    scenario_end(s);
}

Test(modes, rule_5_13_servers_synack_recreates_a_half_open_entry)
{
    struct scenario *s = attack_scenario();
    inject(
        s, SERVER,
        "S. y:y(0) ack x+1 win 65160 <mss 1460>"); /* its SYN crossed before; the flood pushed the entry out */
    expect(s, CLIENT, "S. y:y(0) ack x+1 win 65160 <mss 1460>");
    inject(s, CLIENT, ". x+1 ack y+1 win 502");
    expect(s, SERVER, ". x+1 ack y+1 win 502");
    scenario_end(s);
}

Test(modes, rule_5_13_client_between_syn_and_request_is_served_after_the_attack)
{
    struct scenario *s = attack_scenario();
    step_handshake(s);
    set_mode(s, SETTING_NORMAL);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 120 ecr t> | " GET_REQUEST);
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    inject(s, SERVER, "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>");
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 120 ecr 5000> | " GET_REQUEST);
    scenario_end(s);
}

Test(modes, rule_5_13_client_between_syn_and_ack_is_greeted_after_the_attack)
{
    struct scenario *s = attack_scenario();
    scenario_connection(s, CLIENT_V4, 40000, SERVER_V4, POP3_PORT);
    step_syn(s);
    set_mode(s, SETTING_NORMAL);
    inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t>");
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val t1 ecr 110> | " GREETING);
    inject(s, CLIENT, "P. x+1 ack c+12 win 502 <nop,nop,TS val 130 ecr t1> | USER sim\r\n");
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    scenario_end(s);
}

Test(modes, rule_5_13_synack_of_ours_said_again_beside_the_servers_own)
{
    struct scenario *s = attack_scenario();
    scenario_connection(s, CLIENT_V4, 40000, SERVER_V4, POP3_PORT);
    step_syn(s);
    set_mode(s, SETTING_NORMAL);
    pass(s, 1000000);
    scenario_drain(s); /* our SYN-ACK again, which crosses the client's SYN */
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460,sackOK,TS val 1100 ecr 0,nop,wscale 7>");
    expect(s, SERVER, "S x:x(0) win 64240 <mss 1460,sackOK,TS val 1100 ecr 0,nop,wscale 7>");
    /* the client took ours: its ACK proves a cookie, although the server's half-open entry is there */
    inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 1110 ecr t>");
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val * ecr 1110> | " GREETING);
    scenario_drain(s);
    scenario_end(s);
}

Test(modes, rule_5_13_cookie_beside_a_half_open_connection_of_the_same_isn)
{
    struct scenario *s = normal_scenario();
    scenario_connection(s, CLIENT_V4, 40000, SERVER_V4, POP3_PORT);
    inject(s, CLIENT, "S x:x(0) win 64240 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>");
    expect(s, SERVER, "S x:x(0) win 64240 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>");
    set_mode(s, SETTING_ATTACK);
    pass(s, 1000000); /* its SYN-ACK is slow: the client asks again, now in attack mode */
    step_syn(s);
    inject(s, SERVER, "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr 100,nop,wscale 7>");
    scenario_drain(s);
    inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 1110 ecr t>");
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val t1 ecr 1110> | " GREETING);
    scenario_drain(s);
    /* its request was lost; it answers the server's repeated SYN-ACK by a challenge ACK in our numbers (RFC 5961 4.2) */
    inject(s, CLIENT, ". x+11 ack c+12 win 502 <nop,nop,TS val 3000 ecr t1>");
    if (s->out[SERVER].count > 0)
        scenario_fail(s, __FILE__, __LINE__, "an ack in our numbers reached the server, which will reset it");
    scenario_drain(s);
    inject(s, CLIENT, "P. x+1 ack c+12 win 502 <nop,nop,TS val 3010 ecr t1> | USER sim\r\n");
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val * ecr 0,nop,wscale 7>");
    scenario_drain(s);
    scenario_end(s);
}

Test(modes, rule_5_13_spliced_connection_goes_on_in_normal_mode)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    set_mode(s, SETTING_NORMAL);
    inject(s, SERVER, "P. y+1 ack x+19 win 509 <nop,nop,TS val 5020 ecr 120> | HTTP/1.1 200 OK\r\n\r\n");
    expect(s, CLIENT, "P. c+1 ack x+19 win 509 <nop,nop,TS val * ecr 120> | HTTP/1.1 200 OK\r\n\r\n");
    scenario_end(s);
}
