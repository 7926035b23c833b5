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
 *                others
 *      figures   by node, for 5 s: what it counts of half-open and silent clients, by server
 *      rules     by prefix: the operator's last word
 *      settings  by server, and "all": the mode that the operator set last
 *      lists     by name: the list of sources that the operator imported last
 *      list:NAME:DIGEST
 *                its prefixes
 *      profiles  by server; its writer teaches it while he lives, all others take it as it is. Or
 *                that an operator had it forgotten, for a day
 *      changes   the stream: names of profiles, bounded; who fell behind reads all again
 *
 * What counts is kept here and in the daemon. A store that is empty, slow, gone, or somebody else's
 * takes nothing away: at worst nothing new is heard.
 */
#ifndef SYNWARD_CLI_SYNC_H
#define SYNWARD_CLI_SYNC_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "cli/sync_dialer.h"
#include "cli/sync_memory.h"
#include "cli/sync_seal.h"
#include "cli/sync_store.h"

#define SYNC_EVERY_MS     500u
#define SYNC_NODES_MOST   64u
#define SYNC_KEY_BYTES    192
#define SYNC_CHANGE_BYTES 48
#define SYNC_FIELD_BYTES  320

struct sync_node {
    char name[SYNC_WRITER_BYTES];
    uint64_t until_ms;
    bool dead; /* its last value stands there, and its time is over */
};

/* Hashes that are read whole, again and again. */
enum sync_hash {
    SYNC_NODES,
    SYNC_ATTACKS,
    SYNC_ASIDES,
    SYNC_COUNTS,
    SYNC_RULES,
    SYNC_SETTINGS,
    SYNC_LISTS,
    SYNC_PROFILES,
    SYNC_HASHES
};

/* Of an operator. */
enum sync_word { SYNC_WORD_RULE, SYNC_WORD_SETTING, SYNC_WORDS };

#define SYNC_LIST_KEY_BYTES 112
/* The list that is on its way. */
struct sync_list {
    enum sync_list_work { SYNC_LIST_IDLE, SYNC_LIST_READ, SYNC_LIST_WRITE } work;
    char name[64], digest[36];
    uint32_t piece, pieces; /* the next; how many, of one that is read */
    int64_t from;           /* where it goes on at the daemon */
};

/* One that is long is read in pieces, and from round to round. */
struct sync_scan {
    char cursor[24]; /* of HSCAN; "": it has been read to its end */
    uint64_t pass;
};

struct sync;
struct sync_write;
/* The store's answer to a write: what is written stands there, or (sync_replace()) something else.
 */
typedef void sync_write_taker(struct sync *sync, struct sync_known *known,
                              const struct sync_write *write, bool stands);

/* A value that is on its way into the store. */
struct sync_write {
    const char *name; /* of its hash */
    char field[SYNC_FIELD_BYTES];
    struct json_object *content;
    uint64_t until_ms;
    sync_write_taker *taken; /* NULL: nobody asks */
    /* sync_writes.c's */
    bool replaces, new; /* what stands there; nothing stood there */
    uint64_t version;
    char head[sizeof(((struct sync_known *)0)->head)];
};

#define SYNC_WRITES_MOST 64u

struct sync {
    struct sync_store store, waiting; /* the second one is told when something changes */
    bool asked_to_wait;               /* it is */
    uint64_t wait_again_ms;           /* when it is tried again (monotonic) */
    bool changed;                     /* others are to be woken */
    struct sync_seal seal;
    struct sync_write writes[SYNC_WRITES_MOST]; /* that are on their way */
    unsigned writes_count, at_once;             /* so many at most */
    uint64_t sent_ms;                           /* the first of them (monotonic) */
    struct sync_memory *memory;
    struct sync_seen *seen; /* over our end; NULL: nothing is kept */
    struct sync_dialer *daemon_dialer, *store_dialer;
    const char *control, *node;
    char instance[17]; /* of this process: two with one name are told apart */

    enum { SYNC_AWAY, SYNC_JOINED, SYNC_REFUSED } state;
    struct error why; /* it is not joined */
    uint64_t ends_ms; /* this round's time with the store (monotonic) */
    unsigned part;    /* of a round, which is next */
    bool more;        /* the daemon is to be told more than a question holds */
    struct sync_scan scan[SYNC_HASHES];
    int64_t store_ahead_us; /* the store's clock, of ours */
    unsigned refused;       /* by the daemon, so far */
    bool full_told;         /* there is no room to remember more values */
    uint64_t room_ms;       /* when room is made again (monotonic) */
    struct sync_node nodes[SYNC_NODES_MOST];
    unsigned nodes_count;                /* that live for all that is known, this one too */
    uint64_t alive_ms, alive_from_ms;    /* it said last that it lives, and since when without a gap
                                            (monotonic) */
    uint64_t forged, replayed, odd_told; /* values that nobody wrote, or wrote long ago */
    uint64_t odd_profiles, odd_seen;     /* of these, profiles */

    struct json_object *attacks, *asides;         /* of others, for the daemon */
    struct json_object *words[SYNC_WORDS];        /* the same */
    struct json_object *returned;                 /* the same: what came back elsewhere */
    struct json_object *forgotten;                /* the same: profiles */
    struct json_object *figures;                  /* the same: sums; NULL: some are not known */
    struct json_object *figures_before;           /* as they were known last; NULL: never */
    struct json_object *counts;                   /* of all bridges, as they were read last */
    struct json_object *words_before[SYNC_WORDS]; /* of the answer before; NULL: none */
    uint64_t round;
    struct json_object *lists_before; /* the same */
    struct sync_list list;
    uint64_t list_again_ms;
    struct json_object *heard; /* the daemon's last answer */
    int64_t daemon_up_s;
    uint64_t daemon;                   /* grows with each new one, which is told all again */
    uint64_t asides_from;              /* how many of its judgements it has told */
    char change[SYNC_CHANGE_BYTES];    /* the last one read */
    bool read_profiles, push_profiles; /* all of them are to be */
    bool reading;                      /* some of them are read */
    struct json_object *lookable;      /* the daemon's profiles while they are looked at */
    struct json_object *unwritten;     /* of those, where something else stands in the store */
    size_t looked;                     /* so many of them were */
    uint64_t looked_revision;
    uint64_t revision;          /* of the daemon's profiles that were looked at */
    uint64_t look_ms, count_ms; /* when they are to be looked at, and counted */
    uint64_t taught_count;      /* profiles that are in the store at least */
    uint64_t missed_told_ms;    /* when it was said that some were taken away */
};

/* `sync->store.url` and the like, seal, seen, dialers, control and node are set. False: out of
 * memory. */
bool sync_begin(struct sync *sync);
/* True while the daemon answers; else `error` says why not. */
bool sync_round(struct sync *sync, struct error *error);
/* Its part with the store, after the daemon has answered. */
bool sync_store_turn(struct sync *sync, struct error *error);
void sync_end(struct sync *sync);

/* sync_values.c */
/* "synward:CLUSTER:NAME" */
const char *sync_key(const struct sync *sync, const char *name, char key[SYNC_KEY_BYTES]);
uint64_t sync_wall_ms(void);
/* A question to the daemon (control_ask_at()). */
struct json_object *sync_ask_daemon(struct sync *sync, struct json_object *request,
                                    unsigned timeout_ms, struct error *error);
/* It has been heard lately. */
bool sync_node_lives(const struct sync *sync, const char *name);
/* False: what is long goes on in the next round, so that a slow store keeps nobody from being heard
 * of. Each part of a round may ask the store once nevertheless. */
bool sync_has_time(const struct sync *sync);
void sync_note(struct sync *sync, struct sync_known *known, const struct sync_value *value);
/* Takes a value: false where nobody of the cluster wrote it, or one that is newer was seen.
 * `known`: what is remembered of it, with its version. */
bool sync_take(struct sync *sync, const char *name, const char *field, const redisReply *text,
               struct sync_value *value, struct sync_known **known);

/* A value that a bridge has written into the store, as sync_read_hash() hands it on. All is
 * borrowed for the call: a taker that keeps `content` takes a reference (json_object_get()), and
 * may add to it. `known` is the taker's to change. */
struct sync_heard {
    const char *field;
    const struct sync_value *value;
    struct sync_known *known;
    struct json_object *content;
    uint64_t now_ms; /* of the wall clock */
};

typedef void value_taker(struct sync *sync, const struct sync_heard *heard);
/* Values of a hash whose time is not over, and ends within `most_ms`: all, as far as the round's
 * time goes. */
bool sync_read_hash(struct sync *sync, enum sync_hash hash, uint64_t most_ms, value_taker *take,
                    struct error *error);
/* The pass over it that was made last is whole. */
bool sync_has_read(const struct sync *sync, enum sync_hash hash);
/* What is known of a value, made where nothing is; NULL: there is no room. */
struct sync_known *sync_known_of(struct sync *sync, const char *name, const char *field);
/* It was taken away from the store, and this bridge is the one to say it again. */
bool sync_is_missed(const struct sync *sync, enum sync_hash hash, const struct sync_known *known);
/* One step of it, as it stands there. */
typedef bool scan_taker(void *context, const redisReply *field, const redisReply *text,
                        struct error *error);
bool sync_scan(struct sync *sync, enum sync_hash hash, scan_taker *take, void *context,
               struct error *error);

/* sync_writes.c */
/* The newest version that was seen of it. */
uint64_t sync_newest_of(const struct sync_known *known);
/* How many writes may be on their way after so many took so long, of which the store says nothing.
 */
unsigned sync_more_at_once(unsigned at_once, uint64_t took_ms);
/*
 * Seals a value and has it on its way: sync_settle() waits for the answers to all that are, and
 * must come before the store is asked anything else. Where it replaces another, that is the newest
 * that was seen. False: the store is away, or has refused one of those before.
 */
bool sync_write(struct sync *sync, const struct sync_write *write, struct error *error);
/* The same, where the value that stands there still begins with `head` ("": there is none; "*":
 * whatever stands there), and with a word in `changes`. */
bool sync_replace(struct sync *sync, const struct sync_write *write, const char *head,
                  struct error *error);
/* False: one of them is refused, or was on its way when the connection ended; `error` is that
 * one's, if it is not set. */
bool sync_settle(struct sync *sync, struct error *error);
/* A part of a value that says which parts it has: of itself it says nothing. At once. */
bool sync_write_piece(struct sync *sync, const char *name, const char *field,
                      struct json_object *content, uint64_t until_ms, struct error *error);

/* sync_forgotten.c: profiles that the operator had forgotten. */
bool sync_forgotten_say(struct sync *sync, struct error *error);
/* A value among the profiles that says so. False: it does not. */
bool sync_forgotten_take(struct sync *sync, const struct sync_value *value,
                         struct sync_known *known, struct json_object *content);

/* sync_attacks.c */
bool sync_attacks_say(struct sync *sync, struct error *error);
bool sync_attacks_hear(struct sync *sync, struct error *error);
bool sync_asides_say(struct sync *sync, struct error *error);
bool sync_asides_hear(struct sync *sync, struct error *error);
/* What the daemon did not take of what it was told last: named once, and not told again soon. */
void sync_note_refused(struct sync *sync);

/* sync_changes.c */
#define SYNC_CHANGES_KEPT "10000"
/* Wakes the others where something was written that they are to hear at once. */
bool sync_changes_say(struct sync *sync, struct error *error);
/* Has it wait, where it does not. */
void sync_changes_wait(struct sync *sync);
/* Readable when something has changed: then sync_changes_heard(). -1: nobody would say so. */
int sync_changes_fd(const struct sync *sync);
void sync_changes_heard(struct sync *sync);
/* sync_counts.c: which cookies came back elsewhere. */
bool sync_counts_turn(struct sync *sync, struct error *error);
/* sync_figures.c: what all bridges count. */
bool sync_figures_turn(struct sync *sync, struct error *error);
/* sync_words.c: the operator's word. */
bool sync_words_turn(struct sync *sync, struct error *error);
/* sync_lists.c: his lists of sources. */
bool sync_lists_turn(struct sync *sync, struct error *error);
/* sync_profiles.c: reads what others teach, and teaches. */
bool sync_profiles_turn(struct sync *sync, struct error *error);

#endif
