/* SPDX-License-Identifier: GPL-2.0-or-later */
/* field.c - see field.h. */
#include "profiles/store/field.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "profiles/model/vote.h"
#include "profiles/store/json_document.h"

/* --- places in a record ---------------------------------------------------------------------- */

static const void *place_in(const void *record, const struct field *field)
{
    return (const char *)record + field->offset;
}

static void *place_of(void *record, const struct field *field)
{
    return (char *)record + field->offset;
}

static uint64_t uint_at(const void *record, const struct field *field)
{
    uint64_t eight = 0;
    uint32_t four = 0;
    uint16_t two = 0;
    uint8_t one = 0;

    switch (field->bytes) {
    case sizeof(one):
        memcpy(&one, place_in(record, field), sizeof(one));
        return one;
    case sizeof(two):
        memcpy(&two, place_in(record, field), sizeof(two));
        return two;
    case sizeof(four):
        memcpy(&four, place_in(record, field), sizeof(four));
        return four;
    default:
        memcpy(&eight, place_in(record, field), sizeof(eight));
        return eight;
    }
}

static void uint_put(void *record, const struct field *field, uint64_t eight)
{
    const uint32_t four = (uint32_t)eight;
    const uint16_t two = (uint16_t)eight;
    const uint8_t one = (uint8_t)eight;

    switch (field->bytes) {
    case sizeof(one):
        memcpy(place_of(record, field), &one, sizeof(one));
        break;
    case sizeof(two):
        memcpy(place_of(record, field), &two, sizeof(two));
        break;
    case sizeof(four):
        memcpy(place_of(record, field), &four, sizeof(four));
        break;
    default:
        memcpy(place_of(record, field), &eight, sizeof(eight));
    }
}

/* --- writing --------------------------------------------------------------------------------- */

struct json_object *json_uint(uint64_t value)
{
    return json_object_new_uint64(value);
}

struct json_object *json_text(const char *text)
{
    return text ? json_object_new_string(text) : NULL;
}

struct json_object *json_hex(const uint8_t *data, size_t bytes)
{
    char *text = malloc(bytes * 2 + 1);
    struct json_object *object;

    if (!text)
        return NULL;
    sodium_bin2hex(text, bytes * 2 + 1, data, bytes);
    object = json_object_new_string_len(text, (int)(bytes * 2));
    free(text);
    return object;
}

static struct json_object *write_time(int64_t time_s)
{
    char text[TIME_TEXT_BYTES];

    return time_s ? json_object_new_string(time_to_text(time_s, text)) : NULL;
}

static struct json_object *write_number_vote(const struct vote *vote, uint32_t refused)
{
    if (!vote->known)
        return NULL;
    return vote->value == refused ? json_text("none") : json_uint(vote->value);
}

static struct json_object *write_field(const struct field *field, const void *record)
{
    const void *place = place_in(record, field);

    if (field->there && !field->there(record))
        return NULL;
    if (field->write)
        return field->write(record);
    switch (field->kind) {
    case FIELD_KIND_UINT:
        return json_uint(uint_at(record, field));
    case FIELD_KIND_BOOL:
        return json_object_new_boolean(*(const bool *)place);
    case FIELD_KIND_TIME:
        return write_time(*(const int64_t *)place);
    case FIELD_KIND_NUMBER_VOTE:
        return write_number_vote(place, field->refused);
    case FIELD_KIND_FLAG_VOTE:
        return ((const struct vote *)place)->known
                   ? json_object_new_boolean(((const struct vote *)place)->value != 0)
                   : NULL;
    case FIELD_KIND_CHOICE:
        return json_text(field->choices((unsigned)uint_at(record, field)));
    case FIELD_KIND_OBJECT:
        return fields_write(field->members, record);
    default:
        return NULL;
    }
}

struct json_object *fields_write(const struct field *fields, const void *record)
{
    struct json_object *object = json_object_new_object();

    for (const struct field *field = fields; field->name; field++) {
        struct json_object *value = write_field(field, record);

        if (value || !(field->flags & FIELD_LEFT_OUT))
            json_object_object_add(object, field->name, value);
    }
    return object;
}

/* --- reading --------------------------------------------------------------------------------- */

bool read_choice(struct json_reader *reader, const char *key, const char *name,
                 field_choices *choices, unsigned count, unsigned *index)
{
    char known[JSON_REASON_BYTES] = "";
    size_t used = 0;

    for (unsigned i = 0; i < count; i++) {
        const char *choice = choices(i);

        if (choice && strcmp(choice, name) == 0) {
            *index = i;
            return true;
        }
        if (choice && used < sizeof(known))
            used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", used ? ", " : "",
                                     choice);
    }
    return reader_fail(reader, key, "'%.40s' is not one of %s", name, known);
}

static void read_time(struct json_reader *reader, struct json_object *object, const char *key,
                      int64_t *time_s)
{
    const char *text = read_text(reader, object, key);
    struct tm utc = {0};
    const char *end = text ? strptime(text, "%Y-%m-%dT%H:%M:%SZ", &utc) : NULL;

    if (text && (!end || *end))
        reader_fail(reader, key, "'%s' is not a time like 2026-01-01T00:00:00Z", text);
    else if (text)
        *time_s = (int64_t)timegm(&utc);
}

static void read_number_vote(struct json_reader *reader, struct json_object *object,
                             const struct field *field, struct vote *vote)
{
    struct json_object *value = json_object_object_get(object, field->name);
    uint64_t number = field->refused;

    if (field->refused != UINT32_MAX && json_object_is_type(value, json_type_string)) {
        if (strcmp(json_object_get_string(value), "none") != 0) {
            reader_fail(reader, field->name, "is neither a number nor \"none\"");
            return;
        }
    } else if (!read_uint(reader, object, field->name, field->most, &number)) {
        return;
    }
    vote->known = true;
    vote->value = (uint32_t)number;
}

static void read_flag_vote(struct json_reader *reader, struct json_object *object, const char *key,
                           struct vote *vote)
{
    bool value;

    if (!read_bool(reader, object, key, &value))
        return;
    vote->known = true;
    vote->value = value;
}

static void read_members(struct json_reader *reader, struct json_object *object,
                         const struct field *field, void *record)
{
    struct json_object *member = read_member(reader, object, field->name, json_type_object);
    size_t mark;

    if (!member)
        return;
    mark = reader_enter(reader, field->name);
    if (field->read)
        field->read(reader, member, record);
    else
        fields_read(reader, field->members, member, record);
    reader_leave(reader, mark);
}

static void read_by_kind(struct json_reader *reader, struct json_object *object,
                         const struct field *field, void *record)
{
    const char *name;
    uint64_t number;
    unsigned index = 0;

    switch (field->kind) {
    case FIELD_KIND_UINT:
        if (read_uint(reader, object, field->name, field->most, &number))
            uint_put(record, field, number);
        break;
    case FIELD_KIND_BOOL:
        read_bool(reader, object, field->name, place_of(record, field));
        break;
    case FIELD_KIND_TIME:
        read_time(reader, object, field->name, place_of(record, field));
        break;
    case FIELD_KIND_NUMBER_VOTE:
        read_number_vote(reader, object, field, place_of(record, field));
        break;
    case FIELD_KIND_FLAG_VOTE:
        read_flag_vote(reader, object, field->name, place_of(record, field));
        break;
    case FIELD_KIND_CHOICE:
        name = read_text(reader, object, field->name);
        if (name &&
            read_choice(reader, field->name, name, field->choices, field->choices_count, &index))
            uint_put(record, field, index);
        break;
    default:
        break;
    }
}

static void read_field(struct json_reader *reader, struct json_object *object,
                       const struct field *field, void *record)
{
    struct json_object *value = json_object_object_get(object, field->name);

    if (!value && field->flags & FIELD_NEEDED)
        reader_fail(reader, field->name, "is missing");
    else if (value && field->kind == FIELD_KIND_OBJECT)
        read_members(reader, object, field, record);
    else if (value && field->read)
        field->read(reader, value, record);
    else if (value)
        read_by_kind(reader, object, field, record);
}

void fields_read(struct json_reader *reader, const struct field *fields, struct json_object *object,
                 void *record)
{
    for (const struct field *field = fields; field->name; field++)
        if (field->flags & FIELD_FIRST)
            read_field(reader, object, field, record);
    for (const struct field *field = fields; field->name; field++)
        if (!(field->flags & FIELD_FIRST))
            read_field(reader, object, field, record);
}

/* --- schema ---------------------------------------------------------------------------------- */

static void add_text(struct json_object *object, const char *key, const char *text)
{
    json_object_object_add(object, key, json_object_new_string(text));
}

struct json_object *schema_of_type(const char *type)
{
    struct json_object *schema = json_object_new_object(), *types = json_object_new_array();

    json_object_array_add(types, json_object_new_string(type));
    json_object_array_add(types, json_object_new_string("null"));
    json_object_object_add(schema, "type", types);
    return schema;
}

struct json_object *schema_array(struct json_object *items, size_t most)
{
    struct json_object *schema = schema_of_type("array");

    json_object_object_add(schema, "maxItems", json_uint(most));
    json_object_object_add(schema, "items", items);
    return schema;
}

struct json_object *schema_uint(uint64_t most)
{
    struct json_object *schema = json_object_new_object();

    add_text(schema, "type", "integer");
    json_object_object_add(schema, "minimum", json_uint(0));
    json_object_object_add(schema, "maximum", json_uint(most));
    return schema;
}

struct json_object *schema_hex(size_t most_bytes)
{
    struct json_object *schema = json_object_new_object();

    add_text(schema, "type", "string");
    add_text(schema, "pattern", "^([0-9A-Fa-f]{2})*$");
    json_object_object_add(schema, "maxLength", json_uint(most_bytes * 2));
    return schema;
}

struct json_object *schema_choices(field_choices *choices, unsigned count)
{
    struct json_object *schema = json_object_new_object(), *names = json_object_new_array();

    for (unsigned i = 0; i < count; i++)
        if (choices(i))
            json_object_array_add(names, json_object_new_string(choices(i)));
    json_object_object_add(schema, "enum", names);
    return schema;
}

struct json_object *schema_object(struct json_object *properties)
{
    struct json_object *schema = schema_of_type("object");

    json_object_object_add(schema, "properties", properties);
    return schema;
}

/* What `schema` allows, or null. */
static struct json_object *or_null(struct json_object *schema)
{
    struct json_object *type = json_object_object_get(schema, "type");
    struct json_object *choices = json_object_object_get(schema, "enum");

    if (choices)
        json_object_array_add(choices, NULL);
    if (json_object_is_type(type, json_type_string)) {
        struct json_object *types = json_object_new_array();

        json_object_array_add(types, json_object_get(type));
        json_object_array_add(types, json_object_new_string("null"));
        json_object_object_add(schema, "type", types);
    }
    return schema;
}

static struct json_object *schema_number_vote(const struct field *field)
{
    struct json_object *number = schema_uint(field->most), *schema, *either, *none;

    if (field->refused == UINT32_MAX)
        return number;
    schema = json_object_new_object();
    either = json_object_new_array();
    none = json_object_new_object();
    add_text(none, "const", "none");
    json_object_array_add(either, or_null(number));
    json_object_array_add(either, none);
    json_object_object_add(schema, "anyOf", either);
    return schema;
}

static struct json_object *schema_by_kind(const struct field *field)
{
    struct json_object *schema;

    switch (field->kind) {
    case FIELD_KIND_UINT:
        return schema_uint(field->most);
    case FIELD_KIND_BOOL:
    case FIELD_KIND_FLAG_VOTE:
        return schema_of_type("boolean");
    case FIELD_KIND_TIME:
        schema = schema_of_type("string");
        add_text(schema, "pattern", "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$");
        return schema;
    case FIELD_KIND_NUMBER_VOTE:
        return schema_number_vote(field);
    case FIELD_KIND_CHOICE:
        return schema_choices(field->choices, field->choices_count);
    case FIELD_KIND_OBJECT:
        return fields_schema(field->members);
    default:
        return json_object_new_object();
    }
}

static struct json_object *schema_of(const struct field *field)
{
    struct json_object *schema = field->schema        ? field->schema()
                                 : field->schema_text ? json_tokener_parse(field->schema_text)
                                                      : schema_by_kind(field);

    return field->flags & FIELD_NEEDED ? schema : or_null(schema);
}

struct json_object *fields_schema(const struct field *fields)
{
    struct json_object *properties = json_object_new_object(), *needed = json_object_new_array();
    struct json_object *schema;

    for (const struct field *field = fields; field->name; field++) {
        json_object_object_add(properties, field->name, schema_of(field));
        if (field->flags & FIELD_NEEDED)
            json_object_array_add(needed, json_object_new_string(field->name));
    }
    schema = schema_object(properties);
    json_object_object_add(schema, "required", needed);
    return schema;
}
