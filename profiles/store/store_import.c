/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store_import.c - see store_import.h.
 *
 * The walk goes over the text: each element of "profiles" becomes a tree of its own. In the end
 * what is left of the document, one 0 in the place of all elements, is read as a whole: it has the
 * members that a document must have, and it shows what is wrong between the elements.
 *
 *      {"synward": {...}, "profiles": [{...}, {...}, {...}], ...}
 *                                      ^  elements, one by one
 *      {"synward": {...}, "profiles": [0], ...}                     then this
 *
 * What is no JSON is told first, then what is wrong with the document, then with a profile.
 */
#include "profiles/store/store_import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/version.h"
#include "profiles/model/profile.h"
#include "profiles/store/json_cursor.h"
#include "profiles/store/json_document.h"
#include "profiles/store/json_reader.h"
#include "profiles/store/profile_json.h"
#include "profiles/store/store.h"
#include "profiles/store/text_mark.h"

#define PLACE_BYTES (2 * JSON_PATH_BYTES + JSON_REASON_BYTES + 64)

struct store_import {
    const char *bytes, *name;
    size_t length;
    struct store *read;
    struct profile *profile; /* to read the next one into; NULL: to be made */
    bool begun;              /* the walk is behind the bracket of "profiles" */
    struct json_cursor cursor;
    size_t elements_at, elements_end; /* of "profiles"; equal: none so far */
    size_t count;
    bool broken;
    struct error fault; /* of a profile: told when the rest turns out to be a document */
};

struct store_import *store_import_begin(const char *bytes, size_t length, const char *name)
{
    struct store_import *import = calloc(1, sizeof(*import));
    size_t mark;

    if (!import)
        return NULL;
    mark = text_mark_bytes(bytes, length);
    bytes += mark;
    length -= mark;
    *import = (struct store_import){.bytes = bytes,
                                    .length = length,
                                    .name = name,
                                    .read = store_new(),
                                    .cursor = {bytes, bytes + length}};
    if (import->read)
        return import;
    store_import_end(import);
    return NULL;
}

void store_import_end(struct store_import *import)
{
    if (!import)
        return;
    store_free(import->read);
    free(import->profile);
    free(import);
}

bool store_import_broken(const struct store_import *import)
{
    return import->broken;
}

void store_import_teach(struct store_import *import, uint64_t teacher)
{
    for (size_t i = 0; i < store_count(import->read); i++)
        store_at(import->read, i)->teacher = teacher;
}

size_t store_import_count(const struct store_import *import)
{
    return import->count;
}

/* --- what is wrong --------------------------------------------------------------------------- */

static bool fail(struct store_import *import, size_t offset, const char *reason,
                 struct error *error)
{
    import->broken = true;
    return error_set(error, EXIT_FAILED, "%s:%lu: %s; repair the file or move it away",
                     import->name, json_line(import->bytes, import->length, offset), reason);
}

/* `offset` is that of the text's flaw in the whole document. */
static bool fail_by_flaw(struct store_import *import, const struct json_flaw *flaw, size_t offset,
                         struct error *error)
{
    if (flaw->kind == JSON_FLAW_MEMORY)
        return error_set(error, EXIT_FAILED, "cannot read %s: %s", import->name, flaw->reason);
    return fail(import, offset, flaw->reason, error);
}

/* The first one stays. */
static void note_fault(struct store_import *import, size_t offset, const struct json_fault *fault)
{
    char reason[PLACE_BYTES];

    if (import->fault.code != EXIT_DONE)
        return;
    snprintf(reason, sizeof(reason), "profile %zu: %s%s%s", import->count + 1, fault->path,
             fault->path[0] ? " " : "", fault->reason);
    fail(import, offset, reason, &import->fault);
}

/* --- one profile ----------------------------------------------------------------------------- */

/* `text` is where it stands. */
static void add_profile(struct store_import *import, struct json_object *object, const char *text,
                        size_t bytes)
{
    struct json_fault fault = {0};

    if (import->fault.code != EXIT_DONE)
        return;
    if (!import->profile)
        import->profile = malloc(sizeof(*import->profile));
    if (!import->profile) {
        error_set(&import->fault, EXIT_FAILED, "cannot read %s: out of memory", import->name);
        return;
    }
    if (!profile_from_json(object, import->profile, &fault)) {
        note_fault(import, (size_t)(text - import->bytes) + json_locate(text, bytes, fault.path),
                   &fault);
        return;
    }
    if (store_find(import->read, &import->profile->key)) {
        snprintf(fault.reason, sizeof(fault.reason), "is for the same server as one before it");
        note_fault(import, (size_t)(text - import->bytes), &fault);
        return;
    }
    if (store_put(import->read, import->profile)) {
        import->profile = NULL;
        return;
    }
    import->broken = store_count(import->read) >= STORE_PROFILES_MAX;
    error_set(&import->fault, EXIT_FAILED, "cannot read %s: more profiles than there is room for",
              import->name);
}

/* The element at the cursor. False: it is no JSON. */
static bool read_element_here(struct store_import *import, struct error *error)
{
    const char *text = import->cursor.at;
    struct json_flaw flaw;
    struct json_object *object;
    size_t bytes;

    json_skip_value(&import->cursor);
    bytes = (size_t)(import->cursor.at - text);
    object = *text == '{' ? json_document(text, bytes, JSON_UTF8, &flaw) : NULL;
    if (*text == '{' && !object)
        return fail_by_flaw(import, &flaw, (size_t)(text - import->bytes) + flaw.offset, error);
    add_profile(import, object, text, bytes); /* NULL is no object, and it says so */
    json_object_put(object);
    import->count++;
    import->elements_end = (size_t)(import->cursor.at - import->bytes);
    return true;
}

/* --- the walk -------------------------------------------------------------------------------- */

/* To the first element of "profiles"; else to where the walk ends. */
static void find_profiles(struct store_import *import)
{
    static const char wanted[] = "\"profiles\"";
    struct json_cursor *cursor = &import->cursor;

    import->begun = true;
    json_skip_space(cursor);
    if (cursor->at == cursor->end || *cursor->at != '{') {
        cursor->at = cursor->end;
        return;
    }
    cursor->at++;
    while (json_at_entry(cursor) && *cursor->at == '"') {
        const struct json_key key = json_take_key(cursor);

        if (key.bytes == sizeof(wanted) - 1 && memcmp(key.at, wanted, key.bytes) == 0 &&
            cursor->at < cursor->end && *cursor->at == '[') {
            cursor->at++;
            import->elements_at = import->elements_end = (size_t)(cursor->at - import->bytes);
            return;
        }
        json_skip_value(cursor);
        json_skip_comma(cursor);
    }
    cursor->at = cursor->end;
}

/* Behind an element, or in front of the first: is there another? Where a comma is missing, or is
 * one too many, the walk ends, and who reads the rest says so. */
static bool at_element(struct store_import *import)
{
    struct json_cursor *cursor = &import->cursor;

    json_skip_space(cursor);
    if (import->count > 0) {
        if (cursor->at == cursor->end || *cursor->at != ',')
            return false;
        cursor->at++;
    }
    return json_at_entry(cursor);
}

/* --- the rest -------------------------------------------------------------------------------- */

struct rest {
    char *text;
    size_t bytes, left_out; /* bytes of the document that are not in it */
};

/* What the document is without its elements. */
static bool take_rest(const struct store_import *import, struct rest *rest)
{
    const size_t at = import->elements_at, end = import->elements_end, zero = end > at;

    rest->left_out = end - at - zero;
    rest->bytes = import->length - rest->left_out;
    rest->text = malloc(rest->bytes + 1);
    if (!rest->text)
        return false;
    memcpy(rest->text, import->bytes, at);
    rest->text[at] = '0';
    memcpy(rest->text + at + zero, import->bytes + end, import->length - end);
    rest->text[rest->bytes] = '\0';
    return true;
}

static size_t place_of(const struct store_import *import, const struct rest *rest, size_t offset)
{
    return offset > import->elements_at ? offset + rest->left_out : offset;
}

/* The members that every document of ours begins with. False and the error set where they do not
 * fit. */
static bool check_members(struct store_import *import, struct json_object *document,
                          const struct rest *rest, struct error *error)
{
    struct json_fault fault = {0};
    struct json_reader reader = {.fault = &fault};
    uint64_t schema = 0;
    struct json_object *synward = read_member(&reader, document, "synward", json_type_object);
    struct json_object *profiles;
    char reason[JSON_PATH_BYTES + JSON_REASON_BYTES];

    if (!synward)
        reader_fail(&reader, "synward", "is missing; is this a profile store?");
    else if (!read_uint(&reader, synward, "schema", INT32_MAX, &schema))
        reader_fail(&reader, "synward.schema", "is missing");
    else if (schema > SYNWARD_SCHEMA)
        reader_fail(&reader, "synward.schema", "%llu is newer than this version reads (%d)",
                    (unsigned long long)schema, SYNWARD_SCHEMA);
    profiles = read_member(&reader, document, "profiles", json_type_array);
    if (!profiles)
        reader_fail(&reader, "profiles", "is missing");
    else if (import->elements_at == 0 && json_object_array_length(profiles) > 0)
        reader_fail(&reader, "profiles", "has a name with escapes: write it plainly");
    if (!reader.failed)
        return true;
    snprintf(reason, sizeof(reason), "%s %s", fault.path, fault.reason);
    return fail(import, place_of(import, rest, json_locate(rest->text, rest->bytes, fault.path)),
                reason, error);
}

static bool read_rest(struct store_import *import, struct error *error)
{
    struct rest rest;
    struct json_flaw flaw;
    struct json_object *document;
    bool done;

    if (!take_rest(import, &rest))
        return error_set(error, EXIT_FAILED, "cannot read %s: out of memory", import->name);
    document = json_document(rest.text, rest.bytes, JSON_UTF8, &flaw);
    done = document ? check_members(import, document, &rest, error)
                    : fail_by_flaw(import, &flaw, place_of(import, &rest, flaw.offset), error);
    json_object_put(document);
    free(rest.text);
    if (!done || import->fault.code == EXIT_DONE)
        return done;
    *error = import->fault;
    return false;
}

enum store_import_state store_import_step(struct store_import *import, struct error *error)
{
    if (!import->begun)
        find_profiles(import);
    for (unsigned i = 0; i < STORE_IMPORT_PIECE && import->cursor.at < import->cursor.end; i++) {
        if (!at_element(import))
            import->cursor.at = import->cursor.end;
        else if (!read_element_here(import, error))
            return STORE_IMPORT_FAILED;
    }
    if (import->cursor.at < import->cursor.end)
        return STORE_IMPORT_GOES_ON;
    return read_rest(import, error) ? STORE_IMPORT_READ : STORE_IMPORT_FAILED;
}

bool store_import_merge(struct store_import *import, struct store *store, struct error *error)
{
    return store_merge(store, import->read) ||
           error_set(error, EXIT_FAILED, "cannot import %s: more profiles than there is room for",
                     import->name);
}
