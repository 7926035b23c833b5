/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sync_memory.h - the newest version of each value that was seen, so that nothing older is believed
 * again.
 *
 * It grows with values that were made by the key file only, up to SYNC_MEMORY_MOST. Then what is
 * over gives room: a value that ended as late as any that was seen there can be played again, and
 * counts for nothing. Beyond that nothing new is believed.
 */
#ifndef SYNWARD_CLI_SYNC_MEMORY_H
#define SYNWARD_CLI_SYNC_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/sync_seal.h"
#include "cli/sync_seen.h"

#define SYNC_MEMORY_MOST 131072u

/* What is known of one value. All zero: nothing. */
struct sync_known {
    uint64_t version;
    uint64_t floor; /* the newest version that a process before this one has seen */
    uint8_t id[SYNC_SEEN_ID_BYTES];
    uint64_t until_ms; /* the latest end of all values that were seen there */
    char writer[SYNC_WRITER_BYTES];
    uint64_t refused_ms;            /* when the daemon refused what it says; 0: it takes it */
    uint64_t acted_ms;              /* when it was written or handed on last */
    uint64_t told_ms, told_version; /* when the daemon was told of it last, and of which */
    /* Of counts: those read last, in which version and when, and what they grow by in 2 s. */
    uint64_t sent, foreign, count_version, count_ms;
    double sent_pace, foreign_pace;
    uint64_t seen;       /* the pass over its hash in which it stood in the store last */
    uint64_t handed;     /* of a rule: the round in which it was handed on */
    uint64_t daemon;     /* which of our daemons was told of it (`struct sync`) */
    bool untaken;        /* of an operator's word: the daemon has not taken it, and is told again */
    char state[36];      /* of an operator's word, or list */
    int64_t until_s;     /* the same; 0: until it is taken away */
    char head[68];       /* of a profile: how its text begins, with the MAC */
    char mark[33];       /* of a profile that we teach: what is promised and enforced by it */
    bool gone;           /* of a profile: an operator had it forgotten, and nobody has one since */
    int64_t forgotten_s; /* when that was said last (wall time); 0: never */
    int64_t said_s;      /* the same by our daemon, by its clock */
    uint8_t settings[16]; /* of a profile: digest of what the operator set, as its teacher has it */
};

struct sync_memory;

/* `seen` (may be NULL) outlives it. */
struct sync_memory *sync_memory_new(const struct sync_seen *seen);
void sync_memory_free(struct sync_memory *memory);
/* Finds, or with `make` makes, what is known of the value there. NULL: nothing, or there is no
 * room. Good until the next one is made. */
struct sync_known *sync_memory_of(struct sync_memory *memory, struct sync_place place, bool make);
/* Where it is full: forgets what was over before then. What was found before is no longer good. */
void sync_memory_make_room(struct sync_memory *memory, uint64_t before_ms);

#endif
