/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>

#include <string.h>

#include "profiles/model/stream.h"

static void add(struct stream *stream, uint32_t offset, const char *text)
{
    stream_add(stream, offset, (const uint8_t *)text, (uint32_t)strlen(text));
}

Test(stream, puts_pieces_in_order)
{
    struct stream stream = {0};
    add(&stream, 6, "world");
    cr_assert_eq(stream_bytes(&stream), 0);
    add(&stream, 0, "hel");
    cr_assert_eq(stream_bytes(&stream), 3);
    add(&stream, 2, "llo ");
    cr_assert_eq(stream_bytes(&stream), 11);
    cr_assert_eq(memcmp(stream.data, "hello world", 11), 0);
    stream_free(&stream);
    cr_assert_eq(stream_bytes(&stream), 0);
}

Test(stream, later_bytes_win_but_zeros_do_not)
{
    struct stream stream = {0};
    const uint8_t zeros[6] = {0};
    stream_add(&stream, 0, zeros, 6);
    add(&stream, 0, "GET / HTTP/1.1");
    cr_assert_eq(memcmp(stream.data, "GET /", 5), 0);
    stream_add(&stream, 13, zeros, 1);
    cr_assert_eq(stream.data[13], '1');
    stream_free(&stream);
}

Test(stream, stays_within_its_bounds)
{
    struct stream stream = {0};
    uint8_t data[3000];
    memset(data, 'x', sizeof(data));
    stream_add(&stream, 0, data, sizeof(data));
    stream_add(&stream, 3000, data, sizeof(data));
    stream_add(&stream, UINT32_MAX, data, sizeof(data));
    stream_add(&stream, STREAM_BYTES, data, 1);
    cr_assert_eq(stream_bytes(&stream), STREAM_BYTES);
    cr_assert_eq(stream.capacity, STREAM_BYTES);
    stream_free(&stream);
}

Test(stream, more_holes_than_ranges_are_forgotten_and_healed)
{
    struct stream stream = {0};
    for (uint32_t i = 1; i < 20; i++)
        add(&stream, i * 2, "x");
    cr_assert_eq(stream.ranges_count, STREAM_RANGES);
    for (uint32_t i = 0; i < 40; i++)
        add(&stream, i, "y");
    cr_assert_eq(stream_bytes(&stream), 40);
    cr_assert_eq(stream.ranges_count, 1);
    stream_free(&stream);
}
