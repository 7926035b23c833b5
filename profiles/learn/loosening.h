/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loosening.h - what makes the check of an armed server looser takes more than one network.
 *
 * A server that is armed, and accepts an unknown request beside those of its protocols, has
 * answered somebody: that alone must not let everybody's odd requests in. Each prefix of clients
 * has one vote (model/ballot.h). With fewer than three prefixes known (a lab, a load balancer in
 * front) all of them must say so, by LOOSENING_REQUESTS requests over LOOSENING_S.
 *
 * Limits: votes are of this process; after a restart they are cast anew.
 */
#ifndef SYNWARD_PROFILES_LEARN_LOOSENING_H
#define SYNWARD_PROFILES_LEARN_LOOSENING_H

#include "profiles/model/profile.h"

#define LOOSENING_REQUESTS 20
#define LOOSENING_S        600

/* A client of this prefix was served. `now_s`: any clock that only goes forwards. */
void loosening_serve(struct profile *profile, const struct ip_addr *client, uint32_t now_s);
/* The same, and it votes for this. True where enough have. */
bool loosening_vote(struct profile *profile, const struct ip_addr *client, uint64_t vote,
                    uint32_t now_s);
/* A number from 1 to 255 of the client's network; 0 where too few networks are known. */
uint8_t loosening_network(const struct profile *profile, const struct ip_addr *client);

#endif
