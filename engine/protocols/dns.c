/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dns.c - DNS over TCP: the client speaks first (RFC 1035 4.2.2, 4.1.1).
 *
 *      byte       0 1      2 3   4  5                        6 7       8 9       10 11        12 13
 *      request    length   id    QR=0 opcode ... / Z rcode=0 questions answers   authority
 *                                additional
 *                 >= 17                                      1         0, 1      0, 1         0 to
 *                                                                      3
 *      answer     length   id    QR=1 ...        / rcode 0 or 3 (no such name) accepts
 *
 * Fourteen bytes decide. A NOTIFY may have an answer in it, an IXFR an authority (RFC 1996 3.7, RFC
 * 1995 3). Clients were seen to send the two bytes of length alone.
 * An UPDATE counts one zone, and any number of conditions and changes where answers and authority
 * are; no flag but its opcode is set (RFC 2136 2.2).
 */
#include "engine/protocols/whole.h"

#define HEADER_BYTES  14
#define MESSAGE_LEAST 17 /* header, root name, type and class */
#define QR            0x80
#define UPDATE        0x28 /* opcode 5, and nothing else in this byte */
/* QR, and the opcode's bits but the one that NOTIFY (4) has; QUERY is 0 */
#define NO_QUERY     0xd8
#define MUST_BE_ZERO 0xcf /* RA, Z and the code; AD and CD may be set (RFC 4035 4.6) */
#define NO_SUCH_NAME 3

static bool fits_count(const uint8_t *data, size_t at)
{
    static const uint8_t most[] = {1, 1, 1, 3}; /* of questions, answers, authority, additional */

    if (at % 2 == 0)
        return data[at] == 0;
    if (data[4] == UPDATE && (at == 9 || at == 11))
        return true;
    return data[at] <= most[(at - 6) / 2] && (at != 7 || data[7] == 1);
}

static bool fits_query(const uint8_t *data, size_t at)
{
    switch (at) {
    case 0:
    case 2:
    case 3:
        return true;
    case 1:
        return ((unsigned)data[0] << 8 | data[1]) >= MESSAGE_LEAST;
    case 4:
        return data[4] == UPDATE || !(data[4] & NO_QUERY);
    case 5:
        return !(data[5] & MUST_BE_ZERO);
    default:
        return fits_count(data, at);
    }
}

static enum match dns_check(const uint8_t *request, size_t bytes)
{
    /* Most of what is none ends here: this is asked of whatever comes. */
    if (bytes > 4 && (request[4] & NO_QUERY) && request[4] != UPDATE)
        return MATCH_NO;
    return match_bytes(fits_query, HEADER_BYTES, request, bytes);
}

static enum acceptance dns_accepts(const uint8_t *request, size_t request_bytes,
                                   const uint8_t *answer, size_t answer_bytes)
{
    unsigned code;

    if (answer_bytes < 6)
        return ACCEPTANCE_MORE;
    if (request_bytes < 4 || begins_exactly(request + 2, 2, answer + 2, 2) != MATCH_YES ||
        !(answer[4] & QR))
        return ACCEPTANCE_REFUSED;
    code = answer[5] & 15;
    return code == 0 || code == NO_SUCH_NAME ? ACCEPTANCE_ACCEPTED : ACCEPTANCE_REFUSED;
}

static enum match dns_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    (void)from;
    return whole_message(bytes, 2 + ((size_t)request[0] << 8 | request[1]), needed);
}

const struct protocol protocol_dns = {
    .id = PROTOCOL_DNS,
    .name = "dns",
    .check = dns_check,
    .whole = dns_whole,
    .accepts = dns_accepts,
};
