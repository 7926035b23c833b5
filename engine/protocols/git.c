/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * git.c - git's own transport, git://: the client speaks first (gitprotocol-pack(5), gitprotocol-
 * common(5)).
 *
 *      request    4HEXDIG "git-upload-pack /path" 0 "host=..." 0 ...   or "git-receive-pack",
 *                                                                      "git-upload-archive"
 *      answer     4HEXDIG and anything but "ERR "                      a packet; "0000": nothing
 *
 * The four digits are the length of the whole, themselves included.
 */
#include "engine/protocols/whole.h"

#define LENGTH_BYTES 4
#define LENGTH_LEAST 22 /* "git-upload-pack /" and a zero */
#define LENGTH_MOST  65520

static size_t packet_bytes(const uint8_t *data)
{
    size_t length = 0;

    for (size_t at = 0; at < LENGTH_BYTES; at++)
        length = length << 4 | (size_t)hex_value(data[at]);
    return length;
}

static bool fits_length(const uint8_t *data, size_t at)
{
    return hex_value(data[at]) >= 0;
}

static enum match check_service(const uint8_t *service, size_t bytes)
{
    enum match match = begins_exactly("git-", 4, service, bytes);

    if (match != MATCH_YES || bytes == 4)
        return match == MATCH_NO ? MATCH_NO : MATCH_MORE;
    if (service[4] == 'r')
        return begins_exactly("receive-pack /", 14, service + 4, bytes - 4);
    match = begins_exactly("upload-", 7, service + 4, bytes - 4);
    if (match != MATCH_YES || bytes == 11)
        return match == MATCH_NO ? MATCH_NO : MATCH_MORE;
    return service[11] == 'a' ? begins_exactly("archive /", 9, service + 11, bytes - 11)
                              : begins_exactly("pack /", 6, service + 11, bytes - 11);
}

static enum match git_check(const uint8_t *request, size_t bytes)
{
    enum match match;

    if (bytes > LENGTH_BYTES && request[LENGTH_BYTES] != 'g')
        return MATCH_NO;
    match = match_bytes(fits_length, LENGTH_BYTES, request, bytes);
    if (match != MATCH_YES)
        return match;
    if (packet_bytes(request) < LENGTH_LEAST || packet_bytes(request) > LENGTH_MOST)
        return MATCH_NO;
    return check_service(request + LENGTH_BYTES, bytes - LENGTH_BYTES);
}

static enum match git_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    (void)from;
    return whole_message(bytes, packet_bytes(request), needed);
}

static enum acceptance git_accepts(const uint8_t *request, size_t request_bytes,
                                   const uint8_t *answer, size_t answer_bytes)
{
    enum match match = match_bytes(fits_length, LENGTH_BYTES, answer, answer_bytes);

    (void)request;
    (void)request_bytes;
    if (match != MATCH_YES || packet_bytes(answer) <= LENGTH_BYTES)
        return acceptance_of(match);
    match = begins_exactly("ERR ", 4, answer + LENGTH_BYTES, answer_bytes - LENGTH_BYTES);
    return match == MATCH_NO    ? ACCEPTANCE_ACCEPTED
           : match == MATCH_YES ? ACCEPTANCE_REFUSED
                                : ACCEPTANCE_MORE;
}

const struct protocol protocol_git = {
    .id = PROTOCOL_GIT,
    .name = "git",
    .check = git_check,
    .whole = git_whole,
    .accepts = git_accepts,
};
