/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_modes.c - normal mode, and the ways between normal and attack mode (rule 5.13, 6).
 */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/sim/steps.h"

/* --- normal mode ----------------------------------------------------------------------------- */

static void one_exchange(struct scenario *s)
{
    inject(s, CLIENT,
           "S x:x(0) win 64240 ttl 57 id 7 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>");
    expect(s, SERVER,
           "S x:x(0) win 64240 ttl 57 id 7 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>");
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr 100,nop,wscale 7>");
    expect(s, CLIENT,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr 100,nop,wscale 7>");
    inject(s, CLIENT, ". x+1 ack y+1 win 502 <nop,nop,TS val 110 ecr 5000>");
    expect(s, SERVER, ". x+1 ack y+1 win 502 <nop,nop,TS val 110 ecr 5000>");
    inject(s, CLIENT, "P. x+1 ack y+1 win 502 <nop,nop,TS val 120 ecr 5000> | " GET_REQUEST);
    expect(s, SERVER, "P. x+1 ack y+1 win 502 <nop,nop,TS val 120 ecr 5000> | " GET_REQUEST);
    inject(s, SERVER,
           "P. y+1 ack x+19 win 509 <nop,nop,TS val 5020 ecr 120> | HTTP/1.1 200 OK\r\n\r\n");
    expect(s, CLIENT,
           "P. y+1 ack x+19 win 509 <nop,nop,TS val 5020 ecr 120> | HTTP/1.1 200 OK\r\n\r\n");
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

Test(normal, rule_5_11_simultaneous_open_passes)
{
    struct scenario *s = attack_scenario();
    inject(s, SERVER, "S y:y(0) win 64240 <mss 1460>");
    expect(s, CLIENT, "S y:y(0) win 64240 <mss 1460>");
    inject(s, CLIENT,
           "S x:x(0) win 64240 <mss 1460>"); /* crosses the server's: it is no client of ours */
    expect(s, SERVER, "S x:x(0) win 64240 <mss 1460>");
    inject(s, SERVER, "S. y:y(0) ack x+1 win 64240 <mss 1460>");
    expect(s, CLIENT, "S. y:y(0) ack x+1 win 64240 <mss 1460>");
    inject(s, CLIENT, "S. x:x(0) ack y+1 win 64240 <mss 1460>");
    expect(s, SERVER, "S. x:x(0) ack y+1 win 64240 <mss 1460>");
    inject(s, CLIENT, "P. x+1 ack y+1 win 64240 | data");
    expect(s, SERVER, "P. x+1 ack y+1 win 64240 | data");
    inject(s, SERVER, ". y+1 ack x+5 win 64240");
    expect(s, CLIENT, ". y+1 ack x+5 win 64240");
    expect_count(s, cookies_sent, 0);
    scenario_end(s);
}

/* --- triggers -------------------------------------------------------------------------------- */

static struct server_info info_of(struct scenario *s, uint16_t port)
{
    struct server_info infos[16], none = {.mode = MODE_NORMAL};
    uint32_t count = engine_servers(s->middle->engine, infos, 16, s->now_us);
    for (uint32_t i = 0; i < count && i < 16; i++) {
        if (infos[i].key.port == port &&
            memcmp(&infos[i].key.addr, &s->server, sizeof s->server) == 0)
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

/* --- 5.13 ------------------------------------------------------------------------------------ */

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
    inject(s, SERVER, "S. y:y(0) ack x+1 win 65160 <mss 1460>"); /* its SYN crossed before; the
                                                                    flood pushed the entry out */
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
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr v,nop,wscale 7>");
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
    /* the client took ours: its ACK proves a cookie, although the server's half-open entry is there
     */
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
    inject(s, SERVER,
           "S. y:y(0) ack x+1 win 65160 <mss 1460,sackOK,TS val 5000 ecr 100,nop,wscale 7>");
    scenario_drain(s);
    inject(s, CLIENT, ". x+1 ack c+1 win 502 <nop,nop,TS val 1110 ecr t>");
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val t1 ecr 1110> | " GREETING);
    scenario_drain(s);
    /* its request was lost; it answers the server's repeated SYN-ACK by a challenge ACK in our
     * numbers (RFC 5961 4.2) */
    inject(s, CLIENT, ". x+11 ack c+12 win 502 <nop,nop,TS val 3000 ecr t1>");
    if (s->out[SERVER].count > 0)
        scenario_fail(s, __FILE__, __LINE__,
                      "an ack in our numbers reached the server, which will reset it");
    scenario_drain(s);
    inject(s, CLIENT, "P. x+1 ack c+12 win 502 <nop,nop,TS val 3010 ecr t1> | USER sim\r\n");
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val * ecr 0,nop,wscale 7>");
    scenario_drain(s);
    scenario_end(s);
}

/* The server's half of an older connection waits for an ACK that was lost: its FIN is no reason to
 * take the new one for the old. */
Test(modes, rule_5_13_cookie_beside_an_older_connection_that_was_picked_up)
{
    struct scenario *s = attack_scenario();
    scenario_connection(s, CLIENT_V4, 40000, SERVER_V4, POP3_PORT);
    step_syn(s);
    inject(s, SERVER, "F. 700000000:700000000(0) ack 900000000 win 502");
    expect(s, CLIENT, "F. 700000000:700000000(0) ack 900000000 win 502");
    inject(s, CLIENT,
           ". x+1 ack c+1 win 502 <nop,nop,TS val 110 ecr t>"); /* also its answer to that FIN */
    expect(s, CLIENT, "P. c+1 ack x+1 win 509 <nop,nop,TS val t1 ecr 110> | " GREETING);
    pass(s, 1100000);
    expect(
        s, CLIENT,
        "P. c+1 ack x+1 win 509 <nop,nop,TS val * ecr 110> | " GREETING); /* lost, and said again */
    inject(s, CLIENT, "P. x+1 ack c+12 win 502 <nop,nop,TS val 130 ecr t1> | USER sim\r\n");
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    scenario_end(s);
}

Test(modes, rule_5_13_spliced_connection_goes_on_in_normal_mode)
{
    struct scenario *s = attack_scenario();
    step_open(s);
    set_mode(s, SETTING_NORMAL);
    inject(s, SERVER,
           "P. y+1 ack x+19 win 509 <nop,nop,TS val 5020 ecr 120> | HTTP/1.1 200 OK\r\n\r\n");
    expect(s, CLIENT,
           "P. c+1 ack x+19 win 509 <nop,nop,TS val * ecr 120> | HTTP/1.1 200 OK\r\n\r\n");
    scenario_end(s);
}

Test(modes, rule_3_cookie_outlives_two_switches)
{
    struct scenario *s = attack_scenario();
    step_handshake(s);
    set_mode(s, SETTING_NORMAL);
    pass(s, 30000000);
    set_mode(s, SETTING_ATTACK);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 30120 ecr t> | " GET_REQUEST);
    expect(s, SERVER, "S x:x(0) win * <mss 1460,sackOK,TS val v ecr 0,nop,wscale 7>");
    scenario_end(s);
}

/* After one lifetime no cookie can be out, and normal mode is as if there never was an attack. */
Test(modes, rule_5_13_cookies_end_with_their_lifetime)
{
    struct scenario *s = attack_scenario();
    step_handshake(s);
    set_mode(s, SETTING_NORMAL);
    pass(s, COOKIE_LIFETIME_US + 1000);
    inject(s, CLIENT, "P. x+1 ack c+1 win 502 <nop,nop,TS val 480120 ecr t> | " GET_REQUEST);
    expect(s, SERVER, "P. x+1 ack c+1 win 502 <nop,nop,TS val 480120 ecr t> | " GET_REQUEST);
    inject(s, SERVER, "R c+1:c+1(0) win 0");
    expect(s, CLIENT, "R c+1:c+1(0) win 0");
    scenario_end(s);
}

Test(modes, rule_5_13_reset_does_not_pick_up)
{
    struct scenario *s = attack_scenario();
    inject(s, SERVER, "R 2000:2000(0) win 0");
    inject(s, SERVER, "R. 2000:2000(0) ack 1000 win 0");
    scenario_drain(s);
    expect_count(s, flows_tracked, 0);
    inject(s, SERVER, ". 2000 ack 1000 win 502"); /* an ACK does */
    expect(s, CLIENT, ". 2000 ack 1000 win 502");
    expect_count(s, flows_tracked, 1);
    scenario_end(s);
}

/* --- whole connections under switches -------------------------------------------------------- */

struct switching {
    struct wire *wire;
    enum mode_setting next;
    uint32_t left;
    uint64_t every_us;
};

static void switch_mode(void *context)
{
    struct switching *switching = context;
    engine_set_setting(switching->wire->middle->engine, NULL, switching->next,
                       switching->wire->now_us);
    switching->next = switching->next == SETTING_ATTACK ? SETTING_NORMAL : SETTING_ATTACK;
    if (--switching->left > 0)
        wire_at(switching->wire, switching->wire->now_us + switching->every_us, switch_mode,
                context);
}

static void expect_undisturbed(struct world *world)
{
    for (struct session *session = world->stage.sessions; session != NULL;
         session = session->next) {
        cr_assert(session_done(session), "port %u: client %s, has %u of %u", session->client_port,
                  tcp_state_name(session->client->state), session->client->in.bytes,
                  session->expected_bytes);
        cr_assert_eq(session->servers_seen, 1, "port %u", session->client_port);
        cr_assert_eq(session->client->seen.rto + session->server->seen.rto, 0,
                     "port %u: a timer ran out", session->client_port);
        cr_assert_eq(session->client->seen.paws_drops + session->server->seen.paws_drops, 0);
        cr_assert_eq(session->client->seen.bad_segments + session->server->seen.bad_segments, 0);
    }
}

/* Long transfers both ways, opened in either mode; the mode changes every 100 ms while they run. */
static void transfers_under_switches(enum mode_setting begin)
{
    struct tcp_settings settings = tcp_settings_default(true);
    struct world world;
    settings.offload = true;
    world_open(&world, 5, begin, &settings, &settings);
    for (uint16_t i = 0; i < 6; i++) {
        static const uint16_t ports[] = {HTTP_PORT, HTTP_PORT, POP3_PORT};
        struct session *session = world_session(&world, i < 3, (uint16_t)(40000 + i), ports[i % 3]);
        if (i % 3 == 0)
            session_http_get(session, 1, 4000000, i);
        else if (i % 3 == 1)
            session_http_post(session, 4000000, i);
        else
            session_pop3(session, POP3_PROMISE, 4000000, i);
        session_start(session, 1000000);
    }
    struct switching switching = {.wire = world.wire,
                                  .next = begin == SETTING_ATTACK ? SETTING_NORMAL : SETTING_ATTACK,
                                  .left = 20,
                                  .every_us = 100000};
    wire_at(world.wire, 1200000, switch_mode, &switching);
    cr_assert(world_run(&world, 100000000));
    expect_undisturbed(&world);
    world_expect_empty(&world);
    world_close(&world);
}

Test(modes, running_transfers_do_not_feel_a_switch)
{
    transfers_under_switches(SETTING_NORMAL);
    transfers_under_switches(SETTING_ATTACK);
}

/* 200 clients within 200 ms on a path of 40 ms; the mode changes when half of them are on their
 * way. */
static void caught_in_the_middle(enum mode_setting begin, bool timestamps)
{
    struct tcp_settings settings = tcp_settings_default(true);
    struct world world;
    settings.timestamps = timestamps;
    world_open(&world, 6, begin, &settings, &settings);
    wire_set_links(world.wire, &(struct link){.latency_us = 10000});
    for (uint16_t i = 0; i < 200; i++) {
        struct session *session = world_session(&world, i % 4 < 2, (uint16_t)(40000 + i),
                                                i % 2 == 0 ? HTTP_PORT : POP3_PORT);
        if (i % 2 == 0)
            session_http_get(session, 1, 3000, i);
        else
            session_pop3(session, POP3_PROMISE, 3000, i);
        session_start(session, 1000000 + 1000u * i);
    }
    struct switching switching = {.wire = world.wire,
                                  .next = begin == SETTING_ATTACK ? SETTING_NORMAL : SETTING_ATTACK,
                                  .left = 1};
    wire_at(world.wire, 1120500, switch_mode, &switching);
    cr_assert(world_run(&world, 100000000));
    for (struct session *session = world.stage.sessions; session != NULL; session = session->next)
        cr_assert(session_done(session), "port %u: client %s", session->client_port,
                  tcp_state_name(session->client->state));
    world_expect_empty(&world);
    world_close(&world);
}

Test(modes, clients_caught_in_the_middle_get_through)
{
    for (int timestamps = 0; timestamps < 2; timestamps++) {
        caught_in_the_middle(SETTING_NORMAL, timestamps != 0);
        caught_in_the_middle(SETTING_ATTACK, timestamps != 0);
    }
}

static struct middle *attacked_middle(const struct tcp_settings *settings, uint64_t now_us)
{
    struct middle *middle = middle_new(NULL, now_us);
    engine_set_setting(middle->engine, NULL, SETTING_ATTACK, now_us);
    middle_adopt(middle, fixture_all(settings), now_us);
    return middle;
}

/* The bridge is put into a wire on which transfers run, in attack mode from its first frame on. */
Test(modes, transfers_older_than_the_engine_go_on)
{
    struct tcp_settings settings = tcp_settings_default(true);
    struct world world;
    world_open(&world, 7, SETTING_INHERIT, &settings, &settings);
    for (uint16_t i = 0; i < 4; i++) {
        struct session *session = world_session(&world, i < 2, (uint16_t)(40000 + i), HTTP_PORT);
        if (i % 2 == 0)
            session_http_get(session, 1, 3000000, i);
        else
            session_http_post(session, 3000000, i);
        session_start(session, 1000000);
    }
    wire_run(world.wire, 1150000);
    wire_insert(world.wire, attacked_middle(&settings, world.wire->now_us));
    cr_assert(world_run(&world, 200000000));
    for (struct session *session = world.stage.sessions; session != NULL; session = session->next)
        cr_assert(session_done(session), "port %u: client %s, has %u of %u", session->client_port,
                  tcp_state_name(session->client->state), session->client->in.bytes,
                  session->expected_bytes);
    cr_assert_eq(world_counters(&world)->cookies_sent, 0);
    world_expect_empty(&world);
    world_close(&world);
}

/* --- switches under load --------------------------------------------------------------------- */

#define LOAD_SESSIONS  800u
#define LOAD_SWITCHES  1000u
#define SWITCH_GAP_US  12000u /* at most; the mean is half of it */
#define LOAD_LENGTH_US 7000000u

struct load {
    struct world world;
    struct rng rng;
    uint32_t switches;
    uint64_t most_open, sum_open;
};

static void roomy(struct engine_config *config)
{
    config->openings_max = 1024;
}

static uint32_t open_now(const struct load *load)
{
    uint32_t open = 0;
    for (const struct session *s = load->world.stage.sessions; s != NULL; s = s->next)
        open += s->client != NULL && !session_ended(s);
    return open;
}

static void switch_under_load(void *context)
{
    struct load *load = context;
    struct wire *wire = load->world.wire;
    uint32_t open = open_now(load);
    load->sum_open += open;
    load->most_open = open > load->most_open ? open : load->most_open;
    engine_set_setting(wire->middle->engine, NULL,
                       load->switches++ % 2 ? SETTING_NORMAL : SETTING_ATTACK, wire->now_us);
    if (load->switches < LOAD_SWITCHES)
        wire_at(wire, wire->now_us + 1 + rng_below(&load->rng, SWITCH_GAP_US), switch_under_load,
                load);
}

static void add_session(struct load *load, uint32_t number)
{
    static const uint16_t ports[] = {HTTP_PORT, POP3_PORT, BINARY_PORT, COOKIE_PORT};
    uint16_t port = ports[number % 4];
    struct session *session = world_session(&load->world, rng_chance(&load->rng, 500000),
                                            (uint16_t)(20000 + number), port);
    uint64_t seed = rng_next(&load->rng);
    if (port == HTTP_PORT)
        session_http_get(session, 1 + rng_below(&load->rng, 5), rng_below(&load->rng, 20000), seed);
    else if (port == BINARY_PORT)
        session_binary(session, rng_below(&load->rng, 20000), seed);
    else
        session_pop3(session, POP3_PROMISE, rng_below(&load->rng, 20000), seed);
    session->manner.think_us = rng_below(&load->rng, 800000);
    session->manner.first_think_us =
        rng_chance(&load->rng, 300000) ? rng_below(&load->rng, 2000000) : 0;
    session_start(session, load->world.wire->now_us + rng_below(&load->rng, LOAD_LENGTH_US));
}

/* Each of 800 connections, of all kinds, is caught by many switches; each is whole in the end. */
Test(modes, thousand_switches_under_load_lose_no_connection, .timeout = 120)
{
    struct tcp_settings settings = tcp_settings_default(true);
    struct load load = {.rng = {.state = fixture_seed(4)}};
    struct middle *middle = middle_new(roomy, WIRE_START_US);
    struct link link = {.latency_us = 2000};

    engine_set_setting(middle->engine, NULL, SETTING_NORMAL, WIRE_START_US);
    middle_adopt(middle, fixture_all(&settings), WIRE_START_US);
    world_open_at(&load.world, load.rng.state, middle, WIRE_START_US, &settings, &settings);
    wire_set_links(load.world.wire, &link);
    load.world.wire->name = "modes/thousand_switches_under_load_lose_no_connection";
    for (uint32_t i = 0; i < LOAD_SESSIONS; i++)
        add_session(&load, i);
    wire_at(load.world.wire, WIRE_START_US + 1000, switch_under_load, &load);
    world_run(&load.world, 300000000); /* TIME-WAIT too */
    cr_assert_eq(load.switches, LOAD_SWITCHES);
    for (struct session *s = load.world.stage.sessions; s != NULL; s = s->next)
        if (!session_done(s) || s->client->end != CONN_CLOSED || s->server->end != CONN_CLOSED ||
            s->client->seen.bad_segments || s->server->seen.bad_segments)
            wire_fail_port(load.world.wire, s->client_port,
                           "port %u > %u was lost by a switch: done %d, ends %d %d, refused %u %u",
                           s->client_port, s->server_port, session_done(s), s->client->end,
                           s->server->end, s->client->seen.bad_segments,
                           s->server->seen.bad_segments);
    cr_assert_geq(load.sum_open / LOAD_SWITCHES, 100, "hundreds are open: %llu on average",
                  (unsigned long long)(load.sum_open / LOAD_SWITCHES));
    cr_assert_gt(world_counters(&load.world)->flows_opened, 100);
    world_expect_empty(&load.world);
    world_close(&load.world);
}
