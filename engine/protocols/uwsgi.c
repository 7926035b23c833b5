/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uwsgi.c - uwsgi, what web servers say to uWSGI: the client speaks first (its "uwsgi protocol").
 * Numbers are little endian.
 *
 *      request    kind(1) length(2) kind(1) variables     each: bytes(2) name bytes(2) value
 *      answer     HTTP's; whatever its status
 *
 * The name of the first variable decides: capitals, digits and '_', as in CGI (RFC 3875 4.1). The
 * body behind the variables is not waited for; CONTENT_LENGTH says how long it is.
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
#define BODY_MOST    (1u << 30)

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

static size_t body_bytes(const uint8_t *value, size_t bytes)
{
    size_t length = 0;

    for (size_t i = 0; i < bytes && is_digit(value[i]) && length < BODY_MOST; i++)
        length = length * 10 + (size_t)(value[i] - '0');
    return length;
}

static size_t uwsgi_awaits(const uint8_t *request, size_t bytes)
{
    static const char name[] = "CONTENT_LENGTH";
    const size_t end = HEADER_BYTES + packet_bytes(request);
    size_t at = HEADER_BYTES, due = 0, count;
    bool is_length = false;

    for (bool value = false; at + 2 <= end && end <= bytes; at += 2 + count, value = !value) {
        count = packet_bytes(request + at - 1);
        if (count > end - at - 2)
            break;
        if (value && is_length)
            due = body_bytes(request + at + 2, count);
        is_length = !value && count == sizeof(name) - 1 &&
                    begins_exactly(name, sizeof(name) - 1, request + at + 2, count) == MATCH_YES;
    }
    if (bytes < end)
        return end - bytes;
    return due > bytes - end ? due - (bytes - end) : 0;
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
    .awaits = uwsgi_awaits,
    .accepts = uwsgi_accepts,
};
