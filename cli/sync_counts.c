/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sync_counts.c - which cookies came back at another bridge than asked for them.
 *
 * Each bridge says how many it has sent for a server that is protected, and how many came back that
 * it did not send. What came back at one is shared out among the others as they have sent; so each
 * hears how many of its own are not half-open any more. These are rates of the last second or so: a
 * figure, and no account.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/sync.h"
#include "cli/sync_name.h"

#define COUNT_MS  5000u
#define FIGURE_MS 2000u /* what triggers count */
#define LEAST_MS  400u
/* A quarter more than came back is taken off: crowds come in jumps, and a flood that is smaller
 * than that beside them is none. */
#define MORE 1.25

/* What a number has grown by in FIGURE_MS, at the pace of the time since it was read last. */
static double pace(uint64_t was, uint64_t is, uint64_t ms)
{
    return is > was ? (double)(is - was) * FIGURE_MS / (double)ms : 0;
}

/* What is new is heard a second late, and comes in jumps: it counts for a third. */
static void smooth(double *pace, double now)
{
    *pace = *pace == 0 ? now : (2 * *pace + now) / 3;
}

static void take_count(struct sync *sync, const struct sync_heard *heard)
{
    struct sync_known *known = heard->known;
    struct json_object *content = heard->content;
    const uint64_t sent = json_object_get_uint64(json_object_object_get(content, "sent"));
    const uint64_t foreign = json_object_get_uint64(json_object_object_get(content, "foreign"));
    struct json_object *object;
    char server[SYNC_NAME_BYTES];

    if (known->seen == sync->scan[SYNC_COUNTS].pass ||
        !sync_name_of_server(content, server, sizeof(server)))
        return; /* a scan may show a value twice */
    if (heard->value->version != known->count_version) {
        const uint64_t ms = heard->now_ms - known->count_ms;
        const bool first = !known->count_ms || ms < LEAST_MS || ms > COUNT_MS;

        if (!first) {
            smooth(&known->sent_pace, pace(known->sent, sent, ms));
            smooth(&known->foreign_pace, pace(known->foreign, foreign, ms));
        }
        known->sent = sent;
        known->foreign = foreign;
        known->count_ms = heard->now_ms;
        known->count_version = heard->value->version;
    }
    object = json_object_get(content);
    json_object_object_add(object, "writer", json_object_new_string(heard->value->writer));
    json_object_object_add(object, "name", json_object_new_string(server));
    json_object_object_add(object, "sent_pace", json_object_new_double(known->sent_pace));
    json_object_object_add(object, "foreign_pace", json_object_new_double(known->foreign_pace));
    json_object_array_add(sync->counts, object);
}

static double number(struct json_object *count, const char *key)
{
    return json_object_get_double(json_object_object_get(count, key));
}

static bool is_of(struct json_object *count, const char *key, const char *text)
{
    return strcmp(json_object_get_string(json_object_object_get(count, key)), text) == 0;
}

/* Of what came back at one bridge each of the others has its part. */
static double returned(struct json_object *counts, const char *server, const char *node)
{
    const size_t all = json_object_array_length(counts);
    double total = 0, ours = 0, sum = 0;

    for (size_t i = 0; i < all; i++) {
        struct json_object *count = json_object_array_get_idx(counts, i);

        if (!is_of(count, "name", server))
            continue;
        total += number(count, "sent_pace");
        if (is_of(count, "writer", node))
            ours = number(count, "sent_pace");
    }
    for (size_t i = 0; i < all; i++) {
        struct json_object *count = json_object_array_get_idx(counts, i);
        const double others = total - number(count, "sent_pace");

        if (is_of(count, "name", server) && !is_of(count, "writer", node) && others > 0)
            sum += number(count, "foreign_pace") * ours / others;
    }
    return sum * MORE;
}

static bool say_counts(struct sync *sync, struct json_object *counts, struct error *error)
{
    bool done = true;

    for (size_t i = 0; done && i < json_object_array_length(counts) && sync_has_time(sync); i++) {
        struct json_object *count = json_object_array_get_idx(counts, i);
        struct sync_write write = {
            .name = "counts", .content = count, .until_ms = sync_wall_ms() + COUNT_MS};

        if (!sync_name_with_node(count, sync->node, write.field, sizeof(write.field)))
            continue;
        done = sync_write(sync, &write, error);
    }
    return sync_settle(sync, error) && done;
}

static void hand_on(struct sync *sync, struct json_object *counts)
{
    for (size_t i = 0; i < json_object_array_length(counts); i++) {
        struct json_object *count = json_object_array_get_idx(counts, i), *object;
        char server[SYNC_NAME_BYTES];

        if (!sync_name_of_server(count, server, sizeof(server)))
            continue;
        object = json_object_new_object();
        json_object_object_add(object, "server",
                               json_object_get(json_object_object_get(count, "server")));
        json_object_object_add(object, "port",
                               json_object_get(json_object_object_get(count, "port")));
        json_object_object_add(object, "vlan",
                               json_object_get(json_object_object_get(count, "vlan")));
        json_object_object_add(object, "transport",
                               json_object_get(json_object_object_get(count, "transport")));
        json_object_object_add(
            object, "count",
            json_object_new_int64((int64_t)returned(sync->counts, server, sync->node)));
        json_object_array_add(sync->returned, object);
    }
}

/* Each second; most rounds there is nothing to count. */
bool sync_counts_turn(struct sync *sync, struct error *error)
{
    struct json_object *counts = json_object_object_get(sync->heard, "counts");

    if (!json_object_is_type(counts, json_type_array) || json_object_array_length(counts) == 0 ||
        sync->nodes_count < 2)
        return true;
    if (sync_has_read(sync, SYNC_COUNTS)) { /* a new pass begins */
        json_object_put(sync->counts);
        sync->counts = json_object_new_array();
    }
    if (sync->round % 2 == 0 && !say_counts(sync, counts, error))
        return false;
    if (!sync_read_hash(sync, SYNC_COUNTS, COUNT_MS, take_count, error))
        return false;
    if (sync_has_read(sync, SYNC_COUNTS))
        hand_on(sync, counts);
    return true;
}
