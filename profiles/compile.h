/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compile.h - from profiles to the engine's policy.
 */
#ifndef SYNWARD_PROFILES_COMPILE_H
#define SYNWARD_PROFILES_COMPILE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/server/policy.h"
#include "profiles/store/store.h"

/*
 * Makes the policy for all profiles of the store. `previous` (may be NULL) is the policy now in
 * force: promises whose bytes are the same keep their generation; a changed promise moves the old
 * one to `before` for COOKIE_LIFETIME_US from `now_us`, and waits where `before` is still in use.
 * Of a store that is shared the generation is a hash of what is promised, the same in each bridge.
 * The caller owns the result (free()). NULL: out of memory.
 */
struct policy *policy_compile(const struct store *store, const struct policy *previous,
                              uint64_t now_us);

/*
 * The same in pieces. The store may change between two of them: each profile is taken as it is at
 * its piece, and what comes behind the piece that it belongs into, or beyond as many as there were
 * at the beginning, waits for the next policy. `previous` must stay in force until the end.
 */
#define POLICY_PIECE 64u
struct policy_compiling {
    const struct store *store;
    const struct policy *previous;
    struct policy *policy; /* the caller's when it is made; to be freed where it is given up */
    uint64_t now_us;
    uint64_t revision; /* of the store at the beginning */
    uint32_t room;
    bool unsorted;
    struct server_key last;
};
/* False: out of memory. */
bool policy_compiling_begin(struct policy_compiling *compiling, const struct store *store,
                            const struct policy *previous, uint64_t now_us);
/* True: more is to be done. */
bool policy_compiling_step(struct policy_compiling *compiling);

/*
 * What attack mode enforces of this server's clients in fact, in words: what their first requests
 * are checked by ("protocol", "keyword", "pattern"), or "unchecked: " and why. Returns `text`.
 */
#define ENFORCED_TEXT_BYTES 160
char *profile_enforced(const struct profile *profile, char text[ENFORCED_TEXT_BYTES]);

/* Changes when what the profile promises or enforces does, and with nothing else. Returns `text`.
 */
#define MARK_TEXT_BYTES 33
char *profile_mark(const struct profile *profile, char text[MARK_TEXT_BYTES]);

#endif
