/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_options.c - options as hosts send them, and as they should not. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "engine/tcp/options.h"
#include "tests/engine/random.h"
#include "tests/engine/support_frames.h"

static enum options_result parse_words(const char *text, struct tcp_options *options)
{
    uint8_t bytes[TCP_OPTIONS_MAX];
    uint8_t count = options_write(text, bytes);

    memset(options, 0xa5, sizeof(*options));
    return tcp_options_parse(bytes, count, options);
}

static enum options_result parse_bytes(const uint8_t *bytes, size_t count,
                                       struct tcp_options *options)
{
    uint8_t *exact = malloc(count + 1); /* the sanitizer sees a read beyond the end */
    enum options_result result;

    memcpy(exact + 1, bytes, count);
    result = tcp_options_parse(exact + 1, count, options);
    free(exact);
    return result;
}

static void expect_layout(const char *text, const uint8_t *kinds, uint8_t count)
{
    uint8_t bytes[TCP_OPTIONS_MAX], layout[TCP_OPTIONS_MAX];

    cr_assert_eq(tcp_options_layout(bytes, options_write(text, bytes), layout), count, "%s", text);
    cr_assert_arr_eq(layout, kinds, count, "%s", text);
}

Test(tcp_options, none)
{
    struct tcp_options options;

    cr_assert_eq(parse_words("", &options), OPTIONS_OK);
    cr_assert_eq(options.present, 0);
    cr_assert_eq(options.wscale, WSCALE_NONE);
    cr_assert_eq(options.mss, 0);
    expect_layout("", (const uint8_t[]){0}, 0);
}

Test(tcp_options, syn_of_linux)
{
    static const uint8_t layout[] = {2, 4, 8, 1, 3};
    struct tcp_options options;

    cr_assert_eq(parse_words("mss=1460 sack ts=100/7 nop ws=9", &options), OPTIONS_OK);
    cr_assert_eq(options.present,
                 OPTION_MSS | OPTION_SACK_PERMITTED | OPTION_TIMESTAMPS | OPTION_WSCALE);
    cr_assert_eq(options.mss, 1460);
    cr_assert_eq(options.wscale, 9);
    cr_assert_eq(options.tsval, 100u);
    cr_assert_eq(options.tsecr, 7u);
    cr_assert_eq(options.ts_at, 8);
    expect_layout("mss=1460 sack ts=100/7 nop ws=9", layout, sizeof(layout));
}

Test(tcp_options, end_of_list_ends_the_layout)
{
    static const uint8_t layout[] = {2, 1, 3, 1, 1, 8, 4};
    struct tcp_options options;

    cr_assert_eq(parse_words("mss=1460 nop ws=6 nop nop ts=1/0 sack eol eol", &options),
                 OPTIONS_OK);
    expect_layout("mss=1460 nop ws=6 nop nop ts=1/0 sack eol eol", layout, sizeof(layout));
    cr_assert_eq(parse_words("eol mss=1460", &options), OPTIONS_OK);
    cr_assert_eq(options.present, 0, "nothing counts behind the end of the list");
}

/* Four NOPs more, and the form is no longer one that is told by its words. */
Test(tcp_options, usual_forms_say_the_same_by_either_way)
{
    static const char *const usual[] = {
        "nop nop ts=4000000000/17",
        "mss=1460 sack ts=4000000000/17 nop ws=9",
        "mss=1460 nop ws=6 sack ts=4000000000/17",
        "mss=1460 nop ws=6 nop nop ts=4000000000/17 sack eol eol",
        "mss=8960 nop ws=8 nop nop sack",
        "mss=65495 nop nop sack nop ws=14",
    };

    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        char longer[128];
        struct tcp_options quick, slow;

        snprintf(longer, sizeof(longer), "%s nop nop nop nop", usual[i]);
        cr_assert_eq(parse_words(usual[i], &quick), OPTIONS_OK);
        cr_assert_eq(parse_words(longer, &slow), OPTIONS_OK);
        cr_assert_arr_eq(&quick, &slow, sizeof(quick), "%s", usual[i]);
        cr_assert(quick.present & (OPTION_TIMESTAMPS | OPTION_MSS));
    }
}

/* One byte of a usual form changed: whatever it says then, both ways say it. */
Test(tcp_options, nearly_usual_forms_say_the_same_by_either_way)
{
    static const char *const usual[] = {"nop nop ts=1/2",
                                        "mss=1460 sack ts=1/2 nop ws=9",
                                        "mss=1460 nop ws=6 sack ts=1/2",
                                        "mss=1460 nop ws=6 nop nop ts=1/2 sack eol eol",
                                        "mss=1460 nop ws=8 nop nop sack",
                                        "mss=1460 nop nop sack nop ws=7"};

    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        uint8_t bytes[TCP_OPTIONS_MAX] = {0};
        uint8_t count = options_write(usual[i], bytes);

        for (uint32_t change = 0; change < count * 256u; change++) {
            uint8_t was = bytes[change / 256];
            struct tcp_options quick, slow;
            enum options_result one, other;

            bytes[change / 256] = (uint8_t)change;
            memset(bytes + count, TCP_OPT_EOL, 4);
            one = tcp_options_parse(bytes, count, &quick);
            other = tcp_options_parse(bytes, count + 4u, &slow);
            /* A length that reaches into what was added is bad by one way only. */
            if (one == OPTIONS_OK) {
                cr_assert_eq(other, OPTIONS_OK);
                cr_assert_arr_eq(&quick, &slow, sizeof(quick), "%s, change %u", usual[i], change);
            }
            bytes[change / 256] = was;
        }
    }
}

Test(tcp_options, sack_blocks)
{
    struct tcp_options options;

    cr_assert_eq(parse_words("nop nop ts=1/2 nop nop blocks=5-9,20-30,40-50", &options),
                 OPTIONS_OK);
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
    expect_layout("mss=1000 mss=2000 ws=1 ws=2", (const uint8_t[]){2, 2, 3, 3}, 4);
}

Test(tcp_options, authenticated_and_unknown)
{
    struct tcp_options options;

    cr_assert_eq(parse_words("md5", &options), OPTIONS_OK);
    cr_assert_eq(options.present, OPTION_MD5);
    cr_assert_eq(parse_words("hex=1d040102", &options), OPTIONS_OK);
    cr_assert_eq(options.present, OPTION_AO);
    cr_assert_eq(parse_words("fastopen", &options), OPTIONS_OK);
    cr_assert_eq(options.present, OPTION_OTHER);
}

Test(tcp_options, known_kind_of_wrong_length_is_unknown)
{
    static const char *const wrong[] = {"hex=0203ff", "hex=020500ffff",   "hex=0302",
                                        "hex=0403ff", "hex=0806000000ff", "hex=1304ffff",
                                        "hex=1d03ff"};
    struct tcp_options options;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        cr_assert_eq(parse_words(wrong[i], &options), OPTIONS_OK);
        cr_assert_eq(options.present, OPTION_OTHER, "%s", wrong[i]);
        cr_assert_eq(options.wscale, WSCALE_NONE);
    }
}

Test(tcp_options, bad_lengths_end_the_walk)
{
    uint8_t layout[TCP_OPTIONS_MAX];
    struct tcp_options options;

    cr_assert_eq(parse_bytes((const uint8_t[]){2, 4, 5, 180, 8, 0, 1, 1}, 8, &options),
                 OPTIONS_BAD);
    cr_assert_eq(options.mss, 1460, "what was read before stands");
    cr_assert_eq(parse_bytes((const uint8_t[]){8, 1, 1, 1}, 4, &options), OPTIONS_BAD);
    cr_assert_eq(parse_bytes((const uint8_t[]){8, 10, 0, 0}, 4, &options), OPTIONS_BAD);
    cr_assert_eq(options.present, 0);
    cr_assert_eq(parse_bytes((const uint8_t[]){1, 1, 1, 2}, 4, &options), OPTIONS_BAD,
                 "a kind without a length");
    cr_assert_eq(tcp_options_layout((const uint8_t[]){1, 1, 1, 2}, 4, layout), 3);
}

Test(tcp_options, random_bytes_stay_within_bounds)
{
    struct random random = random_begin("tcp_options/random");

    for (unsigned round = 0; round < 50000; round++) {
        uint8_t bytes[TCP_OPTIONS_MAX], layout[TCP_OPTIONS_MAX];
        size_t count = random_below(&random, TCP_OPTIONS_MAX + 1);
        struct tcp_options options;

        for (size_t i = 0; i < count; i++)
            bytes[i] = (uint8_t)(random_below(&random, 2) ? random_below(&random, 12)
                                                          : random_below(&random, 256));
        parse_bytes(bytes, count, &options);
        cr_assert_leq(tcp_options_layout(bytes, count, layout), count);
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
