/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_vnc.c - versions of the Remote Framebuffer protocol. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_samples.h"

#define NEW BYTES("RFB 003.008\n")
#define OLD BYTES("RFB 003.003\n")

Test(vnc, requests)
{
    static const char *const none[] = {"RFB 3.8\n", "RFB 003.00x", "RFB 003.008\r",
                                       "rfb 003.008\n"};

    assert_samples(PROTOCOL_VNC);
    assert_fixed("vnc 3.8", 0, 12);
    assert_none(PROTOCOL_VNC, none, COUNT(none));
    cr_assert_eq(check_bytes(PROTOCOL_VNC, BYTES("RFB 003.889\n")), MATCH_YES);
}

Test(vnc, answers)
{
    assert_answer(PROTOCOL_VNC, NEW, BYTES("\2\2\1"), 1, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_VNC, NEW, BYTES("\0\0\0\0\4none"), 1, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_VNC, OLD, BYTES("\0\0\0\2"), 4, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_VNC, OLD, BYTES("\0\0\0\0\0\0\0\4none"), 4, ACCEPTANCE_REFUSED);
}

Test(vnc, greetings)
{
    assert_greeting(PROTOCOL_VNC, BYTES("RFB 003.008\n"), GREETING_POSITIVE);
}
