/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * match.h - what the protocol files share: comparing bytes that may not all be there yet.
 *
 * Each function reads at most the bytes given, decides at the first byte that can decide, and never
 * takes a yes or a no back when more bytes follow: that is what makes a check of a request in
 * pieces safe.
 */
#ifndef SYNWARD_ENGINE_PROTOCOLS_MATCH_H
#define SYNWARD_ENGINE_PROTOCOLS_MATCH_H

#include "engine/base/bytes.h"
#include "engine/protocols/protocol.h"

#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

enum acceptance acceptance_of(enum match match);

/* Does byte `at` fit? May look at it and at those before it, which do. */
typedef bool byte_fits(const uint8_t *data, size_t at);
/* The first `least` bytes decide, the first that does not fit says no. Inline, so that `fits` is as
 * well. */
static inline enum match match_bytes(byte_fits *fits, size_t least, const uint8_t *data,
                                     size_t bytes)
{
    for (size_t at = 0; at < least; at++) {
        if (at == bytes)
            return MATCH_MORE;
        if (!fits(data, at))
            return MATCH_NO;
    }
    return MATCH_YES;
}

/* begins_exactly() where the data may end before the form, or its length is not known before. */
enum match begins_bytes(const void *form, size_t form_bytes, const uint8_t *data, size_t bytes);
/* The data begins with exactly these bytes; those of a constant are compared by words. */
static inline enum match begins_exactly(const void *form, size_t form_bytes, const uint8_t *data,
                                        size_t bytes)
{
    if (__builtin_constant_p(form_bytes) && bytes >= form_bytes)
        return memcmp(data, form, form_bytes) == 0 ? MATCH_YES : MATCH_NO;
    return begins_bytes(form, form_bytes, data, bytes);
}
/* The data begins with this text, in any case. */
enum match begins_word(const char *text, const uint8_t *data, size_t bytes);
/* With this text, in which each '0' stands for any digit. */
enum match begins_form(const char *form, const uint8_t *data, size_t bytes);
/* With exactly this status word, followed by a space or the end of the line. */
enum match begins_status(const char *status, const uint8_t *data, size_t bytes);
/*
 * With one of these verbs, in any case, followed by a space or the end of the line. They have two
 * letters at least, and are given in capitals, by their first letter, so that most lists are done
 * with at once: [VERB('C')] = WORDS("CLIENT", "COMMAND", "CONFIG").
 */
#define VERB(letter) ((letter) - 'A')
#define WORDS(...)   ((const char[][VERB_BYTES]){__VA_ARGS__, ""})
enum match begins_verb(const verb_list verbs[static VERBS], const uint8_t *data, size_t bytes);
/* The same, but in lower case alone: capitals are another protocol's. */
enum match begins_lower_verb(const verb_list verbs[static VERBS], const uint8_t *data,
                             size_t bytes);

/*
 * The first word of some data, as a verb may be: eight bytes of it a part, compared at once. It is
 * read once for many lists of verbs.
 *
 * A part is compared but for the bit by which cases differ. By that some other characters differ,
 * too, but of these one of each pair is a control character or a blank, and those end words.
 */
#define WORD_PARTS (VERB_BYTES / 8)

struct word_part {
    uint64_t text;   /* the first byte lowest; nulls behind the word */
    uint64_t counts; /* the bits that are compared: of what is there; all, where it ends here */
};

struct word {
    struct word_part parts[WORD_PARTS];
    unsigned count;     /* of them */
    enum match matches; /* what it is to a verb that fits: YES; MORE: it is not there to its end;
                           NO: it is too long, or ends in neither a space nor the end of the line */
};

/* Reads the first part of a word of at least one byte. False: it is longer, and to be gone on with
 * where the first part is a verb's, too. */
bool word_begin(struct word *word, const uint8_t *data, size_t bytes);
void word_go_on(struct word *word, const uint8_t *data, size_t bytes);
/* Of one that is a verb, or may be the beginning of one. */
bool word_has_capitals(const struct word *word);

/* Those that begin with this letter, or NULL. */
static inline verb_list verbs_beginning(const verb_list verbs[static VERBS], uint8_t letter)
{
    const unsigned number = (letter | 0x20u) - 'a';

    return number < VERBS ? verbs[number] : NULL;
}

static inline bool word_part_fits(const struct word *word, unsigned part, const char *verb)
{
    return ((load_le64(verb + (size_t)part * 8) ^ word->parts[part].text) &
            word->parts[part].counts) == 0;
}

/* begins_verb() of the data that the word was read from, by the list of its first letter. */
static inline enum match word_is_among(const struct word *word, verb_list list)
{
    for (; (*list)[0] != 0; list++) {
        if (word_part_fits(word, 0, *list) && (word->count < 2 || word_part_fits(word, 1, *list)) &&
            (word->count < 3 || word_part_fits(word, 2, *list)))
            return word->matches;
    }
    return MATCH_NO;
}

/* A space or the end of the line. */
static inline bool ends_word(uint8_t c)
{
    return c == ' ' || c == '\r' || c == '\n';
}

static inline bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static inline bool is_letter(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Are these four bytes all of a set? They mostly are, so that one jump is cheaper than four. */
static inline bool all_4(const bool set[256], const uint8_t *data)
{
    return set[data[0]] & set[data[1]] & set[data[2]] & set[data[3]];
}

/* Of a hexadecimal digit; -1: it is none. */
static inline int hex_value(uint8_t c)
{
    if (is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static inline size_t text_bytes(const char *text)
{
    size_t bytes = 0;

    while (text[bytes] != 0)
        bytes++;
    return bytes;
}

/* The first line's length with its LF; 0 where the LF is not among the first `bytes_max` bytes. */
size_t line_bytes(const uint8_t *data, size_t bytes, size_t bytes_max);
/* Where the byte stands, `bytes` where it does not. */
size_t find_byte(uint8_t byte, const uint8_t *data, size_t bytes);

/* Is the word (lower case) anywhere in the data, in any case? */
bool has_word(const char *word, const uint8_t *data, size_t bytes);

#endif
