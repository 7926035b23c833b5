/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_handover.c - see policy_handover.h.
 *
 * Pointer and generation travel together in a node behind one atomic pointer. A worker that has
 * loaded node G but not yet acknowledged it still shows an older generation, so that the oldest
 * acknowledged generation is a floor of what anybody reads or is about to read: nodes below it are
 * free.
 */
#include "bridge/workers/policy_handover.h"

#include <stdatomic.h>
#include <stdlib.h>

#define CACHE_LINE_BYTES 64

struct published {
    struct policy *policy;
    uint64_t generation;
    struct published *older;
};

struct acknowledged {
    _Alignas(CACHE_LINE_BYTES) _Atomic uint64_t generation;
};

struct policy_handover {
    _Atomic(struct published *) newest;
    uint32_t workers;
    struct acknowledged acknowledged[WORKERS_MAX];
};

struct policy_handover *policy_handover_new(uint32_t workers)
{
    struct policy_handover *handover;

    if (workers == 0 || workers > WORKERS_MAX)
        return NULL;
    handover = aligned_alloc(CACHE_LINE_BYTES, sizeof(*handover));
    if (!handover)
        return NULL;
    atomic_init(&handover->newest, NULL);
    handover->workers = workers;
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        atomic_init(&handover->acknowledged[i].generation, 0);
    return handover;
}

/* Frees `node` and all older ones. */
static void free_chain(struct published *node)
{
    while (node) {
        struct published *older = node->older;

        free(node->policy);
        free(node);
        node = older;
    }
}

void policy_handover_free(struct policy_handover *handover)
{
    if (!handover)
        return;
    free_chain(atomic_load(&handover->newest));
    free(handover);
}

bool policy_handover_publish(struct policy_handover *handover, struct policy *policy)
{
    struct published *node = malloc(sizeof(*node));

    if (!node)
        return false;
    node->policy = policy;
    node->older = atomic_load_explicit(&handover->newest, memory_order_relaxed);
    node->generation = !node->older ? 1 : node->older->generation + 1;
    atomic_store_explicit(&handover->newest, node, memory_order_release);
    return true;
}

const struct policy *policy_handover_newest(const struct policy_handover *handover)
{
    const struct published *node = atomic_load_explicit(&handover->newest, memory_order_relaxed);

    return !node ? NULL : node->policy;
}

static uint64_t oldest_acknowledged(const struct policy_handover *handover)
{
    uint64_t oldest = UINT64_MAX;

    for (uint32_t i = 0; i < handover->workers; i++) {
        const uint64_t generation =
            atomic_load_explicit(&handover->acknowledged[i].generation, memory_order_acquire);

        if (generation < oldest)
            oldest = generation;
    }
    return oldest;
}

uint32_t policy_handover_reclaim(struct policy_handover *handover)
{
    const uint64_t floor = oldest_acknowledged(handover);
    uint32_t left = 0;
    struct published *node = atomic_load_explicit(&handover->newest, memory_order_relaxed);

    for (; node; node = node->older) {
        left++;
        if (node->generation > floor)
            continue;
        free_chain(node->older);
        node->older = NULL;
    }
    return left;
}

bool policy_handover_adopt(struct policy_handover *handover, uint64_t *generation,
                           const struct policy **policy)
{
    const struct published *node = atomic_load_explicit(&handover->newest, memory_order_acquire);

    if (!node || node->generation == *generation)
        return false;
    *generation = node->generation;
    *policy = node->policy;
    return true;
}

void policy_handover_acknowledge(struct policy_handover *handover, uint32_t worker,
                                 uint64_t generation)
{
    atomic_store_explicit(&handover->acknowledged[worker].generation, generation,
                          memory_order_release);
}
