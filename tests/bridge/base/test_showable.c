/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a terminal may be given. */
#include "bridge/base/showable.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const char *shown(const char *text)
{
    static char line[64];

    snprintf(line, sizeof(line), "%s", text);
    showable_line(line);
    return line;
}

Test(showable, text_of_any_language_passes)
{
    static const char text[] = "caf\xc3\xa9 \xe4\xbd\xa0 \xf0\x9f\x99\x82 \xd7\xa9 ~";

    cr_expect_str_eq(shown(text), text);
}

Test(showable, control_characters_of_both_kinds)
{
    cr_expect_str_eq(shown("a\x1b]0;x\x07\n\x7f"), "a?]0;x???");
    cr_expect_str_eq(shown("a\xc2\x9b"
                           "31m\xc2\x80\xc2\xa0"),
                     "a?31m?\xc2\xa0");
}

Test(showable, what_turns_the_direction_of_text)
{
    cr_expect_str_eq(shown("a\xe2\x80\xae"
                           "b\xe2\x80\xaa\xe2\x81\xa6\xe2\x81\xa9"),
                     "a?b???");
    cr_expect_str_eq(shown("\xd8\x9c\xe2\x80\x8e\xe2\x80\x8f\xe2\x80\xa8\xe2\x80\x90"),
                     "????\xe2\x80\x90");
}

Test(showable, bytes_that_are_no_utf8)
{
    cr_expect_str_eq(shown("\x9b\x80\xff"), "???");
    cr_expect_str_eq(shown("\xc3"), "?");
    cr_expect_str_eq(shown("\xe2\x80"), "??");
    cr_expect_str_eq(shown("\xc1\x9b"), "??"); /* overlong ESC-like */
    cr_expect_str_eq(shown("\xe0\x82\x9b"), "???");
    cr_expect_str_eq(shown("\xed\xa0\x80"), "???"); /* half of a surrogate pair */
}
