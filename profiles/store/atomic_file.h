/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * atomic_file.h - a file that is replaced as a whole.
 *
 *      PATH.new (locked, emptied, written, fsync) --rename--> PATH, fsync of the folder
 *
 * Whoever looks sees the old file or the new one, also after a crash. PATH.new has one fixed name,
 * so that a crash leaves at most one such file, which the next save uses again. Two processes that
 * save to one path are kept apart by a lock on it; a lock dies with its process.
 */
#ifndef SYNWARD_PROFILES_STORE_ATOMIC_FILE_H
#define SYNWARD_PROFILES_STORE_ATOMIC_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "profiles/error.h"

struct atomic_file {
    const char *path;  /* symbolic links followed */
    const char *what;  /* it is, in errors: "store" */
    const char *owner; /* the file whose owner it is to have, where that is there; NULL: ours */
    mode_t mode;
    bool keeps_mode; /* of the file that is there */
    bool unsynced;   /* what a crash of the machine leaves of it is of no use */
};

bool atomic_file_save(const struct atomic_file *file, const void *bytes, size_t length,
                      struct error *error);

/* The same in steps, for bytes that somebody else writes. */
struct atomic_saving {
    const struct atomic_file *file; /* outlives the saving */
    char *beside;                   /* PATH.new */
    int fd;                         /* to be written to; -1: nothing was begun */
};

bool atomic_file_begin(struct atomic_saving *saving, const struct atomic_file *file,
                       struct error *error);
/* 0, or an errno. */
int atomic_file_write(int fd, const void *bytes, size_t length);
/* `reason` 0: all is written; else the errno of what failed. What was begun is over either way. */
bool atomic_file_end(struct atomic_saving *saving, int reason, struct error *error);

/* The folder that `path` lies in; the caller frees it. */
char *atomic_file_folder(const char *path);

#endif
