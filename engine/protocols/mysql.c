/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mysql.c - MySQL and MariaDB: the server greets, with a salt that the client's answer depends on,
 * so that nobody can greet in its name: such a service is opened by cookie.
 *
 *      packet     length(3, little endian) number(1) ...
 *      greeting   number 0, 0x0a: protocol 10          0xff: an error ("Too many connections"),
 *                                                      refuses
 *      request    number 1, capabilities(4): CLIENT_PROTOCOL_41, and CLIENT_SSL where the packet
 *                 ends after 32 bytes
 *      answer     number 2: 0x00 OK, 0xfe another method, 0x01 more data; 0xff refuses. To a
 *                 request for TLS: a ServerHello
 *
 * Limits: a greeting or error has 8 to 255 bytes, as all have that are known; protocol 9 and
 * clients from before 4.1 are not known.
 */
#include "engine/protocols/whole.h"

#define PACKET_BYTES_MAX   16384
#define GREETING_LEAST     8
#define SSL_REQUEST_BYTES  32
#define CLIENT_PROTOCOL_41 0x02 /* of the second byte of the capabilities */
#define CLIENT_SSL         0x08
#define PROTOCOL_10        0x0a
#define ERR                0xff
#define HEADER_BYTES       4

static unsigned packet_bytes(const uint8_t *data)
{
    return data[0] | (unsigned)data[1] << 8 | (unsigned)data[2] << 16;
}

static bool fits_capabilities(const uint8_t *data, uint8_t capabilities)
{
    if (!(capabilities & CLIENT_PROTOCOL_41))
        return false;
    return packet_bytes(data) > SSL_REQUEST_BYTES || (capabilities & CLIENT_SSL);
}

static bool fits_request(const uint8_t *data, size_t at)
{
    switch (at) {
    case 2:
        return packet_bytes(data) >= SSL_REQUEST_BYTES && packet_bytes(data) <= PACKET_BYTES_MAX;
    case 3:
        return data[3] == 1;
    case 5:
        return fits_capabilities(data, data[5]);
    default:
        return true;
    }
}

static enum match mysql_check(const uint8_t *request, size_t bytes)
{
    /* Text ends here: this is asked of whatever comes. */
    if (bytes > 2 && request[2] > PACKET_BYTES_MAX >> 16)
        return MATCH_NO;
    return match_bytes(fits_request, HEADER_BYTES + 2, request, bytes);
}

static bool fits_answer(const uint8_t *data, size_t at)
{
    switch (at) {
    case 3:
        return data[3] == 2;
    case 4:
        return data[4] <= 1 || data[4] == 0xfe;
    default:
        return true;
    }
}

static enum acceptance mysql_accepts(const uint8_t *request, size_t request_bytes,
                                     const uint8_t *answer, size_t answer_bytes)
{
    if (request_bytes >= HEADER_BYTES && packet_bytes(request) == SSL_REQUEST_BYTES)
        return acceptance_of(begins_exactly("\x16\x03", 2, answer, answer_bytes));
    return acceptance_of(match_bytes(fits_answer, HEADER_BYTES + 1, answer, answer_bytes));
}

static bool fits_greeting(const uint8_t *data, size_t at)
{
    switch (at) {
    case 0:
        return data[0] >= GREETING_LEAST;
    case 1:
    case 2:
    case 3:
        return data[at] == 0;
    case 4:
        return data[4] == PROTOCOL_10 || data[4] == ERR;
    default:
        return true;
    }
}

static enum greeting_verdict mysql_greeting(const uint8_t *data, size_t bytes,
                                            size_t *greeting_bytes)
{
    enum match match = match_bytes(fits_greeting, HEADER_BYTES + 1, data, bytes);

    if (match != MATCH_YES)
        return match == MATCH_NO ? GREETING_NOT : GREETING_MORE;
    if (bytes < HEADER_BYTES + packet_bytes(data))
        return GREETING_MORE;
    *greeting_bytes = HEADER_BYTES + packet_bytes(data);
    return data[4] == PROTOCOL_10 ? GREETING_POSITIVE : GREETING_NEGATIVE;
}

static enum match mysql_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    (void)from;
    return whole_message(bytes, HEADER_BYTES + packet_bytes(request), needed);
}

const struct protocol protocol_mysql = {
    .id = PROTOCOL_MYSQL,
    .name = "mysql",
    .server_first = true,
    .greeting_form = GREETING_FORM_SALTED,
    .check = mysql_check,
    .whole = mysql_whole,
    .accepts = mysql_accepts,
    .greeting = mysql_greeting,
};
