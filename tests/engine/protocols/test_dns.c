/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_dns.c - questions and answers of DNS over TCP. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_samples.h"

#define ASKED BYTES("\0\x1d\x12\x34\1\0\0\1\0\0\0\0\0\0\7example\3org\0\0\1\0\1")

Test(dns, questions)
{
    assert_samples(PROTOCOL_DNS);
    assert_wrong_at("dns query", 4, 0x81);
    assert_wrong_at("dns query", 4, 0x09);
    assert_wrong_at("dns query", 4, 0x29);
    assert_wrong_at("dns query", 5, 0x03);
    assert_wrong_at("dns query", 5, 0x40);
    assert_wrong_at("dns query", 7, 0);
    assert_wrong_at("dns query", 7, 2);
    assert_wrong_at("dns query", 9, 2);
    assert_wrong_at("dns query", 13, 4);
    assert_fixed("dns query", 6, 13);
}

Test(dns, length_may_come_alone)
{
    cr_assert_eq(check_bytes(PROTOCOL_DNS, BYTES("\0\x1d")), MATCH_MORE);
    cr_assert_eq(check_bytes(PROTOCOL_DNS, BYTES("\0\x10")), MATCH_NO,
                 "shorter than a header and a question");
}

Test(dns, answers)
{
    assert_answer(PROTOCOL_DNS, ASKED, BYTES("\0\x2d\x12\x34\x81\x80\0\1\0\1"), 6,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_DNS, ASKED, BYTES("\0\x1d\x12\x34\x81\x83\0\1\0\0"), 6,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_DNS, ASKED, BYTES("\0\x1d\x12\x34\x81\x85\0\1\0\0"), 6,
                  ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_DNS, ASKED, BYTES("\0\x1d\x12\x34\x01\x80\0\1\0\0"), 6,
                  ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_DNS, ASKED, BYTES("\0\x1d\x12\x35\x81\x80\0\1\0\0"), 6,
                  ACCEPTANCE_REFUSED);
}
