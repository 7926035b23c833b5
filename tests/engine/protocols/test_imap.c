/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_imap.c - first commands behind any tag, greetings and answers of IMAP. */
#include <criterion/criterion.h>

#include <string.h>

#include "tests/engine/protocols/support_samples.h"

#define CAPABILITY BYTES("a1 CAPABILITY\r\n")

Test(imap, first_commands)
{
    static const char *const commands[] = {
        "a1 LOGIN a b", "1 STARTTLS\r\n", ". AUTHENTICATE PLAIN", "x noop\r\n",
        "A] logout\n",  "0 ID NIL",       "a ENABLE X",           "a COMPRESS DEFLATE"};

    assert_samples(PROTOCOL_IMAP);
    assert_fixed("imap capability", 5, 15);
    for (size_t i = 0; i < COUNT(commands); i++)
        cr_expect_eq(check_bytes(PROTOCOL_IMAP, commands[i], strlen(commands[i])), MATCH_YES, "%s",
                     commands[i]);
}

Test(imap, what_is_none)
{
    static const char *const none[] = {"a1 SELECT inbox",
                                       "a1  LOGIN",
                                       "* LOGIN",
                                       "+ LOGIN",
                                       " LOGIN",
                                       "a\r\n",
                                       "GET / HTTP/1.1",
                                       "EHLO x",
                                       "\x16\x03\1 x",
                                       "a1 LOGINS",
                                       "a-tag-that-is-longer-than-any-client-would-make NOOP"};

    assert_none(PROTOCOL_IMAP, none, COUNT(none));
}

Test(imap, greetings)
{
    assert_greeting(PROTOCOL_IMAP, BYTES("* OK [CAPABILITY IMAP4rev1 IDLE] Dovecot ready.\r\n"),
                    GREETING_POSITIVE);
    assert_greeting(PROTOCOL_IMAP, BYTES("* ok\r\n"), GREETING_POSITIVE);
    assert_greeting(PROTOCOL_IMAP, BYTES("* BYE too many\r\n"), GREETING_NEGATIVE);
    assert_greeting(PROTOCOL_IMAP, BYTES("* PREAUTH IMAP4rev1 you are in\r\n"), GREETING_NEGATIVE);
}

Test(imap, what_is_no_greeting)
{
    char line[3000];
    size_t bytes;

    cr_assert_eq(greet_bytes(PROTOCOL_IMAP, BYTES("* NO way\r\n"), &bytes), GREETING_NOT);
    cr_assert_eq(greet_bytes(PROTOCOL_IMAP, BYTES("* OKAY\r\n"), &bytes), GREETING_NOT);
    cr_assert_eq(greet_bytes(PROTOCOL_IMAP, BYTES("220 hi\r\n"), &bytes), GREETING_NOT);
    for (size_t i = 0; i < sizeof(line); i++)
        line[i] = i < 5 ? "* OK "[i] : 'x';
    cr_assert_eq(greet_bytes(PROTOCOL_IMAP, line, 2047, &bytes), GREETING_MORE);
    cr_assert_eq(greet_bytes(PROTOCOL_IMAP, line, sizeof(line), &bytes), GREETING_NOT);
}

Test(imap, answers)
{
    assert_answer(PROTOCOL_IMAP, CAPABILITY, BYTES("* CAPABILITY IMAP4rev1\r\na1 OK\r\n"), 3,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_IMAP, CAPABILITY, BYTES("a1 OK done\r\n"), 5, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_IMAP, CAPABILITY, BYTES("+ go on\r\n"), 1, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_IMAP, CAPABILITY, BYTES("a1 NO no\r\n"), 4, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_IMAP, CAPABILITY, BYTES("a1 BAD what\r\n"), 4, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_IMAP, CAPABILITY, BYTES("a2 OK\r\n"), 2, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_IMAP, CAPABILITY, BYTES("* BYE\r\n"), 5, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_IMAP, CAPABILITY, BYTES("* BAD what\r\n"), 5, ACCEPTANCE_REFUSED);
}

/* RFC 7888: "{6+}" is not asked for, "{6}" is. */
Test(imap, literals_that_nobody_asks_for_belong_to_the_command)
{
    assert_whole(PROTOCOL_IMAP, BYTES("a LOGIN {6+}\r\ntester {6+}\r\nsecret\r\nb NOOP\r\n"), 35);
    assert_whole(PROTOCOL_IMAP, BYTES("a LOGIN {0+}\n\r\nx"), 15);
    assert_whole(PROTOCOL_IMAP, BYTES("a LOGIN {6}\r\ntester"), 13);
    assert_whole(PROTOCOL_IMAP, BYTES("a LOGIN {+}\r\ntester"), 13);
    assert_whole(PROTOCOL_IMAP, BYTES("a LOGIN 6+}\r\ntester"), 13);
    assert_whole(PROTOCOL_IMAP, BYTES("a LOGIN {6+} b\r\ntester"), 16);
}

/* The server waits for each of them. */
Test(imap, more_literals_than_are_read_are_never_whole)
{
    char request[8 + 33 * 6 + 2] = "a LOGIN ";
    size_t bytes = 8, needed;

    for (unsigned literals = 0; literals < 33; literals++, bytes += 6)
        memcpy(request + bytes, "{0+}\r\n", 6);
    cr_assert_eq(protocol_whole(PROTOCOL_IMAP, (const uint8_t *)request, bytes - 6, 0, &needed),
                 MATCH_MORE);
    cr_assert_eq(protocol_whole(PROTOCOL_IMAP, (const uint8_t *)request, bytes, 0, &needed),
                 MATCH_NO);
    memcpy(request + bytes - 6, "\r\n", 2);
    cr_assert_eq(protocol_whole(PROTOCOL_IMAP, (const uint8_t *)request, bytes - 4, 0, &needed),
                 MATCH_YES);
}
