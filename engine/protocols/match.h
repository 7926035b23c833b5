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

/* The data begins with exactly these bytes. */
enum match begins_exactly(const void *form, size_t form_bytes, const uint8_t *data, size_t bytes);
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

bool is_digit(uint8_t c);
bool is_letter(uint8_t c);

/*
 * How many bytes the empty lines in front of a request take, of EMPTY_BYTES_MAX at most; a lone LF
 * counts as one (RFC 9112 2.2, RFC 3261 7.5).
 */
#define EMPTY_BYTES_MAX 128
size_t some_empty_lines_bytes(const uint8_t *data, size_t bytes);
static inline size_t empty_lines_bytes(const uint8_t *data, size_t bytes)
{
    return bytes > 0 && data[0] <= '\r' ? some_empty_lines_bytes(data, bytes) : 0;
}

/* How many bytes above a space stand here. As cheap as it can be: a request's target may fill a
 * segment. */
size_t graphic_bytes(const uint8_t *data, size_t bytes);
enum target {
    TARGET_WEB,  /* the four forms of RFC 9112 3.2, but for what is a call's */
    TARGET_CALL, /* sip:, sips: (RFC 3261 19.1), tel: (RFC 3966), urn: (RFC 5031) */
};
/*
 * A request line of HTTP's family: `method SP target SP name DIGIT`; the digit is at most
 * `version_max`. No line fits both kinds of target, so that only one protocol reads on to the end
 * of a long one.
 */
enum match begins_request_line(const char *name, char version_max, enum target kind,
                               const uint8_t *data, size_t bytes);
/* The same from the target on. */
enum match begins_rest_of_line(const char *name, char version_max, enum target kind,
                               const uint8_t *data, size_t bytes);
/*
 * A status line of HTTP's family, given as in begins_form() up to the three digits of the code. 401
 * and 407 accept: they ask for credentials. Every other 4xx and 5xx does not, first of all 400 (not
 * understood), 403 and 404 (not here) and 421 (not this server); 408 is no answer at all.
 */
enum acceptance accepted_by_status_line(const char *form, const uint8_t *data, size_t bytes);

/* The same for the final answer: those that only say that one will come (100, 102, 103) are passed
 * over. */
enum acceptance accepted_by_final_status(const char *form, const uint8_t *data, size_t bytes);

/* The first line's length with its LF; 0 where the LF is not among the first `bytes_max` bytes. */
size_t line_bytes(const uint8_t *data, size_t bytes, size_t bytes_max);
/*
 * Adds the host of `[userinfo@]host[:port]`, without the dot that ends a full name (RFC 3986 3.2).
 * False where it is too long.
 */
bool put_host(struct keywords_found *found, enum keyword_kind kind, const uint8_t *authority,
              size_t bytes);
/* The target of a request line that is there as a whole; its length is 0 where there is none. */
const uint8_t *request_target(const uint8_t *line, size_t bytes, size_t *target_bytes);
/* Where the byte stands, `bytes` where it does not. */
size_t find_byte(uint8_t byte, const uint8_t *data, size_t bytes);

/* Is the word (lower case) anywhere in the data, in any case? */
bool has_word(const char *word, const uint8_t *data, size_t bytes);

/*
 * Greetings and answers of FTP and SMTP: three digits, and lines "220-..." up to "220 ..." (RFC 959
 * 4.2, RFC 5321 4.2.1). 220 welcomes, 4xx and 5xx refuse, anything else is no greeting.
 */
enum greeting_verdict greeting_by_code(const uint8_t *data, size_t bytes, size_t *greeting_bytes);
/* 1xx, 2xx and 3xx accept. */
enum acceptance accepted_by_code(const uint8_t *data, size_t bytes);

#endif
