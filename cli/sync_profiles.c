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
 *
 * It is longer than most: taking and teaching both turn on who the teacher is.
 */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/text/document.h"
#include "cli/control_client.h"
#include "cli/sync.h"
#include "cli/sync_name.h"
#include "profiles/store/json_document.h"

#define PROFILE_MS     (86400u * 1000)
#define AGAIN_MS       (3600u * 1000)
#define LOOK_LEAST_MS  1000u
#define LOOK_FAILED_MS 30000u
#define LOOK_SHARE     20u /* looking takes one in so many parts of the time */
#define COUNT_MS       5000u
#define CHANGES_READ   "500"
#define NO_CHANGE      "0-0"
#define FETCH_MOST     64u
#define TAUGHT_BYTES   (16u * 1024 * 1024)
#define DAEMON_MS      30000u

/* What one bridge teaches, for one import: profiles one behind the other. */
struct lesson {
    char teacher[SYNC_WRITER_BYTES];
    char *text;
    size_t bytes, room;
    size_t *begins, count, begins_room; /* of each profile in the text */
};

struct lessons {
    struct sync *sync;
    struct lesson of[SYNC_NODES_MOST];
    unsigned count;
};

/* --- taking ----------------------------------------------------------------------------------- */

static const char head[] = "{\"synward\":{\"version\":\"sync\",\"schema\":1},\"profiles\":[";

static size_t end_of(const struct lesson *lesson, size_t profile)
{
    return profile + 1 < lesson->count ? lesson->begins[profile + 1] : lesson->bytes;
}

/* A store of `count` profiles from `first` on; NULL: out of memory. */
static char *store_of(const struct lesson *lesson, size_t first, size_t count, size_t *bytes)
{
    char *text = malloc(sizeof(head) + lesson->bytes + count + 2), *at = text;

    if (!text)
        return NULL;
    at = mempcpy(at, head, sizeof(head) - 1);
    for (size_t i = first; i < first + count; i++) {
        if (i > first)
            *at++ = ',';
        at = mempcpy(at, lesson->text + lesson->begins[i], end_of(lesson, i) - lesson->begins[i]);
    }
    at = mempcpy(at, "]}", 2);
    *bytes = (size_t)(at - text);
    return text;
}

/* What the daemon refuses of a lesson is looked for in its halves: one profile that it does not
 * take (of a newer version) keeps none of the others away. It is named, and not said again. */
static bool import(struct sync *sync, const struct lesson *lesson, size_t first, size_t count,
                   struct error *error)
{
    struct json_object *request = control_request("import"), *answer;
    size_t bytes = 0;
    char *text = store_of(lesson, first, count, &bytes);

    json_object_object_add(request, "name", json_object_new_string("the cluster's profiles"));
    json_object_object_add(request, "teacher", json_object_new_string(lesson->teacher));
    json_object_object_add(request, "contents",
                           text ? json_object_new_string_len(text, (int)bytes) : NULL);
    free(text);
    answer = sync_ask_daemon(sync, request, DAEMON_MS, error);
    json_object_put(answer);
    if (answer || error->code == EXIT_UNREACHABLE)
        return answer;
    if (count == 1)
        log_line(LOG_LEVEL_WARNING, "a profile of %s is not taken: %s", lesson->teacher,
                 error->text);
    *error = (struct error){0};
    return count == 1 || (import(sync, lesson, first, count / 2, error) &&
                          import(sync, lesson, first + count / 2, count - count / 2, error));
}

static bool grow(void **array, size_t wanted, size_t *room, size_t size)
{
    const size_t more = 2 * wanted + 1024;
    void *grown = wanted > *room ? realloc(*array, more * size) : NULL;

    if (wanted <= *room)
        return true;
    if (!grown)
        return false;
    *array = grown;
    *room = more;
    return true;
}

static bool append(struct lesson *lesson, const struct sync_value *value)
{
    if (!grow((void **)&lesson->text, lesson->bytes + value->bytes, &lesson->room, 1) ||
        !grow((void **)&lesson->begins, lesson->count + 1, &lesson->begins_room,
              sizeof(*lesson->begins)))
        return false;
    lesson->begins[lesson->count++] = lesson->bytes;
    memcpy(lesson->text + lesson->bytes, value->content, value->bytes);
    lesson->bytes += value->bytes;
    return true;
}

static bool finish(struct lessons *lessons, struct lesson *lesson, struct error *error)
{
    const bool done = lesson->count == 0 || import(lessons->sync, lesson, 0, lesson->count, error);

    lesson->bytes = lesson->count = 0;
    return done;
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
    return append(lesson, value) || error_set(error, EXIT_FAILED, "out of memory");
}

static bool finish_all(struct lessons *lessons, bool good, struct error *error)
{
    for (unsigned i = 0; i < lessons->count; i++) {
        good = good && finish(lessons, &lessons->of[i], error);
        free(lessons->of[i].text);
        free(lessons->of[i].begins);
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
    bool new, ours;

    if (field->type != REDIS_REPLY_STRING || strlen(field->str) != field->len)
        return true;
    note_head(sync, field->str, text);
    if (!sync_take(sync, "profiles", field->str, text, &value, &known))
        return true;
    note_head(sync, field->str, text);
    new = value.version > known->version || known->daemon != sync->daemon;
    known->daemon = sync->daemon;
    sync_note(sync, known, &value);
    if (!new || value.until_ms <= now_ms || value.until_ms > now_ms + PROFILE_MS + 60000)
        return true;
    ours = strcmp(value.writer, sync->node) == 0;
    if (ours && !memmem(value.content, value.bytes, "\"gone\"", 6))
        return true;
    content = json_document(value.content, value.bytes, JSON_UTF8, &flaw);
    if (!content)
        return true;
    known->gone = sync_forgotten_take(sync, &value, known, content);
    if (!ours)
        digest_settings(content, known->settings);
    json_object_put(content);
    return known->gone || ours || add(lessons, &value, error);
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
        words->element[0]->type != REDIS_REPLY_STRING || strcmp(words->element[0]->str, "f") != 0 ||
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

static bool is_at(const struct sync *sync, const redisReply *reply)
{
    const redisReply *entry =
        reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 ? reply->element[0] : NULL;
    const redisReply *id =
        entry && entry->type == REDIS_REPLY_ARRAY && entry->elements > 0 ? entry->element[0] : NULL;

    return id && id->type == REDIS_REPLY_STRING && strcmp(id->str, sync->change) == 0;
}

/*
 * What changed since. The stream is bounded: where what was read last does not stand there any
 * more, nor all that came behind it perhaps, all profiles are to be read again.
 */
static bool read_changes(struct sync *sync, struct lessons *lessons, struct error *error)
{
    char changes[SYNC_KEY_BYTES], profiles[SYNC_KEY_BYTES];
    const bool none = strcmp(sync->change, NO_CHANGE) == 0; /* was read: the stream was empty */
    struct sync_command range, get;
    redisReply *reply;
    bool good = true;

    range = sync_command_of("XRANGE", sync_key(sync, "changes", changes), sync->change, "+",
                            "COUNT", CHANGES_READ);
    get = sync_command_of("HMGET", sync_key(sync, "profiles", profiles));
    reply = sync_store_ask(&sync->store, &range, error);
    if (!reply)
        return false;
    sync->read_profiles = !none && !is_at(sync, reply);
    good = !sync->read_profiles;
    for (size_t i = none ? 0 : 1; good && reply->type == REDIS_REPLY_ARRAY && i < reply->elements;
         i++) {
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
    return good || sync->read_profiles;
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
    snprintf(sync->change, sizeof(sync->change), NO_CHANGE);
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 1)
        note_change(sync, reply->element[0]);
    freeReplyObject(reply);
    return true;
}

static bool take_pair(void *context, const redisReply *field, const redisReply *text,
                      struct error *error)
{
    return take_profile(context, field, text, error);
}

/* From round to round, where the store is slow: what changes meanwhile is in the stream. */
static bool read_all(struct sync *sync, struct lessons *lessons, struct error *error)
{
    if (!sync->reading && !find_end_of_changes(sync, error))
        return false;
    sync->reading = true;
    do {
        if (!sync_scan(sync, SYNC_PROFILES, take_pair, lessons, error))
            return false;
    } while (!sync_has_read(sync, SYNC_PROFILES) && sync_has_time(sync));
    if (sync_has_read(sync, SYNC_PROFILES))
        sync->reading = sync->read_profiles = false;
    return true;
}

/* --- teaching --------------------------------------------------------------------------------- */

static bool is_armed(struct json_object *profile)
{
    return json_object_get_boolean(
        json_object_object_get(json_object_object_get(profile, "evidence"), "armed"));
}

static void leave_out_own(struct json_object *profile)
{
    json_object_object_del(profile, "mark");
    json_object_object_del(profile, "enforced");
    json_object_object_del(profile, "configured");
}

/* What stands there now is ours, or what another bridge has written meanwhile: that is looked at.
 */
static void note_taught(struct sync *sync, struct sync_known *known, const struct sync_write *write,
                        bool stands)
{
    struct json_object *profile = write->content;
    const char *mark = document_string(profile, "mark");

    if (!stands) {
        json_object_array_add(sync->unwritten, json_object_get(profile));
        return;
    }
    known->daemon = sync->daemon;
    snprintf(known->head, sizeof(known->head), "%s", write->head);
    known->acted_ms = sync_wall_ms();
    known->gone = false;
    snprintf(known->mark, sizeof(known->mark), "%s", mark ? mark : "");
    digest_settings(profile, known->settings);
    sync->taught_count += write->new;
    sync->count_ms = 0;
}

/* What the daemon says of it for itself is not sealed. */
static bool replace(struct sync *sync, struct json_object *profile, const char *field,
                    const char *known_head, struct error *error)
{
    struct json_object *mark = json_object_get(json_object_object_get(profile, "mark"));
    struct sync_write write = {.name = "profiles",
                               .content = profile,
                               .until_ms = sync_wall_ms() + PROFILE_MS,
                               .taken = note_taught};
    bool done;

    snprintf(write.field, sizeof(write.field), "%s", field);
    leave_out_own(profile);
    done = sync_replace(sync, &write, known_head, error);
    json_object_object_add(profile, "mark", mark);
    return done;
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

    if (known->gone)
        return true;
    if (others)
        return set_here;
    return set_here || strcmp(known->mark, mark) != 0 || sync->push_profiles || !known->version ||
           sync_wall_ms() >= known->acted_ms + AGAIN_MS;
}

/*
 * Something stands there that is not what was seen last. What another bridge wrote is read with the
 * next change, or all is read again; what no bridge wrote, or wrote long ago, is replaced.
 */
static bool is_in_the_way(struct sync *sync, const char *field, struct sync_known *known,
                          bool *replaceable, struct error *error)
{
    char profiles[SYNC_KEY_BYTES];
    const struct sync_command get =
        sync_command_of("HGET", sync_key(sync, "profiles", profiles), field);
    redisReply *reply = sync_store_ask(&sync->store, &get, error);
    struct sync_value value;
    struct sync_known *same = known;

    if (!reply)
        return false;
    *replaceable = !sync_take(sync, "profiles", field, reply, &value, &same);
    if (*replaceable)
        note_head(sync, field, reply);
    else
        sync->read_profiles = true;
    freeReplyObject(reply);
    return true;
}

static bool teach(struct sync *sync, struct json_object *profile, struct error *error)
{
    const char *mark = document_string(profile, "mark");
    const struct sync_known *known;
    char field[SYNC_NAME_BYTES];
    uint8_t settings[16];

    if (!mark || !is_armed(profile) || !sync_name_of_server(profile, field, sizeof(field)))
        return true;
    known = sync_known_of(sync, "profiles", field);
    digest_settings(profile, settings);
    return !known || !is_ours_to_say(sync, known, mark, settings) ||
           replace(sync, profile, field, known->head, error);
}

/* Those in whose place something else stands: what no bridge wrote gives way. */
static bool teach_again(struct sync *sync, struct error *error)
{
    struct json_object *unwritten = sync->unwritten;
    bool good = sync_settle(sync, error);

    sync->unwritten = json_object_new_array();
    for (size_t i = 0; good && i < json_object_array_length(unwritten); i++) {
        struct json_object *profile = json_object_array_get_idx(unwritten, i);
        char field[SYNC_NAME_BYTES];
        struct sync_known *known;
        bool replaceable = false;

        sync_name_of_server(profile, field, sizeof(field));
        known = sync_known_of(sync, "profiles", field);
        good = !known || (is_in_the_way(sync, field, known, &replaceable, error) &&
                          (!replaceable || replace(sync, profile, field, known->head, error)) &&
                          sync_settle(sync, error));
    }
    json_object_put(unwritten);
    return good;
}

/* The daemon's profiles, looked at as far as the round's time goes; then in the next one. */
static bool teach_all(struct sync *sync, uint64_t revision, struct error *error)
{
    const size_t count = sync->lookable ? json_object_array_length(sync->lookable) : 0;
    bool good = true, more = sync->looked < count;

    while (good && more) {
        good = teach(sync, json_object_array_get_idx(sync->lookable, sync->looked++), error);
        more = sync->looked < count && sync_has_time(sync);
    }
    good = teach_again(sync, error) && good;
    if (!good || sync->looked < count)
        return good;
    json_object_put(sync->lookable);
    sync->lookable = NULL;
    sync->push_profiles = false;
    sync->revision = revision;
    return true;
}

/* Of what the daemon does not tell nothing is taught; all else is shared. */
static void look(struct sync *sync, uint64_t revision)
{
    const uint64_t begun_ms = sync_wall_ms();
    struct error error = {0};
    struct json_object *answer =
        sync_ask_daemon(sync, control_request("profiles"), DAEMON_MS, &error);

    sync->look_ms = sync_wall_ms() + LOOK_LEAST_MS + LOOK_SHARE * (sync_wall_ms() - begun_ms);
    if (!answer) {
        log_line(LOG_LEVEL_WARNING, "profiles are not taught: %s", error.text);
        sync->look_ms += LOOK_FAILED_MS;
    }
    sync->lookable = json_object_get(json_object_object_get(answer, "profiles"));
    sync->looked = 0;
    sync->looked_revision = revision;
    json_object_put(answer);
}

static void tell_missed(struct sync *sync, uint64_t left, uint64_t now_ms)
{
    if (sync->missed_told_ms && now_ms < sync->missed_told_ms + AGAIN_MS)
        return;
    sync->missed_told_ms = now_ms;
    log_line(LOG_LEVEL_WARNING,
             "the store has lost %" PRIu64 " of %" PRIu64
             " profiles: whoever teaches them writes them again",
             sync->taught_count - left, sync->taught_count);
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
        tell_missed(sync, (uint64_t)reply->integer, now_ms);
        sync->read_profiles = sync->push_profiles = true;
        sync->look_ms = sync->looked = 0;
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
    const uint64_t now_ms = sync_wall_ms();
    bool good;

    if (!lessons)
        return error_set(error, EXIT_FAILED, "out of memory");
    lessons->sync = sync;
    if (sync->odd_profiles != sync->odd_seen) { /* ours may be gone */
        sync->odd_seen = sync->odd_profiles;
        sync->push_profiles = true;
        sync->looked = 0;
    }
    good = count_profiles(sync, error) &&
           (sync->read_profiles || read_changes(sync, lessons, error)) &&
           (!sync->read_profiles || read_all(sync, lessons, error));
    good = finish_all(lessons, good, error);
    free(lessons);
    /* Before all was read nobody knows what others teach, or have written since a word was said;
     * and what is to be forgotten is not taught. */
    if (!good || sync->reading)
        return good;
    if (!sync_forgotten_say(sync, error))
        return false;
    if (json_object_array_length(sync->forgotten) > 0)
        return true;
    if (!sync->lookable && (revision != sync->revision || sync->push_profiles) &&
        (now_ms >= sync->look_ms || sync->look_ms >= now_ms + 600000))
        look(sync, revision);
    return !sync->lookable || teach_all(sync, sync->looked_revision, error);
}
