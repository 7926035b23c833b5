/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_frame.c - frames of every kind are told apart, cut at every byte, and edited with the
 * checksum kept right.
 *
 * It is longer than most: one walk reads every kind of frame, and each kind is cut at every byte.
 */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "engine/base/bytes.h"
#include "engine/tcp/frame.h"
#include "tests/engine/random.h"
#include "tests/engine/support_frames.h"

static const struct frame_words v4_words = {.from = "192.0.2.7:1000",
                                            .to = "192.0.2.1:80",
                                            .flags = "P.",
                                            .seq = 0xfffffff0,
                                            .ack = 77,
                                            .options = "nop nop ts=10/20",
                                            .payload = "GET / HTTP/1.0\r\n\r\n",
                                            .ip_id = 4711,
                                            .tos = 2};
static const struct frame_words v6_words = {.from = "[2001:db8::7]:1000",
                                            .to = "[2001:db8::1]:110",
                                            .flags = "S",
                                            .seq = 5,
                                            .options = "mss=1440 sack ts=1/0 nop ws=7",
                                            .ttl = 63,
                                            .tos = 0xb9,
                                            .flow_label = 0xabcde};

static enum frame_kind kind_of(const struct frame_words *words, struct test_frame *frame)
{
    frame_write(frame, words);
    return frame->view.kind;
}

Test(frame, v4_fields)
{
    struct test_frame frame;
    char text[WORDS_BYTES];

    cr_assert_eq(kind_of(&v4_words, &frame), FRAME_TCP);
    cr_assert_str_eq(frame_to_words(&frame.view, text),
                     "192.0.2.7:1000 > 192.0.2.1:80 [P.] seq 4294967280 ack 77 win 64240 "
                     "<nop,nop,ts 10/20> len 18");
    cr_assert_eq(frame.view.l3, 14);
    cr_assert_eq(frame.view.l4, 34);
    cr_assert_eq(frame.view.payload, 66);
    cr_assert_eq(frame_ttl(&frame.view), 64);
    cr_assert_eq(frame_tos(&frame.view), 2);
    cr_assert_eq(frame_ip_id(&frame.view), 4711);
    cr_assert(frame_df(&frame.view));
    cr_assert_eq(frame.view.payload_present, 18u);
    cr_assert_eq(memcmp(frame_payload(&frame.view), "GET /", 5), 0);
    cr_assert_eq(frame_seq_bytes(&frame.view), 18u);
    cr_assert(frame_checksum_right(&frame.view));
}

Test(frame, v6_fields)
{
    struct test_frame frame;
    char text[WORDS_BYTES];

    cr_assert_eq(kind_of(&v6_words, &frame), FRAME_TCP);
    cr_assert_str_eq(frame_to_words(&frame.view, text),
                     "[2001:db8::7]:1000 > [2001:db8::1]:110 [S] seq 5 win 64240 "
                     "<mss 1440,sack,ts 1/0,nop,ws 7> len 0");
    cr_assert_eq(frame_flow_label(&frame.view), 0xabcdeu);
    cr_assert_eq(frame_tos(&frame.view), 0xb9);
    cr_assert_eq(frame_ttl(&frame.view), 63);
    cr_assert(frame_df(&frame.view));
    cr_assert_eq(frame_seq_bytes(&frame.view), 1u);
}

Test(frame, accurate_ecn_bit)
{
    struct frame_words words = v4_words;
    struct test_frame frame;

    cr_assert_eq(kind_of(&words, &frame), FRAME_TCP);
    cr_assert_not(frame_accurate_ecn(&frame.view));
    words.flags = "SEWA";
    cr_assert_eq(kind_of(&words, &frame), FRAME_TCP);
    cr_assert(frame_accurate_ecn(&frame.view));
    cr_assert_eq(frame.view.flags, TCP_SYN | TCP_ECE | TCP_CWR);
    cr_assert(frame_checksum_right(&frame.view));
}

/* 802.1Q 9.6: VLAN ID 0 is a priority and nothing else; hosts take the frame as one without a tag.
 */
Test(frame, priority_tag_is_no_vlan)
{
    struct frame_words words = {
        .from = "192.0.2.7:1000", .to = "192.0.2.1:80", .flags = "S", .vlan = {0x6000}};
    struct test_frame frame;

    cr_assert_eq(kind_of(&words, &frame), FRAME_TCP);
    cr_assert_eq(frame.view.l3, 18);
    cr_assert_eq(frame.view.vlan.id[0], 0);
    words.vlan[1] = 200;
    cr_assert_eq(kind_of(&words, &frame), FRAME_TCP);
    cr_assert_eq(frame.view.vlan.id[0], VLAN_PRESENT | 200, "the first one that names a VLAN");
    cr_assert_eq(frame.view.vlan.id[1], 0);
}

Test(frame, vlan_tags)
{
    struct frame_words words = v4_words;
    struct test_frame frame;

    words.vlan[0] = 0xa000 | 100; /* priority 5 */
    cr_assert_eq(kind_of(&words, &frame), FRAME_TCP);
    cr_assert_eq(frame.view.l3, 18);
    cr_assert_eq(frame.view.vlan.id[0], VLAN_PRESENT | 100);
    cr_assert_eq(frame.view.vlan.id[1], 0);
    words.vlan[1] = 200;
    cr_assert_eq(kind_of(&words, &frame), FRAME_TCP);
    cr_assert_eq(frame.view.l3, 22);
    cr_assert_eq(frame.view.vlan.id[1], VLAN_PRESENT | 200);
    frame_insert(&frame, 12, (const uint8_t[]){0x91, 0x00, 0, 1}, 4);
    cr_assert_eq(frame_read(&frame), FRAME_UNREADABLE, "three VLAN IDs are more than a key holds");
    cr_assert_eq(frame.view.vlan.id[0], VLAN_PRESENT | 100, "the inner ones are known");
    cr_assert_eq(frame.view.vlan.id[1], VLAN_PRESENT | 200);
}

Test(frame, priority_tags_in_any_number)
{
    static const uint8_t tags[2][4] = {{0x81, 0x00, 0xe0, 0}, {0x88, 0xa8, 0, 0}};
    struct test_frame frame;

    frame_write(&frame, &v6_words);
    for (unsigned i = 0; i < 400; i++)
        frame_insert(&frame, 12, tags[i & 1], 4);
    cr_assert_eq(frame_read(&frame), FRAME_TCP);
    cr_assert_eq(frame.view.l3, 14 + 400 * 4);
    cr_assert_eq(frame.view.vlan.id[0], 0);
    cr_assert_eq(frame_dst_port(&frame.view), 110);
    for (unsigned i = 0; i < 200; i++)
        frame_insert(&frame, 12, tags[i & 1], 4);
    cr_assert_eq(frame_read(&frame), FRAME_UNREADABLE);
}

Test(frame, no_host_takes_9100_for_a_priority)
{
    struct test_frame frame;

    frame_write(&frame, &v4_words);
    frame_insert(&frame, 12, (const uint8_t[]){0x91, 0x00, 0, 0}, 4);
    cr_assert_eq(frame_read(&frame), FRAME_UNREADABLE);
}

Test(frame, flow_key_is_the_same_both_ways)
{
    struct frame_words back = {
        .from = "192.0.2.1:80", .to = "192.0.2.7:1000", .flags = ".", .vlan = {5}};
    struct frame_words forth = v4_words;
    struct flow_key one, other, expected = flow_of("192.0.2.7:1000", "192.0.2.1:80");
    struct test_frame frame;

    forth.vlan[0] = 0x6005;
    expected.vlan.id[0] = VLAN_PRESENT | 5;
    frame_write(&frame, &forth);
    frame_flow_key(&frame.view, SIDE_CLIENT, &one);
    frame_write(&frame, &back);
    frame_flow_key(&frame.view, SIDE_SERVER, &other);
    cr_assert(flow_key_equal(&one, &other));
    cr_assert(flow_key_equal(&one, &expected));
}

Test(frame, padding_is_not_payload)
{
    struct frame_words words = v4_words;
    struct test_frame frame;

    words.payload = NULL;
    words.options = NULL;
    frame_write(&frame, &words);
    memset(frame.buffer + frame.bytes, 0xee, 6);
    frame.bytes += 6;
    cr_assert_eq(frame_read(&frame), FRAME_TCP);
    cr_assert_eq(frame.view.payload_bytes, 0u);
    cr_assert_eq(frame.view.payload_present, 0u);
    cr_assert(frame_checksum_good(&frame.view));
}

Test(frame, ip_options)
{
    static const uint8_t options[8] = {7, 7, 4, 0, 0, 0, 0, 0}; /* record route */
    struct test_frame frame;

    frame_write(&frame, &v4_words);
    frame_insert_ip_options(&frame, options, sizeof(options));
    cr_assert_eq(frame.view.kind, FRAME_TCP);
    cr_assert_eq(frame.view.l4, 42);
    cr_assert(frame_checksum_good(&frame.view));
}

Test(frame, live_length_beyond_the_frame_is_malformed)
{
    struct test_frame frame;

    frame_write(&frame, &v4_words);
    frame.bytes--;
    cr_assert_eq(frame_read(&frame), FRAME_MALFORMED);
    frame_write(&frame, &v6_words);
    frame.bytes--;
    cr_assert_eq(frame_read(&frame), FRAME_MALFORMED);
}

Test(frame, capture_may_lack_payload_but_no_header)
{
    struct test_frame frame;
    struct frame view;
    uint32_t whole;

    frame_write(&frame, &v4_words);
    whole = frame.bytes - OFFLOAD_BYTES;
    cr_assert_eq(frame_parse(&view, NULL, frame_data(&frame), 70, whole, 70), FRAME_TCP);
    cr_assert_eq(view.payload_bytes, 18u);
    cr_assert_eq(view.payload_present, 4u);
    cr_assert(frame_checksum_good(&view), "what is not there cannot be wrong");
    cr_assert_eq(frame_parse(&view, NULL, frame_data(&frame), 66, whole, 66), FRAME_TCP);
    cr_assert_eq(view.payload_present, 0u);
    cr_assert_eq(frame_parse(&view, NULL, frame_data(&frame), 65, whole, 65), FRAME_MALFORMED);
}

Test(frame, zero_length_goes_to_the_end_of_a_super_frame)
{
    struct frame_words words = v4_words;
    struct test_frame frame;

    words.gso_bytes = 10;
    frame_write(&frame, &words);
    store_be16(frame_data(&frame) + 16, 0);
    cr_assert_eq(frame_read(&frame), FRAME_TCP);
    cr_assert_eq(frame.view.payload_bytes, 18u);
    ((struct offload *)frame.buffer)->gso_type = OFFLOAD_GSO_NONE;
    cr_assert_eq(frame_read(&frame), FRAME_MALFORMED);
}

Test(frame, contradictions_are_malformed)
{
    struct test_frame frame;

    frame_write(&frame, &v4_words);
    frame_data(&frame)[14] = 0x44; /* an IP header of 16 bytes */
    cr_assert_eq(frame_read(&frame), FRAME_MALFORMED);
    frame_write(&frame, &v4_words);
    store_be16(frame_data(&frame) + 16, 19); /* shorter than its own header */
    cr_assert_eq(frame_read(&frame), FRAME_MALFORMED);
    store_be16(frame_data(&frame) + 16, 39); /* no room for TCP */
    cr_assert_eq(frame_read(&frame), FRAME_MALFORMED);
    frame_write(&frame, &v4_words);
    frame_data(&frame)[34 + 12] = 0x40; /* data offset 4 */
    cr_assert_eq(frame_read(&frame), FRAME_MALFORMED);
    frame_write(&frame, &v6_words);
    frame_data(&frame)[54 + 12] = 0xf0; /* data offset beyond the packet */
    cr_assert_eq(frame_read(&frame), FRAME_MALFORMED);
}

Test(frame, others_pass)
{
    struct test_frame frame;

    frame_write(&frame, &v4_words);
    frame_data(&frame)[14] = 0x65; /* not IPv4 at all */
    cr_assert_eq(frame_read(&frame), FRAME_OTHER);
    frame_write(&frame, &v4_words);
    frame_data(&frame)[23] = 17; /* UDP, whatever it holds */
    store_be16(frame_data(&frame) + 16, 3);
    cr_assert_eq(frame_read(&frame), FRAME_OTHER);
    frame_write(&frame, &v4_words);
    store_be16(frame_data(&frame) + 12, 0x0806);
    cr_assert_eq(frame_read(&frame), FRAME_OTHER);
    frame_write(&frame, &v6_words);
    frame_data(&frame)[20] = 50; /* ESP */
    cr_assert_eq(frame_read(&frame), FRAME_OTHER);
    frame.bytes = OFFLOAD_BYTES;
    cr_assert_eq(frame_read(&frame), FRAME_OTHER);
}

Test(frame, v4_fragments)
{
    struct test_frame frame;

    frame_write(&frame, &v4_words);
    store_be16(frame_data(&frame) + 20, 0x2000); /* first of several */
    cr_assert_eq(frame_read(&frame), FRAME_TCP_FRAGMENT);
    store_be16(frame_data(&frame) + 20, 0x0001); /* last */
    cr_assert_eq(frame_read(&frame), FRAME_TCP_FRAGMENT);
    cr_assert_eq(frame_dst(&frame.view).bytes[15], 1);
    frame_data(&frame)[23] = 17;
    cr_assert_eq(frame_read(&frame), FRAME_OTHER);
}

Test(frame, v6_extension_headers)
{
    static const uint8_t options[16] = {0, 1, 1, 4, 0, 0, 0, 0, 0x1e, 6}, routing[8] = {0, 0, 4, 0},
                         atomic[8] = {0};
    struct test_frame frame;

    frame_write(&frame, &v6_words);
    frame_insert_extension(&frame, 44, atomic, sizeof(atomic));
    frame_insert_extension(&frame, 43, routing, sizeof(routing));
    frame_insert_extension(&frame, 60, options, sizeof(options));
    frame_insert_extension(&frame, 0, options, sizeof(options));
    cr_assert_eq(frame.view.kind, FRAME_TCP);
    cr_assert_eq(frame.view.l4, 14 + 40 + 8 + 8 + 16 + 16);
    cr_assert_eq(frame_dst_port(&frame.view), 110);
    cr_assert(frame_checksum_good(&frame.view));
    frame_insert_extension(&frame, 60, options, sizeof(options));
    cr_assert_eq(frame.view.kind, FRAME_UNREADABLE, "hop-by-hop options come first");
}

/* Each is one header that hosts refuse, and that hides TCP nevertheless. */
Test(frame, v6_headers_that_hosts_refuse)
{
    static const struct {
        uint8_t kind, header[8];
    } headers[] = {
        {51, {0, 0}},                     /* authentication */
        {135, {0, 0}},                    /* mobility */
        {139, {0, 0}},                    /* host identity */
        {43, {0, 0, 0, 1}},               /* a segment left */
        {60, {0, 0, 0, 1, 4, 0, 0, 0}},   /* padding beyond the header */
        {60, {0, 0, 1, 4, 0, 0, 0, 9}},   /* padding that says something */
        {60, {0, 0, 0xc9, 4}},            /* to be refused by who does not know it */
        {60, {0, 0, 5, 9}},               /* beyond the header */
        {0, {0, 0, 0xc2, 4, 0, 1, 0, 0}}, /* a jumbo payload, and a length */
    };
    struct test_frame frame;

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        frame_write(&frame, &v6_words);
        frame_insert_extension(&frame, headers[i].kind, headers[i].header, 8);
        cr_assert_eq(frame.view.kind, FRAME_UNREADABLE, "%zu", i);
        frame_data(&frame)[54] = 17; /* UDP in it */
        cr_assert_eq(frame_read(&frame), FRAME_OTHER, "%zu", i);
    }
}

Test(frame, v6_chain_of_any_length)
{
    static const uint8_t options[8] = {0, 0, 1, 4};
    struct test_frame frame;

    frame_write(&frame, &v6_words);
    for (unsigned i = 0; i < 180; i++)
        frame_insert_extension(&frame, 60, options, sizeof(options));
    cr_assert_eq(frame.view.kind, FRAME_TCP);
    cr_assert_eq(frame.view.l4, 14 + 40 + 180 * 8);
    cr_assert(frame_checksum_good(&frame.view));
}

/* RFC 2675: with hop-by-hop options a length of 0 says that they tell it, or, to Linux, that the
 * frame does. */
Test(frame, v6_length_of_zero)
{
    static const uint8_t options[8] = {0, 0, 1, 4};
    static const uint8_t atomic[8] = {0};
    struct test_frame frame;

    frame_write(&frame, &v6_words);
    frame_insert_extension(&frame, 0, options, sizeof(options));
    store_be16(frame_data(&frame) + 18, 0);
    cr_assert_eq(frame_read(&frame), FRAME_TCP);
    cr_assert_eq(frame.view.payload_bytes, 0u);
    cr_assert(frame_checksum_good(&frame.view));
    frame_write(&frame, &v6_words);
    frame_insert_extension(&frame, 44, atomic, sizeof(atomic));
    frame_insert_extension(&frame, 0, options, sizeof(options));
    store_be16(frame_data(&frame) + 18, 0);
    cr_assert_eq(frame_read(&frame), FRAME_UNREADABLE, "no fragment is a jumbo");
    frame_write(&frame, &v6_words);
    store_be16(frame_data(&frame) + 18, 0);
    cr_assert_eq(frame_read(&frame), FRAME_MALFORMED);
}

Test(frame, source_routes)
{
    static const uint8_t loose[8] = {131, 7, 4, 192, 0, 2, 99, 0};
    uint8_t segments[24] = {0, 2, 4, 1, 0, 0, 0, 0, 0x20, 1};
    struct test_frame frame;
    const uint8_t *route;

    frame_write(&frame, &v4_words);
    frame_insert_ip_options(&frame, loose, sizeof(loose));
    cr_assert_eq(frame.view.kind, FRAME_UNREADABLE);
    cr_assert_eq(frame_route(&frame.view, &route), 4u);
    cr_assert_arr_eq(route, loose + 3, 4);
    frame_write(&frame, &v6_words);
    frame_insert_extension(&frame, 43, segments, sizeof(segments));
    cr_assert_eq(frame.view.kind, FRAME_UNREADABLE);
    cr_assert_eq(frame_route(&frame.view, &route), 16u);
    cr_assert_arr_eq(route, segments + 8, 16);
}

/* An answer to a packet with options that hosts refuse would be one too many. */
Test(frame, ip_options_that_hosts_refuse)
{
    static const uint8_t options[][4] = {
        {7, 1},          /* shorter than itself */
        {7, 9, 4},       /* beyond the header */
        {7, 4, 3},       /* a pointer into its own head */
        {7, 4, 4},       /* no room for an address */
        {68, 3, 5, 0},   /* shorter than its head */
        {68, 4, 9, 240}, /* 15 hosts had no room */
        {148, 3, 0, 0},  /* router alert */
        {134, 4, 0, 0},  /* a label */
        {1, 1, 1, 7},    /* only its kind */
    };
    struct test_frame frame;

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        frame_write(&frame, &v4_words);
        frame_insert_ip_options(&frame, options[i], 4);
        cr_assert_eq(frame.view.kind, FRAME_UNREADABLE, "%zu", i);
    }
}

Test(frame, v6_chain_beyond_the_packet)
{
    static const uint8_t options[8] = {0, 200, 1, 4};
    struct test_frame frame;

    frame_write(&frame, &v6_words);
    frame_insert_extension(&frame, 60, options, sizeof(options));
    cr_assert_eq(frame.view.kind, FRAME_OTHER, "nobody can know what it carries");
    frame_insert_extension(&frame, 44, (const uint8_t[]){0, 0, 0, 1, 0, 0, 0, 9}, 8);
    cr_assert_eq(frame.view.kind, FRAME_MALFORMED,
                 "a first fragment must name its protocol (RFC 7112)");
}

Test(frame, v6_fragments)
{
    static const uint8_t options[8] = {0, 0, 1, 4};
    uint8_t fragment[8] = {0, 0, 0, 1, 0, 0, 0, 9};
    struct test_frame frame;

    frame_write(&frame, &v6_words);
    frame_insert_extension(&frame, 44, fragment, sizeof(fragment)); /* first of several */
    cr_assert_eq(frame.view.kind, FRAME_TCP_FRAGMENT);
    cr_assert_eq(frame_src(&frame.view).bytes[15], 7);
    frame_write(&frame, &v6_words);
    fragment[3] = 6;                                                /* reserved bits */
    frame_insert_extension(&frame, 44, fragment, sizeof(fragment)); /* atomic */
    cr_assert_eq(frame.view.kind, FRAME_TCP);
    frame_write(&frame, &v6_words);
    fragment[3] = 8;
    frame_insert_extension(&frame, 44, fragment, sizeof(fragment)); /* last */
    cr_assert_eq(frame.view.kind, FRAME_TCP_FRAGMENT);
    frame_write(&frame, &v6_words);
    fragment[3] = 1;
    frame_insert_extension(&frame, 60, options,
                           sizeof(options)); /* TCP named behind another header */
    frame_insert_extension(&frame, 44, fragment, sizeof(fragment));
    cr_assert_eq(frame.view.kind, FRAME_TCP_FRAGMENT);
}

Test(frame, icmp_errors_of_both_families)
{
    static const uint8_t v4_errors[] = {3, 4, 5, 11, 12}, v6_errors[] = {1, 2, 3, 4};
    struct test_frame frame;

    frame_write(&frame, &v4_words);
    frame_data(&frame)[23] = 1;
    for (unsigned type = 0; type < 256; type++) {
        frame_data(&frame)[34] = (uint8_t)type;
        cr_assert_eq(frame_read(&frame),
                     memchr(v4_errors, (int)type, 5) ? FRAME_ICMP_ERROR : FRAME_OTHER);
    }
    frame_write(&frame, &v6_words);
    frame_data(&frame)[20] = 58;
    for (unsigned type = 0; type < 256; type++) {
        frame_data(&frame)[54] = (uint8_t)type;
        cr_assert_eq(frame_read(&frame),
                     memchr(v6_errors, (int)type, 4) ? FRAME_ICMP_ERROR : FRAME_OTHER);
    }
    frame_data(&frame)[54] = 2;
    frame_read(&frame);
    cr_assert_eq(frame.view.l4, 54);
    cr_assert_eq(frame.view.payload, 62);
    cr_assert_eq(frame.view.payload_bytes, 40u - 8);
}

/* Cuts each frame at every byte, live and as a capture, in a block of exactly that size: the
 * sanitizer sees a read beyond it. */
static void cut_everywhere(const struct test_frame *frame)
{
    uint32_t whole = frame->bytes - OFFLOAD_BYTES;

    for (uint32_t bytes = 0; bytes <= whole; bytes++) {
        uint8_t *exact = malloc(bytes + 1);
        struct frame view;

        memcpy(exact + 1, frame->buffer + OFFLOAD_BYTES, bytes);
        if (frame_parse(&view, NULL, exact + 1, bytes, whole, bytes) == FRAME_TCP) {
            cr_assert_leq(view.payload + view.payload_present, bytes);
            cr_assert(frame_checksum_good(&view));
        }
        cr_assert(frame_parse(&view, NULL, exact + 1, bytes, bytes, bytes) != FRAME_TCP ||
                  bytes == whole);
        free(exact);
    }
}

Test(frame, cut_at_every_byte)
{
    static const uint8_t options[16] = {0, 1, 1, 12}, fragment[8] = {0, 0, 0, 1};
    struct frame_words tagged = v4_words;
    struct test_frame frame;

    tagged.vlan[0] = 1;
    tagged.vlan[1] = 2;
    frame_write(&frame, &tagged);
    cut_everywhere(&frame);
    frame_write(&frame, &v6_words);
    frame_insert_extension(&frame, 60, options, sizeof(options));
    cut_everywhere(&frame);
    frame_insert_extension(&frame, 44, fragment, sizeof(fragment));
    cut_everywhere(&frame);
}

Test(frame, random_bytes_behind_a_link_header)
{
    struct random random = random_begin("frame/random");

    for (unsigned round = 0; round < 100000; round++) {
        uint32_t bytes = 14 + random_below(&random, 120);
        uint8_t *data = malloc(bytes);
        struct frame view;

        for (uint32_t i = 0; i < bytes; i++)
            data[i] = (uint8_t)random_next(&random);
        store_be16(data + 12, round % 2 ? 0x0800 : 0x86dd);
        if (bytes > 24) {
            data[14] = round % 2 ? 0x45 : 0x60;
            store_be16(data + (round % 2 ? 16 : 18), (uint16_t)random_below(&random, 120));
            data[round % 2 ? 23 : 20] =
                (uint8_t[]){6, 0, 44, 60, 51, 58, 1, 43}[random_below(&random, 8)];
        }
        if (frame_parse(&view, NULL, data, bytes, bytes, bytes) == FRAME_TCP) {
            cr_assert_leq(view.payload + view.payload_bytes, bytes);
            frame_checksum_good(&view);
        }
        free(data);
    }
}

Test(frame, checksum_is_verified)
{
    struct test_frame frame;

    frame_write(&frame, &v4_words);
    cr_assert(frame_checksum_good(&frame.view));
    frame_data(&frame)[frame.view.payload] ^= 1;
    cr_assert_not(frame_checksum_good(&frame.view));
    frame.view.offload->flags = OFFLOAD_CHECKSUM_VALID;
    cr_assert(frame_checksum_good(&frame.view), "the kernel vouches for it");
    frame.view.offload->flags = OFFLOAD_NEEDS_CHECKSUM;
    cr_assert(frame_checksum_good(&frame.view));
    frame_data(&frame)[14 + 8]--; /* TTL */
    cr_assert_not(frame_checksum_good(&frame.view), "nobody vouches for the IPv4 header");
    frame_write(&frame, &v6_words);
    cr_assert(frame_checksum_good(&frame.view));
    frame.view.offload = NULL;
    frame_data(&frame)[54]++;
    cr_assert_not(frame_checksum_good(&frame.view));
}

/* Of any length, as each path over it has a step of its own for what is left. */
static void write_random_segment(struct test_frame *frame, struct random *random)
{
    static const char *const options[] = {NULL, "nop nop ts=10/20", "mss=1460 sack ts=1/0 nop ws=7",
                                          "mss=1460"};
    bool v6 = random_below(random, 4) == 0;
    uint8_t payload[200];

    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (uint8_t)random_next(random);
    frame_write(frame,
                &(struct frame_words){.from = v6 ? "[2001:db8::7]:1000" : "192.0.2.7:1000",
                                      .to = v6 ? "[2001:db8::1]:110" : "192.0.2.1:80",
                                      .flags = "P.",
                                      .seq = (uint32_t)random_next(random),
                                      .ack = (uint32_t)random_next(random),
                                      .options = options[random_below(random, 4)],
                                      .payload = payload,
                                      .payload_bytes = 1 + random_below(random, sizeof(payload)),
                                      .vlan = {(uint16_t)(random_below(random, 4) == 0 ? 7 : 0)},
                                      .ip_id = (uint16_t)random_next(random)});
    if (!v6 && random_below(random, 4) == 0)
        frame_insert_ip_options(frame, "\1\1\1\0", 4);
}

/* Flips a bit of the IP addresses, of the TCP header or of what follows; not of what parsing goes
 * by. */
static void damage(struct test_frame *frame, struct random *random)
{
    const struct frame *view = &frame->view;
    uint32_t from = view->ip_version == 4 ? view->l3 + 12u : view->l3 + 8u;
    uint32_t at;

    do
        at = from + random_below(random, view->payload + view->payload_bytes - from);
    while (at == view->l4 + 12u ||
           (at >= view->l3 + 20u && at < view->l4 && view->ip_version == 4));
    frame_data(frame)[at] ^= (uint8_t)(1u << random_below(random, 8));
}

/* The short way, the long way that frames without an offload header take, and a sum byte by byte
 * must agree. */
static void compare_checksums(struct test_frame *frame, unsigned round)
{
    struct frame captured;
    bool right;

    cr_assert_eq(frame_read(frame), FRAME_TCP, "round %u", round);
    right = frame_checksum_right(&frame->view);
    captured = frame->view;
    captured.offload = NULL;
    cr_assert_eq(frame_checksum_good(&frame->view), right, "round %u", round);
    cr_assert_eq(frame_checksum_good(&captured), right, "round %u, long way", round);
}

Test(frame, checksum_of_any_segment)
{
    struct random random = random_begin("frame/checksum");
    struct test_frame frame;

    for (unsigned round = 0; round < 20000; round++) {
        write_random_segment(&frame, &random);
        cr_assert(frame_checksum_right(&frame.view), "round %u", round);
        compare_checksums(&frame, round);
        damage(&frame, &random);
        compare_checksums(&frame, round);
        cr_assert_not(frame_checksum_good(&frame.view), "round %u: a single bit", round);
        damage(&frame, &random);
        compare_checksums(&frame, round);
    }
}

/* What is added to one header and taken from the other leaves the sum of both as it was. */
Test(frame, checksums_do_not_make_up_for_each_other)
{
    struct frame_words words = v4_words;
    struct test_frame frame;
    uint8_t *data = frame_data(&frame);

    frame_write(&frame, &words);
    store_be16(data + frame.view.l3 + 4, (uint16_t)(load_be16(data + frame.view.l3 + 4) + 1));
    cr_assert_not(frame_checksum_good(&frame.view));
    store_be16(data + frame.view.l4 + 14, (uint16_t)(load_be16(data + frame.view.l4 + 14) - 1));
    cr_assert_not(frame_checksum_good(&frame.view));
    store_be16(data + frame.view.l3 + 4, (uint16_t)(load_be16(data + frame.view.l3 + 4) - 1));
    cr_assert_not(frame_checksum_good(&frame.view));
    store_be16(data + frame.view.l4 + 14, (uint16_t)(load_be16(data + frame.view.l4 + 14) + 1));
    cr_assert(frame_checksum_good(&frame.view));
}

/* One of each edit, with random values; the view must say what a second reading says. */
static void edit(struct test_frame *frame, struct random *random)
{
    uint32_t value = (uint32_t)random_next(random);

    frame_set_seq(&frame->view, value);
    frame_set_ack(&frame->view, value * 3);
    frame_set_window(&frame->view, (uint16_t)(value >> 7));
    frame_set_flags(&frame->view, (uint8_t)(value >> 3));
    frame_set_ecn(&frame->view, (enum ip_ecn)(value & 3));
    for (uint32_t at = 0; at < 4; at++)
        frame_set_be32(&frame->view, frame->view.l4 + 24 + at, value + at);
    frame_nop_options(&frame->view, frame->view.l4 + 20 + (value & 3), 1 + (value >> 2 & 3));
}

static void edit_and_compare(const struct frame_words *words)
{
    struct random random = random_begin("frame/edit");
    struct test_frame frame;

    frame_write(&frame, words);
    for (unsigned round = 0; round < 2000; round++) {
        struct frame view;

        edit(&frame, &random);
        view = frame.view;
        cr_assert(frame_checksum_right(&view), "round %u", round);
        cr_assert_eq(frame_read(&frame), FRAME_TCP);
        cr_assert_eq(view.seq, frame.view.seq);
        cr_assert_eq(view.ack, frame.view.ack);
        cr_assert_eq(view.window, frame.view.window);
        cr_assert_eq(view.flags, frame.view.flags);
        cr_assert_eq(frame_tos(&view), frame_tos(&frame.view));
        cr_assert_eq(frame_ttl(&view), frame_ttl(&frame.view));
        cr_assert_eq(frame_flow_label(&view), frame_flow_label(&frame.view));
    }
}

Test(frame, edits_keep_the_checksum)
{
    struct frame_words partial = v4_words;

    edit_and_compare(&v4_words);
    edit_and_compare(&v6_words);
    partial.gso_bytes = 10;
    edit_and_compare(&partial);
}

Test(frame, edits_change_what_they_should)
{
    struct test_frame frame;
    char text[WORDS_BYTES];

    frame_write(&frame, &v4_words);
    frame_set_seq(&frame.view, 100);
    frame_set_ack(&frame.view, 200);
    frame_set_window(&frame.view, 300);
    frame_set_flags(&frame.view, TCP_FIN | TCP_ACK);
    frame_set_ecn(&frame.view, ECN_CE);
    frame_set_be32(&frame.view, frame.view.l4 + 24u, 11);
    frame_set_be32(&frame.view, frame.view.l4 + 28u, 22);
    frame_read(&frame);
    cr_assert_str_eq(
        frame_to_words(&frame.view, text),
        "192.0.2.7:1000 > 192.0.2.1:80 [F.] seq 100 ack 200 win 300 <nop,nop,ts 11/22> len 18");
    cr_assert_eq(frame_tos(&frame.view), 3);
    frame_nop_options(&frame.view, frame.view.l4 + 22u, 10);
    cr_assert_str_eq(frame_to_words(&frame.view, text),
                     "192.0.2.7:1000 > 192.0.2.1:80 [F.] seq 100 ack 200 win 300 "
                     "<nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop> len 18");
    cr_assert(frame_checksum_right(&frame.view));
}

Test(frame, gso_is_only_lowered)
{
    struct frame_words words = v4_words;
    struct test_frame frame;

    words.gso_bytes = 10;
    frame_write(&frame, &words);
    frame_limit_gso(&frame.view, 12);
    cr_assert_eq(frame.view.offload->gso_bytes, 10);
    frame_limit_gso(&frame.view, 0);
    cr_assert_eq(frame.view.offload->gso_bytes, 10);
    frame_limit_gso(&frame.view, 8);
    cr_assert_eq(frame.view.offload->gso_bytes, 8);
    frame_write(&frame, &v4_words);
    frame.view.offload = NULL;
    frame_limit_gso(&frame.view, 8);
}

static void check_cut_into(const struct frame_words *words, uint8_t gso_type)
{
    struct test_frame frame;
    const struct offload *offload;

    frame_write(&frame, words);
    offload = frame.view.offload;
    frame_limit_gso(&frame.view, (uint16_t)frame.view.payload_bytes);
    cr_assert_eq(offload->gso_type, OFFLOAD_GSO_NONE, "it fits");
    frame_limit_gso(&frame.view, 8);
    cr_assert_eq(offload->gso_type, gso_type);
    cr_assert_eq(offload->gso_bytes, 8);
    cr_assert_eq(offload->header_bytes, frame.view.payload);
    cr_assert(frame_checksum_right(&frame.view));
    frame_read(&frame);
    cr_assert_eq(frame.view.kind, FRAME_TCP);
}

Test(frame, segment_that_is_too_large_becomes_a_super_frame)
{
    struct frame_words words = v4_words;

    check_cut_into(&words, OFFLOAD_GSO_TCPV4);
    words.flags = "W.";
    check_cut_into(&words, OFFLOAD_GSO_TCPV4 | OFFLOAD_GSO_ECN);
    words.from = "[2001:db8::7]:1000";
    words.to = "[2001:db8::1]:80";
    words.flags = "P.";
    check_cut_into(&words, OFFLOAD_GSO_TCPV6);
}

/* RFC 9293 3.1: a wrong checksum made right would hand damaged bytes to the server's program. */
Test(frame, damaged_or_urgent_segment_stays_as_it_is)
{
    struct frame_words words = v4_words;
    struct test_frame frame;

    frame_write(&frame, &words);
    frame.view.data[frame.view.payload] ^= 1;
    frame_limit_gso(&frame.view, 8);
    cr_assert_eq(frame.view.offload->gso_type, OFFLOAD_GSO_NONE);
    cr_assert_not(frame_checksum_good(&frame.view));
    words.flags = "U.";
    frame_write(&frame, &words);
    frame_limit_gso(&frame.view, 8);
    cr_assert_eq(frame.view.offload->gso_type, OFFLOAD_GSO_NONE);
}

/* RFC 4291 2.5.5.2: such an address is never on the wire; taken for TCP it would have the key of an
 * IPv4 connection. */
Test(frame, mapped_addresses_fail_closed)
{
    struct frame_words words = {
        .from = "[2001:db8::7]:1000", .to = "[2001:db8::1]:80", .flags = "S"};
    static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
    struct test_frame frame;

    frame_write(&frame, &words);
    memcpy(frame_data(&frame) + 14 + 24, prefix, sizeof(prefix));
    cr_assert_eq(frame_read(&frame), FRAME_MALFORMED, "destination");
    frame_write(&frame, &words);
    memcpy(frame_data(&frame) + 14 + 8, prefix, sizeof(prefix));
    cr_assert_eq(frame_read(&frame), FRAME_MALFORMED, "source");
}
