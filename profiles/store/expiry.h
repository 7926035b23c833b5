/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * expiry.h - profiles of services that nobody has used for long go.
 *
 * A profile whose server has completed no handshake for PROFILE_LIFE_S is forgotten, and learned
 * anew should it come back. What an operator has set by hand stays, and its profile with it.
 *
 * That is told by the wall clock, which may be set wrong, and stands still for nobody while the
 * daemon does not run. So nothing is forgotten before EXPIRY_STEADY_US in which the clock went as
 * time does and servers were learned from: who is in use by then was seen. Plain data, no clock of
 * its own.
 */
#ifndef SYNWARD_PROFILES_STORE_EXPIRY_H
#define SYNWARD_PROFILES_STORE_EXPIRY_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/addr.h"
#include "profiles/store/store.h"

#define PROFILE_LIFE_DAYS 90
#define PROFILE_LIFE_S    (PROFILE_LIFE_DAYS * INT64_C(24) * 3600)
#define EXPIRY_STEADY_US  (24ull * 3600 * 1000 * 1000)
#define EXPIRY_EVERY_US   (3600ull * 1000 * 1000)

/*
 * A port that is listened on for one connection, as FTP's for data, has a profile as any other: so
 * a client could have as many made as there is room for in the store. Of one address so many are
 * kept at most, beyond which one that is not armed makes room.
 */
#define PROFILES_OF_ADDRESS 1024u

/* All zero: nothing was looked at yet. */
struct expiry {
    uint64_t due_us;    /* when it is to be looked again */
    uint64_t steady_us; /* since when the clock goes right, and servers are learned from */
    int64_t ahead_us;   /* of the wall clock before `now_us`, at the last look */
    size_t next;        /* index of the profile to be looked at next */
};

/* When a profile is forgotten if its server is not seen again, in seconds since 1970; 0: never. */
int64_t profile_kept_until_s(const struct profile *profile);

/* Where the address of `key` has PROFILES_OF_ADDRESS profiles in its VLAN: which of them is to be
 * forgotten for another one, by store_forget(): the one not seen for the longest that is neither
 * armed nor has settings. False: there is room, or all must stay; `*old` is unchanged. */
bool expiry_makes_room(const struct store *store, const struct server_key *key,
                       struct server_key *old);

/*
 * True where a profile is to be forgotten, of this key: by store_forget(), and then to be asked
 * again. False: there is none for now, until expiry->due_us.
 */
bool expiry_next(struct expiry *expiry, const struct store *store, bool learning, uint64_t now_us,
                 uint64_t wall_us, struct server_key *key);

#endif
