/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imports_text.c - what a list holds, as prefixes again (imports.h). */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/imports/imports.h"
#include "bridge/text/server_text.h"

/* A request with so much stays below 64 KiB; one range more has 254 prefixes at most. */
#define PIECE_BYTES (40u * 1024)
#define RANGE_BYTES (256u * (ADDR_TEXT_BYTES + 5))

typedef unsigned __int128 wide;

void import_digest(struct import_list *list, char hex[IMPORT_DIGEST_BYTES])
{
    crypto_generichash_state state;
    uint8_t digest[(IMPORT_DIGEST_BYTES - 1) / 2];

    if (!list->digest[0]) {
        crypto_generichash_init(&state, NULL, 0, sizeof(digest));
        crypto_generichash_update(&state, (const unsigned char *)list->v4,
                                  list->v4_count * sizeof(*list->v4));
        crypto_generichash_update(&state, (const unsigned char *)list->v6,
                                  list->v6_count * sizeof(*list->v6));
        crypto_generichash_final(&state, digest, sizeof(digest));
        sodium_bin2hex(list->digest, sizeof(list->digest), digest, sizeof(digest));
    }
    memcpy(hex, list->digest, IMPORT_DIGEST_BYTES);
}

static struct ip_addr address_of(wide number, bool v4)
{
    struct ip_addr addr = {0};

    for (unsigned i = 0; i < 16; i++)
        addr.bytes[15 - i] = (uint8_t)(number >> (8 * i));
    if (v4)
        addr.bytes[10] = addr.bytes[11] = 0xff;
    return addr;
}

/* The largest prefixes that a range is made of; no list has everybody in one. */
static size_t write_range(char *out, wide first, wide last, bool v4)
{
    const unsigned bits = v4 ? 32 : 128;
    char address[ADDR_TEXT_BYTES];
    size_t used = 0;

    for (;;) {
        const struct ip_addr addr = address_of(first, v4);
        unsigned free = 0;

        while (free < bits - 1 && !(first >> free & 1) && first + (((wide)2 << free) - 1) <= last)
            free++;
        used += (size_t)sprintf(out + used, "%s/%u ", addr_to_text(&addr, address), bits - free);
        if (last - first < (wide)1 << free || last - first == ((wide)1 << free) - 1)
            return used;
        first += (wide)1 << free;
    }
}

static wide wide_of(struct addr6 addr)
{
    return (wide)addr.high << 64 | addr.low;
}

char *import_text(const struct import_list *list, uint32_t from, uint32_t *next)
{
    char *text = malloc(PIECE_BYTES + RANGE_BYTES);
    size_t used = 0;
    uint32_t at = from;

    if (!text)
        return NULL;
    for (; at < list->v4_count + list->v6_count && used < PIECE_BYTES; at++) {
        const struct range6 *v6 = at < list->v4_count ? NULL : &list->v6[at - list->v4_count];

        used += v6 ? write_range(text + used, wide_of(v6->first), wide_of(v6->last), false)
                   : write_range(text + used, list->v4[at].first, list->v4[at].last, true);
    }
    text[used] = '\0';
    *next = at < list->v4_count + list->v6_count ? at : 0;
    return text;
}
