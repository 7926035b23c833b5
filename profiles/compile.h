/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compile.h - from profiles to the engine's policy.
 */
#ifndef SYNWARD_PROFILES_COMPILE_H
#define SYNWARD_PROFILES_COMPILE_H

#include <stdint.h>

#include "engine/server/policy.h"
#include "profiles/store/store.h"

/*
 * Makes the policy for all profiles of the store. `previous` (may be NULL) is the policy now in
 * force: promises whose bytes are the same keep their generation; a changed promise moves the old
 * one to `before` for COOKIE_LIFETIME_US from `now_us`, and waits where `before` is still in use.
 * The caller owns the result (free()). NULL: out of memory.
 */
struct policy *policy_compile(const struct store *store, const struct policy *previous,
                              uint64_t now_us);

/*
 * What attack mode enforces of this server's clients in fact, in words: what their first requests
 * are checked by ("protocol", "keyword", "pattern"), or "unchecked: " and why. Returns `text`.
 */
#define ENFORCED_TEXT_BYTES 160
char *profile_enforced(const struct profile *profile, char text[ENFORCED_TEXT_BYTES]);

#endif
