/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store_due.h - what a store that changes asks for: a policy for the workers, and the file; both in
 * pieces, beside all else that the main thread does.
 */
#ifndef SYNWARD_BRIDGE_STORE_DUE_H
#define SYNWARD_BRIDGE_STORE_DUE_H

#include <stdbool.h>
#include <stdint.h>

#include "profiles/compile.h"
#include "profiles/error.h"
#include "profiles/store/store.h"
#include "profiles/store/store_saving.h"

struct report;
struct workers;

struct store_due {
    /* Filled in before store_due_begin(); they outlive it. */
    struct store *store;
    struct workers *workers; /* under the policy of the store as it is */
    struct report *report;
    const char *store_path;

    uint64_t compiled_revision, saved_revision;
    uint64_t compile_us, recompile_us, save_us; /* when due */
    struct policy_compiling compiling;          /* its policy NULL: not begun */
    struct store_saving saving;
    uint64_t saving_revision; /* of the store when it was begun */
};

void store_due_begin(struct store_due *due, uint64_t now_us);
void store_due_end(struct store_due *due);

/* The store may have changed: what that asks for is planned. */
void store_due_changed(struct store_due *due);
/* Does a piece of what is due. */
void store_due_turn(struct store_due *due, uint64_t now_us);
/* When there is next something to do; UINT64_MAX: not before the store changes. */
uint64_t store_due_us(const struct store_due *due);
/* The policy of the store as it is now, at once, whatever it takes. */
void store_due_compile(struct store_due *due);
/* A piece of the way there. True: a policy of this revision, or a later one, is published. */
bool store_due_compile_some(struct store_due *due, uint64_t revision);
/* The last file, at once: also where nothing changed but there is none yet. */
bool store_due_save_at_end(struct store_due *due, struct error *error);

#endif
