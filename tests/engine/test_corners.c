/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_corners.c - small promises that no other test would miss: each was broken once. */
#include <criterion/criterion.h>
#include <string.h>
#include "support_engine.h"
/* Tick says "nothing more" while a deadline is past */
Test(corners, tick_is_true_while_more_is_due)
{
    struct bench *b = bench_new(SETTING_NORMAL);
    for (uint16_t p = 1; p <= 40; p++) {
        bench_client(b, p);
        handshake(b, OFFERS, OFFERS);
        engine_observations(b->engine)->count = 0;
    }
    b->now_us += 61 * SECOND_US;
    while (engine_tick(b->engine, b->now_us))
        continue;
    cr_assert_gt(engine_next_deadline(b->engine), b->now_us);
    bench_end(b);
}
/* 5.4 after one old connection: SYN again at 1,3,7 */
Test(corners, old_connection_does_not_use_up_attempts)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = get_cookie(b, OFFERS);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = REQUEST);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    for (uint32_t i = 0; i < 3; i++) {
        server_says(b, .flags = ".", .seq = 12345, .ack = 67890);
        to_server(b, .flags = "R", .seq = 67890, .window_closed = true);
        to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    }
    bench_wait(b, SECOND_US + 20000);
    to_server(b, .flags = "S", .seq = X, .options = OFFERS);
    nothing(b);
    bench_end(b);
}
/* End of a refused connection */
Test(corners, end_of_refused_connection_has_no_server_bytes)
{
    struct bench *b = bench_new(SETTING_NORMAL);
    const struct observation *o;
    client_says(b, .flags = "S", .seq = X, .options = OFFERS);
    take(b, SIDE_SERVER);
    server_says(b, .flags = "R.", .seq = 0, .ack = X + 1);
    take(b, SIDE_CLIENT);
    while ((o = bench_observed(b)) && o->kind != OBSERVED_END)
        continue;
    if (o)
        cr_assert_eq(o->end.server_bytes, 0, "%u", o->end.server_bytes);
    bench_end(b);
}
Test(corners, end_of_expired_half_open_has_no_server_bytes)
{
    struct bench *b = bench_new(SETTING_NORMAL);
    const struct observation *o;
    client_says(b, .flags = "S", .seq = X, .options = OFFERS);
    take(b, SIDE_SERVER);
    bench_wait(b, 70 * SECOND_US);
    while ((o = bench_observed(b)) && o->kind != OBSERVED_END)
        continue;
    if (o)
        cr_assert_eq(o->end.server_bytes, 0, "%u", o->end.server_bytes);
    bench_end(b);
}
/* Push */
Test(corners, push_is_observed)
{
    struct bench *b = bench_new(SETTING_NORMAL);
    handshake(b, OFFERS, OFFERS);
    bench_observed(b);
    bench_observed(b);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = "a");
    take(b, SIDE_SERVER);
    cr_assert(bench_observed(b)->data.push);
    bench_end(b);
}
/* Outbound revived */
Test(corners, outbound_flow_revived_by_data_is_outbound)
{
    struct bench *b = bench_new(SETTING_NORMAL);
    server_says(b, .flags = "S", .seq = Y, .options = OFFERS);
    take(b, SIDE_CLIENT);
    client_says(b, .flags = "S.", .seq = X, .ack = Y + 1, .options = OFFERS);
    take(b, SIDE_SERVER);
    server_says(b, .flags = ".", .seq = Y + 1, .ack = X + 1);
    take(b, SIDE_CLIENT);
    client_says(b, .flags = "R", .seq = X + 1);
    take(b, SIDE_SERVER);
    server_says(b, .flags = "P.", .seq = Y + 1, .ack = X + 1, .payload = "a");
    take(b, SIDE_CLIENT);
    cr_assert_str_eq(bench_flow_state(b), "outbound");
    cr_assert_null(bench_observed(b));
    bench_end(b);
}
/* Sampled beyond the cap */
Test(corners, no_more_than_the_cap_is_copied)
{
    struct bench *b = bench_new(SETTING_NORMAL);
    static uint8_t d[20000];
    uint32_t n = 0;
    const struct observation *o;
    handshake(b, OFFERS, OFFERS);
    server_says(b, .flags = ".", .seq = Y + 1, .ack = X + 1, .payload = d,
                .payload_bytes = sizeof(d), .gso_bytes = 1460);
    take(b, SIDE_CLIENT);
    while ((o = bench_observed(b)))
        if (o->kind == OBSERVED_DATA)
            n += o->data.bytes;
    cr_assert_leq(n, OBSERVATION_FLOW_BYTES, "%u", n);
    bench_end(b);
}
/* SYN+RST reason */
Test(corners, syn_rst_is_a_bad_segment)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    client_says(b, .flags = "SR", .seq = X, .options = OFFERS);
    dropped(b, bad_segment);
    bench_end(b);
}
/* In normal mode SYN+RST is no half-open connection; SYN+FIN is one to BSD */
Test(corners, syn_rst_is_no_half_open_connection)
{
    struct bench *b = bench_new(SETTING_NORMAL);
    client_says(b, .flags = "SR", .seq = X, .options = OFFERS);
    take(b, SIDE_SERVER);
    cr_assert_eq(bench_server(b, HTTP)->counts.half_open_flows, 0);
    client_says(b, .flags = "SF", .seq = X, .options = OFFERS);
    take(b, SIDE_SERVER);
    cr_assert_eq(bench_server(b, HTTP)->counts.half_open_flows, 1);
    bench_end(b);
}
/* Server without MSS, timestamps on: segments to the server leave room for the option */
Test(corners, held_super_frame_without_mss_of_server_fits_with_timestamps)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    static uint8_t d[3000] = REQUEST;
    uint32_t c, t;
    client_says(b, .flags = "S", .seq = X, .options = "mss=1460 sack ts=100/0 nop ws=7");
    c = take(b, SIDE_CLIENT)->seq;
    t = b->seen_options.tsval;
    for (uint32_t i = 0; i < 3; i++)
        client_says(b, .flags = ".", .seq = X + 1 + 1000 * i, .ack = c + 1, .options = ts(110, t),
                    .payload = d + 1000 * i, .payload_bytes = 1000);
    take(b, SIDE_SERVER);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = "sack ts=9/110 nop ws=7");
    take(b, SIDE_SERVER);
    cr_assert_leq(b->seen.view.offload->gso_bytes, 1448, "%u", b->seen.view.offload->gso_bytes);
    bench_end(b);
}
/* Reset replies speak as the server does */
Test(corners, reset_has_the_servers_ttl_and_flow_label)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c, label;
    b->client = CLIENT6, b->server = HTTP6;
    c = get_cookie(b, OFFERS);
    label = frame_flow_label(&b->seen.view);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = "\x16\x03\x01");
    take(b, SIDE_CLIENT);
    cr_assert_eq(frame_flow_label(&b->seen.view), label);
    cr_assert_eq(frame_ttl(&b->seen.view), 63);
    bench_end(b);
}
/* The label towards the client stays when the splice begins */
Test(corners, flow_label_towards_the_client_stays)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c, label;
    b->client = CLIENT6, b->server = HTTP6;
    c = get_cookie(b, OFFERS);
    label = frame_flow_label(&b->seen.view);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = REQUEST);
    take(b, SIDE_SERVER);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    take(b, SIDE_SERVER);
    server_says(b, .flags = ".", .seq = Y + 1, .ack = X + 19, .flow_label = 0x777);
    take(b, SIDE_CLIENT);
    cr_assert_eq(frame_flow_label(&b->seen.view), label);
    bench_end(b);
}
