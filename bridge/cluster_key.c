/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cluster_key.c - see cluster_key.h. */
#include "bridge/cluster_key.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_DIGITS 64
#define TEXT_MAX    (2 * (LINE_DIGITS + 1))
#define CONTEXT     "synwardC" /* crypto_kdf_CONTEXTBYTES of them */

enum { SUBKEY_MAC = 1, SUBKEY_TSVAL = 2 };

_Static_assert(crypto_kdf_KEYBYTES * 2 == LINE_DIGITS, "a line is a key");
_Static_assert(sizeof(CONTEXT) - 1 == crypto_kdf_CONTEXTBYTES, "as long as it must be");

static bool check_status(const char *path, const struct stat *status, struct error *error)
{
    if (!S_ISREG(status->st_mode))
        return error_set(error, EXIT_FAILED, "cluster key %s: not a file", path);
    if (status->st_mode & (S_IRWXG | S_IRWXO))
        return error_set(error, EXIT_FAILED,
                         "cluster key %s: mode %04o, others may use it: chmod 0600 %s", path,
                         (unsigned)(status->st_mode & 07777), path);
    return true;
}

/* One byte more than is right is read where it is there. */
static bool read_text(const char *path, char text[TEXT_MAX + 1], size_t *bytes, struct error *error)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    ssize_t got = -1;
    bool ok = fd >= 0 && fstat(fd, &status) == 0;

    if (ok && !check_status(path, &status, error)) {
        close(fd);
        return false;
    }
    if (ok)
        got = read(fd, text, TEXT_MAX + 1);
    ok = got >= 0 || error_set(error, EXIT_FAILED, "cluster key %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    *bytes = ok ? (size_t)got : 0;
    return ok;
}

/* False: the line at `*at` is no key. */
static bool take_line(const char **at, const char *end, struct cookie_keys *keys)
{
    const char *line = *at;
    uint8_t key[crypto_kdf_KEYBYTES];
    size_t bytes = 0;
    const bool ok = end - line >= LINE_DIGITS &&
                    sodium_hex2bin(key, sizeof(key), line, LINE_DIGITS, NULL, &bytes, NULL) == 0 &&
                    bytes == sizeof(key) &&
                    (line + LINE_DIGITS == end || line[LINE_DIGITS] == '\n');

    if (ok) {
        crypto_kdf_derive_from_key(keys->mac, sizeof(keys->mac), SUBKEY_MAC, CONTEXT, key);
        crypto_kdf_derive_from_key((uint8_t *)keys->tsval, sizeof(keys->tsval), SUBKEY_TSVAL,
                                   CONTEXT, key);
        *at = line + LINE_DIGITS == end ? end : line + LINE_DIGITS + 1;
    }
    sodium_memzero(key, sizeof(key));
    return ok;
}

static bool take_text(const char *text, size_t bytes, struct cookie_keys *keys,
                      struct cookie_share *share)
{
    const char *at = text, *end = text + bytes;

    *share = (struct cookie_share){.on = true};
    if (bytes > TEXT_MAX || !take_line(&at, end, keys))
        return false;
    if (at == end)
        return true;
    share->has_before = true;
    return take_line(&at, end, &share->before) && at == end;
}

bool cluster_key_read(const char *path, struct cookie_keys *keys, struct cookie_share *share,
                      struct error *error)
{
    char text[TEXT_MAX + 1];
    size_t bytes;
    bool ok;

    if (!read_text(path, text, &bytes, error))
        return false;
    ok = take_text(text, bytes, keys, share);
    sodium_memzero(text, sizeof(text));
    return ok || error_set(error, EXIT_FAILED,
                           "cluster key %s: one or two lines of %d hexadecimal digits are wanted: "
                           "openssl rand -hex 32",
                           path, LINE_DIGITS);
}
