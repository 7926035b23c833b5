/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * server_text.h - servers as people write them: 10.77.0.2:110, [fd77::2]:110, and 10.77.0.2,
 * [fd77::2] or fd77::2 for all ports.
 *
 * VLANs are not written: where one address and port exist in several VLANs, all of them are meant.
 * So it is where a port is asked over TCP and over UDP; 10.77.0.2:53/udp is the latter alone, and
 * 10.77.0.2:53/tcp the former.
 */
#ifndef SYNWARD_BRIDGE_TEXT_SERVER_TEXT_H
#define SYNWARD_BRIDGE_TEXT_SERVER_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/addr.h"
#include "profiles/error.h"

enum server_transport { TRANSPORT_ANY, TRANSPORT_TCP, TRANSPORT_UDP };

struct server_selector {
    struct ip_addr addr;
    uint16_t port;      /* host byte order; 0: every port */
    uint16_t transport; /* enum server_transport; without padding: it is compared with memcmp */
};

#define SERVER_TEXT_BYTES (ADDR_TEXT_BYTES + sizeof("[]:65535/udp"))

/* False with EXIT_USAGE where `text` is no server. */
bool server_selector_parse(const char *text, struct server_selector *out, struct error *error);
/* Is it an IPv6 address alone whose last group could be a port that wants brackets? Then `text` is
 * how that is written: [fd77::2]:80 for fd77::2:80. */
bool server_selector_wants_brackets(const struct server_selector *selector,
                                    char text[SERVER_TEXT_BYTES]);
/* Sets `error` to EXIT_NOT_FOUND: there is no `what` ("server"), and `list` is the command that
 * lists those there are. False. */
bool server_selector_unknown(const struct server_selector *selector, const char *what,
                             const char *list, struct error *error);
bool server_selector_matches(const struct server_selector *selector, const struct server_key *key);

/* Address and port, an IPv6 address in brackets (RFC 5952 section 6); port 0 is not written.
 * Returns `text`. */
char *server_to_text(const struct ip_addr *addr, uint16_t port, char text[SERVER_TEXT_BYTES]);
/* The same, with /udp behind it where it is that. */
char *server_key_to_text(const struct server_key *key, char text[SERVER_TEXT_BYTES]);
const char *server_transport_name(const struct server_key *key); /* "tcp", "udp" */

/* 198.51.100.7, 198.51.100.0/24, fd77::/64 as text; without a length the whole address. Bits beyond
 * it are cleared. */
bool prefix_parse(const char *text, struct ip_addr *prefix, uint8_t *length, struct error *error);

#endif
