/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * greeting_compare.h - the server's own greeting, compared with the one that was promised (rule
 * 2.4).
 *
 * Until it is whole nothing of the client's passes. Each of its segments is acknowledged by us and
 * swallowed. Compared byte for byte: at the first byte that differs the connection is given up
 * (ours to the client cannot be taken back).
 *
 * By template: kept until its protocol's file says that it is whole, then compared in front and at
 * the end. Its end is put where the end of ours was, whatever their lengths:
 *
 *      client has   c+1 |220 mail ESMTP 9:59:58|          delta = c + g - y - g'
 *      server says  y+1 |220 mail ESMTP 10:00:01|
 *                        |--- prefix ---|       |suffix
 *
 * Limits: a template's greeting is at most 1,400 bytes long; where the pool of buffers is empty it
 * must stand in one frame.
 */
#ifndef SYNWARD_ENGINE_STAGES_GREETING_COMPARE_H
#define SYNWARD_ENGINE_STAGES_GREETING_COMPARE_H

#include "engine/shard/passage.h"

/* A server's frame on a flow in FLOW_GREETING. */
void real_greeting_frame(struct engine *engine, struct passage *passage, struct flow *flow);

#endif
