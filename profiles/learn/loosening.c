/* SPDX-License-Identifier: GPL-2.0-or-later */
/* loosening.c - see loosening.h. */
#include "profiles/learn/loosening.h"

#include <sodium/randombytes.h>

static struct ballot_row *row_of(struct profile *profile, const struct ip_addr *client,
                                 uint32_t now_s)
{
    struct suits *suits = &profile->suits;

    if (!suits->keyed) {
        randombytes_buf(suits->key, sizeof(suits->key));
        suits->keyed = true;
        suits->since_s = now_s;
    }
    return ballot_serve(&profile->ballot, ballot_prefix(suits->key, client), now_s);
}

void loosening_serve(struct profile *profile, const struct ip_addr *client, uint32_t now_s)
{
    row_of(profile, client, now_s);
}

/* The only prefixes there are ask for it again and again, and for long enough. */
static bool insists(struct suits *suits, uint64_t vote, uint32_t now_s)
{
    if (suits->vote != vote) {
        suits->vote = vote;
        suits->requests = 0;
        suits->begun_s = now_s;
    }
    if (suits->requests < UINT16_MAX)
        suits->requests++;
    return suits->requests >= LOOSENING_REQUESTS && now_s - suits->begun_s >= LOOSENING_S;
}

bool loosening_vote(struct profile *profile, const struct ip_addr *client, uint64_t vote,
                    uint32_t now_s)
{
    struct ballot_row *row = row_of(profile, client, now_s);
    const struct ballot_time time = {.now_s = now_s, .since_s = profile->suits.since_s};
    struct ballot_count count;

    if (row)
        row->votes |= vote;
    count = ballot_count(&profile->ballot, vote, &time);
    if (ballot_few(&count) && !insists(&profile->suits, vote, now_s))
        return false;
    return ballot_carries(&count);
}

uint8_t loosening_network(const struct profile *profile, const struct ip_addr *client)
{
    if (profile->ballot.count < BALLOT_LEAST)
        return 0;
    return (uint8_t)(1 + ballot_prefix(profile->suits.key, client) % 255);
}
