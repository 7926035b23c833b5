/* SPDX-License-Identifier: GPL-2.0-or-later */
/* store_claim.c - see store_claim.h. */
#include "profiles/store/store_claim.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "profiles/store/atomic_file.h"

#define LOCK_MODE   0600
#define LOCK_TRIES  16
#define FREE_TRIES  50 /* for the lock of one that was killed, and is not gone altogether */
#define FREE_TRY_MS 20
#define ASIDE_TRIES 100 /* names of one second */

/* What the store's name stands for: two names of one file are one store. The caller frees it. */
static char *target_of(const char *path)
{
    char *target = realpath(path, NULL);

    return target ? target : strdup(path);
}

/* --- one daemon ------------------------------------------------------------------------------ */

static const char *kind_of(mode_t mode)
{
    return S_ISDIR(mode)    ? "a folder"
           : S_ISFIFO(mode) ? "a pipe"
           : S_ISSOCK(mode) ? "a socket"
                            : "a device";
}

/* Looked at before it is opened: a pipe that nobody writes to would hold us up. */
static bool check_kind(const char *path, struct error *error)
{
    struct stat status;

    if (stat(path, &status) < 0 || S_ISREG(status.st_mode))
        return true;
    return error_set(error, EXIT_FAILED,
                     "the store %s is %s, not a file; name another with --store", path,
                     kind_of(status.st_mode));
}

/* True where `fd` still is what the name says: its owner may have removed it meanwhile. */
static bool still_named(int fd, const char *name)
{
    struct stat by_fd, by_name;

    return fstat(fd, &by_fd) == 0 && stat(name, &by_name) == 0 && by_fd.st_ino == by_name.st_ino &&
           by_fd.st_dev == by_name.st_dev;
}

static bool refuse_second(const struct store_claim *claim, const char *path, struct error *error)
{
    char holder[16] = "";
    const ssize_t bytes = pread(claim->fd, holder, sizeof(holder) - 1, 0);

    holder[bytes > 0 ? bytes : 0] = '\0';
    holder[strspn(holder, "0123456789")] = '\0';
    return error_set(error, EXIT_FAILED,
                     "the store %s is in use by %s%s; name another with --store, or end that one",
                     path, holder[0] ? "the process " : "another process", holder);
}

static void write_holder(int fd)
{
    char holder[16];
    const int length = snprintf(holder, sizeof(holder), "%d\n", (int)getpid());

    /* The lock counts, not what stands in it. */
    if (ftruncate(fd, 0) < 0 || pwrite(fd, holder, (size_t)length, 0) < 0)
        return;
}

/* Whoever is killed has a keeper (bridge/base/keeper.h) that ends a moment later: a start right
 * behind a kill finds its lock. */
static bool lock_or_wait(int fd)
{
    for (int tries = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; tries++) {
        if (errno != EWOULDBLOCK || tries == FREE_TRIES)
            return false;
        poll(NULL, 0, FREE_TRY_MS);
    }
    return true;
}

/* True also where no lock can be made: who cannot write there harms no store. */
static bool take_lock(struct store_claim *claim, const char *path, struct error *error)
{
    for (int tries = 0; tries < LOCK_TRIES; tries++) {
        claim->fd = open(claim->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
                         LOCK_MODE);
        if (claim->fd < 0)
            return errno == EACCES || errno == EROFS || errno == ENOENT ||
                   error_set(error, EXIT_FAILED, "cannot lock the store: %s: %s", claim->lock_path,
                             strerror(errno));
        if (!lock_or_wait(claim->fd))
            return errno == EWOULDBLOCK
                       ? refuse_second(claim, path, error)
                       : error_set(error, EXIT_FAILED, "cannot lock the store: %s: %s",
                                   claim->lock_path, strerror(errno));
        if (still_named(claim->fd, claim->lock_path)) {
            write_holder(claim->fd);
            return true;
        }
        close(claim->fd);
        claim->fd = -1;
    }
    return error_set(error, EXIT_FAILED, "cannot lock the store: %s does not stay what it is",
                     claim->lock_path);
}

static void drop(struct store_claim *claim)
{
    if (claim->fd >= 0)
        close(claim->fd);
    free(claim->lock_path);
    *claim = (struct store_claim){.fd = -1};
}

bool store_claim(struct store_claim *claim, const char *path, struct error *error)
{
    char *target = target_of(path);

    *claim = (struct store_claim){.fd = -1};
    if (!target || asprintf(&claim->lock_path, "%s.lock", target) < 0) {
        claim->lock_path = NULL;
        free(target);
        return error_set(error, EXIT_FAILED, "cannot lock the store %s: out of memory", path);
    }
    free(target);
    if (check_kind(path, error) && take_lock(claim, path, error))
        return true;
    drop(claim);
    return false;
}

bool store_check(const char *path, struct error *error)
{
    struct atomic_file file = {0};
    const bool good = check_kind(path, error) && store_file(path, &file, error);

    free((char *)file.path);
    return good;
}

void store_unclaim(struct store_claim *claim)
{
    if (!claim->lock_path)
        return;
    /* First the name: who opens it now makes a file of its own. */
    if (claim->fd >= 0)
        unlink(claim->lock_path);
    drop(claim);
}

/* --- a store that does not read -------------------------------------------------------------- */

/* A name that is free; NULL: none, or no memory. */
static char *free_name(const char *target)
{
    const time_t now = time(NULL);
    char date[32] = "";
    struct tm parts;

    if (gmtime_r(&now, &parts))
        strftime(date, sizeof(date), "%Y%m%dT%H%M%SZ", &parts);
    for (int tries = 0; tries < ASIDE_TRIES; tries++) {
        char *name = NULL;
        struct stat status;

        if ((tries == 0 ? asprintf(&name, "%s.broken-%s", target, date)
                        : asprintf(&name, "%s.broken-%s.%d", target, date, tries)) < 0)
            return NULL;
        if (lstat(name, &status) < 0)
            return name;
        free(name);
    }
    return NULL;
}

/* Votes without their store are of no use; where there are none nothing is moved. */
static void move_votes(const char *target, const char *aside)
{
    char *from = NULL, *to = NULL;

    if (asprintf(&from, "%s.votes", target) < 0)
        from = NULL;
    if (from && asprintf(&to, "%s.votes", aside) < 0)
        to = NULL;
    if (to)
        (void)rename(from, to);
    free(from);
    free(to);
}

char *store_put_aside(const char *path, struct error *error)
{
    char *target = target_of(path);
    char *aside = target ? free_name(target) : NULL;

    if (!aside || rename(target, aside) < 0) {
        error_set(error, EXIT_FAILED, "cannot move the store %s away: %s", path, strerror(errno));
        free(aside);
        aside = NULL;
    } else {
        move_votes(target, aside);
    }
    free(target);
    return aside;
}
