/* SPDX-License-Identifier: GPL-2.0-or-later */
/* archive_file.c - see archive_file.h. */
#include "cli/archive_file.h"

#include <archive.h>
#include <archive_entry.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/output.h"

/* It brings in libxml2, ICU and libstdc++, 3 MiB that the daemon has no use for: it is loaded where
 * an archive is written. */
#define LIBRARY "libarchive.so.13"
#define LIBRARY_CALLS(X)                                                                           \
    X(archive_entry_free)                                                                          \
    X(archive_entry_new)                                                                           \
    X(archive_entry_set_filetype)                                                                  \
    X(archive_entry_set_mtime)                                                                     \
    X(archive_entry_set_pathname)                                                                  \
    X(archive_entry_set_perm)                                                                      \
    X(archive_entry_set_size)                                                                      \
    X(archive_error_string)                                                                        \
    X(archive_write_add_filter_gzip)                                                               \
    X(archive_write_close)                                                                         \
    X(archive_write_data)                                                                          \
    X(archive_write_free)                                                                          \
    X(archive_write_header)                                                                        \
    X(archive_write_new)                                                                           \
    X(archive_write_open_fd)                                                                       \
    X(archive_write_set_format_pax_restricted)

static struct {
#define LIBRARY_MEMBER(call) __typeof__(call) *(call);
    LIBRARY_CALLS(LIBRARY_MEMBER)
#undef LIBRARY_MEMBER
} library;

static bool load_library(struct error *error)
{
    void *handle = dlopen(LIBRARY, RTLD_NOW);
    bool whole = handle;

#define LIBRARY_LOAD(call)                                                                         \
    *(void **)&library.call = handle ? dlsym(handle, #call) : NULL;                                \
    whole = whole && library.call;
    LIBRARY_CALLS(LIBRARY_LOAD)
#undef LIBRARY_LOAD
    return whole || error_set(error, EXIT_FAILED, "%.300s: install libarchive13", dlerror());
}

struct archive_file {
    struct archive *archive;
    char *path;
    char *beside; /* takes the place of `path` at the end; NULL: it is a pipe or device */
    int fd;
    bool failed;
};

/* What is there and is no regular file is written to; else a new one is made, so that what was
 * there stays until this is whole, and a link is not followed. -1, with errno. */
static int open_file(const char *path, char **beside)
{
    struct stat status;

    *beside = NULL;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
        return open(path, O_WRONLY | O_CLOEXEC);
    if (asprintf(beside, "%s.%d.new", path, (int)getpid()) < 0)
        *beside = output_alloc(NULL);
    return open(*beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

struct archive_file *archive_file_new(const char *path, struct error *error)
{
    struct archive_file *file;
    char *beside = NULL;
    const int fd = load_library(error) ? open_file(path, &beside) : -1;

    if (error->code != EXIT_DONE)
        return NULL;
    if (fd < 0) {
        error_set(error, EXIT_FAILED, "%.300s: %s: give another file", path, strerror(errno));
        free(beside);
        return NULL;
    }
    file = output_alloc(calloc(1, sizeof(*file)));
    file->fd = fd;
    file->path = output_alloc(strdup(path));
    file->beside = beside;
    file->archive = output_alloc(library.archive_write_new());
    file->failed = library.archive_write_add_filter_gzip(file->archive) != ARCHIVE_OK ||
                   library.archive_write_set_format_pax_restricted(file->archive) != ARCHIVE_OK ||
                   library.archive_write_open_fd(file->archive, fd) != ARCHIVE_OK;
    return file;
}

void archive_file_add(struct archive_file *file, const char *name, const char *text)
{
    struct archive_entry *entry = output_alloc(library.archive_entry_new());
    const size_t bytes = strlen(text);

    library.archive_entry_set_pathname(entry, name);
    library.archive_entry_set_filetype(entry, AE_IFREG);
    library.archive_entry_set_perm(entry, 0600);
    library.archive_entry_set_size(entry, (la_int64_t)bytes);
    library.archive_entry_set_mtime(entry, time(NULL), 0);
    if (file->failed || library.archive_write_header(file->archive, entry) != ARCHIVE_OK ||
        library.archive_write_data(file->archive, text, bytes) != (la_ssize_t)bytes)
        file->failed = true;
    library.archive_entry_free(entry);
}

bool archive_file_end(struct archive_file *file, struct error *error)
{
    bool done = library.archive_write_close(file->archive) == ARCHIVE_OK && !file->failed &&
                (!file->beside || (fsync(file->fd) == 0 && rename(file->beside, file->path) == 0));

    if (!done) {
        const char *why = library.archive_error_string(file->archive);

        error_set(error, EXIT_FAILED, "%.300s: %.200s: give another file", file->path,
                  why ? why : strerror(errno));
        if (file->beside)
            unlink(file->beside);
    }
    library.archive_write_free(file->archive);
    close(file->fd);
    free(file->beside);
    free(file->path);
    free(file);
    return done;
}
