/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_smtp.c - first commands, greetings and answers of SMTP and LMTP. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_keywords.h"
#include "tests/engine/protocols/support_samples.h"

#define EHLO BYTES("EHLO a\r\n")

Test(smtp, first_commands)
{
    static const char *const commands[] = {"EHLO a\r\n", "ehlo a\r\n", "HELO a\n", "LHLO a\r\n",
                                           "NOOP\r\n",   "HELP\r\n",   "RSET\r\n", "QUIT\r\n",
                                           "VRFY a\r\n", "EXPN a\r\n"};

    assert_samples(PROTOCOL_SMTP);
    assert_fixed("smtp ehlo", 0, 5);
    for (size_t i = 0; i < COUNT(commands); i++)
        cr_expect_eq(check_bytes(PROTOCOL_SMTP, commands[i], 5), MATCH_YES, "%s", commands[i]);
}

Test(smtp, what_is_none)
{
    static const char *const none[] = {"MAIL FROM:<a>\r\n", "USER a\r\n", "EHLOX",
                                       "EHLO\ta",           "\r\nEHLO a", "GET / HTTP/1.1\r\n",
                                       "\x16\x03\x01",      "DATA\r\n"};

    assert_none(PROTOCOL_SMTP, none, COUNT(none));
}

Test(smtp, greetings)
{
    assert_greeting(PROTOCOL_SMTP, BYTES("220 mx.example.org ESMTP Exim 4.96\r\n"),
                    GREETING_POSITIVE);
    assert_greeting(PROTOCOL_SMTP,
                    BYTES("220-mx.example.org ESMTP\r\n220-No spam\r\n220 ready\r\n"),
                    GREETING_POSITIVE);
    assert_greeting(PROTOCOL_SMTP, BYTES("220 mx.example.org\r\n"), GREETING_POSITIVE);
    assert_greeting(PROTOCOL_SMTP, BYTES("220 ftp.example.org ESMTP\r\n"), GREETING_POSITIVE);
    assert_greeting(PROTOCOL_SMTP, BYTES("220 lmtp.example.org LMTP Dovecot\r\n"),
                    GREETING_POSITIVE);
    assert_greeting(PROTOCOL_SMTP, BYTES("421 4.7.0 too many connections\r\n"), GREETING_NEGATIVE);
    assert_greeting(PROTOCOL_SMTP, BYTES("554-no\r\n554 not for you\r\n"), GREETING_NEGATIVE);
}

Test(smtp, what_is_no_greeting)
{
    size_t bytes;

    cr_assert_eq(greet_bytes(PROTOCOL_SMTP, BYTES("220 ProFTPD Server ready\r\n"), &bytes),
                 GREETING_NOT);
    cr_assert_eq(greet_bytes(PROTOCOL_SMTP, BYTES("250 ok\r\n"), &bytes), GREETING_NOT);
    cr_assert_eq(greet_bytes(PROTOCOL_SMTP, BYTES("+OK\r\n"), &bytes), GREETING_NOT);
}

Test(smtp, answers)
{
    assert_answer(PROTOCOL_SMTP, EHLO, BYTES("250-mx.example.org\r\n250 SIZE\r\n"), 4,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_SMTP, EHLO, BYTES("250 mx.example.org\r\n"), 4, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_SMTP, EHLO, BYTES("501 syntax\r\n"), 1, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_SMTP, EHLO, BYTES("421 closing\r\n"), 1, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_SMTP, EHLO, BYTES("2501"), 4, ACCEPTANCE_REFUSED);
}

Test(smtp, early_talk_is_wrong)
{
    cr_assert(protocol_by_id(PROTOCOL_SMTP)->early_talk_is_wrong);
    cr_assert_eq(protocol_by_id(PROTOCOL_SMTP)->greeting_grace_us, 0);
}

Test(smtp, names_who_says_hello)
{
    assert_keywords(PROTOCOL_SMTP, BYTES("EHLO MX.example.org\r\nMAIL"), 21, "ehlo=mx.example.org");
    assert_keywords(PROTOCOL_SMTP, BYTES("helo  [192.0.2.7] \n"), 19, "ehlo=[192.0.2.7]");
    assert_keywords(PROTOCOL_SMTP, BYTES("EHLO \r\n"), 7, "ehlo=");
    assert_keywords(PROTOCOL_SMTP, BYTES("QUIT\r\n"), 6, "ehlo=");
}
