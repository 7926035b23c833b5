/* SPDX-License-Identifier: GPL-2.0-or-later */
/* store_file.c - the store as a file: loading with precise errors, saving (atomic_file.h). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/version.h"
#include "profiles/store/atomic_file.h"
#include "profiles/store/file_hands.h"
#include "profiles/store/json_document.h"
#include "profiles/store/json_reader.h"
#include "profiles/model/profile.h"
#include "profiles/store/profile_json.h"
#include "profiles/store/store.h"

#define STORE_FILE_MAX  (256u * 1024 * 1024)
#define STORE_FILE_MODE 0640 /* greetings and, later, keywords may name users */

/* --- reading --------------------------------------------------------------------------------- */

struct text {
    char *bytes;
    size_t length;
    bool broken; /* it is no store */
};

/* Reads all of `fd`, which is a regular file or a pipe. */
static bool read_all(int fd, struct text *text, const char *path, struct error *error)
{
    size_t capacity = 0;

    for (;;) {
        ssize_t got;

        if (text->length == capacity) {
            char *bytes;

            capacity = capacity ? capacity * 2 : 65536;
            text->broken = capacity > STORE_FILE_MAX;
            bytes = text->broken ? NULL : realloc(text->bytes, capacity);
            if (!bytes)
                return error_set(error, EXIT_FAILED,
                                 "cannot read %s: it is larger than %u MiB; is it a store?", path,
                                 STORE_FILE_MAX >> 20);
            text->bytes = bytes;
        }
        got = read(fd, text->bytes + text->length, capacity - text->length);
        if (got == 0)
            return true;
        if (got < 0 && errno != EINTR)
            return error_set(error, EXIT_FAILED, "cannot read %s: %s", path, strerror(errno));
        if (got > 0)
            text->length += (size_t)got;
    }
}

static bool check_folder(const char *path, struct error *error)
{
    struct stat status;
    char *folder = atomic_file_folder(path);
    const bool there = folder && stat(folder, &status) == 0 && S_ISDIR(status.st_mode);

    if (!there)
        error_set(error, EXIT_FAILED,
                  "no folder %s for the store %s; make it, or name another with --store",
                  folder ? folder : "", path);
    free(folder);
    return there;
}

static bool parse_fault(struct text *text, size_t offset, const char *path, const char *reason,
                        struct error *error)
{
    text->broken = true;
    return error_set(error, EXIT_FAILED, "%s:%lu: %s; repair the file or move it away", path,
                     json_line(text->bytes, text->length, offset), reason);
}

static struct json_object *parse(struct text *text, const char *path, struct error *error)
{
    struct json_flaw flaw;
    struct json_object *document = json_document(text->bytes, text->length, JSON_UTF8, &flaw);

    if (!document && flaw.kind == JSON_FLAW_MEMORY)
        error_set(error, EXIT_FAILED, "cannot read %s: %s", path, flaw.reason);
    else if (!document)
        parse_fault(text, flaw.offset, path, flaw.reason, error);
    return document;
}

/* The members that every document of ours begins with. NULL and the error set where they do not
 * fit. */
static struct json_object *check_document(struct json_object *document, struct text *text,
                                          const char *path, struct error *error)
{
    struct json_fault fault = {0};
    struct json_reader reader = {.fault = &fault};
    struct json_object *profiles = NULL;
    uint64_t schema = 0;
    struct json_object *synward = read_member(&reader, document, "synward", json_type_object);
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
    if (!reader.failed)
        return profiles;
    snprintf(reason, sizeof(reason), "%s %s", fault.path, fault.reason);
    parse_fault(text, json_locate(text->bytes, text->length, fault.path), path, reason, error);
    return NULL;
}

static bool profile_fault(struct text *text, size_t index, const struct json_fault *fault,
                          const char *path, struct error *error)
{
    char place[JSON_PATH_BYTES + 32], reason[JSON_PATH_BYTES + JSON_REASON_BYTES + 64];

    snprintf(place, sizeof(place), "profiles.%zu%s%s", index, fault->path[0] ? "." : "",
             fault->path);
    snprintf(reason, sizeof(reason), "profile %zu: %s%s%s", index + 1, fault->path,
             fault->path[0] ? " " : "", fault->reason);
    return parse_fault(text, json_locate(text->bytes, text->length, place), path, reason, error);
}

static bool add_profiles(struct store *store, struct json_object *profiles, struct text *text,
                         const char *path, struct error *error)
{
    struct profile *read = malloc(sizeof(*read));
    bool done = read;

    for (size_t i = 0; done && i < json_object_array_length(profiles); i++) {
        struct json_fault fault = {0};
        struct profile *profile;

        done = profile_from_json(json_object_array_get_idx(profiles, i), read, &fault);
        if (done && store_find(store, &read->key)) {
            snprintf(fault.reason, sizeof(fault.reason), "is for the same server as one before it");
            done = false;
        }
        profile = done ? store_add(store, &read->key) : NULL;
        if (!done)
            profile_fault(text, i, &fault, path, error);
        else if (profile)
            *profile = *read;
        else {
            text->broken = store_count(store) >= STORE_PROFILES_MAX;
            done = error_set(error, EXIT_FAILED,
                             "cannot read %s: more profiles than there is room for", path);
        }
    }
    free(read);
    return done;
}

/* Reads a document into an empty store. */
static bool load_text(struct store *store, struct text *text, const char *path, struct error *error)
{
    struct json_object *document = parse(text, path, error);
    struct json_object *profiles = document ? check_document(document, text, path, error) : NULL;
    const bool done = profiles && add_profiles(store, profiles, text, path, error);

    json_object_put(document);
    return done;
}

/* Reads what `fd` holds into an empty store. */
static bool load_from(struct store *store, int fd, const char *path, struct error *error)
{
    struct text text = {0};
    const bool done = read_all(fd, &text, path, error) && load_text(store, &text, path, error);

    free(text.bytes);
    return done;
}

enum store_found store_look(struct store *store, const char *path, struct error *error)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct text text = {0};
    enum store_found found = STORE_UNREAD;

    if (fd < 0 && errno == ENOENT)
        return check_folder(path, error) ? STORE_READ : STORE_UNREAD;
    if (fd < 0) {
        error_set(error, EXIT_FAILED, "cannot open the store %s: %s", path, strerror(errno));
        return STORE_UNREAD;
    }
    if (read_all(fd, &text, path, error) && load_text(store, &text, path, error))
        found = STORE_READ;
    else if (text.broken)
        found = STORE_BROKEN;
    free(text.bytes);
    close(fd);
    return found;
}

bool store_load(struct store *store, const char *path, struct error *error)
{
    return store_look(store, path, error) == STORE_READ;
}

/* Puts what was read over the store. All or nothing: makes every place first, fills them
 * afterwards. */
static bool merge(struct store *store, const struct store *read, const char *path,
                  struct error *error)
{
    const size_t count = store_count(read);

    for (size_t i = 0; i < count; i++)
        if (!store_add(store, &store_at(read, i)->key))
            return error_set(error, EXIT_FAILED,
                             "cannot import %s: more profiles than there is room for", path);
    for (size_t i = 0; i < count; i++) {
        struct profile *profile = store_find(store, &store_at(read, i)->key);
        const struct settings_said said = profile->said;

        *profile = *store_at(read, i);
        profile->said = said;
    }
    store_touch(store);
    return true;
}

bool store_import_text(struct store *store, const char *bytes, size_t length, const char *name,
                       struct error *error)
{
    struct text text = {.bytes = malloc(length + 1), .length = length};
    struct store *read = store_new();
    bool done;

    if (text.bytes) {
        memcpy(text.bytes, bytes, length);
        text.bytes[length] = '\0';
    }
    done = text.bytes && read
               ? load_text(read, &text, name, error) && merge(store, read, name, error)
               : error_set(error, EXIT_FAILED, "cannot import %s: out of memory", name);
    store_free(read);
    free(text.bytes);
    return done;
}

bool store_import(struct store *store, const char *path, struct error *error)
{
    struct store *read = store_new();
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool done;

    if (fd < 0)
        error_set(error, EXIT_FAILED, "cannot open %s: %s", path, strerror(errno));
    done = read && fd >= 0 && load_from(read, fd, path, error) && merge(store, read, path, error);
    if (fd >= 0)
        close(fd);
    store_free(read);
    return done;
}

/* --- saving ---------------------------------------------------------------------------------- */

static bool check_target(const char *path, struct error *error)
{
    struct stat status;

    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
        return error_set(error, EXIT_FAILED,
                         "cannot save the store: %s is not a file; name another with --store",
                         path);
    return true;
}

bool store_file(const char *path, struct atomic_file *file, struct error *error)
{
    char *target;

    *file = (struct atomic_file){0};
    if (!check_folder(path, error) || !check_target(path, error))
        return false;
    target = realpath(path, NULL);
    if (!target)
        target = strdup(path);
    *file = (struct atomic_file){.path = target,
                                 .what = "store",
                                 .owner = target,
                                 .mode = STORE_FILE_MODE,
                                 .keeps_mode = true};
    return target || error_set(error, EXIT_FAILED, "cannot save the store %s: out of memory", path);
}

static bool save_text(const struct store *store, const char *path, const char *text, size_t length,
                      struct error *error)
{
    struct atomic_file file;
    bool done;

    if (store_hands(store))
        return file_hands_save(store_hands(store), KEPT_STORE, text, length, error);
    done = store_file(path, &file, error) && atomic_file_save(&file, text, length, error);
    free((char *)file.path);
    return done;
}

bool store_save(const struct store *store, const char *path, struct error *error)
{
    struct json_object *document = store_to_json(store);
    size_t length = 0;
    const char *text = json_object_to_json_string_length(
        document,
        JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE,
        &length);
    const bool done =
        text ? save_text(store, path, text, length, error)
             : error_set(error, EXIT_FAILED, "cannot save the store %s: out of memory", path);

    json_object_put(document);
    return done;
}

bool store_exists(const struct store *store, const char *path)
{
    const struct file_hands *hands = store_hands(store);

    return hands ? hands->exists(hands->context, KEPT_STORE) : access(path, F_OK) == 0;
}
