/* SPDX-License-Identifier: GPL-2.0-or-later */
/* support_keywords.c - see support_keywords.h. */
#include "tests/engine/protocols/support_keywords.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *copy_of(const void *bytes, size_t count)
{
    void *copy = malloc(count ? count : 1);

    memcpy(copy, bytes, count);
    return copy;
}

static enum match read_keywords(enum protocol_id id, const void *request, size_t bytes,
                                struct keywords_found *found)
{
    void *copy = copy_of(request, bytes);
    enum match match;

    keywords_none(found);
    match = protocol_by_id(id)->keyword(copy, bytes, found);
    free(copy);
    return match;
}

static const char *text_of(const struct keywords_found *found, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (uint8_t i = 0; i < found->count; i++) {
        const struct keyword_info *info = keyword_info((enum keyword_kind)found->names[i].kind);

        used += (size_t)snprintf(text + used, size - used, "%s%s=", i ? " " : "", info->name);
        for (uint8_t at = 0; at < found->names[i].bytes; at++)
            used += (size_t)snprintf(text + used, size - used, info->hash_bytes ? "%02x" : "%c",
                                     keyword_text(found, i)[at]);
    }
    return text;
}

void assert_keywords(enum protocol_id id, const void *request, size_t bytes, size_t decided,
                     const char *names)
{
    struct keywords_found found;
    char text[4096];

    for (size_t at = 1; at <= bytes; at++) {
        enum match match = read_keywords(id, request, at, &found);

        cr_assert_eq(match, at < decided ? MATCH_MORE : MATCH_YES, "%s at byte %zu: %d", names, at,
                     match);
        if (at >= decided)
            cr_assert_str_eq(text_of(&found, text, sizeof(text)), names, "at byte %zu", at);
    }
}

void assert_no_keywords(enum protocol_id id, const void *request, size_t bytes)
{
    struct keywords_found found;

    cr_assert_eq(read_keywords(id, request, bytes, &found), MATCH_NO);
}

enum acceptance keyword_answer(enum protocol_id id, const void *request, size_t request_bytes,
                               const void *answer, size_t answer_bytes)
{
    const struct protocol *protocol = protocol_by_id(id);
    void *request_copy = copy_of(request, request_bytes),
         *answer_copy = copy_of(answer, answer_bytes);
    enum acceptance acceptance =
        protocol->keyword_accepts
            ? protocol->keyword_accepts(request_copy, request_bytes, answer_copy, answer_bytes)
            : protocol->accepts(request_copy, request_bytes, answer_copy, answer_bytes);

    free(request_copy);
    free(answer_copy);
    return acceptance;
}
