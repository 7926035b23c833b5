/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>

#include <string.h>

#include "profiles/model/greeting_model.h"

static void add(struct greeting_model *model, const char *greeting)
{
    greeting_model_add(model, (const uint8_t *)greeting, strlen(greeting));
}

Test(greeting_model, equal_ones_are_stable)
{
    struct greeting_model model = {0};
    cr_assert_eq(greeting_model_kind(&model), GREETING_UNKNOWN);
    for (int i = 0; i < 3; i++)
        add(&model, "+OK ready\r\n");
    cr_assert_eq(greeting_model_kind(&model), GREETING_STABLE);
    cr_assert(greeting_model_equals(&model, (const uint8_t *)"+OK ready\r\n", 11));
    cr_assert_not(greeting_model_equals(&model, (const uint8_t *)"+OK Ready\r\n", 11));
}

Test(greeting_model, one_that_is_the_beginning_of_another_is_not_stable)
{
    struct greeting_model model = {0};
    add(&model, "+OK ready\r\n+OK");
    add(&model, "+OK ready\r\n");
    cr_assert_neq(greeting_model_kind(&model), GREETING_STABLE);
}

Test(greeting_model, same_around_something_that_changes_is_a_template)
{
    struct greeting_model model = {0};
    add(&model, "220 mail.example.org ESMTP 17:01:02\r\n");
    add(&model, "220 mail.example.org ESMTP 17:01:59\r\n");
    cr_assert_eq(greeting_model_kind(&model), GREETING_TEMPLATE);
    cr_assert_eq(model.suffix, 2);
}

Test(greeting_model, nothing_in_common_is_variable)
{
    struct greeting_model model = {0};
    add(&model, "abcdefgh");
    add(&model, "12345678");
    cr_assert_eq(greeting_model_kind(&model), GREETING_VARIABLE);
}

Test(greeting_model, changed_server_is_believed_after_eight)
{
    struct greeting_model model = {0};
    for (int i = 0; i < 100; i++)
        add(&model, "+OK version 1\r\n");
    for (int i = 0; i < 8; i++) {
        add(&model, "+OK version 2\r\n");
        cr_assert_eq(greeting_model_kind(&model), i < 7 ? GREETING_TEMPLATE : GREETING_STABLE);
    }
}

Test(greeting_model, too_long_is_never_stable)
{
    struct greeting_model model = {0};
    uint8_t greeting[GREETING_BYTES_MAX + 1];
    memset(greeting, 'x', sizeof(greeting));
    for (int i = 0; i < 9; i++)
        greeting_model_add(&model, greeting, sizeof(greeting));
    cr_assert_eq(greeting_model_kind(&model), GREETING_VARIABLE);
    greeting_model_add(&model, greeting, GREETING_BYTES_MAX);
    cr_assert_eq(model.bytes, GREETING_BYTES_MAX);
}

Test(greeting_model, refusals_are_known)
{
    static const char *const refusals[] = {"421 x",
                                           "554-x",
                                           "-ERR x",
                                           "* BYE x",
                                           "HTTP/1.1 503 x",
                                           "\x15\x03\x03",
                                           "GET BAD Error",
                                           "* BAD x",
                                           "<html><title>400 Bad Request",
                                           "ERROR",
                                           "Unknown command",
                                           "Not allowed at this time",
                                           "Exceeded MaxStartups",
                                           "Too many users",
                                           "Sorry, no more lines",
                                           "% Connection refused",
                                           "Password required, but none set",
                                           "Access denied",
                                           "Line is in use"};
    static const char *const beginnings[] = {"4",    "421", "-",    "HTTP/1.1",
                                             "\x15", "* B", "<htm", "Unk"};
    static const char *const others[] = {
        "220 x",     "+OK",       "HTTP/1.1 200 OK",
        "SSH-2.0-x", "* OK",      "",
        "42 x",      "login: ",   "\xff\xfd\x18",
        "Welcome",   "100% free", "% This is the RIPE Database query service."};
    for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++)
        cr_assert_eq(looks_like_refusal((const uint8_t *)refusals[i], strlen(refusals[i])),
                     MATCH_YES, "%s", refusals[i]);
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(*beginnings); i++)
        cr_assert_eq(looks_like_refusal((const uint8_t *)beginnings[i], strlen(beginnings[i])),
                     MATCH_MORE, "%s", beginnings[i]);
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        cr_assert_eq(looks_like_refusal((const uint8_t *)others[i], strlen(others[i])), MATCH_NO,
                     "%s", others[i]);
    const uint8_t mysql[] = {3, 0, 0, 0, 0xff, 0x10, 0x04};
    cr_assert_eq(looks_like_refusal(mysql, sizeof(mysql)), MATCH_YES);
}
