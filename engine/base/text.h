/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * text.h - comparing names. engine/ calls memcpy, memcmp and memset of string.h and no more.
 */
#ifndef SYNWARD_ENGINE_BASE_TEXT_H
#define SYNWARD_ENGINE_BASE_TEXT_H

#include <stdbool.h>

static inline bool text_equal(const char *a, const char *b)
{
    while (*a != 0 && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

#endif
