/* SPDX-License-Identifier: GPL-2.0-or-later */
/* text_mark.h - the mark that editors of Windows write before a text (U+FEFF in UTF-8), which a
 * reader may pass over (RFC 8259 8.1). */
#ifndef SYNWARD_PROFILES_STORE_TEXT_MARK_H
#define SYNWARD_PROFILES_STORE_TEXT_MARK_H

#include <stddef.h>
#include <string.h>

/* How many of its bytes are that; `text` need not end with a zero. */
static inline size_t text_mark_bytes(const char *text, size_t bytes)
{
    static const char mark[] = {'\xef', '\xbb', '\xbf'};

    return bytes >= sizeof(mark) && memcmp(text, mark, sizeof(mark)) == 0 ? sizeof(mark) : 0;
}

#endif
