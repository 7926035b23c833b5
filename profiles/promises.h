/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * promises.h - what a server's clients are promised, and when another promise may take its place.
 *
 * A changed promise takes a generation of its own; the one before stays good for a cookie
 * lifetime. While clients may hold cookies of both (the profile was in attack mode lately,
 * profile.cookies_until_us), a third waits. In normal mode nobody holds any, and what is learned
 * takes effect at once. A server whose greeting changed and was learned anew during an attack is
 * therefore opened by cookie, and greets itself, until the promise of its new greeting may be
 * given. Where bridges share their cookies a new promise is good for ANNOUNCED_US before it is
 * made, in the place of the one before.
 */
#ifndef SYNWARD_PROFILES_PROMISES_H
#define SYNWARD_PROFILES_PROMISES_H

#include <stdbool.h>
#include <stdint.h>

#include <sodium.h>

#include "engine/server/policy.h"
#include "profiles/model/greeting_plan.h"
#include "profiles/model/profile.h"

/* What the profile promises now, its generation left out. `plan`: what is said for the server, or
 * NULL. */
void promise_of_profile(const struct profile *profile, const struct greeting_plan *plan,
                        struct promise *promise);

/* A hash of what is promised, the same in each bridge that makes this promise. */
uint32_t promise_generation(const struct promise *promise);

/* What was said by the one is as good in the other. */
bool promise_greetings_alike(const struct promise *a, const struct promise *b);

/*
 * Carries over what `previous` (NULL: nothing) promised, and puts the new promise, server->now,
 * beside it where it differs; it gets `generation`. `cookies_out`: clients may hold cookies.
 * `shared`: other bridges make it, too. Returns when it is to be asked again; 0: no sooner than
 * ever.
 */
uint64_t promise_settle(struct server_policy *server, const struct server_policy *previous,
                        bool cookies_out, uint32_t generation, bool shared, uint64_t now_us);

/* Their number is hashed before the bytes, so that two strings in a row have one reading. */
void promise_hash_bytes(crypto_generichash_state *state, const uint8_t *bytes, uint32_t count);

#endif
