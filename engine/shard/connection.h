/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * connection.h - the life of a flow together with what hangs on it: its server's counts of those
 * that are half-open and that it holds, the triggers, the learner.
 */
#ifndef SYNWARD_ENGINE_SHARD_CONNECTION_H
#define SYNWARD_ENGINE_SHARD_CONNECTION_H

#include "engine/shard/shard.h"

/* A source that holds more than its share has this, or an eighth of the server's peak (rule 2.6) */
#define HELD_SOURCE_LEAST 8u

/* Of the source of a connection at its server. */
uint64_t held_hash(const struct engine *engine, const struct flow_key *key);
/* Of the network of that source, likewise. */
uint64_t held_network_hash(const struct engine *engine, const struct flow_key *key);
/* How many connections a source may hold at a server that holds more than usual. */
uint32_t held_share(const struct engine *engine, const struct server *server);

/* The connection of this number was answered; `prompt`: at once. */
void capacity_heard(struct server *server, uint32_t number, bool prompt);
/* The server's first answer, in calm. */
void engine_flow_answered(struct engine *engine, const struct flow *flow, uint64_t now_us);
void flow_bind_server(struct engine *engine, struct flow *flow, struct server *server);
/* That of its address and port, where it is known. */
void engine_flow_find_server(struct engine *engine, struct flow *flow);
/* The server has closed it. */
void engine_flow_server_fin(struct engine *engine, struct flow *flow);
/* Its client is who he says he is, and has what he came for (tcp/regulars.h). */
void engine_note_regular(struct engine *engine, struct flow *flow, uint64_t now_us);
/* flow_set_state() and the counts of the flow's server. */
void engine_flow_state(struct engine *engine, struct flow *flow, enum flow_state state,
                       uint64_t now_us);
/* That of a key, made where there is none, if need be in the place of one that little is known of;
 * NULL: there is no room. */
struct server *engine_server_new(struct engine *engine, const struct server_key *key,
                                 uint64_t now_us);
/* Gives its slot back; nothing points to it. */
void engine_server_forget(struct engine *engine, struct server *server);
/* A SYN-ACK of the server was seen. */
void engine_server_answered(struct engine *engine, struct server *server, uint64_t now_us);
/* Looks whether a trigger of the server fires, after something that it counts; `server` may be
 * NULL. */
void engine_look_at_triggers(struct engine *engine, struct server *server, uint64_t now_us);
static inline void engine_check_triggers(struct engine *engine, struct server *server,
                                         uint64_t now_us)
{
    if (server && server_trigger_due(&engine->servers, server, now_us))
        engine_look_at_triggers(engine, server, now_us);
}
/*
 * A handshake is under way that the flow table has no room for: it counts as half-open for a while,
 * or until its client completes it. A full table must not hide what fills the server's backlog.
 */
void engine_half_open_lost(struct engine *engine, struct server *server, const struct flow_key *key,
                           uint32_t x, uint64_t now_us);
void engine_half_open_completed(struct engine *engine, struct server *server,
                                const struct flow_key *key, uint32_t x, uint64_t now_us);
/* A new flow, after making room where the table is full; NULL: nothing may go. */
struct flow *engine_flow_new(struct engine *engine, const struct flow_key *key,
                             enum flow_state state, uint64_t now_us);
/* Frees a flow with all that hangs on it. */
void engine_flow_free(struct engine *engine, struct flow *flow);
/* Makes a flow closing, and says so to the learner. */
void engine_flow_close(struct engine *engine, struct flow *flow, enum flow_end reason,
                       uint64_t now_us);

#endif
