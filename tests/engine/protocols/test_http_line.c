/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_http_line.c - lines of HTTP's family, cut at every byte. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "engine/protocols/http_line.h"

static const uint8_t *text(const char *at)
{
    return (const uint8_t *)at;
}

Test(http_line, empty_lines)
{
    char ends[2 * EMPTY_BYTES_MAX];

    cr_assert_eq(empty_lines_bytes(text("\r\n\n\rx"), 5), 3);
    cr_assert_eq(empty_lines_bytes(text("\r"), 1), 0);
    memset(ends, '\n', sizeof(ends));
    cr_assert_eq(empty_lines_bytes(text(ends), sizeof(ends)), EMPTY_BYTES_MAX);
}

Test(http_line, status_lines)
{
    cr_assert_eq(accepted_by_status_line("X/0.0 000", text("X/1.1 407"), 9), ACCEPTANCE_ACCEPTED);
    cr_assert_eq(accepted_by_status_line("X/0.0 000", text("X/1.1 408"), 9), ACCEPTANCE_REFUSED);
    cr_assert_eq(accepted_by_status_line("X/0.0 000", text("X/1.1 40"), 8), ACCEPTANCE_MORE);
}

Test(http_line, request_lines)
{
    const char line[] = "ASK what X/2";

    for (size_t bytes = 0; bytes < sizeof(line) - 1; bytes++)
        cr_expect_eq(begins_request_line("X/", '2', TARGET_WEB, text(line), bytes), MATCH_MORE,
                     "%zu", bytes);
    cr_assert_eq(begins_request_line("X/", '2', TARGET_WEB, text(line), strlen(line)), MATCH_YES);
    cr_assert_eq(begins_request_line("X/", '1', TARGET_WEB, text(line), strlen(line)), MATCH_NO);
    cr_assert_eq(begins_request_line("Y/", '2', TARGET_WEB, text(line), strlen(line)), MATCH_NO);
}

Test(http_line, targets_of_calls)
{
    static const char web[] = "ASK http://a X/2", call[] = "ASK SIP:a X/2";

    cr_assert_eq(begins_request_line("X/", '2', TARGET_WEB, text(web), strlen(web)), MATCH_YES);
    cr_assert_eq(begins_request_line("X/", '2', TARGET_CALL, text(web), strlen(web)), MATCH_NO);
    cr_assert_eq(begins_request_line("X/", '2', TARGET_WEB, text(call), strlen(call)), MATCH_NO);
    cr_assert_eq(begins_request_line("X/", '2', TARGET_CALL, text(call), strlen(call)), MATCH_YES);
    cr_assert_eq(begins_request_line("X/", '2', TARGET_WEB, text("ASK sip"), 7), MATCH_MORE);
    cr_assert_eq(begins_request_line("X/", '2', TARGET_CALL, text("ASK sip"), 7), MATCH_MORE);
    cr_assert_eq(begins_request_line("X/", '2', TARGET_CALL, text("ASK /"), 5), MATCH_NO);
}

/* Every byte at every place of every scheme: either case of the letter, and nothing else. */
Test(http_line, schemes_of_calls_letter_by_letter)
{
    static const char *const schemes[] = {"sip:", "tel:", "urn:", "sips:"};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        for (size_t at = 0; at < strlen(schemes[i]); at++) {
            for (unsigned byte = 0; byte < 256; byte++) {
                char line[20];
                bool same =
                    (byte | (schemes[i][at] == ':' ? 0u : 0x20u)) == (uint8_t)schemes[i][at];
                enum match match;

                same = same || (i == 3 && at == 3 && byte == ':'); /* "sip::" */
                snprintf(line, sizeof(line), "%sx SIP/2", schemes[i]);
                line[at] = (char)byte;
                match = begins_rest_of_line("SIP/", '9', TARGET_CALL, (const uint8_t *)line,
                                            strlen(schemes[i]) + 7);
                cr_assert_eq(match == MATCH_YES, same, "%s with %u at %zu", schemes[i], byte, at);
            }
        }
    }
}

/* Wherever the byte that ends it stands, also across the strides in which it is looked for. */
Test(http_line, graphic_bytes)
{
    uint8_t data[1500];

    memset(data, 0xff, sizeof(data));
    for (size_t bytes = 0; bytes <= sizeof(data); bytes++)
        cr_assert_eq(graphic_bytes(data, bytes), bytes);
    for (size_t at = 0; at < sizeof(data); at++) {
        data[at] = ' ';
        cr_assert_eq(graphic_bytes(data, sizeof(data)), at);
        cr_assert_eq(graphic_bytes(data, at), at);
        if (at + 40 < sizeof(data)) /* not the first of two */
            data[at + 1 + at % 37] = '\r';
        cr_assert_eq(graphic_bytes(data, sizeof(data)), at);
        data[at + (at + 40 < sizeof(data) ? 1 + at % 37 : 0)] = 0xff;
        data[at] = '!';
    }
}
