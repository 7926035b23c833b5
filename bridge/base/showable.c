/* SPDX-License-Identifier: GPL-2.0-or-later */
/* showable.c - see showable.h. */
#include "bridge/base/showable.h"

#include <string.h>

static bool may_show(uint32_t code)
{
    return code >= 0x20 && (code < 0x7f || code > 0x9f) && code != 0x61c && code != 0x200e &&
           code != 0x200f && (code < 0x2028 || code > 0x202e) && (code < 0x2066 || code > 0x2069);
}

/* How many bytes follow the first of a character; 0 also where it cannot be a first one. */
static size_t followers(unsigned char first)
{
    if (first >= 0xc2 && first <= 0xdf)
        return 1;
    if (first >= 0xe0 && first <= 0xef)
        return 2;
    return first >= 0xf0 && first <= 0xf4 ? 3 : 0;
}

struct character character_at(const char *at)
{
    /* The least code that needs so many followers; overlong forms hide what they say. */
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    const unsigned char first = (unsigned char)*at;
    const size_t more = followers(first);
    const struct character alone = {.bytes = 1, .code = first};
    uint32_t code = more > 0 ? first & (0x3fu >> more) : first;

    if (first >= 0x80 && more == 0)
        return alone;
    for (size_t i = 1; i <= more; i++) {
        if (((unsigned char)at[i] & 0xc0) != 0x80)
            return alone;
        code = code << 6 | ((unsigned char)at[i] & 0x3f);
    }
    if (code < least[more] || (code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff)
        return alone;
    return (struct character){
        .bytes = more + 1, .code = code, .utf8 = true, .showable = may_show(code)};
}

void showable_line(char *line)
{
    char *to = line;

    for (const char *at = line; *at;) {
        const struct character character = character_at(at);

        if (character.showable)
            memmove(to, at, character.bytes);
        else
            *to = '?';
        to += character.showable ? character.bytes : 1;
        at += character.bytes;
    }
    *to = '\0';
}
