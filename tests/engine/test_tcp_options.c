/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_tcp_options.c - options as hosts send them, and as they should not. */
#include <criterion/criterion.h>

#include <string.h>

#include "engine/tcp_options.h"
#include "tests/engine/random.h"
#include "tests/engine/support_frames.h"

static enum options_result parse_words(const char *text, struct tcp_options *options)
{
    uint8_t bytes[TCP_OPTIONS_MAX];
    uint8_t count = options_write(text, bytes);

    memset(options, 0xa5, sizeof(*options));
    return tcp_options_parse(bytes, count, options);
}

static enum options_result parse_bytes(const uint8_t *bytes, size_t count, struct tcp_options *options)
{
    uint8_t *exact = malloc(count + 1); /* the sanitizer sees a read beyond the end */
    enum options_result result;

    memcpy(exact + 1, bytes, count);
    result = tcp_options_parse(exact + 1, count, options);
    free(exact);
    return result;
}

Test(tcp_options, none)
{
    struct tcp_options options;

    cr_assert_eq(parse_words("", &options), OPTIONS_OK);
    cr_assert_eq(options.present, 0);
    cr_assert_eq(options.wscale, WSCALE_NONE);
    cr_assert_eq(options.mss, 0);
    cr_assert_eq(options.layout_bytes, 0);
}

Test(tcp_options, syn_of_linux)
{
    static const uint8_t layout[] = {2, 4, 8, 1, 3};
    struct tcp_options options;

    cr_assert_eq(parse_words("mss=1460 sack ts=100/7 nop ws=9", &options), OPTIONS_OK);
    cr_assert_eq(options.present, OPTION_MSS | OPTION_SACK_PERMITTED | OPTION_TIMESTAMPS | OPTION_WSCALE);
    cr_assert_eq(options.mss, 1460);
    cr_assert_eq(options.wscale, 9);
    cr_assert_eq(options.tsval, 100u);
    cr_assert_eq(options.tsecr, 7u);
    cr_assert_eq(options.ts_at, 8);
    cr_assert_eq(options.layout_bytes, sizeof(layout));
    cr_assert_arr_eq(options.layout, layout, sizeof(layout));
}

Test(tcp_options, end_of_list_ends_the_layout)
{
    static const uint8_t layout[] = {2, 1, 3, 1, 1, 8, 4};
    struct tcp_options options;

    cr_assert_eq(parse_words("mss=1460 nop ws=6 nop nop ts=1/0 sack eol eol", &options), OPTIONS_OK);
    cr_assert_eq(options.layout_bytes, sizeof(layout));
    cr_assert_arr_eq(options.layout, layout, sizeof(layout));
    cr_assert_eq(parse_words("eol mss=1460", &options), OPTIONS_OK);
    cr_assert_eq(options.present, 0, "nothing counts behind the end of the list");
}

Test(tcp_options, aligned_timestamps_say_the_same_by_either_way)
{
    struct tcp_options quick, slow;

    cr_assert_eq(parse_words("nop nop ts=4000000000/17", &quick), OPTIONS_OK);
    cr_assert_eq(parse_words("nop nop ts=4000000000/17 nop nop nop nop", &slow), OPTIONS_OK);
    cr_assert_eq(quick.present, OPTION_TIMESTAMPS);
    cr_assert_eq(quick.tsval, slow.tsval);
    cr_assert_eq(quick.tsecr, slow.tsecr);
    cr_assert_eq(quick.ts_at, 4);
    cr_assert_eq(quick.ts_at, slow.ts_at);
    cr_assert_eq(quick.wscale, WSCALE_NONE);
    cr_assert_eq(quick.layout_bytes, 3);
    cr_assert_arr_eq(quick.layout, slow.layout, 3);
}

Test(tcp_options, sack_blocks)
{
    struct tcp_options options;

    cr_assert_eq(parse_words("nop nop ts=1/2 nop nop blocks=5-9,20-30,40-50", &options), OPTIONS_OK);
    cr_assert_eq(options.present, OPTION_TIMESTAMPS | OPTION_SACK);
    cr_assert_eq(options.sack_at, 14);
    cr_assert_eq(options.sack_blocks, 3);
    cr_assert_eq(parse_words("hex=050700000001ff nop", &options), OPTIONS_OK);
    cr_assert_eq(options.present, OPTION_OTHER, "a block cut short is no block");
}

Test(tcp_options, first_of_two_wins)
{
    struct tcp_options options;

    cr_assert_eq(parse_words("mss=1000 mss=2000 ws=1 ws=2", &options), OPTIONS_OK);
    cr_assert_eq(options.mss, 1000);
    cr_assert_eq(options.wscale, 1);
    cr_assert_eq(options.layout_bytes, 4);
}

Test(tcp_options, authenticated_and_unknown)
{
    struct tcp_options options;

    cr_assert_eq(parse_words("md5", &options), OPTIONS_OK);
    cr_assert_eq(options.present, OPTION_AUTHENTICATED);
    cr_assert_eq(parse_words("hex=1d040102", &options), OPTIONS_OK);
    cr_assert_eq(options.present, OPTION_AUTHENTICATED);
    cr_assert_eq(parse_words("fastopen", &options), OPTIONS_OK);
    cr_assert_eq(options.present, OPTION_OTHER);
}

Test(tcp_options, known_kind_of_wrong_length_is_unknown)
{
    static const char *const wrong[] = {"hex=0203ff",       "hex=020500ffff", "hex=0302",  "hex=0403ff",
                                        "hex=0806000000ff", "hex=1304ffff",   "hex=1d03ff"};
    struct tcp_options options;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        cr_assert_eq(parse_words(wrong[i], &options), OPTIONS_OK);
        cr_assert_eq(options.present, OPTION_OTHER, "%s", wrong[i]);
        cr_assert_eq(options.wscale, WSCALE_NONE);
    }
}

Test(tcp_options, bad_lengths_end_the_walk)
{
    struct tcp_options options;

    cr_assert_eq(parse_bytes((const uint8_t[]){2, 4, 5, 180, 8, 0, 1, 1}, 8, &options), OPTIONS_BAD);
    cr_assert_eq(options.mss, 1460, "what was read before stands");
    cr_assert_eq(parse_bytes((const uint8_t[]){8, 1, 1, 1}, 4, &options), OPTIONS_BAD);
    cr_assert_eq(parse_bytes((const uint8_t[]){8, 10, 0, 0}, 4, &options), OPTIONS_BAD);
    cr_assert_eq(options.present, 0);
    cr_assert_eq(parse_bytes((const uint8_t[]){1, 1, 1, 2}, 4, &options), OPTIONS_BAD,
                 "a kind without a length");
    cr_assert_eq(options.layout_bytes, 3);
}

Test(tcp_options, random_bytes_stay_within_bounds)
{
    struct random random = random_begin("tcp_options/random");

    for (unsigned round = 0; round < 50000; round++) {
        uint8_t bytes[TCP_OPTIONS_MAX];
        size_t count = random_below(&random, TCP_OPTIONS_MAX + 1);
        struct tcp_options options;

        for (size_t i = 0; i < count; i++)
            bytes[i] =
                (uint8_t)(random_below(&random, 2) ? random_below(&random, 12) : random_below(&random, 256));
        parse_bytes(bytes, count, &options);
        cr_assert_leq(options.layout_bytes, count);
        cr_assert_leq(options.sack_blocks, 4);
        if (options.present & OPTION_TIMESTAMPS)
            cr_assert_leq(options.ts_at + 8u, count);
        if (options.present & OPTION_SACK)
            cr_assert_leq(options.sack_at + 2u + 8u * options.sack_blocks, count);
    }
}

Test(tcp_options, names_both_ways)
{
    static const char *const names[] = {"mss", "sack", "timestamps", "window_scale", "nop", "eol"};
    static const int kinds[] = {2, 4, 8, 3, 1, 0};

    for (size_t i = 0; i < 6; i++) {
        cr_assert_eq(tcp_option_kind_from_name(names[i]), kinds[i]);
        cr_assert_str_eq(tcp_option_name((uint8_t)kinds[i]), names[i]);
    }
    cr_assert_eq(tcp_option_kind_from_name("ms"), -1);
    cr_assert_eq(tcp_option_kind_from_name("msss"), -1);
    cr_assert_eq(tcp_option_kind_from_name(""), -1);
    cr_assert_null(tcp_option_name(TCP_OPT_FAST_OPEN));
}
