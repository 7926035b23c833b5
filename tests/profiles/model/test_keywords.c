/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_keywords.c - the set is bounded, and made-up names do not push out those in use. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profiles/model/keywords.h"

static bool add(struct keyword_set *set, enum keyword_kind kind, const char *format, int number)
{
    char name[256];
    snprintf(name, sizeof(name), format, number);
    return keyword_set_add(set, kind, (const uint8_t *)name, strlen(name));
}

static bool has(const struct keyword_set *set, enum keyword_kind kind, const char *name)
{
    uint16_t at = 0;
    size_t text_at = 0;
    const uint8_t *text;
    while ((text = keyword_set_next(set, &at, &text_at)) != NULL) {
        const struct keyword_entry *entry = &set->entries[at - 1];
        if (entry->kind == kind && entry->bytes == strlen(name) &&
            memcmp(text, name, entry->bytes) == 0)
            return true;
    }
    return false;
}

static size_t text_of_entries(const struct keyword_set *set)
{
    size_t bytes = 0;
    for (uint16_t i = 0; i < set->count; i++)
        bytes += set->entries[i].bytes;
    return bytes;
}

Test(keywords, a_name_is_held_once)
{
    struct keyword_set set = {0};
    for (int i = 0; i < 300; i++)
        cr_assert(add(&set, KEYWORD_HOST, "a.example", 0));
    cr_assert(add(&set, KEYWORD_SNI, "a.example", 0));
    cr_assert_eq(set.count, 2);
    cr_assert_eq(set.entries[0].seen, KEYWORD_SEEN_MAX);
    cr_assert_eq(keyword_set_count(&set, KEYWORD_HOST), 1);
}

Test(keywords, made_up_names_push_out_each_other)
{
    struct keyword_set set = {0};
    for (int i = 0; i < 10; i++) {
        add(&set, KEYWORD_HOST, "used%d.example", i);
        add(&set, KEYWORD_HOST, "used%d.example", i);
    }
    for (int i = 0; i < 10000; i++)
        cr_assert(add(&set, KEYWORD_HOST, "made-up-%d.example", i));
    cr_assert_leq(set.count, KEYWORDS_MAX);
    cr_assert(has(&set, KEYWORD_HOST, "used0.example"));
    cr_assert(has(&set, KEYWORD_HOST, "used9.example"));
    cr_assert(has(&set, KEYWORD_HOST, "made-up-9999.example"));
    cr_assert_not(has(&set, KEYWORD_HOST, "made-up-0.example"));
    cr_assert_eq(text_of_entries(&set), set.text_bytes);
}

Test(keywords, a_set_full_of_names_in_use_learns_no_more)
{
    struct keyword_set set = {0};
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < KEYWORDS_MAX; i++)
            cr_assert(add(&set, KEYWORD_HOST, "n%d", i));
    cr_assert_eq(set.count, KEYWORDS_MAX);
    cr_assert_not(add(&set, KEYWORD_HOST, "more", 0));
    cr_assert_not(add(&set, KEYWORD_SNI, "more", 0));
    cr_assert(add(&set, KEYWORD_HOST, "n5", 0));
    cr_assert_eq(set.count, KEYWORDS_MAX);
}

Test(keywords, a_full_kind_leaves_the_others_alone)
{
    struct keyword_set set = {0};
    add(&set, KEYWORD_SNI, "a.example", 0);
    for (int i = 0; i < 100; i++)
        cr_assert(add(&set, KEYWORD_ALPN, "p%d", i));
    cr_assert_eq(keyword_set_count(&set, KEYWORD_ALPN), keyword_info(KEYWORD_ALPN)->most);
    cr_assert(has(&set, KEYWORD_SNI, "a.example"));
    cr_assert(has(&set, KEYWORD_ALPN, "p99"));
}

Test(keywords, long_names_fill_the_text)
{
    struct keyword_set set = {0};
    for (int i = 0; i < 100; i++) {
        cr_assert(add(&set, KEYWORD_HOST, "%0240d", i));
        cr_assert_leq(set.text_bytes, KEYWORD_SET_TEXT);
        cr_assert_eq(text_of_entries(&set), set.text_bytes);
    }
    cr_assert_eq(set.count, KEYWORD_SET_TEXT / 240);
}

Test(keywords, the_filter_has_all_of_them)
{
    struct keyword_set set = {0};
    struct keyword_filter filter = {.key = "key of the tests"};
    for (int i = 0; i < 50; i++)
        add(&set, i % 2 ? KEYWORD_HOST : KEYWORD_SNI, "n%d", i);
    keyword_set_fill(&set, &filter);
    cr_assert_eq(filter.count, 50);
    cr_assert(keyword_filter_has(&filter, KEYWORD_SNI, (const uint8_t *)"n48", 3));
    cr_assert_not(keyword_filter_has(&filter, KEYWORD_HOST, (const uint8_t *)"n48", 3));
}

/* Two networks that ask for 128 made-up names hold the set for a week, not for ever. */
Test(keywords, names_that_nobody_asks_for_any_more_make_room)
{
    const uint32_t day_s = 24 * 3600, now_s = 1800000000;
    struct keyword_set set = {0};

    for (int i = 0; i < KEYWORDS_MAX; i++)
        for (int j = 0; j < 300; j++)
            add(&set, KEYWORD_HOST, "x%d", i);
    for (uint32_t day = 0; day < KEYWORD_DAYS; day++) {
        keyword_set_age(&set, now_s + day * day_s);
        for (int j = 0; j < 300; j++)
            add(&set, KEYWORD_HOST, "x%d", 7);
        cr_assert_not(add(&set, KEYWORD_HOST, "new.example", 0), "day %u", day);
    }
    keyword_set_age(&set, now_s + KEYWORD_DAYS * day_s);
    cr_assert(add(&set, KEYWORD_HOST, "new.example", 0));
    cr_assert(has(&set, KEYWORD_HOST, "x7"), "it is in use");
    cr_assert_not(has(&set, KEYWORD_HOST, "x0"), "the oldest has made room");
}

Test(keywords, a_clock_that_goes_back_ages_nothing)
{
    struct keyword_set set = {0};

    add(&set, KEYWORD_HOST, "a.example", 0);
    add(&set, KEYWORD_HOST, "a.example", 0);
    keyword_set_age(&set, 1800000000);
    keyword_set_age(&set, 100000);
    cr_assert_eq(set.entries[0].seen, 2);
    keyword_set_age(&set, 100000 + 100 * 24 * 3600);
    cr_assert_eq(set.entries[0].seen, 1);
}

Test(keywords, a_set_says_in_which_kinds_it_is_full)
{
    struct keyword_set set = {0};

    cr_assert_eq(keyword_set_full(&set), 0);
    for (int i = 0; i < 32; i++)
        add(&set, KEYWORD_EHLO, "host%d", i);
    cr_assert_eq(keyword_set_full(&set), 1u << KEYWORD_EHLO);
    for (int i = 0; i < 96; i++)
        add(&set, KEYWORD_HOST, "host%d", i);
    cr_assert_eq(keyword_set_full(&set), (1u << KEYWORD_KINDS_COUNT) - 1);
}
