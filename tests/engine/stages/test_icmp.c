/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of engine/stages/icmp.c: what becomes of errors that quote a segment, from both sides, and
 * their checksums.
 *
 * It is longer than most: each error of ICMP and of ICMPv6, from either side.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "engine/base/bytes.h"
#include "engine/stages/icmp.h"
#include "tests/engine/random.h"
#include "tests/engine/support_engine.h"

#define ROUTER       "203.0.113.9:0"
#define ROUTER6      "[2001:db8:9::9]:0"
#define QUOTED_IPV4  20u
#define QUOTED_IPV6  40u
#define ICMP_BYTES   8u
#define UNREACHABLE  3
#define UNREACHABLE6 1
#define TOO_BIG6     2
#define FRAG_NEEDED  4

/* --- errors in words ------------------------------------------------------------------------- */

static uint32_t sum_bytes(uint32_t sum, const uint8_t *data, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++)
        sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

/* 0xffff where the checksum of this ICMP message is right: summed byte by byte, apart from the
 * engine's own code. */
static uint32_t icmp_sum(const struct frame *frame)
{
    uint32_t bytes = frame->payload_bytes + ICMP_BYTES, sum = 0;

    if (frame->ip_version == 6)
        sum = sum_bytes(sum_bytes(58 + bytes, frame_src(frame).bytes, 16), frame_dst(frame).bytes,
                        16);
    return sum_bytes(sum, frame->data + frame->l4, bytes);
}

static void fix_icmp_checksum(struct test_frame *frame)
{
    uint8_t *field = frame_data(frame) + frame->view.l4 + 2;

    store_be16(field, 0);
    store_be16(field, (uint16_t)~icmp_sum(&frame->view));
}

struct error_words {
    uint8_t type, code;
    uint32_t tcp_bytes;  /* quoted of the TCP header and behind it; 0: 20 */
    const char *options; /* IPv4 options in the quote; their length is a multiple of 4 */
    bool has_extension;  /* an IPv6 extension header of this kind is in the quote */
    uint8_t extension;
    struct frame_words quote;
};

/* Wraps bench->sent, from its IP header on, into an error that a router on side `from` sends to its
 * sender. */
static void wrap(struct bench *b, enum side from, const struct error_words *error)
{
    struct frame_words outer = {.from = b->sent.view.ip_version == 6 ? ROUTER6 : ROUTER};
    uint32_t tcp_bytes = error->tcp_bytes ? error->tcp_bytes : 20;
    uint32_t quoted = b->sent.view.l4 - b->sent.view.l3 + tcp_bytes;
    bool v6 = b->sent.view.ip_version == 6;
    uint8_t payload[200] = {0}, *ip;

    cr_assert_leq(quoted, sizeof(payload));
    memcpy(payload, frame_data(&b->sent) + b->sent.view.l3, quoted);
    outer.to = from == SIDE_CLIENT ? b->server : b->client;
    memcpy(outer.vlan, b->vlan, sizeof(outer.vlan));
    /* The words write a TCP header of 20 bytes; the ICMP header and the quote take its place and
     * the payload's. */
    outer.payload = payload;
    outer.payload_bytes = quoted - 12;
    frame_write(&b->sent, &outer);
    ip = frame_data(&b->sent) + b->sent.view.l3;
    ip[v6 ? 6 : 9] = v6 ? 58 : 1;
    ip += v6 ? 40 : 20;
    memset(ip, 0, ICMP_BYTES);
    ip[0] = error->type;
    ip[1] = error->code;
    memcpy(ip + ICMP_BYTES, payload, quoted);
    if (!v6)
        frame_fix_ip_checksum(&b->sent);
    cr_assert_eq(frame_read(&b->sent), FRAME_ICMP_ERROR);
    fix_icmp_checksum(&b->sent);
}

/* An error from `from` in bench->sent, about a segment that went there. */
static void build_error(struct bench *b, enum side from, struct error_words error)
{
    bench_build(b, side_other(from), error.quote);
    if (error.options)
        frame_insert_ip_options(&b->sent, error.options, (uint32_t)strlen(error.options));
    if (error.has_extension)
        frame_insert_extension(&b->sent, error.extension, "\0\0\1\4\0\0\0", 8);
    wrap(b, from, &error);
}

#define error_from(b, side, ...)                                                                   \
    (build_error(b, side, (struct error_words){__VA_ARGS__}), bench_put(b, side))

/* Takes an error that crossed: nothing but the checksum and `value` at `at` of the quoted TCP
 * header has changed. */
static void crosses_with(struct bench *b, enum side from, uint32_t at, uint32_t value, int line)
{
    static struct test_frame before;
    const struct frame *is;
    struct frame_quote quote;
    uint8_t *data;

    before = b->sent;
    before.view.data = frame_data(&before);
    bench_put(b, from);
    is = bench_take(b, side_other(from), line);
    cr_assert_eq(is->kind, FRAME_ICMP_ERROR, "line %d", line);
    cr_assert_eq(icmp_sum(is), 0xffff, "line %d: checksum", line);
    cr_assert(frame_parse_quote(is, &quote), "line %d", line);
    data = frame_data(&before);
    store_be32(data + quote.tcp + at, value);
    memcpy(data + is->l4 + 2, is->data + is->l4 + 2, 2);
    cr_assert_arr_eq(is->data, data, is->bytes, "line %d: the quote", line);
    bench_expect_nothing(b, line);
}

#define crosses_with_seq(b, from, value) crosses_with(b, from, 4, value, __LINE__)
#define crosses_with_ack(b, from, value) crosses_with(b, from, 8, value, __LINE__)

/* Hands bench->sent over: it comes out on the other side byte for byte. */
static void crosses_untouched(struct bench *b, enum side from, int line)
{
    static struct test_frame before;

    before = b->sent;
    bench_put(b, from);
    bench_take(b, side_other(from), line);
    cr_assert_eq(b->seen.bytes, before.bytes, "line %d", line);
    cr_assert_arr_eq(b->seen.buffer, before.buffer, before.bytes, "line %d: changed", line);
    bench_expect_nothing(b, line);
}

#define untouched(b, from) crosses_untouched(b, from, __LINE__)

static struct bench *bench_v6(void)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    b->client = CLIENT6;
    b->server = HTTP6;
    return b;
}

/* A request whose SYN of ours stands unanswered. */
static uint32_t ask_server(struct bench *b)
{
    uint32_t c = get_cookie(b, OFFERS);

    client_says(b, .flags = "P.", .seq = X + 1, .ack = c + 1, .payload = REQUEST);
    to_server(b, .flags = "S", .seq = X, .options = ANY_OPTIONS);
    return c;
}

/* --- spliced connections --------------------------------------------------------------------- */

Test(icmp, client_side_error_moves_the_quoted_seq)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_http(b, OFFERS, OFFERS);

    build_error(b, SIDE_CLIENT,
                (struct error_words){UNREACHABLE, FRAG_NEEDED,
                                     .quote = {.flags = ".", .seq = c + 1461, .ack = X + 19}});
    crosses_with_seq(b, SIDE_CLIENT, Y + 1461);
    bench_end(b);
}

Test(icmp, server_side_error_moves_the_quoted_ack)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_http(b, OFFERS, OFFERS);

    build_error(b, SIDE_SERVER,
                (struct error_words){UNREACHABLE, FRAG_NEEDED,
                                     .quote = {.flags = ".", .seq = X + 19, .ack = Y + 77}});
    crosses_with_ack(b, SIDE_SERVER, c + 77);
    bench_end(b);
}

Test(icmp, ipv6_both_ways)
{
    struct bench *b = bench_v6();
    uint32_t c = open_http(b, "mss=1440 nop nop sack nop ws=7", "mss=1440 nop nop sack nop ws=7");

    build_error(
        b, SIDE_CLIENT,
        (struct error_words){TOO_BIG6, 0, .quote = {.flags = ".", .seq = c + 1, .ack = X + 19}});
    crosses_with_seq(b, SIDE_CLIENT, Y + 1);
    build_error(
        b, SIDE_SERVER,
        (struct error_words){TOO_BIG6, 0, .quote = {.flags = ".", .seq = X + 19, .ack = Y + 1}});
    crosses_with_ack(b, SIDE_SERVER, c + 1);
    bench_end(b);
}

/* RFC 792 quotes 8 bytes of the TCP header: ports and seq. */
Test(icmp, shortest_quote_has_no_ack)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_http(b, OFFERS, OFFERS);

    build_error(b, SIDE_CLIENT,
                (struct error_words){UNREACHABLE, 1, 8,
                                     .quote = {.flags = ".", .seq = c + 9, .ack = X + 19}});
    crosses_with_seq(b, SIDE_CLIENT, Y + 9);
    for (uint32_t bytes = 8; bytes < 12; bytes++) {
        build_error(b, SIDE_SERVER,
                    (struct error_words){UNREACHABLE, 1, bytes,
                                         .quote = {.flags = ".", .seq = X + 19, .ack = Y + 1}});
        untouched(b, SIDE_SERVER);
    }
    bench_end(b);
}

Test(icmp, ack_without_the_flags_behind_it)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_http(b, OFFERS, OFFERS);

    for (uint32_t bytes = 12; bytes <= 20; bytes += 2) {
        build_error(b, SIDE_SERVER,
                    (struct error_words){11, 0, bytes,
                                         .quote = {.flags = ".", .seq = X + 19, .ack = Y + 1}});
        crosses_with_ack(b, SIDE_SERVER, c + 1);
    }
    bench_end(b);
}

Test(icmp, no_ack_flag_no_ack)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    open_http(b, OFFERS, OFFERS);
    build_error(b, SIDE_SERVER,
                (struct error_words){UNREACHABLE, 1, .quote = {.flags = "R", .seq = X + 19}});
    untouched(b, SIDE_SERVER);
    bench_end(b);
}

Test(icmp, quoted_ip_options)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_http(b, OFFERS, OFFERS);

    build_error(b, SIDE_CLIENT,
                (struct error_words){UNREACHABLE, FRAG_NEEDED, 8,
                                     .options = "\1\1\1\1\1\1\1\1\1\1\1\1",
                                     .quote = {.flags = ".", .seq = c + 5, .ack = X + 19}});
    crosses_with_seq(b, SIDE_CLIENT, Y + 5);
    bench_end(b);
}

Test(icmp, quoted_extension_headers)
{
    struct bench *b = bench_v6();
    uint32_t c = open_http(b, "mss=1440 nop nop sack nop ws=7", "mss=1440 nop nop sack nop ws=7");

    for (size_t i = 0; i < 3; i++) {
        build_error(b, SIDE_CLIENT,
                    (struct error_words){TOO_BIG6, 0, .extension = (const uint8_t[]){0, 43, 60}[i],
                                         .has_extension = true,
                                         .quote = {.flags = ".", .seq = c + 5, .ack = X + 19}});
        crosses_with_seq(b, SIDE_CLIENT, Y + 5);
    }
    bench_end(b);
}

/* A first fragment holds the TCP header; a later one holds anything. */
Test(icmp, quoted_fragments)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_http(b, OFFERS, OFFERS);
    struct error_words error = {11, 1, .quote = {.flags = ".", .seq = c + 5, .ack = X + 19}};

    build_error(b, SIDE_CLIENT, error);
    store_be16(frame_data(&b->sent) + b->sent.view.payload + 6, 0x2000);
    fix_icmp_checksum(&b->sent);
    crosses_with_seq(b, SIDE_CLIENT, Y + 5);
    build_error(b, SIDE_CLIENT, error);
    store_be16(frame_data(&b->sent) + b->sent.view.payload + 6, 0x2001);
    fix_icmp_checksum(&b->sent);
    untouched(b, SIDE_CLIENT);
    bench_end(b);
}

Test(icmp, closing_connections_keep_their_offsets)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_http(b, OFFERS, OFFERS);

    server_says(b, .flags = "R.", .seq = Y + 1, .ack = X + 19);
    take(b, SIDE_CLIENT);
    cr_assert_str_eq(bench_flow_state(b), "closing");
    build_error(
        b, SIDE_CLIENT,
        (struct error_words){UNREACHABLE, 1, .quote = {.flags = ".", .seq = c + 1, .ack = X + 19}});
    crosses_with_seq(b, SIDE_CLIENT, Y + 1);
    bench_end(b);
}

Test(icmp, errors_keep_no_flow_alive)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_http(b, OFFERS, OFFERS), used = bench_flow(b)->used;

    b->now_us += 60 * SECOND_US;
    build_error(
        b, SIDE_CLIENT,
        (struct error_words){UNREACHABLE, 1, .quote = {.flags = ".", .seq = c + 1, .ack = X + 19}});
    crosses_with_seq(b, SIDE_CLIENT, Y + 1);
    cr_assert_eq(bench_flow(b)->used, used);
    bench_end(b);
}

Test(icmp, numbers_wrap_round)
{
    const uint32_t isns[] = {0, 1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};

    for (size_t i = 0; i < sizeof(isns) / sizeof(isns[0]); i++) {
        struct bench *b = bench_new(SETTING_ATTACK);
        uint32_t y = isns[i], c = ask_server(b);

        server_says(b, .flags = "S.", .seq = y, .ack = X + 1, .options = OFFERS);
        take(b, SIDE_SERVER);
        for (uint32_t sent = 0; sent < 9; sent++) {
            struct frame_words quote = {.flags = ".", .seq = c + 1 + sent, .ack = X + 19};

            build_error(b, SIDE_CLIENT,
                        (struct error_words){UNREACHABLE, FRAG_NEEDED, .quote = quote});
            crosses_with_seq(b, SIDE_CLIENT, y + 1 + sent);
        }
        bench_end(b);
    }
}

Test(icmp, vlan_of_the_outer_frame)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    struct error_words error = {UNREACHABLE, FRAG_NEEDED, .quote = {.flags = ".", .ack = X + 19}};

    error.quote.seq = open_http(b, OFFERS, OFFERS) + 1;
    b->vlan[0] = 100;
    build_error(b, SIDE_CLIENT, error);
    untouched(b, SIDE_CLIENT); /* another network's: its connection is not ours */
    b->vlan[0] = 0;
    build_error(b, SIDE_CLIENT, error);
    crosses_with_seq(b, SIDE_CLIENT, Y + 1);
    bench_end(b);
}

Test(icmp, spliced_inside_vlans)
{
    struct bench *b = bench_new(SETTING_NORMAL);
    uint32_t c;

    /* Under a tag the server is another one than the policy's, known by its SYN-ACK. */
    b->vlan[0] = 100, b->vlan[1] = 0xa000 | 200;
    handshake(b, OFFERS, OFFERS);
    engine_set_setting(b->engine, NULL, SETTING_ATTACK, b->now_us);
    bench_client(b, 3);
    c = ask_server(b);
    server_says(b, .flags = "S.", .seq = Y, .ack = X + 1, .options = OFFERS);
    to_server(b, .flags = "P.", .seq = X + 1, .ack = Y + 1, .payload = REQUEST);
    b->vlan[1] = 200; /* whatever priority a router gives its errors */
    build_error(b, SIDE_SERVER,
                (struct error_words){UNREACHABLE, FRAG_NEEDED,
                                     .quote = {.flags = ".", .seq = X + 19, .ack = Y + 1}});
    crosses_with_ack(b, SIDE_SERVER, c + 1);
    bench_end(b);
}

/* A partial checksum holds no sum of the quote. */
Test(icmp, partial_checksum_is_left_alone)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_http(b, OFFERS, OFFERS);
    uint16_t before;

    build_error(
        b, SIDE_CLIENT,
        (struct error_words){UNREACHABLE, 1, .quote = {.flags = ".", .seq = c + 1, .ack = X + 19}});
    b->sent.view.offload->flags = OFFLOAD_NEEDS_CHECKSUM;
    b->sent.view.offload->checksum_start = b->sent.view.l4;
    before = load_be16(frame_data(&b->sent) + b->sent.view.l4 + 2);
    bench_put(b, SIDE_CLIENT);
    take(b, SIDE_SERVER);
    cr_assert_eq(load_be16(frame_data(&b->seen) + b->seen.view.l4 + 2), before);
    cr_assert_eq(load_be32(frame_data(&b->seen) + b->seen.view.payload + QUOTED_IPV4 + 4), Y + 1);
    bench_end(b);
}

/* --- our own SYN ----------------------------------------------------------------------------- */

static void refuses(struct bench *b, uint8_t type, uint8_t code)
{
    uint32_t c = ask_server(b);

    error_from(b, SIDE_SERVER, type, code, 8, .quote = {.flags = "S", .seq = X});
    bench_expect_verdict(b, VERDICT_DROP, DROP_swallowed, __LINE__);
    to_client(b, .flags = "R.", .seq = c + 1, .ack = X + 1, .window_closed = true);
    cr_assert_str_eq(bench_flow_state(b), "closing");
    cr_assert_eq(bench_counters(b)->flows_refused, 1);
    /* A second error, about the same SYN sent again, tells nobody anything. */
    error_from(b, SIDE_SERVER, type, code, 8, .quote = {.flags = "S", .seq = X});
    dropped(b, stray);
    error_from(b, SIDE_CLIENT, type, code, 8, .quote = {.flags = "S.", .seq = c, .ack = X + 1});
    dropped(b, stray);
    bench_end(b);
}

Test(icmp, unreachable_refuses_an_opening)
{
    const uint8_t codes[] = {0, 1, 2, 3, 5, 9, 13};

    for (size_t i = 0; i < sizeof(codes); i++)
        refuses(bench_new(SETTING_ATTACK), UNREACHABLE, codes[i]);
    refuses(bench_v6(), UNREACHABLE6, 4);
}

static void does_not_refuse(struct bench *b, struct error_words error)
{
    ask_server(b);
    build_error(b, SIDE_SERVER, error);
    untouched(b, SIDE_SERVER);
    cr_assert_str_eq(bench_flow_state(b), "opening");
    cr_assert_eq(bench_counters(b)->flows_refused, 0);
    bench_end(b);
}

Test(icmp, other_errors_do_not_refuse_an_opening)
{
    const struct frame_words syn = {.flags = "S", .seq = X}, other = {.flags = "S", .seq = X + 1};

    does_not_refuse(bench_new(SETTING_ATTACK),
                    (struct error_words){UNREACHABLE, FRAG_NEEDED, .quote = syn});
    does_not_refuse(bench_new(SETTING_ATTACK), (struct error_words){11, 0, .quote = syn});
    does_not_refuse(bench_new(SETTING_ATTACK),
                    (struct error_words){UNREACHABLE, 1, .quote = other});
    does_not_refuse(bench_v6(), (struct error_words){TOO_BIG6, 0, .quote = syn});
    does_not_refuse(bench_v6(), (struct error_words){3, 0, .quote = syn});
    does_not_refuse(bench_v6(), (struct error_words){UNREACHABLE6, 4, .quote = other});
}

Test(icmp, damaged_error_does_not_refuse_an_opening)
{
    for (int family = 0; family < 2; family++) {
        struct bench *b = family ? bench_v6() : bench_new(SETTING_ATTACK);

        ask_server(b);
        build_error(b, SIDE_SERVER,
                    (struct error_words){family ? UNREACHABLE6 : UNREACHABLE, 1,
                                         .quote = {.flags = "S", .seq = X}});
        frame_data(&b->sent)[b->sent.view.l4 + 3] ^= 1;
        untouched(b, SIDE_SERVER);
        cr_assert_str_eq(bench_flow_state(b), "opening");
        bench_end(b);
    }
}

Test(icmp, client_side_error_during_an_opening_is_stray)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = ask_server(b);

    error_from(b, SIDE_CLIENT, UNREACHABLE, 1, .quote = {.flags = "S.", .seq = c, .ack = X + 1});
    dropped(b, stray);
    cr_assert_str_eq(bench_flow_state(b), "opening");
    bench_end(b);
}

Test(icmp, errors_while_the_greeting_is_compared)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_pop3(b);

    error_from(b, SIDE_CLIENT, UNREACHABLE, 1,
               .quote = {.flags = "P.", .seq = c + 1, .ack = X + 1});
    dropped(b, stray);
    build_error(
        b, SIDE_SERVER,
        (struct error_words){UNREACHABLE, 1, .quote = {.flags = ".", .seq = X + 1, .ack = Y + 1}});
    crosses_with_ack(b, SIDE_SERVER, c + 1);
    cr_assert_str_eq(bench_flow_state(b), "greeting");
    bench_end(b);
}

/* --- no spliced connection ------------------------------------------------------------------- */

Test(icmp, errors_about_cookies_do_not_reach_the_server)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = get_cookie(b, OFFERS);

    error_from(b, SIDE_CLIENT, UNREACHABLE, 1, 8, .quote = {.flags = "S.", .seq = c, .ack = X + 1});
    dropped(b, stray);
    build_error(b, SIDE_SERVER,
                (struct error_words){UNREACHABLE, 1, .quote = {.flags = ".", .seq = 7, .ack = 8}});
    untouched(b, SIDE_SERVER);
    bench_end(b);
    b = bench_v6();
    c = get_cookie(b, "mss=1440 nop nop sack nop ws=7");
    error_from(b, SIDE_CLIENT, UNREACHABLE6, 0, .quote = {.flags = "S.", .seq = c, .ack = X + 1});
    dropped(b, stray);
    bench_end(b);
}

Test(icmp, calm_servers_get_every_error)
{
    struct bench *b = bench_new(SETTING_NORMAL);
    struct error_words error = {UNREACHABLE, 1, .quote = {.flags = ".", .seq = 7, .ack = 8}};

    build_error(b, SIDE_CLIENT, error);
    untouched(b, SIDE_CLIENT);
    handshake(b, OFFERS, OFFERS);
    error.quote.seq = Y + 1;
    build_error(b, SIDE_CLIENT, error);
    untouched(b, SIDE_CLIENT);
    build_error(b, SIDE_SERVER, error);
    untouched(b, SIDE_SERVER);
    cr_assert_str_eq(bench_flow_state(b), "established");
    bench_end(b);
}

/* A connection that was there before the attack goes on with its own numbers. */
Test(icmp, tracked_connections_pass_untouched_under_attack)
{
    struct bench *b = bench_new(SETTING_NORMAL);

    handshake(b, OFFERS, OFFERS);
    engine_set_setting(b->engine, NULL, SETTING_ATTACK, b->now_us);
    build_error(b, SIDE_CLIENT,
                (struct error_words){UNREACHABLE, FRAG_NEEDED,
                                     .quote = {.flags = ".", .seq = Y + 1, .ack = X + 1}});
    untouched(b, SIDE_CLIENT);
    bench_end(b);
}

Test(icmp, other_protocols_pass_untouched)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_http(b, OFFERS, OFFERS);

    build_error(
        b, SIDE_CLIENT,
        (struct error_words){UNREACHABLE, 3, .quote = {.flags = ".", .seq = c + 1, .ack = X + 19}});
    frame_data(&b->sent)[b->sent.view.payload + 9] = 17; /* UDP */
    fix_icmp_checksum(&b->sent);
    untouched(b, SIDE_CLIENT);
    bench_end(b);
}

/* --- quotes that cannot be read -------------------------------------------------------------- */

/* Cuts an error short: `quoted` bytes are left of the quote. */
static void cut(struct bench *b, uint32_t quoted)
{
    struct frame *view = &b->sent.view;
    uint8_t *ip = frame_data(&b->sent) + view->l3;

    b->sent.bytes = OFFLOAD_BYTES + view->payload + quoted;
    if (view->ip_version == 4) {
        store_be16(ip + 2, (uint16_t)(view->payload - view->l3 + quoted));
        frame_fix_ip_checksum(&b->sent);
    } else {
        store_be16(ip + 4, (uint16_t)(view->payload - view->l3 - 40u + quoted));
    }
    cr_assert_eq(frame_read(&b->sent), FRAME_ICMP_ERROR);
    cr_assert_eq(b->sent.view.payload_present, quoted);
    fix_icmp_checksum(&b->sent);
}

Test(icmp, truncated_quotes_pass_untouched)
{
    for (int family = 0; family < 2; family++) {
        struct bench *b = family ? bench_v6() : bench_new(SETTING_ATTACK);
        const char *offers = family ? "mss=1440 nop nop sack nop ws=7" : OFFERS;
        uint32_t c = open_http(b, offers, offers), least = (family ? QUOTED_IPV6 : QUOTED_IPV4) + 8;

        for (uint32_t quoted = 0; quoted < least + 12; quoted++) {
            build_error(b, SIDE_CLIENT,
                        (struct error_words){family ? TOO_BIG6 : UNREACHABLE, 1,
                                             .quote = {.flags = ".", .seq = c + 1, .ack = X + 19}});
            cut(b, quoted);
            if (quoted < least)
                untouched(b, SIDE_CLIENT);
            else
                crosses_with_seq(b, SIDE_CLIENT, Y + 1);
        }
        bench_end(b);
    }
}

/* One byte of the quoted IP header is wrong. */
static void bad_byte(struct bench *b, uint32_t seq, uint32_t at, uint8_t value)
{
    build_error(b, SIDE_CLIENT,
                (struct error_words){b->sent.view.ip_version == 6 ? TOO_BIG6 : UNREACHABLE, 1,
                                     .quote = {.flags = ".", .seq = seq, .ack = X + 19}});
    frame_data(&b->sent)[b->sent.view.payload + at] = value;
    fix_icmp_checksum(&b->sent);
    untouched(b, SIDE_CLIENT);
}

Test(icmp, bad_quotes_pass_untouched)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_http(b, OFFERS, OFFERS);

    bad_byte(b, c + 1, 0, 0x65); /* IPv6 inside ICMP */
    bad_byte(b, c + 1, 0, 0x44); /* header of 16 bytes */
    bad_byte(b, c + 1, 0, 0x4f); /* header beyond the quote */
    bad_byte(b, c + 1, 6, 0x1f); /* later fragment */
    bench_end(b);
    b = bench_v6();
    c = open_http(b, "mss=1440 nop nop sack nop ws=7", "mss=1440 nop nop sack nop ws=7");
    bad_byte(b, c + 1, 0, 0x45);
    bad_byte(b, c + 1, 6, 59); /* no next header */
    bad_byte(b, c + 1, 6, 43); /* the TCP header read as a routing header */
    bad_byte(b, c + 1, 6, 44);
    bench_end(b);
}

/* Where a frame that has crossed differs from what went in, it is in the checksum and in the one
 * number of the quote. */
static void only_the_number_changed(const struct frame *is, const uint8_t *before, enum side from)
{
    struct frame_quote quote = {0};
    uint32_t number, checksum = is->l4 + 2u;
    bool read = frame_parse_quote(is, &quote);

    number = quote.tcp + (from == SIDE_CLIENT ? 4 : 8);
    for (uint32_t i = 0; i < is->bytes; i++)
        cr_assert(is->data[i] == before[i] || (read && (i - checksum < 2 || i - number < 4)),
                  "byte %u", i);
    cr_assert_eq(icmp_sum(is), 0xffff);
}

/* Whatever stands in a quote. */
Test(icmp, random_quotes)
{
    static struct test_frame before;
    struct random random = random_begin("icmp/random_quotes");
    struct bench *b = bench_new(SETTING_ATTACK);
    uint32_t c = open_http(b, OFFERS, OFFERS), crossed = 0;

    for (uint32_t run = 0; run < 20000; run++) {
        enum side from = run % 2 ? SIDE_CLIENT : SIDE_SERVER;
        struct frame_words words = {.flags = ".", .seq = c + run, .ack = X + 19};

        build_error(b, from, (struct error_words){UNREACHABLE, FRAG_NEEDED, .quote = words});
        for (uint32_t flips = random_below(&random, 4); flips > 0; flips--)
            frame_data(&b->sent)[b->sent.view.payload + random_below(&random, 40)] =
                (uint8_t)random_next(&random);
        fix_icmp_checksum(&b->sent);
        memcpy(before.buffer, b->sent.buffer, b->sent.bytes);
        bench_put(b, from);
        if (b->verdict.action == VERDICT_FORWARD) {
            only_the_number_changed(take(b, side_other(from)), frame_data(&before), from);
            crossed++;
        }
        nothing(b);
    }
    cr_assert_gt(crossed, 10000);
    bench_end(b);
}
