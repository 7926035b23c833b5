/* SPDX-License-Identifier: GPL-2.0-or-later */
/* store_memory.c - see store_memory.h. */
#include "cli/store_memory.h"

#include <stdlib.h>
#include <string.h>

/* What stands behind "NAME:" at the beginning of a line; NULL: there is none. */
static const char *value_of(const char *text, size_t bytes, const char *name, size_t *length)
{
    const char *end = text + bytes;
    const size_t name_bytes = strlen(name);

    for (const char *line = text, *next; line < end; line = next) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const size_t line_bytes = (size_t)((newline ? newline : end) - line);

        next = newline ? newline + 1 : end;
        if (line_bytes <= name_bytes || memcmp(line, name, name_bytes) != 0 ||
            line[name_bytes] != ':')
            continue;
        *length = line_bytes - name_bytes - 1;
        if (*length > 0 && line[name_bytes + *length] == '\r')
            --*length;
        return line + name_bytes + 1;
    }
    return NULL;
}

static bool figure_of(const char *text, size_t bytes, const char *name, uint64_t *figure)
{
    size_t length;
    const char *value = value_of(text, bytes, name, &length);
    char digits[20] = "";

    if (!value || length == 0 || length >= sizeof(digits))
        return false;
    memcpy(digits, value, length);
    *figure = strtoull(digits, NULL, 10);
    return strspn(digits, "0123456789") == length;
}

bool store_memory_read(const char *text, size_t bytes, struct store_memory *memory)
{
    static const char refuses[] = "noeviction";
    size_t length;
    const char *policy = value_of(text, bytes, "maxmemory_policy", &length);

    if (!policy || !figure_of(text, bytes, "used_memory", &memory->used) ||
        !figure_of(text, bytes, "maxmemory", &memory->most))
        return false;
    memory->evicts = length != strlen(refuses) || memcmp(policy, refuses, length) != 0;
    return true;
}

bool store_memory_is_short(const struct store_memory *memory)
{
    return memory->most != 0 && memory->used > memory->most - memory->most / 10;
}
