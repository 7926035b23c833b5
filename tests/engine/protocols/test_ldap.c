/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_ldap.c - LDAP in every form of its lengths. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_samples.h"

#define BIND BYTES("\x30\x0c\2\1\1\x60\7\2\1\3\4\0\x80\0")

Test(ldap, requests)
{
    assert_samples(PROTOCOL_LDAP);
    assert_fixed("ldap bind", 0, 1);
    assert_fixed("ldap bind", 2, 3);
    assert_wrong_at("ldap bind", 3, 0);    /* a number without a byte */
    assert_wrong_at("ldap bind", 3, 5);    /* and one of five */
    assert_wrong_at("ldap bind", 5, 0x42); /* unbind */
    assert_wrong_at("ldap bind", 6, 8);    /* longer than the message */
    assert_wrong_at("ldap bind", 7, 4);
    assert_wrong_at("ldap long lengths", 1, 0x80); /* without an end */
    assert_wrong_at("ldap long lengths", 1, 0x85);
}

/* SNMP over TCP begins in the same way: its version, and then text. */
Test(ldap, what_is_none)
{
    cr_assert_eq(check_bytes(PROTOCOL_LDAP, BYTES("\x30\x29\2\1\1\4\6public")), MATCH_NO);
    cr_assert_eq(check_bytes(PROTOCOL_LDAP, BYTES("0123456789")), MATCH_NO);
}

Test(ldap, every_width_of_a_length)
{
    cr_assert_eq(check_bytes(PROTOCOL_LDAP, BYTES("\x30\x81\x0c\2\1\1\x60\7\2\1\3\4\0\x80\0")),
                 MATCH_YES);
    cr_assert_eq(check_bytes(PROTOCOL_LDAP, BYTES("\x30\x82\0\x0c\2\1\1\x60\7\2\1\3\4\0\x80\0")),
                 MATCH_YES);
    cr_assert_eq(check_bytes(PROTOCOL_LDAP, BYTES("\x30\x83\0\0\x0c\2\1\1\x60\7\2\1\3\4\0\x80\0")),
                 MATCH_YES);
    cr_assert_eq(check_bytes(PROTOCOL_LDAP, BYTES("\x30\x0d\2\2\1\0\x60\7\2\1\2\4\0\x80\0")),
                 MATCH_YES);
    cr_assert_eq(check_bytes(PROTOCOL_LDAP, BYTES("\x30\x84\xff\0\0\0\2\1\1")), MATCH_NO);
}

Test(ldap, answers)
{
    assert_answer(PROTOCOL_LDAP, BIND, BYTES("\x30\x0c\2\1\1\x61\7\x0a\1\0\4\0\4\0"), 10,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_LDAP, BIND, BYTES("\x30\x0c\2\1\1\x61\7\x0a\1\x31\4\0\4\0"), 10,
                  ACCEPTANCE_REFUSED); /* 49: wrong credentials */
    assert_answer(PROTOCOL_LDAP, BIND, BYTES("\x30\x0c\2\1\2\x61\7\x0a\1\0\4\0\4\0"), 6,
                  ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_LDAP, BIND,
                  BYTES("\x30\x84\0\0\0\x10\2\1\1\x61\x84\0\0\0\7\x0a\1\0\4\0\4\0"), 18,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_LDAP, BIND, BYTES("\x30\x09\2\1\1\x64\4\4\0\x30\0"), 7,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_LDAP, BIND, BYTES("HTTP/1.1 400\r\n"), 1, ACCEPTANCE_REFUSED);
}
