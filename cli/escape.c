/* SPDX-License-Identifier: GPL-2.0-or-later */
/* escape.c - makes text safe for a terminal (escape.h). */
#include "cli/escape.h"

#include <stdio.h>
#include <string.h>

/* Returns how many characters stand in `out`, 4 at most. */
static size_t escape_byte(unsigned char byte, char out[5])
{
    static const char letters[] = {['\r'] = 'r', ['\n'] = 'n', ['\t'] = 't', ['\\'] = '\\'};
    int length;

    if (byte < sizeof(letters) && letters[byte] != '\0')
        length = snprintf(out, 5, "\\%c", letters[byte]);
    else if (byte >= 0x20 && byte < 0x7f)
        length = snprintf(out, 5, "%c", byte);
    else
        length = snprintf(out, 5, "\\x%02x", byte);
    return (size_t)length;
}

char *escape_text(const char *text, size_t bytes, char *out, size_t capacity)
{
    size_t used = 0;

    for (size_t i = 0; i < bytes; i++) {
        char piece[5];
        const size_t length = escape_byte((unsigned char)text[i], piece);

        if (used + length >= capacity)
            break;
        memcpy(out + used, piece, length);
        used += length;
    }
    out[used] = '\0';
    return out;
}
