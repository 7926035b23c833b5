/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sync_lists.c - the operator's lists of sources (`synward sources import`), said at one bridge,
 * for all.
 *
 *      lists               by name: digest of what it holds, and of how many pieces; "clear"
 *      list:NAME:DIGEST    the pieces, by number
 *
 * As of other words the last one counts. A list may have a million prefixes: it goes piece by
 * piece, one list at a time, as far as each round's time goes, and is there, or in force, when its
 * last piece is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/log.h"
#include "bridge/text/document.h"
#include "cli/control_client.h"
#include "cli/sync.h"
#include "profiles/store/json_document.h"

#define LIST_MS     (30 * 86400ull * 1000)
#define GONE_MS     (86400u * 1000)
#define AGAIN_MS    10000u /* what came to nothing is tried again */
#define DAEMON_MS   10000u
#define PIECES_MOST 8192u
#define CLEAR       "clear"

static const char *digest_of(struct json_object *list)
{
    return document_string(list, "digest");
}

static bool is_known(const struct sync_known *known, const char *digest)
{
    return strcmp(known->state, digest) == 0;
}

static void remember(const struct sync *sync, struct sync_known *known, const char *digest)
{
    snprintf(known->state, sizeof(known->state), "%s", digest);
    known->daemon = sync->daemon;
}

/* "list:NAME:DIGEST" */
static const char *key_of(const struct sync_list *list, char name[SYNC_LIST_KEY_BYTES])
{
    snprintf(name, SYNC_LIST_KEY_BYTES, "list:%s:%s", list->name, list->digest);
    return name;
}

static void begin(struct sync_list *list, enum sync_list_work work, const char *name,
                  const char *digest, uint32_t pieces)
{
    *list = (struct sync_list){.work = work, .pieces = pieces};
    snprintf(list->name, sizeof(list->name), "%s", name);
    snprintf(list->digest, sizeof(list->digest), "%s", digest);
}

static void end(struct sync *sync, bool done)
{
    struct sync_list *list = &sync->list;
    struct sync_known *known = sync_known_of(sync, "lists", list->name);

    if (done && known)
        remember(sync, known, list->digest);
    if (!done)
        sync->list_again_ms = sync_wall_ms() + AGAIN_MS;
    list->work = SYNC_LIST_IDLE;
}

static bool has(struct json_object *lists, const char *name, const char *digest)
{
    for (size_t i = 0; i < json_object_array_length(lists); i++) {
        struct json_object *list = json_object_array_get_idx(lists, i);
        const char *other = document_string(list, "name"), *holds = digest_of(list);

        if (other && holds && strcmp(other, name) == 0)
            return !digest || strcmp(holds, digest) == 0;
    }
    return false;
}

/* --- what others say -------------------------------------------------------------------------- */

static void take_list(struct sync *sync, const struct sync_heard *heard)
{
    struct sync_known *known = heard->known;
    const char *digest = digest_of(heard->content);
    const uint64_t pieces =
        json_object_get_uint64(json_object_object_get(heard->content, "pieces"));

    if (digest && has(json_object_object_get(sync->heard, "lists"), heard->field, digest))
        remember(sync, known, digest); /* it is there already */
    if (!digest || strlen(digest) >= sizeof(known->state) || pieces > PIECES_MOST ||
        (is_known(known, digest) && known->daemon == sync->daemon) ||
        sync->list.work != SYNC_LIST_IDLE || heard->now_ms < sync->list_again_ms)
        return;
    begin(&sync->list, SYNC_LIST_READ, heard->field, digest, (uint32_t)pieces);
}

/* Hands a piece to the daemon, which has so many prefixes of it then. */
static bool import(struct sync *sync, const char *prefixes, bool last, struct error *error)
{
    struct json_object *request = control_request("sources"), *answer;

    json_object_object_add(request, "action", json_object_new_string("import"));
    json_object_object_add(request, "name", json_object_new_string(sync->list.name));
    json_object_object_add(request, "from", json_object_new_int64(sync->list.from));
    json_object_object_add(request, "prefixes", json_object_new_string(prefixes));
    json_object_object_add(request, "last", json_object_new_boolean(last));
    answer = sync_ask_daemon(sync, request, DAEMON_MS, error);
    sync->list.from = json_object_get_int64(json_object_object_get(answer, "prefixes"));
    json_object_put(answer);
    return answer;
}

/* NULL: it is not there, or nobody of the cluster wrote it. `error` where the store is away. */
static struct json_object *piece_of(struct sync *sync, struct error *error)
{
    char name[SYNC_LIST_KEY_BYTES], key[SYNC_KEY_BYTES], field[16];
    struct sync_command get;
    struct sync_value value;
    struct json_object *content = NULL;
    struct json_flaw flaw;
    redisReply *reply;

    snprintf(field, sizeof(field), "%u", sync->list.piece);
    get = sync_command_of("HGET", sync_key(sync, key_of(&sync->list, name), key), field);
    reply = sync_store_ask(&sync->store, &get, error);
    if (!reply)
        return NULL;
    if (reply->type == REDIS_REPLY_STRING &&
        sync_seal_read(&sync->seal, (struct sync_place){key, field}, reply->str, reply->len,
                       &value))
        content = json_document(value.content, value.bytes, JSON_UTF8, &flaw);
    freeReplyObject(reply);
    return content;
}

static void say_refused(struct sync *sync, const char *why)
{
    struct sync_known *known = sync_known_of(sync, "lists", sync->list.name);

    if (known && !known->refused_ms)
        log_line(LOG_LEVEL_WARNING, "the list %s is not taken: %s", sync->list.name, why);
    if (known)
        known->refused_ms = sync_wall_ms();
}

/* What is missing or wrong ends it; it is said again, or read again later. */
static bool read_on(struct sync *sync, struct error *error)
{
    struct sync_list *list = &sync->list;
    struct error why = {0};
    bool good = true;

    if (strcmp(list->digest, CLEAR) == 0 || list->pieces == 0) {
        end(sync, import(sync, "", true, &why));
        return true;
    }
    do {
        struct json_object *piece = piece_of(sync, error);
        const char *prefixes = document_string(piece, "prefixes");

        list->piece++;
        good = prefixes && import(sync, prefixes, list->piece == list->pieces, &why);
        json_object_put(piece);
        if (error->code != EXIT_DONE)
            return false;
    } while (good && list->piece < list->pieces && sync_has_time(sync));
    if (!good)
        say_refused(sync, why.code != EXIT_DONE ? why.text : "a piece of it is missing");
    if (!good || list->piece == list->pieces)
        end(sync, good);
    return true;
}

/* --- what is said here ------------------------------------------------------------------------ */

static bool write_head(struct sync *sync, const char *name, const char *digest, uint32_t pieces,
                       struct error *error)
{
    const bool gone = strcmp(digest, CLEAR) == 0;
    struct sync_write write = {.name = "lists",
                               .content = json_object_new_object(),
                               .until_ms = sync_wall_ms() + (gone ? GONE_MS : LIST_MS)};
    bool done;

    snprintf(write.field, sizeof(write.field), "%s", name);
    json_object_object_add(write.content, "digest", json_object_new_string(digest));
    json_object_object_add(write.content, "pieces", json_object_new_int64(pieces));
    done = sync_write(sync, &write, error) && sync_settle(sync, error);
    json_object_put(write.content);
    sync->changed |= done;
    return done;
}

static bool write_piece(struct sync *sync, const char *prefixes, struct error *error)
{
    char name[SYNC_LIST_KEY_BYTES], field[16];
    struct json_object *content = json_object_new_object();
    bool done;

    snprintf(field, sizeof(field), "%u", sync->list.piece++);
    json_object_object_add(content, "prefixes", json_object_new_string(prefixes));
    done = sync_write_piece(sync, key_of(&sync->list, name), field, content,
                            sync_wall_ms() + LIST_MS, error);
    json_object_put(content);
    return done;
}

/* The pieces of the one before are of no use any more; those of this one the store may drop when
 * nobody has written them again. */
static bool finish(struct sync *sync, struct error *error)
{
    char name[SYNC_LIST_KEY_BYTES], key[SYNC_KEY_BYTES];
    struct sync_known *known = sync_known_of(sync, "lists", sync->list.name);
    struct sync_list before = sync->list;
    const struct sync_command expire =
        sync_command_of("EXPIRE", sync_key(sync, key_of(&sync->list, name), key), "2592000");
    redisReply *reply = sync_store_ask(&sync->store, &expire, error);
    struct sync_command del;

    if (!reply)
        return false;
    freeReplyObject(reply);
    if (!write_head(sync, sync->list.name, sync->list.digest, sync->list.piece, error))
        return false;
    if (known && known->state[0] && !is_known(known, sync->list.digest)) {
        snprintf(before.digest, sizeof(before.digest), "%s", known->state);
        del = sync_command_of("DEL", sync_key(sync, key_of(&before, name), key));
        reply = sync_store_ask(&sync->store, &del, error);
        if (!reply)
            return false;
        freeReplyObject(reply);
    }
    end(sync, true);
    return true;
}

/* Piece by piece from the daemon into the store. */
static bool write_on(struct sync *sync, struct error *error)
{
    struct sync_list *list = &sync->list;

    do {
        struct json_object *request = control_request("list"), *answer;
        struct error why = {0};
        const char *digest;
        bool same, done;

        json_object_object_add(request, "name", json_object_new_string(list->name));
        json_object_object_add(request, "from", json_object_new_int64(list->from));
        answer = sync_ask_daemon(sync, request, DAEMON_MS, &why);
        digest = digest_of(answer);
        same = digest && strcmp(digest, list->digest) == 0;
        done = !same || write_piece(sync, document_string(answer, "prefixes"), error);
        list->from = json_object_get_int64(json_object_object_get(answer, "next"));
        json_object_put(answer);
        if (!same) /* another one has taken its place meanwhile */
            end(sync, false);
        if (!same || !done)
            return done;
    } while (list->from > 0 && sync_has_time(sync));
    return list->from > 0 || finish(sync, error);
}

/* The first that is new here, or another one than was heard, is written. */
static void find_new(struct sync *sync, struct json_object *lists)
{
    for (size_t i = 0; i < json_object_array_length(lists); i++) {
        struct json_object *list = json_object_array_get_idx(lists, i);
        const char *name = document_string(list, "name"), *digest = digest_of(list);
        const struct sync_known *known = name && digest ? sync_known_of(sync, "lists", name) : NULL;

        if (sync->list.work == SYNC_LIST_IDLE && known &&
            (!is_known(known, digest) || sync_is_missed(sync, SYNC_LISTS, known)))
            begin(&sync->list, SYNC_LIST_WRITE, name, digest, 0);
    }
}

static bool say_gone(struct sync *sync, struct json_object *lists, struct error *error)
{
    bool done = true;

    for (size_t i = 0;
         done && sync->lists_before && i < json_object_array_length(sync->lists_before); i++) {
        struct json_object *list = json_object_array_get_idx(sync->lists_before, i);
        const char *name = document_string(list, "name");
        struct sync_known *known =
            has(lists, name, NULL) ? NULL : sync_known_of(sync, "lists", name);

        if (!known || is_known(known, CLEAR))
            continue;
        done = write_head(sync, name, CLEAR, 0, error);
        if (done)
            remember(sync, known, CLEAR);
    }
    return done;
}

bool sync_lists_turn(struct sync *sync, struct error *error)
{
    struct json_object *lists = json_object_object_get(sync->heard, "lists");

    if (!json_object_is_type(lists, json_type_array))
        return true;
    if (sync->list.work == SYNC_LIST_IDLE) {
        if (!sync_read_hash(sync, SYNC_LISTS, LIST_MS, take_list, error))
            return false;
        if (sync->list.work == SYNC_LIST_IDLE) {
            if (!say_gone(sync, lists, error))
                return false;
            find_new(sync, lists);
        }
        json_object_put(sync->lists_before);
        sync->lists_before = json_object_get(lists);
    }
    if (sync->list.work == SYNC_LIST_IDLE ||
        (sync->list.work == SYNC_LIST_READ ? read_on(sync, error) : write_on(sync, error)))
        return true;
    end(sync, false); /* from its beginning, when the store is back */
    return false;
}
