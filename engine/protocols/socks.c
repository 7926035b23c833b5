/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * socks.c - SOCKS 4, 4a and 5: the client speaks first (RFC 1928 3; the documents of version 4).
 *
 *      request    5 count(1) methods(count)
 *                 4 command(1) port(2) address(4) user 0 [host 0]      the host behind 0.0.0.x
 *      answer     5 method, 255: none will do
 *                 0 90 to 93
 *
 * Version 5 asks for no authentication, GSSAPI or a password, beside others (RFC 1928 3).
 *
 * Limits: at most 8 methods are offered; names have at most 255 bytes.
 */
#include "engine/protocols/whole.h"

#define METHODS_MOST  8
#define METHOD_NAMED  9 /* the last that is assigned */
#define METHOD_COMMON 2 /* 0: none, 1: GSSAPI, 2: a password */
#define METHOD_OWN    0x80
#define METHOD_NONE   0xff
#define CONNECT       1
#define BIND          2
#define RESOLVE       0xf0 /* Tor's (its socks-extensions) */
#define HEADER_4      8
#define NAME_MOST     255

static enum match check_methods(const uint8_t *data, size_t bytes)
{
    bool common = false;

    if (bytes > 1 && (data[1] == 0 || data[1] > METHODS_MOST))
        return MATCH_NO;
    for (size_t at = 2; bytes > 1 && at < 2u + data[1]; at++) {
        if (at == bytes)
            return MATCH_MORE;
        if ((data[at] > METHOD_NAMED && data[at] < METHOD_OWN) || data[at] == METHOD_NONE)
            return MATCH_NO;
        common |= data[at] <= METHOD_COMMON;
    }
    if (bytes < 2)
        return MATCH_MORE;
    return common ? MATCH_YES : MATCH_NO;
}

static bool fits_header_4(const uint8_t *data, size_t at)
{
    switch (at) {
    case 1:
        return data[1] == CONNECT || data[1] == BIND || data[1] == RESOLVE;
    case 3:
        return data[1] == RESOLVE || data[2] != 0 || data[3] != 0;
    default:
        return true;
    }
}

/* Eight bytes of a text, none of them its end. */
static bool goes_on(const uint8_t *data)
{
    const uint64_t text = load_le64(data), ones = UINT64_C(0x0101010101010101);
    const uint64_t differ = text ^ 0x7f * ones;

    return ((((text - ' ' * ones) & ~text) | ((differ - ones) & ~differ)) & 0x80 * ones) == 0;
}

/* A text up to its zero; `*at` is put behind it. */
static enum match pass_text(const uint8_t *data, size_t bytes, size_t *at)
{
    const size_t begin = *at;

    while (*at + 8 <= bytes && *at + 8 - begin <= NAME_MOST && goes_on(data + *at))
        *at += 8;
    for (; *at < bytes; ++*at) {
        if (data[*at] == 0) {
            ++*at;
            return MATCH_YES;
        }
        if (data[*at] < ' ' || data[*at] == 0x7f || *at - begin == NAME_MOST)
            return MATCH_NO;
    }
    return MATCH_MORE;
}

/* `*length`: of the whole, where it is there. */
static enum match read_request_4(const uint8_t *data, size_t bytes, size_t *length)
{
    enum match match = match_bytes(fits_header_4, HEADER_4, data, bytes);

    *length = HEADER_4;
    if (match == MATCH_YES)
        match = pass_text(data, bytes, length);
    if (match == MATCH_YES && data[4] == 0 && data[5] == 0 && data[6] == 0 && data[7] != 0)
        match = pass_text(data, bytes, length);
    return match;
}

static enum match socks_check(const uint8_t *request, size_t bytes)
{
    size_t length;

    if (bytes == 0)
        return MATCH_MORE;
    if (request[0] == 5)
        return check_methods(request, bytes);
    return request[0] == 4 ? read_request_4(request, bytes, &length) : MATCH_NO;
}

static enum match socks_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    size_t length = bytes + 1;

    (void)from;
    if (request[0] == 5)
        length = 2u + request[1];
    else if (read_request_4(request, bytes, &length) != MATCH_YES)
        length = bytes + 1;
    return whole_message(bytes, length, needed);
}

static enum acceptance socks_accepts(const uint8_t *request, size_t request_bytes,
                                     const uint8_t *answer, size_t answer_bytes)
{
    const bool five = request_bytes > 0 && request[0] == 5;

    if (answer_bytes > 0 && answer[0] != (five ? 5 : 0))
        return ACCEPTANCE_REFUSED;
    if (answer_bytes < 2)
        return ACCEPTANCE_MORE;
    if (five)
        return answer[1] != METHOD_NONE ? ACCEPTANCE_ACCEPTED : ACCEPTANCE_REFUSED;
    return answer[1] >= 90 && answer[1] <= 93 ? ACCEPTANCE_ACCEPTED : ACCEPTANCE_REFUSED;
}

const struct protocol protocol_socks = {
    .id = PROTOCOL_SOCKS,
    .name = "socks",
    .check = socks_check,
    .whole = socks_whole,
    .accepts = socks_accepts,
};
