/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * icecast.c - what sources of a stream say to Icecast: HTTP, but for the version (Icecast's own
 * clients of before 2.4).
 *
 *      request    "SOURCE" SP target SP "ICE/" DIGIT ...
 *      answer     HTTP's, or "OK"
 *
 * Listeners, and sources of today, speak HTTP (http1.c).
 */
#include "engine/protocols/http_line.h"
#include "engine/protocols/whole.h"

static enum match icecast_check(const uint8_t *request, size_t bytes)
{
    enum match match = begins_word("SOURCE ", request, bytes);

    return match == MATCH_YES ? begins_rest_of_line("ICE/", '9', TARGET_WEB, request + 7, bytes - 7)
                              : match;
}

static enum match icecast_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    return whole_header(request, bytes, 0, from, needed);
}

static enum acceptance icecast_accepts(const uint8_t *request, size_t request_bytes,
                                       const uint8_t *answer, size_t answer_bytes)
{
    (void)request;
    (void)request_bytes;
    if (answer_bytes > 0 && answer[0] == 'O')
        return acceptance_of(begins_status("OK", answer, answer_bytes));
    return accepted_by_status_line("HTTP/0.0 000", answer, answer_bytes);
}

const struct protocol protocol_icecast = {
    .id = PROTOCOL_ICECAST,
    .name = "icecast",
    .check = icecast_check,
    .header_lines = true,
    .whole = icecast_whole,
    .accepts = icecast_accepts,
};
