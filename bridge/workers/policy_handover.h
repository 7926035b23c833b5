/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_handover.h - how a new policy reaches the workers, and when the old one may be freed.
 *
 *      main thread: publish(policy)  ->  worker, between batches: adopt() -> engine_adopt_policy()
 *                                        -> acknowledge()
 *                   reclaim()        <-  frees every policy older than the oldest that some worker
 *                                        acknowledged
 *
 * A worker that sleeps through several publications adopts only the newest.
 */
#ifndef SYNWARD_BRIDGE_WORKERS_POLICY_HANDOVER_H
#define SYNWARD_BRIDGE_WORKERS_POLICY_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/base/limits.h"
#include "engine/server/policy.h"

struct policy_handover;

/* For workers 0 to `workers` - 1 (at most WORKERS_MAX). NULL: out of memory. */
struct policy_handover *policy_handover_new(uint32_t workers);
/* Frees every policy: the workers have ended. */
void policy_handover_free(struct policy_handover *handover);

/* Main thread: takes ownership of `policy`. False: out of memory, the policy stays the caller's. */
bool policy_handover_publish(struct policy_handover *handover, struct policy *policy);
/* Main thread: the newest published policy; NULL before the first. */
const struct policy *policy_handover_newest(const struct policy_handover *handover);
/* Main thread: frees what no worker can still read; returns how many policies are left. */
uint32_t policy_handover_reclaim(struct policy_handover *handover);

/*
 * Worker: true where there is a policy newer than `*generation` (0 at first); then `*policy` is it.
 * After the engine has adopted it, policy_handover_acknowledge() lets the ones before go.
 */
bool policy_handover_adopt(struct policy_handover *handover, uint64_t *generation,
                           const struct policy **policy);
void policy_handover_acknowledge(struct policy_handover *handover, uint32_t worker,
                                 uint64_t generation);

#endif
