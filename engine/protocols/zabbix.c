/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zabbix.c - Zabbix's agents, servers and proxies: who asks speaks first (its manual, "Header").
 * Numbers are little endian.
 *
 *      request, answer    "ZBXD" flags(1) length(4) length before it was packed(4) ...
 *      request            "agent.ping" LF        of servers and scripts that are older than that
 *
 * Bit 0 of the flags is set, bit 1 says that it is packed, bit 2 that both lengths have 8 bytes.
 *
 * Limits: of lines without the header those are known that ask for what agents know by themselves.
 * Operators may define other words: they are learned as of no protocol.
 */
#include "engine/protocols/whole.h"

#define NAME          "ZBXD"
#define NAME_BYTES    4
#define HEADER_BYTES  13
#define LARGE_BYTES   21
#define FLAGS_MOST    7
#define LARGE         4
#define KEY_BYTES_MAX 17 /* of its first word, with what ends it */

/* What the keys of agents begin with, up to the first dot or bracket. */
static const verb_list keys[VERBS] = {
    [VERB('A')] = WORDS("AGENT"),
    [VERB('D')] = WORDS("DOCKER"),
    [VERB('E')] = WORDS("EVENTLOG"),
    [VERB('K')] = WORDS("KERNEL"),
    [VERB('L')] = WORDS("LOG", "LOGRT"),
    [VERB('M')] = WORDS("MODBUS", "MQTT"),
    [VERB('N')] = WORDS("NET"),
    [VERB('P')] = WORDS("PERF_COUNTER", "PERF_COUNTER_EN", "PERF_INSTANCE", "PROC", "PROC_INFO"),
    [VERB('R')] = WORDS("REGISTRY"),
    [VERB('S')] = WORDS("SENSOR", "SERVICE", "SERVICES", "SYSTEM", "SYSTEMD"),
    [VERB('V')] = WORDS("VFS", "VM"),
    [VERB('W')] = WORDS("WEB", "WMI"),
    [VERB('Z')] = WORDS("ZABBIX"),
};

static bool fits_header(const uint8_t *data, size_t at)
{
    if (at < NAME_BYTES)
        return data[at] == (uint8_t)NAME[at];
    return (data[at] & 1) != 0 && data[at] <= FLAGS_MOST;
}

static enum match check_header(const uint8_t *data, size_t bytes)
{
    return match_bytes(fits_header, NAME_BYTES + 1, data, bytes);
}

/* Does the request begin with this one, in lower case? */
static enum match begins_key(const char key[static VERB_BYTES], const uint8_t *request,
                             size_t bytes)
{
    size_t at = 0;

    for (; key[at] != 0; at++) {
        if (at == bytes)
            return MATCH_MORE;
        if (request[at] != (key[at] == '_' ? '_' : (uint8_t)(key[at] | 0x20)))
            return MATCH_NO;
    }
    if (at == bytes)
        return MATCH_MORE;
    return request[at] == '.' || request[at] == '[' ? MATCH_YES : MATCH_NO;
}

static enum match check_key(const uint8_t *request, size_t bytes)
{
    verb_list key = verbs_beginning(keys, request[0]);

    for (; key && (*key)[0] != 0; key++) {
        enum match match;

        /* The second and the third letter tell most. */
        if ((bytes > 1 && request[1] != ((*key)[1] | 0x20)) ||
            (bytes > 2 && (*key)[2] != 0 && request[2] != ((*key)[2] | 0x20)))
            continue;
        match = begins_key(*key, request, bytes);
        if (match != MATCH_NO)
            return match;
    }
    return MATCH_NO;
}

static enum match zabbix_check(const uint8_t *request, size_t bytes)
{
    if (bytes == 0)
        return MATCH_MORE;
    return request[0] == NAME[0] ? check_header(request, bytes) : check_key(request, bytes);
}

static enum match zabbix_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    const bool large = bytes > NAME_BYTES && (request[NAME_BYTES] & LARGE);
    const size_t header = large ? LARGE_BYTES : HEADER_BYTES;
    const uint8_t *length = request + NAME_BYTES + 1;

    if (request[0] != NAME[0])
        return whole_line(request, bytes, from, needed);
    if (bytes < header)
        return whole_message(bytes, header, needed);
    return whole_message(bytes,
                         header + (length[0] | (size_t)length[1] << 8 | (size_t)length[2] << 16 |
                                   (size_t)length[3] << 24),
                         needed);
}

static enum acceptance zabbix_accepts(const uint8_t *request, size_t request_bytes,
                                      const uint8_t *answer, size_t answer_bytes)
{
    (void)request;
    (void)request_bytes;
    return acceptance_of(check_header(answer, answer_bytes));
}

const struct protocol protocol_zabbix = {
    .id = PROTOCOL_ZABBIX,
    .name = "zabbix",
    .check = zabbix_check,
    .whole = zabbix_whole,
    .accepts = zabbix_accepts,
};
