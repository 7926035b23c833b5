/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * http1.c - HTTP/1.x: the client speaks first.
 *
 *      request  = *( CRLF ) method SP target SP "HTTP/" DIGIT ...        RFC 9112 2.2, 3
 *      answer   = "HTTP/" DIGIT "." DIGIT SP 3DIGIT ...                  RFC 9112 4
 *
 * A method alone says nothing (NATS sends "CONNECT {", Redis "GET key"), so a request counts when its version has
 * come, and not later: the rest of the line is the server's to judge. One pass, no memory, and the first byte
 * against the grammar ends it.
 *
 * Limits: a method longer than 32 bytes or a request line beyond 16 KiB (servers take 8 KiB by default) is no
 * request; HTTP/0.9, which has no version, is none either. Bytes above 0x7f are taken in a target, as browsers send
 * them and servers take them.
 */
#include "engine/protocols/protocol.h"

#define METHOD_BYTES_MAX 32
#define LINE_BYTES_MAX   16384

/* tchar of RFC 9110 5.6.2. */
static bool is_token(uint8_t c)
{
    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
        return true;
    switch (c) {
    case '!':
    case '#':
    case '$':
    case '%':
    case '&':
    case '\'':
    case '*':
    case '+':
    case '-':
    case '.':
    case '^':
    case '_':
    case '`':
    case '|':
    case '~':
        return true;
    default:
        return false;
    }
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* The four forms of RFC 9112 3.2 begin with a slash, an asterisk, or a scheme, name or address. */
static bool begins_target(uint8_t c)
{
    return c == '/' || c == '*' || c == '[' || is_digit(c) || (c >= 'A' && c <= 'Z') ||
           (c >= 'a' && c <= 'z');
}

static bool is_target(uint8_t c)
{
    return c > ' ' && c != 0x7f;
}

/* "HTTP/" and a digit at the beginning of `at`. */
static enum match check_version(const uint8_t *at, size_t bytes)
{
    static const char name[] = "HTTP/";
    size_t i = 0;

    for (; i < sizeof(name) - 1; i++) {
        if (i == bytes)
            return MATCH_MORE;
        if (at[i] != (uint8_t)name[i])
            return MATCH_NO;
    }
    if (i == bytes)
        return MATCH_MORE;
    return is_digit(at[i]) ? MATCH_YES : MATCH_NO;
}

/* Empty lines in front of a request are to be ignored (RFC 9112 2.2), a lone LF counts as one. */
static size_t skip_empty_lines(const uint8_t *request, size_t bytes)
{
    size_t at = 0;

    while (at < bytes &&
           (request[at] == '\n' || (request[at] == '\r' && at + 1 < bytes && request[at + 1] == '\n')))
        at += request[at] == '\n' ? 1 : 2;
    return at;
}

static enum match undecided(size_t bytes)
{
    return bytes < LINE_BYTES_MAX ? MATCH_MORE : MATCH_NO;
}

static enum match http1_check(const uint8_t *request, size_t bytes)
{
    size_t at = skip_empty_lines(request, bytes), begin = at;

    if (at + 1 == bytes && request[at] == '\r')
        return undecided(bytes);
    while (at < bytes && is_token(request[at])) {
        if (++at - begin > METHOD_BYTES_MAX)
            return MATCH_NO;
    }
    if (at == bytes)
        return undecided(bytes);
    if (at == begin || request[at] != ' ')
        return MATCH_NO;
    begin = ++at;
    if (at < bytes && !begins_target(request[at]))
        return MATCH_NO;
    while (at < bytes && at < LINE_BYTES_MAX && is_target(request[at]))
        at++;
    if (at == bytes || at == LINE_BYTES_MAX)
        return undecided(at);
    if (at == begin || request[at] != ' ')
        return MATCH_NO;
    at++;
    return check_version(request + at, bytes - at);
}

/*
 * Which status codes say that the server knew the request for its own. 401 and 407 do: it asks for credentials.
 * Every other 4xx and 5xx does not, first of all 400 (not understood), 403 and 404 (not here) and 421 (not this
 * server); 408 is no answer at all.
 */
static bool status_accepts(const uint8_t status[3])
{
    if (status[0] >= '1' && status[0] <= '3')
        return true;
    return status[0] == '4' && status[1] == '0' && (status[2] == '1' || status[2] == '7');
}

static enum acceptance http1_accepts(const uint8_t *request, size_t request_bytes, const uint8_t *answer,
                                     size_t answer_bytes)
{
    static const char form[] = "HTTP/0.0 000"; /* 0: any digit */
    const size_t form_bytes = sizeof(form) - 1, status_at = form_bytes - 3;

    (void)request;
    (void)request_bytes;
    for (size_t i = 0; i < form_bytes; i++) {
        if (i == answer_bytes)
            return ACCEPTANCE_MORE;
        if (form[i] == '0' ? !is_digit(answer[i]) : answer[i] != (uint8_t)form[i])
            return ACCEPTANCE_REFUSED;
    }
    return status_accepts(answer + status_at) ? ACCEPTANCE_ACCEPTED : ACCEPTANCE_REFUSED;
}

const struct protocol protocol_http1 = {
    .id = PROTOCOL_HTTP,
    .name = "http",
    .check = http1_check,
    .accepts = http1_accepts,
};
