/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_stomp.c - frames of STOMP, and what tells its CONNECT from HTTP's and NATS'. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_samples.h"

#define CONNECT BYTES("CONNECT\nhost:a\n\n\0")

Test(stomp, requests)
{
    static const char *const none[] = {"CONNECT a:443 HTTP/1.1\r\n", "CONNECT {}\r\n",
                                       "CONNECTED\n", "STOMPS\n", "SEND\n"};

    assert_samples(PROTOCOL_STOMP);
    assert_none(PROTOCOL_STOMP, none, COUNT(none));
    cr_assert_eq(check_bytes(PROTOCOL_STOMP, BYTES("CONNECT\r\n")), MATCH_YES);
    assert_whole(PROTOCOL_STOMP, BYTES("CONNECT\r\nlogin:a\r\n\r\n\0\nSEND\n"), 21);
}

Test(stomp, answers)
{
    assert_answer(PROTOCOL_STOMP, CONNECT, BYTES("CONNECTED\nversion:1.2\n\n\0"), 9,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_STOMP, CONNECT, BYTES("ERROR\nmessage:no\n\n\0"), 1, ACCEPTANCE_REFUSED);
}
