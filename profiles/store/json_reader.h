/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json_reader.h - reading JSON values with checks, remembering the path to the first one that is
 * wrong.
 *
 * A reader walks down with reader_enter() and up with reader_leave(); every get function leaves its
 * target alone and returns false where the field is missing, null or wrong, and only in the last
 * case is a fault noted. So a function reads all its fields and the caller asks once, at the end,
 * whether there was a fault.
 */
#ifndef SYNWARD_PROFILES_STORE_JSON_READER_H
#define SYNWARD_PROFILES_STORE_JSON_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#define JSON_PATH_BYTES   128
#define JSON_REASON_BYTES 160

/* Where in the document something is wrong ("tcp.variants.0.offered"), and what. */
struct json_fault {
    char path[JSON_PATH_BYTES];
    char reason[JSON_REASON_BYTES];
};

struct json_reader {
    struct json_fault *fault;
    void *context; /* what the functions that read one document tell each other */
    bool failed;
    char path[JSON_PATH_BYTES];
};

/* Notes a fault at `key` below the present path (NULL: at the path itself). The first fault stays.
 * Returns false. */
__attribute__((format(printf, 3, 4))) bool reader_fail(struct json_reader *reader, const char *key,
                                                       const char *format, ...);

/* Appends `key` to the path; returns the mark that reader_leave() wants. */
size_t reader_enter(struct json_reader *reader, const char *key);
void reader_leave(struct json_reader *reader, size_t mark);

/* The member `key`, NULL where it is missing or null. A wrong type is a fault. */
struct json_object *read_member(struct json_reader *reader, struct json_object *object,
                                const char *key, enum json_type type);
bool read_uint(struct json_reader *reader, struct json_object *object, const char *key,
               uint64_t max, uint64_t *out);
bool read_bool(struct json_reader *reader, struct json_object *object, const char *key, bool *out);
const char *read_text(struct json_reader *reader, struct json_object *object, const char *key);
/* A value at hand as a number up to `max`; `key` names it in a fault. */
bool uint_from_json(struct json_reader *reader, const char *key, struct json_object *value,
                    uint64_t max, uint64_t *out);
/* A value at hand as hex digits, of at most `max` bytes. */
bool hex_from_json(struct json_reader *reader, const char *key, struct json_object *value,
                   uint8_t *out, size_t max, size_t *bytes);
/* The same of a text. */
bool text_to_hex(struct json_reader *reader, const char *key, const char *text, uint8_t *out,
                 size_t max, size_t *bytes);
/* Element `index` of an array as a number up to `max`; a wrong one is a fault. */
bool read_element(struct json_reader *reader, struct json_object *array, size_t index, uint64_t max,
                  uint64_t *out);

#endif
