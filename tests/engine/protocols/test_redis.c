/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_redis.c - commands of Redis as arrays and inline, and what tells them from HTTP. */
#include <criterion/criterion.h>

#include <string.h>

#include "tests/engine/protocols/support_samples.h"

#define PING BYTES("PING\r\n")

Test(redis, requests)
{
    static const char *const requests[] = {"*1\r\n$4\r\nPING\r\n",
                                           "*1000000\r\n$",
                                           "ping\r\n",
                                           "SELECT 1\r\n",
                                           "INFO\n",
                                           "HELLO 3 ",
                                           "GET a\n",
                                           "AUTH secret\r\n",
                                           "get a\r\n"};

    assert_samples(PROTOCOL_REDIS);
    assert_fixed("redis array", 0, 1);
    assert_fixed("redis array", 2, 5);
    for (size_t i = 0; i < COUNT(requests); i++)
        cr_expect_eq(check_bytes(PROTOCOL_REDIS, requests[i], strlen(requests[i])), MATCH_YES, "%s",
                     requests[i]);
}

Test(redis, what_is_none)
{
    static const char *const none[] = {"GET / HTTP/1.1\r\n",
                                       "GET a b\r\n",
                                       "GET \r\n",
                                       "GET a\rb",
                                       "*\r\n",
                                       "*x",
                                       "*1\n",
                                       "*12345678\r\n$",
                                       "*1\r\n+OK",
                                       "POST / HTTP",
                                       "QUIT\r\n",
                                       "AUTH\r\n",
                                       "AUTH \r\n",
                                       "AUTHINFO a\r\n"};

    assert_none(PROTOCOL_REDIS, none, COUNT(none));
}

Test(redis, line_is_bounded)
{
    char line[1000];

    for (size_t i = 0; i < sizeof(line); i++)
        line[i] = i < 4 ? "GET "[i] : 'x';
    cr_assert_eq(check_bytes(PROTOCOL_REDIS, line, 256), MATCH_MORE);
    cr_assert_eq(check_bytes(PROTOCOL_REDIS, line, sizeof(line)), MATCH_NO);
}

Test(redis, answers)
{
    assert_answer(PROTOCOL_REDIS, PING, BYTES("+PONG\r\n"), 2, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_REDIS, PING, BYTES("$-1\r\n"), 2, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_REDIS, PING, BYTES(":1\r\n"), 2, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_REDIS, PING, BYTES("*3\r\n"), 2, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_REDIS, PING, BYTES("%7\r\n"), 2, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_REDIS, PING, BYTES("* BAD\r\n"), 2, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_REDIS, PING, BYTES("-NOAUTH Authentication required.\r\n"), 1,
                  ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_REDIS, PING, BYTES("-DENIED\r\n"), 1, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_REDIS, PING, BYTES("500 what\r\n"), 1, ACCEPTANCE_REFUSED);
}
