/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * icmp.h - ICMP and ICMPv6 errors about connections that we opened (rule 5.4, 5.6).
 *
 * An error quotes the segment that it is about, and a host believes it only where the quoted
 * numbers are its own (RFC 5927 4.1). So the quote is moved to the other half of a spliced
 * connection, or path MTU discovery dies:
 *
 *      router on the client side --error, quotes seq (c-numbers)------> seq -= delta --> server
 *      client <-- ack += delta <--error, quotes ack (server's numbers)-- router on the server side
 *
 *      answers our own SYN, from the server side            the opening has failed; swallowed
 *      from the client side, about what only we have said   dropped as stray
 *      tracked connection, other protocol, unreadable       passes untouched
 *
 * The quoted seq of a client's segment and the quoted ack of a server's are the client's numbers:
 * the same on both halves. A forged error gains nothing: it is as right or as wrong behind us as it
 * was in front of us. It never keeps a flow alive.
 *
 * Limits: the TCP checksum, timestamps, SACK blocks and window inside a quote are left as they are,
 * as hosts do not look at them. What we sent ourselves is not cut to a smaller path MTU: held data
 * is repeated by the client, and a greeting that is too large for the way to the client is lost.
 */
#ifndef SYNWARD_ENGINE_STAGES_ICMP_H
#define SYNWARD_ENGINE_STAGES_ICMP_H

#include "engine/shard/passage.h"

/* A FRAME_ICMP_ERROR from either side; passage->key becomes that of the quoted connection. */
void icmp_frame(struct engine *engine, struct passage *passage);

#endif
