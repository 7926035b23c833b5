/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * http2.c - HTTP/2 with prior knowledge (RFC 9113 3.3, 3.4): the client speaks first, a server may send its SETTINGS
 * without waiting.
 *
 *      request    the preface of 24 bytes, sent as one
 *      answer     length(3) type(1) flags(1) stream(4)      SETTINGS (4) on stream 0 accepts, GOAWAY (7) or text refuses
 *
 * HTTP/2 inside TLS is tls.c's.
 */
#include "engine/protocols/words.h"

#define PREFACE      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define HEADER_BYTES 9
#define SETTINGS     4

static enum match http2_check(const uint8_t *request, size_t bytes)
{
    return begins_exactly(PREFACE, sizeof(PREFACE) - 1, request, bytes);
}

static bool fits_settings(const uint8_t *data, size_t at)
{
    switch (at) {
    case 0:
        return data[0] == 0;
    case 3:
        return data[3] == SETTINGS;
    case 1:
    case 2:
    case 4:
        return true;
    default:
        return data[at] == 0;
    }
}

static enum acceptance http2_accepts(const uint8_t *request, size_t request_bytes, const uint8_t *answer,
                                     size_t answer_bytes)
{
    (void)request;
    (void)request_bytes;
    return acceptance_of(match_bytes(fits_settings, HEADER_BYTES, answer, answer_bytes));
}

const struct protocol protocol_http2 = {
    .id = PROTOCOL_HTTP2,
    .name = "http2",
    .check = http2_check,
    .accepts = http2_accepts,
};
