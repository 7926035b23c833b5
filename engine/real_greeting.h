/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * real_greeting.h - the server's own greeting, compared with the one that was promised (ENGINE 2.4).
 *
 * Until it is whole nothing of the client's passes. Each of its segments is acknowledged by us and swallowed.
 * Compared byte for byte: at the first byte that differs the connection is given up (ours to the client cannot be
 * taken back).
 */
#ifndef SYNWARD_ENGINE_REAL_GREETING_H
#define SYNWARD_ENGINE_REAL_GREETING_H

#include "engine/shard.h"

/* A server's frame on a flow in FLOW_GREETING. */
void real_greeting_frame(struct engine *engine, struct passage *passage, struct flow *flow);

#endif
