/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * whole.h - where a first request ends, in the forms that many protocols share: a line, a header
 * that an empty line ends, a message whose length stands in front. For `whole` of struct protocol.
 */
#ifndef SYNWARD_ENGINE_PROTOCOLS_WHOLE_H
#define SYNWARD_ENGINE_PROTOCOLS_WHOLE_H

#include "engine/protocols/match.h"

/* Of a message that has `length` bytes. */
static inline enum match whole_message(size_t bytes, size_t length, size_t *needed)
{
    *needed = length;
    return bytes < length ? MATCH_MORE : MATCH_YES;
}

/* A line, up to its LF. For `whole` as it is. */
enum match whole_line(const uint8_t *request, size_t bytes, size_t from, size_t *needed);
/*
 * The decimal number that is word `word` of a line (0: the first), the words apart by blanks. False
 * where there is no such word, or where it is another thing than a number of at most 10 digits.
 */
bool line_number(const uint8_t *line, size_t bytes, unsigned word, size_t *number);
/* A line, and the `body` behind it, of so many bytes and an end of line of two. */
static inline enum match whole_line_and_body(size_t bytes, size_t line, size_t body, size_t *needed)
{
    return whole_message(bytes, line + body + 2, needed);
}
/*
 * A header: lines up to an empty one. What stands in front of the first line (empty lines) is to be
 * passed over: `begin` bytes of it.
 */
enum match whole_header(const uint8_t *request, size_t bytes, size_t begin, size_t from,
                        size_t *needed);

#endif
