/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sync_seen.c - see sync_seen.h. */
#include "cli/sync_seen.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC     "synward seen 1\n"
#define NEAR      64u     /* places that are looked at for one value */
#define MARGIN_MS 600000u /* clocks may be wrong by so much */

struct record {
    uint8_t id[SYNC_SEEN_ID_BYTES];
    uint64_t version, until_ms;
};

struct file {
    char magic[32];
    struct record records[SYNC_SEEN_MOST];
};

struct sync_seen {
    struct file *file;
    int fd; /* locked */
};

_Static_assert(sizeof(struct record) == 32, "none lies over the end of a sector");

static bool fail(const char *path, const char *why, struct error *error)
{
    return error_set(error, EXIT_FAILED, "--state %.200s: %s", path, why);
}

/* A new one, or one of ours. */
static bool prepare(int fd, const char *path, struct error *error)
{
    char magic[sizeof(((struct file *)0)->magic)] = {0};
    struct stat status;
    int reason;

    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return fail(path, "another `synward sync` has it", error);
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return fail(path, "it is no file", error);
    if (status.st_size == 0) {
        reason = posix_fallocate(fd, 0, sizeof(struct file));
        if (reason != 0)
            return fail(path, strerror(reason), error);
        memcpy(magic, MAGIC, sizeof(MAGIC));
        return pwrite(fd, magic, sizeof(magic), 0) == (ssize_t)sizeof(magic) ||
               fail(path, strerror(errno), error);
    }
    return (status.st_size == (off_t)sizeof(struct file) &&
            pread(fd, magic, sizeof(magic), 0) == (ssize_t)sizeof(magic) &&
            memcmp(magic, MAGIC, sizeof(MAGIC)) == 0) ||
           fail(path, "it is another program's file, or was cut short: remove it", error);
}

struct sync_seen *sync_seen_open(const char *path, struct error *error)
{
    struct sync_seen *seen = calloc(1, sizeof(*seen));
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    bool good;

    if (fd < 0 || !seen) {
        fail(path, seen ? strerror(errno) : "out of memory", error);
        if (fd >= 0)
            close(fd);
        free(seen);
        return NULL;
    }
    seen->fd = fd;
    good = prepare(fd, path, error);
    if (good) {
        seen->file = mmap(NULL, sizeof(*seen->file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        good = seen->file != MAP_FAILED || fail(path, strerror(errno), error);
    }
    if (good)
        return seen;
    seen->file = NULL;
    sync_seen_close(seen);
    return NULL;
}

void sync_seen_close(struct sync_seen *seen)
{
    if (!seen)
        return;
    if (seen->file)
        munmap(seen->file, sizeof(*seen->file));
    close(seen->fd);
    free(seen);
}

void sync_seen_id(const char *name, size_t bytes, uint8_t id[SYNC_SEEN_ID_BYTES])
{
    crypto_generichash(id, SYNC_SEEN_ID_BYTES, (const unsigned char *)name, bytes, NULL, 0);
}

static struct record *place_of(const struct sync_seen *seen, const uint8_t *id, unsigned number)
{
    uint64_t hash;

    memcpy(&hash, id, sizeof(hash));
    return &seen->file->records[(hash + number) % SYNC_SEEN_MOST];
}

static struct record *find(const struct sync_seen *seen, const uint8_t *id)
{
    for (unsigned i = 0; i < NEAR; i++) {
        struct record *record = place_of(seen, id, i);

        if (memcmp(record->id, id, sizeof(record->id)) == 0)
            return record;
    }
    return NULL;
}

uint64_t sync_seen_version(const struct sync_seen *seen, const uint8_t id[SYNC_SEEN_ID_BYTES])
{
    const struct record *record = seen ? find(seen, id) : NULL;

    return record ? record->version : 0;
}

static struct record *find_room(const struct sync_seen *seen, const uint8_t *id, uint64_t now_ms)
{
    for (unsigned i = 0; i < NEAR; i++) {
        struct record *record = place_of(seen, id, i);

        if (record->until_ms + MARGIN_MS < now_ms)
            return record;
    }
    return NULL;
}

void sync_seen_note(struct sync_seen *seen, const uint8_t id[SYNC_SEEN_ID_BYTES], uint64_t version,
                    uint64_t until_ms, uint64_t now_ms)
{
    struct record *record = seen ? find(seen, id) : NULL;
    const bool new = seen && !record;

    if (new)
        record = find_room(seen, id, now_ms);
    if (!record)
        return;
    record->version = version;
    record->until_ms = until_ms;
    if (!new)
        return;
    /* Its name comes last: whoever is killed before has noted nothing. */
    atomic_thread_fence(memory_order_release);
    memcpy(record->id, id, sizeof(record->id));
}
