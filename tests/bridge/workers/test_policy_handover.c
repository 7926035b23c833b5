/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_policy_handover.c - policies change hands while workers read them, and none is freed under a
 * reader.
 *
 * A policy's `count` and `generation` carry the same number; a freed one would be overwritten by
 * the allocator (or caught by AddressSanitizer in `make sanitize`).
 */
#include "bridge/workers/policy_handover.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static struct policy *make_policy(uint32_t number)
{
    struct policy *policy = calloc(1, policy_bytes(0));
    policy->generation = number;
    policy->count = number;
    return policy;
}

static const struct policy *adopt(struct policy_handover *handover, uint32_t worker,
                                  uint64_t *generation)
{
    const struct policy *policy = NULL;
    if (policy_handover_adopt(handover, generation, &policy))
        policy_handover_acknowledge(handover, worker, *generation);
    return policy;
}

Test(policy_handover, nothing_before_the_first)
{
    struct policy_handover *handover = policy_handover_new(1);
    uint64_t generation = 0;
    cr_assert_null(policy_handover_newest(handover));
    cr_assert_null(adopt(handover, 0, &generation));
    cr_assert_eq(policy_handover_reclaim(handover), 0);
    policy_handover_free(handover);
}

Test(policy_handover, counts_of_workers_are_bounded)
{
    cr_assert_null(policy_handover_new(0));
    cr_assert_null(policy_handover_new(WORKERS_MAX + 1));
}

Test(policy_handover, old_ones_live_until_all_have_moved_on)
{
    struct policy_handover *handover = policy_handover_new(2);
    uint64_t first = 0, second = 0;
    cr_assert(policy_handover_publish(handover, make_policy(1)));
    cr_assert_eq(adopt(handover, 0, &first)->count, 1);
    cr_assert_null(adopt(handover, 0, &first), "the same policy is adopted once");
    cr_assert(policy_handover_publish(handover, make_policy(2)));
    cr_assert(policy_handover_publish(handover, make_policy(3)));
    cr_assert_eq(policy_handover_reclaim(handover), 3, "worker 1 has adopted nothing yet");
    cr_assert_eq(adopt(handover, 1, &second)->count, 3, "only the newest is adopted");
    cr_assert_eq(policy_handover_reclaim(handover), 3, "worker 0 still reads the first");
    cr_assert_eq(adopt(handover, 0, &first)->count, 3);
    cr_assert_eq(policy_handover_reclaim(handover), 1);
    cr_assert_eq(policy_handover_newest(handover)->count, 3);
    policy_handover_free(handover);
}

struct shard {
    struct policy_handover *handover;
    uint32_t index;
    atomic_bool *stop;
    uint64_t adopted, faults;
};

static void *shard_main(void *argument)
{
    struct shard *shard = argument;
    const struct policy *current = NULL;
    uint64_t generation = 0, last = 0;
    for (bool stop = false; !stop;) {
        stop = atomic_load(shard->stop);
        const struct policy *policy = NULL;
        if (policy_handover_adopt(shard->handover, &generation, &policy)) {
            shard->faults += policy->generation <= last;
            last = policy->generation;
            /* The old one must still be whole until we acknowledge. */
            shard->faults += current != NULL && current->count != current->generation;
            current = policy;
            policy_handover_acknowledge(shard->handover, shard->index, generation);
            shard->adopted++;
        }
        shard->faults += current != NULL && current->count != current->generation;
    }
    shard->faults += current == NULL || current->generation != 20000;
    return NULL;
}

Test(policy_handover, fast_publications_to_two_shards)
{
    struct policy_handover *handover = policy_handover_new(2);
    atomic_bool stop = false;
    struct shard shards[2];
    pthread_t threads[2];
    for (uint32_t i = 0; i < 2; i++) {
        shards[i] = (struct shard){.handover = handover, .index = i, .stop = &stop};
        cr_assert_eq(pthread_create(&threads[i], NULL, shard_main, &shards[i]), 0);
    }
    for (uint32_t number = 1; number <= 20000; number++) {
        cr_assert(policy_handover_publish(handover, make_policy(number)));
        if (number % 3 == 0)
            policy_handover_reclaim(handover);
    }
    atomic_store(&stop, true);
    for (uint32_t i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        cr_assert_eq(shards[i].faults, 0, "shard %u: %lu faults", i,
                     (unsigned long)shards[i].faults);
        cr_assert_gt(shards[i].adopted, 0);
    }
    cr_assert_eq(policy_handover_reclaim(handover), 1);
    policy_handover_free(handover);
}
