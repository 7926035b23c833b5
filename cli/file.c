/* SPDX-License-Identifier: GPL-2.0-or-later */
/* file.c - reads and replaces whole files (file.h). */
#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *read_stream(FILE *file, const char *path, size_t max, size_t *bytes,
                         struct error *error)
{
    size_t capacity = 64 * 1024;
    char *text = malloc(capacity + 1);

    *bytes = 0;
    while (text) {
        char *grown;

        *bytes += fread(text + *bytes, 1, capacity - *bytes, file);
        if (*bytes < capacity || *bytes > max)
            break;
        capacity *= 2;
        grown = realloc(text, capacity + 1);
        if (!grown)
            free(text);
        text = grown;
    }
    if (!text)
        error_set(error, EXIT_FAILED, "out of memory");
    else if (ferror(file))
        error_set(error, EXIT_FAILED, "read: %.300s: %s: give another file", path, strerror(errno));
    else if (*bytes > max)
        error_set(error, EXIT_FAILED, "read: %.300s: larger than %zu MiB: import it in parts", path,
                  max >> 20);
    else {
        text[*bytes] = '\0';
        return text;
    }
    free(text);
    return NULL;
}

char *file_read(const char *path, size_t max, size_t *bytes, struct error *error)
{
    bool from_stdin = strcmp(path, "-") == 0;

    FILE *file = from_stdin ? stdin : fopen(path, "re");
    char *text;

    if (!file) {
        error_set(error, EXIT_FAILED, "read: %.300s: %s: give another file", path, strerror(errno));
        return NULL;
    }
    text = read_stream(file, path, max, bytes, error);
    if (!from_stdin)
        fclose(file);
    return text;
}

/* Writes everything; `sync` also waits for the disk. Leaves errno where it fails. */
static bool write_all(int fd, const char *text, size_t bytes, bool sync)
{
    size_t done = 0;

    while (done < bytes) {
        ssize_t written = write(fd, text + done, bytes - done);

        if (written < 0 && errno != EINTR)
            return false;
        if (written > 0)
            done += (size_t)written;
    }
    return !sync || fsync(fd) == 0;
}

static bool write_file(int fd, const char *text, size_t bytes, bool sync)
{
    bool done = fd >= 0 && write_all(fd, text, bytes, false) && write_all(fd, "\n", 1, sync);
    int reason = errno;

    if (fd >= 0)
        close(fd);
    errno = reason;
    return done;
}

static bool replace_regular(const char *path, const char *text, size_t bytes)
{
    char beside[PATH_MAX];
    int length = snprintf(beside, sizeof(beside), "%s.%d.new", path, (int)getpid());
    bool done;
    int reason;

    if (length < 0 || (size_t)length >= sizeof(beside)) {
        errno = ENAMETOOLONG;
        return false;
    }
    done = write_file(open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644), text, bytes,
                      true) &&
           rename(beside, path) == 0;
    reason = errno;
    if (!done && reason != EEXIST)
        unlink(beside);
    errno = reason;
    return done;
}

bool file_replace(const char *path, const char *text, size_t bytes, struct error *error)
{
    struct stat status;
    bool done;

    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
        done = write_file(open(path, O_WRONLY | O_CLOEXEC), text, bytes, false);
    else
        done = replace_regular(path, text, bytes);
    return done || error_set(error, EXIT_FAILED, "write: %.300s: %s: give another file", path,
                             strerror(errno));
}
