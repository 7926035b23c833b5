/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * http1.c - HTTP/1.x: the client speaks first.
 *
 *      request  = *( CRLF ) method SP target SP "HTTP/" DIGIT ...        RFC 9112 2.2, 3
 *      answer   = "HTTP/" DIGIT "." DIGIT SP 3DIGIT ...                  RFC 9112 4
 *
 * A method alone says nothing (NATS sends "CONNECT {", Redis "GET key"), so a request counts when
 * its version has come, and not later: the rest of the line is the server's to judge. One pass, no
 * memory, and the first byte against the grammar ends it. A version above 1 is none: HTTP/2's
 * preface is its own protocol's (http2.c).
 *
 * Its keyword is the host: that of the target where it has one (RFC 9112 3.2.2 and 3.2.3), else the
 * Host field's, without port. A request without any (HTTP/1.0) names none. A second Host field is
 * the server's to refuse.
 *
 * Limits: those of request lines in http_line.c; HTTP/0.9, which has no version, is none either.
 */
#include "engine/protocols/http_line.h"
#include "engine/protocols/whole.h"

static enum match http1_check(const uint8_t *request, size_t bytes)
{
    return begins_request_line("HTTP/", '1', TARGET_WEB, request, bytes);
}

static enum acceptance http1_accepts(const uint8_t *request, size_t request_bytes,
                                     const uint8_t *answer, size_t answer_bytes)
{
    (void)request;
    (void)request_bytes;
    return accepted_by_status_line("HTTP/0.0 000", answer, answer_bytes);
}

/* `http://host/...`: where the authority begins; 0 where the target has none. */
static size_t authority_at(const uint8_t *target, size_t bytes)
{
    size_t colon = find_byte(':', target, bytes);

    if (!is_letter(target[0]) || colon + 3 > bytes || find_byte('/', target, colon) < colon)
        return 0;
    return begins_exactly("://", 3, target + colon, bytes - colon) == MATCH_YES ? colon + 3 : 0;
}

static size_t authority_bytes(const uint8_t *authority, size_t bytes)
{
    size_t at = 0;

    while (at < bytes && authority[at] != '/' && authority[at] != '?' && authority[at] != '#')
        at++;
    return at;
}

/* The value of a field line behind its name, without what surrounds it (RFC 9112 5). */
static enum match put_host_field(struct keywords_found *found, const uint8_t *value, size_t bytes)
{
    while (bytes > 0 && value[bytes - 1] <= ' ')
        bytes--;
    while (bytes > 0 && (*value == ' ' || *value == '\t')) {
        value++;
        bytes--;
    }
    return put_host(found, KEYWORD_HOST, value, bytes) ? MATCH_YES : MATCH_NO;
}

static bool is_empty_line(const uint8_t *text, size_t line)
{
    return line == 1 || (line == 2 && text[0] == '\r');
}

static enum match host_field(const uint8_t *fields, size_t bytes, struct keywords_found *found)
{
    static const char name[] = "host:";
    size_t at = 0, line;

    for (;; at += line) {
        line = line_bytes(fields + at, bytes - at, bytes);
        if (line == 0)
            return MATCH_MORE;
        if (is_empty_line(fields + at, line)) {
            keywords_put_absent(found, KEYWORD_HOST);
            return MATCH_YES;
        }
        if (begins_word(name, fields + at, line) == MATCH_YES)
            return put_host_field(found, fields + at + sizeof(name) - 1, line - (sizeof(name) - 1));
    }
}

static enum match http1_keyword(const uint8_t *request, size_t bytes, struct keywords_found *found)
{
    size_t empty = empty_lines_bytes(request, bytes), target_bytes, at;
    size_t line = line_bytes(request + empty, bytes - empty, bytes);
    const uint8_t *target = request_target(request + empty, line, &target_bytes);

    if (line == 0)
        return MATCH_MORE;
    at = target_bytes > 0 ? authority_at(target, target_bytes) : 0;
    if (at == 0 && begins_exactly("CONNECT ", 8, request + empty, line) != MATCH_YES)
        return host_field(request + empty + line, bytes - empty - line, found);
    return put_host(found, KEYWORD_HOST, target + at,
                    authority_bytes(target + at, target_bytes - at))
               ? MATCH_YES
               : MATCH_NO;
}

/* Not "100 Continue", which a server may say before it has looked whether it knows the host. */
static enum acceptance http1_keyword_accepts(const uint8_t *request, size_t request_bytes,
                                             const uint8_t *answer, size_t answer_bytes)
{
    (void)request;
    (void)request_bytes;
    return accepted_by_final_status("HTTP/0.0 000", answer, answer_bytes);
}

static enum match http1_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    return whole_header(request, bytes, empty_lines_bytes(request, bytes), from, needed);
}

/* --- what follows the header ---------------------------------------------------------------- */

/* The value of a Content-Length field; SIZE_MAX where it is too long to be held. */
static size_t content_length(const uint8_t *value, size_t bytes)
{
    size_t length = 0;

    for (size_t at = 0; at < bytes; at++) {
        const uint8_t c = value[at];

        if (c >= '0' && c <= '9')
            length = length > SIZE_MAX / 16 ? SIZE_MAX / 16 : length * 10 + (size_t)(c - '0');
    }
    return length;
}

/* "0", and two ends of lines: an empty body in chunks */
#define LAST_CHUNK_BYTES 5

/* RFC 9112 7.1; SIZE_MAX where the line is none of a chunk's. */
static size_t chunk_length(const uint8_t *line, size_t bytes)
{
    size_t length = 0, at = 0;

    for (; at < bytes && hex_value(line[at]) >= 0; at++)
        length =
            length > SIZE_MAX / 256 ? SIZE_MAX / 16 : length << 4 | (size_t)hex_value(line[at]);
    return at > 0 && at < bytes && (ends_word(line[at]) || line[at] == ';' || line[at] == '\t')
               ? length
               : SIZE_MAX;
}

/* The last chunk is there, and the empty line behind it. */
static bool chunks_are_whole(const uint8_t *body, size_t bytes)
{
    size_t at = 0, line, length;

    do {
        line = line_bytes(body + at, bytes - at, bytes);
        if (line == 0)
            return false;
        length = chunk_length(body + at, line);
        at += line;
        if (length == SIZE_MAX || length >= bytes - at)
            return false;
        at += length;
        if (length > 0) {
            line = line_bytes(body + at, bytes - at, bytes);
            if (line == 0)
                return false;
            at += line;
        }
    } while (length > 0);
    for (;; at += line) {
        line = line_bytes(body + at, bytes - at, bytes);
        if (line == 0 || is_empty_line(body + at, line))
            return line != 0;
    }
}

static size_t http1_awaits(const uint8_t *request, size_t bytes)
{
    static const char length_name[] = "content-length:", coding_name[] = "transfer-encoding:";
    size_t at = empty_lines_bytes(request, bytes), due = 0, least = 0, line;
    bool chunked = false;

    for (;; at += line) {
        line = line_bytes(request + at, bytes - at, bytes);
        if (line == 0)
            return 1; /* of the header itself there is more to come */
        if (is_empty_line(request + at, line))
            break;
        if (begins_word(length_name, request + at, line) == MATCH_YES)
            due = content_length(request + at + sizeof(length_name) - 1,
                                 line - (sizeof(length_name) - 1));
        else if (begins_word(coding_name, request + at, line) == MATCH_YES) {
            least = 1;
            chunked = has_word("chunked", request + at, line);
        }
    }
    at += line;
    /* With a length, too, or in another coding, a server may wait for what we would not. */
    if (chunked && !due && chunks_are_whole(request + at, bytes - at))
        return 0;
    due = least ? LAST_CHUNK_BYTES : due;
    return due > bytes - at + least ? due - (bytes - at) : least;
}

const struct protocol protocol_http1 = {
    .id = PROTOCOL_HTTP,
    .name = "http",
    .answers_alone = true,
    .check = http1_check,
    .header_lines = true,
    .whole = http1_whole,
    .awaits = http1_awaits,
    .accepts = http1_accepts,
    .keyword = http1_keyword,
    .keyword_accepts = http1_keyword_accepts,
};
