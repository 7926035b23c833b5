/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of engine/shard/observe.c: what the learner is told of a connection, and what it is not. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/engine/support_engine.h"

/* Feeds a segment and throws away what comes out. */
#define client_sends(b, ...) (client_says(b, __VA_ARGS__), take(b, SIDE_SERVER))
#define server_sends(b, ...) (server_says(b, __VA_ARGS__), take(b, SIDE_CLIENT))

static const struct observation *observed(struct bench *b, enum observation_kind kind, int line)
{
    const struct observation *seen = bench_observed(b);

    cr_assert_not_null(seen, "line %d: nothing observed", line);
    cr_assert_eq(seen->kind, kind, "line %d: observed kind %d", line, (int)seen->kind);
    return seen;
}

#define saw(b, kind) observed(b, kind, __LINE__)

static const struct observation *saw_data(struct bench *b, enum side from, uint32_t offset,
                                          uint32_t peer_acked, const char *text)
{
    const struct observation *seen = saw(b, OBSERVED_DATA);

    cr_assert_eq(seen->data.from, from);
    cr_assert_eq(seen->data.offset, offset);
    cr_assert_eq(seen->data.peer_acked, peer_acked);
    cr_assert_eq(seen->data.wire_bytes, strlen(text));
    cr_assert_eq(seen->data.bytes, strlen(text));
    cr_assert_arr_eq(seen->data.data, text, strlen(text));
    return seen;
}

Test(observe, a_connection_from_syn_to_fin)
{
    struct bench *b = bench_new(SETTING_NORMAL);
    const struct observation *seen;
    struct ip_addr addr;
    uint64_t id;
    uint16_t port;

    handshake(b, "mss=1400 sack ts=1/0 nop ws=5", "mss=1460 sack ts=9/1 nop ws=9");
    seen = saw(b, OBSERVED_SYNACK);
    id = seen->flow_id;
    cr_assert_neq(id, 0);
    cr_assert_not(seen->opened);
    cr_assert_eq(seen->time_us, b->now_us);
    endpoint_read(CLIENT, &addr, &port);
    cr_assert_arr_eq(&seen->client, &addr, sizeof(addr));
    cr_assert_eq(seen->client_port, port);
    endpoint_read(HTTP, &addr, &port);
    cr_assert_arr_eq(&seen->server.addr, &addr, sizeof(addr));
    cr_assert_eq(seen->server.port, port);
    cr_assert_eq(seen->handshake.offered, OFFER_MSS | OFFER_SACK | OFFER_TIMESTAMPS | OFFER_WSCALE);
    cr_assert_not(seen->handshake.repeated);
    cr_assert_eq(saw(b, OBSERVED_ESTABLISHED)->flow_id, id);

    client_sends(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = "HELO");
    server_sends(b, .flags = "P.", .seq = Y + 1, .ack = X + 5, .payload = "250 ok");
    client_sends(b, .flags = "PF.", .seq = X + 5, .ack = Y + 7, .payload = "QUIT");
    server_sends(b, .flags = "F.", .seq = Y + 7, .ack = X + 10);
    cr_assert_eq(saw_data(b, SIDE_CLIENT, 0, 0, "HELO")->flow_id, id);
    saw_data(b, SIDE_SERVER, 0, 4, "250 ok");
    saw_data(b, SIDE_CLIENT, 4, 6, "QUIT");
    seen = saw(b, OBSERVED_END);
    cr_assert_eq(seen->end.reason, END_FIN);
    cr_assert_eq(seen->end.client_bytes, 8 + 1, "with its FIN");
    cr_assert_eq(seen->end.server_bytes, 6 + 1);
    cr_assert_null(bench_observed(b));
    bench_end(b);
}

Test(observe, features_of_a_synack)
{
    struct bench *b = bench_new(SETTING_NORMAL);
    static const uint8_t layout[] = {TCP_OPT_MSS, TCP_OPT_SACK_PERMITTED, TCP_OPT_TIMESTAMPS,
                                     TCP_OPT_NOP, TCP_OPT_WSCALE};
    const struct synack_features *granted;

    client_sends(b, .flags = "SEW", .seq = X, .options = "mss=1460 sack ts=1/0 nop ws=5");
    server_sends(b, .flags = "S.E", .seq = Y, .ack = X + 1, .window = 28960, .ttl = 57,
                 .ip_id = 4711, .may_fragment = true, .options = "mss=1380 sack ts=9/1 nop ws=9");
    server_sends(b, .flags = "S.E", .seq = Y, .ack = X + 1, .window = 28960, .ttl = 57,
                 .ip_id = 4712, .options = "mss=1380 sack ts=9/1 nop ws=15");
    const struct observation *seen = saw(b, OBSERVED_SYNACK);
    granted = &seen->handshake.granted;
    cr_assert_eq(seen->handshake.offered & OFFER_ECN, OFFER_ECN);
    cr_assert_eq(seen->handshake.ip_id, 4711);
    cr_assert_eq(granted->mss, 1380);
    cr_assert_eq(granted->window, 28960);
    cr_assert_eq(granted->window_scale, 9);
    cr_assert(granted->sack && granted->timestamps && granted->ecn && !granted->df);
    cr_assert_eq(granted->ttl, 57);
    cr_assert_eq(granted->layout_bytes, sizeof(layout));
    cr_assert_arr_eq(granted->layout, layout, sizeof(layout));
    seen = saw(b, OBSERVED_SYNACK);
    cr_assert(seen->handshake.repeated, "the same SYN-ACK again");
    cr_assert_eq(seen->handshake.granted.window_scale, 14, "RFC 7323 2.3");
    cr_assert(seen->handshake.granted.df);
    bench_end(b);
}

Test(observe, bare_synack_to_a_bare_syn)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    client_sends(b, .flags = "S", .seq = X);
    server_sends(b, .flags = "S.", .seq = Y, .ack = X + 1);
    const struct observation *seen = saw(b, OBSERVED_SYNACK);
    cr_assert_eq(seen->handshake.offered, 0);
    cr_assert_eq(seen->handshake.granted.mss, 0);
    cr_assert_eq(seen->handshake.granted.window_scale, WSCALE_NONE);
    cr_assert_not(seen->handshake.granted.ecn);
    bench_end(b);
}

/* A SYN-ACK to a SYN that did not pass says nothing: what was offered is not known. */
Test(observe, synack_without_a_syn_is_not_observed)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    server_sends(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    client_sends(b, .flags = ".", .seq = X + 1, .ack = Y + 1);
    cr_assert_str_eq(bench_flow_state(b), "established");
    cr_assert_null(bench_observed(b));
    bench_end(b);
}

static enum flow_end end_of(struct bench *b)
{
    const struct observation *seen;

    while ((seen = bench_observed(b)) != NULL)
        if (seen->kind == OBSERVED_END)
            return seen->end.reason;
    cr_assert_fail("no end observed");
    return END_FIN;
}

Test(observe, reasons_for_the_end)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    handshake(b, OFFERS, OFFERS);
    client_sends(b, .flags = "R", .seq = X + 1);
    cr_assert_eq(end_of(b), END_CLIENT_RESET);
    b->client = "198.51.100.7:40001";
    handshake(b, OFFERS, OFFERS);
    server_sends(b, .flags = "R", .seq = Y + 1);
    cr_assert_eq(end_of(b), END_SERVER_RESET);
    b->client = "198.51.100.7:40002";
    handshake(b, OFFERS, OFFERS);
    bench_wait(b, 7600 * SECOND_US);
    cr_assert_eq(end_of(b), END_EXPIRED);
    for (uint16_t port = 1; port <= 65; port++) {
        bench_client(b, port);
        client_sends(b, .flags = "S", .seq = X, .options = OFFERS);
    }
    cr_assert_eq(end_of(b), END_EVICTED);
    bench_end(b);
}

/* A super-frame is cut into observations; sampling ends at the flow's cap. */
Test(observe, super_frame_is_cut_and_capped)
{
    struct bench *b = bench_new(SETTING_NORMAL);
    static uint8_t data[20000];
    uint32_t offset = 0;
    const struct observation *seen;

    for (uint32_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7 + i / 251);
    handshake(b, OFFERS, OFFERS);
    saw(b, OBSERVED_SYNACK);
    saw(b, OBSERVED_ESTABLISHED);
    server_sends(b, .flags = ".", .seq = Y + 1, .ack = X + 1, .payload = data,
                 .payload_bytes = sizeof(data), .gso_bytes = 1460);
    while ((seen = bench_observed(b)) != NULL) {
        cr_assert_eq(seen->kind, OBSERVED_DATA);
        cr_assert_eq(seen->data.offset, offset);
        cr_assert_leq(seen->data.bytes, OBSERVATION_DATA_BYTES);
        cr_assert_lt(offset, OBSERVATION_FLOW_BYTES);
        cr_assert_eq(seen->data.wire_bytes, sizeof(data) - offset);
        cr_assert_arr_eq(seen->data.data, data + offset, seen->data.bytes);
        offset += seen->data.bytes;
    }
    cr_assert_geq(offset, OBSERVATION_FLOW_BYTES);
    cr_assert_lt(offset, OBSERVATION_FLOW_BYTES + OBSERVATION_DATA_BYTES);
    server_sends(b, .flags = "P.", .seq = Y + 20001, .ack = X + 1, .payload = "later");
    cr_assert_null(bench_observed(b));
    client_sends(b, .flags = "P.", .seq = X + 1, .ack = Y + 20006,
                 .payload = "the other way is not capped");
    cr_assert_not_null(bench_observed(b));
    bench_end(b);
}

/* Repeated data costs budget too: a retransmitting peer cannot keep the learner busy for ever. */
Test(observe, repeated_data_comes_to_an_end)
{
    struct bench *b = bench_new(SETTING_NORMAL);
    static uint8_t data[1400];
    uint32_t copied = 0, before = 0;
    const struct observation *seen;

    handshake(b, OFFERS, OFFERS);
    for (int i = 0; i < 50; i++) {
        client_sends(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = data,
                     .payload_bytes = sizeof(data));
        while ((seen = bench_observed(b)) != NULL)
            copied += seen->kind == OBSERVED_DATA ? seen->data.bytes : 0;
        if (i == 30)
            before = copied;
    }
    cr_assert_gt(copied, OBSERVATION_FLOW_BYTES);
    cr_assert_eq(copied, before, "nothing more after a while");
    bench_end(b);
}

Test(observe, full_queue_drops_and_counts)
{
    struct engine_config config;
    struct bench *b;

    bench_config(&config);
    config.observations_max = 2;
    b = bench_new_sized(SETTING_NORMAL, &config);
    handshake(b, OFFERS, OFFERS);
    client_sends(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = "one");
    client_sends(b, .flags = "P.", .seq = X + 4, .ack = Y + 1, .payload = "two");
    cr_assert_eq(engine_observations(b->engine)->count, 2);
    cr_assert_eq(bench_counters(b)->learning_observations, 2);
    cr_assert_eq(bench_counters(b)->learning_observations_dropped, 2);
    saw(b, OBSERVED_SYNACK);
    saw(b, OBSERVED_ESTABLISHED);
    client_sends(b, .flags = "P.", .seq = X + 7, .ack = Y + 1, .payload = "three");
    saw_data(b, SIDE_CLIENT, 6, 0, "three");
    bench_end(b);
}

/*
 * Two connections of a server a second, and eight of a crowd at once: the others pass unobserved
 * from their SYN-ACK to their end, a repeated SYN-ACK gets no second try, and other servers have
 * their own share.
 */
Test(observe, a_crowd_is_sampled_by_server)
{
    struct engine_config config;
    struct bench *b;
    uint32_t followed = 0;

    bench_config(&config);
    config.observed_per_second = 2;
    b = bench_new_sized(SETTING_NORMAL, &config);
    for (uint16_t i = 0; i < 12; i++) {
        bench_client(b, i);
        client_sends(b, .flags = "S", .seq = X, .options = OFFERS);
        server_sends(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
        server_sends(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
        client_sends(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = "one");
        client_sends(b, .flags = "R.", .seq = X + 4, .ack = Y + 1);
        if (i >= 8) {
            cr_assert_null(bench_observed(b), "connection %u is one too many", i);
            continue;
        }
        saw(b, OBSERVED_SYNACK);
        cr_assert(saw(b, OBSERVED_SYNACK)->handshake.repeated);
        saw(b, OBSERVED_ESTABLISHED);
        saw_data(b, SIDE_CLIENT, 0, 0, "one");
        saw(b, OBSERVED_END);
        followed++;
    }
    cr_assert_eq(followed, 8);
    cr_assert_eq(bench_counters(b)->learning_flows_passed_over, 4);
    b->server = POP3;
    handshake(b, OFFERS, OFFERS);
    saw(b, OBSERVED_SYNACK);
    saw(b, OBSERVED_ESTABLISHED);
    b->server = HTTP;
    bench_wait(b, SECOND_US / 2);
    bench_client(b, 20);
    handshake(b, OFFERS, OFFERS);
    saw(b, OBSERVED_SYNACK);
    saw(b, OBSERVED_ESTABLISHED);
    bench_client(b, 21);
    handshake(b, OFFERS, OFFERS);
    cr_assert_null(bench_observed(b));
    bench_end(b);
}

Test(observe, fewer_are_observed_of_a_server_that_is_known)
{
    struct engine_config config;
    struct bench *b;

    bench_config(&config);
    config.observed_per_second = 16;
    config.observed_of_known = 1;
    b = bench_new_sized(SETTING_NORMAL, &config);
    for (uint16_t i = 0; i < 16; i++) {
        bench_policy(b, HTTP)->known = i >= 8;
        bench_client(b, i);
        handshake(b, OFFERS, OFFERS);
        while (bench_observed(b))
            ;
    }
    /* Half a second's worth of places was taken before: of four seconds' three are left. */
    cr_assert_eq(bench_counters(b)->learning_flows_passed_over, 5);
    bench_policy(b, HTTP)->known = false;
    bench_client(b, 16);
    handshake(b, OFFERS, OFFERS);
    cr_assert_eq(bench_counters(b)->learning_flows_passed_over, 5);
    bench_end(b);
}

/* Whom we opened for, too: what it says, and how its greeting differs, is passed over with it. */
Test(observe, an_opened_connection_may_be_passed_over)
{
    struct engine_config config;
    struct bench *b;
    uint32_t c;

    bench_config(&config);
    config.observed_per_second = 1;
    b = bench_new_sized(SETTING_ATTACK, &config);
    for (uint16_t i = 0; i < 5; i++) {
        bench_client(b, i);
        open_http(b, OFFERS, OFFERS);
        if (i < 4) {
            saw(b, OBSERVED_SYNACK);
            saw(b, OBSERVED_ESTABLISHED);
            saw_data(b, SIDE_CLIENT, 0, 0, REQUEST);
        }
        cr_assert_null(bench_observed(b));
    }
    server_sends(b, .flags = "P.", .seq = Y + 1, .ack = X + 19, .payload = "HTTP/1.1 200");
    server_sends(b, .flags = "R.", .seq = Y + 13, .ack = X + 19);
    cr_assert_null(bench_observed(b));
    cr_assert_eq(bench_counters(b)->learning_flows_passed_over, 1);
    /* The same where the server answered our second SYN only. */
    bench_client(b, 10);
    c = get_cookie(b, OFFERS);
    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .window = 502, .payload = REQUEST);
    take(b, SIDE_SERVER);
    bench_wait(b, SECOND_US / 4 * 5); /* nor has this brought a place: it is taken at once */
    take(b, SIDE_SERVER);
    bench_client(b, 11);
    open_http(b, OFFERS, OFFERS);
    saw(b, OBSERVED_SYNACK);
    saw(b, OBSERVED_ESTABLISHED);
    saw_data(b, SIDE_CLIENT, 0, 0, REQUEST);
    bench_client(b, 10);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS, .window = 65160);
    take(b, SIDE_SERVER);
    cr_assert_null(bench_observed(b));
    cr_assert_eq(bench_counters(b)->learning_flows_passed_over, 2);
    bench_end(b);
}

/* A connection that we opened is told in the server's numbers. */
Test(observe, opened_connection_in_the_servers_numbers)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_http(b, OFFERS, OFFERS);
    const struct observation *seen = saw(b, OBSERVED_SYNACK);

    cr_assert(seen->opened);
    cr_assert_eq(seen->handshake.offered, OFFER_MSS | OFFER_SACK | OFFER_WSCALE);
    cr_assert_not(seen->handshake.repeated);
    saw(b, OBSERVED_ESTABLISHED);
    cr_assert(saw_data(b, SIDE_CLIENT, 0, 0, REQUEST)->opened);
    server_sends(b, .flags = "P.", .seq = Y + 1, .ack = X + 19, .payload = "HTTP/1.1 200");
    saw_data(b, SIDE_SERVER, 0, 18, "HTTP/1.1 200");
    client_sends(b, .flags = "P.", .seq = X + 19, .ack = c + 13, .payload = "next");
    saw_data(b, SIDE_CLIENT, 18, 12, "next");
    client_sends(b, .flags = "F.", .seq = X + 23, .ack = c + 13);
    server_sends(b, .flags = "F.", .seq = Y + 13, .ack = X + 24);
    seen = saw(b, OBSERVED_END);
    cr_assert_eq(seen->end.reason, END_FIN);
    cr_assert_eq(seen->end.client_bytes, 23);
    cr_assert_eq(seen->end.server_bytes, 13);
    bench_end(b);
}
