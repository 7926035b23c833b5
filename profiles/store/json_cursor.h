/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json_cursor.h - walking over the text of a JSON document without making a tree of it.
 *
 * What is skipped is taken for well-formed. Where it is not the walk goes astray, but never beyond
 * the end.
 */
#ifndef SYNWARD_PROFILES_STORE_JSON_CURSOR_H
#define SYNWARD_PROFILES_STORE_JSON_CURSOR_H

#include <stdbool.h>
#include <stddef.h>

struct json_cursor {
    const char *at, *end;
};

static inline void json_skip_space(struct json_cursor *cursor)
{
    while (cursor->at < cursor->end && (*cursor->at == ' ' || *cursor->at == '\t' ||
                                        *cursor->at == '\r' || *cursor->at == '\n'))
        cursor->at++;
}

static inline void json_skip_text(struct json_cursor *cursor)
{
    for (cursor->at++; cursor->at < cursor->end && *cursor->at != '"'; cursor->at++)
        if (*cursor->at == '\\')
            cursor->at++;
    cursor->at = cursor->at < cursor->end ? cursor->at + 1 : cursor->end;
}

/* Skips a whole value, up to the comma or bracket behind it. */
static inline void json_skip_value(struct json_cursor *cursor)
{
    unsigned depth = 0;

    while (cursor->at < cursor->end) {
        const char c = *cursor->at;

        if (depth == 0 && (c == ',' || c == ']' || c == '}'))
            return;
        if (c == '"') {
            json_skip_text(cursor);
            continue;
        }
        if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']')
            depth--;
        cursor->at++;
    }
}

/* One key with its quotes, as it stands in the text. */
struct json_key {
    const char *at;
    size_t bytes;
};

/* Skips a key and its colon, up to the value. */
static inline struct json_key json_take_key(struct json_cursor *cursor)
{
    struct json_key key = {.at = cursor->at};

    json_skip_text(cursor);
    key.bytes = (size_t)(cursor->at - key.at);
    json_skip_space(cursor);
    cursor->at += cursor->at < cursor->end;
    json_skip_space(cursor);
    return key;
}

/* With the cursor behind a bracket or a comma: is there a member or element? */
static inline bool json_at_entry(struct json_cursor *cursor)
{
    json_skip_space(cursor);
    return cursor->at < cursor->end && *cursor->at != '}' && *cursor->at != ']';
}

static inline void json_skip_comma(struct json_cursor *cursor)
{
    json_skip_space(cursor);
    cursor->at += cursor->at < cursor->end && *cursor->at == ',';
}

#endif
