/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sync_seal.c - see sync_seal.h. */
#include "cli/sync_seal.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAC_BYTES  32u
#define HEAD_BYTES (3 + 2 * MAC_BYTES + 1 + 20 + 1 + 20 + 1 + SYNC_WRITER_BYTES + 1)

/* With its length, so that no two lists of parts are the same bytes. */
static void take(crypto_generichash_state *state, const void *part, size_t bytes)
{
    const uint64_t length = bytes;

    crypto_generichash_update(state, (const unsigned char *)&length, sizeof(length));
    crypto_generichash_update(state, part, bytes);
}

static void make_mac(const struct sync_seal *seal, unsigned key, struct sync_place place,
                     const struct sync_value *value, uint8_t mac[MAC_BYTES])
{
    const uint64_t numbers[2] = {value->version, value->until_ms};
    crypto_generichash_state state;

    crypto_generichash_init(&state, seal->keys.seal[key].mac, sizeof(seal->keys.seal[key].mac),
                            MAC_BYTES);
    take(&state, seal->cluster, strlen(seal->cluster));
    take(&state, place.key, strlen(place.key));
    take(&state, place.field, strlen(place.field));
    take(&state, value->writer, strlen(value->writer));
    take(&state, numbers, sizeof(numbers));
    take(&state, value->content, value->bytes);
    crypto_generichash_final(&state, mac, MAC_BYTES);
}

char *sync_seal_write(const struct sync_seal *seal, struct sync_place place,
                      const struct sync_value *value, size_t *bytes)
{
    char *text = malloc(HEAD_BYTES + value->bytes);
    char hex[2 * MAC_BYTES + 1];
    uint8_t mac[MAC_BYTES];
    size_t head;

    if (!text)
        return NULL;
    make_mac(seal, 0, place, value, mac);
    sodium_bin2hex(hex, sizeof(hex), mac, sizeof(mac));
    head = (size_t)snprintf(text, HEAD_BYTES, "s1 %s %" PRIu64 " %" PRIu64 " %s\n", hex,
                            value->version, value->until_ms, value->writer);
    memcpy(text + head, value->content, value->bytes);
    *bytes = head + value->bytes;
    return text;
}

/* Digits, and what must stand behind them. */
static bool get_number(const char **at, const char *end, char behind, uint64_t *out)
{
    const char *begin = *at;

    for (*out = 0; *at < end && **at >= '0' && **at <= '9'; ++*at)
        *out = *out * 10 + (uint64_t)(**at - '0');
    return *at > begin && *at - begin <= 19 && *at < end && *(*at)++ == behind;
}

static bool get_writer(const char **at, const char *end, char writer[SYNC_WRITER_BYTES])
{
    const char *newline = memchr(*at, '\n', (size_t)(end - *at));
    const size_t bytes = newline ? (size_t)(newline - *at) : SYNC_WRITER_BYTES;

    if (bytes == 0 || bytes >= SYNC_WRITER_BYTES || memchr(*at, '\0', bytes))
        return false;
    memcpy(writer, *at, bytes);
    writer[bytes] = '\0';
    *at = newline + 1;
    return true;
}

bool sync_seal_read(const struct sync_seal *seal, struct sync_place place, const char *text,
                    size_t bytes, struct sync_value *value)
{
    const char *at = text + 3, *end = text + bytes;
    uint8_t mac[MAC_BYTES], right[MAC_BYTES];

    *value = (struct sync_value){0};
    if (bytes > SYNC_VALUE_MOST || bytes < 3 + 2 * MAC_BYTES + 1 || memcmp(text, "s1 ", 3) != 0 ||
        sodium_hex2bin(mac, sizeof(mac), at, 2 * MAC_BYTES, NULL, NULL, NULL) != 0 ||
        at[2 * MAC_BYTES] != ' ')
        return false;
    at += 2 * MAC_BYTES + 1;
    if (!get_number(&at, end, ' ', &value->version) ||
        !get_number(&at, end, ' ', &value->until_ms) || !get_writer(&at, end, value->writer))
        return false;
    value->content = at;
    value->bytes = (size_t)(end - at);
    for (unsigned key = 0; key < seal->keys.count; key++) {
        make_mac(seal, key, place, value, right);
        if (sodium_memcmp(mac, right, MAC_BYTES) == 0)
            return true;
    }
    return false;
}
