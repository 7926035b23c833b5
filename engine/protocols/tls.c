/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tls.c - TLS, for HTTPS and every other service inside it: the client speaks first (RFC 8446 5.1, 4.1.2).
 *
 *      byte       0     1  2        3  4          5        6  7  8
 *      request    22    3  0..4     length        1        ...        a handshake record that begins with a ClientHello
 *      answer     22    3  0..4     length        2        ...        ServerHello; HelloRetryRequest looks the same
 *                 21    3  ...                                        an alert: refused
 *
 * Six bytes decide, so that a ClientHello of several segments is known by its first (post-quantum ones have 1.7 to
 * 2.2 kB). Version 3.0 in the record is what some clients of newer versions write there.
 *
 * Limits: the hello that clients of SSLv2 sent is refused (RFC 6176), also where it offers a newer version. What
 * the hello names (SNI, ALPN) is not looked at.
 */
#include "engine/protocols/words.h"

#define HELLO_BYTES      6
#define RECORD_BYTES_MAX 16384 /* RFC 8446 5.1 */

static bool fits_record(const uint8_t *data, size_t at)
{
    unsigned length;

    switch (at) {
    case 0:
        return data[0] == 22;
    case 1:
        return data[1] == 3;
    case 2:
        return data[2] <= 4;
    case 3:
        return data[3] <= RECORD_BYTES_MAX >> 8;
    default:
        length = (unsigned)data[3] << 8 | data[4];
        return length >= 4 && length <= RECORD_BYTES_MAX;
    }
}

static bool fits_client_hello(const uint8_t *data, size_t at)
{
    return at == 5 ? data[5] == 1 : fits_record(data, at);
}

static bool fits_server_hello(const uint8_t *data, size_t at)
{
    return at == 5 ? data[5] == 2 : fits_record(data, at);
}

static enum match tls_check(const uint8_t *request, size_t bytes)
{
    return match_bytes(fits_client_hello, HELLO_BYTES, request, bytes);
}

static enum acceptance tls_accepts(const uint8_t *request, size_t request_bytes, const uint8_t *answer,
                                   size_t answer_bytes)
{
    (void)request;
    (void)request_bytes;
    return acceptance_of(match_bytes(fits_server_hello, HELLO_BYTES, answer, answer_bytes));
}

const struct protocol protocol_tls = {
    .id = PROTOCOL_TLS,
    .name = "tls",
    .answers_alone = true,
    .check = tls_check,
    .accepts = tls_accepts,
};
