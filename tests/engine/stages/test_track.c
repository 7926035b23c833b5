/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of engine/stages/track.c: in normal mode nothing is changed on the way, and connections are
 * followed all the same.
 *
 * It is longer than most: each state of a connection, from either side, and what displaces what.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "tests/engine/support_engine.h"

/* Feeds bench->sent and expects the very same bytes on the other side. */
static void crosses_unchanged(struct bench *b, enum side from)
{
    static struct test_frame before;
    uint32_t bytes = b->sent.bytes;

    memcpy(before.buffer, b->sent.buffer, bytes);
    bench_put(b, from);
    forwarded(b);
    take(b, side_other(from));
    cr_assert_eq(b->seen.bytes, bytes);
    cr_assert_arr_eq(b->seen.buffer, before.buffer, bytes);
    nothing(b);
}

#define client_crosses(b, ...) (client_builds(b, __VA_ARGS__), crosses_unchanged(b, SIDE_CLIENT))
#define server_crosses(b, ...) (server_builds(b, __VA_ARGS__), crosses_unchanged(b, SIDE_SERVER))

static void whole_connection_crosses(struct bench *b)
{
    static const uint8_t data[40000];

    client_crosses(b, .flags = "SEW", .seq = X, .options = "mss=1460 sack ts=1/0 nop ws=7",
                   .ttl = 61, .ip_id = 7);
    server_crosses(b, .flags = "S.E", .seq = Y, .ack = X + 1,
                   .options = "mss=1460 sack ts=9/1 nop ws=9");
    client_crosses(b, .flags = ".", .seq = X + 1, .ack = Y + 1, .options = ts(2, 9));
    client_crosses(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .options = ts(2, 9),
                   .payload = REQUEST, .tos = 2);
    server_crosses(b, .flags = ".", .seq = Y + 1, .ack = X + 19, .payload_bytes = 40000,
                   .payload = data, .gso_bytes = 1448, .options = ts(10, 2));
    client_crosses(b, .flags = ".", .seq = X + 19, .ack = Y + 1,
                   .options = "nop nop blocks=6449-7897");
    client_crosses(b, .flags = "F.", .seq = X + 19, .ack = Y + 40001);
    server_crosses(b, .flags = "F.", .seq = Y + 40001, .ack = X + 20);
    client_crosses(b, .flags = ".", .seq = X + 20, .ack = Y + 40002);
}

Test(track, every_frame_crosses_byte_for_byte)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    whole_connection_crosses(b);
    cr_assert_str_eq(bench_flow_state(b), "closing");
    b->client = CLIENT6, b->server = HTTP6;
    whole_connection_crosses(b);
    b->vlan[0] = 0x6005, b->vlan[1] = 0x2007;
    whole_connection_crosses(b);
    bench_end(b);
}

Test(track, what_is_no_tcp_or_damaged_crosses_too)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    b->damaged = true;
    client_builds(b, .flags = "S", .seq = X, .options = "hex=0200");
    crosses_unchanged(b, SIDE_CLIENT);
    client_builds(b, .flags = ".", .seq = X, .ack = 3);
    frame_tcp(&b->sent.view)[16] ^= 0x55;
    crosses_unchanged(b, SIDE_CLIENT);
    client_builds(b, .flags = "P.", .payload = "x");
    frame_data(&b->sent)[14 + 9] = 17;
    crosses_unchanged(b, SIDE_CLIENT);
    frame_data(&b->sent)[12] = 0x08, frame_data(&b->sent)[13] = 0x06;
    crosses_unchanged(b, SIDE_SERVER);
    b->sent.bytes = OFFLOAD_BYTES + 3;
    crosses_unchanged(b, SIDE_CLIENT);
    b->sent.bytes = OFFLOAD_BYTES;
    crosses_unchanged(b, SIDE_CLIENT);
    bench_end(b);
}

Test(track, half_open_count_follows_the_handshake)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    client_crosses(b, .flags = "S", .seq = X, .options = OFFERS);
    cr_assert_eq(bench_server(b, HTTP)->counts.half_open_flows, 1);
    client_crosses(b, .flags = "S", .seq = X, .options = OFFERS);
    cr_assert_eq(bench_server(b, HTTP)->counts.half_open_flows, 1, "the same SYN again");
    client_crosses(b, .flags = "S", .seq = X + 77, .options = OFFERS);
    cr_assert_eq(bench_server(b, HTTP)->counts.half_open_flows, 1,
                 "a new attempt on the same tuple");
    server_crosses(b, .flags = "S.", .seq = Y, .ack = X + 78, .options = OFFERS);
    cr_assert_str_eq(bench_flow_state(b), "half-open");
    client_crosses(b, .flags = ".", .seq = X + 78, .ack = Y + 1);
    cr_assert_str_eq(bench_flow_state(b), "established");
    cr_assert_eq(bench_server(b, HTTP)->counts.half_open_flows, 0);
    bench_end(b);
}

/* An ACK of something else, a RST, or an ACK before the server has answered does not complete it.
 */
Test(track, only_an_ack_of_the_servers_syn_completes)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    client_crosses(b, .flags = "S", .seq = X, .options = OFFERS);
    client_crosses(b, .flags = ".", .seq = X + 1, .ack = 77);
    cr_assert_str_eq(bench_flow_state(b), "half-open");
    server_crosses(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    client_crosses(b, .flags = ".", .seq = X + 1, .ack = Y);
    cr_assert_str_eq(bench_flow_state(b), "half-open");
    server_crosses(b, .flags = ".", .seq = Y + 1, .ack = X + 1);
    cr_assert_str_eq(bench_flow_state(b), "half-open", "the server itself completes nothing");
    bench_end(b);
}

Test(track, reset_ends_a_half_open_connection)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    client_crosses(b, .flags = "S", .seq = X, .options = OFFERS);
    server_crosses(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    client_crosses(b, .flags = "R", .seq = X + 1);
    cr_assert_str_eq(bench_flow_state(b), "closing");
    cr_assert_eq(bench_server(b, HTTP)->counts.half_open_flows, 0);
    bench_wait(b, 250 * SECOND_US);
    cr_assert_str_eq(bench_flow_state(b), "none");
    bench_end(b);
}

/*
 * Linux and BSD ignore a RST in SYN-RECEIVED whose ack is not theirs, and Linux one with an old
 * TSval: a flood that sends such a RST behind each spoofed SYN fills the backlog all the same, and
 * must not look like connections that ended.
 */
Test(track, a_reset_that_the_server_ignores_hides_no_half_open_connection)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    client_crosses(b, .flags = "S", .seq = X, .options = OFFERS);
    server_crosses(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    client_crosses(b, .flags = "R.", .seq = X + 1, .ack = 77);
    cr_assert_eq(bench_server(b, HTTP)->counts.half_open_flows, 1, "its ack is a guess");
    client_crosses(b, .flags = "R.", .seq = X + 1, .ack = Y + 1);
    cr_assert_eq(bench_server(b, HTTP)->counts.half_open_flows, 0);
    server_crosses(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    cr_assert_eq(bench_server(b, HTTP)->counts.half_open_flows, 1, "the server waits on");
    cr_assert_str_eq(bench_flow_state(b), "half-open");
    client_crosses(b, .flags = "R", .seq = X + 1);
    cr_assert_eq(bench_server(b, HTTP)->counts.half_open_flows, 0,
                 "a host without the connection says it again");
    bench_end(b);
}

/* What ended as a connection does not become half-open by a SYN-ACK that comes late. */
Test(track, a_late_synack_revives_only_what_never_was_established)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    handshake(b, OFFERS, OFFERS);
    client_crosses(b, .flags = "R.", .seq = X + 1, .ack = Y + 1);
    server_crosses(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    cr_assert_str_eq(bench_flow_state(b), "closing");
    cr_assert_eq(bench_server(b, HTTP)->counts.half_open_flows, 0);
    bench_end(b);
}

/* The server drops what is damaged, and stays half-open. */
Test(track, a_damaged_ack_completes_nothing)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    client_crosses(b, .flags = "S", .seq = X, .options = OFFERS);
    server_crosses(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    b->damaged = true;
    client_builds(b, .flags = ".", .seq = X + 1, .ack = Y + 1);
    frame_tcp(&b->sent.view)[16] ^= 0x55;
    crosses_unchanged(b, SIDE_CLIENT);
    cr_assert_str_eq(bench_flow_state(b), "half-open");
    cr_assert_eq(bench_server(b, HTTP)->counts.half_open_flows, 1);
    b->damaged = false;
    client_crosses(b, .flags = ".", .seq = X + 1, .ack = Y + 1);
    cr_assert_str_eq(bench_flow_state(b), "established");
    bench_end(b);
}

/*
 * A half-open connection that was there before the attack finishes untouched, and nothing more:
 * another SYN on its tuple asks for another connection, and gets a cookie. Else whoever holds such
 * tuples reaches the server around it, again and again.
 */
Test(track, half_open_from_before_lets_no_other_syn_through)
{
    struct bench *b = bench_new(SETTING_AUTO);
    uint32_t c;

    engine_set_setting(b->engine, NULL, SETTING_NORMAL, b->now_us);
    client_crosses(b, .flags = "S", .seq = X, .options = OFFERS);
    server_crosses(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    engine_set_setting(b->engine, NULL, SETTING_ATTACK, b->now_us);
    client_crosses(b, .flags = "S", .seq = X,
                   .options = OFFERS); /* the same again is the server's */
    c = 0;
    client_says(b, .flags = "S", .seq = X + 9000, .options = OFFERS);
    c = take(b, SIDE_CLIENT)->seq;
    replied(b);
    nothing(b);
    server_crosses(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    /* Its ACK of the server's SYN completes the old one; a request under the cookie opens the new
     * one. */
    client_says(b, .flags = "P.", .seq = X + 9001, .ack = c + 1, .payload = REQUEST);
    to_server(b, .flags = "S", .seq = X + 9000, .options = ANY_OPTIONS);
    nothing(b);
    bench_end(b);
}

Test(track, half_open_expires_and_is_counted_off)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    client_crosses(b, .flags = "S", .seq = X, .options = OFFERS);
    bench_wait(b, 59 * SECOND_US);
    cr_assert_eq(bench_server(b, HTTP)->counts.half_open_flows, 1);
    bench_wait(b, 2 * SECOND_US);
    cr_assert_str_eq(bench_flow_state(b), "none");
    cr_assert_eq(bench_server(b, HTTP)->counts.half_open_flows, 0);
    cr_assert_eq(bench_counters(b)->flows_expired, 1);
    cr_assert_eq(bench_counters(b)->flows_tracked, 0);
    bench_end(b);
}

/* A blind RST that the host refuses must not kill the flow. */
Test(track, data_after_a_reset_makes_it_live_again)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    handshake(b, OFFERS, OFFERS);
    client_crosses(b, .flags = "R", .seq = X + 999);
    cr_assert_str_eq(bench_flow_state(b), "closing");
    client_crosses(b, .flags = ".", .seq = X + 1, .ack = Y + 1);
    cr_assert_str_eq(bench_flow_state(b), "closing", "an ACK may be an echo");
    client_crosses(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = "more");
    cr_assert_str_eq(bench_flow_state(b), "established");
    bench_wait(b, 300 * SECOND_US);
    cr_assert_str_eq(bench_flow_state(b), "established");
    bench_end(b);
}

Test(track, fin_both_ways_is_final)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    handshake(b, OFFERS, OFFERS);
    client_crosses(b, .flags = "F.", .seq = X + 1, .ack = Y + 1);
    cr_assert_str_eq(bench_flow_state(b), "established", "half-closed");
    server_crosses(b, .flags = "PF.", .seq = Y + 1, .ack = X + 2, .payload = "bye");
    cr_assert_str_eq(bench_flow_state(b), "closing");
    server_crosses(b, .flags = "PF.", .seq = Y + 1, .ack = X + 2, .payload = "bye");
    cr_assert_str_eq(bench_flow_state(b), "closing");
    bench_wait(b, 250 * SECOND_US);
    cr_assert_str_eq(bench_flow_state(b), "none");
    bench_end(b);
}

Test(track, port_is_used_again_while_closing)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    handshake(b, OFFERS, OFFERS);
    client_crosses(b, .flags = "R.", .seq = X + 1, .ack = Y + 1);
    client_crosses(b, .flags = "S", .seq = X + 5000, .options = OFFERS);
    cr_assert_str_eq(bench_flow_state(b), "half-open");
    cr_assert_eq(bench_server(b, HTTP)->counts.half_open_flows, 1);
    server_crosses(b, .flags = "S.", .seq = Y + 5000, .ack = X + 5001, .options = OFFERS);
    client_crosses(b, .flags = ".", .seq = X + 5001, .ack = Y + 5001);
    cr_assert_str_eq(bench_flow_state(b), "established");
    bench_end(b);
}

/* The host answers with a challenge ACK (RFC 5961 4); the flow stays. */
Test(track, syn_on_a_live_flow_passes)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    engine_set_setting(b->engine, NULL, SETTING_NORMAL, b->now_us);
    handshake(b, OFFERS, OFFERS);
    engine_set_setting(b->engine, NULL, SETTING_ATTACK, b->now_us);
    client_crosses(b, .flags = "S", .seq = X + 3, .options = OFFERS);
    cr_assert_str_eq(bench_flow_state(b), "established");
    server_crosses(b, .flags = ".", .seq = Y + 1, .ack = X + 1);
    client_crosses(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = "goes on");
    bench_end(b);
}

/* One a second of each connection: a flood of them costs the server nothing to speak of. */
Test(track, syns_on_a_live_flow_pass_once_a_second_under_attack)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    handshake(b, OFFERS, OFFERS);
    engine_set_setting(b->engine, NULL, SETTING_ATTACK, b->now_us);
    for (uint32_t second = 0; second < 3; second++) {
        client_crosses(b, .flags = "S", .seq = X + 9000 + second, .options = OFFERS);
        for (uint32_t i = 0; i < 50; i++) {
            client_says(b, .flags = i % 2 ? "S" : "S.", .seq = X + i, .options = OFFERS);
            dropped(b, stray);
        }
        server_crosses(b, .flags = ".", .seq = Y + 1, .ack = X + 1);
        b->now_us += 1000000;
    }
    cr_assert_str_eq(bench_flow_state(b), "established");
    client_crosses(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = "goes on");
    bench_end(b);
}

Test(track, syns_on_live_flows_pass_a_hundred_times_a_second_to_a_server)
{
    struct engine_config config;
    struct bench *b;

    bench_config(&config);
    config.flows_max = 256;
    b = bench_new_sized(SETTING_NORMAL, &config);
    for (uint16_t number = 0; number < 101; number++) {
        bench_client(b, number);
        handshake(b, OFFERS, OFFERS);
    }
    engine_set_setting(b->engine, NULL, SETTING_ATTACK, b->now_us);
    for (uint16_t number = 0; number < 100; number++) {
        bench_client(b, number);
        client_crosses(b, .flags = "S", .seq = X + 9000, .options = OFFERS);
    }
    bench_client(b, 100);
    client_says(b, .flags = "S", .seq = X + 9000, .options = OFFERS);
    dropped(b, stray);
    bench_end(b);
}

/*
 * A server's TIME-WAIT answers a stray ACK, which makes us pick up what is no connection, and takes
 * a SYN for a new one: that is answered here, and nothing passes without a cookie.
 */
Test(track, syn_on_what_was_picked_up_gets_a_cookie_under_attack)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    client_crosses(b, .flags = ".", .seq = 77, .ack = 99);
    server_crosses(b, .flags = ".", .seq = 99, .ack = 77);
    client_says(b, .flags = "S", .seq = X + 80000, .options = OFFERS);
    to_client(b, .flags = "S.", .seq = ANY, .ack = X + 80001, .options = OFFERS);
    client_crosses(b, .flags = ".", .seq = 77, .ack = 99);
    cr_assert_str_eq(bench_flow_state(b), "established");
    client_says(b, .flags = "S", .seq = X + 90000, .options = OFFERS);
    to_client(b, .flags = "S.", .seq = ANY, .ack = X + 90001, .options = OFFERS);
    bench_end(b);
}

/* The server lost the connection (restart), and answers the client's new SYN. */
Test(track, servers_new_synack_restarts_the_flow)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    handshake(b, OFFERS, OFFERS);
    client_crosses(b, .flags = "S", .seq = X + 90000, .options = OFFERS);
    server_crosses(b, .flags = "S.", .seq = Y + 90000, .ack = X + 90001, .options = OFFERS);
    cr_assert_str_eq(bench_flow_state(b), "half-open");
    client_crosses(b, .flags = ".", .seq = X + 90001, .ack = Y + 90001);
    cr_assert_str_eq(bench_flow_state(b), "established");
    bench_end(b);
}

Test(track, older_connection_is_picked_up_from_the_server)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    client_crosses(b, .flags = "P.", .seq = 77, .ack = 99, .payload = "x");
    cr_assert_str_eq(bench_flow_state(b), "none", "a client alone proves nothing");
    server_crosses(b, .flags = "R.", .seq = 99, .ack = 78);
    cr_assert_str_eq(bench_flow_state(b), "none");
    server_crosses(b, .flags = "P.", .seq = 99, .ack = 78, .payload = "y");
    cr_assert_str_eq(bench_flow_state(b), "picked-up", "nor does a server");
    client_crosses(b, .flags = ".", .seq = 78, .ack = 100);
    cr_assert_str_eq(bench_flow_state(b), "established");
    engine_set_setting(b->engine, NULL, SETTING_ATTACK, b->now_us);
    client_crosses(b, .flags = "P.", .seq = 78, .ack = 100, .payload = "z");
    cr_assert_null(bench_observed(b), "its offsets are not known");
    bench_end(b);
}

/* Bare ACKs of the server side, whose clients are nobody, take no place that others need. */
Test(track, what_the_server_side_invents_makes_room)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    client_crosses(b, .flags = "S", .seq = X, .options = OFFERS);
    server_crosses(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    client_crosses(b, .flags = ".", .seq = X + 1, .ack = Y + 1);
    bench_client(b, 400);
    client_crosses(b, .flags = "S", .seq = X, .options = OFFERS);
    for (uint16_t i = 1; i <= 200; i++) { /* the table has 64 entries */
        static const char *const flags[] = {".", "F.", "S.", "S"};

        bench_client(b, i);
        server_crosses(b, .flags = flags[i % 4], .seq = 5000, .ack = i % 4 < 3 ? 6000 : 0);
    }
    b->client = CLIENT;
    cr_assert_str_eq(bench_flow_state(b), "established", "who was there stays");
    bench_client(b, 400);
    cr_assert_str_eq(bench_flow_state(b), "half-open", "and who is about to come");
    bench_client(b, 300);
    client_crosses(b, .flags = "S", .seq = X, .options = OFFERS);
    cr_assert_str_eq(bench_flow_state(b), "half-open", "who comes finds room");
    bench_end(b);
}

/* Clients that ask a server without a place in the flow table; `completes`: they are real. */
static void ask_without_a_place(struct bench *b, uint16_t first, uint16_t count, bool completes)
{
    for (uint16_t i = 0; i < count; i++) {
        bench_client(b, (uint16_t)(first + i));
        client_crosses(b, .flags = "S", .seq = X, .options = OFFERS);
        server_crosses(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
        if (completes)
            client_crosses(b, .flags = ".", .seq = X + 1, .ack = Y + 1);
        if (b->queued > 0)
            break;
    }
}

static void fill_with_live_ones(struct bench *b)
{
    for (uint16_t i = 1; i <= b->config.flows_max; i++) {
        bench_client(b, i);
        handshake(b, OFFERS, OFFERS);
    }
}

Test(track, a_full_table_does_not_hide_who_is_half_open)
{
    struct bench *b = bench_new(SETTING_AUTO);

    fill_with_live_ones(b);
    ask_without_a_place(b, 1000, 200, false);
    cr_assert_eq(bench_server(b, HTTP)->mode, MODE_NORMAL);
    bench_client(b, 2000);
    client_says(b, .flags = "S", .seq = X, .options = OFFERS);
    cr_assert_eq(bench_server(b, HTTP)->mode, MODE_ATTACK);
    cr_assert_eq(bench_server(b, HTTP)->cause, TRIGGER_HALF_OPEN);
    take(b, SIDE_SERVER);
    bench_end(b);
}

Test(track, clients_without_a_place_who_complete_their_handshake_are_not_half_open)
{
    struct bench *b = bench_new(SETTING_AUTO);

    fill_with_live_ones(b);
    ask_without_a_place(b, 1000, 1000, true);
    cr_assert_eq(bench_server(b, HTTP)->mode, MODE_NORMAL);
    bench_end(b);
}

/* They push out each other: those that have gone still wait at the server. */
Test(track, half_open_ones_that_were_pushed_out_count)
{
    struct bench *b = bench_new(SETTING_AUTO);

    handshake(b, OFFERS, OFFERS);
    for (uint16_t i = 1; i <= 201; i++) { /* the table has 64 entries */
        cr_assert_eq(bench_server(b, HTTP)->mode, MODE_NORMAL);
        bench_client(b, i);
        client_says(b, .flags = "S", .seq = X, .options = OFFERS);
        take(b, SIDE_SERVER);
    }
    cr_assert_eq(bench_server(b, HTTP)->mode, MODE_ATTACK);
    bench_end(b);
}

/* Invented ports are no servers: only who answers a SYN that was seen is one. */
Test(track, a_synack_without_a_syn_makes_no_server)
{
    struct bench *b = bench_new(SETTING_NORMAL);
    char name[32];

    b->server = name;
    for (unsigned port = 2000; port < 2500; port++) {
        snprintf(name, sizeof(name), "192.0.2.1:%u", port);
        server_crosses(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
        cr_assert_null(bench_server(b, name));
    }
    bench_end(b);
}

/* Nor does saying so again, as every host does that is not answered, or saying something else. */
Test(track, nor_does_a_synack_that_is_repeated)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    b->server = "192.0.2.1:2000";
    server_crosses(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    server_crosses(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    cr_assert_null(bench_server(b, b->server), "the same again");
    server_crosses(b, .flags = "S.", .seq = Y + 100, .ack = X + 100, .options = OFFERS);
    cr_assert_null(bench_server(b, b->server), "another");
    b->server = "192.0.2.1:2001";
    server_crosses(b, .flags = ".", .seq = Y, .ack = X + 1);
    server_crosses(b, .flags = "S.", .seq = Y + 100, .ack = X + 100, .options = OFFERS);
    cr_assert_null(bench_server(b, b->server), "behind a bare ACK");
    bench_end(b);
}

/* A client that sends faster than 64 KiB in a round trip is known by what it says, too. */
Test(track, fast_upload_that_is_picked_up_is_established)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    server_crosses(b, .flags = ".", .seq = Y, .ack = X);
    client_crosses(b, .flags = "P.", .seq = X + 1000000, .ack = Y, .payload = "bytes");
    cr_assert_str_eq(bench_flow_state(b), "established");
    bench_end(b);
}

Test(track, connection_from_the_server_side_is_outbound_in_every_mode)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    server_crosses(b, .flags = "S", .seq = Y, .options = OFFERS);
    cr_assert_str_neq(bench_flow_state(b), "none");
    client_crosses(b, .flags = "S.", .seq = X, .ack = Y + 1, .options = OFFERS);
    server_crosses(b, .flags = ".", .seq = Y + 1, .ack = X + 1);
    client_crosses(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = "220 hello");
    server_crosses(b, .flags = "P.", .seq = Y + 1, .ack = X + 10, .payload = "EHLO a");
    cr_assert_str_eq(bench_flow_state(b), "outbound");
    client_crosses(b, .flags = "F.", .seq = X + 10, .ack = Y + 7);
    server_crosses(b, .flags = "F.", .seq = Y + 7, .ack = X + 11);
    client_crosses(b, .flags = ".", .seq = X + 11, .ack = Y + 8);
    cr_assert_str_eq(bench_flow_state(b), "closing");
    cr_assert_null(bench_observed(b), "nobody's server");
    bench_end(b);
}

/* RFC 9293 3.5: both ends send a SYN. */
Test(track, simultaneous_open_passes)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    server_crosses(b, .flags = "S", .seq = Y, .options = OFFERS);
    client_crosses(b, .flags = "S", .seq = X, .options = OFFERS);
    server_crosses(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    client_crosses(b, .flags = "S.", .seq = X, .ack = Y + 1, .options = OFFERS);
    client_crosses(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = "a");
    cr_assert_str_eq(bench_flow_state(b), "outbound");
    bench_end(b);
}

Test(track, idle_flows_go_after_two_hours)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    handshake(b, OFFERS, OFFERS);
    bench_wait(b, 7200 * SECOND_US);
    cr_assert_str_eq(bench_flow_state(b), "established");
    client_crosses(b, .flags = ".", .seq = X, .ack = Y + 1);
    bench_wait(b, 7400 * SECOND_US);
    cr_assert_str_eq(bench_flow_state(b), "established", "a keepalive is use");
    bench_wait(b, 200 * SECOND_US);
    cr_assert_str_eq(bench_flow_state(b), "none");
    cr_assert_eq(bench_counters(b)->flows_tracked, 0);
    bench_end(b);
}

/* The oldest half-open entry makes room; established ones never do. */
Test(track, full_table_evicts_half_open_but_never_established)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    handshake(b, OFFERS, OFFERS);
    for (uint16_t port = 1; port <= 100; port++) {
        bench_client(b, port);
        client_crosses(b, .flags = "S", .seq = X, .options = OFFERS);
    }
    b->client = CLIENT;
    cr_assert_str_eq(bench_flow_state(b), "established");
    cr_assert_eq(bench_counters(b)->flows_evicted, 37);
    cr_assert_eq(bench_counters(b)->flows_tracked, 64);
    cr_assert_eq(bench_server(b, HTTP)->counts.half_open_flows, 63);
    bench_end(b);
}

Test(track, table_full_of_established_flows_still_passes_frames)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    for (uint16_t port = 1; port <= 80; port++) {
        bench_client(b, port);
        handshake(b, OFFERS, OFFERS);
    }
    cr_assert_str_eq(bench_flow_state(b), "none");
    cr_assert_eq(bench_counters(b)->flows_tracked, 64);
    cr_assert_eq(bench_counters(b)->flows_evicted, 0);
    cr_assert_eq(bench_server(b, HTTP)->counts.half_open_flows, 0);
    bench_end(b);
}

Test(track, trigger_fires_and_is_reported)
{
    struct bench *b = bench_new(SETTING_AUTO);
    const struct observation *seen;

    bench_policy(b, HTTP)->triggers.limit[TRIGGER_HALF_OPEN] = 20;
    handshake(b, OFFERS, OFFERS);
    while (bench_observed(b) != NULL)
        continue;
    for (uint16_t port = 1; port <= 21; port++) {
        bench_client(b, port);
        cr_assert_eq(bench_server(b, HTTP)->mode, MODE_NORMAL);
        client_crosses(b, .flags = "S", .seq = X, .options = OFFERS);
    }
    cr_assert_eq(bench_server(b, HTTP)->mode, MODE_ATTACK);
    seen = bench_observed(b);
    cr_assert_not_null(seen);
    cr_assert_eq(seen->kind, OBSERVED_TRIGGER);
    cr_assert_eq(seen->trigger.cause, TRIGGER_HALF_OPEN);
    cr_assert_eq(seen->trigger.value, 21);
    cr_assert(seen->trigger.switched);
    cr_assert_eq(seen->server.port, 80);
    cr_assert_eq(seen->flow_id, 0);
    cr_assert_null(bench_observed(b));
    bench_end(b);
}

/*
 * A forged SYN on the ports of a connection that the server still has: its challenge ACK is about
 * that one. Taken for an answer, it would have a cookie's acknowledgement look like the server's,
 * for one client in some.
 */
Test(track, a_challenge_ack_is_no_answer_to_a_syn)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    client_says(b, .flags = "S", .seq = X, .options = OFFERS);
    take(b, SIDE_SERVER);
    server_says(b, .flags = ".", .seq = 722552500, .ack = 3212462763);
    take(b, SIDE_CLIENT);
    cr_assert_eq(flow_cold(&b->engine->flows, bench_flow(b))->server_next, 0);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    take(b, SIDE_CLIENT);
    cr_assert_eq(flow_cold(&b->engine->flows, bench_flow(b))->server_next, Y + 1);
    bench_end(b);
}
