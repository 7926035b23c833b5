/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fidelity.h - how often what we would have sent equalled what the server did send, over the last
 * 64 comparisons.
 *
 * A connection gives up to two comparisons: its SYN-ACK (once the handshake is completed, and only
 * within a variant that was known before) and its greeting (where the profile held one before that
 * may be said for the server: greeting_plan.h). Each stands for itself: a server that keeps its
 * SYN-ACK and changes its greeting is down to one half, far below what arms.
 */
#ifndef SYNWARD_PROFILES_MODEL_FIDELITY_H
#define SYNWARD_PROFILES_MODEL_FIDELITY_H

#include <stdbool.h>
#include <stdint.h>

#define FIDELITY_COMPARISONS 64

struct fidelity {
    uint64_t ring; /* bit 0: the newest; 1: equal */
    uint8_t count;
};

static inline void fidelity_add(struct fidelity *fidelity, bool equal)
{
    fidelity->ring = fidelity->ring << 1 | equal;
    if (fidelity->count < FIDELITY_COMPARISONS)
        fidelity->count++;
}

/* False before the first comparison: nothing is known. */
static inline bool fidelity_known(const struct fidelity *fidelity)
{
    return fidelity->count > 0;
}

/* 0.0 to 1.0; 0.0 while nothing is known. */
double fidelity_value(const struct fidelity *fidelity);

/* A ring that has the value `value` (0.0 to 1.0) over `count` comparisons, for profiles that come
 * without theirs. */
void fidelity_restore(struct fidelity *fidelity, double value, uint64_t count);

#endif
