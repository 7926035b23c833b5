/* SPDX-License-Identifier: GPL-2.0-or-later */
/* whole.c - see whole.h. */
#include "engine/protocols/whole.h"

#include <string.h>

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
