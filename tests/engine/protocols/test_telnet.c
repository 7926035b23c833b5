/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_telnet.c - options of Telnet. */
#include <criterion/criterion.h>

#include "tests/engine/protocols/support_samples.h"

#define ASKED BYTES("\xff\xfd\3")

Test(telnet, options)
{
    assert_samples(PROTOCOL_TELNET);
    assert_fixed("telnet do", 0, 1);
    for (unsigned command = 0; command < 256; command++) {
        const uint8_t option[] = {0xff, (uint8_t)command};

        cr_expect_eq(check_bytes(PROTOCOL_TELNET, option, 2),
                     command >= 0xfa && command < 0xff ? MATCH_YES : MATCH_NO, "IAC %u", command);
    }
}

Test(telnet, text_is_none)
{
    static const char *const none[] = {"root\r\n", "\r\n", "\xfe\xff", "GET / HTTP/1.1"};

    assert_none(PROTOCOL_TELNET, none, COUNT(none));
}

Test(telnet, answers)
{
    assert_answer(PROTOCOL_TELNET, ASKED, BYTES("\xff\xfb\3\xff\xfd\x18"), 2, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_TELNET, ASKED, BYTES("login: "), 1, ACCEPTANCE_REFUSED);
    cr_assert(protocol_by_id(PROTOCOL_TELNET)->answers_in_advance,
              "a login prompt follows options said before");
}
