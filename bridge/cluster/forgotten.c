/* SPDX-License-Identifier: GPL-2.0-or-later */
/* forgotten.c - see forgotten.h. */
#include "bridge/cluster/forgotten.h"

#include <string.h>

bool forgotten_note(struct forgotten *forgotten, const struct server_key *server, int64_t now_s)
{
    uint32_t kept = 0;
    bool full;

    for (uint32_t i = 0; i < forgotten->count; i++)
        if (!server_key_equal(&forgotten->of[i].server, server) &&
            forgotten->of[i].at_s + FORGOTTEN_KEPT_S > now_s)
            forgotten->of[kept++] = forgotten->of[i];
    full = kept == FORGOTTEN_MOST;
    if (full)
        memmove(&forgotten->of[0], &forgotten->of[1], --kept * sizeof(forgotten->of[0]));
    forgotten->of[kept].server = *server;
    forgotten->of[kept].at_s = now_s;
    forgotten->count = kept + 1;
    return full;
}

void forgotten_imported(struct forgotten *forgotten, const struct store *store)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < forgotten->count; i++) {
        const struct profile *profile = store_find(store, &forgotten->of[i].server);

        if (!profile || profile->teacher || profile->first_seen_s > forgotten->of[i].at_s)
            forgotten->of[kept++] = forgotten->of[i];
    }
    forgotten->count = kept;
}

bool forgotten_means(const struct profile *profile, int64_t at_s, bool here)
{
    return profile->first_seen_s <= at_s && (!here || profile->teacher);
}
