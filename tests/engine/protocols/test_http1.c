/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_http1.c - request lines and status lines, whole, cut at every byte, and those of other
 * protocols. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "tests/engine/protocols/support_keywords.h"
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

/* How long it may be is the server's to say: some take 1 MiB. */
Test(http1, line_may_be_long)
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
    cr_assert_eq(http->check(line, BYTES), MATCH_MORE);
    memcpy(line + BYTES - 9, " HTTP/1.1", 9);
    cr_assert_eq(http->check(line, BYTES), MATCH_YES);
    memset(line, '\n', BYTES);
    cr_assert_eq(http->check(line, 100), MATCH_MORE);
    cr_assert_eq(http->check(line, BYTES), MATCH_NO);
    free(line);
}

Test(http1, accepted_answers)
{
    static const char *const accepted[] = {"HTTP/1.1 200 OK\r\n",   "HTTP/1.0 304",
                                           "HTTP/1.1 100 Continue", "HTTP/1.1 301 Moved",
                                           "HTTP/1.1 401 ",         "HTTP/1.1 407 "};

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

#define ASKS(request, decided, host)                                                               \
    assert_keywords(PROTOCOL_HTTP, BYTES(request), decided, "host=" host)

Test(http1, names_the_host_of_its_field)
{
    ASKS("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", 33, "a.example");
    ASKS("GET / HTTP/1.1\r\nAccept: */*\r\nhOsT:\t A.Example:8080 \r\nX: y\r\n\r\n", 53,
         "a.example");
    ASKS("\r\nGET / HTTP/1.1\nHost:a.example.\n\n", 33, "a.example");
    ASKS("GET / HTTP/1.1\r\nHost: [2001:DB8::7]:80\r\n\r\n", 40, "[2001:db8::7]");
    ASKS("GET / HTTP/1.1\r\nHost: 192.0.2.7\r\n", 33, "192.0.2.7");
    ASKS("GET / HTTP/1.1\r\nHost: a b%\xc3\xbc\r\n", 30, "a%20b%25%C3%BC");
    ASKS("GET / HTTP/1.1\r\nHost: a:b:c\r\n", 29, "a:b:c");
    ASKS("GET http:/path HTTP/1.1\r\nHost: a\r\n", 34, "a");
    ASKS("GET /http://b/ HTTP/1.1\r\nHost: a\r\n", 34, "a");
}

Test(http1, names_the_host_of_its_target)
{
    ASKS("GET http://B.example:80/path HTTP/1.1\r\nHost: a\r\n", 39, "b.example");
    ASKS("GET https://me@b.example?q HTTP/1.1\r\n", 37, "b.example");
    ASKS("CONNECT b.example:443 HTTP/1.1\r\nHost: a\r\n", 32, "b.example");
}

Test(http1, may_name_none)
{
    ASKS("GET / HTTP/1.0\r\n\r\n", 18, "");
    ASKS("GET / HTTP/1.0\nX-Host: a\n\nHost: b\n", 26, "");
    ASKS("GET / HTTP/1.1\r\nHost:\r\n\r\n", 23, "");
}

Test(http1, host_that_is_too_long)
{
    char request[512] = "GET / HTTP/1.1\r\nHost: ";

    memset(request + 22, 'a', 300);
    memcpy(request + 322, "\r\n", 2);
    assert_no_keywords(PROTOCOL_HTTP, request, 324);
    memcpy(request + 22 + 200, "\r\n", 2);
    request[22 + 100] = '\xff'; /* a form of three bytes */
    struct keywords_found found;
    keywords_none(&found);
    cr_assert_eq(protocol_by_id(PROTOCOL_HTTP)->keyword((const uint8_t *)request, 224, &found),
                 MATCH_YES);
    cr_assert_eq(found.names[0].bytes, 202);
}

Test(http1, host_is_accepted_by_the_final_answer)
{
    cr_assert_eq(
        keyword_answer(PROTOCOL_HTTP, BYTES("GET"), BYTES("HTTP/1.1 100 Continue\r\n\r\n")),
        ACCEPTANCE_MORE);
    cr_assert_eq(
        keyword_answer(PROTOCOL_HTTP, BYTES("GET"),
                       BYTES("HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 404 Not Found\r\n")),
        ACCEPTANCE_REFUSED);
    cr_assert_eq(keyword_answer(PROTOCOL_HTTP, BYTES("GET"),
                                BYTES("HTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 OK\r\n")),
                 ACCEPTANCE_ACCEPTED);
    cr_assert_eq(keyword_answer(PROTOCOL_HTTP, BYTES("GET"), BYTES("HTTP/1.1 101 Switching\r\n")),
                 ACCEPTANCE_ACCEPTED);
    cr_assert_eq(keyword_answer(PROTOCOL_HTTP, BYTES("GET"), BYTES("HTTP/1.1 421 Misdirected\r\n")),
                 ACCEPTANCE_REFUSED);
}

#define MUCH "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999999\r\n\r\n"

/* A server answers when the body has come, too. */
Test(http1, awaits_what_the_header_announces)
{
    static const struct {
        const char *request;
        size_t awaits;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
        {"\r\nGET / HTTP/1.1\nHost: a\n\n", 0},
        {"GET / HTTP/1.1\r\nHost: a\r\n", 1},
        {"GET / HTTP/1.1\r\nHost: a", 1},
        {"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n", 2},
        {"POST / HTTP/1.1\r\ncontent-length:2\r\n\r\nh", 1},
        {"POST / HTTP/1.1\r\nCONTENT-LENGTH:  2 \r\n\r\nhi", 0},
        {"POST / HTTP/1.1\r\nContent-Length: 0\r\nHost: a\r\n\r\n", 0},
        {"GET / HTTP/1.1\r\nContent-Length: 1\r\n\r\n", 1},
        {"POST / HTTP/1.1\r\nContent-Length: 12345678901\r\n\r\n1", 12345678900},
        {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 5},
        {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", 1},
        {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0},
        {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhi\r\nA\r\n0123456789\r\n"
         "0\r\nTrailer: a\r\n\r\n",
         0},
        {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nTrailer: a\r\n", 1},
        {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n0\r\n\r\n", 1},
        {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n0\r\n\r\n", 1},
        {"POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 1},
        {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 100\r\n\r\n0\r\n\r\n",
         1},
        {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x10\r\n\r\n", 1},
        {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n\r\n", 1},
        {"POST / HTTP/1.1\r\nX: Content-Length: 2\r\n\r\n", 0},
        {"EHLO a.example\r\n", 0},
        {"", 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect_eq(protocol_awaits(PROTOCOL_UNKNOWN, (const uint8_t *)cases[i].request,
                                     strlen(cases[i].request)),
                     cases[i].awaits, "%s", cases[i].request);
    cr_expect_gt(protocol_awaits(PROTOCOL_HTTP, (const uint8_t *)MUCH, sizeof(MUCH) - 1),
                 UINT64_C(1) << 40);
}
