/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tls.c - TLS, for HTTPS and every other service inside it: the client speaks first (RFC 8446 5.1,
 * 4.1.2).
 *
 *      byte       0     1  2        3  4          5        6  7  8
 *      request    22    3  0..4     length        1        ...        a handshake record that
 *                                                                     begins with a ClientHello
 *      answer     22    3  0..4     length        2        ...        ServerHello;
 *                                                                     HelloRetryRequest looks the
 *                                                                     same
 *                 21    3  ...                                        an alert: refused
 *
 * Six bytes decide, so that a ClientHello of several segments is known by its first (post-quantum
 * ones have 1.7 to 2.2 kB). Version 3.0 in the record is what some clients of newer versions write
 * there. A first record may be as short as one byte (RFC 8446 5.1 forbids empty ones only): clients
 * that hide the server's name from those on the way cut the hello so.
 *
 * Its keywords are the server's name (SNI, RFC 6066 3) and the protocols offered (ALPN, RFC 7301
 * 3.1): one of those must be known, as the server chooses among them, in TLS 1.3 unseen. GREASE
 * (RFC 8701) is no protocol. The hello may lie in several segments and several records, so both are
 * read when it has come as far as they stand in it. Of an encrypted hello (ECH) the outer name is
 * meant.
 *
 * Limits: the hello that clients of SSLv2 sent is refused (RFC 6176), also where it offers a newer
 * version.
 */
#include <string.h>

#include "engine/protocols/http_line.h"
#include "engine/protocols/whole.h"

#define HELLO_BYTES      6
#define RECORD_BYTES_MAX 16384 /* RFC 8446 5.1 */

static bool fits_record(const uint8_t *data, size_t at)
{
    unsigned length;

    switch (at) {
    case 0:
        return data[0] == 22;
    case 1:
        return data[1] == 3;
    case 2:
        return data[2] <= 4;
    case 3:
        return data[3] <= RECORD_BYTES_MAX >> 8;
    default:
        length = (unsigned)data[3] << 8 | data[4];
        return length >= 1 && length <= RECORD_BYTES_MAX;
    }
}

static bool fits_client_hello(const uint8_t *data, size_t at)
{
    return at == 5 ? data[5] == 1 : fits_record(data, at);
}

static bool fits_server_hello(const uint8_t *data, size_t at)
{
    return at == 5 ? data[5] == 2 : fits_record(data, at);
}

static enum match tls_check(const uint8_t *request, size_t bytes)
{
    return match_bytes(fits_client_hello, HELLO_BYTES, request, bytes);
}

static enum acceptance tls_accepts(const uint8_t *request, size_t request_bytes,
                                   const uint8_t *answer, size_t answer_bytes)
{
    (void)request;
    (void)request_bytes;
    return acceptance_of(match_bytes(fits_server_hello, HELLO_BYTES, answer, answer_bytes));
}

/* Reads a ClientHello across the records that it lies in. */
struct hello {
    const uint8_t *data;
    size_t bytes, at;
    size_t record_left;
    size_t missing; /* where more is needed: how many bytes at least */
    unsigned records;
};

#define RECORD_HEADER_BYTES 5
#define RECORDS_MOST        256 /* they are read anew with each piece; clients make a few */
#define HANDSHAKE           22
#define EXTENSION_SNI       0
#define EXTENSION_ALPN      16

static enum match next_record(struct hello *hello)
{
    const uint8_t *header = hello->data + hello->at;

    if (hello->bytes - hello->at < RECORD_HEADER_BYTES)
        return MATCH_MORE;
    hello->record_left = (size_t)header[3] << 8 | header[4];
    hello->at += RECORD_HEADER_BYTES;
    return header[0] == HANDSHAKE && hello->record_left > 0 &&
                   hello->record_left <= RECORD_BYTES_MAX && ++hello->records <= RECORDS_MOST
               ? MATCH_YES
               : MATCH_NO;
}

/* The next bytes, to `out` unless that is NULL. */
static enum match take(struct hello *hello, uint8_t *out, size_t count)
{
    while (count > 0) {
        size_t chunk;
        enum match match = hello->record_left == 0 ? next_record(hello) : MATCH_YES;

        hello->missing = count;
        if (match != MATCH_YES)
            return match;
        chunk = hello->bytes - hello->at;
        chunk = chunk < hello->record_left ? chunk : hello->record_left;
        chunk = chunk < count ? chunk : count;
        if (chunk == 0)
            return MATCH_MORE;
        if (out != NULL) {
            memcpy(out, hello->data + hello->at, chunk);
            out += chunk;
        }
        hello->at += chunk;
        hello->record_left -= chunk;
        count -= chunk;
    }
    return MATCH_YES;
}

/* A number of `width` bytes, at most `*left`, which is what remains of the thing that it stands in.
 */
static enum match take_number(struct hello *hello, unsigned width, size_t *left, size_t *number)
{
    uint8_t bytes[3];
    enum match match = *left < width ? MATCH_NO : take(hello, bytes, width);

    if (match != MATCH_YES)
        return match;
    *number = 0;
    for (unsigned i = 0; i < width; i++)
        *number = *number << 8 | bytes[i];
    *left -= width;
    return MATCH_YES;
}

/* The same for a length, of what then lies within `*left`. */
static enum match take_length(struct hello *hello, unsigned width, size_t *left, size_t *length)
{
    enum match match = take_number(hello, width, left, length);

    return match == MATCH_YES && *length > *left ? MATCH_NO : match;
}

static enum match skip(struct hello *hello, size_t count, size_t *left)
{
    if (*left < count)
        return MATCH_NO;
    *left -= count;
    return take(hello, NULL, count);
}

static enum match skip_field(struct hello *hello, unsigned width, size_t *left)
{
    size_t length;
    enum match match = take_length(hello, width, left, &length);

    return match == MATCH_YES ? skip(hello, length, left) : match;
}

/* Up to the extensions, of which `*left` bytes remain; TLS 1.2 may do without any. */
static enum match take_beginning(struct hello *hello, size_t *left)
{
    size_t type, extensions = 0, rest = 4;
    enum match match = take_number(hello, 1, &rest, &type);

    if (match == MATCH_YES)
        match = take_number(hello, 3, &rest, left);
    if (match == MATCH_YES)
        match = skip(hello, 2 + 32, left); /* version, random */
    for (unsigned width = 0; match == MATCH_YES && width < 3; width++)
        match =
            skip_field(hello, width == 1 ? 2 : 1, left); /* session, cipher suites, compression */
    if (match == MATCH_YES && *left > 0)
        match = take_length(hello, 2, left, &extensions);
    if (match == MATCH_YES && *left != extensions)
        return MATCH_NO; /* nothing follows them */
    *left = extensions;
    return match;
}

static bool is_grease(const uint8_t *name, size_t bytes)
{
    return bytes == 2 && name[0] == name[1] && (name[0] & 15) == 10;
}

/* RFC 6066 3: the list's first name, whose type is 0, a host's. */
static enum match take_sni(struct hello *hello, size_t left, struct keywords_found *found)
{
    uint8_t name[KEYWORD_BYTES_MAX];
    size_t type, length = 0;
    enum match match = take_length(hello, 2, &left, &length);

    if (match == MATCH_YES)
        match = take_number(hello, 1, &left, &type);
    if (match == MATCH_YES)
        match = take_length(hello, 2, &left, &length);
    if (match == MATCH_YES)
        match = length > sizeof(name) || type != 0 ? MATCH_NO : take(hello, name, length);
    if (match != MATCH_YES)
        return match;
    if (!put_host(found, KEYWORD_SNI, name, length))
        return MATCH_NO;
    return take(hello, NULL, left - length);
}

static enum match take_alpn(struct hello *hello, size_t left, struct keywords_found *found)
{
    uint8_t name[UINT8_MAX];
    size_t length;
    enum match match = take_length(hello, 2, &left, &length);

    while (match == MATCH_YES && left > 0) {
        match = take_length(hello, 1, &left, &length);
        if (match == MATCH_YES)
            match = take(hello, name, length);
        if (match != MATCH_YES)
            return match;
        left -= length;
        if (length > 0 && !is_grease(name, length))
            keywords_put(found, KEYWORD_ALPN, name, length); /* beyond a dozen they are left out */
    }
    return match;
}

static enum match take_extension(struct hello *hello, size_t *left, struct keywords_found *found)
{
    size_t type, length;
    enum match match = take_number(hello, 2, left, &type);

    if (match == MATCH_YES)
        match = take_length(hello, 2, left, &length);
    if (match != MATCH_YES)
        return match;
    *left -= length;
    if (type == EXTENSION_SNI)
        return take_sni(hello, length, found);
    if (type == EXTENSION_ALPN)
        return take_alpn(hello, length, found);
    return take(hello, NULL, length);
}

static bool names_both(const struct keywords_found *found)
{
    bool sni = false, alpn = false;

    for (uint8_t i = 0; i < found->count; i++) {
        sni = sni || found->names[i].kind == KEYWORD_SNI;
        alpn = alpn || found->names[i].kind == KEYWORD_ALPN;
    }
    return sni && alpn;
}

static enum match tls_keyword(const uint8_t *request, size_t bytes, struct keywords_found *found)
{
    struct hello hello = {.data = request, .bytes = bytes};
    size_t left;
    enum match match = take_beginning(&hello, &left);

    while (match == MATCH_YES && left > 0 && !names_both(found))
        match = take_extension(&hello, &left, found);
    if (match != MATCH_YES)
        return match;
    keywords_put_absent(found, KEYWORD_SNI);
    keywords_put_absent(found, KEYWORD_ALPN);
    return MATCH_YES;
}

/* The hello itself, across its records, and the rest of the last one: a server reads whole records
 * (RFC 8446 5.1), and waits for them. What follows it is none of it. */
static enum match tls_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    struct hello hello = {.data = request, .bytes = bytes};
    size_t type, length = 0, left = 4;
    enum match match = take_number(&hello, 1, &left, &type);

    (void)from;
    if (match == MATCH_YES)
        match = take_number(&hello, 3, &left, &length);
    if (match == MATCH_YES)
        match = take(&hello, NULL, length);
    if (match == MATCH_YES)
        match = take(&hello, NULL, hello.record_left);
    *needed = match == MATCH_MORE ? bytes + hello.missing : hello.at;
    return match;
}

const struct protocol protocol_tls = {
    .id = PROTOCOL_TLS,
    .name = "tls",
    .answers_alone = true,
    .check = tls_check,
    .whole = tls_whole,
    .accepts = tls_accepts,
    .keyword = tls_keyword,
};
