/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keyword.c - see keyword.h. */
#include "engine/protocols/keyword.h"

#include <string.h>

#include <sodium/crypto_shorthash.h>

#include "engine/base/text.h"

_Static_assert(KEYWORD_KEY_BYTES == crypto_shorthash_KEYBYTES,
               "the filter's key is that of the short hash");

static const struct keyword_info kinds[KEYWORD_KINDS_COUNT] = {
#define KEYWORD_INFO(kind, name, hash_bytes, any_case, most)                                       \
    [KEYWORD_##kind] = {name, hash_bytes, any_case, most},
    SYNWARD_KEYWORDS(KEYWORD_INFO)
#undef KEYWORD_INFO
};

const struct keyword_info *keyword_info(enum keyword_kind kind)
{
    return &kinds[kind];
}

int keyword_kind_from_name(const char *name)
{
    for (int kind = 0; kind < KEYWORD_KINDS_COUNT; kind++) {
        if (text_equal(kinds[kind].name, name))
            return kind;
    }
    return -1;
}

/* --- what one request names ------------------------------------------------------------------ */

void keywords_none(struct keywords_found *found)
{
    found->count = 0;
    found->text_bytes = 0;
}

/* One byte of a text, as 1 or 3 bytes. */
static size_t put_byte(uint8_t *at, uint8_t byte, bool any_case)
{
    static const char digits[] = "0123456789ABCDEF";

    if (byte <= ' ' || byte >= 0x7f || byte == '%') {
        at[0] = '%';
        at[1] = (uint8_t)digits[byte >> 4];
        at[2] = (uint8_t)digits[byte & 15];
        return 3;
    }
    at[0] = any_case && byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte - 'A' + 'a') : byte;
    return 1;
}

bool keywords_put(struct keywords_found *found, enum keyword_kind kind, const uint8_t *name,
                  size_t bytes)
{
    const struct keyword_info *info = &kinds[kind];
    size_t begin = found->text_bytes, end = begin;

    if (found->count == KEYWORDS_FOUND_MAX || (info->hash_bytes != 0 && bytes != info->hash_bytes))
        return false;
    for (size_t i = 0; i < bytes; i++) {
        if (end - begin + 3 > KEYWORD_BYTES_MAX || end + 3 > KEYWORDS_FOUND_TEXT)
            return false;
        if (info->hash_bytes != 0)
            found->text[end++] = name[i];
        else
            end += put_byte(found->text + end, name[i], info->any_case);
    }
    found->names[found->count++] =
        (struct keyword_found){(uint8_t)kind, (uint8_t)(end - begin), (uint16_t)begin};
    found->text_bytes = (uint16_t)end;
    return true;
}

void keywords_put_absent(struct keywords_found *found, enum keyword_kind kind)
{
    for (uint8_t i = 0; i < found->count; i++) {
        if (found->names[i].kind == kind)
            return;
    }
    if (found->count < KEYWORDS_FOUND_MAX)
        found->names[found->count++] = (struct keyword_found){(uint8_t)kind, 0, found->text_bytes};
}

/* --- the filter ------------------------------------------------------------------------------ */

static uint64_t hash_of(const struct keyword_filter *filter, enum keyword_kind kind,
                        const uint8_t *name, size_t bytes)
{
    uint8_t input[1 + KEYWORD_BYTES_MAX];
    uint64_t hash;

    bytes = bytes < KEYWORD_BYTES_MAX ? bytes : KEYWORD_BYTES_MAX;
    input[0] = (uint8_t)kind;
    if (bytes > 0)
        memcpy(input + 1, name, bytes);
    crypto_shorthash((uint8_t *)&hash, input, 1 + bytes, filter->key);
    return hash;
}

/* Where the hash stands, or would. */
static uint16_t place_of(const struct keyword_filter *filter, uint64_t hash)
{
    uint16_t low = 0, high = filter->count;

    while (low < high) {
        uint16_t middle = (uint16_t)((low + high) / 2);

        if (filter->hashes[middle] < hash)
            low = (uint16_t)(middle + 1);
        else
            high = middle;
    }
    return low;
}

void keyword_filter_add(struct keyword_filter *filter, enum keyword_kind kind, const uint8_t *name,
                        size_t bytes)
{
    uint64_t hash = hash_of(filter, kind, name, bytes);
    uint16_t at = place_of(filter, hash);

    if (filter->count == KEYWORDS_MAX || (at < filter->count && filter->hashes[at] == hash))
        return;
    for (uint16_t i = filter->count; i > at; i--)
        filter->hashes[i] = filter->hashes[i - 1];
    filter->hashes[at] = hash;
    filter->count++;
}

bool keyword_filter_has(const struct keyword_filter *filter, enum keyword_kind kind,
                        const uint8_t *name, size_t bytes)
{
    uint64_t hash = hash_of(filter, kind, name, bytes);
    uint16_t at = place_of(filter, hash);

    return at < filter->count && filter->hashes[at] == hash;
}

uint32_t keywords_missing(const struct keyword_filter *filter, const struct keywords_found *found)
{
    uint32_t named = 0, accepted = 0;

    for (uint8_t i = 0; i < found->count; i++) {
        const struct keyword_found *name = &found->names[i];

        named |= 1u << name->kind;
        if (keyword_filter_has(filter, (enum keyword_kind)name->kind, keyword_text(found, i),
                               name->bytes))
            accepted |= 1u << name->kind;
    }
    return named & ~accepted;
}
