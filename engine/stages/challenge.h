/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * challenge.h - a client's SYN on a connection that is there, while its server is protected.
 *
 * The host would answer it by a challenge ACK (RFC 5961 4.2), if it had that connection still:
 * where it was ended behind our back, such a SYN would open a new one that has no cookie. So we say
 * that ACK, one number old, that its window means nothing to a client that has the connection. One
 * that has not resets it, at both ends, and asks again.
 */
#ifndef SYNWARD_ENGINE_STAGES_CHALLENGE_H
#define SYNWARD_ENGINE_STAGES_CHALLENGE_H

#include "engine/shard/passage.h"

/* False, and nothing done, where it is no such SYN. */
bool challenge_syn(struct engine *engine, struct passage *passage, const struct flow *flow);

#endif
