/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_match.c - what the protocol files share, cut at every byte. */
#include <criterion/criterion.h>

#include <string.h>

#include "engine/protocols/match.h"
#include "tests/engine/random.h"

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

static const verb_list verbs[VERBS] = {[VERB('I')] = WORDS("ID", "IDLE"),
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

static bool has_capitals(const uint8_t *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (data[i] >= 'A' && data[i] <= 'Z')
            return true;
    return false;
}

/* By a loop over bytes, as the comment of begins_verb() says it. */
static enum match plain_verb(const verb_list lists[static VERBS], bool lower, const uint8_t *data,
                             size_t bytes)
{
    enum match best = bytes == 0 ? MATCH_MORE : MATCH_NO;

    for (size_t letter = 0; letter < VERBS; letter++) {
        for (verb_list verb = lists[letter]; verb && (*verb)[0]; verb++) {
            const char *const at = *verb;
            size_t fits = 0;

            while (fits < bytes && at[fits] &&
                   (data[fits] == (uint8_t)at[fits] ||
                    (is_letter((uint8_t)at[fits]) && data[fits] == (at[fits] | 0x20))))
                fits++;
            if (lower && has_capitals(data, fits))
                continue;
            if (fits == bytes)
                best = best == MATCH_YES ? best : MATCH_MORE;
            else if (!at[fits] && ends_word(data[fits]))
                best = MATCH_YES;
        }
    }
    return best;
}

static const verb_list long_verbs[VERBS] = {
    [VERB('A')] = WORDS("AB", "ABCDEFG", "ABCDEFGH", "ABCDEFGHI", "ABC-EFGH-JKLMNO", "ABC_EFGH"),
    [VERB('B')] = WORDS("BCDEFGHIJKLMNOP", "BCDEFGHIJKLMNOPQ", "BCDEFGHIJKLMNOPQRSTUVW"),
    [VERB('C')] = WORDS("CD8", "CDEFGHIJ_-234567_-CDEFG")};

/* A verb, or the beginning of one, with a byte changed or none, and something behind it. */
static size_t draw_word(struct random *random, uint8_t out[40])
{
    static const uint8_t behind[] = {' ',  '\r', '\n', '\t', 0,   0x7f,
                                     0x80, 0xff, '_',  'A',  'a', '.'};
    const verb_list list = long_verbs[random_below(random, 3)];
    size_t count = 0, bytes;

    while (list[count][0])
        count++;
    count = random_below(random, (uint32_t)count);
    bytes = strlen(list[count]);
    for (size_t i = 0; i < 40; i++)
        out[i] = i < bytes ? (uint8_t)list[count][i] : behind[random_below(random, sizeof(behind))];
    for (size_t i = 0; i < bytes; i++)
        if (is_letter(out[i]) && random_below(random, 2))
            out[i] |= 0x20;
    if (random_below(random, 2))
        out[random_below(random, (uint32_t)bytes)] ^= (uint8_t)(1u << random_below(random, 8));
    return random_below(random, 41);
}

/* Words are compared by eight bytes at once: cut at every byte, of any case, and with any byte in
 * their place that differs by a bit, they are what a loop over their bytes says. */
Test(match, verbs_by_words_and_by_bytes)
{
    struct random random = random_begin("match/verbs");
    unsigned seen[3] = {0};

    for (uint32_t round = 0; round < random_rounds(1000000); round++) {
        uint8_t data[40];
        size_t bytes = draw_word(&random, data);
        enum match match = plain_verb(long_verbs, false, data, bytes);

        seen[match]++;
        cr_assert_eq(begins_verb(long_verbs, data, bytes), match, "%.*s", (int)bytes, data);
        cr_assert_eq(begins_lower_verb(long_verbs, data, bytes),
                     plain_verb(long_verbs, true, data, bytes), "%.*s", (int)bytes, data);
    }
    cr_assert(seen[MATCH_NO] && seen[MATCH_YES] && seen[MATCH_MORE]);
}

Test(match, lines)
{
    cr_assert_eq(line_bytes(text("a\nb"), 3, 9), 2);
    cr_assert_eq(line_bytes(text("a\nb"), 1, 9), 0);
    cr_assert_eq(line_bytes(text("a\nb"), 3, 1), 0);
    cr_assert(has_word("smtp", text("220 x ESMTP"), 11));
    cr_assert_not(has_word("smtp", text("220 x ESMTP"), 10));
}
