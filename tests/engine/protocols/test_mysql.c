/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mysql.c - packets of MySQL and MariaDB: what clients reply, greetings with their salt,
 * errors. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_samples.h"

#define LOGIN "\xd6\0\0\1\x84\xa6\xff\x20\0\0\0\1\x21"
#define WISH  "\x20\0\0\1\x85\xae\xff\x19\0\0\0\1\xff"
#define GREETING                                                                                   \
    "\x1f\0\0\0\x0a"                                                                               \
    "8.0.36\0"                                                                                     \
    "\x0c\0\0\0"                                                                                   \
    "1tux_#V\0"                                                                                    \
    "\xff\xff\xff\2\0\xff\xdf\x15..."

Test(mysql, requests)
{
    assert_samples(PROTOCOL_MYSQL);
    assert_wrong_at("mysql login", 2, 1);
    assert_wrong_at("mysql login", 3, 0);
    assert_wrong_at("mysql login", 5, 0xa4);
    assert_wrong_at("mysql tls", 5, 0xa6);
    assert_wrong_at("mysql tls", 5, 0xac);
}

Test(mysql, lengths_of_requests)
{
    cr_assert_eq(check_bytes(PROTOCOL_MYSQL, BYTES("\x1f\0\0")), MATCH_NO);
    cr_assert_eq(check_bytes(PROTOCOL_MYSQL, BYTES("\0\x40\0\1\x84\xa6")), MATCH_YES, "16 KiB");
    cr_assert_eq(check_bytes(PROTOCOL_MYSQL, BYTES("\1\x40\0")), MATCH_NO);
}

Test(mysql, greetings)
{
    assert_greeting(PROTOCOL_MYSQL, BYTES(GREETING), GREETING_POSITIVE);
    assert_greeting(PROTOCOL_MYSQL,
                    BYTES("\x17\0\0\0\xff\x10\4"
                          "Too many connections"),
                    GREETING_NEGATIVE);
}

Test(mysql, what_is_no_greeting)
{
    size_t bytes;

    cr_assert_eq(greet_bytes(PROTOCOL_MYSQL, BYTES("\x27\0\0\0\x09"), &bytes), GREETING_NOT,
                 "protocol 9");
    cr_assert_eq(greet_bytes(PROTOCOL_MYSQL, BYTES("\x27\0\0\1"), &bytes), GREETING_NOT);
    cr_assert_eq(greet_bytes(PROTOCOL_MYSQL, BYTES("\x27\1"), &bytes), GREETING_NOT);
    cr_assert_eq(greet_bytes(PROTOCOL_MYSQL, BYTES("\5"), &bytes), GREETING_NOT);
    cr_assert_eq(greet_bytes(PROTOCOL_MYSQL, BYTES("220"), &bytes), GREETING_NOT);
}

Test(mysql, answers)
{
    assert_answer(PROTOCOL_MYSQL, BYTES(LOGIN), BYTES("\7\0\0\2\0\0\0\2\0\0\0"), 5,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_MYSQL, BYTES(LOGIN), BYTES("\x2c\0\0\2\xfemysql_native_password"), 5,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_MYSQL, BYTES(LOGIN), BYTES("\2\0\0\2\1\4"), 5, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_MYSQL, BYTES(LOGIN), BYTES("\x48\0\0\2\xff\x15\4#28000Access denied"), 5,
                  ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_MYSQL, BYTES(LOGIN), BYTES("\7\0\0\0\0\0\0\2\0\0\0"), 4,
                  ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_MYSQL, BYTES(WISH), BYTES("\x16\3\3\0\x7a\2"), 2, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_MYSQL, BYTES(WISH), BYTES("\x15\3\3\0\2\2"), 1, ACCEPTANCE_REFUSED);
}
