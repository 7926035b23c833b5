/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of bridge/bpf/hook.bpf.c, run in this kernel: which segment a grant is for, and what is
 * said where nobody listens. That sockets are made is tests/net/test_hook.py's. Needs root.
 */
#include "bridge/bpf/hooking.h"

#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <linux/pkt_cls.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "engine/base/addr.h"
#include "engine/base/bytes.h"
#include "tests/bridge/bpf/support_kernel.h"

#define BYTES       128u
#define CLIENT_PORT 40000
#define SERVER_PORT 1 /* nobody listens there */
#define SEQ         1000001u
#define ACKED       2000001u
#define ACK         0x10
#define PSH_ACK     0x18
#define SYN_ACK     0x12
#define RST_ACK     0x14

static struct hooking *hooking;
static struct grant *grant;
static uint8_t frame[BYTES];

static void put_tcp(uint32_t at, uint32_t seq, uint32_t ack, uint8_t flags)
{
    store_be16(frame + at, CLIENT_PORT);
    store_be16(frame + at + 2, SERVER_PORT);
    store_be32(frame + at + 4, seq);
    store_be32(frame + at + 8, ack);
    frame[at + 12] = 5 << 4;
    frame[at + 13] = flags;
}

/* From 192.0.2.1 to 192.0.2.2. */
static void put_ipv4(uint32_t seq, uint32_t ack, uint8_t flags)
{
    static const uint8_t head[20] = {0x45, 0, 0,   60, 0, 0, 0x40, 0, 64, 6,
                                     0,    0, 192, 0,  2, 1, 192,  0, 2,  2};

    memset(frame, 2, 12);
    store_be16(frame + 12, 0x0800);
    memcpy(frame + 14, head, sizeof(head));
    put_tcp(34, seq, ack, flags);
}

/* From 2001:db8::1 to 2001:db8::2. */
static void put_ipv6(uint32_t seq, uint32_t ack, uint8_t flags)
{
    memset(frame, 2, 12);
    memset(frame + 12, 0, sizeof(frame) - 12);
    store_be16(frame + 12, 0x86dd);
    frame[14] = 0x60;
    frame[19] = 40;
    frame[20] = 6;
    frame[21] = 64;
    store_be32(frame + 22, 0x20010db8);
    store_be32(frame + 38, 0x20010db8);
    frame[37] = 1;
    frame[53] = 2;
    put_tcp(54, seq, ack, flags);
}

static void make_grant(const char *client, const char *server)
{
    struct ip_addr addr;

    grant = &hooking_grants(hooking)[grant_place(SEQ, ACKED)];
    cr_assert(addr_from_text(client, &addr));
    memcpy(grant->client, addr.bytes, sizeof(grant->client));
    cr_assert(addr_from_text(server, &addr));
    memcpy(grant->server, addr.bytes, sizeof(grant->server));
    grant->seq = SEQ;
    grant->ack = ACKED;
    grant->client_port = CLIENT_PORT;
    grant->server_port = SERVER_PORT;
    grant->mss = 1460;
    grant->until_us = clock_now_us() + 1000000;
    grant->state = GRANT_MADE;
}

static void setup(void)
{
    struct error error = {0};

    hooking = hooking_open(&error);
    if (!hooking)
        skip_without_bpf(&error);
    make_grant("192.0.2.1", "192.0.2.2");
}

static void teardown(void)
{
    hooking_close(hooking);
}

TestSuite(hooking, .init = setup, .fini = teardown);

static int run(void)
{
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = sizeof(frame));

    cr_assert_eq(bpf_prog_test_run_opts(hooking_program(hooking), &options), 0);
    return (int)options.retval;
}

Test(hooking, what_has_a_grant_and_no_listener_is_dropped_and_why_is_told)
{
    put_ipv4(SEQ, ACKED, PSH_ACK);
    cr_expect_eq(run(), TC_ACT_SHOT);
    cr_expect_eq(grant->outcome, GRANT_unlistened);
}

Test(hooking, ipv6)
{
    make_grant("2001:db8::1", "2001:db8::2");
    put_ipv6(SEQ, ACKED, ACK);
    cr_expect_eq(run(), TC_ACT_SHOT);
    cr_expect_eq(grant->outcome, GRANT_unlistened);
}

Test(hooking, the_second_place_counts_as_well)
{
    struct grant moved = *grant;

    memset(grant, 0, sizeof(*grant));
    hooking_grants(hooking)[grant_place(SEQ, ACKED) ^ 1] = moved;
    put_ipv4(SEQ, ACKED, ACK);
    cr_expect_eq(run(), TC_ACT_SHOT);
}

static void expect_untouched(void)
{
    cr_expect_eq(run(), TC_ACT_UNSPEC);
    cr_expect_eq(grant->outcome, GRANT_unseen);
}

Test(hooking, what_has_none_is_left_as_it_is)
{
    put_ipv4(SEQ + 1, ACKED, ACK);
    expect_untouched();
    put_ipv4(SEQ, ACKED + 1, ACK);
    expect_untouched();
    put_ipv4(SEQ, ACKED, SYN_ACK);
    expect_untouched();
    put_ipv4(SEQ, ACKED, RST_ACK);
    expect_untouched();
    put_ipv4(SEQ, ACKED, ACK);
    frame[29] = 9; /* another client */
    expect_untouched();
    put_ipv4(SEQ, ACKED, ACK);
    frame[23] = 17; /* no TCP */
    expect_untouched();
    put_ipv4(SEQ, ACKED, ACK);
    frame[20] = 0x20; /* a fragment */
    expect_untouched();
}

Test(hooking, one_that_is_over_is_none)
{
    put_ipv4(SEQ, ACKED, ACK);
    grant->until_us = clock_now_us() - 1;
    expect_untouched();
    grant->until_us = clock_now_us() + 1000000;
    grant->state = GRANT_TAKEN; /* not written yet */
    expect_untouched();
}
