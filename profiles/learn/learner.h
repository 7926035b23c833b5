/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * learner.h - from observations to profiles (doc/architecture.md, learning).
 *
 * The learner follows each observed flow with a bounded reassembly of both directions and, when a
 * fact is confirmed by the server side, moves it into the server's profile in the store. It also
 * runs the shadow check: what would we have sent, by the profile as it was before this handshake,
 * and was it what the server sent?
 */
#ifndef SYNWARD_PROFILES_LEARN_LEARNER_H
#define SYNWARD_PROFILES_LEARN_LEARNER_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/shard/observation.h"
#include "profiles/store/store.h"

struct learner;
struct policy;
struct rehearsal;

#define LEARNER_PROXIES 64 /* clients of more have the votes of their proxies */

struct learner_proxy {
    struct ip_addr prefix;
    uint8_t length; /* bits; of an IPv4 prefix up to 32 */
    uint64_t until_us;
};

/* Learns into `store`, which stays the caller's. */
struct learner *learner_new(struct store *store);
void learner_free(struct learner *learner);
/* `wall_us` is the wall clock (microseconds since 1970) at the observation, for first_seen and
 * last_seen. */
void learner_observe(struct learner *learner, const struct observation *observation,
                     uint64_t wall_us);
/*
 * To be called about once a second: ends flows that were forgotten, so that their facts count too.
 * `now_us` as in the observations.
 */
void learner_tick(struct learner *learner, uint64_t now_us, uint64_t wall_us);
/* Ends every flow that is followed (end of a capture, shutdown). */
void learner_flush(struct learner *learner, uint64_t wall_us);

/* Drops the flows of one server without learning from them, so that a forgotten profile starts
 * afresh. */
void learner_forget(struct learner *learner, const struct server_key *server);

/*
 * The operator says whose PROXY headers are to be believed (until `until_us`, 0: for good), or no
 * longer. Those clients have the vote of the address that the header names; what others put into a
 * header is their own words, and the vote that of the address they come from.
 */
void learner_set_proxy(struct learner *learner, const struct learner_proxy *proxy);
void learner_forget_proxy(struct learner *learner, const struct ip_addr *prefix, uint8_t length);

/* Where first requests are judged by what attack mode would do with them (rehearsal.h), and by
 * which policy: that of the moment, asked for at each request. */
struct learner_rehearsal {
    struct rehearsal *rehearsal; /* NULL: nowhere */
    const struct policy *(*policy)(void *context);
    void *context;
};
void learner_rehearse(struct learner *learner, const struct learner_rehearsal *rehearsal);

/* Counts of the learner's own, for summaries. */
struct learner_stats {
    uint64_t flows, flows_without_handshake, handshakes, requests_accepted, requests_refused;
    uint64_t flows_evicted;
};
struct learner_stats learner_stats(const struct learner *learner);

#endif
