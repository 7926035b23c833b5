/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_keyword.c - names have one form, and the filter knows those that were put into it and no
 * others. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/protocols/keyword.h"

static bool put(struct keywords_found *found, enum keyword_kind kind, const char *name)
{
    return keywords_put(found, kind, (const uint8_t *)name, strlen(name));
}

static void add(struct keyword_filter *filter, enum keyword_kind kind, const char *name)
{
    keyword_filter_add(filter, kind, (const uint8_t *)name, strlen(name));
}

static bool has(const struct keyword_filter *filter, enum keyword_kind kind, const char *name)
{
    return keyword_filter_has(filter, kind, (const uint8_t *)name, strlen(name));
}

Test(keyword, kinds_have_names_of_their_own)
{
    for (int kind = 0; kind < KEYWORD_KINDS_COUNT; kind++) {
        const struct keyword_info *info = keyword_info((enum keyword_kind)kind);

        cr_assert_eq(keyword_kind_from_name(info->name), kind);
        cr_assert(info->most > 0 && info->most <= KEYWORDS_MAX);
    }
    cr_assert_eq(keyword_kind_from_name("Host"), -1);
}

Test(keyword, one_form_of_a_name)
{
    static const struct {
        enum keyword_kind kind;
        const char *name, *form;
    } names[] = {{KEYWORD_HOST, "WWW.Example", "www.example"},
                 {KEYWORD_DATABASE, "Mail Store", "Mail%20Store"},
                 {KEYWORD_HOST, "%\x7f\n\xff~", "%25%7F%0A%FF~"},
                 {KEYWORD_ALPN, "", ""}};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct keywords_found found;

        keywords_none(&found);
        cr_assert(put(&found, names[i].kind, names[i].name));
        cr_assert_eq(found.names[0].bytes, strlen(names[i].form));
        cr_assert_arr_eq(keyword_text(&found, 0), names[i].form, strlen(names[i].form));
    }
}

Test(keyword, what_does_not_fit_adds_nothing)
{
    struct keywords_found found;
    char name[400];

    memset(name, 'a', sizeof(name));
    keywords_none(&found);
    cr_assert_not(keywords_put(&found, KEYWORD_HOST, (const uint8_t *)name, KEYWORD_BYTES_MAX + 1));
    cr_assert_not(put(&found, KEYWORD_INFO_HASH, "too short"));
    cr_assert_eq(found.count, 0);
    cr_assert_eq(found.text_bytes, 0);
    for (int i = 0; i < KEYWORDS_FOUND_MAX; i++)
        cr_assert(put(&found, KEYWORD_ALPN, "h2"));
    cr_assert_not(put(&found, KEYWORD_ALPN, "h2"));
    keywords_put_absent(&found, KEYWORD_SNI);
    cr_assert_eq(found.count, KEYWORDS_FOUND_MAX);
    keywords_none(&found);
    for (int i = 0; i < 3; i++)
        cr_assert(keywords_put(&found, KEYWORD_HOST, (const uint8_t *)name, 250));
    cr_assert_not(keywords_put(&found, KEYWORD_HOST, (const uint8_t *)name, 250),
                  "the text is full");
}

Test(keyword, filter_knows_what_was_added)
{
    struct keyword_filter filter = {.key = "key of the tests"};
    char name[16];

    for (int i = 0; i < KEYWORDS_MAX + 10; i++) {
        snprintf(name, sizeof(name), "name%d", i);
        add(&filter, KEYWORD_HOST, name);
        add(&filter, KEYWORD_HOST, "name0");
    }
    cr_assert_eq(filter.count, KEYWORDS_MAX);
    for (int i = 0; i < KEYWORDS_MAX + 10; i++) {
        snprintf(name, sizeof(name), "name%d", i);
        cr_assert_eq(has(&filter, KEYWORD_HOST, name), i < KEYWORDS_MAX, "%s", name);
        cr_assert_not(has(&filter, KEYWORD_SNI, name));
    }
    for (uint16_t i = 1; i < filter.count; i++)
        cr_assert_lt(filter.hashes[i - 1], filter.hashes[i]);
}

Test(keyword, another_key_is_another_filter)
{
    struct keyword_filter one = {.key = "key of the tests"}, other = {.key = "another test key"};

    add(&one, KEYWORD_HOST, "a");
    add(&other, KEYWORD_HOST, "a");
    cr_assert_neq(one.hashes[0], other.hashes[0]);
}

Test(keyword, one_name_of_each_kind_must_be_known)
{
    struct keyword_filter filter = {.key = "key of the tests"};
    struct keywords_found found;

    add(&filter, KEYWORD_SNI, "a.example");
    add(&filter, KEYWORD_ALPN, "h2");
    keywords_none(&found);
    put(&found, KEYWORD_SNI, "a.example");
    put(&found, KEYWORD_ALPN, "spdy/3");
    cr_assert_not(keywords_accepted(&filter, &found));
    put(&found, KEYWORD_ALPN, "h2");
    cr_assert(keywords_accepted(&filter, &found));
    put(&found, KEYWORD_HOST, "a.example");
    cr_assert_not(keywords_accepted(&filter, &found));
    keywords_none(&found);
    cr_assert(keywords_accepted(&filter, &found), "nothing was asked");
    keywords_put_absent(&found, KEYWORD_SNI);
    cr_assert_not(keywords_accepted(&filter, &found), "none named is a name too");
    add(&filter, KEYWORD_SNI, "");
    cr_assert(keywords_accepted(&filter, &found));
}
