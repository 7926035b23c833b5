/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of engine/stages/opening.c: from a proved request to the splice, with every way that it may
 * fail.
 *
 * It is longer than most: an opening may fail at each of its steps, and each has its test.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/engine/support_engine.h"

#define RESET_OF_CLIENT .flags = "R.", .window_closed = true

/* A proved request: the SYN to the server has been taken. Returns the cookie. */
static uint32_t ask(struct bench *b, const char *offers)
{
    uint32_t c = get_cookie(b, offers);

    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .window = 502, .payload = REQUEST);
    held(b);
    to_server(b, .flags = "S", .seq = X, .options = ANY_OPTIONS);
    return c;
}

/* The same with timestamps; `*tsval` is the one of our SYN-ACK. */
static uint32_t ask_with_timestamps(struct bench *b, const char *flags, uint8_t tos,
                                    uint32_t *tsval)
{
    uint32_t c;

    client_says(b, .flags = flags, .seq = X, .options = "mss=1460 sack ts=100/0 nop ws=7");
    c = take(b, SIDE_CLIENT)->seq;
    *tsval = b->seen_options.tsval;
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .window = 502, .tos = tos,
                .options = ts(110, *tsval), .payload = REQUEST);
    held(b);
    return c;
}

/* --- what is offered ------------------------------------------------------------------------- */

Test(opening, syn_offers_exactly_what_was_granted)
{
    static const struct {
        const char *client, *server;
    } offers[] = {
        {OFFERS, OFFERS},
        {NULL, "mss=536"},
        {"mss=1460", "mss=1460"},
        {"mss=1460 nop ws=3", "mss=1460 nop ws=3"},
        {"mss=1460 nop nop sack", "mss=1460 nop nop sack"},
        {"mss=1460 nop ws=14", "mss=1460 nop ws=14"},
        {"mss=1460 nop ws=99", "mss=1460 nop ws=14"},
        {"mss=1460 nop nop sack fastopen nop nop", "mss=1460 nop nop sack"},
    };

    for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
        struct bench *b = bench_new(SETTING_ATTACK);
        uint32_t c = get_cookie(b, offers[i].client);

        client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = REQUEST, .ttl = 44,
                    .tos = 0x28);
        to_server(b, .flags = "S", .seq = X, .options = offers[i].server, .ttl = 44, .tos = 0x28);
        bench_end(b);
    }
}

Test(opening, what_the_server_refuses_is_not_offered)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    bench_policy(b, HTTP)->now.synack.sack = CAPABILITY_REFUSED;
    bench_policy(b, HTTP)->now.synack.window_scale_state = CAPABILITY_REFUSED;
    ask(b, OFFERS);
    cr_assert_eq(b->seen_options.present, OPTION_MSS);
    cr_assert_eq(b->seen.view.window, 502, "unscaled, as the client has no scale either");
    bench_end(b);
}

/* A client that sends it so that it ends between us and its server would make that look silent, and
 * keep what it has there. */
Test(opening, what_we_say_gets_there)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = get_cookie(b, OFFERS);

    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = REQUEST, .ttl = 1);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS, .ttl = 32);
    bench_end(b);
}

/* With timestamps the cookie carries ECN; without, the request's ECT does. */
Test(opening, ecn_with_timestamps)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t tsval;

    ask_with_timestamps(b, "SEW", 2, &tsval);
    to_server(b, .flags = "SEW", .seq = X, .options = "mss=1460 sack ts=110/0 nop ws=7");
    server_says(b, .flags = "S.E", .seq = Y, .ack = X + 1,
                .options = "mss=1460 sack ts=9/110 nop ws=7");
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .options = ts(110, 9),
              .payload = REQUEST);
    client_says(b, .flags = ".", .seq = X + 19, .ack = ANY, .options = ts(111, tsval), .tos = 2);
    to_server(b, .flags = ".", .seq = X + 19, .ack = ANY, .options = ANY_OPTIONS, .tos = 2);
    bench_end(b);
}

Test(opening, ecn_that_the_client_did_not_ask_for)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t tsval;

    ask_with_timestamps(b, "S", 2, &tsval);
    to_server(b, .flags = "S", .seq = X, .options = "mss=1460 sack ts=110/0 nop ws=7");
    bench_end(b);
}

Test(opening, ecn_without_timestamps)
{
    for (uint8_t ect = 0; ect < 4; ect++) {
        struct bench *b = bench_new(SETTING_ATTACK);
        uint32_t c;

        client_says(b, .flags = "SEW", .seq = X, .options = OFFERS);
        to_client(b, .flags = "S.E", .seq = ANY, .ack = X + 1, .options = OFFERS);
        c = b->seen.view.seq;
        client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = REQUEST, .tos = ect);
        to_server(b, .flags = ect != 0 ? "SEW" : "S", .seq = X, .options = OFFERS);
        server_says(b, .flags = ect == 2 ? "S.E" : "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
        to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = REQUEST);
        client_says(b, .flags = ".", .seq = X + 19, .ack = c + 1, .tos = 0x29);
        to_server(b, .flags = ".", .seq = X + 19, .ack = Y + 1, .tos = ect == 2 ? 0x29 : 0x28);
        bench_end(b);
    }
}

/* --- held data ------------------------------------------------------------------------------- */

/* 16 KiB are held, the rest is dropped unacknowledged; it goes out in segments as large as the
 * client's own. */
Test(opening, sixteen_kilobytes_are_held)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    static uint8_t data[20000] = REQUEST;
    uint32_t c = get_cookie(b, OFFERS);

    memset(data + 18, 'a', sizeof(data) - 18);
    client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1, .payload = data,
                .payload_bytes = 14600, .gso_bytes = 1460);
    held(b);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    client_says(b, .flags = ".", .seq = X + 16001, .ack = c + 1, .payload = "gap");
    dropped(b, hold_full);
    client_says(b, .flags = ".", .seq = X + 14601, .ack = c + 1, .payload = data + 14600,
                .payload_bytes = 5400, .gso_bytes = 1460);
    held(b);
    client_says(b, .flags = ".", .seq = X + 16385, .ack = c + 1, .payload = data + 16384,
                .payload_bytes = 1000);
    dropped(b, hold_full);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = data, .payload_bytes = 16384,
              .gso_bytes = 1460);
    client_says(b, .flags = ".", .seq = X + 16385, .ack = c + 1, .payload = data + 16384,
                .payload_bytes = 1000);
    to_server(b, .flags = ".", .seq = X + 16385, .ack = Y + 1, .payload = data + 16384,
              .payload_bytes = 1000);
    bench_end(b);
}

/* A web server at another port. */
static const char *another_server(struct bench *b, uint16_t number)
{
    static char name[32];
    struct server_key key = bench_server(b, HTTP)->key;

    snprintf(name, sizeof(name), "192.0.2.1:%u", 2000 + number);
    key.port = (uint16_t)(2000 + number);
    engine_set_setting(b->engine, &key, SETTING_ATTACK, b->now_us);
    bench_server(b, name)->policy = bench_policy(b, HTTP);
    return name;
}

/* The `number`th of five clients of three servers asks; `c` is its cookie. */
static void ask_as(struct bench *b, uint16_t number, uint32_t c[6])
{
    bench_client(b, number);
    b->server = HTTP;
    if (number == 3)
        b->client = "[2001:db8:1::3]:1", b->server = HTTP6;
    if (number == 4)
        b->server = another_server(b, 0);
    c[number] = get_cookie(b, "mss=1440");
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c[number] + 1, .payload = REQUEST);
}

/* One buffer, four openings: those without a buffer are opened all the same, and the client says it
 * again. */
Test(opening, no_buffer_left_and_then_no_room)
{
    struct engine_config config;
    struct bench *b;
    uint32_t c[6];

    bench_config(&config);
    config.openings_max = 1;
    b = bench_new_sized(SETTING_ATTACK, &config);
    for (uint16_t number = 1; number <= 4; number++) {
        ask_as(b, number, c);
        held(b);
        to_server(b, .flags = "S", .seq = X, .options = ANY_OPTIONS);
    }
    ask_as(b, 5, c);
    dropped(b, no_room);
    cr_assert_str_eq(bench_flow_state(b), "none");

    bench_client(b, 2);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = "mss=1460");
    to_server(b, .flags = ".", .seq = X + 1, .ack = Y + 1);
    cr_assert_str_eq(bench_flow_state(b), "spliced");
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c[2] + 1, .payload = REQUEST);
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = REQUEST);
    bench_client(b, 1);
    server_says(b, .flags = "R.", .seq = 0, .ack = X + 1);
    to_client(b, RESET_OF_CLIENT, .seq = c[1] + 1, .ack = X + 1);
    bench_client(b, 5);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c[5] + 1, .payload = REQUEST);
    held(b);
    to_server(b, .flags = "S", .seq = X, .options = ANY_OPTIONS);
    bench_end(b);
}

Test(opening, flow_table_full_of_live_flows)
{
    struct engine_config config;
    struct bench *b;
    uint32_t c;

    bench_config(&config);
    config.flows_max = 1;
    b = bench_new_sized(SETTING_ATTACK, &config);
    open_http(b, OFFERS, OFFERS);
    bench_client(b, 1);
    c = get_cookie(b, OFFERS);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = REQUEST);
    dropped(b, no_room);
    b->client = CLIENT;
    server_says(b, .flags = "R", .seq = Y + 1);
    take(b, SIDE_CLIENT);
    bench_client(b, 1);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = REQUEST);
    held(b);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    cr_assert_eq(bench_counters(b)->flows_evicted, 1);
    bench_end(b);
}

/* It waits for its server to speak, and would never repeat the ACK that found no room. */
Test(opening, who_waits_for_the_server_is_asked_again_where_there_was_no_room)
{
    struct engine_config config;
    struct bench *b;
    uint32_t c;

    bench_config(&config);
    config.flows_max = 1;
    b = bench_new_sized(SETTING_ATTACK, &config);
    open_http(b, OFFERS, OFFERS);
    bench_policy(b, HTTP)->opening = OPENING_COOKIE;
    bench_client(b, 1);
    c = get_cookie(b, OFFERS);
    client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1);
    dropped(b, no_room);
    b->client = CLIENT;
    server_says(b, .flags = "R", .seq = Y + 1);
    take(b, SIDE_CLIENT);
    bench_client(b, 1);
    bench_wait(b, SECOND_US + 1000);
    to_client(b, .flags = "S.", .seq = c, .ack = X + 1, .options = OFFERS);
    client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1);
    held(b);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    bench_end(b);
}

Test(opening, repeated_and_overlapping_data)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = ask(b, OFFERS);

    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = REQUEST);
    dropped(b, answered);
    client_says(b, .flags = "PF.", .seq = X + 17, .ack = c + 1, .payload = "\r\nmore");
    held(b);
    client_says(b, .flags = "S", .seq = X, .options = OFFERS);
    dropped(b, answered);
    client_says(b, .flags = ".", .seq = X + 19, .ack = c + 1);
    dropped(b, answered);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    to_server(b, .flags = "FP.", .seq = X + 1, .ack = Y + 1, .payload = REQUEST "more");
    bench_end(b);
}

/* --- the server grants less ------------------------------------------------------------------ */

Test(opening, server_without_timestamps_after_all)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t tsval, c = ask_with_timestamps(b, "S", 0, &tsval);

    take(b, SIDE_SERVER);
    server_says(b, .flags = "S.", .seq = Y - 1000, .ack = X + 1, .options = OFFERS);
    to_server(b, .flags = "R", .seq = X + 1, .window_closed = true);
    take(b, SIDE_SERVER);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    bench_expect_verdict(b, VERDICT_DROP, DROP_swallowed, __LINE__);
    to_client(b, RESET_OF_CLIENT, .seq = c + 1, .ack = X + 1);
    to_server(b, .flags = "R", .seq = X + 1, .window_closed = true);
    cr_assert_str_eq(bench_flow_state(b), "closing");
    cr_assert_eq(bench_counters(b)->flows_refused, 1);
    bench_end(b);
}

Test(opening, smaller_segments)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    static uint8_t data[4000] = REQUEST;
    uint32_t c = get_cookie(b, OFFERS);

    client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1, .payload = data, .payload_bytes = 3000,
                .gso_bytes = 1460);
    take(b, SIDE_SERVER);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1,
                .options = "mss=1200 nop nop sack nop ws=7");
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = data, .payload_bytes = 3000,
              .gso_bytes = 1200);
    client_says(b, .flags = ".", .seq = X + 3001, .ack = c + 1, .payload = data,
                .payload_bytes = 4000, .gso_bytes = 1460);
    to_server(b, .flags = ".", .seq = X + 3001, .ack = Y + 1, .payload = data,
              .payload_bytes = 4000, .gso_bytes = 1200);
    bench_end(b);
}

/* --- it fails -------------------------------------------------------------------------------- */

Test(opening, refused_by_the_server)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = ask(b, OFFERS);

    server_says(b, .flags = "R.", .seq = 0, .ack = X + 2);
    dropped(b, swallowed);
    server_says(b, .flags = "R", .seq = X + 1);
    dropped(b, swallowed);
    cr_assert_str_eq(bench_flow_state(b), "opening", "not an answer to our SYN");
    server_says(b, .flags = "R.", .seq = 0, .ack = X + 1);
    to_client(b, RESET_OF_CLIENT, .seq = c + 1, .ack = X + 1);
    nothing(b);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    to_server(b, .flags = "R", .seq = X + 1, .window_closed = true);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = REQUEST);
    to_client(b, .flags = "R", .seq = c + 1, .window_closed = true);
    client_says(b, .flags = "R", .seq = X + 1);
    dropped(b, stray);
    bench_wait(b, 250 * SECOND_US);
    cr_assert_str_eq(bench_flow_state(b), "none");
    bench_end(b);
}

/* A client that has acknowledged the greeting ignores a RST at c+1 (RFC 5961 3.2). */
Test(opening, refusal_hits_the_clients_last_ack)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c;

    b->server = POP3;
    c = get_cookie(b, OFFERS);
    client_says(b, .flags = ".", .seq = X + 1, .ack = c + 1);
    to_client(b, .flags = "P.", .seq = c + 1, .ack = X + 1, .payload = GREETING);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = USER);
    take(b, SIDE_SERVER);
    client_says(b, .flags = ".", .seq = X + 9, .ack = c + 1 + GREETING_LENGTH);
    server_says(b, .flags = "R.", .seq = 0, .ack = X + 1);
    to_client(b, RESET_OF_CLIENT, .seq = c + 1 + GREETING_LENGTH, .ack = X + 1);
    bench_wait(b, 10 * SECOND_US);
    nothing(b);
    bench_end(b);
}

Test(opening, silent_server_is_asked_again_after_1_3_and_7_seconds)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = ask(b, OFFERS);
    static const unsigned waits[] = {1, 2, 4};

    for (size_t i = 0; i < 3; i++) {
        bench_wait(b, waits[i] * SECOND_US - 20000);
        nothing(b);
        bench_wait(b, 40000);
        to_server(b, .flags = "S", .seq = X, .options = OFFERS);
        b->now_us -= 20000;
    }
    bench_wait(b, 8 * SECOND_US - 20000);
    nothing(b);
    bench_wait(b, 60000);
    to_client(b, RESET_OF_CLIENT, .seq = c + 1, .ack = X + 1);
    to_server(b, .flags = "R", .seq = X + 1, .window_closed = true);
    cr_assert_eq(bench_counters(b)->flows_pending, 0);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    to_server(b, .flags = "R", .seq = X + 1, .window_closed = true);
    bench_end(b);
}

Test(opening, synack_to_a_repeated_syn)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    ask(b, OFFERS);
    bench_wait(b, SECOND_US + 20000);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = REQUEST);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    to_server(b, .flags = ".", .seq = X + 19, .ack = Y + 1);
    bench_wait(b, 20 * SECOND_US);
    nothing(b);
    bench_end(b);
}

Test(opening, old_connection_on_the_tuple)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    ask(b, OFFERS);
    server_says(b, .flags = ".", .seq = 12345, .ack = 67890);
    to_server(b, .flags = "R", .seq = 67890, .window_closed = true);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    server_says(b, .flags = "S.", .seq = Y, .ack = 67890,
                .options = OFFERS); /* half-open from another SYN */
    to_server(b, .flags = "R", .seq = 67890, .window_closed = true);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = REQUEST);
    bench_end(b);
}

/* It is not asked for ever: a server that says nothing else is left to the timer. */
Test(opening, old_connection_that_never_goes)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    ask(b, OFFERS);
    for (int i = 0; i < 10; i++) {
        server_says(b, .flags = ".", .seq = 12345, .ack = 67890);
        if (i < 3) {
            to_server(b, .flags = "R", .seq = 67890, .window_closed = true);
            to_server(b, .flags = "S", .seq = X, .options = OFFERS);
        } else {
            dropped(b, swallowed);
        }
    }
    bench_end(b);
}

Test(opening, client_resets_while_it_waits)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    ask(b, OFFERS);
    client_says(b, .flags = "R", .seq = X - 5000);
    dropped(b, answered);
    cr_assert_str_eq(bench_flow_state(b), "opening", "a blind RST");
    client_says(b, .flags = "R", .seq = X + 19);
    to_server(b, .flags = "R", .seq = X + 1, .window_closed = true);
    nothing(b);
    cr_assert_str_eq(bench_flow_state(b), "closing");
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    to_server(b, .flags = "R", .seq = X + 1, .window_closed = true);
    bench_wait(b, 20 * SECOND_US);
    nothing(b);
    bench_end(b);
}

Test(opening, damaged_frames_change_nothing)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    ask(b, OFFERS);
    server_builds(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    frame_tcp(&b->sent.view)[17] ^= 4;
    bench_put(b, SIDE_SERVER);
    dropped(b, bad_checksum);
    client_builds(b, .flags = "R", .seq = X + 19);
    frame_tcp(&b->sent.view)[17] ^= 4;
    bench_put(b, SIDE_CLIENT);
    dropped(b, bad_checksum);
    cr_assert_str_eq(bench_flow_state(b), "opening");
    bench_end(b);
}

/* What is damaged is not answered, also where every late answer of a refused connection is. */
Test(opening, damaged_late_answer_is_not_reset)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = ask(b, OFFERS);

    server_says(b, .flags = "R.", .seq = 0, .ack = X + 1);
    to_client(b, RESET_OF_CLIENT, .seq = c + 1, .ack = X + 1);
    server_builds(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    frame_tcp(&b->sent.view)[17] ^= 4;
    bench_put(b, SIDE_SERVER);
    dropped(b, bad_checksum);
    bench_end(b);
}

/* A request that was handed over is not run again after its flow is forgotten. */
Test(opening, delayed_copy_of_a_request_is_reset)
{
    struct engine_config config;
    struct bench *b;
    uint32_t c;

    bench_config(&config);
    config.flows_max = 1;
    b = bench_new_sized(SETTING_ATTACK, &config);
    c = open_http(b, OFFERS, OFFERS);
    client_says(b, .flags = "R", .seq = X + 19);
    bench_forget(b);
    bench_client(b, 1);
    server_says(b, .flags = "S", .seq = 1);
    take(b, SIDE_CLIENT);
    b->client = CLIENT;
    cr_assert_str_eq(bench_flow_state(b), "none");
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = REQUEST);
    to_client(b, .flags = "R", .seq = c + 1, .window_closed = true);
    nothing(b);
    bench_end(b);
}

/* --- room in the pool ------------------------------------------------------------------------ */

static struct bench *small_pool(void)
{
    struct engine_config config;

    engine_config_defaults(&config);
    config.openings_max = 64;
    config.held_least = 4096;
    return bench_new_sized(SETTING_ATTACK, &config);
}

static void forget_frames(struct bench *b)
{
    while (b->queued > 0)
        take(b, b->queue[0].to);
}

/* Until those that were opened may go. Their servers answer others, so they are not dead. */
static void grow_old(struct bench *b)
{
    for (int step = 0; step < 90; step++) {
        bench_wait(b, SECOND_US / 10);
        forget_frames(b);
        for (uint32_t slot = 0; slot < b->engine->servers.capacity; slot++)
            if (b->engine->servers.slots[slot].used)
                server_answered(&b->engine->servers.slots[slot], b->now_us);
    }
}

/* True where a client of a server that never answers was opened. Whoever had to go for it is reset
 * at both ends. */
static bool opened(struct bench *b, const char *server, const char *client)
{
    static uint32_t port = 1024;
    char from[40];
    bool opens;
    uint32_t c;

    snprintf(from, sizeof(from), "%s:%u", client, port++);
    client_says(b, .from = from, .to = server, .flags = "S", .seq = X, .options = OFFERS);
    c = take(b, SIDE_CLIENT)->seq;
    client_says(b, .from = from, .to = server, .flags = "P.", .seq = X + 1, .ack = c + 1,
                .payload = REQUEST);
    opens = b->verdict.action == VERDICT_HOLD;
    forget_frames(b);
    return opens;
}

/* How many of so many are opened, by so many addresses in turn. */
static uint32_t openings(struct bench *b, const char *server, uint32_t addresses, uint32_t tries)
{
    uint32_t count = 0;
    char client[40];

    for (uint32_t i = 0; i < tries; i++) {
        snprintf(client, sizeof(client), strchr(server, '[') ? "[2001:db8:%u::7]" : "198.51.%u.7",
                 1 + i % addresses);
        count += opened(b, server, client);
    }
    return count;
}

/* One holds half of the pool, a second one a quarter, a third one an eighth. */
Test(opening, silent_servers_leave_room_for_others)
{
    struct bench *b = small_pool();
    const uint32_t all = b->engine->openings.openings_max;

    cr_assert_eq(openings(b, HTTP, 1, all), all / 2);
    cr_assert_eq(openings(b, HTTP6, 1, all), all / 4);
    cr_assert_eq(openings(b, another_server(b, 0), 1, all), all / 8);
    cr_assert_eq(b->engine->counters.flows_evicted, 0);
    bench_end(b);
}

/* As long as they are fast ones, one after the other: nobody waits. */
Test(opening, ten_silent_servers_leave_room_for_a_fast_one)
{
    struct engine_config config;
    struct bench *b;

    engine_config_defaults(&config);
    config.held_least = 65536;
    b = bench_new_sized(SETTING_ATTACK, &config);
    for (uint16_t server = 0; server < 10; server++)
        openings(b, another_server(b, server), 40, b->engine->openings.openings_max);
    for (uint16_t port = 1; port <= 50; port++) {
        uint32_t c;

        bench_client(b, port);
        c = get_cookie(b, OFFERS);
        client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = REQUEST);
        held(b);
        take(b, SIDE_SERVER);
        server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
        take(b, SIDE_SERVER); /* with the request, where a buffer was left */
        cr_assert_str_eq(bench_flow_state(b), "spliced");
    }
    bench_end(b);
}

/* Ten have all of it for long: another has its part, as large as theirs. */
Test(opening, old_ones_give_way_to_servers_that_hold_less)
{
    struct bench *b = small_pool();
    const uint32_t all = b->engine->openings.openings_max;
    uint32_t least = all;

    for (uint16_t server = 0; server < 10; server++)
        openings(b, another_server(b, server), 40, all);
    cr_assert_leq(openings(b, HTTP, 1, all), 2, "they may yet be answered");
    grow_old(b);
    for (uint16_t server = 0; server < 10; server++)
        openings(b, another_server(b, server), 40, all / 11);
    cr_assert_geq(openings(b, HTTP, 1, all / 16), all / 16 - 1);
    for (uint16_t server = 0; server < 10; server++) {
        const uint32_t now = bench_server(b, another_server(b, server))->openings_now;

        least = now < least ? now : least;
    }
    cr_assert_geq(least, all / 16, "nor does it take more than its part");
    bench_end(b);
}

/* A source that has filled its server's half leaves others of the same server their part. */
Test(opening, one_source_gives_way_to_others_at_its_server)
{
    struct bench *b = small_pool();
    const uint32_t half = b->engine->openings.openings_max / 2;

    openings(b, HTTP, 1, half);
    grow_old(b);
    for (int i = 0; i < 10; i++) {
        cr_assert(opened(b, HTTP, "203.0.113.9"));
        cr_assert_not(opened(b, HTTP, "198.51.1.7"), "it takes nothing back");
    }
    cr_assert_eq(bench_server(b, HTTP)->openings_now, half);
    bench_end(b);
}

/* Who has waited longest goes: a client of the same server that came last is left alone. */
Test(opening, the_one_that_waits_for_longest_gives_way)
{
    struct bench *b = small_pool();
    const uint32_t half = b->engine->openings.openings_max / 2;

    for (uint32_t i = 0; i < half - 1; i++)
        opened(b, HTTP, "203.0.113.9");
    grow_old(b);
    client_says(b, .flags = "S", .seq = X, .options = OFFERS);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = take(b, SIDE_CLIENT)->seq + 1,
                .payload = REQUEST);
    take(b, SIDE_SERVER);
    grow_old(b);
    cr_assert_eq(openings(b, HTTP, half - 2, half / 4), half / 4);
    cr_assert_str_eq(bench_flow_state(b), "opening");
    bench_end(b);
}

/* A silent server leaves some buffers, if not many; and those of its clients who have waited for
 * long, who say again what they have said, are there for another's. */
Test(opening, buffers_are_given_up_before_connections)
{
    struct bench *b = small_pool();
    const struct opening_pool *pool = &b->engine->openings;
    uint32_t used;

    openings(b, HTTP6, 40, pool->holds_max);
    cr_assert_eq(opening_holds_free(pool), pool->holds_max / 16);
    for (uint16_t server = 0; opening_holds_free(pool) > 0; server++)
        openings(b, another_server(b, server), 40, opening_holds_free(pool) / 2 + 1);
    grow_old(b);
    used = opening_used(pool);
    client_says(b, .flags = "S", .seq = X, .options = OFFERS);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = take(b, SIDE_CLIENT)->seq + 1,
                .payload = REQUEST);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = REQUEST);
    cr_assert_eq(opening_used(pool), used, "nobody was reset for it");
    bench_end(b);
}
