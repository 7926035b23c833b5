/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stomp.c - STOMP 1.0 to 1.2: the client speaks first (STOMP 1.2, "Connecting").
 *
 *      request    "CONNECT" or "STOMP" [CR] LF headers 0
 *      answer     "CONNECTED" accepts, "ERROR" refuses
 *
 * HTTP's and NATS' CONNECT goes on with a space.
 */
#include "engine/protocols/whole.h"

/* A command of `at` bytes. */
static enum match begins_command(const char *command, size_t at, const uint8_t *data, size_t bytes)
{
    enum match match;

    if (bytes > at && data[at] != '\r' && data[at] != '\n')
        return MATCH_NO;
    match = begins_word(command, data, bytes);
    if (match == MATCH_YES && at < bytes && data[at] == '\r')
        at++;
    if (match != MATCH_YES || at == bytes)
        return match == MATCH_NO ? MATCH_NO : MATCH_MORE;
    return data[at] == '\n' ? MATCH_YES : MATCH_NO;
}

static enum match stomp_check(const uint8_t *request, size_t bytes)
{
    return bytes > 0 && (request[0] | 0x20) == 's' ? begins_command("STOMP", 5, request, bytes)
                                                   : begins_command("CONNECT", 7, request, bytes);
}

/* A frame ends with a zero. */
static enum match stomp_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    return whole_message(bytes, from + find_byte(0, request + from, bytes - from) + 1, needed);
}

static enum acceptance stomp_accepts(const uint8_t *request, size_t request_bytes,
                                     const uint8_t *answer, size_t answer_bytes)
{
    (void)request;
    (void)request_bytes;
    return acceptance_of(begins_exactly("CONNECTED", 9, answer, answer_bytes));
}

const struct protocol protocol_stomp = {
    .id = PROTOCOL_STOMP,
    .name = "stomp",
    .check = stomp_check,
    .whole = stomp_whole,
    .accepts = stomp_accepts,
};
