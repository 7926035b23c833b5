/* SPDX-License-Identifier: GPL-2.0-or-later */
/* server_changes.c - see server_changes.h. */
#include "bridge/server_changes.h"

#include <stdlib.h>
#include <string.h>

static bool same_set(const struct server_changes *changes, const struct server_info *servers,
                     uint32_t count)
{
    if (count != changes->count)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (memcmp(&changes->last[i].key, &servers[i].key, sizeof(servers[i].key)) != 0)
            return false;
    return true;
}

static void begin_anew(struct server_changes *changes, const struct server_info *servers,
                       uint32_t count, uint64_t now_ms)
{
    server_changes_free(changes);
    changes->set_changed_ms = now_ms;
    if (count == 0)
        return;
    changes->last = malloc(count * sizeof(*servers));
    changes->changed_ms = malloc(count * sizeof(*changes->changed_ms));
    if (!changes->last || !changes->changed_ms) {
        server_changes_free(changes);
        changes->set_changed_ms = UINT64_MAX;
        return;
    }
    memcpy(changes->last, servers, count * sizeof(*servers));
    for (uint32_t i = 0; i < count; i++)
        changes->changed_ms[i] = now_ms;
    changes->count = count;
}

void server_changes_look(struct server_changes *changes, const struct server_info *servers,
                         uint32_t count, uint64_t now_ms)
{
    if (!same_set(changes, servers, count)) {
        begin_anew(changes, servers, count, now_ms);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        /* Padding that differs tells of too many, never of too few. */
        /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-exp42-c,cert-flp37-c) */
        if (memcmp(&changes->last[i], &servers[i], sizeof(servers[i])) == 0)
            continue;
        changes->last[i] = servers[i];
        changes->changed_ms[i] = now_ms;
    }
}

bool server_changes_set(const struct server_changes *changes, uint64_t since_ms)
{
    return since_ms == 0 || changes->set_changed_ms >= since_ms;
}

bool server_changes_at(const struct server_changes *changes, uint32_t place, uint64_t since_ms)
{
    return place >= changes->count || changes->changed_ms[place] >= since_ms;
}

void server_changes_free(struct server_changes *changes)
{
    free(changes->last);
    free(changes->changed_ms);
    *changes = (struct server_changes){0};
}
