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

enum { SUBKEY_MAC = 1, SUBKEY_TSVAL = 2, SUBKEY_SEAL = 3, SUBKEY_FINGERPRINT = 4 };

_Static_assert(crypto_kdf_KEYBYTES * 2 == LINE_DIGITS, "a line is a key");
_Static_assert(sizeof(CONTEXT) - 1 == crypto_kdf_CONTEXTBYTES, "as long as it must be");

static bool check_status(const char *path, const struct stat *status, struct error *error)
{
    if (!S_ISREG(status->st_mode))
        return error_set(error, EXIT_FAILED, "cluster key %s: not a file: give another", path);
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
    ok = got >= 0 || error_set(error, EXIT_FAILED, "cluster key %s: %s: give another file", path,
                               strerror(errno));
    if (fd >= 0)
        close(fd);
    *bytes = ok ? (size_t)got : 0;
    return ok;
}

/* False: the line at `*at` is no key. */
static bool take_line(const char **at, const char *end, uint8_t key[crypto_kdf_KEYBYTES])
{
    const char *line = *at;
    size_t bytes = 0;

    if (end - line < LINE_DIGITS ||
        sodium_hex2bin(key, crypto_kdf_KEYBYTES, line, LINE_DIGITS, NULL, &bytes, NULL) != 0 ||
        bytes != crypto_kdf_KEYBYTES || (line + LINE_DIGITS != end && line[LINE_DIGITS] != '\n'))
        return false;
    *at = line + LINE_DIGITS == end ? end : line + LINE_DIGITS + 1;
    return true;
}

static void derive_cookies(const uint8_t key[crypto_kdf_KEYBYTES], struct cookie_keys *keys)
{
    crypto_kdf_derive_from_key(keys->mac, sizeof(keys->mac), SUBKEY_MAC, CONTEXT, key);
    crypto_kdf_derive_from_key((uint8_t *)keys->tsval, sizeof(keys->tsval), SUBKEY_TSVAL, CONTEXT,
                               key);
}

static void derive_seal(const uint8_t key[crypto_kdf_KEYBYTES], struct cluster_seal *seal)
{
    crypto_kdf_derive_from_key(seal->mac, sizeof(seal->mac), SUBKEY_SEAL, CONTEXT, key);
    crypto_kdf_derive_from_key(seal->fingerprint, sizeof(seal->fingerprint), SUBKEY_FINGERPRINT,
                               CONTEXT, key);
}

/* The lines of the file, to be wiped. 0: it is wrong. */
static unsigned read_lines(const char *path, uint8_t lines[2][crypto_kdf_KEYBYTES],
                           struct error *error)
{
    char text[TEXT_MAX + 1];
    const char *at = text, *end;
    size_t bytes;
    unsigned count = 0;

    if (!read_text(path, text, &bytes, error))
        return 0;
    end = text + bytes;
    while (bytes <= TEXT_MAX && count < 2 && at < end && take_line(&at, end, lines[count]))
        count++;
    if (at != end || count == 0) {
        count = 0;
        error_set(error, EXIT_FAILED,
                  "cluster key %s: one or two lines of %d hexadecimal digits are wanted: "
                  "openssl rand -hex 32",
                  path, LINE_DIGITS);
    }
    sodium_memzero(text, sizeof(text));
    return count;
}

bool cluster_key_read(const char *path, struct cookie_keys *keys, struct cookie_share *share,
                      struct error *error)
{
    uint8_t lines[2][crypto_kdf_KEYBYTES];
    const unsigned count = read_lines(path, lines, error);

    *share = (struct cookie_share){.on = true, .has_before = count > 1};
    if (count > 0)
        derive_cookies(lines[0], keys);
    if (count > 1)
        derive_cookies(lines[1], &share->before);
    sodium_memzero(lines, sizeof(lines));
    return count > 0;
}

bool cluster_key_seals(const char *path, struct cluster_seals *seals, struct error *error)
{
    uint8_t lines[2][crypto_kdf_KEYBYTES];

    seals->count = read_lines(path, lines, error);
    for (unsigned i = 0; i < seals->count; i++)
        derive_seal(lines[i], &seals->seal[i]);
    sodium_memzero(lines, sizeof(lines));
    return seals->count > 0;
}
