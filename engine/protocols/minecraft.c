/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * minecraft.c - Minecraft, Java edition: the client speaks first, with a handshake (the protocol as
 * its community documents it).
 *
 *      request    length  0  version  length of a name, the name  port(2)  1: status, 2: login,
 *                 3: transfer
 *                 0xfe 1                                           a ping of 1.4 to 1.6
 *      answer     length  0 (status) ...; to a login 1, 2, 3 or 4; 0 then says why not
 *                 0xff ...
 *
 * Lengths and the version are numbers of seven bits a byte, the lowest first. The lengths must
 * agree.
 *
 * Limits: a ping of before 1.4, 0xfe alone, shows nothing that could be checked.
 */
#include "engine/protocols/whole.h"

#define NUMBER_BYTES_MAX  5
#define LENGTH_LEAST      7
#define LENGTH_UPPER_MAX  0x1f /* of its second byte: 4,095 */
#define LOGIN_ANSWER_MOST 5
#define STATE_MOST        3
#define RELEASE_MOST      0x3fff
#define PING              0xfe
#define KICK              0xff

/* At most `width` bytes at `*at`; `*at` behind them. */
static enum match take_number(const uint8_t *data, size_t bytes, size_t *at, unsigned width,
                              uint32_t *number)
{
    *number = 0;
    for (unsigned i = 0; i < width; i++, ++*at) {
        if (*at >= bytes)
            return MATCH_MORE;
        *number |= (uint32_t)(data[*at] & 0x7f) << 7 * i;
        if (!(data[*at] & 0x80)) {
            ++*at;
            return MATCH_YES;
        }
    }
    return MATCH_NO;
}

static enum match take_length(const uint8_t *data, size_t bytes, size_t *at, uint32_t *length)
{
    enum match match = take_number(data, bytes, at, 2, length);

    if (match == MATCH_YES && (*length < LENGTH_LEAST || *length >= (LENGTH_UPPER_MAX + 1u) << 7 ||
                               (*at == 2 && data[1] == 0)))
        return MATCH_NO;
    return match;
}

/* Releases count up from 0; snapshots have a bit of their own, and -1 asks for any. */
static bool is_version(uint32_t version)
{
    return version <= RELEASE_MOST || (version >> 28 == 4 && !(version & 0x0fff0000)) ||
           version == UINT32_MAX;
}

static enum match check_handshake(const uint8_t *request, size_t bytes)
{
    size_t at = 0, begin;
    uint32_t length, version, name;
    enum match match = take_length(request, bytes, &at, &length);

    if (match != MATCH_YES)
        return match;
    begin = at;
    if (at == bytes)
        return MATCH_MORE;
    if (request[at++] != 0)
        return MATCH_NO;
    match = take_number(request, bytes, &at, NUMBER_BYTES_MAX, &version);
    if (match == MATCH_YES)
        match = is_version(version) ? take_number(request, bytes, &at, 2, &name) : MATCH_NO;
    if (match != MATCH_YES)
        return match;
    if (at + name + 3 != begin + length || name == 0)
        return MATCH_NO;
    for (size_t end = at + name; at < end && at < bytes && request[at] != 0; at++) {
        if (request[at] <= ' ' || request[at] >= 0x7f)
            return MATCH_NO; /* behind a zero the mark of a modification stands */
    }
    at = begin + length - 1; /* what is asked for next ends it */
    if (at >= bytes)
        return MATCH_MORE;
    return request[at] >= 1 && request[at] <= STATE_MOST ? MATCH_YES : MATCH_NO;
}

static enum match minecraft_check(const uint8_t *request, size_t bytes)
{
    if (bytes < 2)
        return bytes == 1 && request[0] < LENGTH_LEAST ? MATCH_NO : MATCH_MORE;
    if (request[0] == PING && request[1] == 1)
        return MATCH_YES;
    return check_handshake(request, bytes);
}

/* With the request that must follow the handshake: the server answers no sooner. */
static enum match minecraft_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    size_t at = 0;
    uint32_t length;
    enum match match;

    (void)from;
    if (request[0] == PING && request[1] == 1)
        return whole_message(bytes, 2, needed);
    take_length(request, bytes, &at, &length);
    at += length;
    match = at < bytes ? take_number(request, bytes, &at, NUMBER_BYTES_MAX, &length) : MATCH_MORE;
    if (match == MATCH_MORE)
        return whole_message(bytes, (at < bytes ? bytes : at) + 1, needed);
    return match == MATCH_YES ? whole_message(bytes, at + length, needed) : MATCH_NO;
}

/* The last byte of the handshake says what comes next. */
static bool asks_for_status(const uint8_t *request, size_t bytes)
{
    size_t at = 0;
    uint32_t length;

    if (take_length(request, bytes, &at, &length) != MATCH_YES || at + length > bytes)
        return false;
    return request[at + length - 1] == 1;
}

static enum acceptance minecraft_accepts(const uint8_t *request, size_t request_bytes,
                                         const uint8_t *answer, size_t answer_bytes)
{
    size_t at = 0;
    uint32_t length = 0;
    enum match match;

    if (request_bytes < 2 || answer_bytes == 0)
        return request_bytes < 2 ? ACCEPTANCE_REFUSED : ACCEPTANCE_MORE;
    if (request[0] == PING && request[1] == 1)
        return answer[0] == KICK ? ACCEPTANCE_ACCEPTED : ACCEPTANCE_REFUSED;
    match = take_number(answer, answer_bytes, &at, 3, &length);
    if (match != MATCH_YES || at == answer_bytes)
        return acceptance_of(match == MATCH_YES ? MATCH_MORE : match);
    return (answer[at] > 0 ? answer[at] <= LOGIN_ANSWER_MOST
                           : asks_for_status(request, request_bytes))
               ? ACCEPTANCE_ACCEPTED
               : ACCEPTANCE_REFUSED;
}

const struct protocol protocol_minecraft = {
    .id = PROTOCOL_MINECRAFT,
    .name = "minecraft",
    .check = minecraft_check,
    .whole = minecraft_whole,
    .accepts = minecraft_accepts,
};
