/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_edonkey.c - plain first messages of eDonkey and eMule. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_samples.h"

#define HELLO BYTES("\xe3\x77\0\0\0\1\x10\x1b")

Test(edonkey, first_messages)
{
    assert_samples(PROTOCOL_EDONKEY);
    assert_wrong_at("edonkey hello", 0, 0xe4);
    assert_wrong_at("edonkey hello", 3, 1);
    assert_wrong_at("edonkey hello", 4, 1);
    assert_wrong_at("edonkey hello", 5, 0x4c);
    cr_assert_eq(check_bytes(PROTOCOL_EDONKEY, BYTES("\xe3\5\0")), MATCH_NO,
                 "too short for any of them");
}

Test(edonkey, two_messages_may_share_a_segment)
{
    cr_assert_eq(
        check_bytes(PROTOCOL_EDONKEY, BYTES("\xc5\x06\0\0\0\1\x3c\1\0\0\0\xe3\x77\0\0\0\1\x10")),
        MATCH_YES);
}

Test(edonkey, answers)
{
    assert_answer(PROTOCOL_EDONKEY, HELLO, BYTES("\xe3\x7f\0\0\0\x4c\x3a\x35"), 6,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_EDONKEY, HELLO, BYTES("\xc5\x24\0\0\0\1\x3c\1"), 6, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_EDONKEY, HELLO, BYTES("\xe3\5\0\0\0\x40\1\2\3\4"), 6,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_EDONKEY, HELLO, BYTES("\xe3\x0c\0\0\0\x38\1\2"), 6, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_EDONKEY, HELLO, BYTES("\xe3\1\0\0\0\5"), 6, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_EDONKEY, HELLO, BYTES("HTTP/1.1 400"), 1, ACCEPTANCE_REFUSED);
}
