/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * handover.h - what a shard leaves to the shard of the next process, so that connections go on.
 *
 *      the old one, at its end                            the new one, before its first frame
 *      handover_end()      until it says no               takeover_server()   of each
 *      handover_servers(), _tags(), _flows(), _watches(), takeover_tag()      of each
 *      handover_waiting(), handover_pieces()              takeover_flow()     of each
 *                                                         takeover_watch()    of each
 *                                                         takeover_waiting()  of each
 *                                                         takeover_piece()    of each, last
 *                                                         takeover_carry()    until it says no
 *      what the kernel still carries for it               takeover_again()    of each, joined
 *
 * Both have the same keys, the same table_seed and one clock. Tags are found by hashes, so they go
 * only to a shard whose tables have the same size, of as many shards.
 *
 * Other versions read these structs: whoever changes one, or what its numbers mean, changes its
 * form (bridge/takeover_forms.c). Promises (server/policy.h) and states (tables/flow.h) are among
 * them.
 *
 * What comes in may have been written by somebody who had taken over the old process: no value of
 * it leads out of a table or shifts by more than a window scale.
 *
 * What was acknowledged of requests that are not whole goes in pieces: handover_kept.h.
 *
 * An opening has more to it than can be handed over: it ends, and its server is reset. Whose client
 * was told nothing of its request, and will repeat it, is forgotten, a greeting that was said to it
 * or not: its cookie is good in the new shard. Of which a part was acknowledged is kept again where
 * the server has not answered, and opened anew. All others are reset, at both ends. So is
 * what was spliced by a process of a version whose rows cannot be read: takeover_lost().
 */
#ifndef SYNWARD_ENGINE_STAGES_HANDOVER_H
#define SYNWARD_ENGINE_STAGES_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/shard/shard.h"
#include "engine/tables/joined_log.h"
#include "engine/tcp/segment.h"

struct handed_server {
    struct server_key key;
    uint16_t cause; /* enum trigger_cause */
    uint32_t attacked, cause_value;
    uint32_t held_peak;
    uint32_t opened;                      /* the number of the last connection (capacity.h) */
    uint32_t answers_usual, answers_seen; /* in calm, likewise */
    uint32_t usual_windows;               /* of `usual`, what is asked of it (trigger.h) */
    uint64_t usual;
    uint64_t since_us, attack_ended_us, answered_us, back_us, peak_us;
};

struct handed_tag {
    uint32_t place, tag;
};

/* A connection that is watched for being slow. */
struct handed_watch {
    struct flow_key key;
    struct watched watched;
};

/* A client that waits for a greeting, and has nothing to say that it could repeat: what we have
 * said to it we say again until it answers (tables/resend.h). */
struct handed_waiting {
    struct flow_key key;
    uint32_t seq, ack, tsecr, generation;
    uint64_t sent_us; /* for the first time */
    uint16_t mss, ahead;
    uint8_t window_scale, sack, ecn;
    uint8_t greeting; /* that was said, or is due; else the SYN-ACK */
    uint8_t said;     /* 0: its grace was not over */
    uint8_t timestamps, offered;
    struct link_header link;
    uint8_t proved; /* its cookie: a SYN-ACK's client */
    uint8_t unused[5];
};

_Static_assert(sizeof(struct handed_waiting) == 104, "no padding but what is named");

/* Numbers for good. One more widens takeover_common.places, which is then another field, and
 * optional. */
enum handed_tags { HANDED_SERVED, HANDED_GREETED, HANDED_ANSWERED, HANDED_SLOW, HANDED_TAGS };

/* --- the old one ------------------------------------------------------------------------------ */

/* Ends openings, a bounded number, and begins none any more: who asks is left to repeat it. True:
 * there are more; call again after emptying the outbox. */
bool handover_end(struct engine *engine, uint64_t now_us);

/* Each goes on at `*cursor` (0 at first), writes up to `max` and returns how many; fewer than
 * `max`: these were the last. */
uint32_t handover_flows(const struct engine *engine, uint32_t *cursor, struct handed_flow *out,
                        uint32_t max);
uint32_t handover_servers(const struct engine *engine, uint32_t *cursor, struct handed_server *out,
                          uint32_t max);
uint32_t handover_watches(const struct engine *engine, uint32_t *cursor, struct handed_watch *out,
                          uint32_t max);
uint32_t handover_waiting(const struct engine *engine, uint32_t *cursor, struct handed_waiting *out,
                          uint32_t max);
/* How many places the table has: tags go into one that has as many. */
uint32_t handover_places(const struct engine *engine, enum handed_tags which);
uint32_t handover_tags(const struct engine *engine, enum handed_tags which, uint32_t *cursor,
                       struct handed_tag *out, uint32_t max);

/* --- the new one ------------------------------------------------------------------------------ */

void takeover_server(struct engine *engine, const struct handed_server *from, uint64_t now_us);
/* False: there is no room for it, or it is none that is handed over. */
bool takeover_flow(struct engine *engine, const struct handed_flow *from, uint64_t now_us);
/* Has the kernel carry what is joined, before the first frame; as carry_all_joined(). */
bool takeover_carry(struct engine *engine, uint32_t *cursor);
/* Of a joined one that was taken over: how far the old one's kernel had carried it in the end. */
void takeover_again(struct engine *engine, const struct handed_flow *from, uint64_t now_us);
/* Of a connection that cannot be taken over: whatever comes of it is answered by a reset. True: it
 * is remembered from now on. False: its tuple is there already, or there is no room. */
bool takeover_lost(struct engine *engine, const struct flow_key *key, uint64_t now_us);
/* Numbers of what is taken over are of a while ago, and no record says what has come since. */
void takeover_came_late(struct engine *engine);
/* Of a flow that was taken over. */
void takeover_watch(struct engine *engine, const struct handed_watch *from);
/* One whose source has its share in the new one already is left to its own timeout. */
void takeover_waiting(struct engine *engine, const struct handed_waiting *from, uint64_t now_us);
void takeover_tag(struct engine *engine, enum handed_tags which, const struct handed_tag *from);

#endif
