/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * forgotten.h - profiles that the operator had forgotten here, for the other bridges, which are to
 * forget them as well.
 *
 * Kept for a day, FORGOTTEN_MOST at most, the newest ones. Main thread only.
 */
#ifndef SYNWARD_BRIDGE_CLUSTER_FORGOTTEN_H
#define SYNWARD_BRIDGE_CLUSTER_FORGOTTEN_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/addr.h"
#include "profiles/store/store.h"

#define FORGOTTEN_MOST   256u
#define FORGOTTEN_KEPT_S 86400

/* All zero: none. In the order in which they were said. */
struct forgotten {
    struct {
        struct server_key server;
        int64_t at_s; /* wall time */
    } of[FORGOTTEN_MOST];
    uint32_t count;
};

/* What was said of the server before, and what is over, goes; then the oldest, for want of room:
 * true. */
bool forgotten_note(struct forgotten *forgotten, const struct server_key *server, int64_t now_s);
/* The operator has imported profiles: what he said of those that are there again is taken back. */
void forgotten_imported(struct forgotten *forgotten, const struct store *store);
/* The profile is older than the word. `here`: of this bridge, where one that nobody else has taught
 * has been imported since. */
bool forgotten_means(const struct profile *profile, int64_t at_s, bool here);

#endif
