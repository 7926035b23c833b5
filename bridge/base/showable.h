/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * showable.h - which characters a terminal may be given.
 *
 * A greeting, a file's name or a program's is what somebody chose. Not shown are control
 * characters, those that begin an escape sequence in one byte (C1, U+0080 to U+009F), those that
 * turn the direction of text or break lines (U+061C, U+200E, U+200F, U+2028 to U+202E, U+2066 to
 * U+2069), and bytes that are no UTF-8.
 */
#ifndef SYNWARD_BRIDGE_BASE_SHOWABLE_H
#define SYNWARD_BRIDGE_BASE_SHOWABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct character {
    size_t bytes;  /* 1 to 4, as they stand in the text */
    uint32_t code; /* of Unicode; of a byte that is no UTF-8 that byte */
    bool utf8, showable;
};

/* The character at `at` in a zero-terminated text that does not end there. */
struct character character_at(const char *at);
/* A line of our own that may quote such text: what may not be shown becomes '?'. In place. */
void showable_line(char *line);

#endif
