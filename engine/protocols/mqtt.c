/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mqtt.c - MQTT: the client speaks first, with CONNECT and nothing else (MQTT 5.0 and 3.1.1, 3.1).
 *
 *      request    0x10 length(1 to 4) 0 4 "MQTT" level, or 0 6 "MQIsdp" 3; the level is 3, 4 or 5,
 *                 a bridge adds 0x80
 *      answer     0x20 length flags code: CONNACK; a code other than 0 refuses
 */
#include "engine/protocols/whole.h"

#define LENGTH_BYTES_MAX 4
#define NAME_BYTES_MAX   8
#define BRIDGE           0x80

static enum match check_level(const uint8_t *data, size_t bytes)
{
    if (bytes == 0)
        return MATCH_MORE;
    return (data[0] & ~BRIDGE) >= 3 && (data[0] & ~BRIDGE) <= 5 ? MATCH_YES : MATCH_NO;
}

static enum match check_name(const uint8_t *data, size_t bytes)
{
    static const struct {
        uint8_t bytes;
        char text[NAME_BYTES_MAX + 1];
    } names[] = {{6, "\0\4MQTT"}, {8, "\0\6MQIsdp"}};
    enum match best = MATCH_NO;

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        enum match match = begins_exactly(names[i].text, names[i].bytes, data, bytes);

        if (match == MATCH_YES)
            return check_level(data + names[i].bytes, bytes - names[i].bytes);
        best = match == MATCH_MORE ? MATCH_MORE : best;
    }
    return best;
}

static enum match mqtt_check(const uint8_t *request, size_t bytes)
{
    size_t at = 1;

    if (bytes > 0 && request[0] != 0x10)
        return MATCH_NO;
    while (at < bytes && (request[at] & 0x80)) {
        if (++at > LENGTH_BYTES_MAX)
            return MATCH_NO;
    }
    return at >= bytes ? MATCH_MORE : check_name(request + at + 1, bytes - at - 1);
}

static bool fits_connack(const uint8_t *data, size_t at)
{
    switch (at) {
    case 0:
        return data[0] == 0x20;
    case 1:
        return data[1] >= 2;
    case 2:
        return data[2] <= 1;
    default:
        return data[3] == 0;
    }
}

static enum acceptance mqtt_accepts(const uint8_t *request, size_t request_bytes,
                                    const uint8_t *answer, size_t answer_bytes)
{
    (void)request;
    (void)request_bytes;
    /* A length of two bytes, with properties of MQTT 5.0, moves the flags and the code by one. */
    if (answer_bytes > 2 && answer[0] == 0x20 && (answer[1] & 0x80))
        return acceptance_of(answer_bytes < 5                   ? MATCH_MORE
                             : answer[3] <= 1 && answer[4] == 0 ? MATCH_YES
                                                                : MATCH_NO);
    return acceptance_of(match_bytes(fits_connack, 4, answer, answer_bytes));
}

static enum match mqtt_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    size_t at = 1, length = request[1] & 0x7f;

    (void)from;
    for (; request[at] & 0x80; at++)
        length |= (size_t)(request[at + 1] & 0x7f) << 7 * at;
    return whole_message(bytes, at + 1 + length, needed);
}

const struct protocol protocol_mqtt = {
    .id = PROTOCOL_MQTT,
    .name = "mqtt",
    .check = mqtt_check,
    .whole = mqtt_whole,
    .accepts = mqtt_accepts,
};
