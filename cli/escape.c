/* SPDX-License-Identifier: GPL-2.0-or-later */
/* escape.c - makes text safe for a terminal (escape.h). */
#include "cli/escape.h"

#include <stdio.h>
#include <string.h>

static void escape_byte(unsigned char byte, char out[5])
{
    switch (byte) {
    case '\r':
        strcpy(out, "\\r");
        return;
    case '\n':
        strcpy(out, "\\n");
        return;
    case '\t':
        strcpy(out, "\\t");
        return;
    case '\\':
        strcpy(out, "\\\\");
        return;
    default:
        break;
    }
    if (byte >= 0x20 && byte < 0x7f)
        snprintf(out, 5, "%c", byte);
    else
        snprintf(out, 5, "\\x%02x", byte);
}

char *escape_text(const char *text, size_t bytes, char *out, size_t capacity)
{
    size_t used = 0;

    for (size_t i = 0; i < bytes; i++) {
        char piece[5];
        size_t length;

        escape_byte((unsigned char)text[i], piece);
        length = strlen(piece);
        if (used + length >= capacity)
            break;
        memcpy(out + used, piece, length);
        used += length;
    }
    out[used] = '\0';
    return out;
}

void escape_line(char *line)
{
    for (char *at = line; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
}
