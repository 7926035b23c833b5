/* SPDX-License-Identifier: GPL-2.0-or-later */
/* doubt.c - see doubt.h. */
#include "engine/server/doubt.h"

#include <string.h>

#include "engine/tables/source_prefix.h"

static bool is_of_prefix(const struct ip_addr *client, const struct ip_addr *prefix)
{
    const struct ip_addr its = prefix_masked(client, prefix_neighbour_bits(client));

    return memcmp(&its, prefix, sizeof(its)) == 0;
}

void doubt_add(struct doubt *doubt, enum doubt_kind kind, const struct ip_addr *client)
{
    if (doubt->kind != kind)
        *doubt = (struct doubt){.kind = kind,
                                .prefix = prefix_masked(client, prefix_neighbour_bits(client))};
    doubt->two_prefixes |= !is_of_prefix(client, &doubt->prefix);
    if (doubt->count < UINT32_MAX)
        doubt->count++;
}

enum doubt_kind doubt_of(const struct doubt *doubt)
{
    const uint32_t least = doubt->kind == DOUBT_REFUSES ? DOUBT_REFUSED_LEAST : DOUBT_UNHEARD_LEAST;

    return doubt->count >= least ? doubt->kind : DOUBT_NONE;
}

enum doubt_kind doubt_for(const struct doubt *doubt, const struct ip_addr *client)
{
    return doubt->two_prefixes || is_of_prefix(client, &doubt->prefix) ? doubt_of(doubt)
                                                                       : DOUBT_NONE;
}
