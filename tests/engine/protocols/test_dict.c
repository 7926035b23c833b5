/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_dict.c - commands, answers and the greeting of dictionary servers. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_samples.h"

#define DEFINE BYTES("DEFINE * penguin\r\n")
#define BANNER                                                                                     \
    "220 host dictd 1.13.0/rf on Linux 6.1.0 <auth.mime> "                                         \
    "<45.1234.1700000000@host.example.org>\r\n"

Test(dict, requests)
{
    static const char *const none[] = {"DEFINITION a\r\n", "GET / HTTP/1.1\r\n", "EHLO a\r\n"};

    assert_samples(PROTOCOL_DICT);
    assert_wholes(PROTOCOL_DICT);
    assert_none(PROTOCOL_DICT, none, COUNT(none));
    cr_assert_eq(check_bytes(PROTOCOL_DICT, BYTES("show db\r\n")), MATCH_YES);
}

Test(dict, answers)
{
    assert_answer(PROTOCOL_DICT, DEFINE, BYTES("150 1 definitions found\r\n"), 4,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_DICT, DEFINE, BYTES("552 no match\r\n"), 4, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_DICT, DEFINE, BYTES("531 access denied\r\n"), 4, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_DICT, DEFINE, BYTES("500 unknown command\r\n"), 2, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_DICT, DEFINE, BYTES("420 unavailable\r\n"), 1, ACCEPTANCE_REFUSED);
}

/* FTP and SMTP say 220, too, and DICT's is neither's. */
Test(dict, greetings)
{
    size_t bytes;

    assert_greeting(PROTOCOL_DICT, BYTES(BANNER), GREETING_POSITIVE);
    cr_assert_eq(greet_bytes(PROTOCOL_DICT, BYTES("220 ftp.example.org ready\r\n"), &bytes),
                 GREETING_NOT);
    cr_assert_eq(greet_bytes(PROTOCOL_DICT, BYTES("220 mx ESMTP <1@a>\r\n"), &bytes), GREETING_NOT);
    cr_assert_eq(greet_bytes(PROTOCOL_DICT, BYTES("220 << welcome >>\r\n"), &bytes), GREETING_NOT);
    cr_assert_eq(greet_bytes(PROTOCOL_DICT, BYTES("421 down\r\n"), &bytes), GREETING_NOT);
    cr_assert_eq(protocols_of_greeting((const uint8_t *)BANNER, sizeof(BANNER) - 1, &bytes),
                 UINT64_C(1) << PROTOCOL_DICT);
    cr_assert_eq(bytes, sizeof(BANNER) - 1);
}
