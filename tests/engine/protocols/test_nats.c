/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_nats.c - NATS greets with what it is, and tells its CONNECT from HTTP's. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/engine/protocols/support_samples.h"

#define CONNECT BYTES("CONNECT {}\r\nPING\r\n")

Test(nats, requests)
{
    static const char *const none[] = {
        "CONNECT a:443 HTTP/1.1\r\n", "CONNECT\n", "CONNECT{", "CONNECT   x", "PINGS\r\n",
        "GET / HTTP/1.1\r\n"};

    assert_samples(PROTOCOL_NATS);
    assert_none(PROTOCOL_NATS, none, COUNT(none));
    cr_assert_eq(check_bytes(PROTOCOL_NATS, BYTES("connect \t{")), MATCH_YES);
    cr_assert_eq(check_bytes(PROTOCOL_NATS, BYTES("PING\r\n")), MATCH_YES);
    cr_assert_eq(check_bytes(PROTOCOL_NATS, BYTES("PUB a 1\r\n")), MATCH_YES);
}

Test(nats, answers)
{
    assert_answer(PROTOCOL_NATS, CONNECT, BYTES("PONG\r\n"), 5, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_NATS, CONNECT, BYTES("+OK\r\n"), 4, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_NATS, CONNECT, BYTES("MSG a 1 1\r\nx\r\n"), 4, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_NATS, CONNECT, BYTES("-ERR 'Authorization Violation'\r\n"), 1,
                  ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_NATS, CONNECT, BYTES("+PONG\r\n"), 2, ACCEPTANCE_REFUSED);
}

Test(nats, greetings)
{
    size_t bytes;

    assert_greeting(PROTOCOL_NATS,
                    BYTES("INFO {\"server_id\":\"NB3\",\"version\":\"2.9.10\",\"proto\":1}\r\n"),
                    GREETING_POSITIVE);
    assert_greeting(PROTOCOL_NATS, BYTES("-ERR 'maximum connections exceeded'\r\n"),
                    GREETING_NEGATIVE);
    cr_assert_eq(greet_bytes(PROTOCOL_NATS, BYTES("INFO hi\r\n"), &bytes), GREETING_NOT);
    cr_assert_eq(greet_bytes(PROTOCOL_NATS, BYTES("+OK hi\r\n"), &bytes), GREETING_NOT);
}

Test(nats, a_message_is_whole_with_what_it_announces)
{
    assert_whole(PROTOCOL_NATS, BYTES("PUB a 5\r\nhello\r\nPING\r\n"), 16);
    assert_whole(PROTOCOL_NATS, BYTES("PUB a reply 5\r\nhello\r\nPING\r\n"), 22);
    assert_whole(PROTOCOL_NATS, BYTES("HPUB a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"), 30);
    assert_whole(PROTOCOL_NATS, BYTES("PUB a b\r\nx"), 9); /* refused as it is */
    assert_whole(PROTOCOL_NATS, BYTES("PING\r\nPUB a 5\r\n"), 6);
}

static size_t due(const char *request)
{
    return protocol_awaits(PROTOCOL_NATS, (const uint8_t *)request, strlen(request));
}

/* A server that says nothing to a CONNECT is not late with its answer. */
Test(nats, a_connect_awaits_what_is_asked)
{
    cr_expect_neq(due("CONNECT {}\r\n"), 0);
    cr_expect_neq(due("connect\t{}\r\nPIN"), 0);
    cr_expect_eq(due("CONNECT {}\r\nPING\r\n"), 0);
    cr_expect_eq(due("CONNECT {}\r\nSUB a 1\r\n"), 0);
    cr_expect_eq(due("PING\r\n"), 0);
}
