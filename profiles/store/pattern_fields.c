/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pattern_fields.c - how far the pattern of requests that no protocol file knows is learned:
 * `state.pattern` of a profile.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profiles/store/profile_fields.h"
#include "profiles/store/request_fields.h"

/* --- pattern --------------------------------------------------------------------------------- */

bool has_pattern_state(const void *record)
{
    return ((const struct profile *)record)->pattern.accepted > 0;
}

static struct json_object *write_first(const void *record)
{
    const struct pattern_model *pattern = &((const struct profile *)record)->pattern;

    return json_hex(pattern->first, pattern->least_bytes);
}

/* At least as many bytes as the pattern has; more are of no use, and no harm. */
static void read_bytes(struct json_reader *reader, const char *key, struct json_object *value,
                       uint8_t bytes[PATTERN_WINDOW], size_t least)
{
    size_t got = 0;

    if (hex_from_json(reader, key, value, bytes, PATTERN_WINDOW, &got) && got < least)
        reader_fail(reader, key, "is shorter than least_bytes");
}

static void read_first(struct json_reader *reader, struct json_object *value, void *record)
{
    struct pattern_model *pattern = &((struct profile *)record)->pattern;

    read_bytes(reader, "first", value, pattern->first, pattern->least_bytes);
}

/* ff for each byte that is constant, 00 for the others. */
static struct json_object *write_constant(const void *record)
{
    const struct pattern_model *pattern = &((const struct profile *)record)->pattern;
    uint8_t mask[PATTERN_WINDOW];

    for (size_t i = 0; i < PATTERN_WINDOW; i++)
        mask[i] = pattern->constant[i] ? 0xff : 0;
    return json_hex(mask, pattern->least_bytes);
}

static void read_constant(struct json_reader *reader, struct json_object *value, void *record)
{
    struct pattern_model *pattern = &((struct profile *)record)->pattern;
    uint8_t mask[PATTERN_WINDOW] = {0};

    read_bytes(reader, "constant", value, mask, pattern->least_bytes);
    for (size_t i = 0; i < PATTERN_WINDOW; i++)
        pattern->constant[i] = mask[i] != 0;
}

static struct json_object *schema_window(void)
{
    return schema_hex(PATTERN_WINDOW);
}

static struct json_object *write_distinct(const void *record)
{
    const struct pattern_model *pattern = &((const struct profile *)record)->pattern;
    struct json_object *distinct = json_object_new_array();

    for (uint8_t i = 0; i < pattern->distinct_count; i++) {
        char text[17];

        snprintf(text, sizeof(text), "%016llx", (unsigned long long)pattern->distinct[i]);
        json_object_array_add(distinct, json_text(text));
    }
    return distinct;
}

static void read_distinct(struct json_reader *reader, struct json_object *value, void *record)
{
    struct pattern_model *pattern = &((struct profile *)record)->pattern;
    const bool array = json_object_is_type(value, json_type_array);
    const size_t count = array ? json_object_array_length(value) : 0;

    if (!array || count > PATTERN_DISTINCT_MIN) {
        reader_fail(reader, "distinct", array ? "has more than %d entries" : "is not an array",
                    PATTERN_DISTINCT_MIN);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const char *text = json_object_get_string(json_object_array_get_idx(value, i));
        char *end = NULL;

        pattern->distinct[i] = text ? strtoull(text, &end, 16) : 0;
        if (!text || *end || end == text)
            reader_fail(reader, "distinct", "holds something that is no hash");
    }
    pattern->distinct_count = (uint8_t)count;
}

static struct json_object *schema_distinct(void)
{
    return schema_array(schema_hex(sizeof(uint64_t)), PATTERN_DISTINCT_MIN);
}

/* --- shapes ---------------------------------------------------------------------------------- */

/* A store that is older than shapes has none of these, and is written as it was. */
static bool has_shape(const void *record)
{
    const struct pattern_model *pattern = &((const struct profile *)record)->pattern;

    return pattern->whole_bytes > 0;
}

static bool has_scattered(const void *record)
{
    return ((const struct profile *)record)->pattern.scattered;
}

static struct json_object *write_head(const void *record)
{
    return json_hex(((const struct profile *)record)->pattern.head, PATTERN_HEAD_BYTES);
}

static void read_head(struct json_reader *reader, struct json_object *value, void *record)
{
    struct pattern_model *pattern = &((struct profile *)record)->pattern;
    size_t got = 0;

    hex_from_json(reader, "head", value, pattern->head, PATTERN_HEAD_BYTES, &got);
}

static struct json_object *schema_head(void)
{
    return schema_hex(PATTERN_HEAD_BYTES);
}

static struct json_object *write_lengths(const void *record)
{
    const struct pattern_model *pattern = &((const struct profile *)record)->pattern;
    struct json_object *lengths = json_object_new_array();

    for (uint8_t i = 0; i < pattern->lengths_count; i++)
        json_object_array_add(lengths, json_uint(pattern->lengths[i]));
    return lengths;
}

static void read_lengths(struct json_reader *reader, struct json_object *value, void *record)
{
    struct pattern_model *pattern = &((struct profile *)record)->pattern;
    const bool array = json_object_is_type(value, json_type_array);
    const size_t count = array ? json_object_array_length(value) : 0;

    if (!array || count > PATTERN_LENGTHS_LEAST) {
        reader_fail(reader, "lengths", array ? "has more than %d entries" : "is not an array",
                    PATTERN_LENGTHS_LEAST);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t length = 0;

        if (read_element(reader, value, i, UINT16_MAX, &length))
            pattern->lengths[i] = (uint16_t)length;
    }
    pattern->lengths_count = (uint8_t)count;
}

static struct json_object *schema_lengths(void)
{
    return schema_array(schema_uint(UINT16_MAX), PATTERN_LENGTHS_LEAST);
}

/* Bits as hex digits, the lowest byte of each word first. */
static struct json_object *words_to_json(const uint64_t *words, size_t count)
{
    uint8_t bytes[PATTERN_CONTENT_WORDS * 8];

    for (size_t i = 0; i < count * 8; i++)
        bytes[i] = (uint8_t)(words[i / 8] >> (i % 8 * 8));
    return json_hex(bytes, count * 8);
}

static void words_from_json(struct json_reader *reader, const char *key, struct json_object *value,
                            uint64_t *words, size_t count)
{
    uint8_t bytes[PATTERN_CONTENT_WORDS * 8] = {0};
    size_t got = 0;

    if (!hex_from_json(reader, key, value, bytes, count * 8, &got))
        return;
    memset(words, 0, count * sizeof(*words));
    for (size_t i = 0; i < got; i++)
        words[i / 8] |= (uint64_t)bytes[i] << (i % 8 * 8);
}

static struct json_object *write_not_length(const void *record)
{
    return words_to_json(((const struct profile *)record)->pattern.not_length,
                         PATTERN_READING_WORDS);
}

static void read_not_length(struct json_reader *reader, struct json_object *value, void *record)
{
    words_from_json(reader, "not_length", value, ((struct profile *)record)->pattern.not_length,
                    PATTERN_READING_WORDS);
}

static struct json_object *schema_not_length(void)
{
    return schema_hex(PATTERN_READING_WORDS * 8);
}

static struct json_object *write_contents(const void *record)
{
    return words_to_json(((const struct profile *)record)->pattern.contents, PATTERN_CONTENT_WORDS);
}

static void read_contents(struct json_reader *reader, struct json_object *value, void *record)
{
    words_from_json(reader, "contents", value, ((struct profile *)record)->pattern.contents,
                    PATTERN_CONTENT_WORDS);
}

static struct json_object *schema_contents(void)
{
    return schema_hex(PATTERN_CONTENT_WORDS * 8);
}

#define SHAPE .flags = FIELD_LEFT_OUT, .there = has_shape

const struct field pattern_fields[] = {
    {FIELD_UINT("accepted", struct profile, pattern.accepted, UINT32_MAX)},
    {FIELD_UINT("least_bytes", struct profile, pattern.least_bytes, PATTERN_WINDOW)},
    {FIELD_OWN("first", write_first, read_first), .schema = schema_window},
    {FIELD_OWN("constant", write_constant, read_constant), .schema = schema_window},
    {FIELD_OWN("distinct", write_distinct, read_distinct), .schema = schema_distinct},
    {FIELD_BOOL("scattered", struct profile, pattern.scattered), .flags = FIELD_LEFT_OUT,
     .there = has_scattered},
    {FIELD_BOOL("not_line", struct profile, pattern.not_line), SHAPE},
    {FIELD_UINT("line_bytes_most", struct profile, pattern.line_bytes_most, UINT16_MAX), SHAPE},
    {FIELD_UINT("whole_bytes", struct profile, pattern.whole_bytes, UINT16_MAX), SHAPE},
    {FIELD_OWN("head", write_head, read_head), .schema = schema_head, SHAPE},
    {FIELD_OWN("lengths", write_lengths, read_lengths), .schema = schema_lengths, SHAPE},
    {FIELD_OWN("not_length", write_not_length, read_not_length), .schema = schema_not_length,
     SHAPE},
    {FIELD_UINT("passed", struct profile, pattern.passed, PATTERN_PROOFS), SHAPE},
    {FIELD_OWN("contents", write_contents, read_contents), .schema = schema_contents, SHAPE},
    {0},
};

/* Of what the document shows: the state alone says how a length is read. */
static bool patterns_equal(const struct pattern_model *a, const struct pattern_model *b)
{
    struct pattern left, right;

    pattern_model_get(a, &left);
    pattern_model_get(b, &right);
    if (left.least_bytes != right.least_bytes || left.pairs != right.pairs ||
        left.line_bytes_max != right.line_bytes_max)
        return false;
    for (uint8_t i = 0; i < left.pairs; i++)
        if (left.pair[i].offset != right.pair[i].offset || left.pair[i].byte != right.pair[i].byte)
            return false;
    return true;
}

void read_pattern_state(struct json_reader *reader, struct json_object *object, void *record)
{
    struct profile *profile = record, stated = *profile;

    memset(&stated.pattern, 0, sizeof(stated.pattern));
    fields_read(reader, pattern_fields, object, &stated);
    if (stated.pattern.least_bytes > 0 &&
        (!json_object_object_get(object, "first") || !json_object_object_get(object, "constant")))
        reader_fail(reader, "first", "is shorter than least_bytes");
    if (patterns_equal(&profile->pattern, &stated.pattern))
        profile->pattern = stated.pattern;
}
