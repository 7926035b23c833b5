/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ip_options.c - options of IPv4, and of IPv6's two options headers. See ip_options.h. */
#include "engine/tcp/ip_options.h"

#include "engine/base/bytes.h"

/* --- IPv4 ------------------------------------------------------------------------------------ */

enum ipv4_option {
    IPV4_END = 0,
    IPV4_NOP = 1,
    IPV4_RECORD_ROUTE = 7,
    IPV4_TIMESTAMP = 68,
    IPV4_LOOSE_ROUTE = 131,
    IPV4_CIPSO = 134, /* a host takes labels only where it was told their meaning */
    IPV4_STRICT_ROUTE = 137,
    IPV4_ROUTER_ALERT = 148,
};

#define TIMESTAMP_TSONLY   0 /* RFC 791: what an entry holds */
#define TIMESTAMP_PRESPEC  3
#define TIMESTAMP_OVERFLOW 15

/* The pointer of an option that is filled in on the way: from 4 (5) on, with room for an entry, or
 * beyond the end. */
static bool has_room(const uint8_t *option, uint32_t length, uint32_t first, uint32_t entry)
{
    uint32_t pointer = option[2];

    return pointer >= first && (pointer > length || pointer + entry - 1 <= length);
}

static bool timestamp_good(const uint8_t *option, uint32_t length)
{
    uint8_t kind;

    if (length < 4)
        return false;
    kind = option[3] & 15;
    if (option[2] > length && kind != TIMESTAMP_PRESPEC)
        return option[2] >= 5 && option[3] >> 4 != TIMESTAMP_OVERFLOW;
    return has_room(option, length, 5, kind == 1 || kind == TIMESTAMP_PRESPEC ? 8 : 4);
}

/* Each of these may be there once. */
static bool first_of_kind(uint8_t kind, uint32_t *seen)
{
    uint32_t bit = kind == IPV4_RECORD_ROUTE ? 1 : kind == IPV4_TIMESTAMP ? 2 : 4;
    bool first = !(*seen & bit);

    *seen |= bit;
    return first;
}

static bool ipv4_option_good(const uint8_t *option, uint32_t length, uint32_t *seen)
{
    switch (option[0]) {
    case IPV4_RECORD_ROUTE:
        return length >= 3 && first_of_kind(option[0], seen) && has_room(option, length, 4, 4);
    case IPV4_TIMESTAMP:
        return first_of_kind(option[0], seen) && timestamp_good(option, length);
    case IPV4_LOOSE_ROUTE:
    case IPV4_STRICT_ROUTE:
        return length >= 3 && option[2] >= 4 && first_of_kind(option[0], seen);
    case IPV4_ROUTER_ALERT:
        return length >= 4;
    case IPV4_CIPSO:
        return false;
    default:
        return true;
    }
}

enum ipv4_options ipv4_options_read(const uint8_t *options, uint32_t bytes, uint32_t *route_at,
                                    uint32_t *route_bytes)
{
    enum ipv4_options found = IPV4_OPTIONS_GOOD;
    uint32_t seen = 0, length;

    for (uint32_t at = 0; at < bytes && options[at] != IPV4_END; at += length) {
        length = 1;
        if (options[at] == IPV4_NOP)
            continue;
        if (at + 2 > bytes)
            return IPV4_OPTIONS_BAD;
        length = options[at + 1];
        if (length < 2 || length > bytes - at || !ipv4_option_good(options + at, length, &seen))
            return IPV4_OPTIONS_BAD;
        if (options[at] == IPV4_LOOSE_ROUTE || options[at] == IPV4_STRICT_ROUTE) {
            found = IPV4_OPTIONS_ROUTED;
            *route_at = at + 3;
            *route_bytes = length - 3;
        }
    }
    return found;
}

/* --- IPv6 ------------------------------------------------------------------------------------ */

enum ipv6_option {
    IPV6_PAD1 = 0,
    IPV6_PADN = 1,
    IPV6_ROUTER_ALERT = 5,
    IPV6_CALIPSO = 7,
    IPV6_IOAM = 0x31,
    IPV6_JUMBO = 0xc2,
};

#define IPV6_REFUSE_UNKNOWN 0xc0 /* RFC 8200 4.2: what is to be done by who does not know it */

/* RFC 2675 3: the length of what does not fit the header's own field, aligned to 4n + 2. */
static bool jumbo_good(struct ipv6_options *options, const uint8_t *option, uint32_t at)
{
    if (option[1] != 4 || (at & 3) != 2)
        return false;
    options->jumbo = load_be32(option + 2);
    return options->jumbo > UINT16_MAX;
}

/* `at`: from the IPv6 header. */
static bool ipv6_option_good(struct ipv6_options *options, const uint8_t *option, uint32_t at)
{
    if (options->hop_by_hop) {
        switch (option[0]) {
        case IPV6_ROUTER_ALERT:
            return option[1] == 2;
        case IPV6_IOAM:
            return (at & 3) == 0 && option[1] >= 2;
        case IPV6_CALIPSO: /* as IPV4_CIPSO */
            return false;
        case IPV6_JUMBO:
            return jumbo_good(options, option, at);
        default:
            break;
        }
    }
    return !(option[0] & IPV6_REFUSE_UNKNOWN);
}

static bool is_zero(const uint8_t *from, uint32_t bytes)
{
    uint8_t any = 0;

    for (uint32_t i = 0; i < bytes; i++)
        any |= from[i];
    return !any;
}

bool ipv6_options_read(struct ipv6_options *options)
{
    const uint8_t *header = options->header;
    uint32_t count = 0, padding = 0, length;

    options->jumbo = 0;
    for (uint32_t at = 2; at < options->bytes; at += length) {
        uint32_t left = options->bytes - at;

        length = 1;
        if (header[at] != IPV6_PAD1) {
            if (left < 2)
                return false;
            length = 2u + header[at + 1];
        }
        if (length > left)
            return false;
        if (header[at] == IPV6_PAD1 || header[at] == IPV6_PADN) {
            padding += length;
            if (padding > IPV6_PADDING_MAX ||
                !is_zero(header + at + 2, length > 2 ? length - 2 : 0))
                return false;
            continue;
        }
        padding = 0;
        if (++count > IPV6_OPTIONS_MAX || !ipv6_option_good(options, header + at, options->at + at))
            return false;
    }
    return true;
}
