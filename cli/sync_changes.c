/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sync_changes.c - a second connection, which waits at the stream `changes`: what others write is
 * read at once, and not with the next round.
 *
 * It only wakes: what has changed is read over the first one. Without it all comes half a second
 * later.
 */
#include <stdio.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "cli/sync.h"

#define AGAIN_MS 5000u

bool sync_changes_say(struct sync *sync, struct error *error)
{
    char key[SYNC_KEY_BYTES];
    const struct sync_command command =
        sync_command_of("XADD", sync_key(sync, "changes", key), "MAXLEN", "~", SYNC_CHANGES_KEPT,
                        "*", "node", sync->node);
    redisReply *reply = sync->changed ? sync_store_ask(&sync->store, &command, error) : NULL;

    if (!sync->changed)
        return true;
    sync->changed = !reply;
    if (reply)
        freeReplyObject(reply);
    return reply;
}

static bool ask_to_wait(struct sync *sync, struct error *error)
{
    char key[SYNC_KEY_BYTES];
    const struct sync_command command =
        sync_command_of("XREAD", "COUNT", "1", "BLOCK", "0", "STREAMS",
                        sync_key(sync, "changes", key), sync->change);

    return sync_store_send(&sync->waiting, &command, error);
}

void sync_changes_wait(struct sync *sync)
{
    const uint64_t now_ms = clock_now_us() / 1000;
    struct error error = {0};

    if (sync->state != SYNC_JOINED || sync->asked_to_wait ||
        (sync->waiting.fd < 0 && now_ms < sync->wait_again_ms))
        return;
    sync->wait_again_ms = now_ms + AGAIN_MS;
    sync->asked_to_wait = (sync->waiting.fd >= 0 || sync_store_open(&sync->waiting, &error)) &&
                          ask_to_wait(sync, &error);
}

int sync_changes_fd(const struct sync *sync)
{
    return sync->asked_to_wait ? sync->waiting.fd : -1;
}

void sync_changes_heard(struct sync *sync)
{
    struct error error = {0};
    redisReply *reply = sync_store_receive(&sync->waiting, &error);

    sync->asked_to_wait = false;
    if (reply)
        freeReplyObject(reply);
    else
        sync_store_close(&sync->waiting);
}
