/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_pattern.c - the shape of requests: constants, lines, length fields. */
#include "engine/server/pattern.h"

#include <criterion/criterion.h>
#include <string.h>

#define BYTES(text) (text), sizeof(text) - 1

static enum match check(const struct pattern *pattern, const void *bytes, size_t count)
{
    return pattern_check(pattern, bytes, count);
}

/* What is said of `count` bytes holds for all that begin with them, once it is a yes or a no. */
static void assert_decided_at(const struct pattern *pattern, const char *bytes, size_t count,
                              size_t decided, enum match verdict)
{
    for (size_t i = 0; i < decided; i++)
        cr_assert_eq(check(pattern, bytes, i), MATCH_MORE, "after %zu bytes", i);
    for (size_t i = decided; i <= count; i++)
        cr_assert_eq(check(pattern, bytes, i), verdict, "after %zu bytes", i);
}

Test(pattern_check, line_is_decided_where_it_ends)
{
    const struct pattern line = {.line_bytes_max = 16, .least_bytes = 9};

    assert_decided_at(&line, BYTES("who\r\nrest"), 5, MATCH_YES);
    assert_decided_at(&line, BYTES("gr\xc3\xbc\xc3\x9f\tgott\n"), 12, MATCH_YES);
    assert_decided_at(&line, BYTES("who\x01"), 4, MATCH_NO);
    assert_decided_at(&line, BYTES("\x16\x03\x01"), 1, MATCH_NO);
    assert_decided_at(&line, BYTES("sixteen bytes .....\n"), 17, MATCH_NO);
}

Test(pattern_check, line_with_constants)
{
    const struct pattern line = {.line_bytes_max = 64, .pairs = 2, .pair = {{0, 'g'}, {1, ' '}}};

    assert_decided_at(&line, BYTES("g key\n"), 6, MATCH_YES);
    assert_decided_at(&line, BYTES("h key\n"), 1, MATCH_NO);
    cr_assert_eq(check(&line, BYTES("g")), MATCH_MORE);
}

static struct pattern with_length(enum length_form form, uint8_t offset, uint8_t width,
                                  int32_t bias)
{
    return (struct pattern){.lengths = 1, .length = {{form, offset, width, bias}}};
}

Test(pattern_check, message_is_decided_where_its_length_says)
{
    const struct pattern big = with_length(LENGTH_BIG, 1, 2, 3),
                         little = with_length(LENGTH_LITTLE, 0, 3, 4),
                         hex = with_length(LENGTH_HEX, 0, 4, 0),
                         decimal = with_length(LENGTH_DECIMAL, 0, 0, 3),
                         ber = with_length(LENGTH_BER, 1, 0, 2),
                         varint = with_length(LENGTH_VARINT, 0, 0, 1);

    assert_decided_at(&big, BYTES("\x07\x00\x02xy and more"), 5, MATCH_YES);
    assert_decided_at(&little,
                      BYTES("\x03\x00\x00\x00"
                            "abc"),
                      7, MATCH_YES);
    assert_decided_at(&hex, BYTES("000aabcdef+"), 10, MATCH_YES);
    assert_decided_at(&hex, BYTES("000g"), 4, MATCH_NO);
    assert_decided_at(&hex, BYTES("0003"), 4, MATCH_NO);
    assert_decided_at(&decimal, BYTES("5:hello,"), 8, MATCH_YES);
    assert_decided_at(&decimal, BYTES(":"), 1, MATCH_NO);
    assert_decided_at(&decimal, BYTES("12345678:"), 8, MATCH_NO);
    assert_decided_at(&ber,
                      BYTES("\x30\x03"
                            "abc"),
                      5, MATCH_YES);
    assert_decided_at(&ber, BYTES("\x30\x80"), 2, MATCH_NO);
    assert_decided_at(&ber,
                      BYTES("\x30\x84"
                            "abcd"),
                      2, MATCH_NO);
    assert_decided_at(&varint,
                      BYTES("\x03"
                            "abc"),
                      4, MATCH_YES);
    assert_decided_at(&varint, BYTES("\xff\xff\xff\xff"), 4, MATCH_NO);
}

Test(pattern_check, one_reading_that_fits_is_enough)
{
    struct pattern pattern = with_length(LENGTH_BER, 0, 0, 1);

    pattern.length[pattern.lengths++] = (struct length_field){LENGTH_BIG, 0, 1, 1};
    assert_decided_at(&pattern, BYTES("\x02xy"), 3, MATCH_YES);
    cr_assert_eq(check(&pattern, BYTES("\x80xy")), MATCH_MORE, "129 bytes, if it is no BER");
}

Test(pattern_check, a_length_beyond_all_messages_is_none)
{
    const struct pattern big = with_length(LENGTH_BIG, 0, 4, 4);

    cr_assert_eq(check(&big, BYTES("\x01\x00\x00\x00")), MATCH_NO);
    cr_assert_eq(check(&big, BYTES("\x00\xff\xff\xf0")), MATCH_MORE);
}
