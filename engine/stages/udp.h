/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * udp.h - servers that are asked over UDP: DNS (rule 7).
 *
 * Such a server is one of its own in all tables (KEY_UDP), beside the one that listens on the same
 * address and port over TCP. It is known once it has answered a query that was seen; it can be
 * protected once enough of its answers were learned, of a server that answers DNS over TCP as well.
 *
 *      client's query --> normal mode: passes, and is counted
 *                    \--> attack mode: the source has asked over TCP lately --> passes, limited
 *                                 \--> anybody else --> TC=1: ask again over TCP
 *
 * What TC=1 answers is a query with one question, in one datagram. All else is dropped, unless its
 * source is a proved one: NOTIFY and UPDATE, whose clients would take it for a yes; what is signed,
 * whose clients believe nothing unsigned; what no client sends. The answer is never longer than the
 * query, is sent by one server to nobody who is not proved more than a few hundred times a second,
 * and is remembered nowhere.
 *
 * Normal mode looks at what passes for the triggers (server/trigger.h), and takes a sample of query
 * and answer for the learner where there is room: UDP_SAMPLES at once.
 */
#ifndef SYNWARD_ENGINE_STAGES_UDP_H
#define SYNWARD_ENGINE_STAGES_UDP_H

#include "engine/shard/passage.h"

size_t udp_bytes(void);
/* In zeroed memory. */
struct udp *udp_init(void *memory, const uint64_t seed[2]);

/* Over TCP: its connections prove who may ask over UDP, so each is to be seen from its beginning.
 */
static inline bool udp_needs_connections(const struct server *tcp)
{
    return tcp && tcp->policy && (tcp->policy->protocols >> PROTOCOL_DNS & 1);
}

/* A frame that is no TCP segment and no ICMP error. True where its verdict is final. */
bool udp_frame(struct engine *engine, struct passage *passage);

/*
 * This client has asked that server over TCP (any server: those that speak no DNS are passed over),
 * from an address that is its own: a right query in attack mode, one that was answered in normal
 * mode.
 */
void udp_proved(struct engine *engine, const struct server *tcp, const struct ip_addr *client,
                uint64_t now_us);
/* In normal mode a first segment of data, which may be all of a query. It has acknowledged the
 * server's ISN; whether its checksum is good is asked here. */
void udp_asked_over_tcp(struct engine *engine, const struct server *tcp,
                        const struct passage *passage);
/* Told by another shard. */
void udp_set_proved(struct engine *engine, const struct server_key *tcp,
                    const struct ip_addr *client, uint64_t now_us);

#endif
