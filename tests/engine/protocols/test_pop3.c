/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_pop3.c - first commands, greetings and answers of POP3. */
#include <criterion/criterion.h>

#include <string.h>

#include "engine/protocols/protocol.h"

static enum match check(const char *request)
{
    return protocol_by_id(PROTOCOL_POP3)->check((const uint8_t *)request, strlen(request));
}

static enum acceptance answer(const char *text)
{
    return protocol_by_id(PROTOCOL_POP3)
        ->accepts((const uint8_t *)"USER", 4, (const uint8_t *)text, strlen(text));
}

static enum greeting_verdict greet(const char *text, size_t *bytes)
{
    *bytes = 0;
    return protocol_by_id(PROTOCOL_POP3)->greeting((const uint8_t *)text, strlen(text), bytes);
}

Test(pop3, first_commands)
{
    static const char *const commands[] = {
        "USER me\r\n",      "user me\r\n", "CAPA\r\n", "capa\n",   "AUTH PLAIN\r\n", "AUTH\r\n",
        "APOP me 0123\r\n", "STLS\r\n",    "QUIT\r\n", "UTF8\r\n", "LANG *\r\n",     "uSeR "};

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        cr_expect_eq(check(commands[i]), MATCH_YES, "%s", commands[i]);
}

Test(pop3, what_is_none)
{
    static const char *const none[] = {
        "PASS secret\r\n", "LIST\r\n", "NOOP\r\n", "USERS\r\n", "USE me",
        "GET / HTTP/1.1",  "EHLO x",   "\r\n",     " USER",     "UTF\x18",
        "\x16\x03\x01",    "+OK",      "CAPA\t",   "\023Bit"};

    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        cr_expect_eq(check(none[i]), MATCH_NO, "%s", none[i]);
}

Test(pop3, command_cut_short)
{
    static const char *const cut[] = {"",   "U",  "u",    "US", "USE", "USER", "A",
                                      "AP", "AU", "CAPA", "s",  "Q",   "L",    "UT"};

    for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++)
        cr_expect_eq(check(cut[i]), MATCH_MORE, "'%s'", cut[i]);
    cr_assert_eq(check("UX"), MATCH_NO);
    cr_assert_eq(check("Z"), MATCH_NO);
}

Test(pop3, greetings)
{
    size_t bytes;

    cr_assert_eq(greet("+OK Dovecot ready.\r\n", &bytes), GREETING_POSITIVE);
    cr_assert_eq(bytes, 20u);
    cr_assert_eq(greet("+OK <1896.697170952@dbc.mtview.ca.us>\r\nmore", &bytes), GREETING_POSITIVE);
    cr_assert_eq(bytes, 39u);
    cr_assert_eq(greet("+OK\r\n", &bytes), GREETING_POSITIVE);
    cr_assert_eq(greet("+OK\n", &bytes), GREETING_POSITIVE);
    cr_assert_eq(bytes, 4u);
    cr_assert_eq(greet("-ERR too many connections\r\n", &bytes), GREETING_NEGATIVE);
    cr_assert_eq(bytes, 27u);
}

/* RFC 937, page 12 */
Test(pop3, greeting_of_pop2)
{
    size_t bytes;

    cr_assert_eq(greet("+ POP2 USC-ISIF.ARPA Server\r\n", &bytes), GREETING_POSITIVE);
    cr_assert_eq(bytes, 29u);
    cr_assert_eq(greet("+ POP2 a", &bytes), GREETING_MORE);
    cr_assert_eq(greet("+ PO", &bytes), GREETING_MORE);
    cr_assert_eq(greet("+ POP3 a\r\n", &bytes), GREETING_NOT);
    cr_assert_eq(check("HELO fred secret\r\n"), MATCH_NO, "an SMTP client would say that too");
}

Test(pop3, greetings_cut_short)
{
    static const char *const cut[] = {"",  "+",    "+O",     "+OK", "+OK ready", "+OK ready\r",
                                      "-", "-ERR", "-ERR no"};
    size_t bytes;

    for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++)
        cr_expect_eq(greet(cut[i], &bytes), GREETING_MORE, "'%s'", cut[i]);
}

Test(pop3, greetings_of_others)
{
    static const char *const others[] = {"* OK IMAP4rev1\r\n", "220 hi\r\n", "+OKAY\r\n",
                                         "-ERROR\r\n",         "+ok\r\n",    "\r\n"};
    char line[600];
    size_t bytes;

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        cr_expect_eq(greet(others[i], &bytes), GREETING_NOT, "'%s'", others[i]);
    memset(line, 'x', sizeof(line));
    memcpy(line, "+OK ", 4);
    line[511] = '\n';
    line[599] = 0;
    cr_assert_eq(greet(line, &bytes), GREETING_POSITIVE);
    cr_assert_eq(bytes, 512u);
    line[511] = 'x';
    line[512] = '\n';
    cr_assert_eq(greet(line, &bytes), GREETING_NOT, "longer than a line may be");
}

Test(pop3, answers)
{
    cr_assert_eq(answer("+OK\r\n"), ACCEPTANCE_ACCEPTED);
    cr_assert_eq(answer("+OK Capability list follows\r\n"), ACCEPTANCE_ACCEPTED);
    cr_assert_eq(answer("+ \r\n"), ACCEPTANCE_ACCEPTED);
    cr_assert_eq(answer("-ERR unknown user\r\n+OK\r\n"), ACCEPTANCE_REFUSED,
                 "the first line decides");
    cr_assert_eq(answer("* BAD\r\n"), ACCEPTANCE_REFUSED);
    cr_assert_eq(answer(""), ACCEPTANCE_MORE);
    cr_assert_eq(answer("+"), ACCEPTANCE_MORE);
    cr_assert_eq(answer("+O"), ACCEPTANCE_MORE);
    cr_assert_eq(answer("-ER"), ACCEPTANCE_MORE);
    cr_assert_eq(answer("-ERR"), ACCEPTANCE_MORE);
    cr_assert_eq(answer("+OKAY"), ACCEPTANCE_REFUSED);
}
