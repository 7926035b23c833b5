/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * http2.c - HTTP/2 with prior knowledge (RFC 9113 3.3, 3.4): the client speaks first, a server may
 * send its SETTINGS without waiting.
 *
 *      request    the preface of 24 bytes, sent as one
 *      answer     length(3) type(1) flags(1) stream(4)      SETTINGS (4) on stream 0 accepts,
 *                                                           GOAWAY (7) or text refuses
 *
 * Its keyword is the first request's :authority, or its host field (RFC 9113 8.3.1). SETTINGS
 * accept before any request was looked at, so a name counts when the first response's status
 * accepts.
 *
 * Limits: of a header block in several frames the first one is read. HTTP/2 inside TLS is tls.c's.
 */
#include "engine/protocols/hpack.h"
#include "engine/protocols/http_line.h"
#include "engine/protocols/whole.h"

#define PREFACE      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define HEADER_BYTES 9
#define SETTINGS     4

static enum match http2_check(const uint8_t *request, size_t bytes)
{
    return begins_exactly(PREFACE, sizeof(PREFACE) - 1, request, bytes);
}

static bool fits_settings(const uint8_t *data, size_t at)
{
    switch (at) {
    case 0:
        return data[0] == 0;
    case 3:
        return data[3] == SETTINGS;
    case 1:
    case 2:
    case 4:
        return true;
    default:
        return data[at] == 0;
    }
}

static enum acceptance http2_accepts(const uint8_t *request, size_t request_bytes,
                                     const uint8_t *answer, size_t answer_bytes)
{
    (void)request;
    (void)request_bytes;
    return acceptance_of(match_bytes(fits_settings, HEADER_BYTES, answer, answer_bytes));
}

#define HEADERS      1
#define RST_STREAM   3
#define GOAWAY       7
#define PADDED       0x08
#define HAS_PRIORITY 0x20

/* The first header block in the frames from `at` on, as far as it is there. */
struct block {
    const uint8_t *data;
    size_t bytes;
    bool whole; /* the frame ends here */
};

/* Padding (RFC 9113 6.1) and priority come before the block. NO where they do not fit. */
static enum match open_headers(const uint8_t *frame, size_t bytes, size_t length,
                               struct block *block)
{
    const bool padded = frame[4] & PADDED;
    const size_t before = (padded ? 1u : 0u) + (frame[4] & HAS_PRIORITY ? 5u : 0u);
    size_t end = HEADER_BYTES + length, begin = HEADER_BYTES + before;

    if (bytes < begin)
        return length < before ? MATCH_NO : MATCH_MORE;
    if (length < before + (padded ? frame[HEADER_BYTES] : 0u))
        return MATCH_NO;
    end -= padded ? frame[HEADER_BYTES] : 0u;
    block->data = frame + begin;
    block->whole = bytes >= end;
    block->bytes = (block->whole ? end : bytes) - begin;
    return MATCH_YES;
}

static enum match find_block(const uint8_t *data, size_t bytes, size_t at, struct block *block)
{
    while (at + HEADER_BYTES <= bytes) {
        const uint8_t *frame = data + at;
        size_t length = (size_t)frame[0] << 16 | (size_t)frame[1] << 8 | frame[2];

        if (frame[3] == HEADERS)
            return open_headers(frame, bytes - at, length, block);
        if (frame[3] == GOAWAY || frame[3] == RST_STREAM)
            return MATCH_NO;
        at += HEADER_BYTES + length;
    }
    return MATCH_MORE;
}

static bool names_authority(const struct hpack_field *field)
{
    uint8_t name[HPACK_TEXT_MAX];
    size_t bytes;

    if (field->index != 0)
        return field->index == HPACK_AUTHORITY || field->index == HPACK_HOST;
    if (!hpack_decode(&field->name, name, &bytes))
        return false;
    return (bytes == 4 && begins_exactly("host", 4, name, bytes) == MATCH_YES) ||
           (bytes == 10 && begins_exactly(":authority", 10, name, bytes) == MATCH_YES);
}

static enum match put_authority(const struct hpack_field *field, struct keywords_found *found)
{
    uint8_t text[HPACK_TEXT_MAX];
    size_t bytes = 0;

    /* A field that is the static table's as a whole has no value. */
    if (!field->indexed && !hpack_decode(&field->value, text, &bytes))
        return MATCH_NO;
    return put_host(found, KEYWORD_HOST, text, bytes) ? MATCH_YES : MATCH_NO;
}

static enum match http2_keyword(const uint8_t *request, size_t bytes, struct keywords_found *found)
{
    struct hpack_field field;
    enum hpack_result result;
    struct block block;
    size_t at = 0;
    enum match match = find_block(request, bytes, sizeof(PREFACE) - 1, &block);

    if (match != MATCH_YES)
        return match;
    while ((result = hpack_next(block.data, block.bytes, &at, &field)) == HPACK_FIELD) {
        if (names_authority(&field))
            return put_authority(&field, found);
    }
    if (result == HPACK_BAD || (result == HPACK_SHORT && block.whole))
        return MATCH_NO;
    if (!block.whole)
        return MATCH_MORE;
    keywords_put_absent(found, KEYWORD_HOST);
    return MATCH_YES;
}

/* RFC 7541 appendix A: 200, 204, 206, 304, 400, 404, 500. */
static bool indexed_status_accepts(uint32_t index)
{
    return index >= HPACK_STATUS_FIRST && index < HPACK_STATUS_FIRST + 4;
}

/* As HTTP/1's: 2xx, 3xx, 401 and 407. An interim one is the server's word as well: it comes on the
 * request's stream. */
static bool status_text_accepts(const struct hpack_field *field)
{
    uint8_t status[HPACK_TEXT_MAX];
    size_t bytes;

    if (field->index < HPACK_STATUS_FIRST || field->index > HPACK_STATUS_LAST ||
        !hpack_decode(&field->value, status, &bytes) || bytes != 3)
        return false;
    if (status[0] >= '1' && status[0] <= '3')
        return true;
    return status[0] == '4' && status[1] == '0' && (status[2] == '1' || status[2] == '7');
}

static enum acceptance http2_keyword_accepts(const uint8_t *request, size_t request_bytes,
                                             const uint8_t *answer, size_t answer_bytes)
{
    struct hpack_field field;
    struct block block;
    enum hpack_result result;
    size_t at = 0;
    enum match match = find_block(answer, answer_bytes, 0, &block);

    (void)request;
    (void)request_bytes;
    if (match != MATCH_YES)
        return acceptance_of(match);
    result = hpack_next(block.data, block.bytes, &at, &field);
    if (result != HPACK_FIELD)
        return block.whole || result == HPACK_BAD ? ACCEPTANCE_REFUSED : ACCEPTANCE_MORE;
    return (field.indexed ? indexed_status_accepts(field.index) : status_text_accepts(&field))
               ? ACCEPTANCE_ACCEPTED
               : ACCEPTANCE_REFUSED;
}

static enum match http2_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    const size_t begin = sizeof(PREFACE) - 1;
    enum match match = match_bytes(fits_settings, HEADER_BYTES, request + begin, bytes - begin);

    (void)from;
    if (match != MATCH_YES)
        return match == MATCH_NO ? MATCH_NO : whole_message(bytes, begin + HEADER_BYTES, needed);
    return whole_message(
        bytes, begin + HEADER_BYTES + ((size_t)request[begin + 1] << 8 | request[begin + 2]),
        needed);
}

const struct protocol protocol_http2 = {
    .id = PROTOCOL_HTTP2,
    .name = "http2",
    .check = http2_check,
    .whole = http2_whole,
    .accepts = http2_accepts,
    .keyword = http2_keyword,
    .keyword_accepts = http2_keyword_accepts,
};
