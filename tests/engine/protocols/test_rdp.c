/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_rdp.c - connection requests of RDP, and what is another service over TPKT. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_samples.h"

#define ASKED BYTES("\3\0\0\x13\x0e\xe0\0\0\0\0\0\1\0\x08\0\x0b\0\0\0")

Test(rdp, requests)
{
    assert_samples(PROTOCOL_RDP);
    assert_fixed("rdp cookie", 0, 2);
    assert_fixed("rdp cookie", 5, 8);
    assert_fixed("rdp cookie", 10, 11);
    assert_wrong_at("rdp wishes", 4, 0x0f);
    assert_wrong_at("rdp wishes", 4, 0x05);
    assert_wrong_at("rdp bare", 3, 0x0a);
}

Test(rdp, other_services_over_tpkt)
{
    cr_assert_eq(check_bytes(PROTOCOL_RDP,
                             BYTES("\3\0\0\x16\x11\xe0\0\0\0\1\0\xc0\1\x0a\xc1\2\1\0\xc2\2\1\2")),
                 MATCH_NO, "S7");
    assert_wrong_at("rdp wishes", 11, 0xc1);
    assert_wrong_at("rdp wishes", 11, 0xc2);
}

Test(rdp, answers)
{
    assert_answer(PROTOCOL_RDP, ASKED, BYTES("\3\0\0\x13\x0e\xd0\0\0\x12\x34\0\2\0\x08\0\1\0\0\0"),
                  12, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_RDP, ASKED, BYTES("\3\0\0\x0b\x06\xd0\0\0\x12\x34\0"), 11,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_RDP, ASKED, BYTES("\3\0\0\x13\x0e\xd0\0\0\x12\x34\0\3\0\x08\0\5\0\0\0"),
                  12, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_RDP, ASKED, BYTES("\3\0\0\x0b\x06\x80\0\0\0\0\0"), 6,
                  ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_RDP, ASKED, BYTES("HTTP/1.1 400"), 1, ACCEPTANCE_REFUSED);
}
