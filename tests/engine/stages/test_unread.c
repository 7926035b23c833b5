/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_unread.c - what may be TCP to an attacked server does not pass unread, what is plainly
 * something else does, and odd frames that hosts take are answered. */
#include <criterion/criterion.h>

#include "engine/base/bytes.h"
#include "tests/engine/support_engine.h"

/* The SYN that is wrapped, of which `count` bytes at `at` are taken out and `bytes` put in. */
static void wrap(struct bench *b, const char *to, uint32_t at, const void *bytes, uint32_t count)
{
    client_builds(b, .to = to, .flags = "S", .seq = X, .options = "mss=1460");
    frame_insert(&b->sent, at, bytes, count);
}

static void expect_unreadable(struct bench *b, const char *what)
{
    uint64_t before = bench_counters(b)->drops[DROP_unreadable];

    bench_put(b, SIDE_CLIENT);
    cr_assert_eq(b->verdict.action, VERDICT_DROP, "%s", what);
    cr_assert_eq(bench_counters(b)->drops[DROP_unreadable], before + 1, "%s", what);
    nothing(b);
}

static void expect_passed(struct bench *b)
{
    bench_put(b, SIDE_CLIENT);
    forwarded(b);
    take(b, SIDE_SERVER);
}

/* An outer IPv4 header for what stands behind it. */
static void outer_v4(uint8_t out[20], uint8_t protocol)
{
    memset(out, 0, 20);
    out[0] = 0x45;
    out[8] = 64;
    out[9] = protocol;
    memcpy(out + 12, "\xc6\x33\x64\x07\xcb\x00\x71\x01", 8);
}

static const struct {
    const char *what;
    uint8_t protocol, bytes, header[60];
} tunnels[] = {
    {"IP in IP", 4, 0, {0}},
    {"GRE", 47, 4, {0, 0, 8, 0}},
    {"GRE with key and sequence", 47, 12, {0x30, 0, 8, 0}},
    {"GRE with PPP", 47, 12, {0x20, 1, 0x88, 0x0b, 0, 0, 0, 0, 0xff, 3, 0, 0x21}},
    {"MPLS in IP", 137, 4, {0, 0, 1, 64}},
    {"EtherIP", 97, 16, {0x30, 0, [14] = 8}},
    {"VXLAN", 17, 30, {0, 9, 0x12, 0xb5, [28] = 8}},
    {"GENEVE", 17, 30, {0, 9, 0x17, 0xc1, [10] = 0x65, 0x58, [28] = 8}},
    {"GTP-U", 17, 16, {0, 9, 8, 0x68, [8] = 0x30, 255}},
    {"L2TP", 17, 16, {0, 9, 6, 0xa5, [8] = 0, 2, 0, 1, 0, 1, 0, 0x21}},
};

Test(unread, tunnels_to_an_attacked_address)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint8_t outer[100];

    for (size_t i = 0; i < sizeof(tunnels) / sizeof(tunnels[0]); i++) {
        outer_v4(outer, tunnels[i].protocol);
        memcpy(outer + 20, tunnels[i].header, tunnels[i].bytes);
        wrap(b, HTTP, 14, outer, 20u + tunnels[i].bytes);
        expect_unreadable(b, tunnels[i].what);
        wrap(b, "203.0.113.9:80", 14, outer, 20u + tunnels[i].bytes);
        expect_passed(b);
    }
    bench_end(b);
}

static const struct {
    const char *what;
    uint8_t bytes, header[24];
} links[] = {
    /* In place of the EtherType, and up to that of IP. */
    {"SNAP", 8, {0, 60, 0xaa, 0xaa, 3, 0, 0, 0}},
    {"IP over LLC", 5, {0, 60, 6, 6, 3}},
    {"9100 without a VLAN", 4, {0x91, 0, 0, 0}},
    {"9200", 4, {0x92, 0, 0, 5}},
    {"MPLS", 6, {0x88, 0x47, 0, 0, 1, 64}},
    {"MPLS, two labels", 10, {0x88, 0x47, 0, 0, 0, 64, 0, 0, 1, 64}},
    {"PPPoE", 10, {0x88, 0x64, 0x11, 0, 0, 1, 0, 60, 0, 0x21}},
    {"HSR", 6, {0x89, 0x2f, 0, 60, 0, 1}},
    {"TrustSec", 8, {0x89, 9, 1, 1, 0, 1, 0, 2}},
    {"SNAP in a VLAN-0 tag", 12, {0x81, 0, 0, 0, 0, 60, 0xaa, 0xaa, 3, 0, 0, 0}},
};

Test(unread, link_formats_to_an_attacked_address)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    for (int attacked = 1; attacked >= 0; attacked--) {
        for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
            wrap(b, attacked ? HTTP : "203.0.113.9:80", 12, links[i].header, links[i].bytes);
            /* MPLS, PPPoE and LLC of IP have no EtherType in front of the packet. */
            if (i == 1 || (i >= 4 && i <= 6)) {
                memmove(frame_data(&b->sent) + 12 + links[i].bytes,
                        frame_data(&b->sent) + 14 + links[i].bytes, 100);
                b->sent.bytes -= 2;
            }
            if (attacked)
                expect_unreadable(b, links[i].what);
            else
                expect_passed(b);
        }
    }
    bench_end(b);
}

Test(unread, what_is_something_else_passes)
{
    static const uint8_t stp[] = {0, 38, 0x42, 0x42, 3, 0, 0, 0, 0, 0},
                         lldp[] = {0x88, 0xcc, 2, 7, 4, 2, 0, 0, 0, 1};
    struct bench *b = bench_new(SETTING_ATTACK);

    wrap(b, HTTP, 12, stp, sizeof(stp));
    expect_passed(b);
    wrap(b, HTTP, 12, lldp, sizeof(lldp));
    expect_passed(b);
    bench_end(b);
}

/* What a tunnel's first fragment is too small to say, its second one says. */
Test(unread, tiny_first_fragment_of_a_tunnel)
{
    struct bench *b = bench_new(SETTING_ATTACK);
    uint8_t outer[20];

    outer_v4(outer, 4);
    store_be16(outer + 6, 0x2000);
    wrap(b, "203.0.113.9:80", 14, outer, sizeof(outer));
    b->sent.bytes = OFFLOAD_BYTES + 14 + 20 + 8;
    expect_unreadable(b, "eight bytes");
    outer_v4(outer, 1);
    store_be16(outer + 6, 0x2000);
    wrap(b, "203.0.113.9:80", 14, outer, sizeof(outer));
    b->sent.bytes = OFFLOAD_BYTES + 14 + 20 + 8;
    expect_passed(b);
    bench_end(b);
}

/* A router behind us that obeys source routes sends it on to the server. */
Test(unread, source_routes)
{
    static const uint8_t loose[8] = {131, 7, 4, 192, 0, 2, 1, 0};
    uint8_t segments[24] = {0, 2, 4, 1, 0, 0, 0, 0};
    struct bench *b = bench_new(SETTING_ATTACK);
    struct ip_addr server = flow_of(CLIENT6, HTTP6).server;

    client_builds(b, .to = "203.0.113.9:80", .flags = "S", .seq = X);
    frame_insert_ip_options(&b->sent, loose, sizeof(loose));
    expect_unreadable(b, "loose source route");
    memcpy(segments + 8, server.bytes, 16);
    client_builds(b, .from = CLIENT6, .to = "[2001:db8:2::9]:80", .flags = "S", .seq = X);
    frame_insert_extension(&b->sent, 43, segments, sizeof(segments));
    expect_unreadable(b, "segment routing");
    segments[8] ^= 1;
    client_builds(b, .from = CLIENT6, .to = "[2001:db8:2::9]:80", .flags = "S", .seq = X);
    frame_insert_extension(&b->sent, 43, segments, sizeof(segments));
    expect_passed(b);
    bench_end(b);
}

/* A host that pays no heed to tags, or a switch that takes the outer one off. */
Test(unread, another_vlan)
{
    struct bench *b = bench_new(SETTING_ATTACK);

    client_builds(b, .flags = "S", .seq = X, .vlan = {7});
    expect_unreadable(b, "the server is untagged");
    client_builds(b, .to = "203.0.113.9:80", .flags = "S", .seq = X, .vlan = {7});
    expect_passed(b);
    bench_end(b);
}

/* --- what hosts take ------------------------------------------------------------------------- */

static void expect_answer(struct bench *b, uint32_t l3)
{
    bench_put(b, SIDE_CLIENT);
    replied(b);
    take(b, SIDE_CLIENT);
    cr_assert_eq(b->seen.view.l3, l3);
    cr_assert_eq(b->seen.view.flags, TCP_SYN | TCP_ACK);
    cr_assert_eq(b->seen.view.ack, X + 1);
    cr_assert_eq(b->seen.view.l4, l3 + (b->seen.view.ip_version == 4 ? 20 : 40));
}

Test(unread, sixty_priority_tags_are_answered)
{
    static const uint8_t tag[4] = {0x88, 0xa8, 0xe0, 0};
    struct bench *b = bench_new(SETTING_ATTACK);

    for (int v6 = 0; v6 < 2; v6++) {
        client_builds(b, .from = v6 ? CLIENT6 : CLIENT, .to = v6 ? HTTP6 : HTTP, .flags = "S",
                      .seq = X, .options = OFFERS);
        for (int i = 0; i < 60; i++)
            frame_insert(&b->sent, 12, tag, sizeof(tag));
        expect_answer(b, 14);
    }
    client_builds(b, .flags = "S", .seq = X, .options = OFFERS);
    frame_insert(&b->sent, 12, tag, sizeof(tag));
    expect_answer(b, 18);
    bench_end(b);
}

Test(unread, odd_packets_are_answered)
{
    static const uint8_t options[8] = {0, 0, 1, 4}, routing[8] = {0, 0, 77}, atomic[8] = {0},
                         record[8] = {7, 7, 4};
    struct bench *b = bench_new(SETTING_ATTACK);

    for (int i = 0; i < 4; i++) {
        client_builds(b, .from = CLIENT6, .to = HTTP6, .flags = "S", .seq = X, .options = OFFERS);
        for (int n = 0; n < (i == 0 ? 40 : 1); n++)
            frame_insert_extension(&b->sent,
                                   i == 1   ? 43
                                   : i == 2 ? 44
                                   : i == 3 ? 0
                                            : 60,
                                   i == 1   ? routing
                                   : i == 2 ? atomic
                                            : options,
                                   8);
        if (i == 3)
            store_be16(frame_data(&b->sent) + 18, 0);
        expect_answer(b, 14);
    }
    client_builds(b, .flags = "S", .seq = X, .options = OFFERS);
    frame_insert_ip_options(&b->sent, record, sizeof(record));
    expect_answer(b, 14);
    bench_end(b);
}

/* RFC 1122 4.2.3.10: what no host answers we do not answer either, nor is it let through. */
Test(unread, ends_that_no_host_answers)
{
    static const char *const from[] = {"0.0.0.0:9",   "127.0.0.1:9",       "224.0.0.1:9",
                                       "239.1.1.1:9", "255.255.255.255:9", "192.0.2.1:9",
                                       "[ff02::1]:9", "[::1]:9",           "[2001:db8::1]:9"};
    struct bench *b = bench_new(SETTING_ATTACK);

    for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
        client_says(b, .from = from[i], .to = from[i][0] == '[' ? HTTP6 : HTTP, .flags = "S",
                    .seq = X, .options = OFFERS);
        dropped(b, bad_segment);
    }
    client_builds(b, .flags = "S", .seq = X, .options = OFFERS);
    frame_data(&b->sent)[0] |= 1;
    bench_put(b, SIDE_CLIENT);
    dropped(b, bad_segment);
    bench_end(b);
}
