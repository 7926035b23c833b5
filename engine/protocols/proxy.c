/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * proxy.c - see proxy.h. The client, a load balancer, speaks first.
 *
 *      version 1    "PROXY " ( "TCP4" / "TCP6" ) 4( SP address-or-port ) CR LF, or "PROXY UNKNOWN"
 *                   ... CR LF; at most 107 bytes
 *      version 2    CR LF CR LF 0 CR LF "QUIT" LF   0x20, 0x21   family(1)   length(2) ...
 *
 * Limits: a header of version 2 has at most 4 KiB; what no protocol file knows is not looked for
 * behind one.
 */
#include "engine/protocols/proxy.h"

#include "engine/protocols/whole.h"

#define SIGNATURE       "\r\n\r\n\0\r\nQUIT\n"
#define SIGNATURE_BYTES (sizeof(SIGNATURE) - 1)
#define V2_BYTES        16
#define V2_LENGTH_MAX   4096
#define V2_ADDRESSES_V4 12 /* of client and server, then their ports */
#define V2_ADDRESSES_V6 36
#define LINE_BYTES_MAX  107
#define TEXT            "PROXY "
#define TEXT_BYTES      (sizeof(TEXT) - 1)
#define FAMILIES        3 /* unspecified, IPv4, IPv6, AF_UNIX */
#define TRANSPORTS      2 /* unspecified, stream, datagram */
#define SELF            (UINT64_C(1) << PROTOCOL_PROXY)

static bool fits_v2(const uint8_t *data, size_t at)
{
    switch (at) {
    case SIGNATURE_BYTES:
        return data[at] == 0x20 || data[at] == 0x21;
    case SIGNATURE_BYTES + 1:
        return data[at] >> 4 <= FAMILIES && (data[at] & 15) <= TRANSPORTS;
    case SIGNATURE_BYTES + 3:
        return ((unsigned)data[at - 1] << 8 | data[at]) <= V2_LENGTH_MAX;
    default:
        return at > SIGNATURE_BYTES || data[at] == (uint8_t)SIGNATURE[at];
    }
}

static const bool addresses[256] = {
    ['0' ... ':'] = true, ['.'] = true, ['A' ... 'F'] = true, ['a' ... 'f'] = true};

/* " 192.0.2.1 192.0.2.2 1234 80\r\n": four words, of which each has a byte. */
static enum match check_addresses(const uint8_t *line, size_t bytes, size_t at, size_t *header)
{
    const size_t end = bytes < LINE_BYTES_MAX ? bytes : LINE_BYTES_MAX;

    for (unsigned words = 0; words < 4; words++) {
        const size_t blank = at++;

        if (blank == end)
            return end == bytes ? MATCH_MORE : MATCH_NO;
        while (at + 4 <= end && all_4(addresses, line + at))
            at += 4;
        while (at < end && addresses[line[at]])
            at++;
        if (line[blank] != ' ' || (at == blank + 1 && at < end))
            return MATCH_NO;
    }
    *header = at + 2;
    return at + 2 > LINE_BYTES_MAX ? MATCH_NO : begins_exactly("\r\n", 2, line + at, bytes - at);
}

static enum match check_line(const uint8_t *line, size_t bytes, size_t *header)
{
    enum match match = begins_exactly(TEXT, TEXT_BYTES, line, bytes), unknown;
    size_t end;

    if (match != MATCH_YES)
        return match;
    match = begins_form("TCP", line + TEXT_BYTES, bytes - TEXT_BYTES);
    if (match == MATCH_YES && bytes > TEXT_BYTES + 3) {
        if (line[TEXT_BYTES + 3] != '4' && line[TEXT_BYTES + 3] != '6')
            return MATCH_NO;
        return check_addresses(line, bytes, TEXT_BYTES + 4, header);
    }
    if (match != MATCH_NO)
        return MATCH_MORE;
    unknown = begins_exactly("UNKNOWN", 7, line + TEXT_BYTES, bytes - TEXT_BYTES);
    if (unknown != MATCH_YES)
        return unknown;
    end = line_bytes(line, bytes, LINE_BYTES_MAX);
    *header = end;
    if (end == 0)
        return bytes < LINE_BYTES_MAX ? MATCH_MORE : MATCH_NO;
    return line[end - 2] == '\r' ? MATCH_YES : MATCH_NO;
}

enum match proxy_header(const uint8_t *request, size_t bytes, size_t *header)
{
    enum match match;

    if (bytes > 0 && request[0] == 'P')
        return check_line(request, bytes, header);
    if (begins_exactly(SIGNATURE, SIGNATURE_BYTES, request, bytes) == MATCH_NO)
        return MATCH_NO;
    match = match_bytes(fits_v2, V2_BYTES, request, bytes);
    if (match != MATCH_YES)
        return match;
    *header = V2_BYTES + ((size_t)request[V2_BYTES - 2] << 8 | request[V2_BYTES - 1]);
    return bytes < *header ? MATCH_MORE : MATCH_YES;
}

/* The first of the addresses in a line that check_line() took. */
static bool client_of_line(const uint8_t *line, size_t bytes, struct ip_addr *client)
{
    const size_t begin = TEXT_BYTES + sizeof("TCP4 ") - 1;
    char text[ADDR_TEXT_BYTES] = "";

    if (line[TEXT_BYTES] != 'T')
        return false;
    for (size_t i = 0; begin + i < bytes && line[begin + i] != ' '; i++) {
        if (i + 1 == sizeof(text))
            return false;
        text[i] = (char)line[begin + i];
    }
    return addr_from_text(text, client);
}

bool proxy_client(const uint8_t *request, size_t bytes, struct ip_addr *client)
{
    size_t header;

    if (proxy_header(request, bytes, &header) != MATCH_YES)
        return false;
    if (request[0] == 'P')
        return client_of_line(request, header, client);
    /* The balancer's own health checks (0x20) and other families name nobody. */
    if (request[SIGNATURE_BYTES] != 0x21)
        return false;
    if (request[SIGNATURE_BYTES + 1] == 0x11 && header >= V2_BYTES + V2_ADDRESSES_V4)
        *client = addr_from_v4(request + V2_BYTES);
    else if (request[SIGNATURE_BYTES + 1] == 0x21 && header >= V2_BYTES + V2_ADDRESSES_V6)
        *client = addr_from_v6(request + V2_BYTES);
    else
        return false;
    return true;
}

static bool greets_any(uint64_t protocols)
{
    for (; protocols != 0; protocols &= protocols - 1) {
        const struct protocol *protocol =
            protocol_by_id((enum protocol_id)__builtin_ctzll(protocols));

        if (protocol != NULL && protocol->greeting != NULL)
            return true;
    }
    return false;
}

enum match proxy_check_behind(uint64_t accepted, const uint8_t *behind, size_t bytes)
{
    uint64_t inner = accepted & ~(SELF | UINT64_C(1) << PROTOCOL_UNKNOWN);
    enum protocol_id id;

    if (bytes == 0)
        return greets_any(inner) ? MATCH_YES : MATCH_MORE;
    return protocols_check(inner != 0 ? inner : ~SELF, behind, bytes, &id);
}

bool proxy_is_alone(const uint8_t *request, size_t bytes)
{
    size_t header;

    return proxy_header(request, bytes, &header) == MATCH_YES && header == bytes;
}

static enum match proxy_check(const uint8_t *request, size_t bytes)
{
    size_t header;
    enum match match = proxy_header(request, bytes, &header);

    return match == MATCH_YES ? proxy_check_behind(0, request + header, bytes - header) : match;
}

/* Where what is behind the header begins; `bytes` where it has not ended. */
static size_t behind_at(const uint8_t *request, size_t bytes)
{
    size_t header;

    return proxy_header(request, bytes, &header) == MATCH_YES ? header : bytes;
}

enum protocol_id proxy_behind(const uint8_t *request, size_t bytes)
{
    size_t at = behind_at(request, bytes);
    enum protocol_id behind;

    protocols_check(~SELF, request + at, bytes - at, &behind);
    return behind;
}

static enum match proxy_whole(const uint8_t *request, size_t bytes, size_t from, size_t *needed)
{
    size_t at = behind_at(request, bytes);
    enum match match = protocol_whole(proxy_behind(request, bytes), request + at, bytes - at,
                                      from > at ? from - at : 0, needed);

    *needed += at;
    return match;
}

static size_t proxy_awaits(const uint8_t *request, size_t bytes)
{
    const size_t at = behind_at(request, bytes);
    const enum protocol_id behind = proxy_behind(request, bytes);

    return behind == PROTOCOL_UNKNOWN ? 0 : protocol_awaits(behind, request + at, bytes - at);
}

static enum acceptance proxy_accepts(const uint8_t *request, size_t request_bytes,
                                     const uint8_t *answer, size_t answer_bytes)
{
    size_t at = behind_at(request, request_bytes);
    const struct protocol *behind = protocol_by_id(proxy_behind(request, request_bytes));

    return behind != NULL ? behind->accepts(request + at, request_bytes - at, answer, answer_bytes)
                          : ACCEPTANCE_REFUSED;
}

static enum match proxy_keyword(const uint8_t *request, size_t bytes, struct keywords_found *found)
{
    size_t at = behind_at(request, bytes);
    const struct protocol *behind = protocol_by_id(proxy_behind(request, bytes));

    if (behind == NULL || behind->keyword == NULL)
        return MATCH_YES;
    return behind->keyword(request + at, bytes - at, found);
}

static enum acceptance proxy_keyword_accepts(const uint8_t *request, size_t request_bytes,
                                             const uint8_t *answer, size_t answer_bytes)
{
    size_t at = behind_at(request, request_bytes);
    const struct protocol *behind = protocol_by_id(proxy_behind(request, request_bytes));

    if (behind == NULL || behind->keyword_accepts == NULL)
        return proxy_accepts(request, request_bytes, answer, answer_bytes);
    return behind->keyword_accepts(request + at, request_bytes - at, answer, answer_bytes);
}

const struct protocol protocol_proxy = {
    .id = PROTOCOL_PROXY,
    .name = "proxy",
    .check = proxy_check,
    .whole = proxy_whole,
    .awaits = proxy_awaits,
    .accepts = proxy_accepts,
    .keyword = proxy_keyword,
    .keyword_accepts = proxy_keyword_accepts,
};
