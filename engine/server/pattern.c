/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pattern.c - see pattern.h. */
#include "engine/server/pattern.h"

/* --- length fields --------------------------------------------------------------------------- */

static enum match read_fixed(const struct length_field *field, const uint8_t *at, size_t bytes,
                             uint32_t *value)
{
    *value = 0;
    if (bytes < field->width)
        return MATCH_MORE;
    for (unsigned i = 0; i < field->width; i++) {
        unsigned from = field->form == LENGTH_BIG ? i : field->width - 1u - i;

        *value = *value << 8 | at[from];
    }
    return MATCH_YES;
}

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static enum match read_hex(const struct length_field *field, const uint8_t *at, size_t bytes,
                           uint32_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < field->width; i++) {
        int digit;

        if (i >= bytes)
            return MATCH_MORE;
        digit = hex_digit(at[i]);
        if (digit < 0)
            return MATCH_NO;
        *value = *value << 4 | (unsigned)digit;
    }
    return MATCH_YES;
}

/* The byte that ends the digits belongs to the field. */
static enum match read_decimal(const uint8_t *at, size_t bytes, uint32_t *value, size_t *width)
{
    size_t digits = 0;

    *value = 0;
    while (digits < bytes && at[digits] >= '0' && at[digits] <= '9') {
        if (digits == PATTERN_DECIMALS_MAX)
            return MATCH_NO;
        *value = *value * 10 + (at[digits++] - '0');
    }
    if (digits == bytes)
        return MATCH_MORE;
    *width = digits + 1;
    return digits ? MATCH_YES : MATCH_NO;
}

static enum match read_ber(const uint8_t *at, size_t bytes, uint32_t *value, size_t *width)
{
    unsigned octets;

    if (bytes == 0)
        return MATCH_MORE;
    octets = at[0] & 0x80 ? at[0] & 0x7f : 0;
    *value = octets ? 0 : at[0];
    if (at[0] == 0x80 || octets > 3)
        return MATCH_NO;
    if (bytes < 1 + octets)
        return MATCH_MORE;
    for (unsigned i = 1; i <= octets; i++)
        *value = *value << 8 | at[i];
    *width = 1 + octets;
    return MATCH_YES;
}

static enum match read_varint(const uint8_t *at, size_t bytes, uint32_t *value, size_t *width)
{
    *value = 0;
    for (unsigned i = 0; i < 4; i++) {
        if (i >= bytes)
            return MATCH_MORE;
        *value |= (uint32_t)(at[i] & 0x7f) << (7 * i);
        *width = i + 1;
        if (!(at[i] & 0x80))
            return MATCH_YES;
    }
    return MATCH_NO;
}

enum match length_field_read(const struct length_field *field, const uint8_t *request, size_t bytes,
                             uint32_t *value, size_t *end)
{
    const uint8_t *at = request + field->offset;
    size_t left, width = field->width;
    enum match match = MATCH_NO;

    *value = 0;
    *end = 0;
    if (bytes < field->offset)
        return MATCH_MORE;
    left = bytes - field->offset;
    switch (field->form) {
    case LENGTH_BIG:
    case LENGTH_LITTLE:
        match = read_fixed(field, at, left, value);
        break;
    case LENGTH_HEX:
        match = read_hex(field, at, left, value);
        break;
    case LENGTH_DECIMAL:
        match = read_decimal(at, left, value, &width);
        break;
    case LENGTH_BER:
        match = read_ber(at, left, value, &width);
        break;
    case LENGTH_VARINT:
        match = read_varint(at, left, value, &width);
        break;
    case LENGTH_NONE:
    case LENGTH_FORMS:
        break;
    }
    *end = field->offset + width;
    return match;
}

/* --- the check ------------------------------------------------------------------------------- */

static enum match constants_check(const struct pattern *pattern, const uint8_t *request,
                                  size_t bytes)
{
    for (uint8_t i = 0; i < pattern->pairs && i < PATTERN_PAIRS_MAX; i++) {
        if (pattern->pair[i].offset >= bytes)
            return MATCH_MORE;
        if (request[pattern->pair[i].offset] != pattern->pair[i].byte)
            return MATCH_NO;
    }
    return MATCH_YES;
}

static enum match line_check(const struct pattern *pattern, const uint8_t *request, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (request[i] == '\n')
            return MATCH_YES;
        if (i >= pattern->line_bytes_max)
            return MATCH_NO;
        if (!pattern_is_text(request[i]) && request[i] != '\r')
            return MATCH_NO;
    }
    return MATCH_MORE;
}

static enum match length_check(const struct length_field *field, const uint8_t *request,
                               size_t bytes)
{
    uint32_t value;
    size_t end;
    enum match match = length_field_read(field, request, bytes, &value, &end);
    int64_t message = (int64_t)value + field->bias;

    if (match != MATCH_YES)
        return match;
    if (message < (int64_t)end || message > PATTERN_MESSAGE_MAX)
        return MATCH_NO;
    return (int64_t)bytes < message ? MATCH_MORE : MATCH_YES;
}

static enum match lengths_check(const struct pattern *pattern, const uint8_t *request, size_t bytes)
{
    enum match best = MATCH_NO;

    for (uint8_t i = 0; i < pattern->lengths && i < PATTERN_LENGTHS_MAX; i++) {
        enum match match = length_check(&pattern->length[i], request, bytes);

        if (match == MATCH_YES)
            return MATCH_YES;
        if (match == MATCH_MORE)
            best = MATCH_MORE;
    }
    return best;
}

bool pattern_line_so_far(const struct pattern *pattern, const uint8_t *request, size_t bytes)
{
    return bytes > 0 && pattern->line_bytes_max > 0 && pattern->lengths == 0 &&
           constants_check(pattern, request, bytes) == MATCH_YES &&
           line_check(pattern, request, bytes) == MATCH_MORE;
}

enum match pattern_check(const struct pattern *pattern, const uint8_t *request, size_t bytes)
{
    enum match constants = constants_check(pattern, request, bytes), rest;

    if (constants == MATCH_NO || bytes == 0)
        return bytes == 0 ? MATCH_MORE : MATCH_NO;
    if (pattern->lengths > 0)
        rest = lengths_check(pattern, request, bytes);
    else if (pattern->line_bytes_max > 0)
        rest = line_check(pattern, request, bytes);
    else
        rest = bytes < pattern->least_bytes ? MATCH_MORE : MATCH_YES;
    return rest == MATCH_YES ? constants : rest;
}
