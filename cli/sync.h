/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sync.h - what `synward sync` does twice a second, between a daemon and the store of its
 * cluster.
 *
 *      daemon -- what happens here --> sync -- values, sealed --> store
 *             <-- what is so elsewhere     <-- values of others --
 *
 * The store has, under "synward:CLUSTER:", hashes whose values are sealed (sync_seal.h) and say
 * until when they count, and one stream:
 *
 *      meta      "key": fingerprint of the key file; who has another one may not join
 *      nodes     by name: alive, for 15 s; with N of them each acts at limit / N
 *      attacks   by server and node, for 45 s; renewed every 10 s while a trigger fires
 *      asides    by prefix and node, as long as judged
 *      counts    by server and node, for 5 s, while it is protected: cookies sent, and taken of
 * others rules     by prefix: the operator's last word profiles  by server; its writer teaches it
 * while he lives, all others take it as it is changes   the stream: names of profiles, bounded; who
 * fell behind reads all again
 *
 * What counts is kept here and in the daemon. A store that is empty, slow, gone, or somebody else's
 * takes nothing away: at worst nothing new is heard.
 */
#ifndef SYNWARD_CLI_SYNC_H
#define SYNWARD_CLI_SYNC_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/sync_memory.h"
#include "cli/sync_seal.h"
#include "cli/sync_store.h"

#define SYNC_EVERY_MS     500u
#define SYNC_NODES_MOST   64u
#define SYNC_KEY_BYTES    128
#define SYNC_CHANGE_BYTES 48

struct sync_node {
    char name[SYNC_WRITER_BYTES];
    uint64_t until_ms;
    bool dead; /* its last value stands there, and its time is over */
};

struct sync {
    struct sync_store store;
    struct sync_seal seal;
    struct sync_memory *memory;
    const char *control, *node;
    char instance[17]; /* of this process: two with one name are told apart */

    enum { SYNC_AWAY, SYNC_JOINED, SYNC_REFUSED } state;
    struct error why; /* it is not joined */
    struct sync_node nodes[SYNC_NODES_MOST];
    unsigned nodes_count;                /* that live for all that is known, this one too */
    uint64_t forged, replayed, odd_told; /* values that nobody wrote, or wrote long ago */
    uint64_t odd_profiles, odd_seen;     /* of these, profiles */

    struct json_object *attacks, *asides, *rules; /* of others, for the daemon */
    struct json_object *returned;                 /* the same: what came back elsewhere */
    struct json_object *counts;                   /* of this round */
    struct json_object *rules_before;             /* of the answer before; NULL: none */
    uint64_t round;
    struct json_object *heard; /* the daemon's last answer */
    int64_t daemon_up_s;
    bool tell_all;                     /* the daemon is a new one: all is told again */
    char change[SYNC_CHANGE_BYTES];    /* the last one read */
    bool read_profiles, push_profiles; /* all of them are to be */
    uint64_t revision;                 /* of the daemon's profiles that were looked at */
    uint64_t look_ms, count_ms;        /* when they are to be looked at, and counted */
    uint64_t taught_count;             /* profiles in the store that are known */
};

/* `sync->store.url` and the like, seal, control and node are set. False: out of memory. */
bool sync_begin(struct sync *sync);
/* True while the daemon answers; else `error` says why not. */
bool sync_round(struct sync *sync, struct error *error);
void sync_end(struct sync *sync);

/* "synward:CLUSTER:NAME" */
const char *sync_key(const struct sync *sync, const char *name, char key[SYNC_KEY_BYTES]);
uint64_t sync_wall_ms(void);
/* It has been heard lately. */
bool sync_node_lives(const struct sync *sync, const char *name);
/*
 * Seals and writes a value. Where it replaces another, that is the newest that was seen. False: the
 * store refuses, or is away.
 */
bool sync_write(struct sync *sync, const char *name, const char *field, struct json_object *content,
                uint64_t until_ms, struct error *error);
/* Takes a value: false where nobody of the cluster wrote it, or one that is newer was seen.
 * `known`: what is remembered of it, with its version. */
bool sync_take(struct sync *sync, const char *name, const char *field, const redisReply *text,
               struct sync_value *value, struct sync_known **known);

typedef void value_taker(struct sync *sync, const char *field, const struct sync_value *value,
                         struct sync_known *known, struct json_object *content, uint64_t now_ms);
/* All values of a hash whose time is not over, and ends within `most_ms`. */
bool sync_read_hash(struct sync *sync, const char *name, uint64_t most_ms, value_taker *take,
                    struct error *error);

/* sync_counts.c: which cookies came back elsewhere. */
bool sync_counts_turn(struct sync *sync, struct error *error);
/* sync_rules.c: the operator's word on sources. */
bool sync_rules_turn(struct sync *sync, struct error *error);
/* sync_profiles.c: reads what others teach, and teaches. */
bool sync_profiles_turn(struct sync *sync, struct error *error);

#endif
