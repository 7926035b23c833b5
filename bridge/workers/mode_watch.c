/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mode_watch.c - see mode_watch.h. A plain array: servers in attack mode are few, and firings come
 * at most once a second for each.
 */
#include "bridge/workers/mode_watch.h"

#include <stdlib.h>

struct watched {
    struct server_key server;
    uint64_t since_us, fired_us; /* 0: never here */
    uint64_t held_us;            /* until then another bridge says so */
};

struct mode_watch {
    uint32_t count;
    struct watched watched[MODE_WATCH_SERVERS];
};

struct mode_watch *mode_watch_new(void)
{
    return calloc(1, sizeof(struct mode_watch));
}

void mode_watch_free(struct mode_watch *watch)
{
    free(watch);
}

static struct watched *find(struct mode_watch *watch, const struct server_key *server)
{
    for (uint32_t i = 0; i < watch->count; i++)
        if (server_key_equal(&watch->watched[i].server, server))
            return &watch->watched[i];
    return NULL;
}

bool mode_watch_fired(struct mode_watch *watch, const struct server_key *server, uint64_t now_us)
{
    struct watched *watched = find(watch, server);

    if (watched)
        watched->fired_us = now_us;
    else if (watch->count < MODE_WATCH_SERVERS)
        watch->watched[watch->count++] =
            (struct watched){.server = *server, .since_us = now_us, .fired_us = now_us};
    return !watched;
}

bool mode_watch_hold(struct mode_watch *watch, const struct server_key *server, uint64_t until_us,
                     uint64_t now_us)
{
    struct watched *watched = find(watch, server);

    if (watched)
        watched->held_us = until_us;
    else if (watch->count < MODE_WATCH_SERVERS)
        watch->watched[watch->count++] =
            (struct watched){.server = *server, .since_us = now_us, .held_us = until_us};
    else
        return false;
    return !watched;
}

uint32_t mode_watch_fired_lately(const struct mode_watch *watch, struct server_key *servers,
                                 uint32_t max, uint64_t now_us)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < watch->count && count < max; i++)
        if (watch->watched[i].fired_us && now_us < watch->watched[i].fired_us + MODE_FIRING_US)
            servers[count++] = watch->watched[i].server;
    return count;
}

static void take(struct mode_watch *watch, uint32_t index)
{
    watch->watched[index] = watch->watched[--watch->count];
}

void mode_watch_forget(struct mode_watch *watch, const struct server_key *server)
{
    if (!server)
        watch->count = 0;
    for (uint32_t i = 0; i < watch->count; i++) {
        if (!server_key_equal(&watch->watched[i].server, server))
            continue;
        take(watch, i);
        return;
    }
}

static uint64_t due_us(const struct watched *watched)
{
    const uint64_t quiet_us = watched->fired_us ? watched->fired_us + MODE_QUIET_US : 0,
                   least_us = watched->since_us + MODE_LEAST_US;
    const uint64_t own_us = quiet_us > least_us ? quiet_us : least_us;

    return own_us > watched->held_us ? own_us : watched->held_us;
}

bool mode_watch_take_due(struct mode_watch *watch, uint64_t now_us, struct server_key *server)
{
    for (uint32_t i = 0; i < watch->count; i++) {
        if (due_us(&watch->watched[i]) > now_us)
            continue;
        *server = watch->watched[i].server;
        take(watch, i);
        return true;
    }
    return false;
}

uint64_t mode_watch_deadline(const struct mode_watch *watch)
{
    uint64_t deadline = UINT64_MAX;

    for (uint32_t i = 0; i < watch->count; i++)
        if (due_us(&watch->watched[i]) < deadline)
            deadline = due_us(&watch->watched[i]);
    return deadline;
}
