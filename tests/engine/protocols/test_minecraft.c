/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_minecraft.c - handshakes of Minecraft, and pings of its older versions. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_samples.h"

#define STATUS BYTES("\x10\0\xff\5\x09localhost\x63\xdd\1")
#define LOGIN  BYTES("\x10\0\xff\5\x09localhost\x63\xdd\2")

Test(minecraft, requests)
{
    assert_samples(PROTOCOL_MINECRAFT);
    assert_wrong_at("minecraft status", 1, 1);
    assert_wrong_at("minecraft status", 4, 8);
    assert_wrong_at("minecraft status", 6, ' ');
    assert_wrong_at("minecraft status", 16, 4);
    assert_wrong_at("minecraft status", 16, 0);
    cr_assert_eq(check_bytes(PROTOCOL_MINECRAFT,
                             BYTES("\x14\0\xff\xff\xff\xff\x0f\x0awww.a.test\x63\xdd\1")),
                 MATCH_YES, "a status of any version");
    cr_assert_eq(check_bytes(PROTOCOL_MINECRAFT, BYTES("\x0d\0\xff\5\6a\0FML\0\x63\xdd\2")),
                 MATCH_YES);
}

Test(minecraft, answers)
{
    assert_answer(PROTOCOL_MINECRAFT, STATUS, BYTES("\x8c\1\0\x89\1{\"version\""), 3,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_MINECRAFT, LOGIN, BYTES("\x3d\1\0\0"), 2, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_MINECRAFT, LOGIN, BYTES("\x3d\0\x3b{\"text\""), 2, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_MINECRAFT, LOGIN, BYTES("HTTP/1.1 400"), 2, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_MINECRAFT, BYTES("\xfe\1"), BYTES("\xff\0\x23\0\xa7\0\x31"), 1,
                  ACCEPTANCE_ACCEPTED);
}

/* What the handshake announces follows it; the server says nothing before. */
Test(minecraft, handshake_is_whole_with_what_follows)
{
    assert_whole(PROTOCOL_MINECRAFT, BYTES("\x10\0\xff\5\x09localhost\x63\xdd\1\1\0\x09\1"), 19);
}
