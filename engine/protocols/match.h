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
#define VERBS        26
#define VERB(letter) ((letter) - 'A')
#define WORDS(...)   ((const char *const[]){__VA_ARGS__, NULL})
enum match begins_verb(const char *const *const verbs[static VERBS], const uint8_t *data,
                       size_t bytes);
/* The same, but in lower case alone: capitals are another protocol's. */
enum match begins_lower_verb(const char *const *const verbs[static VERBS], const uint8_t *data,
                             size_t bytes);

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

/* A space or the end of the line. */
static inline bool ends_word(uint8_t c)
{
    return c == ' ' || c == '\r' || c == '\n';
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
