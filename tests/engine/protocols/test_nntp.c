/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_nntp.c - commands and greetings of NNTP. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_samples.h"

#define MODE BYTES("MODE READER\r\n")

Test(nntp, requests)
{
    static const char *const none[] = {"HEAD / HTTP/1.1\r\n", "POST / HTTP/1.1\r\n", "POST a\r\n",
                                       "LIST /\r\n",          "USER me\r\n",         "EHLO a\r\n"};

    assert_samples(PROTOCOL_NNTP);
    assert_none(PROTOCOL_NNTP, none, COUNT(none));
    cr_assert_eq(check_bytes(PROTOCOL_NNTP, BYTES("post\r\n")), MATCH_YES);
    cr_assert_eq(check_bytes(PROTOCOL_NNTP, BYTES("HEAD <1@a>\r\n")), MATCH_YES);
    cr_assert_eq(check_bytes(PROTOCOL_NNTP, BYTES("STAT\n")), MATCH_YES);
}

Test(nntp, answers)
{
    assert_answer(PROTOCOL_NNTP, MODE, BYTES("200 posting allowed\r\n"), 4, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_NNTP, MODE, BYTES("101 Capability list:\r\n"), 4, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_NNTP, MODE, BYTES("480 authentication required\r\n"), 3,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_NNTP, MODE, BYTES("500 what?\r\n"), 1, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_NNTP, MODE, BYTES("411 no such group\r\n"), 2, ACCEPTANCE_REFUSED);
}

Test(nntp, greetings)
{
    size_t bytes;

    assert_greeting(PROTOCOL_NNTP,
                    BYTES("200 news.example.org InterNetNews server INN 2.7.1 ready\r\n"),
                    GREETING_POSITIVE);
    assert_greeting(PROTOCOL_NNTP, BYTES("201 no posting\r\n"), GREETING_POSITIVE);
    assert_greeting(PROTOCOL_NNTP, BYTES("400 too many connections\r\n"), GREETING_NEGATIVE);
    assert_greeting(PROTOCOL_NNTP, BYTES("502 access restriction\r\n"), GREETING_NEGATIVE);
    cr_assert_eq(greet_bytes(PROTOCOL_NNTP, BYTES("200 OK\r\n"), &bytes), GREETING_NOT);
    cr_assert_eq(greet_bytes(PROTOCOL_NNTP, BYTES("220 mx ESMTP\r\n"), &bytes), GREETING_NOT);
    cr_assert_eq(greet_bytes(PROTOCOL_NNTP, BYTES("421 mx ESMTP\r\n"), &bytes), GREETING_NOT);
}
