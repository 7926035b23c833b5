/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store_saving.h - saves the store in pieces (store_text.h): store_save() for who has a loop to
 * turn meanwhile. The old file is there until the new one is whole.
 */
#ifndef SYNWARD_PROFILES_STORE_STORE_SAVING_H
#define SYNWARD_PROFILES_STORE_STORE_SAVING_H

#include <stdbool.h>

#include "profiles/error.h"
#include "profiles/store/atomic_file.h"
#include "profiles/store/store_text.h"

struct store_saving {
    struct store_text text;
    struct atomic_file file; /* where we replace it ourselves */
    struct atomic_saving own;
    int fd; /* -1: not begun, or over */
};

/* False: `error` says why, and there is nothing to end. */
bool store_saving_begin(struct store_saving *saving, const struct store *store, const char *path,
                        struct error *error);
/* Writes a piece more. `*ended`: it is over. False: it is over too, and was not saved. */
bool store_saving_step(struct store_saving *saving, bool *ended, struct error *error);
/* Gives it up before it is over, for `reason` (an errno). */
bool store_saving_end(struct store_saving *saving, int reason, struct error *error);

#endif
