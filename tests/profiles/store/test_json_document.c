/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_json_document.c - what is a whole document, and where it is not. */
#include <criterion/criterion.h>

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profiles/store/json_document.h"

static enum json_flaw_kind flaw_of(const char *text, enum json_encoding encoding,
                                   struct json_flaw *flaw)
{
    struct json_object *document = json_document(text, strlen(text), encoding, flaw);

    cr_assert_eq(document == NULL, flaw->kind != JSON_FLAW_NONE, "%s", text);
    json_object_put(document);
    return flaw->kind;
}

Test(json_document, whole_ones)
{
    static const char *const whole[] = {
        "{}",
        " \t\r\n{\"a\": 1}\r\n\t ",
        "{\"a\": {\"a\": {\"a\": [{\"a\": 1}, {\"a\": 2}]}}, \"b\": null}",
        "{\"a:b\": \"c:d \\\" : e\", \"\\\"\": \":\", \"A\": 1, \"a\": 1}",
    };
    struct json_flaw flaw;

    for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++)
        cr_assert_eq(flaw_of(whole[i], JSON_UTF8, &flaw), JSON_FLAW_NONE, "%s: %s", whole[i],
                     flaw.reason);
}

Test(json_document, flaws_have_a_kind_and_a_place)
{
    static const struct {
        const char *text;
        enum json_flaw_kind kind;
        size_t offset;
    } bad[] = {
        {"", JSON_FLAW_EARLY, 0},
        {"  ", JSON_FLAW_EARLY, 2},
        {"{\"a\": [1, 2", JSON_FLAW_EARLY, 11},
        {"{\"a\": 1,}", JSON_FLAW_MALFORMED, 8},
        {"{'a': 1}", JSON_FLAW_MALFORMED, 1},
        {"{\"a'b\": 1, 'c\"d': 1}", JSON_FLAW_MALFORMED, 11},
        {"{} x", JSON_FLAW_MALFORMED, 3},
        {"[1]", JSON_FLAW_KIND, 0},
        {"null ", JSON_FLAW_KIND, 0},
        {"{\"a\": 1, \"b\": 2, \"a\": 1}", JSON_FLAW_TWICE, 17},
        {"{\"x\": [{\"p\": 1}, {\"q\": {\"r\": 1, \"r\": 2}}]}", JSON_FLAW_TWICE, 32},
        {"{\"ab\": 1, \"a\": 2, \"ab\": 3, \"a\": 4}", JSON_FLAW_TWICE, 27},
        {"{\"a\": null, \"a\": null}", JSON_FLAW_TWICE, 12},
        {"{\"\": 1, \"\": 2}", JSON_FLAW_TWICE, 8},
        {"{\"a\": 1, \"\\u0061\": 2}", JSON_FLAW_TWICE, 0}, /* the same key, written in two ways */
    };
    struct json_flaw flaw;

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        cr_assert_eq(flaw_of(bad[i].text, JSON_UTF8, &flaw), bad[i].kind, "%s: %s", bad[i].text,
                     flaw.reason);
        cr_assert_eq(flaw.offset, bad[i].offset, "%s: %s at %zu", bad[i].text, flaw.reason,
                     flaw.offset);
        cr_assert_neq(flaw.reason[0], '\0');
    }
}

Test(json_document, nothing_may_follow_not_even_a_zero_byte)
{
    struct json_flaw flaw;

    cr_assert_null(json_document("{}\0{}", 5, JSON_UTF8, &flaw));
    cr_assert_eq(flaw.kind, JSON_FLAW_MALFORMED);
    cr_assert_eq(flaw.offset, 2);
}

Test(json_document, encoding_is_checked_where_it_matters)
{
    struct json_flaw flaw;

    cr_assert_eq(flaw_of("{\"a\": \"\xff\"}", JSON_UTF8, &flaw), JSON_FLAW_MALFORMED);
    cr_assert_eq(flaw_of("{\"a\": \"\xff\"}", JSON_ANY_BYTES, &flaw), JSON_FLAW_NONE);
}

/* As many keys as an attacker cares to send: the answer comes at once. */
Test(json_document, one_of_many_keys_stands_twice, .timeout = 30)
{
    enum { KEYS = 200000 };
    char *text = malloc(KEYS * 16), *at = text;
    struct json_flaw flaw;

    for (unsigned i = 0; i < KEYS; i++)
        at += sprintf(at, "%c\"%u\":0", i ? ',' : '{', i == KEYS - 1 ? 77777 : i);
    strcpy(at, "}");
    cr_assert_eq(flaw_of(text, JSON_UTF8, &flaw), JSON_FLAW_TWICE);
    cr_assert_eq(flaw.offset, (size_t)(at - text) - strlen("\"77777\":0"));
    cr_assert_str_eq(flaw.reason, "\"77777\" stands twice in one object");
    free(text);
}

Test(json_document, values_are_found_by_their_path)
{
    static const char text[] =
        "{\"a\": [1, {\"b\": 2}],\n \"s\": {\"t.x\": 3,\n \"t.y\": 4, \"t\": {\"z\": 5}}}";
    static const struct {
        const char *path, *value;
    } found[] = {
        {"a.0", "1"},   {"a.1.b", "2"}, {"s.t.x", "3"},
        {"s.t.y", "4"}, {"s.t.z", "5"}, {"s.none", "{\"t.x\""},
    };

    for (size_t i = 0; i < sizeof(found) / sizeof(*found); i++) {
        const size_t at = json_locate(text, strlen(text), found[i].path);

        cr_assert_eq(strncmp(text + at, found[i].value, strlen(found[i].value)), 0, "%s: %s",
                     found[i].path, text + at);
    }
    cr_assert_eq(json_line(text, strlen(text), json_locate(text, strlen(text), "s.t.y")), 3);
}
