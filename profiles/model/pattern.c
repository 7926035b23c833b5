/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pattern.c - see pattern.h. */
#include "profiles/model/pattern.h"

#include <string.h>

#include "engine/base/addr.h"

#define LINE_BYTES_MOST 8192  /* clients may well be longer-winded than those seen */
#define BIAS_LEAST      (-16) /* of a length field: what it counts twice, or leaves out */
#define BIAS_MOST       64
#define WHOLE_BYTES_MAX 4096 /* of what is longer the length is not known */

/*
 * Stored with the profile, so the seed is a constant; somebody who makes two requests collide only
 * keeps the pattern narrow, or its proof waiting.
 */
static uint64_t content_hash(const uint8_t *request, size_t bytes)
{
    static const uint64_t seed[2] = {0x3f84d5b5b5470917u, 0x9216d5d98979fb1bu};

    return table_hash(seed, request, bytes);
}

static void note_distinct(struct pattern_model *model, uint64_t hash)
{
    for (uint8_t i = 0; i < model->distinct_count; i++)
        if (model->distinct[i] == hash)
            return;
    if (model->distinct_count < PATTERN_DISTINCT_MIN)
        model->distinct[model->distinct_count++] = hash;
}

/* --- proof ----------------------------------------------------------------------------------- */

/* A pattern that was proved stays so: what it refused and the server would take widens it. */
static void prove(struct pattern_model *model, const uint8_t *request, size_t bytes, uint64_t hash)
{
    const uint64_t bit = UINT64_C(1) << (hash & 63);
    uint64_t *word = &model->contents[hash >> 6 & (PATTERN_CONTENT_WORDS - 1)];
    struct pattern pattern;

    if (pattern_model_proved(model) || !pattern_model_get(model, &pattern))
        return;
    pattern_shorten(&pattern);
    if (pattern_check(&pattern, request, bytes) != MATCH_YES) {
        model->passed = 0;
        memset(model->contents, 0, sizeof(model->contents));
    } else if (!(*word & bit)) {
        *word |= bit;
        model->passed++;
    }
}

/* --- learning -------------------------------------------------------------------------------- */

static void learn_constants(struct pattern_model *model, const uint8_t *request, uint16_t bytes)
{
    if (model->accepted == 0) {
        memcpy(model->first, request, bytes);
        memset(model->constant, true, bytes);
        model->least_bytes = bytes;
    }
    if (bytes < model->least_bytes)
        model->least_bytes = bytes;
    for (uint16_t i = 0; i < model->least_bytes; i++)
        if (request[i] != model->first[i])
            model->constant[i] = false;
}

/* Bytes of a line of text, its end included; 0: it is none. */
static size_t line_bytes(const uint8_t *request, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (request[i] == '\n')
            return i + 1;
        if (!pattern_is_text(request[i]) && request[i] != '\r')
            return 0;
    }
    return 0;
}

static void learn_line(struct pattern_model *model, const uint8_t *request, size_t bytes)
{
    const size_t line = line_bytes(request, bytes);

    if (line == 0 || line > LINE_BYTES_MOST)
        model->not_line = true;
    else if (line > model->line_bytes_most)
        model->line_bytes_most = (uint16_t)line;
}

/* --- length fields --------------------------------------------------------------------------- */

/* The readings that are tried at each offset; the wide ones first. */
static const struct length_field readings[] = {
    {.form = LENGTH_BIG, .width = 4},
    {.form = LENGTH_BIG, .width = 3},
    {.form = LENGTH_BIG, .width = 2},
    {.form = LENGTH_LITTLE, .width = 4},
    {.form = LENGTH_LITTLE, .width = 3},
    {.form = LENGTH_LITTLE, .width = 2},
    {.form = LENGTH_HEX, .width = 8},
    {.form = LENGTH_HEX, .width = 4},
    {.form = LENGTH_DECIMAL},
    {.form = LENGTH_BER},
    {.form = LENGTH_VARINT},
    {.form = LENGTH_BIG, .width = 1},
};
#define OFFSETS  (PATTERN_LENGTH_AT + 1u)
#define READINGS (sizeof(readings) / sizeof(readings[0]) * OFFSETS)
_Static_assert(READINGS <= PATTERN_READING_WORDS * 64, "a bit for each reading");

static struct length_field reading_at(size_t reading)
{
    struct length_field field = readings[reading / OFFSETS];

    field.offset = (uint8_t)(reading % OFFSETS);
    return field;
}

/* How far what the field says is from the length of this request. False: it says nothing. */
static bool bias_of(const struct length_field *field, const uint8_t *request, size_t bytes,
                    int32_t *bias)
{
    uint32_t value;
    size_t end;

    if (length_field_read(field, request, bytes, &value, &end) != MATCH_YES || end > bytes ||
        value > PATTERN_MESSAGE_MAX)
        return false;
    *bias = (int32_t)bytes - (int32_t)value;
    return *bias >= BIAS_LEAST && *bias <= BIAS_MOST;
}

/* That of the request that the others are compared with. */
static bool bias_of_head(const struct pattern_model *model, const struct length_field *field,
                         int32_t *bias)
{
    return model->whole_bytes > 0 && bias_of(field, model->head, model->whole_bytes, bias);
}

static void note_length(struct pattern_model *model, uint16_t bytes)
{
    for (uint8_t i = 0; i < model->lengths_count; i++)
        if (model->lengths[i] == bytes)
            return;
    if (model->lengths_count < PATTERN_LENGTHS_LEAST)
        model->lengths[model->lengths_count++] = bytes;
}

static void learn_length(struct pattern_model *model, const uint8_t *request, size_t bytes)
{
    if (bytes >= WHOLE_BYTES_MAX)
        return;
    if (model->whole_bytes == 0) {
        model->whole_bytes = (uint16_t)bytes;
        memcpy(model->head, request, bytes < PATTERN_HEAD_BYTES ? bytes : PATTERN_HEAD_BYTES);
    }
    note_length(model, (uint16_t)bytes);
    for (size_t i = 0; i < READINGS; i++) {
        const struct length_field field = reading_at(i);
        const uint64_t bit = UINT64_C(1) << (i & 63);
        int32_t first, bias;

        if (!(model->not_length[i >> 6] & bit) &&
            (!bias_of_head(model, &field, &first) || !bias_of(&field, request, bytes, &bias) ||
             bias != first))
            model->not_length[i >> 6] |= bit;
    }
}

/*
 * Several readings may fit, and each be the true one: a length below 128 is the same in BER and in
 * one byte.
 */
static void find_lengths(const struct pattern_model *model, struct pattern *pattern)
{
    if (model->lengths_count < PATTERN_LENGTHS_LEAST)
        return;
    for (size_t i = 0; i < READINGS && pattern->lengths < PATTERN_LENGTHS_MAX; i++) {
        struct length_field field = reading_at(i);

        if (!(model->not_length[i >> 6] >> (i & 63) & 1) &&
            bias_of_head(model, &field, &field.bias))
            pattern->length[pattern->lengths++] = field;
    }
}

void pattern_model_add(struct pattern_model *model, const uint8_t *request, size_t bytes)
{
    const uint64_t hash = content_hash(request, bytes);

    prove(model, request, bytes, hash);
    learn_constants(model, request, (uint16_t)(bytes < PATTERN_WINDOW ? bytes : PATTERN_WINDOW));
    learn_line(model, request, bytes);
    learn_length(model, request, bytes);
    note_distinct(model, hash);
    if (model->accepted < UINT32_MAX)
        model->accepted++;
}

/* --- the pattern ----------------------------------------------------------------------------- */

/* Is this byte part of a length, by any reading? Where a field's width varies nothing behind its
 * offset is constant. */
static bool in_length(const struct pattern *pattern, uint16_t offset, bool *ends)
{
    for (uint8_t i = 0; i < pattern->lengths; i++) {
        const struct length_field *field = &pattern->length[i];

        if (offset < field->offset)
            continue;
        if (field->width == 0 && offset > field->offset && field->form == LENGTH_DECIMAL)
            *ends = true;
        if (offset < field->offset + (field->width ? field->width : 1))
            return true;
    }
    return false;
}

/*
 * In front of a byte that varies zeros may be the higher digits of the same number, which is still
 * small: a counter. Where nothing else is constant they stay.
 */
static void drop_leading_zeros(uint16_t varies, struct pattern *pattern)
{
    uint8_t pairs = pattern->pairs;

    while (pairs > 0 && pattern->pair[pairs - 1].byte == 0 &&
           pattern->pair[pairs - 1].offset + 1 + pattern->pairs - pairs == varies)
        pairs--;
    if (pairs > 0)
        pattern->pairs = pairs;
}

static bool is_numeral(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* What stands between the numbers of a time: 2026-11-30T05:15:00.25 */
static bool parts_numerals(uint8_t byte)
{
    return byte == '-' || byte == ':' || byte == '.' || byte == '/' || byte == 'T';
}

/*
 * Written in digits a counter or a time has digits in front of those that vary, which change later.
 * Where a length or lines tell requests, too, they go even where nothing else is constant.
 */
static void drop_leading_numerals(const struct pattern_model *model, uint16_t varies,
                                  struct pattern *pattern)
{
    uint8_t pairs = pattern->pairs;

    if (!is_numeral(model->first[varies]))
        return;
    for (uint16_t at = varies; pairs > 0 && pattern->pair[pairs - 1].offset + 1 == at; at--) {
        const uint8_t byte = model->first[at - 1];

        if (!is_numeral(byte) &&
            (!parts_numerals(byte) || at < 2 || !is_numeral(model->first[at - 2])))
            break;
        pairs--;
    }
    if (pairs > 0 || pattern->line_bytes_max > 0 || pattern->lengths > 0)
        pattern->pairs = pairs;
}

static void put_constants(const struct pattern_model *model, uint16_t counted,
                          struct pattern *pattern)
{
    bool ends = false;

    for (uint16_t i = 0; i < counted && pattern->pairs < PATTERN_PAIRS_MAX; i++) {
        const bool length = in_length(pattern, i, &ends);

        if (!ends && !length && !model->constant[i] && !model->scattered) {
            drop_leading_zeros(i, pattern);
            drop_leading_numerals(model, i, pattern);
        }
        if (ends || (!length && !model->constant[i] && !model->scattered))
            return;
        if (length || !model->constant[i])
            continue;
        pattern->pair[pattern->pairs].offset = i;
        pattern->pair[pattern->pairs].byte = model->first[i];
        pattern->pairs++;
    }
}

static uint16_t line_limit(const struct pattern_model *model)
{
    return model->not_line || model->line_bytes_most == 0 ? 0 : LINE_BYTES_MOST;
}

bool pattern_model_get(const struct pattern_model *model, struct pattern *pattern)
{
    uint16_t counted = model->least_bytes;

    memset(pattern, 0, sizeof(*pattern));
    if (model->accepted < PATTERN_REQUESTS_MIN)
        return false;
    if (model->distinct_count < PATTERN_DISTINCT_MIN && counted > PATTERN_NARROW_BYTES)
        counted = PATTERN_NARROW_BYTES;
    pattern->least_bytes = counted;
    pattern->line_bytes_max = line_limit(model);
    find_lengths(model, pattern);
    put_constants(model, counted, pattern);
    return pattern->pairs > 0 || pattern->line_bytes_max > 0 || pattern->lengths > 0;
}

void pattern_shorten(struct pattern *pattern)
{
    const uint16_t half = pattern->least_bytes / 2;
    const uint16_t constants =
        pattern->pairs ? (uint16_t)(pattern->pair[pattern->pairs - 1].offset + 1) : 1;

    pattern->least_bytes = half > constants ? half : constants;
}

bool pattern_model_common(const struct pattern_model *model)
{
    for (uint16_t i = 0; i < model->least_bytes; i++)
        if (model->constant[i])
            return model->accepted >= PATTERN_REQUESTS_MIN;
    return false;
}

void pattern_model_restore(struct pattern_model *model, const struct pattern *pattern)
{
    memset(model, 0, sizeof(*model));
    model->accepted = PATTERN_REQUESTS_MIN;
    model->least_bytes =
        pattern->least_bytes < PATTERN_WINDOW ? pattern->least_bytes : PATTERN_WINDOW;
    model->distinct_count = PATTERN_DISTINCT_MIN;
    model->scattered = true;
    model->line_bytes_most = pattern->line_bytes_max;
    for (uint8_t i = 0; i < pattern->pairs; i++) {
        if (pattern->pair[i].offset >= PATTERN_WINDOW)
            continue;
        model->first[pattern->pair[i].offset] = pattern->pair[i].byte;
        model->constant[pattern->pair[i].offset] = true;
    }
}
