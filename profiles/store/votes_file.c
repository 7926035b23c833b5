/* SPDX-License-Identifier: GPL-2.0-or-later */
/* votes_file.c - see votes_file.h. */
#include "profiles/store/votes_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium/crypto_generichash.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "profiles/model/profile.h"
#include "profiles/store/atomic_file.h"
#include "profiles/store/file_hands.h"

#define VOTES_FILE_MODE 0600
#define VOTES_FILE_MAX  (256u * 1024 * 1024)
#define MAGIC           "synward votes 1\n"
#define MAGIC_BYTES     (sizeof(MAGIC) - 1)
#define HEAD_BYTES      (MAGIC_BYTES + BALLOT_KEY_BYTES)
#define SERVER_BYTES    30u
#define ROW_BYTES       24u
#define SUM_BYTES       16u

/* --- writing --------------------------------------------------------------------------------- */

static uint8_t *put(uint8_t *to, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        *to++ = (uint8_t)(value >> 8 * i);
    return to;
}

static uint8_t *put_bytes(uint8_t *to, const void *bytes, size_t length)
{
    memcpy(to, bytes, length);
    return to + length;
}

static uint8_t *put_ballot(uint8_t *to, const struct profile *profile)
{
    const struct server_key *key = &profile->key;
    const struct ballot *ballot = &profile->ballot;

    to = put_bytes(to, key->addr.bytes, sizeof(key->addr.bytes));
    to = put(to, key->port, 2);
    for (int i = 0; i < 2; i++)
        to = put(to, key->vlan.id[i], 2);
    to = put(to, ballot->count, 4);
    to = put(to, ballot->zeros, 4);
    for (uint16_t i = 0; i < ballot->count; i++) {
        to = put(to, ballot->rows[i].prefix, 8);
        to = put(to, ballot->rows[i].first_s, 4);
        to = put(to, ballot->rows[i].last_s, 4);
        to = put(to, ballot->rows[i].votes, 8);
    }
    return to;
}

static size_t votes_bytes(const struct store *store)
{
    size_t bytes = HEAD_BYTES + SUM_BYTES;

    for (size_t i = 0; i < store_count(store); i++)
        bytes += SERVER_BYTES + ROW_BYTES * store_at(store, i)->ballot.count;
    return bytes;
}

static void sum_of(const uint8_t *bytes, size_t length, uint8_t sum[SUM_BYTES])
{
    crypto_generichash(sum, SUM_BYTES, bytes, length, bytes + MAGIC_BYTES, BALLOT_KEY_BYTES);
}

static void write_votes(const struct store *store, uint8_t *bytes)
{
    uint8_t *to = put_bytes(bytes, MAGIC, MAGIC_BYTES);

    to = put_bytes(to, store_ballot_key(store), BALLOT_KEY_BYTES);
    for (size_t i = 0; i < store_count(store); i++)
        to = put_ballot(to, store_at(store, i));
    sum_of(bytes, (size_t)(to - bytes), to);
}

/* STORE.votes, beside what the store's name stands for; the caller frees it. */
static char *votes_path(const char *store_path)
{
    char *target = realpath(store_path, NULL), *path = NULL;

    if (target && asprintf(&path, "%s.votes", target) < 0)
        path = NULL;
    free(target);
    return path;
}

bool votes_file(const char *store_path, struct atomic_file *file, struct error *error)
{
    *file = (struct atomic_file){.path = votes_path(store_path),
                                 .what = "votes",
                                 .owner = store_path,
                                 .mode = VOTES_FILE_MODE};
    return file->path || error_set(error, EXIT_FAILED, "cannot save the votes beside %s: %s",
                                   store_path, strerror(errno));
}

static bool save_bytes(const struct store *store, const char *store_path, const uint8_t *bytes,
                       size_t length, struct error *error)
{
    struct atomic_file file;
    bool done;

    if (store_hands(store))
        return file_hands_save(store_hands(store), KEPT_VOTES, bytes, length, error);
    done = votes_file(store_path, &file, error) && atomic_file_save(&file, bytes, length, error);
    free((char *)file.path);
    return done;
}

bool votes_save(const struct store *store, const char *store_path, struct error *error)
{
    const size_t length = votes_bytes(store);
    uint8_t *bytes = malloc(length);
    bool done;

    if (!bytes)
        return error_set(error, EXIT_FAILED, "cannot save the votes beside %s: out of memory",
                         store_path);
    write_votes(store, bytes);
    done = save_bytes(store, store_path, bytes, length, error);
    free(bytes);
    return done;
}

/* --- reading --------------------------------------------------------------------------------- */

struct reading {
    const uint8_t *at, *end;
};

static uint64_t get(struct reading *reading, size_t bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)*reading->at++ << 8 * i;
    return value;
}

static size_t left(const struct reading *reading)
{
    return (size_t)(reading->end - reading->at);
}

static void get_rows(struct reading *reading, uint16_t count, struct ballot *ballot)
{
    ballot->count = count;
    for (uint16_t i = 0; i < count; i++) {
        ballot->rows[i].prefix = get(reading, 8);
        ballot->rows[i].first_s = (uint32_t)get(reading, 4);
        ballot->rows[i].last_s = (uint32_t)get(reading, 4);
        ballot->rows[i].votes = get(reading, 8);
    }
}

/* One server's. A server that the store does not know any more is passed over. */
static bool get_ballot(struct reading *reading, struct store *store)
{
    struct server_key key = {0};
    struct profile *profile;
    uint64_t count, zeros;

    if (left(reading) < SERVER_BYTES)
        return false;
    memcpy(key.addr.bytes, reading->at, sizeof(key.addr.bytes));
    reading->at += sizeof(key.addr.bytes);
    key.port = (uint16_t)get(reading, 2);
    for (int i = 0; i < 2; i++)
        key.vlan.id[i] = (uint16_t)get(reading, 2);
    count = get(reading, 4);
    zeros = get(reading, 4);
    if (count > BALLOT_ROWS || zeros > BALLOT_ZEROS_MAX || left(reading) < count * ROW_BYTES)
        return false;
    profile = store_find(store, &key);
    if (!profile) {
        reading->at += count * ROW_BYTES;
        return true;
    }
    profile->ballot.zeros = (uint8_t)zeros;
    get_rows(reading, (uint16_t)count, &profile->ballot);
    return true;
}

static bool read_votes(struct store *store, const uint8_t *bytes, size_t length)
{
    struct reading reading;
    uint8_t sum[SUM_BYTES];

    if (length < HEAD_BYTES + SUM_BYTES || memcmp(bytes, MAGIC, MAGIC_BYTES) != 0)
        return false;
    reading = (struct reading){.at = bytes + HEAD_BYTES, .end = bytes + length - SUM_BYTES};
    sum_of(bytes, length - SUM_BYTES, sum);
    if (memcmp(sum, reading.end, SUM_BYTES) != 0)
        return false;
    while (left(&reading) > 0)
        if (!get_ballot(&reading, store))
            return false;
    store_set_ballot_key(store, bytes + MAGIC_BYTES);
    return true;
}

static void forget_votes(struct store *store)
{
    for (size_t i = 0; i < store_count(store); i++)
        ballot_init(&store_at(store, i)->ballot);
}

/* The whole of a regular file; NULL where that cannot be had. The caller frees it. */
static uint8_t *file_bytes(int fd, size_t *length)
{
    struct stat status;
    uint8_t *bytes;
    ssize_t got;

    *length = 0;
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size > VOTES_FILE_MAX)
        return NULL;
    bytes = malloc((size_t)status.st_size + 1);
    while (bytes && *length < (size_t)status.st_size) {
        got = read(fd, bytes + *length, (size_t)status.st_size - *length);
        if (got == 0 || (got < 0 && errno != EINTR))
            break;
        if (got > 0)
            *length += (size_t)got;
    }
    return bytes;
}

static bool read_file(struct store *store, int fd)
{
    size_t length;
    uint8_t *bytes = file_bytes(fd, &length);
    const bool done = bytes && read_votes(store, bytes, length);

    if (!done)
        forget_votes(store);
    free(bytes);
    return done;
}

enum votes_found votes_look(struct store *store, const char *store_path)
{
    char *path = votes_path(store_path);
    const int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    enum votes_found found = fd < 0 && errno == ENOENT ? VOTES_MISSING : VOTES_BROKEN;

    if (fd >= 0 && read_file(store, fd))
        found = VOTES_READ;
    if (fd >= 0)
        close(fd);
    free(path);
    return found;
}

static bool put_aside(const char *path)
{
    char *aside = NULL;
    const bool moved = path && asprintf(&aside, "%s.bad", path) >= 0 && rename(path, aside) == 0;

    free(aside);
    return moved;
}

bool votes_load(struct store *store, const char *store_path, struct error *why)
{
    const enum votes_found found = votes_look(store, store_path);
    char *path;
    bool moved;

    if (found == VOTES_READ || store_count(store) == 0)
        return true;
    if (found == VOTES_MISSING)
        return error_set(why, EXIT_FAILED, "no votes beside the store %s: voting begins anew",
                         store_path);
    path = votes_path(store_path);
    moved = put_aside(path);
    error_set(why, EXIT_FAILED,
              "the votes %s.votes do not read: %s %s.votes.bad, voting begins anew", store_path,
              moved ? "moved to" : "they cannot be moved to", store_path);
    free(path);
    return false;
}
