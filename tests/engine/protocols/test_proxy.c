/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_proxy.c - the header of a load balancer, and the request behind it. */
#include <criterion/criterion.h>
#include <string.h>

#include "engine/protocols/proxy.h"
#include "tests/engine/protocols/support_samples.h"

#define LINE "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n"
#define HTTP LINE "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

static enum match check_for(uint64_t accepted, const char *request, size_t bytes)
{
    enum protocol_id matched;

    return protocols_check(accepted | UINT64_C(1) << PROTOCOL_PROXY, (const uint8_t *)request,
                           bytes, &matched);
}

Test(proxy, headers)
{
    static const char *const none[] = {
        "PROXY TCP5",           "PROXY UDP4",       "PROXY TCP4  ",    "PROXY TCP4 1 2 3 \r",
        "PROXY TCP4 1 2 3 4 5", "PROXY TCP4 1 2 g", "PROXY UNKNOWN\n", "proxy TCP4"};

    size_t header;

    assert_samples(PROTOCOL_PROXY);
    assert_fixed("proxy 2", 0, 12);
    assert_wrong_at("proxy 2", 12, 0x22);
    assert_wrong_at("proxy 2", 13, 0x41);
    assert_none(PROTOCOL_PROXY, none, COUNT(none));
    cr_assert_eq(proxy_header((const uint8_t *)LINE, sizeof(LINE) - 1, &header), MATCH_YES);
    cr_assert_eq(header, sizeof(LINE) - 1);
    cr_assert_eq(check_bytes(PROTOCOL_PROXY, BYTES("PROXY UNKNOWN ffff:: ::1 1 2\r\nPING\r\n")),
                 MATCH_YES);
    cr_assert_eq(check_bytes(PROTOCOL_PROXY, BYTES("PROXY TCP6 2001:db8::1 ::1 1 2\r\nPING\r\n")),
                 MATCH_YES);
}

static void assert_client(const char *header, size_t bytes, const char *expected)
{
    struct ip_addr client, wanted;
    const bool named = proxy_client((const uint8_t *)header, bytes, &client);

    cr_assert_eq(named, expected != NULL, "%s", header);
    if (!expected)
        return;
    cr_assert(addr_from_text(expected, &wanted));
    cr_assert(memcmp(&client, &wanted, sizeof(client)) == 0, "%s", header);
}

#define V2(command, family, addresses) "\r\n\r\n\0\r\nQUIT\n" command family addresses

Test(proxy, clients_that_are_named)
{
    assert_client(BYTES(HTTP), "192.0.2.1");
    assert_client(BYTES("PROXY TCP6 2001:db8::1 ::1 1 2\r\n"), "2001:db8::1");
    assert_client(BYTES("PROXY UNKNOWN 192.0.2.1 192.0.2.2 1 2\r\n"), NULL);
    assert_client(BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r"), NULL);
    assert_client(BYTES("PROXY TCP4 1.2.3 192.0.2.2 1 2\r\n"), NULL);
    assert_client(BYTES(V2("\x21", "\x11",
                           "\0\x0c"
                           "\xc0\0\2\1"
                           "\xc0\0\2\2"
                           "\1\1\0\x50")),
                  "192.0.2.1");
    assert_client(BYTES(V2("\x21", "\x21",
                           "\0\x24"
                           "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
                           "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\2"
                           "\1\1\0\x50")),
                  "2001:db8::1");
    assert_client(BYTES(V2("\x20", "\x11",
                           "\0\x0c"
                           "\xc0\0\2\1"
                           "\xc0\0\2\2"
                           "\1\1\0\x50")),
                  NULL);
    assert_client(BYTES(V2("\x21", "\x11",
                           "\0\x04"
                           "\xc0\0\2\1")),
                  NULL);
    assert_client(BYTES(V2("\x21", "\x11",
                           "\0\x0c"
                           "\xc0\0\2\1"
                           "\xc0\0\2\2"
                           "\1\1\0")),
                  NULL);
}

Test(proxy, what_is_behind_is_checked_as_the_services_own)
{
    const uint64_t http = 1u << PROTOCOL_HTTP, redis = 1u << PROTOCOL_REDIS;

    cr_assert_eq(check_for(http, BYTES(HTTP)), MATCH_YES);
    cr_assert_eq(check_for(redis, BYTES(HTTP)), MATCH_NO);
    cr_assert_eq(check_for(0, BYTES(HTTP)), MATCH_YES, "of any protocol");
    cr_assert_eq(check_for(0, BYTES(LINE "nonsense of nobody\r\n")), MATCH_NO);
    cr_assert_eq(check_for(http, BYTES(LINE LINE)), MATCH_NO, "no header behind a header");
    cr_assert_eq(check_for(http, BYTES(LINE)), MATCH_MORE);
    cr_assert_eq(check_for(1u << PROTOCOL_SMTP, BYTES(LINE)), MATCH_YES, "it will be greeted");
}

Test(proxy, whole_with_what_is_behind)
{
    assert_whole(PROTOCOL_PROXY, BYTES(HTTP "x"), sizeof(HTTP) - 1);
}

Test(proxy, answers_are_those_to_what_is_behind)
{
    assert_answer(PROTOCOL_PROXY, BYTES(HTTP), BYTES("HTTP/1.1 200 OK\r\n"), 12,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_PROXY, BYTES(HTTP), BYTES("HTTP/1.1 400 Bad\r\n"), 12,
                  ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_PROXY, BYTES(LINE "*1\r\n$4\r\nPING\r\n"), BYTES("+PONG\r\n"), 2,
                  ACCEPTANCE_ACCEPTED);
}

Test(proxy, behind)
{
    cr_assert_eq(proxy_behind((const uint8_t *)HTTP, sizeof(HTTP) - 1), PROTOCOL_HTTP);
    cr_assert_eq(proxy_behind((const uint8_t *)LINE, sizeof(LINE) - 1), PROTOCOL_UNKNOWN);
    cr_assert_eq(proxy_behind((const uint8_t *)"GET / HTTP/1.1", 14), PROTOCOL_UNKNOWN);
}
