/* SPDX-License-Identifier: GPL-2.0-or-later */
/* peaks.c - see peaks.h. */
#include "bridge/peaks.h"

#include "profiles/model/profile.h"

void peaks_learn(struct store *store, const struct server_info *servers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct profile *profile = store_find(store, &servers[i].key);

        if (profile && profile_held_peak(profile, servers[i].held_peak))
            store_touch(store);
    }
}
