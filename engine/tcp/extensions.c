/* SPDX-License-Identifier: GPL-2.0-or-later */
/* extensions.c - IPv6's extension headers, one step at a time. See extensions.h. */
#include "engine/tcp/extensions.h"

#include "engine/base/bytes.h"
#include "engine/tcp/ip_options.h"

#define FRAGMENT_OFFSET 0xfff8
#define FRAGMENT_MORE   0x0001

#define ROUTING_ADDRESSES  8 /* where they begin in the header */
#define EXTENSION_LEAST    8
#define AUTHENTICATION_LEN 4 /* its length counts words, all others' eights (RFC 4302 2.2) */

enum extension {
    HOP_BY_HOP = 0,
    ROUTING = 43,
    FRAGMENT = 44,
    AUTHENTICATION = 51,
    DESTINATION = 60,
    MOBILITY = 135,
    HOST_IDENTITY = 139,
    SHIM6 = 140,
};

static bool is_extension(uint8_t protocol)
{
    switch (protocol) {
    case HOP_BY_HOP:
    case ROUTING:
    case FRAGMENT:
    case AUTHENTICATION:
    case DESTINATION:
    case MOBILITY:
    case HOST_IDENTITY:
    case SHIM6:
        return true;
    default:
        return false;
    }
}

static uint32_t extension_bytes(const uint8_t *header, uint8_t protocol)
{
    if (protocol == FRAGMENT)
        return EXTENSION_LEAST;
    if (protocol == AUTHENTICATION)
        return ((uint32_t)header[1] + 2) * AUTHENTICATION_LEN;
    return ((uint32_t)header[1] + 1) * 8;
}

static void read_options(struct extensions *walk, const uint8_t *header, uint32_t bytes,
                         uint32_t from_ip)
{
    struct ipv6_options options = {
        .header = header, .bytes = bytes, .at = from_ip, .hop_by_hop = walk->next == HOP_BY_HOP};

    if ((options.hop_by_hop && from_ip != IPV6_HEADER_BYTES) || !ipv6_options_read(&options))
        walk->refused = true;
    else if (options.hop_by_hop)
        walk->jumbo = options.jumbo;
}

static void read_routing(struct extensions *walk, const uint8_t *header, uint32_t bytes)
{
    if (!header[3])
        return;
    walk->refused = true;
    walk->route_at = walk->at + ROUTING_ADDRESSES;
    walk->route_bytes = bytes - ROUTING_ADDRESSES;
}

static void read_fragment(struct extensions *walk, const uint8_t *header)
{
    uint16_t where = load_be16(header + 2);

    if (where & (FRAGMENT_OFFSET | FRAGMENT_MORE)) {
        walk->fragment = true;
        walk->later_fragment = (where & FRAGMENT_OFFSET) != 0;
        return;
    }
    walk->refused |= walk->atomic; /* RFC 6946; Linux takes one only */
    walk->atomic = true;
}

static bool step(const uint8_t *data, uint32_t l3, uint32_t limit, struct extensions *walk)
{
    const uint8_t *header = data + walk->at;
    uint32_t bytes;

    if (walk->at + EXTENSION_LEAST > limit)
        return false;
    bytes = extension_bytes(header, walk->next);
    if (bytes > limit - walk->at)
        return false;
    if (walk->next == HOP_BY_HOP || walk->next == DESTINATION)
        read_options(walk, header, bytes, walk->at - l3);
    else if (walk->next == ROUTING)
        read_routing(walk, header, bytes);
    else if (walk->next == FRAGMENT)
        read_fragment(walk, header);
    else
        walk->refused = true;
    walk->next = header[0];
    walk->at += bytes;
    return true;
}

void extensions_begin(const uint8_t *data, uint32_t l3, struct extensions *walk)
{
    *walk = (struct extensions){.at = l3 + IPV6_HEADER_BYTES, .next = data[l3 + 6]};
}

bool extensions_walk(const uint8_t *data, uint32_t l3, uint32_t limit, struct extensions *walk)
{
    while (is_extension(walk->next) && !walk->later_fragment)
        if (!step(data, l3, limit, walk))
            return false;
    return true;
}
