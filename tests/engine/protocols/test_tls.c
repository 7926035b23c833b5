/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_tls.c - first bytes of TLS, whole and in pieces, and what is none. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_samples.h"

#define HELLO            "\x16\3\1\0\xc1\1\0\0\xbd\3\3"
#define ACCEPTED(answer) BYTES(HELLO), BYTES(answer), 6, ACCEPTANCE_ACCEPTED

Test(tls, client_hellos)
{
    assert_samples(PROTOCOL_TLS);
}

Test(tls, any_version_of_the_record)
{
    cr_assert_eq(check_bytes(PROTOCOL_TLS, BYTES("\x16\3\0\0\x40\1")), MATCH_YES,
                 "3.0 in the record, newer inside");
    cr_assert_eq(check_bytes(PROTOCOL_TLS, BYTES("\x16\3\2\0\x40\1")), MATCH_YES);
    cr_assert_eq(check_bytes(PROTOCOL_TLS, BYTES("\x16\3\4\0\x40\1")), MATCH_YES);
}

Test(tls, longest_and_shortest_record)
{
    cr_assert_eq(check_bytes(PROTOCOL_TLS, BYTES("\x16\3\1\x40\0\1")), MATCH_YES, "16,384 bytes");
    cr_assert_eq(check_bytes(PROTOCOL_TLS, BYTES("\x16\3\1\x40\1")), MATCH_NO);
    cr_assert_eq(check_bytes(PROTOCOL_TLS, BYTES("\x16\3\1\x41")), MATCH_NO);
    cr_assert_eq(check_bytes(PROTOCOL_TLS, BYTES("\x16\3\1\0\4\1")), MATCH_YES);
    cr_assert_eq(check_bytes(PROTOCOL_TLS, BYTES("\x16\3\1\0\3")), MATCH_NO);
}

Test(tls, every_byte_counts)
{
    assert_fixed("tls 1.2", 0, 2);
    assert_wrong_at("tls 1.2", 2, 5);
    assert_wrong_at("tls 1.2", 5, 2);
    assert_wrong_at("tls 1.2", 5, 0);
}

Test(tls, what_is_none)
{
    cr_assert_eq(check_bytes(PROTOCOL_TLS, BYTES("\x80\x7c\1\3\1\0\x63\0\0\0\x10")), MATCH_NO,
                 "a hello of SSLv2");
    cr_assert_eq(check_bytes(PROTOCOL_TLS, BYTES("\x15\3\1\0\2\1\0")), MATCH_NO, "an alert");
    cr_assert_eq(check_bytes(PROTOCOL_TLS, BYTES("\x17\3\3\0\x20")), MATCH_NO, "application data");
    cr_assert_eq(check_bytes(PROTOCOL_TLS, BYTES("GET / HTTP/1.1\r\n")), MATCH_NO);
}

Test(tls, answers)
{
    assert_answer(PROTOCOL_TLS, ACCEPTED("\x16\3\3\0\x7a\2\0\0\x76\3\3"));
    assert_answer(PROTOCOL_TLS, BYTES(HELLO), BYTES("\x16\3\3\0\x7a\1\0\0"), 6, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_TLS, BYTES(HELLO), BYTES("\x15\3\3\0\2\2\x28"), 1, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_TLS, BYTES(HELLO), BYTES("HTTP/1.1 400 Bad Request\r\n"), 1, ACCEPTANCE_REFUSED);
}
