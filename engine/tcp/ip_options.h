/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ip_options.h - whether a host takes a packet with these options at all.
 *
 * A host that refuses a packet for its options never shows its TCP header to anybody: answering it
 * would be wrong, and letting it pass would trust that every host refuses what this one does. The
 * rules are those of Linux, which are stricter than the RFCs ask for. They are read once, for the
 * few frames that carry options.
 */
#ifndef SYNWARD_ENGINE_TCP_IP_OPTIONS_H
#define SYNWARD_ENGINE_TCP_IP_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* Options of one IPv6 header that Linux reads before it gives up (max_hbh_opts_number and
 * max_dst_opts_number), and bytes of padding in a row. */
#define IPV6_OPTIONS_MAX 8
#define IPV6_PADDING_MAX 7

/* What the options of an IPv4 header come to. */
enum ipv4_options {
    IPV4_OPTIONS_GOOD,
    IPV4_OPTIONS_ROUTED, /* well formed, with a source route: hosts refuse it, routers may follow */
    IPV4_OPTIONS_BAD,
};

/*
 * Reads `bytes` (0 to 40) bytes of options (RFC 791 3.1). Of a source route `*route_at` and
 * `*route_bytes` become where its addresses lie.
 */
enum ipv4_options ipv4_options_read(const uint8_t *options, uint32_t bytes, uint32_t *route_at,
                                    uint32_t *route_bytes);

/* One hop-by-hop or destination options header (RFC 8200 4.2). */
struct ipv6_options {
    const uint8_t *header; /* its first byte */
    uint32_t bytes;        /* of the header */
    uint32_t at;           /* from the IPv6 header, which alignment counts from */
    bool hop_by_hop;
    uint32_t jumbo; /* out: the jumbo payload length (RFC 2675 2), 0 where there is none */
};

/* False where a host drops the packet for one of them. */
bool ipv6_options_read(struct ipv6_options *options);

#endif
