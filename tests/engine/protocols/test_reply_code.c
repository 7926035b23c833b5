/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_reply_code.c - answers of three digits, cut at every byte. */
#include <criterion/criterion.h>

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
