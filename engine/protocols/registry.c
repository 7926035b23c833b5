/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * registry.c - the protocols that synward knows: one line each, in the order in which requests are tried. The
 * frequent come first; where two would take the same first bytes (tests/engine/protocols/test_confusion.c names
 * them all), the learner asks the greeting.
 */
#include "engine/protocols/protocol.h"

#include "engine/text.h"

extern const struct protocol protocol_http1, protocol_tls, protocol_http2, protocol_ssh, protocol_pop3,
    protocol_imap, protocol_ftp, protocol_smtp, protocol_mysql, protocol_postgresql, protocol_redis,
    protocol_mqtt, protocol_bittorrent, protocol_telnet, protocol_rdp, protocol_smb, protocol_sip,
    protocol_gnutella, protocol_edonkey, protocol_dns;

static const struct protocol *const registry[PROTOCOLS_COUNT] = {
    [PROTOCOL_UNKNOWN] = NULL,
    [PROTOCOL_HTTP] = &protocol_http1,
    [PROTOCOL_TLS] = &protocol_tls,
    [PROTOCOL_HTTP2] = &protocol_http2,
    [PROTOCOL_SSH] = &protocol_ssh,
    [PROTOCOL_POP3] = &protocol_pop3,
    [PROTOCOL_IMAP] = &protocol_imap,
    [PROTOCOL_FTP] = &protocol_ftp,
    [PROTOCOL_SMTP] = &protocol_smtp,
    [PROTOCOL_MYSQL] = &protocol_mysql,
    [PROTOCOL_POSTGRESQL] = &protocol_postgresql,
    [PROTOCOL_REDIS] = &protocol_redis,
    [PROTOCOL_MQTT] = &protocol_mqtt,
    [PROTOCOL_BITTORRENT] = &protocol_bittorrent,
    [PROTOCOL_TELNET] = &protocol_telnet,
    [PROTOCOL_RDP] = &protocol_rdp,
    [PROTOCOL_SMB] = &protocol_smb,
    [PROTOCOL_SIP] = &protocol_sip,
    [PROTOCOL_GNUTELLA] = &protocol_gnutella,
    [PROTOCOL_EDONKEY] = &protocol_edonkey,
    [PROTOCOL_DNS] = &protocol_dns,
};

#define FIRST_PROTOCOL (PROTOCOL_UNKNOWN + 1)

const struct protocol *protocol_by_id(enum protocol_id id)
{
    return (unsigned)id < PROTOCOLS_COUNT ? registry[id] : NULL;
}

const char *protocol_name(enum protocol_id id)
{
    const struct protocol *protocol = protocol_by_id(id);

    return protocol != NULL ? protocol->name : "unknown";
}

int protocol_id_from_name(const char *name)
{
    for (int id = PROTOCOL_UNKNOWN; id < PROTOCOLS_COUNT; id++) {
        if (text_equal(protocol_name((enum protocol_id)id), name))
            return id;
    }
    return -1;
}

enum protocol_id protocol_first(uint64_t protocols)
{
    for (unsigned id = FIRST_PROTOCOL; id < PROTOCOLS_COUNT; id++) {
        if (protocols >> id & 1)
            return (enum protocol_id)id;
    }
    return PROTOCOL_UNKNOWN;
}

enum match protocols_check(uint64_t accepted, const uint8_t *request, size_t bytes, enum protocol_id *matched)
{
    enum match best = MATCH_NO;

    *matched = PROTOCOL_UNKNOWN;
    for (unsigned id = FIRST_PROTOCOL; id < PROTOCOLS_COUNT; id++) {
        enum match match;

        if (!(accepted >> id & 1))
            continue;
        match = registry[id]->check(request, bytes);
        if (match == MATCH_YES) {
            *matched = (enum protocol_id)id;
            return MATCH_YES;
        }
        if (match == MATCH_MORE)
            best = MATCH_MORE;
    }
    return best;
}

enum protocol_id protocol_of_request(const uint8_t *request, size_t bytes)
{
    enum protocol_id matched;

    protocols_check(~0ull, request, bytes, &matched);
    return matched;
}

uint64_t protocols_of_greeting(const uint8_t *data, size_t bytes, size_t *greeting_bytes)
{
    uint64_t protocols = 0;

    *greeting_bytes = 0;
    for (unsigned id = FIRST_PROTOCOL; id < PROTOCOLS_COUNT; id++) {
        size_t length = 0;
        enum greeting_verdict verdict;

        if (registry[id]->greeting == NULL)
            continue;
        verdict = registry[id]->greeting(data, bytes, &length);
        if (verdict == GREETING_POSITIVE || verdict == GREETING_NEGATIVE) {
            protocols |= UINT64_C(1) << id;
            *greeting_bytes = length;
        }
    }
    return protocols;
}

enum protocol_id protocol_of_greeting(const uint8_t *data, size_t bytes, size_t *greeting_bytes)
{
    return protocol_first(protocols_of_greeting(data, bytes, greeting_bytes));
}
