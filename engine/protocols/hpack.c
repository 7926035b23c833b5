/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hpack.c - see hpack.h.
 *
 *      1 index(7)                           a field of a table
 *      0 1 index(6) [name] value            literal, to be added to the dynamic table
 *      0 0 1 size(5)                        the dynamic table's size: no field
 *      0 0 0 x index(4) [name] value        literal, not to be added
 *
 * A text is H length(7) bytes. Huffman's code is canonical: the codes of one length follow each
 * other in the order of their symbols, so that the first code and the symbols say all (RFC 7541
 * appendix B).
 */
#include "engine/protocols/hpack.h"

#include <string.h>

#define INTEGER_BYTES_MAX 4 /* 28 bits beyond the prefix: no index or length is near that */

/* RFC 7541 5.1. */
static enum hpack_result take_integer(const uint8_t *block, size_t bytes, size_t *at,
                                      unsigned prefix_bits, uint32_t *out)
{
    const uint32_t mask = (1u << prefix_bits) - 1;
    uint32_t value;

    if (*at >= bytes)
        return HPACK_SHORT;
    value = block[(*at)++] & mask;
    *out = value;
    if (value < mask)
        return HPACK_FIELD;
    for (unsigned i = 0; i < INTEGER_BYTES_MAX; i++) {
        uint8_t byte;

        if (*at >= bytes)
            return HPACK_SHORT;
        byte = block[(*at)++];
        value += (uint32_t)(byte & 0x7f) << 7 * i;
        *out = value;
        if (!(byte & 0x80))
            return HPACK_FIELD;
    }
    return HPACK_BAD;
}

/* RFC 7541 5.2. */
static enum hpack_result take_text(const uint8_t *block, size_t bytes, size_t *at,
                                   struct hpack_text *text)
{
    const bool huffman = *at < bytes && block[*at] & 0x80;
    uint32_t length;
    enum hpack_result result = take_integer(block, bytes, at, 7, &length);

    if (result != HPACK_FIELD)
        return result;
    if (length > bytes - *at)
        return HPACK_SHORT;
    *text = (struct hpack_text){block + *at, length, huffman};
    *at += length;
    return HPACK_FIELD;
}

static enum hpack_result take_literal(const uint8_t *block, size_t bytes, size_t *at,
                                      unsigned prefix_bits, struct hpack_field *field)
{
    enum hpack_result result = take_integer(block, bytes, at, prefix_bits, &field->index);

    if (result == HPACK_FIELD && field->index == 0)
        result = take_text(block, bytes, at, &field->name);
    return result == HPACK_FIELD ? take_text(block, bytes, at, &field->value) : result;
}

enum hpack_result hpack_next(const uint8_t *block, size_t bytes, size_t *at,
                             struct hpack_field *field)
{
    uint32_t size;

    memset(field, 0, sizeof(*field));
    while (*at < bytes && (block[*at] & 0xe0) == 0x20) {
        const enum hpack_result result = take_integer(block, bytes, at, 5, &size);

        if (result != HPACK_FIELD)
            return result;
    }
    if (*at >= bytes)
        return HPACK_END;
    if (block[*at] & 0x80) {
        field->indexed = true;
        return take_integer(block, bytes, at, 7, &field->index);
    }
    return take_literal(block, bytes, at, block[*at] & 0x40 ? 6 : 4, field);
}

static const struct code_length {
    uint8_t bits;
    uint8_t count;
    uint16_t first;
    const char *symbols;
} code_lengths[] = {
    {5, 10, 0x0, "012aceiost"},
    {6, 26, 0x14, " %-./3456789=A_bdfghlmnpru"},
    {7, 32, 0x5c, ":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"},
    {8, 6, 0xf8, "&*,;XZ"},
    {13, 5, 0x1ff9, "$@[]~"},
};

#define CODE_BITS_MAX 13

/* 0: the bits are no whole code. */
static char symbol_of(uint32_t code, unsigned bits)
{
    for (size_t i = 0; i < sizeof(code_lengths) / sizeof(code_lengths[0]); i++) {
        const struct code_length *length = &code_lengths[i];

        if (length->bits == bits && code >= length->first && code - length->first < length->count)
            return length->symbols[code - length->first];
    }
    return 0;
}

/* The last byte is filled up with up to seven ones. */
static bool decode_huffman(const struct hpack_text *text, uint8_t out[HPACK_TEXT_MAX],
                           size_t *bytes)
{
    uint32_t code = 0;
    unsigned bits = 0;

    *bytes = 0;
    for (size_t at = 0; at < text->bytes * 8; at++) {
        char symbol;

        code = code << 1 | ((uint32_t)text->data[at / 8] >> (7 - at % 8) & 1u);
        symbol = symbol_of(code, ++bits);
        if (symbol == 0 && bits == CODE_BITS_MAX)
            return false;
        if (symbol == 0)
            continue;
        if (*bytes == HPACK_TEXT_MAX)
            return false;
        out[(*bytes)++] = (uint8_t)symbol;
        code = bits = 0;
    }
    return bits < 8 && code == (1u << bits) - 1;
}

bool hpack_decode(const struct hpack_text *text, uint8_t out[HPACK_TEXT_MAX], size_t *bytes)
{
    if (text->huffman)
        return decode_huffman(text, out, bytes);
    *bytes = text->bytes;
    if (text->bytes > HPACK_TEXT_MAX)
        return false;
    if (text->bytes > 0)
        memcpy(out, text->data, text->bytes);
    return true;
}
