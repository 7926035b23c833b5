/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * half_open.h - clients that have not completed their handshake for a while after their SYN passed.
 *
 * To a server in normal mode. If it has not answered for a second, that may be because its backlog
 * is full: a sign of an attack (trigger.h).
 *
 * To a server that we answer for. If it has answered, the client holds a place in its backlog for
 * a minute, and may be nobody. Its ACK may also have been lost: so it is asked twice by a segment
 * that everybody who is there answers with that ACK, and has half a second to do so, and 1.7 s from
 * its SYN: who has held a place for long, while others found none, gives it up sooner. Who says
 * nothing is reset at the server, by the one number that every host takes (RFC 9293 3.5.3: in
 * SYN-RECEIVED, and RFC 5961 3.2), so that a small backlog is free for those who have proved
 * themselves; and at the client, which may be waiting for the server's first word. Who has not
 * heard the server's SYN-ACK takes neither, asks again and gets a cookie.
 *
 * A RST needs the Ethernet header of the client's frames. The newest frame of the same server's
 * clients has it where all of them come through one router, but a shared segment has clients with
 * MACs of their own, and a server behind two routers hears each client from its own: so each flow
 * keeps its SYN's. It fits where the offsets of later states stand (struct flow_link), which a
 * half-open connection has none of.
 */
#ifndef SYNWARD_ENGINE_STAGES_HALF_OPEN_H
#define SYNWARD_ENGINE_STAGES_HALF_OPEN_H

#include "engine/shard/passage.h"

/* Of a SYN that passes: how it was carried, and whether the server's silence could say anything. */
void half_open_note_syn(const struct passage *passage, struct flow *flow);
/* The same by the server's SYN-ACK, where nothing is known of the SYN any more. */
void half_open_note_synack(const struct passage *passage, struct flow *flow);
/* Its client has asked again: nothing was done about it yet. */
void half_open_begin_anew(struct flow *flow);
/* What is due, at most one RST of it; false where nothing is. */
bool half_open_tick(struct engine *engine, uint64_t now_us);
/* When half_open_tick() is next worth calling; UINT64_MAX: never, unless a frame comes. */
uint64_t half_open_next(const struct engine *engine, uint64_t now_us);

#endif
