/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uwsgi.c - uwsgi, what web servers say to uWSGI: the client speaks first (its "uwsgi protocol").
 * Numbers are little endian.
 *
 *      request    kind(1) length(2) kind(1) variables     each: bytes(2) name bytes(2) value
 *      answer     HTTP's; whatever its status
 *
 * The name of the first variable decides: capitals, digits and '_', as in CGI (RFC 3875 4.1). The
 * body behind the variables is not waited for.
 *
 * Limits: packets of uWSGI's own (its caches, its spooler, messages between its servers) are not
 * known.
 */
#include "engine/protocols/whole.h"

#define HEADER_BYTES 4
#define KIND_MOST    32 /* of the languages; those of uWSGI's own are above */
#define NAME         (HEADER_BYTES + 2)
#define NAME_LEAST   3
#define NAME_MOST    64

static size_t packet_bytes(const uint8_t *data)
{
    return data[1] | (size_t)data[2] << 8;
}

static bool is_name(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_';
}

static bool fits_request(const uint8_t *data, size_t at)
{
    switch (at) {
    case 0:
        return data[0] <= KIND_MOST;
    case 1:
    case 3:
        return true;
    case 2:
        return packet_bytes(data) >= NAME - HEADER_BYTES + NAME_LEAST;
    case 4:
        return data[4] >= NAME_LEAST && data[4] <= NAME_MOST && data[4] + 2u <= packet_bytes(data);
    case 5:
        return data[5] == 0;
    default:
        return is_name(data[at]);
    }
}

static enum match uwsgi_check(const uint8_t *request, size_t bytes)
{
    enum match match;

    /* Nearly all that begins so low is none by this. */
    if (bytes >= NAME && (request[5] != 0 || request[4] < NAME_LEAST || request[4] > NAME_MOST))
        return MATCH_NO;
    match = match_bytes(fits_request, NAME, request, bytes);

    return match == MATCH_YES ? match_bytes(fits_request, NAME + request[4], request, bytes)
                              : match;
}

static enum match uwsgi_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    (void)from;
    return whole_message(bytes, HEADER_BYTES + packet_bytes(request), needed);
}

static enum acceptance uwsgi_accepts(const uint8_t *request, size_t request_bytes,
                                     const uint8_t *answer, size_t answer_bytes)
{
    (void)request;
    (void)request_bytes;
    return acceptance_of(begins_exactly("HTTP/", 5, answer, answer_bytes));
}

const struct protocol protocol_uwsgi = {
    .id = PROTOCOL_UWSGI,
    .name = "uwsgi",
    .check = uwsgi_check,
    .whole = uwsgi_whole,
    .accepts = uwsgi_accepts,
};
