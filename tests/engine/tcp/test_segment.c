/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_segment.c - segments of our own read back as what was said, with right checksums; resets
 * that a host accepts. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "engine/base/bytes.h"
#include "engine/tcp/segment.h"
#include "tests/engine/random.h"
#include "tests/engine/support_frames.h"

static struct link_header link_to(uint16_t ethertype)
{
    struct link_header link = {.bytes = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}, .length = 14};

    store_be16(link.bytes + 12, ethertype);
    return link;
}

static struct segment v4_segment(void)
{
    struct segment segment = {
        .seq = 1, .ack = 2, .flags = TCP_ACK, .window = 3, .ttl = 61, .tos = 0x12, .ip_id = 99};

    endpoint_read("192.0.2.1:80", &segment.src, &segment.src_port);
    endpoint_read("192.0.2.7:1000", &segment.dst, &segment.dst_port);
    return segment;
}

Test(segment, windows_saturate_and_never_become_zero)
{
    cr_assert_eq(segment_window(1000, 0), 1000);
    cr_assert_eq(segment_window(0, 7), 0);
    cr_assert_eq(segment_window(0, -7), 0);
    cr_assert_eq(segment_window(1, -7), 1);
    cr_assert_eq(segment_window(127, -7), 1);
    cr_assert_eq(segment_window(128, -7), 1);
    cr_assert_eq(segment_window(256, -7), 2);
    cr_assert_eq(segment_window(511, 7), 65408);
    cr_assert_eq(segment_window(512, 7), 65535);
    cr_assert_eq(segment_window(65535, 14), 65535);
    cr_assert_eq(segment_window(65535, -14), 3);
}

Test(segment, v4_reads_back)
{
    struct link_header link = link_to(0x0800);
    struct segment segment = v4_segment();
    struct test_frame frame;
    char text[WORDS_BYTES];

    segment.df = true;
    frame.bytes = segment_write(frame.buffer, sizeof(frame.buffer), &link, &segment);
    cr_assert_eq(frame.bytes, 10u + 14 + 20 + 20);
    cr_assert_eq(frame.bytes, segment_bytes(&link, &segment));
    cr_assert_eq(frame_read(&frame), FRAME_TCP);
    cr_assert_str_eq(frame_to_words(&frame.view, text),
                     "192.0.2.1:80 > 192.0.2.7:1000 [.] seq 1 ack 2 win 3 len 0");
    cr_assert_eq(frame_ttl(&frame.view), 61);
    cr_assert_eq(frame_tos(&frame.view), 0x12);
    cr_assert_eq(frame_ip_id(&frame.view), 99);
    cr_assert(frame_df(&frame.view));
    cr_assert(frame_checksum_right(&frame.view));
    cr_assert_arr_eq(frame.buffer, ((uint8_t[OFFLOAD_BYTES]){0}), OFFLOAD_BYTES);
    segment.df = false;
    frame.bytes = segment_write(frame.buffer, sizeof(frame.buffer), &link, &segment);
    frame_read(&frame);
    cr_assert_not(frame_df(&frame.view));
}

Test(segment, ack_is_zero_without_its_flag)
{
    struct link_header link = link_to(0x0800);
    struct segment segment = v4_segment();
    struct test_frame frame;

    segment.flags = TCP_RST;
    frame.bytes = segment_write(frame.buffer, sizeof(frame.buffer), &link, &segment);
    frame_read(&frame);
    cr_assert_eq(frame.view.ack, 0u);
    cr_assert(frame_checksum_right(&frame.view));
}

Test(segment, random_segments_have_right_checksums)
{
    struct random random = random_begin("segment/random");
    uint8_t payload[1500], options[TCP_OPTIONS_MAX];
    struct test_frame frame;

    for (unsigned round = 0; round < 2000; round++) {
        bool v4 = random_below(&random, 2);
        struct link_header link = link_to(v4 ? 0x0800 : 0x86dd);
        struct segment segment = v4_segment();

        for (size_t i = 0; i < sizeof(payload); i++)
            payload[i] = (uint8_t)random_next(&random);
        memcpy(options, payload, sizeof(options));
        if (!v4) {
            memcpy(segment.src.bytes, payload + 100, 16);
            memcpy(segment.dst.bytes, payload + 116, 16);
        }
        segment.seq = (uint32_t)random_next(&random);
        segment.flow_label = random_below(&random, 1u << 20);
        segment.options = options;
        segment.options_bytes = (uint8_t)(4 * random_below(&random, 11));
        segment.payload = payload;
        segment.payload_bytes = random_below(&random, sizeof(payload));
        frame.bytes = segment_write(frame.buffer, sizeof(frame.buffer), &link, &segment);
        cr_assert_eq(frame_read(&frame), FRAME_TCP);
        cr_assert(frame_checksum_right(&frame.view), "round %u", round);
        cr_assert(frame_checksum_good(&frame.view));
        cr_assert_eq(frame.view.payload_bytes, segment.payload_bytes);
        cr_assert_arr_eq(frame_payload(&frame.view), payload, segment.payload_bytes);
        cr_assert_eq(frame.view.options_bytes, segment.options_bytes);
        cr_assert_arr_eq(frame_options(&frame.view), options, segment.options_bytes);
        cr_assert_eq(frame_flow_label(&frame.view), v4 ? 0 : segment.flow_label);
    }
}

Test(segment, super_frame_of_both_families)
{
    static uint8_t payload[60000];
    struct segment segment = v4_segment();
    struct link_header link = link_to(0x0800);
    struct test_frame frame;

    segment.payload = payload;
    segment.payload_bytes = sizeof(payload);
    segment.gso_bytes = 1448;
    frame.bytes = segment_write(frame.buffer, sizeof(frame.buffer), &link, &segment);
    cr_assert_eq(frame_read(&frame), FRAME_TCP);
    cr_assert(frame_checksum_right(&frame.view));
    cr_assert_eq(frame.view.offload->flags, OFFLOAD_NEEDS_CHECKSUM);
    cr_assert_eq(frame.view.offload->gso_type, OFFLOAD_GSO_TCPV4);
    cr_assert_eq(frame.view.offload->gso_bytes, 1448);
    cr_assert_eq(frame.view.offload->header_bytes, 54);
    cr_assert_eq(frame.view.offload->checksum_start, 34);
    cr_assert_eq(frame.view.offload->checksum_offset, 16);

    link = link_to(0x86dd);
    endpoint_read("[2001:db8::1]:1", &segment.src, &segment.src_port);
    endpoint_read("[2001:db8::2]:2", &segment.dst, &segment.dst_port);
    frame.bytes = segment_write(frame.buffer, sizeof(frame.buffer), &link, &segment);
    cr_assert_eq(frame_read(&frame), FRAME_TCP);
    cr_assert(frame_checksum_right(&frame.view));
    cr_assert_eq(frame.view.offload->gso_type, OFFLOAD_GSO_TCPV6);
    cr_assert_eq(frame.view.offload->header_bytes, 74);
    cr_assert_eq(frame.view.offload->checksum_start, 54);
}

Test(segment, no_room_writes_nothing)
{
    static uint8_t payload[65536];
    struct link_header link = link_to(0x0800);
    struct segment segment = v4_segment();
    uint8_t buffer[64];

    memset(buffer, 0xee, sizeof(buffer));
    cr_assert_eq(segment_write(buffer, 63, &link, &segment), 0u);
    cr_assert_eq(buffer[0], 0xee);
    cr_assert_eq(segment_write(buffer, 64, &link, &segment), 64u);
    segment.payload = payload;
    segment.payload_bytes = 65496; /* one more than IPv4 can state */
    cr_assert_eq(segment_write(payload, sizeof(payload) * 2, &link, &segment), 0u);
    segment.payload_bytes = UINT32_MAX - 50;
    cr_assert_eq(segment_write(payload, UINT32_MAX, &link, &segment), 0u);
}

Test(segment, payload_may_stand_in_its_place)
{
    struct link_header link = link_to(0x0800);
    struct segment segment = v4_segment();
    struct test_frame frame;

    memcpy(frame.buffer + 64, "hello", 5);
    segment.payload = frame.buffer + 64;
    segment.payload_bytes = 5;
    frame.bytes = segment_write(frame.buffer, sizeof(frame.buffer), &link, &segment);
    frame_read(&frame);
    cr_assert_eq(memcmp(frame_payload(&frame.view), "hello", 5), 0);
    cr_assert(frame_checksum_right(&frame.view));
}

Test(segment, link_headers)
{
    struct frame_words words = {
        .from = "192.0.2.7:1", .to = "192.0.2.1:2", .flags = "S", .vlan = {0xe005, 9}};
    struct link_header copy, reverse;
    struct test_frame frame;

    frame_write(&frame, &words);
    link_header_copy(&frame.view, &copy);
    link_header_reverse(&frame.view, &reverse);
    cr_assert_eq(copy.length, 22);
    cr_assert_arr_eq(copy.bytes, frame_data(&frame), 22);
    cr_assert_eq(reverse.length, 22);
    cr_assert_arr_eq(reverse.bytes, copy.bytes + 6, 6);
    cr_assert_arr_eq(reverse.bytes + 6, copy.bytes, 6);
    cr_assert_arr_eq(reverse.bytes + 12, copy.bytes + 12, 10, "priority and both tags are kept");
}

Test(segment, timestamps_option)
{
    uint8_t written[12], expected[TCP_OPTIONS_MAX];

    cr_assert_eq(segment_timestamps(written, 4000000000u, 5), 12);
    cr_assert_eq(options_write("nop nop ts=4000000000/5", expected), 12);
    cr_assert_arr_eq(written, expected, 12);
}

/* The same answer by either way, to frames with and without tags, IPv4 options and payload. */
Test(segment, answer_is_what_would_be_written)
{
    struct random random = random_begin("segment/answer");
    uint8_t payload[1500], options[TCP_OPTIONS_MAX];

    for (unsigned round = 0; round < 2000; round++) {
        bool v4 = random_below(&random, 2);
        struct frame_words words = {.from = v4 ? "192.0.2.7:1" : "[fd00::7]:1",
                                    .to = v4 ? "192.0.2.1:2" : "[fd00::1]:2",
                                    .flags = "S",
                                    .options = random_below(&random, 2) ? "mss=1460 sack" : NULL,
                                    .payload = random_below(&random, 2) ? "some of it" : NULL,
                                    .vlan = {random_below(&random, 2) ? 0xe005 : 0, 0}};
        struct test_frame frame, written, answer;
        struct link_header link;
        struct segment segment = v4_segment();

        for (size_t i = 0; i < sizeof(payload); i++)
            payload[i] = (uint8_t)random_next(&random);
        memcpy(options, payload, sizeof(options));
        frame_write(&frame, &words);
        segment.flow_label = random_below(&random, 1u << 20);
        segment.options = options;
        segment.options_bytes = (uint8_t)(4 * random_below(&random, 11));
        segment.payload = payload;
        segment.payload_bytes =
            random_below(&random, 2) ? random_below(&random, sizeof(payload)) : 0;
        segment.gso_bytes = segment.payload_bytes > 700 ? 700 : 0;
        segment.src = frame_dst(&frame.view);
        segment.dst = frame_src(&frame.view);
        segment.src_port = frame_dst_port(&frame.view);
        segment.dst_port = frame_src_port(&frame.view);
        link_header_reverse(&frame.view, &link);
        written.bytes = segment_write(written.buffer, sizeof(written.buffer), &link, &segment);
        frame_copy(&answer, frame.buffer, frame.bytes);
        cr_assert_eq(segment_answer(&answer.view, &segment), written.bytes);
        cr_assert_arr_eq(answer.buffer, written.buffer, written.bytes, "round %u", round);
    }
}

/* Neither is in the answer, which begins where they stood. */
Test(segment, answer_to_ip_options_and_extension_headers)
{
    static const char *const froms[] = {"192.0.2.7:1", "[fd00::7]:1"};
    static const char *const tos[] = {"192.0.2.1:2", "[fd00::1]:2"};

    for (unsigned family = 0; family < 2; family++) {
        struct frame_words words = {
            .from = froms[family], .to = tos[family], .flags = "S", .seq = 5};
        uint32_t header = family == 0 ? 20 : 40, at;
        struct test_frame frame;
        struct segment segment;
        char text[WORDS_BYTES];

        frame_write(&frame, &words);
        at = OFFLOAD_BYTES + frame.view.l4;
        memmove(frame.buffer + at + 8, frame.buffer + at, frame.bytes - at);
        frame.bytes += 8;
        if (family == 0) {
            memset(frame.buffer + at, 1, 8); /* NOPs */
            frame.buffer[at - header] = 0x47;
            store_be16(frame.buffer + at - header + 2, (uint16_t)(header + 28));
        } else {
            memcpy(frame.buffer + at, (uint8_t[]){6, 0, 1, 4, 0, 0, 0, 0},
                   8); /* destination options: PadN */
            frame.buffer[at - header + 6] = 60;
            store_be16(frame.buffer + at - header + 4, 28);
        }
        cr_assert_eq(frame_read(&frame), FRAME_TCP);
        segment_reset_reply(&frame.view, &segment);
        frame.bytes = segment_answer(&frame.view, &segment);
        cr_assert_eq(frame_read(&frame), FRAME_TCP);
        cr_assert_eq(frame.view.l4, frame.view.l3 + header);
        cr_assert(frame_checksum_right(&frame.view));
        snprintf(text, sizeof(text), "%s > %s [R.] seq 0 ack 6 win 0 len 0", tos[family],
                 froms[family]);
        cr_assert_str_eq(frame_to_words(&frame.view, (char[WORDS_BYTES]){0}), text);
    }
}

static void reset_in_words(const struct frame_words *words, char text[WORDS_BYTES])
{
    struct test_frame frame, reset;
    struct segment segment;

    frame_write(&frame, words);
    frame_copy(&reset, frame.buffer, frame.bytes);
    segment_reset_reply(&reset.view, &segment);
    reset.bytes = segment_answer(&reset.view, &segment);
    frame_read(&reset);
    cr_assert(frame_checksum_right(&reset.view));
    cr_assert_arr_eq(frame_data(&reset), frame_data(&frame) + 6, 6);
    cr_assert_arr_eq(frame_data(&reset) + 6, frame_data(&frame), 6);
    frame_to_words(&reset.view, text);
}

Test(segment, reset_takes_the_ack_as_seq)
{
    char text[WORDS_BYTES];

    reset_in_words(&(struct frame_words){.from = "192.0.2.7:1",
                                         .to = "192.0.2.1:2",
                                         .flags = "P.",
                                         .seq = 9,
                                         .ack = 70,
                                         .payload = "x"},
                   text);
    cr_assert_str_eq(text, "192.0.2.1:2 > 192.0.2.7:1 [R] seq 70 win 0 len 0");
}

Test(segment, reset_without_ack_acknowledges)
{
    char text[WORDS_BYTES];

    reset_in_words(&(struct frame_words){.from = "[fd00::7]:1",
                                         .to = "[fd00::1]:2",
                                         .flags = "S",
                                         .seq = 0xffffffff,
                                         .payload = "abc"},
                   text);
    cr_assert_str_eq(text, "[fd00::1]:2 > [fd00::7]:1 [R.] seq 0 ack 3 win 0 len 0");
}

/* A frame of any kind that may be reset, as random words and pieces make it. */
static void random_frame(struct random *random, struct test_frame *frame)
{
    static const char *const flags[] = {"S", ".", "P.", "F.", "SP", "", "F", "SEW", "U."};
    bool v4 = random_below(random, 2) == 0;
    uint8_t payload[64] = {0};

    frame_write(frame, &(struct frame_words){
                           .from = v4 ? "192.0.2.7:1" : "[fd00::7]:1",
                           .to = v4 ? "192.0.2.1:2" : "[fd00::1]:2",
                           .flags = flags[random_below(random, sizeof(flags) / sizeof(flags[0]))],
                           .seq = (uint32_t)random_next(random),
                           .ack = (uint32_t)random_next(random),
                           .options = random_below(random, 2) ? "nop nop ts=1/2" : NULL,
                           .payload = payload,
                           .payload_bytes = random_below(random, sizeof(payload)),
                           .vlan = {random_below(random, 3) ? 0 : 0x2007, 0},
                           .tos = (uint8_t)random_next(random)});
    if (v4 && random_below(random, 3) == 0)
        frame_insert_ip_options(frame, "\x01\x01\x01\x00", 4);
}

/* segment_answer_reset() is segment_answer() of segment_reset_reply(), to the byte, and refuses
 * where that does. */
Test(segment, reset_in_one_is_the_same)
{
    struct random random = random_begin("segment");
    static struct test_frame frame, one, other;

    for (uint32_t i = 0; i < 20000; i++) {
        uint8_t ttl = (uint8_t)random_next(&random);
        bool df = random_below(&random, 2);
        uint32_t label = (uint32_t)random_next(&random);
        struct segment segment;

        random_frame(&random, &frame);
        frame_copy(&one, frame.buffer, frame.bytes);
        frame_copy(&other, frame.buffer, frame.bytes);
        if (random_below(&random, 4) == 0)
            one.view.capacity = other.view.capacity = frame.view.l4 + random_below(&random, 24);
        segment_reset_reply(&other.view, &segment);
        segment.ttl = ttl;
        segment.df = df;
        segment.flow_label = label;
        cr_assert_eq(segment_answer_reset(&one.view, ttl, df, label),
                     segment_answer(&other.view, &segment));
        cr_assert_arr_eq(one.buffer, other.buffer, frame.bytes + 64);
    }
}
