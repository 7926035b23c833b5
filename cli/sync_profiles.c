/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sync_profiles.c - profiles of a cluster: one bridge teaches each server, all others take its
 * profile as it is.
 *
 * The teacher is who wrote the value, as long as that bridge lives; then it is whoever writes
 * first, which the store decides: a value is replaced only where it is still the one that was read.
 * What a teacher learns is written when what is promised or enforced changes (its `mark`), and once
 * in an hour, as a value counts for a day. Where a bridge that is taught has other settings, the
 * operator has made them there: his word counts, and that bridge teaches from then on.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/text/document.h"
#include "cli/control_client.h"
#include "cli/sync.h"
#include "profiles/store/json_document.h"

#define PROFILE_MS    (86400u * 1000)
#define AGAIN_MS      (3600u * 1000)
#define LOOK_LEAST_MS 1000u
#define LOOK_SHARE    20u /* looking takes one in so many parts of the time */
#define COUNT_MS      5000u
#define CHANGES_KEPT  "10000"
#define CHANGES_READ  "500"
#define SCAN_COUNT    "200"
#define FETCH_MOST    64u
#define TAUGHT_BYTES  (16u * 1024 * 1024)
#define DAEMON_MS     30000u

/* Where ARGV[2] is how the value that it replaces begins, "" where there is none. */
static const char replace_script[] =
    "local v = redis.call('HGET', KEYS[1], ARGV[1]) "
    "if (v and string.sub(v, 1, 67) or '') ~= ARGV[2] then return 0 end "
    "redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) "
    "redis.call('XADD', KEYS[2], 'MAXLEN', '~', " CHANGES_KEPT ", '*', 'f', ARGV[1]) return 1";

/* What one bridge teaches, for one import. */
struct lesson {
    char teacher[SYNC_WRITER_BYTES];
    char *text;
    size_t bytes, room;
};

struct lessons {
    struct sync *sync;
    struct lesson of[SYNC_NODES_MOST];
    unsigned count;
};

/* --- taking ----------------------------------------------------------------------------------- */

static bool import(struct sync *sync, struct lesson *lesson, struct error *error)
{
    struct json_object *request = control_request("import"), *answer;

    json_object_object_add(request, "name", json_object_new_string("the cluster's profiles"));
    json_object_object_add(request, "teacher", json_object_new_string(lesson->teacher));
    json_object_object_add(request, "contents",
                           json_object_new_string_len(lesson->text, (int)lesson->bytes));
    lesson->bytes = 0;
    answer = control_ask_at(sync->control, request, DAEMON_MS, error);
    json_object_put(answer);
    if (answer || error->code == EXIT_UNREACHABLE)
        return answer;
    /* One that this daemon does not take (of a newer version) must not end all that is shared. */
    log_line(LOG_LEVEL_WARNING, "profiles of %s are not taken: %s", lesson->teacher, error->text);
    *error = (struct error){0};
    return true;
}

static bool append(struct lesson *lesson, const char *text, size_t bytes)
{
    if (lesson->bytes + bytes > lesson->room) {
        const size_t room = 2 * (lesson->bytes + bytes) + 65536;
        char *grown = realloc(lesson->text, room);

        if (!grown)
            return false;
        lesson->text = grown;
        lesson->room = room;
    }
    memcpy(lesson->text + lesson->bytes, text, bytes);
    lesson->bytes += bytes;
    return true;
}

static const char head[] = "{\"synward\":{\"version\":\"sync\",\"schema\":1},\"profiles\":[";

static bool finish(struct lessons *lessons, struct lesson *lesson, struct error *error)
{
    if (lesson->bytes == 0)
        return true;
    return (append(lesson, "]}", 2) || error_set(error, EXIT_FAILED, "out of memory")) &&
           import(lessons->sync, lesson, error);
}

static struct lesson *lesson_of(struct lessons *lessons, const char *teacher)
{
    for (unsigned i = 0; i < lessons->count; i++)
        if (strcmp(lessons->of[i].teacher, teacher) == 0)
            return &lessons->of[i];
    if (lessons->count == SYNC_NODES_MOST)
        return NULL;
    snprintf(lessons->of[lessons->count].teacher, SYNC_WRITER_BYTES, "%s", teacher);
    return &lessons->of[lessons->count++];
}

static bool add(struct lessons *lessons, const struct sync_value *value, struct error *error)
{
    struct lesson *lesson = lesson_of(lessons, value->writer);

    if (!lesson)
        return true;
    if (lesson->bytes > TAUGHT_BYTES && !finish(lessons, lesson, error))
        return false;
    return (lesson->bytes ? append(lesson, ",", 1) : append(lesson, head, sizeof(head) - 1)) &&
           append(lesson, value->content, value->bytes);
}

static bool finish_all(struct lessons *lessons, bool good, struct error *error)
{
    for (unsigned i = 0; i < lessons->count; i++) {
        good = good && finish(lessons, &lessons->of[i], error);
        free(lessons->of[i].text);
    }
    return good;
}

/* What stands there, be it forged: who has something to say replaces it. */
static void note_head(struct sync *sync, const char *field, const redisReply *text)
{
    char key[SYNC_KEY_BYTES];
    struct sync_known *known = sync_memory_of(
        sync->memory, (struct sync_place){sync_key(sync, "profiles", key), field}, false);

    if (known)
        snprintf(known->head, sizeof(known->head), "%.*s",
                 text->type == REDIS_REPLY_STRING ? (int)sizeof(known->head) - 1 : 0,
                 text->type == REDIS_REPLY_STRING ? text->str : "");
}

/* Of what the operator set by hand. */
static void digest_settings(struct json_object *profile, uint8_t digest[16])
{
    struct json_object *settings = json_object_object_get(profile, "settings");
    const char *text = settings ? json_object_to_json_string(settings) : "{}";

    crypto_generichash(digest, 16, (const unsigned char *)text, strlen(text), NULL, 0);
}

/* A value in the store: taken where it is another bridge's, and new. */
static bool take_profile(struct lessons *lessons, const redisReply *field, const redisReply *text,
                         struct error *error)
{
    struct sync *sync = lessons->sync;
    const uint64_t now_ms = sync_wall_ms();
    struct sync_value value;
    struct sync_known *known;
    struct json_object *content;
    struct json_flaw flaw;
    bool new;

    if (field->type != REDIS_REPLY_STRING || strlen(field->str) != field->len)
        return true;
    note_head(sync, field->str, text);
    if (!sync_take(sync, "profiles", field->str, text, &value, &known))
        return true;
    note_head(sync, field->str, text);
    new = value.version > known->version || sync->tell_all;
    known->version = value.version;
    snprintf(known->writer, sizeof(known->writer), "%s", value.writer);
    if (!new || strcmp(value.writer, sync->node) == 0 || value.until_ms <= now_ms ||
        value.until_ms > now_ms + PROFILE_MS + 60000)
        return true;
    content = json_document(value.content, value.bytes, JSON_UTF8, &flaw);
    if (!content)
        return true;
    digest_settings(content, known->settings);
    json_object_put(content);
    return add(lessons, &value, error);
}

static bool fetch(struct lessons *lessons, struct sync_command *command, struct error *error)
{
    redisReply *reply;
    bool good = true;

    if (command->count <= 2)
        return true;
    reply = sync_store_ask(&lessons->sync->store, command, error);
    if (!reply)
        return false;
    for (size_t i = 0; good && reply->type == REDIS_REPLY_ARRAY && i < reply->elements &&
                       i + 2 < (size_t)command->count;
         i++) {
        const redisReply field = {.type = REDIS_REPLY_STRING,
                                  .str = (char *)command->word[i + 2],
                                  .len = command->bytes[i + 2]};

        good = take_profile(lessons, &field, reply->element[i], error);
    }
    freeReplyObject(reply);
    return good;
}

/* The name of the server in an entry of the stream; NULL: it is none of ours. */
static const redisReply *changed_field(const redisReply *entry)
{
    const redisReply *words;

    if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2)
        return NULL;
    words = entry->element[1];
    if (words->type != REDIS_REPLY_ARRAY || words->elements != 2 ||
        words->element[1]->type != REDIS_REPLY_STRING || words->element[1]->len > 100)
        return NULL;
    return words->element[1];
}

static void note_change(struct sync *sync, const redisReply *entry)
{
    const redisReply *id =
        entry->type == REDIS_REPLY_ARRAY && entry->elements > 0 ? entry->element[0] : NULL;

    if (id && id->type == REDIS_REPLY_STRING && id->len < SYNC_CHANGE_BYTES &&
        strlen(id->str) == id->len)
        snprintf(sync->change, sizeof(sync->change), "%s", id->str);
}

/* What changed since, as far as the stream goes back. */
static bool read_changes(struct sync *sync, struct lessons *lessons, struct error *error)
{
    char changes[SYNC_KEY_BYTES], profiles[SYNC_KEY_BYTES], from[SYNC_CHANGE_BYTES + 1];
    struct sync_command range, get;
    redisReply *reply;
    bool good = true;

    snprintf(from, sizeof(from), "(%s", sync->change);
    range = sync_command_of("XRANGE", sync_key(sync, "changes", changes), from, "+", "COUNT",
                            CHANGES_READ);
    get = sync_command_of("HMGET", sync_key(sync, "profiles", profiles));
    reply = sync_store_ask(&sync->store, &range, error);
    if (!reply)
        return false;
    for (size_t i = 0; good && reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        const redisReply *field = changed_field(reply->element[i]);

        note_change(sync, reply->element[i]);
        if (field)
            sync_command_add(&get, field->str, field->len);
        if ((unsigned)get.count == 2 + FETCH_MOST) {
            good = fetch(lessons, &get, error);
            get.count = 2;
        }
    }
    good = good && fetch(lessons, &get, error);
    freeReplyObject(reply);
    return good;
}

/* The newest change: what is read whole now has all that came before. */
static bool find_end_of_changes(struct sync *sync, struct error *error)
{
    char changes[SYNC_KEY_BYTES];
    const struct sync_command last =
        sync_command_of("XREVRANGE", sync_key(sync, "changes", changes), "+", "-", "COUNT", "1");
    redisReply *reply = sync_store_ask(&sync->store, &last, error);

    if (!reply)
        return false;
    snprintf(sync->change, sizeof(sync->change), "0-0");
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 1)
        note_change(sync, reply->element[0]);
    freeReplyObject(reply);
    return true;
}

/* One step of HSCAN; `cursor` is "0" behind the last. */
static bool scan(struct lessons *lessons, char cursor[32], struct error *error)
{
    char profiles[SYNC_KEY_BYTES];
    const struct sync_command command = sync_command_of(
        "HSCAN", sync_key(lessons->sync, "profiles", profiles), cursor, "COUNT", SCAN_COUNT);
    redisReply *reply = sync_store_ask(&lessons->sync->store, &command, error);
    const redisReply *pairs;
    bool good;

    if (!reply)
        return false;
    good = reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
           reply->element[0]->type == REDIS_REPLY_STRING && reply->element[0]->len < 32 &&
           reply->element[1]->type == REDIS_REPLY_ARRAY;
    if (!good) {
        freeReplyObject(reply);
        return error_set(error, EXIT_FAILED, "the store speaks no Redis");
    }
    snprintf(cursor, 32, "%s", reply->element[0]->str);
    pairs = reply->element[1];
    for (size_t i = 0; good && i + 1 < pairs->elements; i += 2)
        good = take_profile(lessons, pairs->element[i], pairs->element[i + 1], error);
    freeReplyObject(reply);
    return good;
}

/* A store without end is left where it has shown more than any has. */
static bool read_all(struct sync *sync, struct lessons *lessons, struct error *error)
{
    char cursor[32] = "0";
    unsigned steps = 0;

    if (!find_end_of_changes(sync, error))
        return false;
    do {
        if (!scan(lessons, cursor, error))
            return false;
    } while (strcmp(cursor, "0") != 0 && ++steps < 4096);
    sync->read_profiles = false;
    return true;
}

/* --- teaching --------------------------------------------------------------------------------- */

/* "10.0.0.1 80 []" */
static bool field_of(struct json_object *profile, char field[128])
{
    const char *server = document_string(profile, "server");
    const int written = snprintf(field, 128, "%s %s %s", server ? server : "",
                                 json_object_get_string(json_object_object_get(profile, "port")),
                                 json_object_get_string(json_object_object_get(profile, "vlan")));

    return server && written > 0 && written < 128;
}

static bool is_armed(struct json_object *profile)
{
    return json_object_get_boolean(
        json_object_object_get(json_object_object_get(profile, "evidence"), "armed"));
}

/* `*written` is false where another bridge was faster: its value is read with the next change. */
static bool replace(struct sync *sync, const char *field, struct json_object *profile,
                    struct sync_known *known, bool *written, struct error *error)
{
    char profiles[SYNC_KEY_BYTES], changes[SYNC_KEY_BYTES], *text;
    const struct sync_place place = {sync_key(sync, "profiles", profiles), field};
    struct sync_command command =
        sync_command_of("EVAL", replace_script, "2", profiles, sync_key(sync, "changes", changes),
                        field, known->head);
    const uint64_t wall_us = clock_wall_us();
    struct sync_value value = {.until_ms = wall_us / 1000 + PROFILE_MS};
    redisReply *reply;
    size_t bytes = 0;

    value.version = known->version < wall_us ? wall_us : known->version + 1;
    snprintf(value.writer, sizeof(value.writer), "%s", sync->node);
    value.content = json_object_to_json_string_length(
        profile, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &value.bytes);
    text = sync_seal_write(&sync->seal, place, &value, &bytes);
    if (!text)
        return error_set(error, EXIT_FAILED, "out of memory");
    sync_command_add(&command, text, bytes);
    reply = sync_store_ask(&sync->store, &command, error);
    *written = reply && reply->type == REDIS_REPLY_INTEGER && reply->integer == 1;
    if (*written) {
        known->version = value.version;
        memcpy(known->writer, value.writer, sizeof(known->writer));
        memcpy(known->head, text, sizeof(known->head) - 1);
        known->acted_ms = wall_us / 1000;
    }
    free(text);
    if (reply)
        freeReplyObject(reply);
    return reply;
}

/*
 * True where this bridge is to write it: nobody else teaches it and its mark is new, or long said;
 * or somebody does, and the operator has set something else here.
 */
static bool is_ours_to_say(const struct sync *sync, const struct sync_known *known,
                           const char *mark, const uint8_t settings[16])
{
    const bool others = known->version && strcmp(known->writer, sync->node) != 0 &&
                        sync_node_lives(sync, known->writer);
    const bool set_here = memcmp(known->settings, settings, sizeof(known->settings)) != 0;

    if (others)
        return set_here;
    return set_here || strcmp(known->mark, mark) != 0 || sync->push_profiles || !known->version ||
           sync_wall_ms() >= known->acted_ms + AGAIN_MS;
}

static bool teach(struct sync *sync, struct json_object *profile, struct error *error)
{
    char profiles[SYNC_KEY_BYTES], field[128], mark[sizeof(((struct sync_known *)0)->mark)];
    const char *said = document_string(profile, "mark");
    struct sync_known *known;
    uint8_t settings[16];
    bool written = false;

    if (!said || !is_armed(profile) || !field_of(profile, field))
        return true;
    known = sync_memory_of(sync->memory,
                           (struct sync_place){sync_key(sync, "profiles", profiles), field}, true);
    snprintf(mark, sizeof(mark), "%s", said);
    digest_settings(profile, settings);
    if (!known || !is_ours_to_say(sync, known, mark, settings))
        return true;
    json_object_object_del(profile, "mark");
    json_object_object_del(profile, "enforced");
    json_object_object_del(profile, "configured");
    if (!replace(sync, field, profile, known, &written, error))
        return false;
    if (!written && sync->push_profiles) { /* or it was taken away */
        known->head[0] = '\0';
        if (!replace(sync, field, profile, known, &written, error))
            return false;
    }
    if (written) {
        snprintf(known->mark, sizeof(known->mark), "%s", mark);
        memcpy(known->settings, settings, sizeof(settings));
        sync->count_ms = 0;
    }
    return true;
}

static bool teach_all(struct sync *sync, struct error *error)
{
    struct json_object *answer =
        control_ask_at(sync->control, control_request("profiles"), DAEMON_MS, error);
    struct json_object *array = json_object_object_get(answer, "profiles");
    const size_t count = array ? json_object_array_length(array) : 0;
    bool good = true;

    /* Of what the daemon does not tell nothing is taught; all else is shared. */
    if (!answer) {
        log_line(LOG_LEVEL_WARNING, "profiles are not taught: %s", error->text);
        *error = (struct error){0};
    }
    for (size_t i = 0; good && i < count; i++)
        good = teach(sync, json_object_array_get_idx(array, i), error);
    json_object_put(answer);
    return good;
}

/* What was taken away from the store is put there again by who teaches it. */
static bool count_profiles(struct sync *sync, struct error *error)
{
    char profiles[SYNC_KEY_BYTES];
    const struct sync_command command =
        sync_command_of("HLEN", sync_key(sync, "profiles", profiles));
    const uint64_t now_ms = sync_wall_ms();
    redisReply *reply;

    if (now_ms < sync->count_ms && sync->count_ms < now_ms + 2 * COUNT_MS)
        return true;
    sync->count_ms = now_ms + COUNT_MS;
    reply = sync_store_ask(&sync->store, &command, error);
    if (!reply)
        return false;
    if (reply->type == REDIS_REPLY_INTEGER && (uint64_t)reply->integer < sync->taught_count) {
        sync->read_profiles = sync->push_profiles = true;
        sync->look_ms = 0;
    }
    sync->taught_count = reply->type == REDIS_REPLY_INTEGER ? (uint64_t)reply->integer : 0;
    freeReplyObject(reply);
    return true;
}

bool sync_profiles_turn(struct sync *sync, struct error *error)
{
    const uint64_t revision =
        json_object_get_uint64(json_object_object_get(sync->heard, "revision"));
    struct lessons *lessons = calloc(1, sizeof(*lessons));
    const uint64_t begun_ms = sync_wall_ms();
    bool good;

    if (!lessons)
        return error_set(error, EXIT_FAILED, "out of memory");
    lessons->sync = sync;
    if (sync->odd_profiles != sync->odd_seen) { /* ours may be gone */
        sync->odd_seen = sync->odd_profiles;
        sync->push_profiles = true;
    }
    good =
        count_profiles(sync, error) &&
        (sync->read_profiles ? read_all(sync, lessons, error) : read_changes(sync, lessons, error));
    good = finish_all(lessons, good, error);
    free(lessons);
    if (!good || (revision == sync->revision && !sync->push_profiles) ||
        (begun_ms < sync->look_ms && sync->look_ms < begun_ms + 600000))
        return good;
    good = teach_all(sync, error);
    sync->look_ms = sync_wall_ms() + LOOK_LEAST_MS + LOOK_SHARE * (sync_wall_ms() - begun_ms);
    if (good) {
        sync->push_profiles = false;
        sync->revision = revision;
    }
    return good;
}
