/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fidelity.c - see fidelity.h. */
#include "profiles/model/fidelity.h"

static uint64_t ring_mask(uint8_t count)
{
    return count >= FIDELITY_COMPARISONS ? UINT64_MAX : (UINT64_C(1) << count) - 1;
}

double fidelity_value(const struct fidelity *fidelity)
{
    if (fidelity->count == 0)
        return 0.0;
    return (double)__builtin_popcountll(fidelity->ring & ring_mask(fidelity->count)) /
           fidelity->count;
}

void fidelity_restore(struct fidelity *fidelity, double value, uint64_t count)
{
    uint8_t equal;

    fidelity->count = (uint8_t)(count < FIDELITY_COMPARISONS ? count : FIDELITY_COMPARISONS);
    if (fidelity->count == 0)
        fidelity->count = 1;
    equal = (uint8_t)(value * fidelity->count + 0.5);
    fidelity->ring = ring_mask(equal);
}
