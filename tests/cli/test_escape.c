/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text made safe for a terminal. */
#include <criterion/criterion.h>
#include <string.h>

#include "cli/escape.h"

Test(escape, readable)
{
    char out[64];

    cr_assert_str_eq(escape_text("+OK ready\r\n", 11, out, sizeof(out)), "+OK ready\\r\\n");
    cr_assert_str_eq(escape_text("a\tb\\c\"", 6, out, sizeof(out)), "a\\tb\\\\c\"");
    cr_assert_str_eq(escape_text("", 0, out, sizeof(out)), "");
    cr_assert_str_eq(escape_text("\0\x1b\x7f\x9b\xc3\xa9", 6, out, sizeof(out)),
                     "\\x00\\x1b\\x7f\\x9b\\xc3\\xa9");
}

Test(escape, every_byte_becomes_printable_ascii)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char text = (char)byte, out[8];

        escape_text(&text, 1, out, sizeof(out));
        cr_assert(strlen(out) >= 1);
        for (const char *at = out; *at; at++)
            cr_assert(*at >= 0x20 && *at < 0x7f, "byte %u", byte);
    }
}

Test(escape, cut_between_characters)
{
    char out[6];

    cr_assert_str_eq(escape_text("ab\n\n", 4, out, sizeof(out)), "ab\\n");
    cr_assert_str_eq(escape_text("abcdefgh", 8, out, sizeof(out)), "abcde");
    cr_assert_str_eq(escape_text("\x01\x01", 2, out, sizeof(out)), "\\x01");
}
