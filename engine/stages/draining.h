/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * draining.h - what we have acknowledged to a client goes to its server: we are its sender
 * (rule 1.3).
 *
 *      client            synward                          server
 *        |                  |  held(x+1 ...) ---------------> |     cut to its MSS and window
 *        |                  |  held again after 0.2 s ------> |     doubling, 6 times (RFC 6298)
 *        |   <-- ack raised |  <----------- ack, data         |     translated as in a splice
 *        |                  |  <------------------ ack x+1+h  |     SPLICED
 *
 * h is what was promised. To the client acks below x+1+h are raised to it, with the window's right
 * edge left where it is, and SACK blocks below it become NOPs. A window that stays closed is probed
 * for 60 s (RFC 9293 3.8.6.1). A connection of the class long stays here until its server has said
 * something.
 */
#ifndef SYNWARD_ENGINE_STAGES_DRAINING_H
#define SYNWARD_ENGINE_STAGES_DRAINING_H

#include "engine/stages/opening.h"

/* The server has accepted, and greeted: the flow becomes DRAINING, and the held data goes out. */
void draining_begin(struct engine *engine, struct flow *flow, uint64_t now_us);
/* A frame of a flow that is DRAINING, from either side. */
void draining_frame(struct engine *engine, struct passage *passage, struct flow *flow);
/* Its timer is due. */
void draining_due(struct engine *engine, struct flow *flow, uint64_t now_us);
/* A router says that our segments may have `payload_bytes` at most. False: that is nothing new. */
bool draining_cut(struct engine *engine, struct flow *flow, uint16_t payload_bytes,
                  uint64_t now_us);

#endif
