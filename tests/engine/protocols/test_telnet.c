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

Test(telnet, text_without_end_is_no_answer)
{
    char text[1200];

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = i % 60 == 59 ? '\n' : 'x';
    cr_assert_eq(answer_bytes(PROTOCOL_TELNET, ASKED, text, 1023), ACCEPTANCE_MORE);
    cr_assert_eq(answer_bytes(PROTOCOL_TELNET, ASKED, text, sizeof(text)), ACCEPTANCE_REFUSED);
}

Test(telnet, answers)
{
    assert_answer(PROTOCOL_TELNET, ASKED, BYTES("\xff\xfb\3\xff\xfd\x18"), 2, ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_TELNET, ASKED, BYTES("Debian\r\nlogin: \xff\xfc\3"), 17,
                  ACCEPTANCE_ACCEPTED);
    assert_answer(PROTOCOL_TELNET, ASKED, BYTES("\x1b[2J\xff\xff"), 6, ACCEPTANCE_REFUSED);
    assert_answer(PROTOCOL_TELNET, ASKED, BYTES("5\0\0\0\n8.0\1\2"), 9, ACCEPTANCE_REFUSED);
    cr_assert_eq(answer_bytes(PROTOCOL_TELNET, ASKED, BYTES("login: ")), ACCEPTANCE_MORE,
                 "an option may follow");
    cr_assert(protocol_by_id(PROTOCOL_TELNET)->answers_in_advance,
              "a login prompt follows options said before");
}
