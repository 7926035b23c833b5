/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ack_storm.h - ends an ACK storm on a spliced connection (rule 5.10).
 *
 * Two ends that no longer agree on their numbers answer each other's segments with the same empty
 * ACK for ever, as fast as the wire carries them: an end must answer what it cannot accept (RFC
 * 9293 3.10.7.4). Nobody waits for a timer, so nothing but a loss ends it; RFC 5961 7 lets hosts
 * limit such ACKs, and not all of them do. Offsets between two halves are one more reason to
 * disagree, so the limit stands here.
 *
 *      client  . A -->                        what counts as a bounce: an empty segment, the same
 *                                             as the last one from
 *                     <-- . B  server         its side, in answer to one from the other side, with
 *                                             no data, SYN, FIN or
 *      client  . A -->  bounce 1              change between them
 *                     <-- . B  bounce 2 ...
 *
 * What timers pace stays far below the limit: keepalives (RFC 9293 3.8.4), window probes (3.8.6.1).
 * So does what one side alone repeats: the duplicate ACKs of a loss recovery come in hundreds, but
 * data goes the other way.
 */
#ifndef SYNWARD_ENGINE_STAGES_ACK_STORM_H
#define SYNWARD_ENGINE_STAGES_ACK_STORM_H

#include <stdbool.h>

#include "engine/shard/passage.h"

/* In about a second. RFC 5961 7 proposes 10 ACKs in 5 s; a probe that starts at 5 ms and doubles
 * bounces 16 times in one. */
#define STORM_BOUNCES     20
#define STORM_FROM_SERVER 0x80 /* of flow_storm.bounces: where the last one counted came from */

/* Takes note of a segment of the connection. True: it is a bounce over the limit, and is to be
 * dropped. */
bool storm_bounce(struct flow_storm *storm, const struct passage *passage);

#endif
