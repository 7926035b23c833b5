/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * file_hands.h - replaces the store's files for a process that may open none itself.
 *
 *      we                                    whoever has the right to
 *      begin() -- which file -->             atomic_file_begin()
 *              <-- a file, open and empty
 *      write()
 *      end()   -- which, and how it went --> atomic_file_end()
 *
 * Which file that is was settled before, by the one who has the right: no name goes that way.
 */
#ifndef SYNWARD_PROFILES_STORE_FILE_HANDS_H
#define SYNWARD_PROFILES_STORE_FILE_HANDS_H

#include <stdbool.h>
#include <stddef.h>

#include "profiles/error.h"

enum kept_file {
    KEPT_STORE,
    KEPT_VOTES,
    KEPT_STATE,
    KEPT_FLOWS,
    KEPT_JOINED,
    KEPT_LISTS,
    KEPT_FILES
};

struct file_hands {
    /* The file to write to, which the caller closes; -1 with an error. */
    int (*begin)(void *context, enum kept_file which, struct error *error);
    /* `reason` 0: all is written, and the file takes the place of the old one; else the errno of
     * what failed. */
    bool (*end)(void *context, enum kept_file which, int reason, struct error *error);
    bool (*exists)(void *context, enum kept_file which);
    void (*remove)(void *context, enum kept_file which);
    void *context;
};

bool file_hands_save(const struct file_hands *hands, enum kept_file which, const void *bytes,
                     size_t length, struct error *error);

#endif
