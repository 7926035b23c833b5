/* SPDX-License-Identifier: GPL-2.0-or-later */
/* store_file.c - the store as a file: loading with precise errors, saving (atomic_file.h). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "profiles/store/atomic_file.h"
#include "profiles/store/file_hands.h"
#include "profiles/store/store.h"
#include "profiles/store/store_import.h"
#include "profiles/store/store_saving.h"
#include "profiles/store/store_text.h"

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

/* Reads a document over the store. All or nothing. */
static bool load_text(struct store *store, struct text *text, const char *path, struct error *error)
{
    struct store_import *import = store_import_begin(text->bytes, text->length, path);
    enum store_import_state state = STORE_IMPORT_GOES_ON;
    bool done;

    if (!import)
        return error_set(error, EXIT_FAILED, "cannot import %s: out of memory", path);
    while (state == STORE_IMPORT_GOES_ON)
        state = store_import_step(import, error);
    done = state == STORE_IMPORT_READ && store_import_merge(import, store, error);
    text->broken = store_import_broken(import);
    store_import_end(import);
    return done;
}

/* Reads what `fd` holds over the store. */
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

bool store_import_text(struct store *store, const char *bytes, size_t length, const char *name,
                       struct error *error)
{
    struct text text = {.bytes = (char *)bytes, .length = length};

    return load_text(store, &text, name, error);
}

bool store_import(struct store *store, const char *path, struct error *error)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool done;

    if (fd < 0)
        return error_set(error, EXIT_FAILED, "cannot open %s: %s", path, strerror(errno));
    done = load_from(store, fd, path, error);
    close(fd);
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

/* Sets `saving->fd`. */
static bool begin_saving(struct store_saving *saving, const char *path, struct error *error)
{
    const struct file_hands *hands = store_hands(saving->text.store);

    if (hands) {
        saving->fd = hands->begin(hands->context, KEPT_STORE, error);
        return saving->fd >= 0;
    }
    if (!store_file(path, &saving->file, error) ||
        !atomic_file_begin(&saving->own, &saving->file, error))
        return false;
    saving->fd = saving->own.fd;
    return true;
}

bool store_saving_begin(struct store_saving *saving, const struct store *store, const char *path,
                        struct error *error)
{
    *saving = (struct store_saving){
        .text = {.store = store, .pretty = true}, .own = {.fd = -1}, .fd = -1};
    if (begin_saving(saving, path, error))
        return true;
    free((char *)saving->file.path);
    return false;
}

bool store_saving_end(struct store_saving *saving, int reason, struct error *error)
{
    const struct file_hands *hands = store_hands(saving->text.store);
    bool done;

    if (hands)
        close(saving->fd);
    done = hands ? hands->end(hands->context, KEPT_STORE, reason, error)
                 : atomic_file_end(&saving->own, reason, error);
    free((char *)saving->file.path);
    saving->fd = -1;
    return done;
}

bool store_saving_step(struct store_saving *saving, bool *ended, struct error *error)
{
    size_t bytes = 0;
    char *piece = store_text_next(&saving->text, &bytes);
    const int reason = piece ? atomic_file_write(saving->fd, piece, bytes) : ENOMEM;

    free(piece);
    *ended = reason != 0 || saving->text.ended;
    return !*ended || store_saving_end(saving, reason, error);
}

bool store_save(const struct store *store, const char *path, struct error *error)
{
    struct store_saving saving;
    bool ended = false, done = store_saving_begin(&saving, store, path, error);

    while (done && !ended)
        done = store_saving_step(&saving, &ended, error);
    return done;
}

bool store_exists(const struct store *store, const char *path)
{
    const struct file_hands *hands = store_hands(store);

    return hands ? hands->exists(hands->context, KEPT_STORE) : access(path, F_OK) == 0;
}
