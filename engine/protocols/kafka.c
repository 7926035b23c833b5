/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kafka.c - Kafka: the client speaks first (Kafka's protocol guide). Numbers are big endian.
 *
 *      byte       0 to 3    4 5    6 7        8 to 11    12 13
 *      request    length    key    version    number     length of the client's name, or -1
 *      answer     length    the number
 *
 * The key says what is asked for: 18 (ApiVersions) nearly always, else 3 (Metadata), 17
 * (SaslHandshake) or another below 100.
 *
 * PostgreSQL's start has the same form, with the letters of its first parameter ("user") where the
 * number stands: four letters are no number. A start of ZooKeeper has zeros where key and
 * version stand, and so has the answer to it where the number stands: 44 or 45 bytes, in which
 * Produce (0) has no room for a record.
 *
 * Limits: a first request beyond 16 MiB is none.
 */
#include "engine/protocols/whole.h"

#define HEADER_BYTES 14
#define LENGTH_LEAST 10
#define KEY_MOST     100
#define VERSION_MOST 20
#define NO_NAME      0xffff
#define PRODUCE      0
#define RECORD_LEAST 60       /* what Produce comes to with one: 12 bytes of header, 22 of it, 26 */
#define GEARMANS     0x524551 /* "REQ" */

static size_t be16(const uint8_t *at)
{
    return (size_t)at[0] << 8 | at[1];
}

static size_t message_bytes(const uint8_t *data)
{
    return be16(data) << 16 | be16(data + 2);
}

static bool is_number(const uint8_t *at)
{
    return !is_letter(at[0]) || !is_letter(at[1]) || !is_letter(at[2]) || !is_letter(at[3]);
}

static bool fits_request(const uint8_t *data, size_t at)
{
    switch (at) {
    case 0:
    case 4:
    case 6:
        return data[at] == 0;
    case 3:
        return message_bytes(data) >= LENGTH_LEAST && message_bytes(data) != GEARMANS;
    case 5:
        return data[5] < KEY_MOST && (data[5] != PRODUCE || message_bytes(data) >= RECORD_LEAST);
    case 7: /* DNS has its count of questions there, behind a length that is above 16 */
        return data[7] <= VERSION_MOST && (data[1] == 0 || data[7] != 1);
    case 11:
        return is_number(data + 8);
    case 13:
        return be16(data + 12) == NO_NAME || be16(data + 12) + LENGTH_LEAST <= message_bytes(data);
    default:
        return true;
    }
}

static enum match kafka_check(const uint8_t *request, size_t bytes)
{
    return match_bytes(fits_request, HEADER_BYTES, request, bytes);
}

static enum match kafka_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    (void)from;
    return whole_message(bytes, 4 + message_bytes(request), needed);
}

static enum acceptance kafka_accepts(const uint8_t *request, size_t request_bytes,
                                     const uint8_t *answer, size_t answer_bytes)
{
    if (request_bytes < HEADER_BYTES)
        return ACCEPTANCE_REFUSED;
    if (answer_bytes < 8)
        return ACCEPTANCE_MORE;
    return begins_exactly(request + 8, 4, answer + 4, 4) == MATCH_YES ? ACCEPTANCE_ACCEPTED
                                                                      : ACCEPTANCE_REFUSED;
}

const struct protocol protocol_kafka = {
    .id = PROTOCOL_KAFKA,
    .name = "kafka",
    .check = kafka_check,
    .whole = kafka_whole,
    .accepts = kafka_accepts,
};
