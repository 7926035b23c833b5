/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of engine/stages/splice.c: every number that is edited between the two halves, and the
 * checksums after each edit.
 *
 * It is longer than most: each number, and who may move it.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/bytes.h"
#include "engine/stages/handover.h"
#include "engine/stages/splice.h"
#include "engine/tcp/flow_record.h"
#include "tests/engine/random.h"
#include "tests/engine/support_engine.h"

/* The server's ISN is chosen so that its numbers, and the offset, wrap round within the test. */
static void crosses_both_ways(uint32_t y)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = get_cookie(b, OFFERS);

    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = REQUEST);
    take(b, SIDE_SERVER);
    server_says(b, .flags = "S.", .seq = y, .ack = X + 1, .options = OFFERS);
    to_server(b, .flags = "P.", .seq = X + 1, .ack = y + 1, .payload = REQUEST);
    for (uint32_t sent = 0; sent < 100000; sent += 9999) {
        server_says(b, .flags = "P.", .seq = y + 1 + sent, .ack = X + 19, .payload = "data",
                    .window = 333);
        to_client(b, .flags = "P.", .seq = c + 1 + sent, .ack = X + 19, .payload = "data",
                  .window = 333);
        client_says(b, .flags = ".", .seq = X + 19, .ack = c + 5 + sent, .window = 444,
                    .options = "nop nop blocks=0-0");
        to_server(b, .flags = ".", .seq = X + 19, .ack = y + 5 + sent, .window = 444,
                  .options = ANY_OPTIONS);
    }
    bench_end(b);
}

Test(splice, numbers_wrap_round)
{
    const uint32_t isns[] = {0, 1, 5000, 0x7ffffff0, 0x80000000, 0xfffffff0, 0xffffffff};

    for (size_t i = 0; i < sizeof(isns) / sizeof(isns[0]); i++)
        crosses_both_ways(isns[i]);
}

/* Options that stand at odd places: the checksum is right all the same (checked in bench_take()).
 */
Test(splice, options_at_any_alignment)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c, tsval, delta_ts;
    const char *places[] = {"nop nop ts=", "nop ts=", "ts="};

    client_says(b, .flags = "S", .seq = X, .options = "mss=1460 sack ts=100/0 nop ws=7");
    c = take(b, SIDE_CLIENT)->seq;
    tsval = b->seen_options.tsval;
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .options = ts(110, tsval),
                .payload = REQUEST);
    take(b, SIDE_SERVER);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1,
                .options = "mss=1460 sack ts=4294967280/110 nop ws=7");
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .options = ts(110, 4294967280),
              .payload = REQUEST);
    for (size_t i = 0; i < 3; i++) {
        char options[80];

        snprintf(options, sizeof(options), "%s5000/110", places[i]);
        server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 19, .options = options,
                    .payload = "a");
        to_client(b, .flags = "P.", .seq = c + 1, .ack = X + 19, .options = ANY_OPTIONS,
                  .payload = "a");
        delta_ts = b->seen_options.tsval - 5000;
        cr_assert_eq(b->seen_options.tsecr, 110);
        snprintf(options, sizeof(options), "%s120/%u", places[i], delta_ts + 5000);
        client_says(b, .flags = ".", .seq = X + 19, .ack = c + 2, .options = options);
        to_server(b, .flags = ".", .seq = X + 19, .ack = Y + 2, .options = ANY_OPTIONS);
        cr_assert_eq(b->seen_options.tsval, 120);
        cr_assert_eq(b->seen_options.tsecr, 5000);
    }
    bench_end(b);
}

/*
 * TSval never goes back for the client, and the server never hears a TSval that it has not sent
 * (rule 5.1). The server's clock wraps round on the way.
 */
Test(splice, timestamps_go_on_above_the_stateless_ones)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c, tsval, before, s = 0xfffffff0;

    client_says(b, .flags = "S", .seq = X, .options = "mss=1460 sack ts=100/0 nop ws=7");
    c = take(b, SIDE_CLIENT)->seq;
    tsval = before = b->seen_options.tsval;
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .options = ts(110, tsval),
                .payload = REQUEST);
    take(b, SIDE_SERVER);
    server_builds(b, .flags = "S.", .seq = Y, .ack = X + 1,
                  .options = "mss=1460 sack ts=4294967280/110 nop ws=7");
    bench_put(b, SIDE_SERVER);
    take(b, SIDE_SERVER);
    cr_assert_eq(b->seen_options.tsecr, s, "S exactly");
    for (uint32_t later = 0; later < 64; later += 16) {
        server_says(b, .flags = ".", .seq = Y + 1, .ack = X + 19, .options = ts(s + later, 110));
        take(b, SIDE_CLIENT);
        cr_assert(!seq_before(b->seen_options.tsval, before));
        before = b->seen_options.tsval;
    }
    cr_assert(seq_before(tsval, before));
    client_says(b, .flags = ".", .seq = X + 19, .ack = c + 1, .options = ts(130, tsval));
    take(b, SIDE_SERVER);
    cr_assert_eq(b->seen_options.tsecr, s, "raised to the floor");
    client_says(b, .flags = ".", .seq = X + 19, .ack = c + 1, .options = ts(130, before));
    take(b, SIDE_SERVER);
    cr_assert_eq(b->seen_options.tsecr, s + 48);
    bench_end(b);
}

/* It is followed at a distance: a clock of microseconds is there within 18 minutes. Were it
 * followed with each tick, neither the kernel nor the short way could take anything of it any more.
 */
Test(splice, floor_of_timestamps_follows_once_in_a_while)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c, moved = 0, floor, tsval = 1000;

    client_says(b, .flags = "S", .seq = X, .options = "mss=1460 sack ts=100/0 nop ws=7");
    c = take(b, SIDE_CLIENT)->seq;
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1,
                .options = ts(110, b->seen_options.tsval), .payload = REQUEST);
    take(b, SIDE_SERVER);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1,
                .options = "mss=1460 sack ts=1000/110 nop ws=7");
    take(b, SIDE_SERVER);
    floor = bench_flow(b)->tsecr_floor;
    cr_assert_eq(floor, tsval);
    for (uint32_t said = 0; said < 200; said++) {
        tsval += 1 << 23;
        server_says(b, .flags = ".", .seq = Y + 1, .ack = X + 19, .options = ts(tsval, 110));
        take(b, SIDE_CLIENT);
        cr_assert_leq(tsval - bench_flow(b)->tsecr_floor, SPLICE_FLOOR_DISTANCE);
        moved += bench_flow(b)->tsecr_floor != floor;
        floor = bench_flow(b)->tsecr_floor;
    }
    cr_assert_eq(moved, 2, "%u times", moved);
    server_says(b, .flags = ".", .seq = Y + 1 + (1u << 29), .ack = X + 19,
                .options = ts(tsval + (1u << 30) + (1u << 29) + 5, 110));
    take(b, SIDE_CLIENT);
    cr_assert_eq(bench_flow(b)->tsecr_floor, floor, "a guess");
    bench_end(b);
}

/* A partial checksum covers the pseudo header only: an edit leaves it alone. */
Test(splice, partial_checksums_are_left_alone)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    static uint8_t data[5000];
    uint16_t before;
    uint32_t c = open_http(b, OFFERS, "mss=1460 nop ws=2");

    server_builds(b, .flags = "P.", .seq = Y + 1, .ack = X + 19, .payload = data,
                  .payload_bytes = sizeof(data), .gso_bytes = 1460);
    before = load_be16(frame_tcp(&b->sent.view) + 16);
    bench_put(b, SIDE_SERVER);
    to_client(b, .flags = "P.", .seq = c + 1, .ack = X + 19, .payload = data,
              .payload_bytes = sizeof(data), .gso_bytes = 1460);
    cr_assert_eq(load_be16(frame_tcp(&b->seen.view) + 16), before);
    client_builds(b, .flags = ".", .seq = X + 19, .ack = c + 1, .payload = data,
                  .payload_bytes = sizeof(data), .gso_bytes = 1448,
                  .options = "nop nop blocks=1-2");
    before = load_be16(frame_tcp(&b->sent.view) + 16);
    bench_put(b, SIDE_CLIENT);
    to_server(b, .flags = ".", .seq = X + 19, .ack = Y + 1, .payload = data,
              .payload_bytes = sizeof(data), .gso_bytes = 1448,
              .options = "nop nop nop nop nop nop nop nop nop nop nop nop");
    cr_assert_eq(load_be16(frame_tcp(&b->seen.view) + 16), before);
    bench_end(b);
}

Test(splice, smaller_scale_of_the_server)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_http(b, OFFERS, "mss=1460 nop nop sack nop ws=2");

    server_says(b, .flags = ".", .seq = Y + 1, .ack = X + 19, .window = 3200);
    to_client(b, .flags = ".", .seq = c + 1, .ack = X + 19, .window = 100);
    server_says(b, .flags = ".", .seq = Y + 1, .ack = X + 19, .window = 31);
    to_client(b, .flags = ".", .seq = c + 1, .ack = X + 19, .window = 1);
    server_says(b, .flags = ".", .seq = Y + 1, .ack = X + 19, .window_closed = true);
    to_client(b, .flags = ".", .seq = c + 1, .ack = X + 19, .window_closed = true);
    client_says(b, .flags = ".", .seq = X + 19, .ack = c + 1, .window = 502);
    to_server(b, .flags = ".", .seq = X + 19, .ack = Y + 1, .window = 502);
    bench_end(b);
}

Test(splice, no_scale_at_the_server)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_http(b, OFFERS, "mss=1460 nop nop sack");

    server_says(b, .flags = ".", .seq = Y + 1, .ack = X + 19, .window = 64000);
    to_client(b, .flags = ".", .seq = c + 1, .ack = X + 19, .window = 500);
    client_says(b, .flags = ".", .seq = X + 19, .ack = c + 1, .window = 502);
    to_server(b, .flags = ".", .seq = X + 19, .ack = Y + 1, .window = 502 << 7);
    client_says(b, .flags = ".", .seq = X + 19, .ack = c + 1, .window = 600);
    to_server(b, .flags = ".", .seq = X + 19, .ack = Y + 1, .window = 65535);
    bench_end(b);
}

Test(splice, larger_scale_of_the_server)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_http(b, OFFERS, "mss=1460 nop nop sack nop ws=10");

    server_says(b, .flags = ".", .seq = Y + 1, .ack = X + 19, .window = 100);
    to_client(b, .flags = ".", .seq = c + 1, .ack = X + 19, .window = 800);
    server_says(b, .flags = ".", .seq = Y + 1, .ack = X + 19, .window = 10000);
    to_client(b, .flags = ".", .seq = c + 1, .ack = X + 19, .window = 65535);
    bench_end(b);
}

Test(splice, sack_not_granted)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_http(b, OFFERS, "mss=1460 nop ws=7");

    client_says(b, .flags = ".", .seq = X + 19, .ack = c + 1, .options = "nop nop blocks=1-2,3-4");
    to_server(
        b, .flags = ".", .seq = X + 19, .ack = Y + 1,
        .options =
            "nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop nop");
    bench_end(b);
}

/* "nop nop blocks=..." with blocks counted from `from`. */
static const char *blocks(uint32_t from, const uint32_t *edges, unsigned count)
{
    static char text[4][120];
    static unsigned at;
    char *out = text[at++ % 4];
    size_t used = (size_t)sprintf(out, "nop nop blocks=");

    for (unsigned i = 0; i < count; i++)
        used += (size_t)sprintf(out + used, "%s%u-%u", i > 0 ? "," : "", from + edges[2 * i],
                                from + edges[2 * i + 1]);
    return out;
}

Test(splice, sack_blocks_are_moved)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_http(b, OFFERS, OFFERS);
    const uint32_t edges[] = {3000, 4460, 1500, 2960, 8000, 9460};

    for (unsigned count = 1; count <= 3; count++) {
        client_says(b, .flags = ".", .seq = X + 19, .ack = c + 1,
                    .options = blocks(c, edges, count));
        to_server(b, .flags = ".", .seq = X + 19, .ack = Y + 1, .options = blocks(Y, edges, count));
    }
    bench_end(b);
}

/* Of our greeting the server's half knows nothing: blocks in it go, a block that reaches into it is
 * cut. */
Test(splice, sack_blocks_below_the_floor)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_pop3(b), said = GREETING_LENGTH;
    const uint32_t low[] = {1, 12, 100, 200}, rest[] = {100, 200}, across[] = {5, 40},
                   cut[] = {12, 40};
    char wanted[120];

    server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 1, .payload = GREETING);
    take(b, SIDE_SERVER);
    client_says(b, .flags = ".", .seq = X + 9, .ack = c + 1, .options = blocks(c, low, 2));
    snprintf(wanted, sizeof(wanted), "%s nop nop nop nop nop nop nop nop", blocks(Y, rest, 1));
    to_server(b, .flags = ".", .seq = X + 9, .ack = Y + 1 + said, .options = wanted);
    client_says(b, .flags = ".", .seq = X + 9, .ack = c + 1, .options = blocks(c, low, 1));
    to_server(b, .flags = ".", .seq = X + 9, .ack = Y + 1 + said,
              .options = "nop nop nop nop nop nop nop nop nop nop nop nop");
    client_says(b, .flags = ".", .seq = X + 9, .ack = c + 1, .options = blocks(c, across, 1));
    to_server(b, .flags = ".", .seq = X + 9, .ack = Y + 1 + said, .options = blocks(Y, cut, 1));
    bench_end(b);
}

Test(splice, super_frames_are_limited_to_the_servers_segments)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    static uint8_t data[5000];
    uint32_t c = open_http(b, OFFERS, "mss=1000 nop nop sack nop ws=7");

    client_says(b, .flags = "P.", .seq = X + 19, .ack = c + 1, .payload = data,
                .payload_bytes = 5000, .gso_bytes = 1460);
    to_server(b, .flags = "P.", .seq = X + 19, .ack = Y + 1, .payload = data, .payload_bytes = 5000,
              .gso_bytes = 1000);
    client_says(b, .flags = "P.", .seq = X + 19, .ack = c + 1, .payload = data,
                .payload_bytes = 5000, .gso_bytes = 900);
    to_server(b, .flags = "P.", .seq = X + 19, .ack = Y + 1, .payload = data, .payload_bytes = 5000,
              .gso_bytes = 900);
    /* A single segment is as large as we promised; the server's card may not take it. */
    client_says(b, .flags = "P.", .seq = X + 19, .ack = c + 1, .payload = data,
                .payload_bytes = 1460);
    to_server(b, .flags = "P.", .seq = X + 19, .ack = Y + 1, .payload = data, .payload_bytes = 1460,
              .gso_bytes = 1000);
    /* SACK blocks take room too. */
    client_says(b, .flags = "P.", .seq = X + 19, .ack = c + 1, .payload = data,
                .payload_bytes = 1448, .options = blocks(c, (const uint32_t[]){5, 9}, 1));
    to_server(b, .flags = "P.", .seq = X + 19, .ack = Y + 1, .payload = data, .payload_bytes = 1448,
              .gso_bytes = 988, .options = blocks(Y, (const uint32_t[]){5, 9}, 1));
    server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 19, .payload = data,
                .payload_bytes = 5000, .gso_bytes = 1460);
    to_client(b, .flags = "P.", .seq = c + 1, .ack = X + 19, .payload = data, .payload_bytes = 5000,
              .gso_bytes = 1460);
    bench_end(b);
}

Test(splice, ends_are_translated)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_http(b, OFFERS, OFFERS);

    server_says(b, .flags = "R", .seq = Y + 1);
    to_client(b, .flags = "R", .seq = c + 1);
    cr_assert_str_eq(bench_flow_state(b), "closing");
    client_says(b, .flags = "P.", .seq = X + 19, .ack = c + 1, .payload = "refused that RST");
    to_server(b, .flags = "P.", .seq = X + 19, .ack = Y + 1, .payload = "refused that RST");
    cr_assert_str_eq(bench_flow_state(b), "spliced");
    server_says(b, .flags = "F.", .seq = Y + 1, .ack = X + 19);
    to_client(b, .flags = "F.", .seq = c + 1, .ack = X + 19);
    client_says(b, .flags = "F.", .seq = X + 35, .ack = c + 2);
    to_server(b, .flags = "F.", .seq = X + 35, .ack = Y + 2);
    cr_assert_str_eq(bench_flow_state(b), "closing");
    server_says(b, .flags = ".", .seq = Y + 2, .ack = X + 36);
    to_client(b, .flags = ".", .seq = c + 2, .ack = X + 36);
    bench_end(b);
}

/* rule 5.7: the tuple is used again while the old flow is remembered: a cookie for the SYN,
 * translation for what is old. */
Test(splice, tuple_is_used_again_while_closing)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t old = open_http(b, OFFERS, OFFERS), c;

    server_says(b, .flags = "F.", .seq = Y + 1, .ack = X + 19);
    take(b, SIDE_CLIENT);
    client_says(b, .flags = "F.", .seq = X + 19, .ack = old + 2);
    take(b, SIDE_SERVER);
    client_says(b, .flags = "S", .seq = X + 70000, .options = OFFERS);
    c = take(b, SIDE_CLIENT)->seq;
    client_says(b, .flags = ".", .seq = X + 20, .ack = old + 2);
    to_server(b, .flags = ".", .seq = X + 20, .ack = Y + 2);
    client_says(b, .flags = ".", .seq = X + 70001, .ack = c + 1);
    dropped(b, answered);
    cr_assert_str_eq(bench_flow_state(b), "closing");
    client_says(b, .flags = "P.", .seq = X + 70001, .ack = c + 1, .payload = REQUEST);
    held(b);
    to_server(b, .flags = "S", .seq = X + 70000, .options = OFFERS);
    cr_assert_str_eq(bench_flow_state(b), "opening");
    bench_end(b);
}

/* By its place such a one would be far ahead of the server's newest, and the floor of acks with it:
 * what the server says then would be taken for its greeting. Neither is the host's affair: it
 * ignores both (RFC 9293 3.10.7.4). */
Test(splice, who_does_not_know_the_clients_numbers_moves_nothing_of_the_servers)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_http(b, OFFERS, OFFERS);

    /* Each of these numbers may be right, and both are not. */
    for (uint32_t guess = 3; guess < 64; guess++) {
        const uint32_t far = guess << 25, ack = X + 19 - (guess % 2 ? 2u << 20 : 0);

        server_says(b, .flags = ".", .seq = Y + 1 + (guess % 2 ? 32u << 20 : far), .ack = ack);
        take(b, SIDE_CLIENT);
    }
    cr_assert_eq(flow_cold(&b->engine->flows, bench_flow(b))->server_next, Y + 1);
    server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 19, .payload = "data");
    to_client(b, .flags = "P.", .seq = c + 1, .ack = X + 19, .payload = "data");
    client_says(b, .flags = ".", .seq = X + 19, .ack = c + 5);
    to_server(b, .flags = ".", .seq = X + 19, .ack = Y + 5);
    bench_end(b);
}

/* Blind segments all over the number space, a step of 1 MiB apart: one of them is near, and the
 * next ones must not be near to where that has carried the number. */
Test(splice, blind_walks_in_the_clients_name_reset_nobody)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    const uint32_t c = open_http(b, OFFERS, OFFERS),
                   next = flow_cold(&b->engine->flows, bench_flow(b))->client_next;

    for (uint32_t step = 0; step < 2 * 4096; step++) {
        client_says(b, .flags = ".", .seq = (step / 2) << 20, .payload = "x",
                    .ack = c + 1 + (step % 2 ? 1u << 28 : 3u << 30));
        bench_forget(b);
    }
    cr_assert_leq(flow_cold(&b->engine->flows, bench_flow(b))->client_next - next, 1u);
    client_says(b, .flags = "R", .seq = (4095u << 20) + 1);
    bench_forget(b);
    cr_assert_str_eq(bench_flow_state(b), "spliced");
    bench_end(b);
}

Test(splice, blind_walks_in_the_servers_name_move_no_floor)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    const uint32_t c = open_http(b, OFFERS, OFFERS);
    const struct flow_cold *cold = flow_cold(&b->engine->flows, bench_flow(b));
    const uint32_t next = cold->server_next, floor = bench_flow(b)->ack_floor;

    for (uint32_t step = 0; step < 2 * 4096; step++) {
        server_says(b, .flags = ".", .seq = (step / 2) << 20, .payload = "x",
                    .ack = X + 19 + (step % 2 ? 1u << 28 : 3u << 30));
        bench_forget(b);
    }
    cr_assert_leq(cold->server_next - next, 1u);
    cr_assert_eq(bench_flow(b)->ack_floor, floor);
    server_says(b, .flags = "P.", .seq = cold->server_next, .ack = X + 19, .payload = "data");
    to_client(b, .flags = "P.", .seq = c + 1 + cold->server_next - 4 - (Y + 1), .ack = X + 19,
              .payload = "data");
    bench_end(b);
}

/* rule 2.4: one in two guesses would be right at the server, were each below the floor lifted to it
 * (RFC 5961 5.2). What a client has of our greeting is. */
static void acknowledges(struct bench *b, uint32_t ack, uint32_t arrives_as)
{
    client_says(b, .flags = "P.", .seq = X + 19, .ack = ack, .payload = "guess");
    to_server(b, .flags = "P.", .seq = X + 19, .ack = arrives_as, .payload = "guess");
    client_says(b, .flags = ".", .seq = X + 19, .ack = ack);
    to_server(b, .flags = ".", .seq = X + 19, .ack = arrives_as);
}

Test(splice, rule_2_4_acks_far_below_the_floor_are_the_servers_to_judge)
{
    static const uint32_t far[] = {
        RECORD_FLOOR_REACH + 1, 1u << 20, 1u << 28, 1u << 30, 1u << 31, 3u << 30};
    struct bench *b = bench_new(SETTING_ATTACK);
    const uint32_t c = open_http(b, OFFERS, OFFERS);

    acknowledges(b, c + 1, Y + 1);
    acknowledges(b, c, Y + 1);
    acknowledges(b, c + 1 - RECORD_FLOOR_REACH, Y + 1);
    for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++)
        acknowledges(b, c + 1 - far[i], Y + 1 - far[i]);
    bench_end(b);
}

/* Both sides have gone on while nobody followed them. */
Test(splice, one_that_was_taken_over_says_how_far_it_is)
{
    const uint32_t far = 1u << 30;
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_http(b, OFFERS, OFFERS);
    struct flow_cold *cold = flow_cold(&b->engine->flows, bench_flow(b));

    cold->born = flow_clock(b->engine->began_us) - 1;
    server_says(b, .flags = "P.", .seq = Y + 1 + far, .ack = X + 19 + far, .payload = "data");
    bench_forget(b);
    cr_assert_eq(cold->server_next, Y + 1, "it was known how far");
    takeover_came_late(b->engine);
    server_says(b, .flags = "P.", .seq = Y + 1 + far, .ack = X + 19 + far, .payload = "data");
    to_client(b, .flags = "P.", .seq = c + 1 + far, .ack = X + 19 + far, .payload = "data");
    cr_assert_eq(cold->server_next, Y + 5 + far);
    bench_end(b);
}

/* Nobody has asked: it is another's guess, which the client answers as on a plain wire (RFC 5961
 * 4.2), and which ends nothing. */
Test(splice, synack_that_nobody_asked_for_ends_nothing)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_http(b, OFFERS, OFFERS);

    server_says(b, .flags = "S.", .seq = Y + 7000, .ack = X + 5001, .options = OFFERS);
    to_server(b, .flags = "R", .seq = X + 5001);
    cr_assert_str_eq(bench_flow_state(b), "spliced", "under attack");
    engine_set_setting(b->engine, NULL, SETTING_NORMAL, b->now_us);
    server_says(b, .flags = "S.", .seq = Y + 7000, .ack = X + 5001, .options = OFFERS);
    take(b, SIDE_CLIENT);
    cr_assert_str_eq(bench_flow_state(b), "spliced", "in calm");
    server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 19, .payload = "data");
    to_client(b, .flags = "P.", .seq = c + 1, .ack = X + 19, .payload = "data");
    client_says(b, .flags = "S", .seq = X + 5000, .options = OFFERS);
    to_server(b, .flags = "S", .seq = X + 5000, .options = OFFERS);
    server_says(b, .flags = "S.", .seq = Y + 7000, .ack = X + 5001, .options = OFFERS);
    to_client(b, .flags = "S.", .seq = Y + 7000, .ack = X + 5001, .options = OFFERS);
    cr_assert_str_eq(bench_flow_state(b), "half-open", "the server has forgotten it");
    bench_end(b);
}

/* A SYN on a live flow is the host's to answer. */
Test(splice, syn_on_a_live_flow)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    open_http(b, OFFERS, OFFERS);
    client_says(b, .flags = "S", .seq = X + 3, .options = OFFERS);
    to_server(b, .flags = "S", .seq = X + 3, .options = OFFERS);
    cr_assert_str_eq(bench_flow_state(b), "spliced");
    bench_end(b);
}

/* Any segment with any options from either side: what comes out has a right checksum (bench_take()
 * looks). */
/* Bytes that the server has, so that it must answer. */
static void is_asked(struct bench *b)
{
    to_server(b, .flags = ".", .seq = X, .ack = Y + 1, .payload = "", .payload_bytes = 1);
}

/* Nor is the number of a RST known to be the server's: it holds the connection until it says
 * otherwise. */
Test(splice, reset_beside_the_number_gives_no_place_back)
{
    static const uint32_t beside[] = {X + 18, X + 20, X + 5000};
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_http(b, OFFERS, OFFERS);

    for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
        client_says(b, .flags = "R", .seq = beside[i]);
        to_server(b, .flags = "R", .seq = beside[i]);
        is_asked(b);
        server_says(b, .flags = ".", .seq = Y + 1, .ack = X + 19);
        to_client(b, .flags = ".", .seq = c + 1, .ack = X + 19);
        cr_assert_str_eq(bench_flow_state(b), "spliced");
        cr_assert_eq(bench_server(b, HTTP)->held, 1);
    }
    server_says(b, .flags = "R", .seq = Y + 1);
    to_client(b, .flags = "R", .seq = c + 1);
    cr_assert_str_eq(bench_flow_state(b), "closing", "it says otherwise");
    cr_assert_eq(bench_server(b, HTTP)->held, 0);
    bench_end(b);
}

/* The client is still there, and may have to be sent it again. */
Test(splice, reset_beside_the_number_acknowledges_nothing)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_http(b, OFFERS, OFFERS);

    server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 19, .payload = "lost");
    to_client(b, .flags = "P.", .seq = c + 1, .ack = X + 19, .payload = "lost");
    client_says(b, .flags = "R", .seq = X + 18);
    to_server(b, .flags = "R", .seq = X + 18);
    is_asked(b);
    bench_end(b);
}

/* It has closed, then data of before its FIN comes for it: Linux, and macOS after ^C. The server
 * may take it, or not: its client is gone. */
Test(splice, reset_at_the_clients_fin_ends_it)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_http(b, OFFERS, OFFERS);

    client_says(b, .flags = "F.", .seq = X + 19, .ack = c + 1);
    to_server(b, .flags = "F.", .seq = X + 19, .ack = Y + 1);
    client_says(b, .flags = "R", .seq = X + 18);
    to_server(b, .flags = "R", .seq = X + 18);
    is_asked(b);
    cr_assert_str_eq(bench_flow_state(b), "spliced", "a guess");
    client_says(b, .flags = "R", .seq = X + 19);
    to_server(b, .flags = "R", .seq = X + 19);
    is_asked(b);
    cr_assert_str_eq(bench_flow_state(b), "closing");
    cr_assert_eq(bench_server(b, HTTP)->held, 0);
    server_says(b, .flags = ".", .seq = Y + 1, .ack = X + 20);
    replied(b);
    to_server(b, .flags = "R", .seq = X + 20);
    bench_end(b);
}

/* The client had taken nothing of megabytes: at that number the server was asked. */
Test(splice, server_that_has_gone_says_so_far_behind_its_newest)
{
    enum { BYTES = 1000, SEGMENTS = 3000 };
    static char data[BYTES + 1];
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_http(b, OFFERS, OFFERS);

    memset(data, 'd', BYTES);
    for (uint32_t i = 0; i < SEGMENTS; i++) {
        server_says(b, .flags = ".", .seq = Y + 1 + i * BYTES, .ack = X + 19, .payload = data);
        to_client(b, .flags = ".", .seq = c + 1 + i * BYTES, .ack = X + 19, .payload = data);
    }
    client_says(b, .flags = "R", .seq = X + 18);
    to_server(b, .flags = "R", .seq = X + 18);
    is_asked(b);
    server_says(b, .flags = "R", .seq = Y + 2);
    to_client(b, .flags = "R", .seq = c + 2);
    cr_assert_str_eq(bench_flow_state(b), "spliced", "it was not asked there");
    server_says(b, .flags = "R", .seq = Y + 1);
    to_client(b, .flags = "R", .seq = c + 1);
    cr_assert_str_eq(bench_flow_state(b), "closing");
    cr_assert_eq(bench_server(b, HTTP)->held, 0);
    bench_end(b);
}

/* An option that makes it no RST for the server, which has the connection, and is reset at its own
 * number. */
Test(splice, reset_that_the_server_ignores_comes_again)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    open_http(b, OFFERS, OFFERS);
    client_says(b, .flags = "R", .seq = X + 19, .options = "md5");
    to_server(b, .flags = "R", .seq = X + 19, .options = "md5");
    is_asked(b);
    cr_assert_eq(bench_server(b, HTTP)->held, 0);
    server_says(b, .flags = ".", .seq = Y + 1, .ack = X + 19);
    replied(b);
    to_server(b, .flags = "R", .seq = X + 19);
    server_says(b, .flags = "R", .seq = Y + 1);
    dropped(b, stray);
    bench_end(b);
}

Test(splice, random_segments_keep_right_checksums)
{
    struct random random = random_begin("splice");
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_http(b, OFFERS, "mss=1460 nop nop sack nop ws=3");

    for (int i = 0; i < 5000; i++) {
        uint8_t data[64];
        char options[120];
        enum side from = random_below(&random, 2) ? SIDE_CLIENT : SIDE_SERVER;
        uint32_t seq = from == SIDE_CLIENT ? X + 19 : Y + 1,
                 ack = from == SIDE_CLIENT ? c + 1 : X + 19;

        for (size_t k = 0; k < sizeof(data); k++)
            data[k] = (uint8_t)random_next(&random);
        snprintf(
            options, sizeof(options), "%s%s%u-%u,%u-%u", random_below(&random, 2) ? "nop " : "",
            "nop blocks=", random_below(&random, UINT32_MAX), random_below(&random, UINT32_MAX),
            c + random_below(&random, 90), c + random_below(&random, 90));
        bench_build(b, from,
                    (struct frame_words){.flags = "P.",
                                         .seq = seq + random_below(&random, 1 << 20),
                                         .ack = ack + random_below(&random, 1 << 20),
                                         .window = (uint16_t)random_next(&random),
                                         .payload = data,
                                         .payload_bytes = 1 + random_below(&random, 64),
                                         .options = options,
                                         .tos = (uint8_t)random_next(&random)});
        bench_put(b, from);
        forwarded(b);
        take(b, side_other(from));
    }
    bench_end(b);
}
