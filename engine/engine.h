/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * engine.h - the decision: frames in, verdicts out.
 *
 * An engine is one shard: it belongs to one thread, is made in memory that the caller gives, and
 * makes no system call, reads no clock, allocates nothing after init, logs nothing and has no
 * global. Time comes in as microseconds of one monotonic clock that every shard shares (cookies of
 * one shard are good in another). Both directions of a flow must reach the same shard.
 *
 *      engine_input(frame) -> verdict       + outbox (segments of our own)  + observations
 *      engine_tick(now)    -> more work?    + outbox                        + observations
 *
 * After each of the two the caller empties the outbox (engine_outbox(), then outbox.count =
 * outbox.used = 0); the observation queue is emptied once a batch (count = 0).
 */
#ifndef SYNWARD_ENGINE_ENGINE_H
#define SYNWARD_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/addr.h"
#include "engine/base/counters.h"
#include "engine/dispatch.h"
#include "engine/shard/config.h"
#include "engine/shard/observation.h"
#include "engine/server/figures.h"
#include "engine/server/policy.h"
#include "engine/tables/carried.h"
#include "engine/tables/source.h"
#include "engine/shard/verdict.h"

struct engine;

/* Fills in the defaults that shard/config.h names; keys and table_seed stay zero and are the
 * caller's to set. */
void engine_config_defaults(struct engine_config *config);

/*
 * One of `shards`, at least 1: tables whose entries belong to connections are divided among them,
 * so that all together hold what one would; every shard meets all servers and sources. Limits are
 * divided by what uses them.
 */
void engine_config_share(struct engine_config *config, uint32_t shards);

/* Bytes that engine_init() needs. */
size_t engine_bytes(const struct engine_config *config);

/*
 * Makes an engine in `memory` (aligned to 64, zeroed, engine_bytes() long; it stays the caller's,
 * and dies with the engine). Memory is touched only as it is used. The setting is SETTING_AUTO, no
 * policy.
 */
struct engine *engine_init(void *memory, const struct engine_config *config, uint64_t now_us);

/* Does what is due by `now_us`, a bounded amount. True: more is due, call again after emptying the
 * outbox. */
bool engine_tick(struct engine *engine, uint64_t now_us);
/* When engine_tick() is next worth calling; UINT64_MAX: never, unless a frame comes. */
uint64_t engine_next_deadline(const struct engine *engine);

struct outbox *engine_outbox(struct engine *engine);
struct observation_queue *engine_observations(struct engine *engine);
/* The worker counts its frames here too. */
struct counters *engine_counters(struct engine *engine);

/*
 * What the kernel is to be told of the connections that it carries (tables/carried.h), at least
 * once a batch; then orders_count = 0. NULL: it carries none.
 */
struct carried *engine_carried(struct engine *engine);
/* Once a batch, where there is a touched_count: whether there is anything to settle. */
bool engine_settle_is_due(struct engine *engine);
/* To be called then, when all that was to be written has been. */
void engine_settle(struct engine *engine);
/* What was taken over of servers in attack mode is written for the kernel. Before the first tick.
 */
void engine_begin_answers(struct engine *engine, uint64_t now_us);
/* After a while in which nobody was alive, as unseen_look(). */
bool engine_look_for_ends(struct engine *engine, uint32_t *cursor, uint64_t now_us);

/*
 * For which servers the kernel answers SYNs (stages/answering.h): what it is to be told of that
 * after each engine_tick() that says that nothing more is due; then orders_count = 0. NULL: it
 * answers for nobody.
 */
struct answering *engine_answering(struct engine *engine);
/* The same for servers of which the kernel tells (stages/telling.h). NULL: it tells of nothing. */
struct telling *engine_telling(struct engine *engine);

/* From here on the engine reads `policy` (may be NULL) and no longer the one before. */
void engine_adopt_policy(struct engine *engine, const struct policy *policy, uint64_t now_us);

/*
 * The operator's setting, for all (server NULL) or for one. NORMAL and ATTACK are in force on
 * return; AUTO leaves the mode as it is.
 */
void engine_set_setting(struct engine *engine, const struct server_key *server,
                        enum mode_setting setting, uint64_t now_us);
/*
 * The main thread's word under AUTO: another shard fired, for this cause and figure, or this one,
 * whose report is confirmed so; or it has been quiet long enough (MODE_NORMAL, TRIGGER_NONE).
 */
void engine_set_mode(struct engine *engine, const struct server_key *server, enum mode mode,
                     enum trigger_cause cause, uint32_t value, uint64_t now_us);
/*
 * Clients are spread among so many bridges, of which this is one: each acts at that part of a
 * trigger's limit, but for sums (engine_hears_all()). At least 1.
 */
void engine_set_bridges(struct engine *engine, uint32_t bridges);
/* Of the cookies that a server's clients were asked for here in 2 s, so many came back at other
 * bridges (server/trigger.h): to be said once a second. */
void engine_set_returned(struct engine *engine, const struct server_key *server, uint32_t returned,
                         uint64_t now_us);
/* What other bridges have counted of a server, this shard's part of it (server/trigger.h). */
void engine_set_others(struct engine *engine, const struct server_key *server,
                       const struct trigger_others *others, uint64_t now_us);
/* Of all servers that is told: who is not named has counted next to nothing. To be said once a
 * second, behind it; while it is not, each acts at its part of the limits. */
void engine_hears_all(struct engine *engine, uint64_t now_us);
/* How far wall time is ahead of `now_us`, where cookies are shared: to be said once a second or so
 * (tcp/cookie.h). */
void engine_steer(struct engine *engine, uint64_t ahead_us, uint64_t now_us);
/* Another shard has seen a server answer (OBSERVED_ANSWERED). */
void engine_set_answered(struct engine *engine, const struct server_key *server, uint64_t now_us);
/* A client of a server that is asked over UDP has asked another shard over TCP (OBSERVED_PROVED).
 */
void engine_set_proved(struct engine *engine, const struct server_key *server,
                       const struct ip_addr *client, uint64_t now_us);
/*
 * How full the accept queue of a server is, asked of its TCP stack by the main thread: `used` of
 * `limit` connections (0: not known). It counts for 5 s.
 */
void engine_set_accept_queue(struct engine *engine, const struct server_key *server, uint32_t used,
                             uint32_t limit, uint64_t now_us);

/*
 * Whether anybody listens on this port, asked of the same: a server that is listened on is known
 * from then on, before its first connection; new clients of one that is not, in attack mode, are
 * refused as it would refuse them.
 */
void engine_set_listening(struct engine *engine, const struct server_key *server, bool listening,
                          uint64_t now_us);
/* What was said so is true at this moment. It is believed for LISTENING_FRESH_US (server.h). */
void engine_listening_fresh(struct engine *engine, uint64_t now_us);

/* What all servers have in common, in the place of engine_config's: for those that are known, too.
 */
void engine_configure(struct engine *engine, const struct trigger_limits *triggers,
                      enum unknown_servers unknown);

/* Of the operator, or of another shard (SOURCE_BY_JUDGEMENT). False: there is no room for more
 * rules of the operator. */
bool engine_set_source(struct engine *engine, const struct source_rule *rule, uint64_t now_us);
/* Lists of the operator's, in the place of those before; they stay the caller's, until others have
 * taken their place. NULL: none. */
void engine_set_source_lists(struct engine *engine, const struct source_lists *lists);
bool engine_has_source_lists(const struct engine *engine);
/* Also what was judged of it. False: nothing is known of this prefix. */
bool engine_forget_source(struct engine *engine, const struct ip_addr *prefix, uint8_t length);
/* Writes up to `max` sources that are limited, put aside or allowed; returns how many there are. */
uint32_t engine_sources(const struct engine *engine, struct source_info *out, uint32_t max,
                        uint64_t now_us);
/* Another number where more of them may have been put aside since. */
uint32_t engine_sources_changes(const struct engine *engine);

/*
 * X(name, text): tables that an attack could fill. `stats --json`, the events and this struct are
 * made from the list, so that names cannot drift.
 */
#define ENGINE_TABLES(X)                                                                           \
    X(flows, "connections that live")                                                              \
    X(openings, "connections being opened to servers")                                             \
    X(holds, "connections being opened whose data is held")                                        \
    X(assemblies, "first requests that came in part")                                              \
    X(greetings, "greetings that may have to be said again")                                       \
    X(synacks, "SYN-ACKs that may have to be said again")                                          \
    X(servers, "servers")                                                                          \
    X(rules, "the operator's rules for sources")

struct table_use {
    uint32_t used, size; /* entries */
};

struct engine_use {
#define ENGINE_TABLE_FIELD(name, text) struct table_use name;
    ENGINE_TABLES(ENGINE_TABLE_FIELD)
#undef ENGINE_TABLE_FIELD
};
void engine_use(const struct engine *engine, struct engine_use *out);

struct server_info {
    struct server_key key;
    enum mode mode;
    enum mode_setting setting; /* SETTING_INHERIT: none of its own */
    uint64_t since_us;         /* of the mode */
    enum trigger_cause cause;  /* of the mode, TRIGGER_NONE where the operator set it */
    uint32_t cause_value;
    uint32_t held;      /* connections that are open at it */
    uint32_t held_mark; /* of these, not limited in attack mode (stages/held.h) */
    uint32_t held_peak; /* the most in calm */
    uint32_t ended;     /* slow connections that were ended at it, ever */
    const char *dead;   /* why it serves nobody, static text; NULL: as far as is known it does */
    struct server_figures figures;
    uint32_t half_open_limit; /* of half_open, beyond which the trigger fires; TRIGGER_OFF: never */
    uint32_t usual;           /* SYNs in 2 s of calm; 0: not known yet */
    uint32_t foreign; /* cookies that came back here and were not asked here lately; wraps */
    struct trigger_others counted; /* what other bridges are to know of it */
    uint32_t silent_limit;         /* as half_open_limit */
    const char *no_grants; /* why its own TCP makes no connections of cookies, static text; NULL: it
                              does, or is not asked to */
};
/* Writes up to `max` servers; returns how many there are. */
uint32_t engine_servers(const struct engine *engine, struct server_info *out, uint32_t max,
                        uint64_t now_us);

struct flow_info {
    struct flow_key key;
    const char *state; /* static text */
    bool spliced;
    uint32_t delta; /* server to client: seq += delta */
    uint64_t age_us;
};
/* Writes up to `max` flows; returns how many there are. */
uint32_t engine_flows(const struct engine *engine, struct flow_info *out, uint32_t max,
                      uint64_t now_us);

#endif
