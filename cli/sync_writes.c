/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sync_writes.c - values that are written into the store (sync.h).
 *
 * Several are on their way at once: what takes the store a moment takes it once for all of them.
 * How many, grows while it answers soon, and falls where it does not, so that a slow one is asked
 * for one at a time. Each has an answer, which is waited for before anything else is asked
 * (sync_settle()); what came to nothing is as if it had not been tried.
 */
#include <stdlib.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "cli/sync.h"

#define SOON_MS     100u
#define LATE_MS     250u
#define ALL_ANSWERS 4u /* those to all that is on its way take as long as so many */

/* Where ARGV[2] is how the value that it replaces begins ("": there is none), or "*". */
static const char replace_script[] =
    "local v = redis.call('HGET', KEYS[1], ARGV[1]) "
    "if ARGV[2] ~= '*' and (v and string.sub(v, 1, 67) or '') ~= ARGV[2] then return 0 end "
    "redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) "
    "redis.call('XADD', KEYS[2], 'MAXLEN', '~', " SYNC_CHANGES_KEPT ", '*', 'f', ARGV[1]) return 1";

uint64_t sync_newest_of(const struct sync_known *known)
{
    return known->version > known->floor ? known->version : known->floor;
}

/* Of two words the one that was said later by the store's clock counts. */
static uint64_t version_of(const struct sync *sync, const struct sync_known *known)
{
    const uint64_t now_us = clock_wall_us() + (uint64_t)sync->store_ahead_us;
    const uint64_t newest = sync_newest_of(known);

    return newest < now_us ? now_us : newest + 1;
}

unsigned sync_more_at_once(unsigned at_once, uint64_t took_ms)
{
    if (took_ms > LATE_MS)
        return at_once > 1 ? at_once / 2 : 1;
    return took_ms < SOON_MS && at_once < SYNC_WRITES_MOST ? 2 * at_once : at_once;
}

/* --- one value -------------------------------------------------------------------------------- */

/* Its content is the object's; the rest is set. The caller frees it; NULL: out of memory. */
static char *seal(const struct sync *sync, struct sync_place place, struct sync_value *value,
                  struct json_object *content, size_t *bytes)
{
    value->content = json_object_to_json_string_length(
        content, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &value->bytes);
    snprintf(value->writer, sizeof(value->writer), "%s", sync->node);
    return sync_seal_write(&sync->seal, place, value, bytes);
}

bool sync_write_piece(struct sync *sync, const char *name, const char *field,
                      struct json_object *content, uint64_t until_ms, struct error *error)
{
    char key[SYNC_KEY_BYTES];
    const struct sync_place place = {sync_key(sync, name, key), field};
    struct sync_value value = {.version = sync_wall_ms(), .until_ms = until_ms};
    struct sync_command command = sync_command_of("HSET", place.key, field);
    redisReply *reply;
    size_t bytes = 0;
    char *text = seal(sync, place, &value, content, &bytes);

    if (!text)
        return error_set(error, EXIT_FAILED, "out of memory");
    sync_command_add(&command, text, bytes);
    reply = sync_store_ask(&sync->store, &command, error);
    free(text);
    if (reply)
        freeReplyObject(reply);
    return reply;
}

/* --- several ---------------------------------------------------------------------------------- */

/* All else goes on. */
static bool leave_out(struct sync *sync)
{
    if (!sync->full_told)
        log_line(LOG_LEVEL_WARNING,
                 "the cluster has more than %u values: what is new is not shared",
                 SYNC_MEMORY_MOST);
    sync->full_told = true;
    return true;
}

static bool send_one(struct sync *sync, struct sync_write *write, const struct sync_value *value,
                     const char *text, size_t bytes, struct error *error)
{
    char key[SYNC_KEY_BYTES], changes[SYNC_KEY_BYTES];
    struct sync_command command =
        write->replaces
            ? sync_command_of("EVAL", replace_script, "2", sync_key(sync, write->name, key),
                              sync_key(sync, "changes", changes), write->field, write->head)
            : sync_command_of("HSET", sync_key(sync, write->name, key), write->field);

    bool sent;

    sync_command_add(&command, text, bytes);
    sent = sync_store_send(&sync->store, &command, error);
    write->version = value->version;
    /* It was a word of the command. The text ends without a zero. */
    snprintf(write->head, sizeof(write->head), "%.*s", (int)sizeof(write->head) - 1, text);
    return sent;
}

/* `head`: of the value that it replaces; NULL: it is written whatever stands there. */
static bool put_on_the_way(struct sync *sync, const struct sync_write *wanted, const char *head,
                           struct error *error)
{
    struct sync_write *write;
    char key[SYNC_KEY_BYTES];
    const struct sync_place place = {sync_key(sync, wanted->name, key), wanted->field};
    struct sync_known *known = sync_memory_of(sync->memory, place, true);
    struct sync_value value = {.until_ms = wanted->until_ms};
    size_t bytes = 0;
    char *text;
    bool sent;

    if (!known)
        return leave_out(sync);
    if (sync->writes_count >= sync->at_once && !sync_settle(sync, error))
        return false;
    value.version = version_of(sync, known);
    text = seal(sync, place, &value, wanted->content, &bytes);
    if (!text)
        return error_set(error, EXIT_FAILED, "out of memory");
    write = &sync->writes[sync->writes_count];
    *write = *wanted;
    write->replaces = head;
    write->new = head && !head[0];
    snprintf(write->head, sizeof(write->head), "%s", head ? head : "");
    if (sync->writes_count == 0)
        sync->sent_ms = clock_now_us() / 1000;
    sent = send_one(sync, write, &value, text, bytes, error);
    free(text);
    json_object_get(write->content);
    sync->writes_count++;
    return sent || sync_settle(sync, error);
}

bool sync_write(struct sync *sync, const struct sync_write *write, struct error *error)
{
    return put_on_the_way(sync, write, NULL, error);
}

bool sync_replace(struct sync *sync, const struct sync_write *write, const char *head,
                  struct error *error)
{
    return put_on_the_way(sync, write, head, error);
}

/* `reply` NULL: it has failed. */
static void note_answer(struct sync *sync, const struct sync_write *write, const redisReply *reply)
{
    char key[SYNC_KEY_BYTES];
    struct sync_known *known = sync_memory_of(
        sync->memory, (struct sync_place){sync_key(sync, write->name, key), write->field}, true);
    struct sync_value value = {.version = write->version, .until_ms = write->until_ms};
    const bool stands =
        reply && reply->type == REDIS_REPLY_INTEGER && (!write->replaces || reply->integer == 1);

    if (!known || !reply)
        return;
    snprintf(value.writer, sizeof(value.writer), "%s", sync->node);
    if (stands)
        sync_note(sync, known, &value);
    if (write->taken)
        write->taken(sync, known, write, stands);
}

/* Where the connection ends with one of them, the others have no answer either. */
bool sync_settle(struct sync *sync, struct error *error)
{
    const unsigned count = sync->writes_count;
    const uint64_t end_ms =
        clock_now_us() / 1000 + ALL_ANSWERS * sync_store_patience_ms(&sync->store);
    struct error first = {0};

    sync->writes_count = 0;
    for (unsigned i = 0; i < count; i++) {
        struct error why = {0};
        redisReply *reply =
            sync->store.fd >= 0 ? sync_store_receive_until(&sync->store, end_ms, &why) : NULL;

        note_answer(sync, &sync->writes[i], reply);
        json_object_put(sync->writes[i].content);
        if (reply)
            freeReplyObject(reply);
        else if (first.code == EXIT_DONE)
            first = why;
    }
    if (count)
        sync->at_once = sync_more_at_once(sync->at_once, clock_now_us() / 1000 - sync->sent_ms);
    if (error->code == EXIT_DONE)
        *error = first;
    return error->code == EXIT_DONE;
}
