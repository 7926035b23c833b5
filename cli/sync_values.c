/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sync_values.c - values of the store, written and read (sync.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/text/document.h"
#include "cli/sync.h"
#include "profiles/store/json_document.h"

#define SKEW_MS      15000u /* clocks of two bridges may differ so much */
#define FORGOTTEN_MS 60000u /* values whose time is over for so long are taken away */
#define KEPT_MS      60000u /* what lasts shorter is over before it can be played again */
#define SCAN_COUNT   "200"

static const char *const names[SYNC_HASHES] = {
    [SYNC_NODES] = "nodes",   [SYNC_ATTACKS] = "attacks",  [SYNC_ASIDES] = "asides",
    [SYNC_COUNTS] = "counts", [SYNC_RULES] = "rules",      [SYNC_SETTINGS] = "settings",
    [SYNC_LISTS] = "lists",   [SYNC_PROFILES] = "profiles"};

const char *sync_key(const struct sync *sync, const char *name, char key[SYNC_KEY_BYTES])
{
    snprintf(key, SYNC_KEY_BYTES, "synward:%s:%s", sync->seal.cluster, name);
    return key;
}

uint64_t sync_wall_ms(void)
{
    return clock_wall_us() / 1000;
}

bool sync_has_time(const struct sync *sync)
{
    return clock_now_us() / 1000 < sync->ends_ms;
}

/* --- what is known ---------------------------------------------------------------------------- */

void sync_note(struct sync *sync, struct sync_known *known, const struct sync_value *value)
{
    const uint64_t now_ms = sync_wall_ms();
    const bool new = value->version != known->version;

    known->version = value->version;
    if (value->until_ms > known->until_ms)
        known->until_ms = value->until_ms;
    snprintf(known->writer, sizeof(known->writer), "%s", value->writer);
    if (new && known->until_ms > now_ms + KEPT_MS)
        sync_seen_note(sync->seen, known->id, known->version, known->until_ms, now_ms);
}

static void remove_value(struct sync *sync, const char *key, const char *field)
{
    const struct sync_command command = sync_command_of("HDEL", key, field);
    struct error error = {0};
    redisReply *reply = sync_store_ask(&sync->store, &command, &error);

    if (reply)
        freeReplyObject(reply);
}

/* --- reading ---------------------------------------------------------------------------------- */

bool sync_take(struct sync *sync, const char *name, const char *field, const redisReply *text,
               struct sync_value *value, struct sync_known **known)
{
    char key[SYNC_KEY_BYTES];
    const struct sync_place place = {sync_key(sync, name, key), field};

    if (text->type != REDIS_REPLY_STRING ||
        !sync_seal_read(&sync->seal, place, text->str, text->len, value)) {
        sync->forged += text->type != REDIS_REPLY_NIL;
        sync->odd_profiles += text->type != REDIS_REPLY_NIL && strcmp(name, "profiles") == 0;
        return false;
    }
    *known = sync_memory_of(sync->memory, place, true);
    if (!*known || value->version < sync_newest_of(*known)) {
        sync->replayed += *known != NULL;
        sync->odd_profiles += strcmp(name, "profiles") == 0;
        return false;
    }
    return true;
}

/* A node that went without its value being taken away. */
static void note_dead(struct sync *sync, const char *name, const char *field, uint64_t until_ms)
{
    for (unsigned i = 0; strcmp(name, "nodes") == 0 && i < sync->nodes_count; i++)
        if (strcmp(sync->nodes[i].name, field) == 0 && sync->nodes[i].until_ms <= until_ms)
            sync->nodes[i].dead = true;
}

/* One value whose time is not over, and not too far away. */
static void take_value(struct sync *sync, enum sync_hash hash, const redisReply *field,
                       const redisReply *text, uint64_t most_ms, value_taker *take)
{
    const uint64_t now_ms = sync_wall_ms();
    const char *name = names[hash];
    char key[SYNC_KEY_BYTES];
    struct sync_value value;
    struct sync_known *known;
    struct json_object *content;
    struct json_flaw flaw;

    if (field->type != REDIS_REPLY_STRING || strlen(field->str) != field->len ||
        !sync_take(sync, name, field->str, text, &value, &known))
        return;
    if (value.until_ms <= now_ms) {
        note_dead(sync, name, field->str, value.until_ms);
        if (value.until_ms + FORGOTTEN_MS <= now_ms)
            remove_value(sync, sync_key(sync, name, key), field->str);
        if (value.until_ms + FORGOTTEN_MS <= now_ms && hash == SYNC_NODES)
            remove_value(sync, sync_key(sync, "figures", key), field->str);
        return;
    }
    if (value.until_ms > now_ms + most_ms + SKEW_MS)
        return;
    content = json_document(value.content, value.bytes, JSON_UTF8, &flaw);
    if (content)
        take(sync, &(struct sync_heard){.field = field->str,
                                        .value = &value,
                                        .known = known,
                                        .content = content,
                                        .now_ms = now_ms});
    json_object_put(content);
    sync_note(sync, known, &value);
    known->seen = sync->scan[hash].pass;
}

bool sync_scan(struct sync *sync, enum sync_hash hash, scan_taker *take, void *context,
               struct error *error)
{
    struct sync_scan *scan = &sync->scan[hash];
    char key[SYNC_KEY_BYTES];
    const struct sync_command command =
        sync_command_of("HSCAN", sync_key(sync, names[hash], key),
                        scan->cursor[0] ? scan->cursor : "0", "COUNT", SCAN_COUNT);
    redisReply *reply = sync_store_ask(&sync->store, &command, error);
    const redisReply *cursor, *pairs;
    bool good;

    if (!reply)
        return false;
    cursor = reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 ? reply->element[0] : NULL;
    pairs = cursor ? reply->element[1] : NULL;
    good = cursor && cursor->type == REDIS_REPLY_STRING && pairs->type == REDIS_REPLY_ARRAY;
    if (good)
        snprintf(scan->cursor, sizeof(scan->cursor), "%s",
                 strcmp(cursor->str, "0") == 0 ? "" : cursor->str);
    else
        error_set(error, EXIT_FAILED, "the store speaks no Redis");
    for (size_t i = 0; good && i + 1 < pairs->elements; i += 2)
        good = take(context, pairs->element[i], pairs->element[i + 1], error);
    freeReplyObject(reply);
    return good &&
           (sync->store.fd >= 0 || error_set(error, EXIT_UNREACHABLE, "the store has hung up"));
}

struct hash_reader {
    struct sync *sync;
    enum sync_hash hash;
    uint64_t most_ms;
    value_taker *take;
};

static bool take_pair(void *context, const redisReply *field, const redisReply *text,
                      struct error *error)
{
    const struct hash_reader *reader = context;

    (void)error;
    take_value(reader->sync, reader->hash, field, text, reader->most_ms, reader->take);
    return true;
}

bool sync_read_hash(struct sync *sync, enum sync_hash hash, uint64_t most_ms, value_taker *take,
                    struct error *error)
{
    struct hash_reader reader = {sync, hash, most_ms, take};
    struct sync_scan *scan = &sync->scan[hash];

    if (!scan->cursor[0])
        scan->pass++;
    do {
        if (!sync_scan(sync, hash, take_pair, &reader, error))
            return false;
    } while (scan->cursor[0] && sync_has_time(sync));
    return true;
}

bool sync_has_read(const struct sync *sync, enum sync_hash hash)
{
    return !sync->scan[hash].cursor[0];
}

struct sync_known *sync_known_of(struct sync *sync, const char *name, const char *field)
{
    char key[SYNC_KEY_BYTES];

    return sync_memory_of(sync->memory, (struct sync_place){sync_key(sync, name, key), field},
                          true);
}

bool sync_is_missed(const struct sync *sync, enum sync_hash hash, const struct sync_known *known)
{
    return sync_has_read(sync, hash) && known->seen != sync->scan[hash].pass &&
           (strcmp(known->writer, sync->node) == 0 || !sync_node_lives(sync, known->writer));
}
