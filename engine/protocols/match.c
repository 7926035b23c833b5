/* SPDX-License-Identifier: GPL-2.0-or-later */
/* match.c - see match.h. */
#include "engine/protocols/match.h"

#include <string.h>

/* From here on a call of memcmp() is cheaper than a loop */
#define WORD_BYTES 6

enum acceptance acceptance_of(enum match match)
{
    return match == MATCH_YES  ? ACCEPTANCE_ACCEPTED
           : match == MATCH_NO ? ACCEPTANCE_REFUSED
                               : ACCEPTANCE_MORE;
}

enum match begins_bytes(const void *form, size_t form_bytes, const uint8_t *data, size_t bytes)
{
    const uint8_t *wanted = form;

    if (form_bytes >= WORD_BYTES && bytes >= form_bytes)
        return memcmp(data, form, form_bytes) == 0 ? MATCH_YES : MATCH_NO;
    for (size_t at = 0; at < form_bytes; at++) {
        if (at == bytes)
            return MATCH_MORE;
        if (data[at] != wanted[at])
            return MATCH_NO;
    }
    return MATCH_YES;
}

static uint8_t upper(uint8_t c)
{
    return c >= 'a' && c <= 'z' ? (uint8_t)(c - 'a' + 'A') : c;
}

enum match begins_word(const char *text, const uint8_t *data, size_t bytes)
{
    for (size_t at = 0; text[at] != 0; at++) {
        if (at == bytes)
            return MATCH_MORE;
        if (data[at] != (uint8_t)text[at] && upper(data[at]) != upper((uint8_t)text[at]))
            return MATCH_NO;
    }
    return MATCH_YES;
}

enum match begins_form(const char *form, const uint8_t *data, size_t bytes)
{
    for (size_t at = 0; form[at] != 0; at++) {
        if (at == bytes)
            return MATCH_MORE;
        if (form[at] == '0' ? !is_digit(data[at]) : data[at] != (uint8_t)form[at])
            return MATCH_NO;
    }
    return MATCH_YES;
}

/* What stands behind a word that fits so far. */
static enum match word_ends(enum match word, size_t word_bytes, const uint8_t *data, size_t bytes)
{
    if (word != MATCH_YES)
        return word;
    if (bytes == word_bytes)
        return MATCH_MORE;
    return ends_word(data[word_bytes]) ? MATCH_YES : MATCH_NO;
}

enum match begins_status(const char *status, const uint8_t *data, size_t bytes)
{
    size_t status_bytes = text_bytes(status);

    return word_ends(begins_exactly(status, status_bytes, data, bytes), status_bytes, data, bytes);
}

/* How many characters of the verb stand here; the first two are known to. */
static size_t verb_fits(const char *verb, const uint8_t *data, size_t bytes)
{
    size_t at = 2;

    while (at < bytes && verb[at] != 0 &&
           (data[at] == (uint8_t)verb[at] || upper(data[at]) == (uint8_t)verb[at]))
        at++;
    return at;
}

enum match begins_verb(const char *const *const verbs[static VERBS], const uint8_t *data,
                       size_t bytes)
{
    enum match best = MATCH_NO;

    const char *const *verb;
    uint8_t second;

    if (bytes == 0)
        return MATCH_MORE;
    verb = is_letter(data[0]) ? verbs[(data[0] & 0x1f) - 1] : NULL;
    if (verb == NULL || bytes == 1)
        return verb == NULL ? MATCH_NO : MATCH_MORE;
    second = data[1] & 0xdf; /* a capital: that letter, in either case */
    for (; *verb != NULL; verb++) {
        size_t fits;

        if ((uint8_t)(*verb)[1] != second)
            continue;
        fits = verb_fits(*verb, data, bytes);
        if (fits == bytes)
            best = MATCH_MORE;
        else if ((*verb)[fits] == 0 && ends_word(data[fits]))
            return MATCH_YES;
    }
    return best;
}

enum match begins_lower_verb(const char *const *const verbs[static VERBS], const uint8_t *data,
                             size_t bytes)
{
    enum match match = begins_verb(verbs, data, bytes);

    for (size_t at = 0; match != MATCH_NO && at < bytes && !ends_word(data[at]); at++) {
        if (data[at] >= 'A' && data[at] <= 'Z')
            match = MATCH_NO;
    }
    return match;
}

size_t find_byte(uint8_t byte, const uint8_t *data, size_t bytes)
{
    size_t at = 0;

    while (at < bytes && data[at] != byte)
        at++;
    return at;
}

size_t line_bytes(const uint8_t *data, size_t bytes, size_t bytes_max)
{
    for (size_t at = 0; at < bytes && at < bytes_max; at++) {
        if (data[at] == '\n')
            return at + 1;
    }
    return 0;
}

bool has_word(const char *word, const uint8_t *data, size_t bytes)
{
    for (size_t at = 0; at < bytes; at++) {
        if (begins_word(word, data + at, bytes - at) == MATCH_YES)
            return true;
    }
    return false;
}
