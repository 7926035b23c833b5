/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * field.h - one table says how a record stands in JSON, and is walked three ways:
 *
 *      {FIELD_UINT("early", struct profile, grace.early, UINT32_MAX)}
 *
 *      fields_write()    {"early": 7}
 *      fields_read()     7 into grace.early; "early -1 is not between 0 and 4294967295"
 *      fields_schema()   {"early": {"type": ["integer", "null"], "minimum": 0, "maximum": ...}}
 *
 * Rows stand in the order of the document. A field that is missing or null leaves its place in the
 * record alone. What no kind fits has functions of its own in its row: they take the record that
 * the table is for.
 */
#ifndef SYNWARD_PROFILES_STORE_FIELD_H
#define SYNWARD_PROFILES_STORE_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "profiles/store/json_reader.h"

enum field_kind {
    FIELD_KIND_OWN,         /* write, read and schema are the row's own */
    FIELD_KIND_UINT,        /* 0 to `most`, in 1, 2, 4 or 8 bytes */
    FIELD_KIND_BOOL,        /* a bool */
    FIELD_KIND_TIME,        /* an int64_t, seconds since 1970; 0 is null */
    FIELD_KIND_NUMBER_VOTE, /* a struct vote: a number; `refused` is "none"; not known is null */
    FIELD_KIND_FLAG_VOTE,   /* a struct vote: true or false; not known is null */
    FIELD_KIND_CHOICE,      /* an enum, by its names; a value without a name is null */
    FIELD_KIND_OBJECT,      /* of `members`, which are of the same record */
};

#define FIELD_NEEDED   1u /* missing is a fault */
#define FIELD_LEFT_OUT 2u /* where the value is null, the field is not written at all */
#define FIELD_FIRST    4u /* read before the other rows, which are weighed by it */

/* The name of value `index`, NULL where it has none; an index past the last gives NULL as well, and
 * values count from 0. */
typedef const char *field_choices(unsigned index);

struct field {
    const char *name; /* NULL ends a table */
    enum field_kind kind;
    unsigned flags;
    size_t offset, bytes; /* of the place in the record */
    uint64_t most;
    uint32_t refused;                  /* NUMBER_VOTE; UINT32_MAX: "none" is no value */
    field_choices *choices;            /* CHOICE */
    unsigned choices_count;            /* one more than the largest value */
    const struct field *members;       /* OBJECT */
    bool (*there)(const void *record); /* NULL or false: null is written */
    /* Instead of what the kind does. `read` is called with a value that is not null. */
    struct json_object *(*write)(const void *record);
    void (*read)(struct json_reader *reader, struct json_object *value, void *record);
    struct json_object *(*schema)(void);
    const char *schema_text; /* the same, where it is always the same */
};

#define FIELD_PLACE(record, member)                                                                \
    .offset = offsetof(record, member), .bytes = sizeof(((record *)0)->member)
#define FIELD_UINT(field, record, member, largest)                                                 \
    .name = (field), .kind = FIELD_KIND_UINT, FIELD_PLACE(record, member), .most = (largest)
#define FIELD_BOOL(field, record, member)                                                          \
    .name = (field), .kind = FIELD_KIND_BOOL, FIELD_PLACE(record, member)
#define FIELD_TIME(field, record, member)                                                          \
    .name = (field), .kind = FIELD_KIND_TIME, FIELD_PLACE(record, member)
#define FIELD_NUMBER_VOTE(field, record, member, largest, none)                                    \
    .name = (field), .kind = FIELD_KIND_NUMBER_VOTE, FIELD_PLACE(record, member),                  \
    .most = (largest), .refused = (none)
#define FIELD_FLAG_VOTE(field, record, member)                                                     \
    .name = (field), .kind = FIELD_KIND_FLAG_VOTE, FIELD_PLACE(record, member)
#define FIELD_CHOICE(field, record, member, names, count)                                          \
    .name = (field), .kind = FIELD_KIND_CHOICE, FIELD_PLACE(record, member), .choices = (names),   \
    .choices_count = (count)
#define FIELD_OBJECT(field, rows) .name = (field), .kind = FIELD_KIND_OBJECT, .members = (rows)
#define FIELD_OWN(field, writer, reader)                                                           \
    .name = (field), .kind = FIELD_KIND_OWN, .write = (writer), .read = (reader)

/* The object of all rows; the caller owns it. */
struct json_object *fields_write(const struct field *fields, const void *record);
void fields_read(struct json_reader *reader, const struct field *fields, struct json_object *object,
                 void *record);
/* A JSON schema (draft 2020-12) of that object; the caller owns it. */
struct json_object *fields_schema(const struct field *fields);

/* --- for functions of rows ------------------------------------------------------------------- */

struct json_object *json_uint(uint64_t value);
struct json_object *json_hex(const uint8_t *data, size_t bytes);
/* NULL for NULL. */
struct json_object *json_text(const char *text);

/* Puts the index of the choice called `name` into `index`; another name is a fault that lists those
 * that there are. */
bool read_choice(struct json_reader *reader, const char *key, const char *name,
                 field_choices *choices, unsigned count, unsigned *index);

/* {"type": [TYPE, "null"]} */
struct json_object *schema_of_type(const char *type);
/* {"type": ["array", "null"], "maxItems": most, "items": items}; takes `items`. */
struct json_object *schema_array(struct json_object *items, size_t most);
/* A number from 0 to `most`; null is none. */
struct json_object *schema_uint(uint64_t most);
/* Hex digits of at most so many bytes. */
struct json_object *schema_hex(size_t most_bytes);
/* {"enum": [names ...]} */
struct json_object *schema_choices(field_choices *choices, unsigned count);
/* {"type": ["object", "null"], "properties": properties}; takes `properties`. */
struct json_object *schema_object(struct json_object *properties);

#endif
