/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rsync.c - rsync's daemon: both ends say their version without waiting (exchange_protocols() in
 * its sources), hence the grace.
 *
 *      request, greeting    "@RSYNCD: " version [digests] LF
 *      answer               to the module that the client names next: "@RSYNCD: OK", "@RSYNCD:
 *                           AUTHREQD ...", or a list of modules; "@ERROR" refuses
 *
 * A message of the day may follow the server's line; it is no part of the greeting.
 *
 * Limits: a line has at most 255 bytes.
 */
#include "engine/protocols/whole.h"

#define LINE_BYTES_MAX 255
#define GRACE_US       10000 /* as SSH's */

static enum match rsync_check(const uint8_t *request, size_t bytes)
{
    return begins_form("@RSYNCD: 0", request, bytes);
}

static enum match rsync_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    const size_t looked_at = bytes < LINE_BYTES_MAX ? bytes : LINE_BYTES_MAX;
    enum match match = whole_line(request, looked_at, from < looked_at ? from : looked_at, needed);

    return match == MATCH_MORE && bytes >= LINE_BYTES_MAX ? MATCH_NO : match;
}

static enum acceptance rsync_accepts(const uint8_t *request, size_t request_bytes,
                                     const uint8_t *answer, size_t answer_bytes)
{
    enum match refused = begins_exactly("@ERROR", 6, answer, answer_bytes);

    (void)request;
    (void)request_bytes;
    return refused == MATCH_YES  ? ACCEPTANCE_REFUSED
           : refused == MATCH_NO ? ACCEPTANCE_ACCEPTED
                                 : ACCEPTANCE_MORE;
}

static enum greeting_verdict rsync_greeting(const uint8_t *data, size_t bytes,
                                            size_t *greeting_bytes)
{
    enum match match = rsync_check(data, bytes), error = begins_exactly("@ERROR", 6, data, bytes);
    size_t length = line_bytes(data, bytes, LINE_BYTES_MAX);

    if (match == MATCH_NO && error == MATCH_NO)
        return GREETING_NOT;
    if (length == 0)
        return bytes < LINE_BYTES_MAX ? GREETING_MORE : GREETING_NOT;
    if (match != MATCH_YES && error != MATCH_YES)
        return GREETING_NOT;
    *greeting_bytes = length;
    return match == MATCH_YES ? GREETING_POSITIVE : GREETING_NEGATIVE;
}

const struct protocol protocol_rsync = {
    .id = PROTOCOL_RSYNC,
    .name = "rsync",
    .server_first = true,
    .greeting_grace_us = GRACE_US,
    .check = rsync_check,
    .whole = rsync_whole,
    .accepts = rsync_accepts,
    .greeting = rsync_greeting,
};
