/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * telnet.c - Telnet (RFC 854): either end may begin, and most clients do not wait.
 *
 *      request    IAC (SB, WILL, WON'T, DO, DON'T) option
 *      answer     the same, also where the server began: text follows at any time
 *
 * What a server says first (options, a banner, both in any mixture) has no end that could be told from its bytes:
 * it is learned like the greeting of a protocol that no file knows.
 *
 * Limits: a client or server that sends text before any option is not known for Telnet.
 */
#include "engine/protocols/words.h"

#define IAC 0xff
#define SB  0xfa

static bool fits_option(const uint8_t *data, size_t at)
{
    return at == 0 ? data[0] == IAC : data[1] >= SB && data[1] != IAC;
}

static enum match telnet_check(const uint8_t *request, size_t bytes)
{
    return match_bytes(fits_option, 2, request, bytes);
}

static enum acceptance telnet_accepts(const uint8_t *request, size_t request_bytes, const uint8_t *answer,
                                      size_t answer_bytes)
{
    (void)request;
    (void)request_bytes;
    return acceptance_of(match_bytes(fits_option, 2, answer, answer_bytes));
}

const struct protocol protocol_telnet = {
    .id = PROTOCOL_TELNET,
    .name = "telnet",
    .answers_in_advance = true,
    .check = telnet_check,
    .accepts = telnet_accepts,
};
