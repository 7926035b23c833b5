/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_socks.c - requests of SOCKS 4, 4a and 5. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_samples.h"

#define FIVE BYTES("\5\1\0")
#define FOUR BYTES("\4\1\0\x50\xc0\0\2\7\0")

Test(socks, requests)
{
    assert_samples(PROTOCOL_SOCKS);
    assert_wholes(PROTOCOL_SOCKS);
    assert_wrong_at("socks 5", 1, 0); /* no method at all */
    assert_wrong_at("socks 5", 1, 9);
    assert_wrong_at("socks 5", 2, 0x20); /* not assigned */
    assert_wrong_at("socks 4", 1, 3);
    assert_wrong_at("socks 4", 3, 0); /* port 0 */
    assert_wrong_at("socks 4", 9, 1); /* not a name */
    assert_wrong_at("socks 4a", 12, 0x7f);
    cr_assert_eq(check_bytes(PROTOCOL_SOCKS, BYTES("\5\2\3\x80")), MATCH_NO,
                 "nobody offers only what is hardly known");
    cr_assert_eq(check_bytes(PROTOCOL_SOCKS, BYTES("\5\2\x80\2")), MATCH_YES);
    assert_whole(PROTOCOL_SOCKS, BYTES("\5\1\0\5\1\0\1\xc0\0\2\7\0\x50"), 3); /* not waited for */
}

Test(socks, answers)
{
    assert_answer(PROTOCOL_SOCKS, FIVE, BYTES("\5\0"), 2, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_SOCKS, FIVE, BYTES("\5\xff"), 2, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_SOCKS, FIVE, BYTES("\0\x5a\0\0\0\0\0\0"), 1, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_SOCKS, FOUR, BYTES("\0\x5a\0\0\0\0\0\0"), 2, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_SOCKS, FOUR, BYTES("\0\x5b\0\0\0\0\0\0"), 2, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_SOCKS, FOUR, BYTES("\0\1"), 2, ACCEPTANCE_REFUSED);
}
