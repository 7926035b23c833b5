/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sync_memory.h - the newest version of each value that was seen, so that nothing older is believed
 * again.
 *
 * It grows with values that were made by the key file only, up to SYNC_MEMORY_MOST; beyond that
 * nothing new is believed.
 */
#ifndef SYNWARD_CLI_SYNC_MEMORY_H
#define SYNWARD_CLI_SYNC_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/sync_seal.h"

#define SYNC_MEMORY_MOST 65536u

/* What is known of one value. All zero: nothing. */
struct sync_known {
    uint64_t version;
    char writer[SYNC_WRITER_BYTES];
    uint64_t acted_ms; /* when it was written or handed on last */
    uint64_t told_ms;  /* of an attack: when the daemon was told last */
    /* Of counts: those read last, in which version and when, and what they grow by in 2 s. */
    uint64_t sent, foreign, count_version, count_ms;
    double sent_pace, foreign_pace;
    uint64_t seen;        /* of a rule: the round in which it stood in the store */
    uint64_t handed;      /* of a rule: the round in which it was handed on */
    char state[12];       /* of a rule */
    int64_t until_s;      /* the same; 0: until it is taken away */
    char head[68];        /* of a profile: how its text begins, with the MAC */
    char mark[33];        /* of a profile that we teach: what is promised and enforced by it */
    uint8_t settings[16]; /* of a profile: digest of what the operator set, as its teacher has it */
};

struct sync_memory;

struct sync_memory *sync_memory_new(void);
void sync_memory_free(struct sync_memory *memory);
/* Finds, or with `make` makes, what is known of the value there. NULL: nothing, or there is no
 * room. Good until the next one is made. */
struct sync_known *sync_memory_of(struct sync_memory *memory, struct sync_place place, bool make);

#endif
