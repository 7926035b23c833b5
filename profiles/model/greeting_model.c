/* SPDX-License-Identifier: GPL-2.0-or-later */
/* greeting_model.c - see greeting_model.h. */
#include "profiles/model/greeting_model.h"

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

    while (common < a_bytes && common < b_bytes &&
           a[a_bytes - 1 - common] == b[b_bytes - 1 - common])
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

bool greeting_model_equals(const struct greeting_model *model, const uint8_t *greeting,
                           size_t bytes)
{
    return !model->too_long && model->bytes == bytes && memcmp(model->latest, greeting, bytes) == 0;
}

void greeting_model_add(struct greeting_model *model, const uint8_t *greeting, size_t bytes)
{
    const bool too_long = bytes > GREETING_BYTES_MAX;
    const bool same = model->count > 0 && greeting_model_equals(model, greeting, bytes);
    const uint16_t kept = least(bytes, GREETING_BYTES_MAX);

    if (model->count > 0 && !same) {
        model->prefix =
            least(model->prefix, common_prefix(model->latest, model->bytes, greeting, kept));
        model->suffix =
            least(model->suffix, common_suffix(model->latest, model->bytes, greeting, kept));
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

void greeting_model_replace(struct greeting_model *model, const uint8_t *greeting, size_t bytes)
{
    memset(model, 0, sizeof(*model));
    greeting_model_add(model, greeting, bytes);
    model->count = model->run = GREETING_RELEARNED;
}

enum greeting_kind greeting_model_kind(const struct greeting_model *model)
{
    unsigned common;

    if (model->count == 0)
        return GREETING_UNKNOWN;
    if (model->too_long)
        return GREETING_VARIABLE;
    if (model->prefix == model->bytes && model->shortest == model->longest)
        return GREETING_STABLE;
    common = (unsigned)model->prefix + model->suffix;
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

enum match greeting_model_begins(const struct greeting_model *model, const uint8_t *data,
                                 size_t bytes)
{
    const bool stable = greeting_model_kind(model) == GREETING_STABLE;
    const uint16_t known = stable ? model->bytes : model->prefix;

    if (model->count == 0)
        return MATCH_NO;
    if (!stable && known < GREETING_NAME_MIN)
        return MATCH_YES;
    if (memcmp(data, model->latest, bytes < known ? bytes : known) != 0)
        return MATCH_NO;
    return bytes < known ? MATCH_MORE : MATCH_YES;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

/*
 * Without regard to case; `text` is lower case, a '0' in it stands for any digit, a '4' for the
 * first digit of an error code.
 */
static enum match begins(const uint8_t *data, size_t bytes, const char *text)
{
    for (size_t i = 0; text[i] != 0; i++) {
        uint8_t c;
        bool fits;

        if (i == bytes)
            return MATCH_MORE;
        c = lower(data[i]);
        fits = text[i] == '0'   ? c >= '0' && c <= '9'
               : text[i] == '4' ? c == '4' || c == '5'
                                : c == (uint8_t)text[i];
        if (!fits)
            return MATCH_NO;
    }
    return MATCH_YES;
}

/* One packet: three bytes of length (little endian), sequence number, 0xff. */
static bool mysql_error(const uint8_t *data, size_t bytes)
{
    return bytes >= 7 && data[3] <= 2 && data[4] == 0xff &&
           ((size_t)data[0] | (size_t)data[1] << 8 | (size_t)data[2] << 16) + 4 == bytes;
}

/* RFC 8446 5.1: content type 21, legacy version 3.x. */
static enum match tls_alert(const uint8_t *data, size_t bytes)
{
    const uint8_t form[] = {21, 3};

    if (bytes > 0 && memcmp(data, form, bytes < sizeof(form) ? bytes : sizeof(form)) != 0)
        return MATCH_NO;
    return bytes < 3 ? MATCH_MORE : data[2] <= 4 ? MATCH_YES : MATCH_NO;
}

/* RFC 9051 7.1.3: "tag BAD text", with whatever the client's first word was for a tag. */
static bool tagged_bad(const uint8_t *data, size_t bytes)
{
    size_t i = 0;

    while (i < bytes && i < 32 && data[i] > ' ' && data[i] < 0x7f)
        i++;
    return i > 0 && begins(data + i, bytes - i, " bad ") == MATCH_YES;
}

enum match looks_like_refusal(const uint8_t *data, size_t bytes)
{
    /*
     * "421 " and "554-": RFC 5321 4.2.1, RFC 959 4.2.1. "HTTP/1.1 408": RFC 9110 15.5, 15.6, asked
     * for or not. A page without a status line is what web servers say to clients that named no
     * HTTP version. "% Connection", "Password required" and the like: Telnet servers; "% This is
     * the ... database" is how RIPE's whois answers.
     */
    static const char *const texts[] = {"-err",
                                        "-denied",
                                        "-noauth",
                                        "* bye",
                                        "* bad",
                                        "exceeded maxstartups",
                                        "error",
                                        "invalid ",
                                        "400 ",
                                        "400-",
                                        "http/0.0 400",
                                        "not allowed at this time",
                                        "unknown",
                                        "bad request",
                                        "unrecognized",
                                        "unrecognised",
                                        "syntax error",
                                        "protocol error",
                                        "<!doctype html",
                                        "<html",
                                        "access denied",
                                        "too many ",
                                        "sorry",
                                        "connection refused",
                                        "connection limit",
                                        "host is blocked",
                                        "% access",
                                        "% authen",
                                        "% bad ",
                                        "% connection",
                                        "% error",
                                        "% invalid",
                                        "% login",
                                        "% unknown",
                                        "password required, but none set",
                                        "all lines ",
                                        "line is in use"};
    enum match found = tls_alert(data, bytes);

    if (bytes == 0)
        return MATCH_NO;
    if (mysql_error(data, bytes) || tagged_bad(data, bytes))
        return MATCH_YES;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts) && found != MATCH_YES; i++) {
        const enum match match = begins(data, bytes, texts[i]);

        found = match == MATCH_NO ? found : match;
    }
    return found;
}
