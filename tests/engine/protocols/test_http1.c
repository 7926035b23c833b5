/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_http1.c - request lines and status lines, whole, cut at every byte, and those of other protocols. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "engine/protocols/protocol.h"

static enum match check(const char *request)
{
    return protocol_by_id(PROTOCOL_HTTP)->check((const uint8_t *)request, strlen(request));
}

static enum acceptance answer(const char *text)
{
    return protocol_by_id(PROTOCOL_HTTP)
        ->accepts((const uint8_t *)"GET", 3, (const uint8_t *)text, strlen(text));
}

Test(http1, requests)
{
    static const char *const requests[] = {
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /index.html?a=b%20c&d=\xc3\xa4 HTTP/1.0\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\n",
        "CONNECT [2001:db8::1]:443 HTTP/1.1\r\n",
        "CONNECT example.org:443 HTTP/1.1\r\n",
        "GET http://example.org/ HTTP/1.1\r\n",
        "M-SEARCH * HTTP/1.1\r\n",
        "get / HTTP/1.1\r\n",
        "\r\n\r\nPOST /x HTTP/1.1\r\n",
        "\nGET / HTTP/1.1",
    };

    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
        cr_expect_eq(check(requests[i]), MATCH_YES, "%s", requests[i]);
}

Test(http1, decides_at_the_version_and_not_before)
{
    const char request[] = "\r\nGET /a HTTP/1.1\r\n";
    const size_t decided = sizeof("\r\nGET /a HTTP/1") - 1;

    for (size_t bytes = 0; bytes < sizeof(request); bytes++) {
        uint8_t *exact = malloc(bytes + 1);
        enum match match;

        memcpy(exact + 1, request, bytes);
        match = protocol_by_id(PROTOCOL_HTTP)->check(exact + 1, bytes);
        cr_assert_eq(match, bytes < decided ? MATCH_MORE : MATCH_YES, "%zu bytes", bytes);
        free(exact);
    }
}

Test(http1, what_is_none)
{
    static const char *const none[] = {
        "CONNECT {\"verbose\":false}\r\n", /* NATS */
        "GET key\r\n",                     /* Redis */
        "GET /\r\n",                       /* HTTP/0.9 */
        "EHLO example.org\r\n",
        "USER me\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "\x16\x03\x01\x02",
        "\023BitTorrent protocol",
        "INVITE sip:a@b SIP/2.0\r\n",
        "GNUTELLA CONNECT/0.6\r\n",
        "GET  / HTTP/1.1",
        "GET / http/1.1",
        "GET / HTTP/x",
        " GET / HTTP/1.1",
        "GET /a\tb HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "\rGET / HTTP/1.1",
        "A-METHOD-THAT-IS-LONGER-THAN-ANY-KNOWN-ONE / HTTP/1.1",
    };

    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        cr_expect_eq(check(none[i]), MATCH_NO, "%s", none[i]);
}

Test(http1, line_is_bounded)
{
    enum { BYTES = 20000 };
    const struct protocol *http = protocol_by_id(PROTOCOL_HTTP);
    uint8_t *line = malloc(BYTES);

    memset(line, 'a', BYTES);
    memcpy(line, "GET /", 5);
    cr_assert_eq(http->check(line, 8190), MATCH_MORE);
    memcpy(line + 8190, " HTTP/1.1", 9);
    cr_assert_eq(http->check(line, 8199), MATCH_YES);
    memcpy(line + 8190, "aaaaaaaaa", 9);
    cr_assert_eq(http->check(line, BYTES), MATCH_NO);
    memset(line, '\n', BYTES);
    cr_assert_eq(http->check(line, 100), MATCH_MORE);
    cr_assert_eq(http->check(line, BYTES), MATCH_NO);
    free(line);
}

Test(http1, accepted_answers)
{
    static const char *const accepted[] = {"HTTP/1.1 200 OK\r\n", "HTTP/1.0 304",  "HTTP/1.1 100 Continue",
                                           "HTTP/1.1 301 Moved",  "HTTP/1.1 401 ", "HTTP/1.1 407 "};

    for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++)
        cr_expect_eq(answer(accepted[i]), ACCEPTANCE_ACCEPTED, "%s", accepted[i]);
}

Test(http1, refused_answers)
{
    static const char *const refused[] = {
        "HTTP/1.1 400 Bad Request",
        "HTTP/1.1 403 ",
        "HTTP/1.1 404 ",
        "HTTP/1.1 408 ",
        "HTTP/1.1 421 ",
        "HTTP/1.1 500 ",
        "HTTP/1.1 503 ",
        "HTTP/1.1 000 ",
        "HTTP/1.1 2x0",
        "SSH-2.0-x",
        "HTTP/11 200",
        "ICY 200 OK",
        "<html>",
    };

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        cr_expect_eq(answer(refused[i]), ACCEPTANCE_REFUSED, "%s", refused[i]);
}

Test(http1, answer_cut_short)
{
    const char whole[] = "HTTP/1.1 200";
    char cut[sizeof(whole)];

    for (size_t bytes = 0; bytes < sizeof(whole) - 1; bytes++) {
        memcpy(cut, whole, sizeof(whole));
        cut[bytes] = 0;
        cr_assert_eq(answer(cut), ACCEPTANCE_MORE, "%s", cut);
    }
    cr_assert_eq(answer(whole), ACCEPTANCE_ACCEPTED);
}
