/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * http1.c - HTTP/1.x: the client speaks first.
 *
 *      request  = *( CRLF ) method SP target SP "HTTP/" DIGIT ...        RFC 9112 2.2, 3
 *      answer   = "HTTP/" DIGIT "." DIGIT SP 3DIGIT ...                  RFC 9112 4
 *
 * A method alone says nothing (NATS sends "CONNECT {", Redis "GET key"), so a request counts when its version has
 * come, and not later: the rest of the line is the server's to judge. One pass, no memory, and the first byte
 * against the grammar ends it. A version above 1 is none: HTTP/2's preface is its own protocol's (http2.c).
 *
 * Limits: those of request lines in words.c; HTTP/0.9, which has no version, is none either.
 */
#include "engine/protocols/words.h"

static enum match http1_check(const uint8_t *request, size_t bytes)
{
    return begins_request_line("HTTP/", '1', request, bytes);
}

static enum acceptance http1_accepts(const uint8_t *request, size_t request_bytes, const uint8_t *answer,
                                     size_t answer_bytes)
{
    (void)request;
    (void)request_bytes;
    return accepted_by_status_line("HTTP/0.0 000", answer, answer_bytes);
}

const struct protocol protocol_http1 = {
    .id = PROTOCOL_HTTP,
    .name = "http",
    .answers_alone = true,
    .check = http1_check,
    .accepts = http1_accepts,
};
