/* SPDX-License-Identifier: GPL-2.0-or-later */
/* whole.c - see whole.h. */
#include "engine/protocols/whole.h"

#include "engine/protocols/http_line.h"

#include <string.h>

#define NUMBER_DIGITS_MAX 10

/* Where the LF stands from `from` on; `bytes` for nowhere. */
static size_t find_lf(const uint8_t *data, size_t bytes, size_t from)
{
    const uint8_t *lf = from < bytes ? memchr(data + from, '\n', bytes - from) : NULL;

    return lf != NULL ? (size_t)(lf - data) : bytes;
}

enum match whole_line(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    return whole_message(bytes, find_lf(request, bytes, from) + 1, needed);
}

bool line_number(const uint8_t *line, size_t bytes, unsigned word, size_t *number)
{
    size_t at = 0, digits = 0;

    for (unsigned left = word; left > 0; left--) {
        at += graphic_bytes(line + at, bytes - at);
        while (at < bytes && line[at] == ' ')
            at++;
    }
    for (*number = 0; at < bytes && is_digit(line[at]) && digits < NUMBER_DIGITS_MAX; at++) {
        *number = *number * 10 + (size_t)(line[at] - '0');
        digits++;
    }
    return digits > 0 && at < bytes && ends_word(line[at]);
}

/* How many bytes the empty line has that begins here; 0 where none does, or not yet. */
static size_t empty_bytes(const uint8_t *line, size_t bytes)
{
    if (bytes > 0 && line[0] == '\n')
        return 1;
    return bytes > 1 && line[0] == '\r' && line[1] == '\n' ? 2 : 0;
}

enum match whole_header(const uint8_t *request, size_t bytes, size_t begin, size_t from,
                        size_t *needed)
{
    /* The end of a line counts again while what follows it has not been seen: two bytes. */
    size_t lf = find_lf(request, bytes, from > begin + 2 ? from - 2 : begin);

    for (; lf < bytes; lf = find_lf(request, bytes, lf + 1)) {
        size_t empty = empty_bytes(request + lf + 1, bytes - lf - 1);

        if (empty > 0)
            return whole_message(bytes, lf + 1 + empty, needed);
    }
    return whole_message(bytes, bytes + 1, needed);
}
