/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * amqp.c - AMQP of every version: the client speaks first, with a header of eight bytes (AMQP 0-9-1
 * 4.2.2, AMQP 1.0 part 2, 2.2).
 *
 *      byte       0 to 3    4                               5      6         7
 *      request    "AMQP"    0: 0-9-1 and 1.0, 1: before     0, 1   0 to 9    0 to 10
 *                           2: TLS, 3: SASL (of 1.0)
 *      answer     1 0 0 length(4) 0 10 0 10                 Connection.Start of 0-8 to 0-9-1
 *                 15 1 ...                                  a frame of 0-10
 *                 the request again                         1.0
 *                 "AMQP" and another version                refuses
 */
#include "engine/protocols/whole.h"

#define HEADER_BYTES 8

static bool fits_header(const uint8_t *data, size_t at)
{
    static const uint8_t name[] = "AMQP", most[] = {3, 1, 9, 10};

    return at < 4 ? data[at] == name[at] : data[at] <= most[at - 4];
}

static enum match amqp_check(const uint8_t *request, size_t bytes)
{
    return match_bytes(fits_header, HEADER_BYTES, request, bytes);
}

static enum match amqp_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    (void)request;
    (void)from;
    return whole_message(bytes, HEADER_BYTES, needed);
}

static bool fits_start(const uint8_t *data, size_t at)
{
    static const uint8_t form[] = {1, 0, 0, 0, 0, 0, 0, 0, 10, 0, 10};

    if (data[0] == 15)
        return at != 1 || data[1] <= 2;
    return (at > 3 && at < 7) || data[at] == form[at];
}

static enum acceptance amqp_accepts(const uint8_t *request, size_t request_bytes,
                                    const uint8_t *answer, size_t answer_bytes)
{
    if (request_bytes < HEADER_BYTES)
        return ACCEPTANCE_REFUSED;
    if (answer_bytes > 0 && answer[0] == 'A')
        return acceptance_of(begins_exactly(request, HEADER_BYTES, answer, answer_bytes));
    return acceptance_of(match_bytes(fits_start, 11, answer, answer_bytes));
}

const struct protocol protocol_amqp = {
    .id = PROTOCOL_AMQP,
    .name = "amqp",
    .check = amqp_check,
    .whole = amqp_whole,
    .accepts = amqp_accepts,
};
