/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_smb.c - Negotiate of SMB 1 to 3, and session requests to port 139. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_samples.h"

#define SMB1 BYTES("\0\0\0\x54\xffSMB\x72")
#define SMB2 BYTES("\0\0\0\x66\xfeSMB\x40\0")
#define SESSION                                                                                    \
    BYTES("\x81\0\0\x44\x20"                                                                       \
          "EE")

Test(smb, requests)
{
    assert_samples(PROTOCOL_SMB);
    assert_fixed("smb1", 0, 2);
    assert_fixed("smb1", 4, 9);
    assert_fixed("smb2", 4, 10);
    assert_fixed("smb2", 16, 18);
    assert_fixed("smb 139", 0, 5);
    assert_wrong_at("smb 139", 5, 'Q');
    assert_wrong_at("smb1", 8, 0x73);
    assert_wrong_at("smb2", 4, 0xfd);
}

Test(smb, answers)
{
    assert_answer(PROTOCOL_SMB, SMB1, BYTES("\0\0\0\x55\xffSMB\x72\0\0\0\0\x98"), 13,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_SMB, SMB1, BYTES("\0\0\0\x55\xffSMB\x72\x22\0\0\xc0\x98"), 10,
                  ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_SMB, SMB2, BYTES("\0\0\0\xf8\xfeSMB\x40\0\1\0\0\0\0\0\0\0"), 16,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_SMB, SMB2, BYTES("\0\0\0\xf8\xfeSMB\x40\0\1\0\xbb\0\0\xc0\0\0"), 13,
                  ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_SMB, SMB1, BYTES("\0\0\0\xf8\xfeSMB\x40\0\0\0\0\0\0\0\0\0"), 16,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_SMB, SESSION, BYTES("\x82\0\0\0"), 1, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_SMB, SESSION, BYTES("\x83\0\0\1\x8f"), 1, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_SMB, SMB1, BYTES("HTTP/1.1 400"), 1, ACCEPTANCE_REFUSED);
}
