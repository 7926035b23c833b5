/* SPDX-License-Identifier: GPL-2.0-or-later */
/* grace.c - see grace.h. */
#include "profiles/model/grace.h"

#define GAP_MOST_US 100000u
#define FORGETS     32u /* a short gap takes a 32nd of the difference off */
#define FEW         8u  /* fewer than one in eight: nobody is made to wait */

void grace_early(struct grace *grace, uint64_t gap_us)
{
    const uint32_t gap = (uint32_t)(gap_us < GAP_MOST_US ? gap_us : GAP_MOST_US);

    if (grace->early < UINT32_MAX)
        grace->early++;
    if (gap == GAP_MOST_US)
        return;
    if (gap > grace->gap_us)
        grace->gap_us += (gap - grace->gap_us + 1) / 2;
    else
        grace->gap_us -= (grace->gap_us - gap) / FORGETS;
}

void grace_waited(struct grace *grace)
{
    if (grace->waited < UINT32_MAX)
        grace->waited++;
}

uint32_t grace_us(const struct grace *grace, uint32_t otherwise_us)
{
    const uint64_t clients = (uint64_t)grace->early + grace->waited;
    const uint64_t enough_us = grace->gap_us + (uint64_t)grace->gap_us / 4;

    if (clients < GRACE_CLIENTS_MIN)
        return otherwise_us;
    if ((uint64_t)grace->early * FEW < clients)
        return 0;
    if (enough_us < GRACE_LEAST_US)
        return GRACE_LEAST_US;
    return enough_us < GRACE_MOST_US ? (uint32_t)enough_us : GRACE_MOST_US;
}
