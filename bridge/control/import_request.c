/* SPDX-License-Identifier: GPL-2.0-or-later */
/* import_request.c - see import_request.h. */
#include "bridge/control/import_request.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES      (256u * 1024)
#define REST_FIRST_BYTES 1024u
#define ESCAPE_BYTES     6 /* \uXXXX */

static const char wanted_key[] = "\"contents\"";

void import_request_begin(struct import_request *request, char *text, size_t bytes)
{
    *request = (struct import_request){.text = text, .bytes = bytes};
}

void import_request_free(struct import_request *request)
{
    free(request->rest);
    request->rest = NULL;
}

size_t import_request_offset(const struct import_request *request, size_t offset)
{
    return request->contents && offset > request->taken ? offset + request->taken_bytes : offset;
}

/* --- the rest -------------------------------------------------------------------------------- */

static bool keep(struct import_request *request, char c, struct error *error)
{
    if (request->rest_bytes == IMPORT_REQUEST_REST_MAX)
        return error_set(error, EXIT_USAGE,
                         "the request has more than 1 MiB beside \"contents\": import in parts");
    if (request->rest_bytes == request->rest_room) {
        const size_t room = request->rest_room ? 2 * request->rest_room : REST_FIRST_BYTES;
        char *grown = realloc(request->rest, room);

        if (!grown)
            return error_set(error, EXIT_FAILED, "out of memory");
        request->rest = grown;
        request->rest_room = room;
    }
    request->rest[request->rest_bytes++] = c;
    return true;
}

static bool key_fits(const struct import_request *request)
{
    return request->rest_bytes - request->string_at == sizeof(wanted_key) - 1 &&
           memcmp(request->rest + request->string_at, wanted_key, sizeof(wanted_key) - 1) == 0;
}

static bool step_outside(struct import_request *request, struct error *error)
{
    const char c = request->text[request->at++];

    if (c == '{' || c == '[')
        request->depth++;
    else if (c == '}' || c == ']')
        request->depth--;
    else if (c == ':' || c == ',')
        request->value = c == ':';
    else if (c == '"' && request->depth == 1 && request->value && request->key_fits &&
             !request->contents) {
        request->where = IMPORT_CONTENTS;
        request->contents = request->text + request->at;
        request->taken = request->rest_bytes + 1;
    } else if (c == '"') {
        request->where = IMPORT_STRING;
        request->string_at = request->rest_bytes;
    }
    return keep(request, c, error);
}

static bool step_string(struct import_request *request, struct error *error)
{
    const char c = request->text[request->at++];

    if (!keep(request, c, error))
        return false;
    if (c == '\\' && request->at < request->bytes)
        return keep(request, request->text[request->at++], error);
    if (c != '"')
        return true;
    request->where = IMPORT_OUTSIDE;
    if (request->depth == 1 && !request->value)
        request->key_fits = key_fits(request);
    return true;
}

/* --- "contents" ------------------------------------------------------------------------------ */

/* The digits of \uXXXX at `at`; -1: there is none. */
static int32_t unicode_escape(const char *at, const char *end)
{
    int32_t code = 0;

    if (end - at < ESCAPE_BYTES || at[0] != '\\' || at[1] != 'u')
        return -1;
    for (int i = 2; i < ESCAPE_BYTES; i++) {
        static const char digits[] = "0123456789abcdef";
        const char *digit =
            at[i] ? strchr(digits, at[i] | ('A' <= at[i] && at[i] <= 'F' ? 0x20 : 0)) : NULL;

        if (!digit)
            return -1;
        code = code * 16 + (int32_t)(digit - digits);
    }
    return code;
}

/* In UTF-8; how many bytes. */
static size_t put_code(char *out, uint32_t code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

/* A half of a pair that stands alone becomes U+FFFD, as json-c has it. */
static bool decode_unicode(struct import_request *request, char *out, size_t *bytes)
{
    const char *end = request->text + request->bytes;
    int32_t code = unicode_escape(request->text + request->at, end), low;

    if (code < 0)
        return false;
    request->at += ESCAPE_BYTES;
    if (code >= 0xD800 && code < 0xDC00) {
        low = unicode_escape(request->text + request->at, end);
        if (low >= 0xDC00 && low < 0xE000) {
            request->at += ESCAPE_BYTES;
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        }
    }
    if (code >= 0xD800 && code < 0xE000)
        code = 0xFFFD;
    *bytes = put_code(out, (uint32_t)code);
    return true;
}

/* What is decoded is never longer than its escape. */
static bool step_escape(struct import_request *request, struct error *error)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    char *out = request->contents + request->contents_bytes;
    const char name = request->at + 1 < request->bytes ? request->text[request->at + 1] : '\0';
    const char *known = name ? strchr(names, name) : NULL;
    size_t bytes = 1;

    if (known) {
        *out = values[known - names];
        request->at += 2;
    } else if (!decode_unicode(request, out, &bytes)) {
        return error_set(error, EXIT_USAGE,
                         "the request is not one JSON object: byte %zu: no such escape",
                         request->at);
    }
    request->contents_bytes += bytes;
    return true;
}

static bool step_contents(struct import_request *request, struct error *error)
{
    const char c = request->text[request->at];

    if (c == '\\')
        return step_escape(request, error);
    request->at++;
    if (c != '"') {
        request->contents[request->contents_bytes++] = c;
        return true;
    }
    request->contents[request->contents_bytes] = '\0';
    request->taken_bytes = (size_t)(request->text + request->at - 1 - request->contents);
    request->where = IMPORT_OUTSIDE;
    return keep(request, c, error);
}

enum import_request_state import_request_step(struct import_request *request, struct error *error)
{
    const size_t until =
        request->bytes - request->at < PIECE_BYTES ? request->bytes : request->at + PIECE_BYTES;
    bool done = true;

    while (done && request->at < until)
        done = request->where == IMPORT_OUTSIDE  ? step_outside(request, error)
               : request->where == IMPORT_STRING ? step_string(request, error)
                                                 : step_contents(request, error);
    if (!done)
        return IMPORT_REQUEST_FAILED;
    if (request->at < request->bytes)
        return IMPORT_REQUEST_GOES_ON;
    return IMPORT_REQUEST_TAKEN;
}
