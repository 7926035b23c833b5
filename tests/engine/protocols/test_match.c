/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_match.c - what the protocol files share, cut at every byte. */
#include <criterion/criterion.h>

#include "engine/protocols/match.h"

static const uint8_t *text(const char *at)
{
    return (const uint8_t *)at;
}

Test(match, beginnings)
{
    cr_assert_eq(begins_exactly("ab", 2, text("abc"), 3), MATCH_YES);
    cr_assert_eq(begins_exactly("ab", 2, text("a"), 1), MATCH_MORE);
    cr_assert_eq(begins_exactly("ab", 2, text("aB"), 2), MATCH_NO);
    cr_assert_eq(begins_exactly("ab", 0, text(""), 0), MATCH_YES);
    cr_assert_eq(begins_exactly("abcdefgh", 8, text("abcdefgh"), 8), MATCH_YES);
    cr_assert_eq(begins_exactly("abcdefgh", 8, text("abcdefgH"), 8), MATCH_NO);
    cr_assert_eq(begins_exactly("abcdefgh", 8, text("abcX"), 4), MATCH_NO);
    cr_assert_eq(begins_word("aB1", text("Ab1x"), 4), MATCH_YES);
    cr_assert_eq(begins_word("aB1", text("AB"), 2), MATCH_MORE);
    cr_assert_eq(begins_word("a{", text("a["), 2), MATCH_NO, "only letters have a case");
    cr_assert_eq(begins_form("x0-0", text("x7-9z"), 5), MATCH_YES);
    cr_assert_eq(begins_form("x0-0", text("x7"), 2), MATCH_MORE);
    cr_assert_eq(begins_form("x0-0", text("x/"), 2), MATCH_NO);
}

static const char *const *const verbs[VERBS] = {[VERB('I')] = WORDS("ID", "IDLE"),
                                                [VERB('Z')] = WORDS("ZZ")};

Test(match, verbs_end_where_words_end)
{
    cr_assert_eq(begins_verb(verbs, text("id"), 2), MATCH_MORE);
    cr_assert_eq(begins_verb(verbs, text("id "), 3), MATCH_YES);
    cr_assert_eq(begins_verb(verbs, text("IDL"), 3), MATCH_MORE);
    cr_assert_eq(begins_verb(verbs, text("IDLE\n"), 5), MATCH_YES);
    cr_assert_eq(begins_verb(verbs, text("IDx"), 3), MATCH_NO);
    cr_assert_eq(begins_verb(verbs, text("IDL "), 4), MATCH_NO);
    cr_assert_eq(begins_verb(verbs, text("I"), 1), MATCH_MORE);
    cr_assert_eq(begins_verb(verbs, text("J"), 1), MATCH_NO);
    cr_assert_eq(begins_verb(verbs, text("["), 1), MATCH_NO);
    cr_assert_eq(begins_verb(verbs, text("z"), 1), MATCH_MORE);
    cr_assert_eq(begins_verb(verbs, text("zZ\r"), 3), MATCH_YES);
    cr_assert_eq(begins_verb(verbs, text(""), 0), MATCH_MORE);
    cr_assert_eq(begins_status("+OK", text("+OK\r"), 4), MATCH_YES);
    cr_assert_eq(begins_status("+OK", text("+ok\r"), 4), MATCH_NO);
    cr_assert_eq(begins_status("+OK", text("+OK"), 3), MATCH_MORE);
}

Test(match, lines)
{
    cr_assert_eq(line_bytes(text("a\nb"), 3, 9), 2);
    cr_assert_eq(line_bytes(text("a\nb"), 1, 9), 0);
    cr_assert_eq(line_bytes(text("a\nb"), 3, 1), 0);
    cr_assert(has_word("smtp", text("220 x ESMTP"), 11));
    cr_assert_not(has_word("smtp", text("220 x ESMTP"), 10));
}
