/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mode_watch.c - see mode_watch.h. A plain array: servers in attack mode are few, and firings come
 * at most once a second for each.
 */
#include "bridge/workers/mode_watch.h"

#include <stdlib.h>

struct watched {
    struct server_key server;
    uint64_t since_us, fired_us;
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

bool mode_watch_fired(struct mode_watch *watch, const struct server_key *server, uint64_t now_us)
{
    for (uint32_t i = 0; i < watch->count; i++) {
        if (!server_key_equal(&watch->watched[i].server, server))
            continue;
        watch->watched[i].fired_us = now_us;
        return false;
    }
    if (watch->count < MODE_WATCH_SERVERS)
        watch->watched[watch->count++] = (struct watched){*server, now_us, now_us};
    return true;
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
    const uint64_t quiet_us = watched->fired_us + MODE_QUIET_US,
                   least_us = watched->since_us + MODE_LEAST_US;

    return quiet_us > least_us ? quiet_us : least_us;
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
