/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_icmp_errors.c - rule 5.4 and 5.6: ICMP errors about segments of opened connections, as
 * traces. The cases of the parser stand in tests/engine/stages/test_icmp.c.
 *
 * An error quotes the segment that it is about, as its sender saw it: IP header and the first 8
 * bytes of TCP at least (RFC 792).
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/bytes.h"
#include "tests/sim/steps.h"

#define SECOND_US    1000000ull
#define ICMP_AT      (ETH_HEADER_BYTES + 20)
#define QUOTED_TCP   (ICMP_AT + 8 + 20)
#define UNREACHABLE  3
#define PORT         3
#define FRAG_NEEDED  4
#define NEXT_HOP_MTU 1280

static uint16_t sum_of(const uint8_t *at, uint32_t bytes)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i + 1 < bytes; i += 2)
        sum += load_be16(at + i);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void put_ip(uint8_t *ip, uint8_t protocol, uint16_t bytes, const struct ip_addr *src,
                   const struct ip_addr *dst)
{
    static const uint8_t begin[12] = {0x45, 0, 0, 0, 0, 0, 0x40, 0, 63};
    memcpy(ip, begin, sizeof begin);
    store_be16(ip + 2, bytes);
    ip[9] = protocol;
    memcpy(ip + 12, src->bytes + 12, 4);
    memcpy(ip + 16, dst->bytes + 12, 4);
    store_be16(ip + 10, sum_of(ip, 20));
}

/*
 * A router on `from`'s side says this about a segment that went there, with these numbers in its
 * first 12 bytes. Leaves what comes out in `out` (the frame) and returns its length; 0: nothing.
 */
static uint32_t router_says(struct scenario *s, enum side from, uint8_t code, const char *seq,
                            const char *ack, uint8_t out[200])
{
    static uint8_t buffer[PACKET_BUFFER_BYTES];
    struct ip_addr router;
    struct symbols symbols = s->symbols;
    struct packet numbers = {0};
    const char *problem;
    char text[100];
    uint8_t *frame = buffer + OFFLOAD_BYTES;
    bool to_client = from == CLIENT; /* the quoted segment went towards the router */

    cr_assert(addr_from_text("10.0.0.77", &router));
    snprintf(text, sizeof text, ". %s ack %s win 1", seq, ack);
    cr_assert(trace_parse(text, &symbols, &numbers, &problem), "%s", problem);
    memset(buffer, 0, sizeof buffer);
    memcpy(frame, to_client ? "\2\0\0\0\5\1\2\0\0\0\xc\1\x8\0" : "\2\0\0\0\xc\1\2\0\0\0\5\1\x8\0",
           14);
    put_ip(frame + ETH_HEADER_BYTES, 1, 20 + 8 + 20 + 12, &router,
           to_client ? &s->server : &s->client);
    frame[ICMP_AT] = UNREACHABLE;
    frame[ICMP_AT + 1] = code;
    store_be16(frame + ICMP_AT + 6, code == FRAG_NEEDED ? NEXT_HOP_MTU : 0);
    put_ip(frame + ICMP_AT + 8, 6, 1500, to_client ? &s->server : &s->client,
           to_client ? &s->client : &s->server);
    store_be16(frame + QUOTED_TCP, to_client ? s->server_port : s->client_port);
    store_be16(frame + QUOTED_TCP + 2, to_client ? s->client_port : s->server_port);
    store_be32(frame + QUOTED_TCP + 4, numbers.seq);
    store_be32(frame + QUOTED_TCP + 8, numbers.ack);
    store_be16(frame + ICMP_AT + 2, sum_of(frame + ICMP_AT, 8 + 20 + 12));
    middle_input(s->middle, from, buffer, OFFLOAD_BYTES + QUOTED_TCP + 12, s->now_us);
    if (s->middle->last.action != VERDICT_FORWARD)
        return 0;
    struct scenario_frame *first = &s->out[side_other(from)].frames[s->out[side_other(from)].first];
    memcpy(out, first->buffer + OFFLOAD_BYTES, first->bytes - OFFLOAD_BYTES);
    cr_assert_eq(sum_of(out + ICMP_AT, 8 + 20 + 12), 0, "its checksum is wrong now");
    scenario_drain(s);
    return QUOTED_TCP + 12;
}

static uint32_t value_of(const struct scenario *s, const char *symbol)
{
    uint32_t value = 0;
    cr_assert(trace_symbol(&s->symbols, symbol, &value), "%s is not bound", symbol);
    return value;
}

/* Path MTU discovery: each host must find its own numbers in the quote, or it does not believe the
 * error. */
Test(icmp_errors, rule_5_6_quoted_numbers_are_translated)
{
    struct scenario *s = attack_scenario();
    uint8_t out[200];
    step_open(s);
    /* a router on the client's side had no room for a segment of the server's, which it saw with
     * our numbers */
    cr_assert_gt(router_says(s, CLIENT, FRAG_NEEDED, "c+1449", "x+19", out), 0);
    cr_assert_eq(load_be32(out + QUOTED_TCP + 4), value_of(s, "y") + 1449);
    cr_assert_eq(load_be32(out + QUOTED_TCP + 8), value_of(s, "x") + 19);
    cr_assert_eq(load_be16(out + ICMP_AT + 6), NEXT_HOP_MTU);
    /* and one on the server's side for a segment of the client's */
    cr_assert_gt(router_says(s, SERVER, FRAG_NEEDED, "x+1449", "y+77", out), 0);
    cr_assert_eq(load_be32(out + QUOTED_TCP + 4), value_of(s, "x") + 1449);
    cr_assert_eq(load_be32(out + QUOTED_TCP + 8), value_of(s, "c") + 77);
    /* the connection feels nothing of it */
    inject(s, CLIENT, "P. x+19 ack c+1 win 502 <nop,nop,TS val 140 ecr t> | more");
    expect(s, SERVER, "P. x+19 ack y+1 win 502 <nop,nop,TS val 140 ecr 5000> | more");
    expect_count(s, flows_spliced, 1);
    scenario_end(s);
}

Test(icmp_errors, rule_5_4_unreachable_refuses)
{
    struct scenario *s = attack_scenario();
    uint8_t out[200];
    step_request(s);
    /* about another SYN, or about size: says nothing about ours */
    router_says(s, SERVER, PORT, "x+5", "0", out);
    router_says(s, SERVER, FRAG_NEEDED, "x", "0", out);
    scenario_drain(s);
    expect_count(s, flows_pending, 1);
    cr_assert_eq(router_says(s, SERVER, PORT, "x", "0", out), 0);
    expect(s, CLIENT, "R. c+1:c+1(0) ack x+1");
    expect_nothing(s);
    expect_count(s, flows_refused, 1);
    expect_count(s, flows_pending, 0);
    scenario_end(s);
}

/* Once the connection stands, "unreachable" is a hint that each host may make of what it likes (RFC
 * 1122 4.2.3.9). */
Test(icmp_errors, rule_5_6_unreachable_ends_no_open_connection)
{
    struct scenario *s = attack_scenario();
    uint8_t out[200];
    step_open(s);
    cr_assert_gt(router_says(s, SERVER, PORT, "x+1", "y+1", out), 0);
    cr_assert_eq(load_be32(out + QUOTED_TCP + 8), value_of(s, "c") + 1);
    expect_count(s, flows_spliced, 1);
    pass(s, 60 * SECOND_US);
    expect_count(s, flows_spliced, 1);
    scenario_end(s);
}

/* About a SYN-ACK of ours the server knows nothing. */
Test(icmp_errors, rule_5_6_errors_about_cookies_stay_here)
{
    struct scenario *s = attack_scenario();
    uint8_t out[200];
    step_syn(s);
    cr_assert_eq(router_says(s, CLIENT, PORT, "c", "x+1", out), 0);
    expect_nothing(s);
    scenario_end(s);
}
