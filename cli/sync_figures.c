/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sync_figures.c - what all bridges count of half-open and silent clients, as sums.
 *
 * Each bridge has one value with its own figures, by server, and writes it in each round. Who is
 * left out there counts next to nothing (bridge/control/answer_cluster.c). The daemon is told the
 * sum of what others count while it is known of every one of them, and is no older than
 * FRESH_US by the store's clock, which is one and the same for all. Else it is told nothing, and
 * acts at its part of the limits: whoever takes values away, keeps or delays them changes no more
 * than that.
 */
#include <stdio.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/text/document.h"
#include "cli/sync.h"
#include "cli/sync_name.h"
#include "profiles/store/json_document.h"

#define FIGURES_MS   5000u
#define SKEW_MS      15000u
#define FRESH_US     3000000ll
#define AHEAD_US     1000000ll
#define SERVERS_MOST 200u /* in one question, which is to be a short one */

static const char *const figures[] = {"half_open", "silent", "handshakes"};
#define FIGURES (sizeof(figures) / sizeof(figures[0]))
#define MOST    (1ll << 24) /* of one bridge: as all of them may have, it is a number still */

static bool say_figures(struct sync *sync, struct json_object *own, struct error *error)
{
    struct sync_write write = {
        .name = "figures", .content = own, .until_ms = sync_wall_ms() + FIGURES_MS};

    snprintf(write.field, sizeof(write.field), "%s", sync->node);
    return sync_write(sync, &write, error) && sync_settle(sync, error);
}

/* --- sums ------------------------------------------------------------------------------------- */

static struct json_object *find(struct json_object *sums, const char *name)
{
    const size_t count = sums ? json_object_array_length(sums) : 0;

    for (size_t i = 0; i < count; i++) {
        struct json_object *one = json_object_array_get_idx(sums, i);

        if (strcmp(document_string(one, "name"), name) == 0)
            return one;
    }
    return NULL;
}

/* One of which nobody has counted anything yet; `as` says which server it is. */
static struct json_object *add_server(struct json_object *sums, struct json_object *as,
                                      const char *name)
{
    static const char *const keys[] = {"server", "port", "vlan", "transport"};
    struct json_object *object = json_object_new_object(), *value;

    json_object_object_add(object, "name", json_object_new_string(name));
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (json_object_object_get_ex(as, keys[i], &value))
            json_object_object_add(object, keys[i], json_object_get(value));
    for (size_t i = 0; i < FIGURES; i++)
        json_object_object_add(object, figures[i], json_object_new_int64(0));
    json_object_array_add(sums, object);
    return object;
}

/* False: it is no figure, or there are too many. */
static bool add_figure(struct json_object *sums, struct json_object *object)
{
    char name[SYNC_NAME_BYTES];
    struct json_object *sum;

    if (!sync_name_of_server(object, name, sizeof(name)))
        return false;
    sum = find(sums, name);
    if (!sum && json_object_array_length(sums) >= SERVERS_MOST)
        return false;
    if (!sum)
        sum = add_server(sums, object, name);
    for (size_t i = 0; i < FIGURES; i++) {
        struct json_object *figure = json_object_object_get(object, figures[i]);
        const int64_t value = json_object_get_int64(figure);

        if (!json_object_is_type(figure, json_type_int) || value < 0 || value > MOST)
            return false;
        json_object_int_inc(json_object_object_get(sum, figures[i]), value);
    }
    return true;
}

static bool add_bridge(struct json_object *sums, struct json_object *content)
{
    struct json_object *servers = json_object_object_get(content, "servers");
    bool good = json_object_get_boolean(json_object_object_get(content, "whole")) &&
                json_object_is_type(servers, json_type_array);

    for (size_t i = 0; good && i < json_object_array_length(servers); i++)
        good = add_figure(sums, json_object_array_get_idx(servers, i));
    return good;
}

/* Its daemon still has what was said last of a server that nobody names any more. */
static void add_former(struct json_object *sums, struct json_object *before)
{
    const size_t count = before ? json_object_array_length(before) : 0;

    for (size_t i = 0; i < count; i++) {
        struct json_object *one = json_object_array_get_idx(before, i);
        const char *name = document_string(one, "name");
        bool counted = false;

        for (size_t j = 0; j < FIGURES; j++)
            counted |= json_object_get_int64(json_object_object_get(one, figures[j])) != 0;
        if (counted && !find(sums, name))
            add_server(sums, one, name);
    }
}

/* --- what the others say ---------------------------------------------------------------------- */

static bool is_fresh(const struct sync *sync, const struct sync_value *value)
{
    const uint64_t now_ms = sync_wall_ms();
    const int64_t age_us =
        (int64_t)(clock_wall_us() + (uint64_t)sync->store_ahead_us - value->version);

    return value->until_ms > now_ms && value->until_ms <= now_ms + FIGURES_MS + SKEW_MS &&
           age_us <= FRESH_US && age_us >= -AHEAD_US;
}

/* False: that bridge counts what is not known here. */
static bool take_bridge(struct sync *sync, const char *node, const redisReply *text,
                        struct json_object *sums)
{
    struct sync_value value;
    struct sync_known *known;
    struct json_object *content;
    struct json_flaw flaw;
    bool good;

    if (!sync_take(sync, "figures", node, text, &value, &known) || strcmp(value.writer, node) != 0)
        return false;
    sync_note(sync, known, &value);
    if (!is_fresh(sync, &value))
        return false;
    content = json_document(value.content, value.bytes, JSON_UTF8, &flaw);
    good = content && add_bridge(sums, content);
    json_object_put(content);
    return good;
}

/* Of all bridges that are counted, and not only of those that are heard: the limit is shared among
 * them. */
static bool read_others(struct sync *sync, struct json_object *sums, bool *whole,
                        struct error *error)
{
    char key[SYNC_KEY_BYTES];
    struct sync_command command = sync_command_of("HMGET", sync_key(sync, "figures", key));
    redisReply *reply;
    size_t at = 0;

    for (unsigned i = 0; i < sync->nodes_count; i++)
        if (strcmp(sync->nodes[i].name, sync->node) != 0)
            sync_command_text(&command, sync->nodes[i].name);
    reply = sync_store_ask(&sync->store, &command, error);
    if (!reply)
        return false;
    *whole = reply->type == REDIS_REPLY_ARRAY && reply->elements + 2 == (size_t)command.count;
    for (unsigned i = 0; *whole && i < sync->nodes_count; i++)
        if (strcmp(sync->nodes[i].name, sync->node) != 0)
            *whole = take_bridge(sync, sync->nodes[i].name, reply->element[at++], sums);
    freeReplyObject(reply);
    return true;
}

/* In each round: what is said here is told elsewhere within two of them. */
bool sync_figures_turn(struct sync *sync, struct error *error)
{
    struct json_object *own = json_object_object_get(sync->heard, "figures"), *sums;
    bool whole = false, said, heard;

    json_object_put(sync->figures);
    sync->figures = NULL;
    if (!json_object_is_type(own, json_type_object) || sync->nodes_count < 2)
        return true;
    sums = json_object_new_array();
    said = say_figures(sync, own, error);
    heard = sync->store.fd >= 0 && read_others(sync, sums, &whole, error);
    if (heard && whole) {
        add_former(sums, sync->figures_before);
        json_object_put(sync->figures_before);
        sync->figures_before = json_object_get(sums);
        sync->figures = json_object_get(sums);
    }
    json_object_put(sums);
    return said && heard;
}
