/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sync_forgotten.c - profiles that an operator had forgotten at one bridge, which are forgotten at
 * all (sync.h).
 *
 * In the place of the profile stands for a day that it is gone, and since when. Who reads that has
 * its daemon forget what was learned before then, before it teaches anything: so it does not come
 * back from who was away meanwhile. What is learned of the server since is written over it, by
 * whoever knows enough first. So a word that is said late (after a new start) replaces nothing that
 * was written since it was meant.
 */
#include <stdio.h>
#include <string.h>

#include "bridge/text/document.h"
#include "cli/sync.h"
#include "cli/sync_name.h"

#define FORGOTTEN_MS (86400u * 1000)
#define HEARD_S      10 /* a word that is heard of no later is meant of all that stands there */

static int64_t at_of(struct json_object *server)
{
    return json_object_get_int64(json_object_object_get(server, "at_s"));
}

/* A clock that was ahead has been put right since: nothing is learned later than now. */
static int64_t till_now(int64_t at_s)
{
    const int64_t now_s = (int64_t)(sync_wall_ms() / 1000);

    return at_s < now_s ? at_s : now_s;
}

/* What was to be taught was asked of the daemon before it has forgotten. */
static void hand_on(struct sync *sync, struct json_object *server, const char *node)
{
    json_object_object_add(server, "node", json_object_new_string(node));
    json_object_object_add(server, "at_s", json_object_new_int64(till_now(at_of(server))));
    json_object_array_add(sync->forgotten, json_object_get(server));
    sync->more = true;
    json_object_put(sync->lookable);
    sync->lookable = NULL;
    sync->revision = 0;
}

static void note(const struct sync *sync, struct sync_known *known, struct json_object *server,
                 const char *node)
{
    known->gone = true;
    known->mark[0] = '\0';
    if (till_now(at_of(server)) > known->forgotten_s)
        known->forgotten_s = till_now(at_of(server));
    if (strcmp(node, sync->node) == 0)
        known->said_s = at_of(server);
}

bool sync_forgotten_take(struct sync *sync, const struct sync_value *value,
                         struct sync_known *known, struct json_object *content)
{
    if (!json_object_get_boolean(json_object_object_get(content, "gone")))
        return false;
    note(sync, known, content, value->writer);
    hand_on(sync, content, value->writer);
    return true;
}

/* Ours, too, is told the daemon: it may have been taught anew in between. */
static void note_said(struct sync *sync, struct sync_known *known, const struct sync_write *write,
                      bool stands)
{
    const bool new = at_of(write->content) != known->said_s;

    if (!stands)
        return;
    note(sync, known, write->content, sync->node);
    known->daemon = sync->daemon;
    snprintf(known->head, sizeof(known->head), "%s", write->head);
    if (new)
        hand_on(sync, write->content, sync->node);
}

/* It is new, and of what stands there; or it was said, and something was taken away from the store.
 */
static bool is_to_say(const struct sync *sync, const struct sync_known *known, int64_t at_s)
{
    const uint64_t meant_us = (uint64_t)(till_now(at_s) + HEARD_S) * 1000000;

    if (at_s + (int64_t)FORGOTTEN_MS / 1000 <= till_now(INT64_MAX))
        return false;
    if (at_s == known->said_s)
        return known->gone && sync->push_profiles && strcmp(known->writer, sync->node) == 0;
    return till_now(at_s) > known->forgotten_s && (known->gone || known->version <= meant_us);
}

bool sync_forgotten_say(struct sync *sync, struct error *error)
{
    struct json_object *array = json_object_object_get(sync->heard, "forgotten");
    const size_t count =
        json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
    bool done = true;

    for (size_t i = 0; done && i < count; i++) {
        struct sync_write write = {.name = "profiles",
                                   .content = json_object_array_get_idx(array, i),
                                   .until_ms = sync_wall_ms() + FORGOTTEN_MS,
                                   .taken = note_said};
        const struct sync_known *known =
            sync_name_of_server(write.content, write.field, sizeof(write.field))
                ? sync_known_of(sync, write.name, write.field)
                : NULL;

        if (!known || !is_to_say(sync, known, at_of(write.content)))
            continue;
        json_object_object_add(write.content, "gone", json_object_new_boolean(true));
        done = sync_replace(sync, &write, "*", error);
    }
    return sync_settle(sync, error) && done;
}
