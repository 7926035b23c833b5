/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * imports_file.c - STORE.lists (imports.h): a head, then each list with its ranges behind it, as
 * they lie in memory. Of this machine only: another order of bytes is another file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/imports/imports.h"

#define FILE_MODE 0600

struct head {
    char magic[16];
    uint32_t order; /* ORDER */
    uint32_t count;
};

struct list_head {
    char name[IMPORT_NAME_BYTES];
    uint32_t prefixes, v4_count, v6_count, unused;
};

static const char magic[16] = "synward lists 1";
#define ORDER 0x01020304u

/* Beside what the store's name stands for; the caller frees it. */
static char *path_of(const char *store_path)
{
    char *target = realpath(store_path, NULL), *path = NULL;

    if (asprintf(&path, "%s.lists", target ? target : store_path) < 0)
        path = NULL;
    free(target);
    return path;
}

bool imports_file(const char *store_path, struct atomic_file *file, struct error *error)
{
    *file = (struct atomic_file){
        .path = path_of(store_path), .what = "lists", .owner = store_path, .mode = FILE_MODE};
    return file->path || error_set(error, EXIT_FAILED, "out of memory for the lists");
}

/* --- writing --------------------------------------------------------------------------------- */

/* From where the ranges lie: a copy of them would take as long again. 0, or an errno. */
static int write_list(int fd, const struct import_list *list)
{
    struct list_head head = {
        .prefixes = list->prefixes, .v4_count = list->v4_count, .v6_count = list->v6_count};
    int reason;

    memcpy(head.name, list->name, sizeof(head.name));
    reason = atomic_file_write(fd, &head, sizeof(head));
    if (reason == 0)
        reason = atomic_file_write(fd, list->v6, list->v6_count * sizeof(*list->v6));
    if (reason == 0)
        reason = atomic_file_write(fd, list->v4, list->v4_count * sizeof(*list->v4));
    return reason;
}

static int write_all(int fd, const struct imports *imports)
{
    struct head head = {.order = ORDER, .count = imports->count};
    int reason;

    memcpy(head.magic, magic, sizeof(magic));
    reason = atomic_file_write(fd, &head, sizeof(head));
    for (uint32_t i = 0; i < imports->count && reason == 0; i++)
        reason = write_list(fd, &imports->lists[i]);
    return reason;
}

static bool save_by_hands(const struct imports *imports, const struct file_hands *hands,
                          struct error *error)
{
    const int fd = hands->begin(hands->context, KEPT_LISTS, error);
    int reason;

    if (fd < 0)
        return false;
    reason = write_all(fd, imports);
    close(fd);
    return hands->end(hands->context, KEPT_LISTS, reason, error);
}

bool imports_save(const struct imports *imports, const char *store_path,
                  const struct file_hands *hands, struct error *error)
{
    struct atomic_saving saving;
    struct atomic_file file;
    bool done;

    if (hands)
        return save_by_hands(imports, hands, error);
    done = imports_file(store_path, &file, error) && atomic_file_begin(&saving, &file, error);
    if (done)
        done = atomic_file_end(&saving, write_all(saving.fd, imports), error);
    free((char *)file.path);
    return done;
}

/* --- reading --------------------------------------------------------------------------------- */

struct file_reader {
    int fd;
    uint64_t left;
};

static bool get(struct file_reader *file, void *out, size_t bytes)
{
    char *at = out;

    if (bytes > file->left)
        return false;
    file->left -= bytes;
    while (bytes > 0) {
        const ssize_t got = read(file->fd, at, bytes);

        if (got <= 0)
            return false;
        at += got;
        bytes -= (size_t)got;
    }
    return true;
}

/* Memory is asked for only where the file has as much. */
static bool get_ranges(struct file_reader *file, void **ranges, uint32_t count, size_t bytes)
{
    if (count > IMPORT_PREFIXES_MAX || count * bytes > file->left)
        return false;
    *ranges = calloc(count + 1, bytes);
    return *ranges && get(file, *ranges, count * bytes);
}

/* Sorted, and without overlap. */
static bool in_order(const struct import_list *list)
{
    for (uint32_t i = 0; i < list->v4_count; i++)
        if (list->v4[i].first > list->v4[i].last ||
            (i > 0 && list->v4[i].first <= list->v4[i - 1].last))
            return false;
    for (uint32_t i = 0; i < list->v6_count; i++)
        if (addr6_below(list->v6[i].last, list->v6[i].first) ||
            (i > 0 && !addr6_below(list->v6[i - 1].last, list->v6[i].first)))
            return false;
    return true;
}

static bool get_list(struct file_reader *file, struct import_list *list)
{
    struct list_head head;
    struct error unused;

    if (!get(file, &head, sizeof(head)) || memchr(head.name, 0, sizeof(head.name)) == NULL ||
        !import_name_check(head.name, &unused) || head.prefixes > IMPORT_PREFIXES_MAX)
        return false;
    memcpy(list->name, head.name, sizeof(list->name));
    list->prefixes = head.prefixes;
    list->v4_count = list->v4_room = head.v4_count;
    list->v6_count = list->v6_room = head.v6_count;
    return get_ranges(file, (void **)&list->v6, head.v6_count, sizeof(*list->v6)) &&
           get_ranges(file, (void **)&list->v4, head.v4_count, sizeof(*list->v4)) && in_order(list);
}

static bool get_all(struct file_reader *file, struct imports *imports)
{
    struct head head;

    if (!get(file, &head, sizeof(head)) || memcmp(head.magic, magic, sizeof(magic)) != 0 ||
        head.order != ORDER || head.count > IMPORT_LISTS_MAX)
        return false;
    while (imports->count < head.count)
        if (!get_list(file, &imports->lists[imports->count++]))
            return false;
    return file->left == 0;
}

static bool put_aside(struct imports *imports, const char *path, struct error *error)
{
    char *aside = NULL;
    const bool moved = asprintf(&aside, "%s.bad", path) >= 0 && rename(path, aside) == 0;

    free(aside);
    for (uint32_t i = 0; i < imports->count; i++) {
        free(imports->lists[i].v4);
        free(imports->lists[i].v6);
    }
    *imports = (struct imports){0};
    return error_set(error, EXIT_FAILED,
                     "%s does not read: %s %s.bad: no list is in force, import them again", path,
                     moved ? "moved to" : "it cannot be moved to", path);
}

bool imports_load(struct imports *imports, const char *store_path, struct error *error)
{
    char *path = path_of(store_path);
    const int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    struct file_reader file = {.fd = fd};
    bool done = fd < 0 && errno == ENOENT;
    struct stat status;

    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
        file.left = (uint64_t)status.st_size;
        done = get_all(&file, imports) || put_aside(imports, path, error);
    } else if (!done) {
        error_set(error, EXIT_FAILED, "cannot read the lists beside %s", store_path);
    }
    if (fd >= 0)
        close(fd);
    free(path);
    return done;
}
