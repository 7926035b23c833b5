/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store_claim.h - the store of a daemon: it has it alone, and one that does not read does not stop
 * it.
 *
 *      STORE.lock           locked (flock) by the daemon, whose process id it holds. A lock dies
 *                           with its process; the file is removed at an orderly end
 *      STORE.broken-DATE    a store that did not read, and STORE.broken-DATE.votes its votes: once
 *                           it is repaired both can be put back, or the store be imported
 */
#ifndef SYNWARD_PROFILES_STORE_STORE_CLAIM_H
#define SYNWARD_PROFILES_STORE_STORE_CLAIM_H

#include "profiles/store/store.h"

struct store_claim {
    char *lock_path; /* NULL: nothing is claimed */
    int fd;          /* of the lock; -1: the folder cannot be written to, nor then the store */
};

/*
 * False: what is there is no regular file, or another process has claimed it; `error` says which.
 * A missing file is claimed too.
 */
bool store_claim(struct store_claim *claim, const char *path, struct error *error);
/* Could it be claimed, if no other process had it? Nothing is touched. */
bool store_check(const char *path, struct error *error);
void store_unclaim(struct store_claim *claim);

/*
 * Moves a claimed store that does not read out of the way, and its votes. `moved` is the new path,
 * the caller frees it; NULL: it cannot be moved, and `error` says why.
 */
char *store_put_aside(const char *path, struct error *error);

#endif
