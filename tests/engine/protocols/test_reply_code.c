/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_reply_code.c - answers of three digits, cut at every byte. */
#include <criterion/criterion.h>

#include <string.h>

#include "engine/protocols/reply_code.h"

static const uint8_t *text(const char *at)
{
    return (const uint8_t *)at;
}

Test(reply_code, codes)
{
    cr_assert_eq(accepted_by_code(text("250-"), 4), ACCEPTANCE_ACCEPTED);
    cr_assert_eq(accepted_by_code(text("150 "), 4), ACCEPTANCE_ACCEPTED);
    cr_assert_eq(accepted_by_code(text("250"), 3), ACCEPTANCE_MORE);
    cr_assert_eq(accepted_by_code(text("25x"), 3), ACCEPTANCE_REFUSED);
    cr_assert_eq(accepted_by_code(text("5"), 1), ACCEPTANCE_REFUSED);
}

static bool ends_so(const char *line)
{
    return ends_in_message_id(text(line), strlen(line));
}

Test(reply_code, message_ids)
{
    cr_assert(ends_so("220 a dictd <auth> <1.2@a>\r\n"));
    cr_assert(ends_so("220 a <> <1>\n"));
    cr_assert_not(ends_so("220 a dictd <auth> <1.2@a> ready\r\n"));
    cr_assert_not(ends_so("220 a <1.2@a>\r\n"));
    cr_assert_not(ends_so("220 < a > < b >\r\n"));
    cr_assert_not(ends_so("<1> <2"));
    cr_assert_not(ends_so("<1>"));
    cr_assert_not(ends_so(">"));
    cr_assert_not(ends_so(""));
}
