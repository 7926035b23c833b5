/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * telnet.c - Telnet (RFC 854): either end may begin, and most clients do not wait.
 *
 *      request    IAC (SB, WILL, WON'T, DO, DON'T) option
 *      answer     the same, also where the server began; text (a banner, "login: ") may stand
 *                 before it
 *
 * What a server says first (options, a banner, both in any mixture) has no end that could be told
 * from its bytes: it is learned like the greeting of a protocol that no file knows.
 *
 * Limits: a client that sends text before any option is not known for Telnet, nor is a server that
 * never sends an option: a service of text alone is learned as `unknown`. Text of more than 1 KiB
 * before the first option is none.
 */
#include "engine/protocols/whole.h"

#define IAC 0xff
#define SE  0xf0
#define SB  0xfa
#define ESC 0x1b

#define TEXT_BYTES_MAX 1024

static bool fits_option(const uint8_t *data, size_t at)
{
    return at == 0 ? data[0] == IAC : data[1] >= SB && data[1] != IAC;
}

static enum match telnet_check(const uint8_t *request, size_t bytes)
{
    return match_bytes(fits_option, 2, request, bytes);
}

/* ESC begins what terminals take for colours. */
static bool is_text(uint8_t c)
{
    return c >= ' ' || c == '\0' || c == '\a' || c == '\b' || c == '\t' || c == '\r' || c == '\n' ||
           c == ESC;
}

static enum acceptance telnet_accepts(const uint8_t *request, size_t request_bytes,
                                      const uint8_t *answer, size_t answer_bytes)
{
    size_t at = 0;

    (void)request;
    (void)request_bytes;
    while (at < answer_bytes && at < TEXT_BYTES_MAX && answer[at] != IAC && is_text(answer[at]))
        at++;
    if (at == TEXT_BYTES_MAX)
        return ACCEPTANCE_REFUSED;
    return acceptance_of(match_bytes(fits_option, 2, answer + at, answer_bytes - at));
}

/* A command of three bytes, or what stands between SB and SE, in which IAC is doubled. */
static enum match telnet_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    if (request[1] != SB)
        return whole_message(bytes, 3, needed);
    for (size_t at = from > 3 ? from - 1 : 2; at + 1 < bytes; at++) {
        if (request[at] == IAC && request[at + 1] == SE)
            return whole_message(bytes, at + 2, needed);
    }
    return whole_message(bytes, bytes + 1, needed);
}

const struct protocol protocol_telnet = {
    .id = PROTOCOL_TELNET,
    .name = "telnet",
    .answers_in_advance = true,
    .check = telnet_check,
    .whole = telnet_whole,
    .accepts = telnet_accepts,
};
