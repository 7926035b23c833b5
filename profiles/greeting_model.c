/* SPDX-License-Identifier: GPL-2.0-or-later */
/* greeting_model.c - see greeting_model.h. */
#include "profiles/greeting_model.h"

#include <string.h>

static uint16_t common_prefix(const uint8_t *a, size_t a_bytes, const uint8_t *b, size_t b_bytes)
{
    uint16_t common = 0;
    while (common < a_bytes && common < b_bytes && a[common] == b[common])
        common++;
    return common;
}

static uint16_t common_suffix(const uint8_t *a, size_t a_bytes, const uint8_t *b, size_t b_bytes)
{
    uint16_t common = 0;
    while (common < a_bytes && common < b_bytes && a[a_bytes - 1 - common] == b[b_bytes - 1 - common])
        common++;
    return common;
}

static uint16_t least(size_t a, size_t b)
{
    return (uint16_t)(a < b ? a : b);
}

static void begin_anew(struct greeting_model *model)
{
    model->prefix = model->suffix = model->shortest = model->longest = model->bytes;
}

bool greeting_model_equals(const struct greeting_model *model, const uint8_t *greeting, size_t bytes)
{
    return !model->too_long && model->bytes == bytes && memcmp(model->latest, greeting, bytes) == 0;
}

void greeting_model_add(struct greeting_model *model, const uint8_t *greeting, size_t bytes)
{
    const bool too_long = bytes > GREETING_BYTES_MAX;
    const bool same = model->count > 0 && greeting_model_equals(model, greeting, bytes);
    const uint16_t kept = least(bytes, GREETING_BYTES_MAX);

    if (model->count > 0 && !same) {
        model->prefix = least(model->prefix, common_prefix(model->latest, model->bytes, greeting, kept));
        model->suffix = least(model->suffix, common_suffix(model->latest, model->bytes, greeting, kept));
        model->shortest = least(model->shortest, kept);
        model->longest = model->longest > kept ? model->longest : kept;
    }
    memcpy(model->latest, greeting, kept);
    model->bytes = kept;
    model->too_long = too_long;
    if (model->count == 0)
        begin_anew(model);
    if (model->count < UINT32_MAX)
        model->count++;
    if (!same)
        model->run = 1;
    else if (model->run < UINT32_MAX)
        model->run++;
    if (model->run >= GREETING_RELEARNED)
        begin_anew(model);
}

enum greeting_kind greeting_model_kind(const struct greeting_model *model)
{
    if (model->count == 0)
        return GREETING_UNKNOWN;
    if (model->too_long)
        return GREETING_VARIABLE;
    if (model->prefix == model->bytes && model->shortest == model->longest)
        return GREETING_STABLE;
    const unsigned common = (unsigned)model->prefix + model->suffix;
    return model->prefix >= GREETING_NAME_MIN && common * 2 >= model->shortest ? GREETING_TEMPLATE
                                                                               : GREETING_VARIABLE;
}

const char *greeting_kind_name(enum greeting_kind kind)
{
    static const char *const names[] = {
        [GREETING_UNKNOWN] = NULL,
        [GREETING_STABLE] = "stable",
        [GREETING_TEMPLATE] = "template",
        [GREETING_VARIABLE] = "variable",
    };
    return names[kind];
}

static bool begins(const uint8_t *data, size_t bytes, const char *text)
{
    const size_t length = strlen(text);
    return bytes >= length && memcmp(data, text, length) == 0;
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* "421 " and "554-": negative completions of RFC 5321 4.2.1 and RFC 959 4.2.1. */
static bool negative_reply_code(const uint8_t *data, size_t bytes)
{
    return bytes >= 4 && (data[0] == '4' || data[0] == '5') && is_digit(data[1]) && is_digit(data[2]) &&
           (data[3] == ' ' || data[3] == '-');
}

/* "HTTP/1.1 408": a client error or server error (RFC 9110 15.5, 15.6), asked for or not. */
static bool http_error(const uint8_t *data, size_t bytes)
{
    return bytes >= 10 && begins(data, bytes, "HTTP/1.") && data[8] == ' ' &&
           (data[9] == '4' || data[9] == '5');
}

/* One packet: three bytes of length (little endian), sequence number, 0xff. */
static bool mysql_error(const uint8_t *data, size_t bytes)
{
    return bytes >= 7 && data[3] <= 2 && data[4] == 0xff &&
           ((size_t)data[0] | (size_t)data[1] << 8 | (size_t)data[2] << 16) + 4 == bytes;
}

/* RFC 8446 5.1: content type 21, legacy version 3.x. */
static bool tls_alert(const uint8_t *data, size_t bytes)
{
    return bytes >= 3 && data[0] == 21 && data[1] == 3 && data[2] <= 4;
}

bool looks_like_refusal(const uint8_t *data, size_t bytes)
{
    static const char *const texts[] = {
        "-ERR", "-DENIED", "-NOAUTH", "* BYE", "Exceeded MaxStartups", "Not allowed at this time"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        if (begins(data, bytes, texts[i]))
            return true;
    return negative_reply_code(data, bytes) || http_error(data, bytes) || mysql_error(data, bytes) ||
           tls_alert(data, bytes);
}
