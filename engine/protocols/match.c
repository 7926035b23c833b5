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
    const size_t compared = bytes < form_bytes ? bytes : form_bytes;
    const uint8_t *wanted = form;

    if (compared >= WORD_BYTES)
        return memcmp(data, form, compared) != 0 ? MATCH_NO
               : compared == form_bytes          ? MATCH_YES
                                                 : MATCH_MORE;
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
static enum match status_ends(enum match word, size_t word_bytes, const uint8_t *data, size_t bytes)
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

    return status_ends(begins_exactly(status, status_bytes, data, bytes), status_bytes, data,
                       bytes);
}

/* --- verbs ----------------------------------------------------------------------------------- */

#define PART_BYTES 8u
#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))
#define TOP_BITS   EACH(0x80)
#define CASE_BIT   0x20

/* The first eight bytes, the first one lowest; nulls behind what is there. */
static uint64_t first_bytes(const uint8_t *data, size_t bytes)
{
    uint64_t first = 0;

    if (bytes >= PART_BYTES)
        return load_le64(data);
    for (size_t at = bytes; at-- > 0;)
        first = first << 8 | data[at];
    return first;
}

/*
 * A mark on the first byte that can be no verb's, and on some behind it: below '!', or above '~'.
 * The first that is borrows from its top bit, has it, or is brought to it by one more.
 */
static inline uint64_t word_ends_at(uint64_t text)
{
    return ((text - EACH('!')) | (text + EACH(1))) & TOP_BITS;
}

/* Returns where the word ends; PART_BYTES: it is longer. */
static inline size_t read_part(struct word_part *part, const uint8_t *data, size_t bytes)
{
    const uint64_t text = first_bytes(data, bytes), ends = word_ends_at(text);
    const size_t bits = ends ? (size_t)__builtin_ctzll(ends) & 0x38 : 0;
    const uint64_t of_word = (UINT64_C(1) << bits) - 1;

    *part = (struct word_part){text, ~EACH(CASE_BIT)};
    if (!ends)
        return PART_BYTES;
    part->text &= of_word;
    if (bits / 8 == bytes)
        part->counts &= of_word;
    return bits / 8;
}

static inline enum match word_matches(const uint8_t *data, size_t bytes, size_t end)
{
    if (end == bytes)
        return MATCH_MORE;
    return ends_word(data[end]) ? MATCH_YES : MATCH_NO;
}

bool word_begin(struct word *word, const uint8_t *data, size_t bytes)
{
    const size_t end = read_part(&word->parts[0], data, bytes);

    word->count = 1;
    if (end < PART_BYTES) {
        word->matches = word_matches(data, bytes, end);
        return true;
    }
    if (bytes > PART_BYTES && data[PART_BYTES] <= ' ') { /* as most that are not shorter */
        word->parts[word->count++] = (struct word_part){0, ~UINT64_C(0)};
        word->matches = word_matches(data, bytes, PART_BYTES);
        return true;
    }
    word->matches = MATCH_MORE;
    return false;
}

void word_go_on(struct word *word, const uint8_t *data, size_t bytes)
{
    size_t at = PART_BYTES, end = PART_BYTES;

    for (; end == PART_BYTES && word->count < WORD_PARTS; at += end)
        end = read_part(&word->parts[word->count++], data + at, bytes - at);
    word->matches = end == PART_BYTES ? MATCH_NO : word_matches(data, bytes, at);
}

/* Of letters, digits, '-' and '_' it is capitals and the last that have the one bit without the
 * other. */
bool word_has_capitals(const struct word *word)
{
    for (unsigned at = 0; at < word->count; at++) {
        const uint64_t text = word->parts[at].text, differ = text ^ EACH('_');
        const uint64_t suspects = text & ~(text << 1) & EACH(0x40);

        if (suspects && suspects & ~(((differ - EACH(1)) & ~differ & TOP_BITS) >> 1))
            return true;
    }
    return false;
}

/* Is there one with the second letter of the data, too? Mostly there is none. */
static bool any_begins(verb_list list, const uint8_t *data, size_t bytes)
{
    if (bytes == 1)
        return true;
    for (; (*list)[0] != 0; list++)
        if (((uint8_t)(*list)[1] ^ (data[1] & 0xdfu)) == 0)
            return true;
    return false;
}

/* Of at least one byte. */
static enum match read_verb(const verb_list verbs[static VERBS], const uint8_t *data, size_t bytes,
                            struct word *word)
{
    const verb_list list = verbs_beginning(verbs, data[0]);

    if (!list || !any_begins(list, data, bytes))
        return MATCH_NO;
    if (!word_begin(word, data, bytes)) {
        if (word_is_among(word, list) == MATCH_NO)
            return MATCH_NO;
        word_go_on(word, data, bytes);
    }
    return word_is_among(word, list);
}

enum match begins_verb(const verb_list verbs[static VERBS], const uint8_t *data, size_t bytes)
{
    struct word word;

    return bytes > 0 ? read_verb(verbs, data, bytes, &word) : MATCH_MORE;
}

enum match begins_lower_verb(const verb_list verbs[static VERBS], const uint8_t *data, size_t bytes)
{
    struct word word;
    enum match match = bytes > 0 ? read_verb(verbs, data, bytes, &word) : MATCH_MORE;

    return bytes > 0 && match != MATCH_NO && word_has_capitals(&word) ? MATCH_NO : match;
}

/* --- bytes ----------------------------------------------------------------------------------- */

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
