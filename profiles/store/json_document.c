/* SPDX-License-Identifier: GPL-2.0-or-later */
/* json_document.c - see json_document.h. */
#include "profiles/store/json_document.h"

#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <json-c/json.h>

#include "engine/version.h"
#include "profiles/store/json_cursor.h"

/* --- keys that stand twice ------------------------------------------------------------------- */

/*
 * A key that stands twice leaves one member in the tree, and two colons in the text: counting is
 * enough to know of it, and takes no memory. Stops at a single quote outside of texts: json-c takes
 * keys in such quotes, JSON does not.
 */
static size_t members_in_text(struct json_cursor *cursor)
{
    size_t members = 0;

    while (cursor->at < cursor->end && *cursor->at != '\'') {
        if (*cursor->at == '"') {
            json_skip_text(cursor);
            continue;
        }
        members += *cursor->at == ':';
        cursor->at++;
    }
    return members;
}

/* As deep as json-c lets a document be (32). */
static size_t members_in_tree(struct json_object *value)
{
    size_t members = 0;

    if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, name, member)
        {
            (void)name;
            members += 1 + members_in_tree(member);
        }
    } else if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++)
            members += members_in_tree(json_object_array_get_idx(value, i));
    }
    return members;
}

static int key_order(const void *left, const void *right)
{
    const struct json_key *a = left, *b = right;
    const int order = memcmp(a->at, b->at, a->bytes < b->bytes ? a->bytes : b->bytes);

    if (order != 0)
        return order;
    if (a->bytes != b->bytes)
        return a->bytes < b->bytes ? -1 : 1;
    return a->at < b->at ? -1 : a->at > b->at;
}

struct keys {
    struct json_key *list;
    size_t count, capacity;
};

static bool keys_add(struct keys *keys, struct json_key key)
{
    const size_t capacity = keys->capacity ? keys->capacity * 2 : 16;

    if (keys->count == keys->capacity) {
        struct json_key *list = realloc(keys->list, capacity * sizeof(*list));

        if (!list)
            return false;
        keys->list = list;
        keys->capacity = capacity;
    }
    keys->list[keys->count++] = key;
    return true;
}

/* The second of two that are equal. False: none. */
static bool keys_twice(struct keys *keys, struct json_key *twice)
{
    if (keys->count > 1)
        qsort(keys->list, keys->count, sizeof(*keys->list), key_order);
    for (size_t i = 1; i < keys->count; i++) {
        const struct json_key *before = &keys->list[i - 1], *key = &keys->list[i];

        if (before->bytes == key->bytes && memcmp(before->at, key->at, key->bytes) == 0) {
            *twice = *key;
            return true;
        }
    }
    return false;
}

/* Looks through the value at the cursor and skips it. True: `twice` is a key that stands there for
 * the second time. */
static bool find_twice(struct json_cursor *cursor, struct json_key *twice)
{
    const bool object = cursor->at < cursor->end && *cursor->at == '{';
    struct keys keys = {0};
    bool found = false;

    if (!object && !(cursor->at < cursor->end && *cursor->at == '[')) {
        json_skip_value(cursor);
        return false;
    }
    cursor->at++;
    while (!found && json_at_entry(cursor)) {
        if (object && !keys_add(&keys, json_take_key(cursor)))
            break;
        found = find_twice(cursor, twice);
        json_skip_comma(cursor);
    }
    cursor->at += cursor->at < cursor->end;
    found = found || keys_twice(&keys, twice);
    free(keys.list);
    return found;
}

/* --- the whole document ---------------------------------------------------------------------- */

__attribute__((format(printf, 4, 5))) static void
flawed(struct json_flaw *flaw, enum json_flaw_kind kind, size_t offset, const char *format, ...)
{
    va_list arguments;

    flaw->kind = kind;
    flaw->offset = offset;
    va_start(arguments, format);
    vsnprintf(flaw->reason, sizeof(flaw->reason), format, arguments);
    va_end(arguments);
}

static void flawed_by_key(struct json_flaw *flaw, const char *text, size_t bytes)
{
    struct json_cursor cursor = {text, text + bytes};
    struct json_key twice;

    json_skip_space(&cursor);

    if (find_twice(&cursor, &twice))
        flawed(flaw, JSON_FLAW_TWICE, (size_t)(twice.at - text), "%.*s stands twice in one object",
               (int)(twice.bytes < 48 ? twice.bytes : 48), twice.at);
    else /* once plain, once with escapes */
        flawed(flaw, JSON_FLAW_TWICE, 0, "a key stands twice in one object");
}

/* What json-c makes of the text, and where it stopped. */
static struct json_object *parse(const char *text, size_t bytes, enum json_encoding encoding,
                                 struct json_flaw *flaw)
{
    struct json_tokener *tokener = bytes <= INT_MAX ? json_tokener_new() : NULL;
    enum json_tokener_error result;
    struct json_object *object;
    struct json_cursor end = {text, text + bytes};

    if (!tokener) {
        flawed(flaw, JSON_FLAW_MEMORY, 0, "out of memory");
        return NULL;
    }
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT |
                                        (encoding == JSON_UTF8 ? JSON_TOKENER_VALIDATE_UTF8 : 0));
    object = json_tokener_parse_ex(tokener, text, (int)bytes);
    result = json_tokener_get_error(tokener);
    end.at += json_tokener_get_parse_end(tokener);
    json_tokener_free(tokener);
    if (result == json_tokener_success)
        json_skip_space(&end);
    if (result == json_tokener_continue)
        flawed(flaw, JSON_FLAW_EARLY, bytes,
               "ends too early: a closing brace, bracket or quote is missing");
    else if (result != json_tokener_success)
        flawed(flaw, JSON_FLAW_MALFORMED, (size_t)(end.at - text), "%s",
               json_tokener_error_desc(result));
    else if (end.at != end.end)
        flawed(flaw, JSON_FLAW_MALFORMED, (size_t)(end.at - text), "more follows");
    else if (!json_object_is_type(object, json_type_object))
        flawed(flaw, JSON_FLAW_KIND, 0, "not one JSON object");
    return object;
}

/* What json-c lets pass and JSON, or we, do not. */
static void check_keys(struct json_object *object, const char *text, size_t bytes,
                       struct json_flaw *flaw)
{
    struct json_cursor cursor = {text, text + bytes};
    const size_t members = members_in_text(&cursor);

    if (cursor.at < cursor.end)
        flawed(flaw, JSON_FLAW_MALFORMED, (size_t)(cursor.at - text),
               "a key stands in single quotes, not in double ones");
    else if (members != members_in_tree(object))
        flawed_by_key(flaw, text, bytes);
}

struct json_object *json_document(const char *text, size_t bytes, enum json_encoding encoding,
                                  struct json_flaw *flaw)
{
    struct json_object *object;

    *flaw = (struct json_flaw){.kind = JSON_FLAW_NONE};
    if (bytes == 0)
        text = "";
    object = parse(text, bytes, encoding, flaw);
    if (flaw->kind == JSON_FLAW_NONE)
        check_keys(object, text, bytes, flaw);
    if (flaw->kind == JSON_FLAW_NONE)
        return object;
    json_object_put(object);
    return NULL;
}

/* --- finding a value's place ----------------------------------------------------------------- */

/* How much of `path` this step takes: a key may hold dots itself ("trigger.silent"). 0: another. */
static size_t step_into_key(const struct json_key *key, const char *path)
{
    const size_t bytes = key->bytes >= 2 ? key->bytes - 2 : 0; /* without the quotes */

    if (strncmp(key->at + 1, path, bytes) != 0 || (path[bytes] != '.' && path[bytes] != '\0'))
        return 0;
    return bytes;
}

static size_t step_into_element(unsigned long index, const char *path)
{
    return strtoul(path, NULL, 10) == index ? strcspn(path, ".") : 0;
}

/* With the cursor on '{' or '[': moves it to the member or element that `path` begins with, and
 * returns how much of the path that is. 0: there is none. */
static size_t descend(struct json_cursor *cursor, const char *path)
{
    struct json_cursor here = *cursor;

    const bool object = here.at < here.end && *here.at == '{';

    if (!object && !(here.at < here.end && *here.at == '['))
        return 0;
    here.at++;
    for (unsigned long index = 0; json_at_entry(&here); index++) {
        const struct json_key key = object ? json_take_key(&here) : (struct json_key){0};
        const size_t step = object ? step_into_key(&key, path) : step_into_element(index, path);

        if (step > 0) {
            *cursor = here;
            return step;
        }
        json_skip_value(&here);
        json_skip_comma(&here);
    }
    return 0;
}

size_t json_locate(const char *text, size_t bytes, const char *path)
{
    struct json_cursor cursor = {text, text + bytes};
    size_t step = 1;

    json_skip_space(&cursor);
    while (*path && step > 0) {
        step = descend(&cursor, path);
        path += step;
        path += *path == '.';
    }
    return (size_t)(cursor.at - text);
}

unsigned long json_line(const char *text, size_t bytes, size_t offset)
{
    unsigned long line = 1;

    for (size_t i = 0; i < offset && i < bytes; i++)
        line += text[i] == '\n';
    return line;
}

/* --- what every document of ours has --------------------------------------------------------- */

struct json_object *synward_to_json(void)
{
    struct json_object *synward = json_object_new_object();

    json_object_object_add(synward, "version", json_object_new_string(SYNWARD_VERSION));
    json_object_object_add(synward, "schema", json_object_new_int(SYNWARD_SCHEMA));
    return synward;
}

char *time_to_text(int64_t time_s, char text[TIME_TEXT_BYTES])
{
    const time_t when = (time_t)time_s;
    struct tm utc;

    if (!gmtime_r(&when, &utc) || strftime(text, TIME_TEXT_BYTES, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        text[0] = '\0';
    return text;
}
