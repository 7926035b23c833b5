/* SPDX-License-Identifier: GPL-2.0-or-later */
/* atomic_file.c - see atomic_file.h. */
#include "profiles/store/atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_TRIES  16
#define LOCK_WAITS  50
#define LOCK_TRY_NS (20 * 1000 * 1000L) /* 1 s in all */

char *atomic_file_folder(const char *path)
{
    char *copy = strdup(path);
    char *folder = copy ? strdup(dirname(copy)) : NULL;

    free(copy);
    return folder;
}

static bool fail(const struct atomic_saving *saving, const char *what, struct error *error)
{
    return error_set(error, EXIT_FAILED, "cannot save the %s: %s %s: %s; the old %s is untouched",
                     saving->file->what, what, saving->beside, strerror(errno), saving->file->what);
}

/* True where `fd` still is what the name says: another process may have renamed it while we waited
 * for the lock. */
static bool still_named(int fd, const char *name)
{
    struct stat by_fd, by_name;

    return fstat(fd, &by_fd) == 0 && stat(name, &by_name) == 0 && by_fd.st_ino == by_name.st_ino &&
           by_fd.st_dev == by_name.st_dev;
}

enum found { FOUND_OURS, FOUND_OTHERS, FOUND_NO_FILE };

/* A file that somebody else put there, or that has a second name, is not written to. */
static enum found whose(int fd)
{
    struct stat status;

    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
        return FOUND_NO_FILE;
    return status.st_uid == geteuid() && status.st_nlink == 1 ? FOUND_OURS : FOUND_OTHERS;
}

/* Whoever saves beside us has it for some milliseconds. Longer than this we do not wait, who have a
 * loop to turn: what cannot be saved now is saved later. */
static bool lock_in_time(int fd)
{
    static const struct timespec pause = {.tv_nsec = LOCK_TRY_NS};

    for (int tries = 1; flock(fd, LOCK_EX | LOCK_NB) < 0; tries++) {
        if ((errno != EWOULDBLOCK && errno != EINTR) || tries == LOCK_WAITS)
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

static bool open_beside(struct atomic_saving *saving, struct error *error)
{
    for (int tries = 0; tries < LOCK_TRIES; tries++) {
        saving->fd = open(saving->beside, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
                          saving->file->mode);
        if (saving->fd < 0)
            return fail(saving, "cannot open", error);
        if (!lock_in_time(saving->fd))
            return fail(saving, "cannot lock", error);
        if (still_named(saving->fd, saving->beside)) {
            const enum found found = whose(saving->fd);

            if (found == FOUND_OURS)
                return true;
            errno = EEXIST;
            if (found == FOUND_NO_FILE || unlink(saving->beside) < 0)
                return fail(saving, "something is in the way:", error);
        }
        close(saving->fd);
        saving->fd = -1;
    }
    errno = EBUSY;
    return fail(saving, "cannot lock", error);
}

static void set_ownership(const struct atomic_saving *saving)
{
    const struct atomic_file *file = saving->file;
    const bool keeps = file->keeps_mode;
    struct stat status;

    (void)fchmod(saving->fd,
                 keeps && stat(file->path, &status) == 0 ? status.st_mode & 0777 : file->mode);
    if (file->owner && stat(file->owner, &status) == 0 && status.st_uid != geteuid() &&
        fchown(saving->fd, status.st_uid, status.st_gid) < 0)
        return; /* only root may give files away; this one is then ours */
}

int atomic_file_write(int fd, const void *bytes, size_t length)
{
    const char *at = bytes;

    while (length > 0) {
        const ssize_t written = write(fd, at, length);

        if (written < 0 && errno != EINTR)
            return errno;
        if (written > 0) {
            at += written;
            length -= (size_t)written;
        }
    }
    return 0;
}

static bool sync_folder(const char *path)
{
    char *folder = atomic_file_folder(path);
    const int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    bool done;

    free(folder);
    if (fd < 0)
        return false;
    done = fsync(fd) == 0 || errno == EINVAL; /* some file systems cannot */
    close(fd);
    return done;
}

static bool take_place(const struct atomic_saving *saving, struct error *error)
{
    const char *path = saving->file->path;

    set_ownership(saving);
    if (!saving->file->unsynced && fsync(saving->fd) < 0)
        return fail(saving, "cannot write", error);
    if (rename(saving->beside, path) < 0)
        return error_set(error, EXIT_FAILED, "cannot save the %s: rename %s to %s: %s",
                         saving->file->what, saving->beside, path, strerror(errno));
    if (!saving->file->unsynced && !sync_folder(path))
        return error_set(error, EXIT_FAILED, "cannot save the %s: fsync of the folder of %s: %s",
                         saving->file->what, path, strerror(errno));
    return true;
}

static bool give_up(const struct atomic_saving *saving, int reason, struct error *error)
{
    errno = reason;
    fail(saving, "cannot write", error);
    unlink(saving->beside); /* give a full disk its room back; the lock is still ours */
    return false;
}

static void release(struct atomic_saving *saving)
{
    if (saving->fd >= 0)
        close(saving->fd);
    free(saving->beside);
    *saving = (struct atomic_saving){.fd = -1};
}

bool atomic_file_begin(struct atomic_saving *saving, const struct atomic_file *file,
                       struct error *error)
{
    *saving = (struct atomic_saving){.file = file, .fd = -1};
    if (asprintf(&saving->beside, "%s.new", file->path) < 0) {
        saving->beside = NULL;
        error_set(error, EXIT_FAILED, "cannot save the %s %s: out of memory", file->what,
                  file->path);
        return false;
    }
    if (open_beside(saving, error)) {
        if (ftruncate(saving->fd, 0) == 0)
            return true;
        give_up(saving, errno, error);
    }
    release(saving);
    return false;
}

bool atomic_file_end(struct atomic_saving *saving, int reason, struct error *error)
{
    const bool done = reason == 0 ? take_place(saving, error) : give_up(saving, reason, error);

    release(saving);
    return done;
}

bool atomic_file_save(const struct atomic_file *file, const void *bytes, size_t length,
                      struct error *error)
{
    struct atomic_saving saving;

    return atomic_file_begin(&saving, file, error) &&
           atomic_file_end(&saving, atomic_file_write(saving.fd, bytes, length), error);
}
