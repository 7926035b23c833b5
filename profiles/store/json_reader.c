/* SPDX-License-Identifier: GPL-2.0-or-later */
/* json_reader.c - see json_reader.h. */
#include "profiles/store/json_reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

bool reader_fail(struct json_reader *reader, const char *key, const char *format, ...)
{
    size_t mark;
    va_list arguments;

    if (reader->failed)
        return false;
    reader->failed = true;
    mark = key ? reader_enter(reader, key) : 0;
    snprintf(reader->fault->path, sizeof(reader->fault->path), "%s", reader->path);
    if (key)
        reader_leave(reader, mark);
    va_start(arguments, format);
    vsnprintf(reader->fault->reason, sizeof(reader->fault->reason), format, arguments);
    va_end(arguments);
    return false;
}

size_t reader_enter(struct json_reader *reader, const char *key)
{
    const size_t mark = strlen(reader->path);

    snprintf(reader->path + mark, sizeof(reader->path) - mark, "%s%s", mark ? "." : "", key);
    return mark;
}

void reader_leave(struct json_reader *reader, size_t mark)
{
    reader->path[mark] = '\0';
}

static const char *type_text(enum json_type type)
{
    switch (type) {
    case json_type_object:
        return "an object";
    case json_type_array:
        return "an array";
    case json_type_string:
        return "a text";
    case json_type_boolean:
        return "true or false";
    case json_type_int:
        return "a whole number";
    default:
        return "a number";
    }
}

struct json_object *read_member(struct json_reader *reader, struct json_object *object,
                                const char *key, enum json_type type)
{
    struct json_object *member = NULL;

    if (!json_object_object_get_ex(object, key, &member) || !member)
        return NULL;
    if (!json_object_is_type(member, type)) {
        reader_fail(reader, key, "is not %s", type_text(type));
        return NULL;
    }
    return member;
}

bool uint_from_json(struct json_reader *reader, const char *key, struct json_object *value,
                    uint64_t max, uint64_t *out)
{
    /* json-c holds what does not fit int64 as uint64; asking for the former saturates, so the sign
     * is asked first. */
    const uint64_t number = json_object_get_uint64(value);

    if (!json_object_is_type(value, json_type_int))
        return reader_fail(reader, key, "is not a whole number");
    if (json_object_get_int64(value) < 0 || number > max)
        return reader_fail(reader, key, "%s is not between 0 and %llu",
                           json_object_to_json_string(value), (unsigned long long)max);
    *out = number;
    return true;
}

bool read_uint(struct json_reader *reader, struct json_object *object, const char *key,
               uint64_t max, uint64_t *out)
{
    struct json_object *member = NULL;

    if (!json_object_object_get_ex(object, key, &member) || !member)
        return false;
    return uint_from_json(reader, key, member, max, out);
}

bool read_bool(struct json_reader *reader, struct json_object *object, const char *key, bool *out)
{
    struct json_object *member = read_member(reader, object, key, json_type_boolean);

    if (!member)
        return false;
    *out = json_object_get_boolean(member);
    return true;
}

const char *read_text(struct json_reader *reader, struct json_object *object, const char *key)
{
    struct json_object *member = read_member(reader, object, key, json_type_string);

    return member ? json_object_get_string(member) : NULL;
}

bool text_to_hex(struct json_reader *reader, const char *key, const char *text, uint8_t *out,
                 size_t max, size_t *bytes)
{
    const size_t digits = strlen(text);

    if (digits % 2 || digits / 2 > max)
        return reader_fail(reader, key, "is not an even number of hex digits, at most %zu",
                           max * 2);
    if (sodium_hex2bin(out, max, text, digits, NULL, bytes, NULL) != 0)
        return reader_fail(reader, key, "holds something that is no hex digit");
    return true;
}

bool hex_from_json(struct json_reader *reader, const char *key, struct json_object *value,
                   uint8_t *out, size_t max, size_t *bytes)
{
    if (!json_object_is_type(value, json_type_string))
        return reader_fail(reader, key, "is not a text");
    return text_to_hex(reader, key, json_object_get_string(value), out, max, bytes);
}

bool read_element(struct json_reader *reader, struct json_object *array, size_t index, uint64_t max,
                  uint64_t *out)
{
    char key[24];

    snprintf(key, sizeof(key), "%zu", index);
    return uint_from_json(reader, key, json_object_array_get_idx(array, index), max, out);
}
