/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stray.h - segments without a flow that prove nothing, and the RSTs that answer them (rule 4, "bad
 * or expired cookie").
 */
#ifndef SYNWARD_ENGINE_STAGES_STRAY_H
#define SYNWARD_ENGINE_STAGES_STRAY_H

#include "engine/shard/passage.h"

/* What becomes of a segment that proves nothing, to a server in attack mode (rule 4, "bad or
 * expired cookie"). */
void stray_segment(struct engine *engine, struct passage *passage, struct server *server);
/*
 * A SYN on a connection that is there is its server's to answer (RFC 5961 4.2): the challenge ACK
 * has a client that lost the connection reset it, and ask again. True where it may pass to a
 * protected server: once a second for a connection, and a hundred times in all.
 */
bool stray_syn_passes(struct engine *engine, const struct passage *passage, struct server *server);
/* One passes in any case. */
void stray_note_syn(struct engine *engine, const struct passage *passage);
/* One has passed on this connection lately: its server may take it for a new one. */
bool stray_syn_passed(const struct engine *engine, const struct passage *passage);
/* An opening with this ISN of its client was withdrawn: what its server still answers is for
 * nobody.
 */
void stray_withdrawn(struct engine *engine, const struct flow *flow, uint32_t x);
/*
 * A server's segment without a flow. True of the SYN-ACK to an opening that was withdrawn: our RST
 * was before it, or was lost. The client has another ISN, ours, so it does not pass, and the
 * server's half is reset as by a host that asked for none (RFC 9293 3.10.7.1).
 */
bool stray_synack(struct engine *engine, struct passage *passage);
/* A server's RST without a flow: the answer to such a segment, or to nobody. */
void stray_reset(struct engine *engine, struct passage *passage);

#endif
