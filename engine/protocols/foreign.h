/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * foreign.h - requests that can only be another protocol's.
 *
 * A service that no file knows may speak anything: lines, binary messages, words that other
 * protocols use too. But a request line with a version of HTTP, a ClientHello, a banner of SSH and
 * the like are sent by nobody who does not mean that protocol. Where a server was never seen to
 * accept one of them, it is refused from the first day on, whatever else is known of the server.
 */
#ifndef SYNWARD_ENGINE_PROTOCOLS_FOREIGN_H
#define SYNWARD_ENGINE_PROTOCOLS_FOREIGN_H

#include "engine/protocols/protocol.h"

#define FOREIGN_BIT(id) (UINT64_C(1) << PROTOCOL_##id)

/* Protocols whose requests are unmistakable. */
#define FOREIGN_PROTOCOLS                                                                          \
    (FOREIGN_BIT(HTTP) | FOREIGN_BIT(TLS) | FOREIGN_BIT(HTTP2) | FOREIGN_BIT(SSH) |                \
     FOREIGN_BIT(SMB) | FOREIGN_BIT(BITTORRENT))

/*
 * Is this the request of such a protocol, none of the `accepted` ones (bits 1 << id)? MATCH_MORE
 * where it may become one.
 */
static inline enum match foreign_check(uint64_t accepted, const uint8_t *request, size_t bytes)
{
    enum protocol_id matched;

    return protocols_check(FOREIGN_PROTOCOLS & ~accepted, request, bytes, &matched);
}

#endif
