/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * edonkey.c - eDonkey and eMule, plain: the client speaks first, to a peer (HELLO) or to a server
 * (LOGINREQUEST).
 *
 *      byte       0                  1 to 4                    5
 *      request    0xe3, 0xc5, 0xd4   length, little endian     1: HELLO, LOGINREQUEST, EMULEINFO
 *      answer     the same           length                    0x4c HELLOANSWER, 1, 2 (EMULEINFO),
 *                                                              0x38 and 0x40 of a server accept; 5
 *                                                              refuses
 *
 * 0xe3 is eDonkey's mark, 0xc5 eMule's, 0xd4 that of packed data. Two messages may share a segment,
 * so the length is not compared with it.
 *
 * Limits: obfuscated connections, which look random, are hidden.c's.
 */
#include "engine/protocols/whole.h"

#define HEADER_BYTES 6
#define LENGTH_LEAST 6 /* EMULEINFO's */
#define FIRST        1

static bool fits_header(const uint8_t *data, size_t at)
{
    switch (at) {
    case 0:
        return data[0] == 0xe3 || data[0] == 0xc5 || data[0] == 0xd4;
    case 2:
        return (data[1] | (unsigned)data[2] << 8) >= LENGTH_LEAST;
    case 3:
    case 4:
        return data[at] == 0;
    default:
        return true;
    }
}

static bool fits_request(const uint8_t *data, size_t at)
{
    return at == 5 ? data[5] == FIRST : fits_header(data, at);
}

static enum match edonkey_check(const uint8_t *request, size_t bytes)
{
    return match_bytes(fits_request, HEADER_BYTES, request, bytes);
}

static bool fits_answer(const uint8_t *data, size_t at)
{
    static const uint8_t accepting[] = {FIRST, 0x02, 0x38, 0x40, 0x4c};

    /* A server's change of id (0x40) is five bytes long. */
    if (at != 5)
        return at == 2 || fits_header(data, at);
    for (size_t i = 0; i < COUNT_OF(accepting); i++) {
        if (data[5] == accepting[i])
            return true;
    }
    return false;
}

static enum acceptance edonkey_accepts(const uint8_t *request, size_t request_bytes,
                                       const uint8_t *answer, size_t answer_bytes)
{
    (void)request;
    (void)request_bytes;
    return acceptance_of(match_bytes(fits_answer, HEADER_BYTES, answer, answer_bytes));
}

static enum match edonkey_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    (void)from;
    return whole_message(bytes, 5 + ((size_t)request[1] | (size_t)request[2] << 8), needed);
}

const struct protocol protocol_edonkey = {
    .id = PROTOCOL_EDONKEY,
    .name = "edonkey",
    .check = edonkey_check,
    .whole = edonkey_whole,
    .accepts = edonkey_accepts,
};
