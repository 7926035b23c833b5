/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_ftp.c - first commands, greetings of one and many lines, and answers of FTP. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_samples.h"

#define USER BYTES("USER a\r\n")

Test(ftp, first_commands)
{
    static const char *const commands[] = {"USER a\r\n",   "AUTH TLS", "FEAT\r\n", "HOST a",
                                           "OPTS UTF8 ON", "CLNT x",   "SYST\r\n", "STAT\r\n",
                                           "HELP\r\n",     "NOOP\n",   "LANG en",  "quit\r\n"};

    assert_samples(PROTOCOL_FTP);
    assert_fixed("ftp user", 0, 5);
    for (size_t i = 0; i < COUNT(commands); i++)
        cr_expect_eq(check_bytes(PROTOCOL_FTP, commands[i], 5), MATCH_YES, "%s", commands[i]);
}

Test(ftp, what_is_none)
{
    static const char *const none[] = {"EHLO a\r\n",    "PASS a\r\n", "RETR a\r\n",   "USERS",
                                       "SSH-2.0-x\r\n", "GET / HTTP", "\x16\x03\x01", "\xff\xf4"};

    assert_none(PROTOCOL_FTP, none, COUNT(none));
}

Test(ftp, greetings)
{
    assert_greeting(PROTOCOL_FTP, BYTES("220 (vsFTPd 3.0.3)\r\n"), GREETING_POSITIVE);
    assert_greeting(PROTOCOL_FTP, BYTES("220 ready\n"), GREETING_POSITIVE);
    assert_greeting(PROTOCOL_FTP,
                    BYTES("220---------- Welcome to Pure-FTPd [privsep] [TLS] ----------\r\n"
                          "220-You are user number 1 of 50 allowed.\r\n"
                          "  220 not the end\r\n"
                          "22\r\n"
                          "\r\n"
                          "220 You will be disconnected after 15 minutes of inactivity.\r\n"),
                    GREETING_POSITIVE);
    assert_greeting(PROTOCOL_FTP, BYTES("421 too many users\r\n"), GREETING_NEGATIVE);
    assert_greeting(PROTOCOL_FTP, BYTES("530-no\r\n530 go away\r\n"), GREETING_NEGATIVE);
}

Test(ftp, what_is_no_greeting)
{
    size_t bytes;

    cr_assert_eq(greet_bytes(PROTOCOL_FTP, BYTES("220 mx.example.org ESMTP\r\n"), &bytes),
                 GREETING_NOT);
    cr_assert_eq(greet_bytes(PROTOCOL_FTP, BYTES("120 ready in 5 minutes\r\n"), &bytes),
                 GREETING_NOT);
    cr_assert_eq(greet_bytes(PROTOCOL_FTP, BYTES("230 in\r\n"), &bytes), GREETING_NOT);
    cr_assert_eq(greet_bytes(PROTOCOL_FTP, BYTES("2200"), &bytes), GREETING_NOT);
    cr_assert_eq(greet_bytes(PROTOCOL_FTP, BYTES("42x no"), &bytes), GREETING_NOT);
}

Test(ftp, greeting_is_bounded)
{
    char text[5000];
    size_t bytes;

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = i < 4 ? "220-"[i] : i % 100 == 99 ? '\n' : 'x';
    cr_assert_eq(greet_bytes(PROTOCOL_FTP, text, 4095, &bytes), GREETING_MORE);
    cr_assert_eq(greet_bytes(PROTOCOL_FTP, text, sizeof(text), &bytes), GREETING_NOT);
}

Test(ftp, answers)
{
    assert_answer(PROTOCOL_FTP, USER, BYTES("331 Please specify the password.\r\n"), 4,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_FTP, USER, BYTES("234 AUTH TLS\r\n"), 4, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_FTP, USER, BYTES("211-Features:\r\n"), 4, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_FTP, USER, BYTES("530 no\r\n"), 1, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_FTP, USER, BYTES("421 no\r\n"), 1, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_FTP, USER, BYTES("+OK\r\n"), 1, ACCEPTANCE_REFUSED);
}
