/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_sip.c - request lines and status lines of SIP over TCP. */
#include <criterion/criterion.h>

#include <string.h>

#include "tests/engine/protocols/support_keywords.h"
#include "tests/engine/protocols/support_samples.h"

#define INVITE BYTES("INVITE sip:a@b SIP/2.0\r\n")

Test(sip, requests)
{
    assert_samples(PROTOCOL_SIP);
    cr_assert_eq(check_bytes(PROTOCOL_SIP, BYTES("OPTIONS sips:a@[2001:db8::1]:5061 SIP/2.0\r\n")),
                 MATCH_YES);
    cr_assert_eq(check_bytes(PROTOCOL_SIP, BYTES("\r\n\r\n")), MATCH_MORE,
                 "a keepalive says nothing yet");
}

Test(sip, what_is_none)
{
    static const char *const none[] = {"GET / HTTP/1.1\r\n", "INVITE sip:a@b HTTP/1.1",
                                       "INVITE {",           "SIP/2.0 200 OK",
                                       "\x16\x03\x01",       "INVITE  sip:a@b SIP/2.0"};

    assert_none(PROTOCOL_SIP, none, COUNT(none));
}

Test(sip, answers)
{
    assert_answer(PROTOCOL_SIP, INVITE, BYTES("SIP/2.0 100 Trying\r\n"), 11, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_SIP, INVITE, BYTES("SIP/2.0 200 OK\r\n"), 11, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_SIP, INVITE, BYTES("SIP/2.0 401 Unauthorized\r\n"), 11,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_SIP, INVITE, BYTES("SIP/2.0 404 Not Found\r\n"), 11,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_SIP, INVITE, BYTES("SIP/2.0 486 Busy Here\r\n"), 11,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_SIP, INVITE, BYTES("SIP/2.0 400 Bad Request\r\n"), 11,
                  ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_SIP, INVITE, BYTES("SIP/2.0 505 Version Not Supported\r\n"), 11,
                  ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_SIP, INVITE, BYTES("HTTP/1.1 400 Bad Request\r\n"), 1,
                  ACCEPTANCE_REFUSED);
}

#define ASKS(request, decided, host)                                                               \
    assert_keywords(PROTOCOL_SIP, BYTES(request), decided, "sip_host=" host)

Test(sip, names_the_host_of_its_uri)
{
    ASKS("INVITE sip:bob@Biloxi.com SIP/2.0\r\nVia: a\r\n", 35, "biloxi.com");
    ASKS("\r\nREGISTER sips:ss2.biloxi.example.com:5061;transport=tcp SIP/2.0\r\n", 67,
         "ss2.biloxi.example.com");
    ASKS("INVITE sip:+49;ext=5?x@[2001:db8::7]:5060?subject=a SIP/2.0\n", 60, "[2001:db8::7]");
    ASKS("INVITE tel:+49 SIP/2.0\r\n", 24, "");
}

Test(sip, host_is_accepted_by_more_than_trying)
{
    cr_assert_eq(keyword_answer(PROTOCOL_SIP, BYTES("INVITE"),
                                BYTES("SIP/2.0 100 Trying\r\n\r\nSIP/2.0 404 Not Found\r\n")),
                 ACCEPTANCE_REFUSED);
    cr_assert_eq(keyword_answer(PROTOCOL_SIP, BYTES("INVITE"),
                                BYTES("SIP/2.0 100 Trying\r\n\r\nSIP/2.0 180 Ringing\r\n")),
                 ACCEPTANCE_ACCEPTED);
}

static size_t due(const char *request)
{
    return protocol_awaits(PROTOCOL_SIP, (const uint8_t *)request, strlen(request));
}

Test(sip, a_body_that_is_announced_is_awaited)
{
    cr_expect_eq(due("INVITE sip:a@b SIP/2.0\r\nContent-Length: 5\r\n\r\n"), 5);
    cr_expect_eq(due("INVITE sip:a@b SIP/2.0\r\nl :5\r\n\r\nab"), 3);
    cr_expect_eq(due("INVITE sip:a@b SIP/2.0\r\nL: 5\r\n\r\nhello"), 0);
    cr_expect_eq(due("\r\nOPTIONS sip:a@b SIP/2.0\r\nLater: 5\r\n\r\n"), 0);
    cr_expect_eq(due("INVITE sip:a@b SIP/2.0\r\nl: 5\r\n"), 1);
    cr_expect_eq(due("INVITE sip:a@b SIP/2.0\r\nl: 5\r\nl:x\r\n\r\n"), 5);
    cr_expect_eq(due("INVITE sip:a@b SIP/2.0\r\nl: 5\r\nl: 00000000000\r\n\r\n"), 5);
    cr_expect_eq(due("INVITE sip:a@b SIP/2.0\r\nl: 5\r\nl:\r\n 0\r\n\r\n"), 5);
}
