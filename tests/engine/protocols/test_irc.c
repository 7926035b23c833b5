/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_irc.c - registration with an IRC server, and what tells its USER from POP3's. */
#include <criterion/criterion.h>

#include <string.h>

#include "tests/engine/protocols/support_samples.h"

#define CAP BYTES("CAP LS 302\r\n")

Test(irc, requests)
{
    static const char *const none[] = {"USER me\r\n", "USER a b c\r\n", "CAPA\r\n",
                                       "PASSIVE\r\n", "QUIT\r\n",       ":me NICK you\r\n"};

    assert_samples(PROTOCOL_IRC);
    assert_none(PROTOCOL_IRC, none, COUNT(none));
    cr_assert_eq(check_bytes(PROTOCOL_IRC, BYTES("pass secret\r\n")), MATCH_YES);
    cr_assert_eq(check_bytes(PROTOCOL_IRC, BYTES("\n\nNICK a\n")), MATCH_YES);
    cr_assert_eq(check_bytes(PROTOCOL_IRC, BYTES("USER a  0  * ")), MATCH_MORE);
}

Test(irc, line_is_bounded)
{
    char line[600];

    for (size_t i = 0; i < sizeof(line); i++)
        line[i] = i < 5 ? "USER "[i] : 'x';
    cr_assert_eq(check_bytes(PROTOCOL_IRC, line, 512), MATCH_MORE);
    cr_assert_eq(check_bytes(PROTOCOL_IRC, line, sizeof(line)), MATCH_NO);
}

Test(irc, whole_line_behind_empty_ones)
{
    assert_whole(PROTOCOL_IRC, BYTES("\r\n\r\nNICK a\r\nUSER a 0 * a\r\n"), 12);
}

Test(irc, answers)
{
    assert_answer(PROTOCOL_IRC, CAP, BYTES(":irc.example.net CAP * LS :multi-prefix\r\n"), 18,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_IRC, CAP, BYTES(":irc.example.net 001 me :Welcome\r\n"), 18,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_IRC, CAP, BYTES("PING :1234\r\n"), 5, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_IRC, CAP, BYTES("NOTICE AUTH :*** Looking up\r\n"), 7,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_IRC, CAP, BYTES(":irc.example.net 451 * :not registered\r\n"), 18,
                  ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_IRC, CAP, BYTES("cap multigraph dirtyconfig\n"), 1, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_IRC, CAP, BYTES("ERROR :Closing link\r\n"), 1, ACCEPTANCE_REFUSED);
}

static size_t due(const char *request)
{
    return protocol_awaits(PROTOCOL_IRC, (const uint8_t *)request, strlen(request));
}

/* A server that says nothing to half of a registration is not late with its answer. */
Test(irc, half_of_a_registration_awaits_the_other)
{
    cr_expect_neq(due("NICK a\r\n"), 0);
    cr_expect_neq(due("PASS x\r\nUSER a 0 * :a\r\n"), 0);
    cr_expect_neq(due("PASS x\r\nUSER a 0 * :a\r\nNIC"), 0);
    cr_expect_eq(due("NICK a\r\nUSER a 0 * :a\r\n"), 0);
    cr_expect_eq(due("USER a 0 * :a\r\nNICK a\r\n"), 0);
    cr_expect_eq(due("\r\nCAP LS 302\r\n"), 0);
    cr_expect_eq(due("NICK a\r\nCAP LS\r\n"), 0);
    cr_expect_neq(due("NICK a\r\n\r\n"), 0);
    cr_expect_neq(due("NICK a\r\n:x NICK b\r\n"), 0);
    cr_expect_neq(due("NICK a\n  PASS x\n"), 0);
    cr_expect_eq(due("NICK a\r\n :x  USER a 0 * :a\r\n"), 0);
    cr_expect_eq(due("NICK a\r\n :x JOIN #a\r\n"), 0);
}
