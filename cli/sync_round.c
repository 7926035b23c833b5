/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sync_round.c - see sync.h. */
#include "cli/sync.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/cluster/clock.h"
#include "bridge/text/document.h"
#include "cli/control_client.h"
#include "profiles/store/json_document.h"

#define NODE_MS       15000u
#define NODE_EVERY_MS 2000u
#define ATTACK_MS     45000u
#define ATTACK_AGAIN  10000u
#define ASIDE_MOST_MS (86400u * 1000)
#define SKEW_MS       15000u  /* clocks of two bridges may differ so much */
#define FORGOTTEN_MS  60000u  /* values whose time is over for so long are taken away */
#define MISSED_MS     600000u /* a node of which nothing is there any more */
#define TOLD_AGAIN_MS 5000u
#define TOLD_MOST     200u  /* in one question, which is to be a short one */
#define VALUES_MOST   8192u /* of one hash that is read whole */
#define DAEMON_MS     5000u

const char *sync_key(const struct sync *sync, const char *name, char key[SYNC_KEY_BYTES])
{
    snprintf(key, SYNC_KEY_BYTES, "synward:%s:%s", sync->seal.cluster, name);
    return key;
}

uint64_t sync_wall_ms(void)
{
    return clock_wall_us() / 1000;
}

bool sync_node_lives(const struct sync *sync, const char *name)
{
    const uint64_t now_ms = sync_wall_ms();

    for (unsigned i = 0; i < sync->nodes_count; i++)
        if (strcmp(sync->nodes[i].name, name) == 0)
            return sync->nodes[i].until_ms > now_ms;
    return false;
}

/* --- values ----------------------------------------------------------------------------------- */

static bool ask(struct sync *sync, const struct sync_command *command, struct error *error)
{
    redisReply *reply = sync_store_ask(&sync->store, command, error);

    if (reply)
        freeReplyObject(reply);
    return reply;
}

bool sync_write(struct sync *sync, const char *name, const char *field, struct json_object *content,
                uint64_t until_ms, struct error *error)
{
    char key[SYNC_KEY_BYTES], *text;
    const struct sync_place place = {sync_key(sync, name, key), field};
    struct sync_known *known = sync_memory_of(sync->memory, place, true);
    struct sync_command command = sync_command_of("HSET", key, field);
    const uint64_t wall_us = clock_wall_us();
    struct sync_value value = {.until_ms = until_ms};
    size_t bytes = 0;
    bool done;

    if (!known)
        return error_set(error, EXIT_FAILED, "the store has too many values");
    value.content = json_object_to_json_string_length(
        content, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &value.bytes);
    value.version = known->version < wall_us ? wall_us : known->version + 1;
    snprintf(value.writer, sizeof(value.writer), "%s", sync->node);
    text = sync_seal_write(&sync->seal, place, &value, &bytes);
    if (!text)
        return error_set(error, EXIT_FAILED, "out of memory");
    sync_command_add(&command, text, bytes);
    done = ask(sync, &command, error);
    if (done) {
        known->version = value.version;
        snprintf(known->writer, sizeof(known->writer), "%s", sync->node);
    }
    free(text);
    return done;
}

static void remove_value(struct sync *sync, const char *key, const char *field)
{
    const struct sync_command command = sync_command_of("HDEL", key, field);
    struct error error = {0};

    ask(sync, &command, &error);
}

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
    if (!*known || value->version < (*known)->version) {
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
static void take_value(struct sync *sync, const char *name, const redisReply *field,
                       const redisReply *text, uint64_t most_ms, value_taker *take)
{
    const uint64_t now_ms = sync_wall_ms();
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
        return;
    }
    if (value.until_ms > now_ms + most_ms + SKEW_MS)
        return;
    content = json_document(value.content, value.bytes, JSON_UTF8, &flaw);
    if (content)
        take(sync, field->str, &value, known, content, now_ms);
    json_object_put(content);
    known->version = value.version;
    snprintf(known->writer, sizeof(known->writer), "%s", value.writer);
}

bool sync_read_hash(struct sync *sync, const char *name, uint64_t most_ms, value_taker *take,
                    struct error *error)
{
    char key[SYNC_KEY_BYTES];
    const struct sync_command count = sync_command_of("HLEN", sync_key(sync, name, key));
    const struct sync_command all = sync_command_of("HGETALL", key);
    redisReply *reply = sync_store_ask(&sync->store, &count, error);
    const bool many = reply && reply->integer > (long long)VALUES_MOST;

    if (!reply)
        return false;
    freeReplyObject(reply);
    if (many)
        return error_set(error, EXIT_FAILED, "the store has more than %u %s", VALUES_MOST, name);
    reply = sync_store_ask(&sync->store, &all, error);
    if (!reply)
        return false;
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i + 1 < reply->elements; i += 2)
        take_value(sync, name, reply->element[i], reply->element[i + 1], most_ms, take);
    freeReplyObject(reply);
    return sync->store.fd >= 0 || error_set(error, EXIT_UNREACHABLE, "the store has hung up");
}

/* --- joining ---------------------------------------------------------------------------------- */

static bool refuse(struct sync *sync, struct error *error)
{
    sync->state = SYNC_REFUSED;
    return error->code == EXIT_DONE;
}

/* The store's clock stands between those of all bridges. */
static bool check_clock(struct sync *sync, struct error *error)
{
    const struct sync_command command = sync_command_of("TIME");
    redisReply *reply = sync_store_ask(&sync->store, &command, error);
    const bool right = reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
                       reply->element[0]->type == REDIS_REPLY_STRING;
    const int64_t store_ms = right ? strtoll(reply->element[0]->str, NULL, 10) * 1000 : 0;
    const int64_t ours_ms = json_object_get_int64(json_object_object_get(sync->heard, "clock_ms"));

    if (!reply)
        return false;
    freeReplyObject(reply);
    if (right && llabs(store_ms - ours_ms) <= CLUSTER_CLOCK_MOST_US / 1000)
        return true;
    error_set(error, EXIT_FAILED, "this bridge's clock of cookies is %.1f s off the store's",
              (double)(ours_ms - store_ms) / 1000);
    return refuse(sync, error);
}

static bool is_fingerprint(const struct sync *sync, unsigned key, const redisReply *reply)
{
    char hex[33];

    sodium_bin2hex(hex, sizeof(hex), sync->seal.keys.seal[key].fingerprint,
                   sizeof(sync->seal.keys.seal[key].fingerprint));
    return reply->type == REDIS_REPLY_STRING && reply->len == strlen(hex) &&
           memcmp(reply->str, hex, reply->len) == 0;
}

/* Who is first says it; while a key is rolled who makes by the new line says it anew. */
static bool check_key(struct sync *sync, struct error *error)
{
    char key[SYNC_KEY_BYTES], hex[33];
    const struct sync_command get = sync_command_of("HGET", sync_key(sync, "meta", key), "key");
    struct sync_command set;
    redisReply *reply = sync_store_ask(&sync->store, &get, error);
    bool first, second, none;

    if (!reply)
        return false;
    none = reply->type == REDIS_REPLY_NIL;
    first = is_fingerprint(sync, 0, reply);
    second = sync->seal.keys.count > 1 && is_fingerprint(sync, 1, reply);
    freeReplyObject(reply);
    if (first)
        return true;
    if (!none && !second) {
        error_set(error, EXIT_FAILED, "the cluster %s has another key file", sync->seal.cluster);
        return refuse(sync, error);
    }
    sodium_bin2hex(hex, sizeof(hex), sync->seal.keys.seal[0].fingerprint,
                   sizeof(sync->seal.keys.seal[0].fingerprint));
    set = sync_command_of("HSET", key, "schema", "1", "key", hex);
    return ask(sync, &set, error);
}

/* --- who lives -------------------------------------------------------------------------------- */

static void note_node(struct sync *sync, const char *name, uint64_t until_ms)
{
    for (unsigned i = 0; i < sync->nodes_count; i++) {
        if (strcmp(sync->nodes[i].name, name) != 0)
            continue;
        if (until_ms > sync->nodes[i].until_ms)
            sync->nodes[i].until_ms = until_ms;
        sync->nodes[i].dead = false;
        return;
    }
    if (sync->nodes_count == SYNC_NODES_MOST)
        return;
    snprintf(sync->nodes[sync->nodes_count].name, SYNC_WRITER_BYTES, "%s", name);
    sync->nodes[sync->nodes_count].dead = false;
    sync->nodes[sync->nodes_count++].until_ms = until_ms;
}

static void take_node(struct sync *sync, const char *field, const struct sync_value *value,
                      struct sync_known *known, struct json_object *content, uint64_t now_ms)
{
    const char *instance = document_string(content, "instance");

    (void)now_ms;
    if (strcmp(field, value->writer) != 0 || !instance)
        return;
    /* Written by another one of our name since we wrote: of before, it is our own last life. */
    if (strcmp(field, sync->node) == 0 && strcmp(instance, sync->instance) != 0 &&
        known->acted_ms && value->version > known->version) {
        error_set(&sync->why, EXIT_FAILED, "another bridge calls itself %s: give each its --node",
                  sync->node);
        return;
    }
    note_node(sync, field, value->until_ms);
}

/* A value that is gone says nothing: whoever empties the store would raise everybody's limits. */
static void bury_nodes(struct sync *sync)
{
    const uint64_t now_ms = sync_wall_ms();

    for (unsigned i = 0; i < sync->nodes_count;) {
        if (sync->nodes[i].until_ms + (sync->nodes[i].dead ? 0 : MISSED_MS) <= now_ms)
            sync->nodes[i] = sync->nodes[--sync->nodes_count];
        else
            i++;
    }
}

static bool say_alive(struct sync *sync, struct error *error)
{
    char key[SYNC_KEY_BYTES];
    const struct sync_place place = {sync_key(sync, "nodes", key), sync->node};
    struct sync_known *known = sync_memory_of(sync->memory, place, true);
    const uint64_t now_ms = sync_wall_ms();
    struct json_object *content;
    bool done;

    if (known && known->acted_ms && now_ms < known->acted_ms + NODE_EVERY_MS &&
        known->acted_ms <= now_ms)
        return true;
    content = json_object_new_object();
    json_object_object_add(content, "instance", json_object_new_string(sync->instance));
    done = sync_write(sync, "nodes", sync->node, content, now_ms + NODE_MS, error);
    json_object_put(content);
    if (done && known)
        known->acted_ms = now_ms;
    if (done)
        note_node(sync, sync->node, now_ms + NODE_MS);
    return done;
}

static bool turn_nodes(struct sync *sync, struct error *error)
{
    if (!sync_read_hash(sync, "nodes", NODE_MS, take_node, error))
        return false;
    if (sync->why.code != EXIT_DONE) {
        *error = sync->why;
        return refuse(sync, error);
    }
    bury_nodes(sync);
    return say_alive(sync, error);
}

/* --- attacks and sources ---------------------------------------------------------------------- */

static void hand_on(struct json_object *array, const struct sync_value *value,
                    struct json_object *content, uint64_t for_ms)
{
    json_object_object_add(content, "node", json_object_new_string(value->writer));
    json_object_object_add(content, "for_s", json_object_new_int64((int64_t)(for_ms / 1000 + 1)));
    json_object_array_add(array, json_object_get(content));
}

/* Each is handed on now and then, as long as it is renewed; ours, too, so that it ends everywhere
 * at once. */
static void take_attack(struct sync *sync, const char *field, const struct sync_value *value,
                        struct sync_known *known, struct json_object *content, uint64_t now_ms)
{
    (void)field;
    if (json_object_array_length(sync->attacks) == TOLD_MOST ||
        (now_ms < known->told_ms + TOLD_AGAIN_MS && !sync->tell_all))
        return;
    hand_on(sync->attacks, value, content, value->until_ms - now_ms);
    known->told_ms = now_ms;
}

/* Each is handed on once. */
static void take_aside(struct sync *sync, const char *field, const struct sync_value *value,
                       struct sync_known *known, struct json_object *content, uint64_t now_ms)
{
    (void)field;
    if (strcmp(value->writer, sync->node) == 0 ||
        json_object_array_length(sync->asides) == TOLD_MOST ||
        (known->acted_ms == value->version && !sync->tell_all))
        return;
    hand_on(sync->asides, value, content, value->until_ms - now_ms);
    known->acted_ms = value->version;
}

/* Writes what is new, or was written long ago. */
static bool publish(struct sync *sync, const char *name, const char *field,
                    struct json_object *content, uint64_t until_ms, uint64_t again_ms,
                    struct error *error)
{
    char key[SYNC_KEY_BYTES];
    const struct sync_place place = {sync_key(sync, name, key), field};
    struct sync_known *known = sync_memory_of(sync->memory, place, true);
    const uint64_t now_ms = sync_wall_ms();

    if (known && known->acted_ms && now_ms < known->acted_ms + again_ms &&
        known->acted_ms <= now_ms)
        return true;
    if (!sync_write(sync, name, field, content, until_ms, error))
        return false;
    if (known)
        known->acted_ms = now_ms;
    return true;
}

static bool publish_attacks(struct sync *sync, struct error *error)
{
    struct json_object *array = json_object_object_get(sync->heard, "attacks");
    const size_t count = array ? json_object_array_length(array) : 0;
    bool done = true;

    for (size_t i = 0; done && i < count; i++) {
        struct json_object *attack = json_object_array_get_idx(array, i);
        char field[256];

        snprintf(field, sizeof(field), "%s %s %s %s", document_string(attack, "server"),
                 json_object_get_string(json_object_object_get(attack, "port")),
                 json_object_get_string(json_object_object_get(attack, "vlan")), sync->node);
        done = publish(sync, "attacks", field, attack, sync_wall_ms() + ATTACK_MS, ATTACK_AGAIN,
                       error);
    }
    return done;
}

static bool publish_asides(struct sync *sync, struct error *error)
{
    struct json_object *array = json_object_object_get(sync->heard, "asides");
    const size_t count = array ? json_object_array_length(array) : 0;
    bool done = true;

    for (size_t i = 0; done && i < count; i++) {
        struct json_object *aside = json_object_array_get_idx(array, i), *content;
        const char *source = document_string(aside, "source");
        const uint64_t until_ms =
            json_object_get_uint64(json_object_object_get(aside, "until_s")) * 1000;
        char field[256];

        if (until_ms <= sync_wall_ms())
            continue;
        snprintf(field, sizeof(field), "%s %s", source, sync->node);
        content = json_object_new_object();
        json_object_object_add(content, "source", json_object_new_string(source));
        done = publish(sync, "asides", field, content, until_ms, 20000, error);
        json_object_put(content);
    }
    return done;
}

/* --- the round -------------------------------------------------------------------------------- */

static bool turn_store(struct sync *sync, struct error *error)
{
    const bool new = sync->store.fd < 0;

    if (new && !sync_store_open(&sync->store, error))
        return false;
    if (new)
        sync->read_profiles = sync->push_profiles = true;
    return check_clock(sync, error) && check_key(sync, error) && turn_nodes(sync, error) &&
           publish_attacks(sync, error) && publish_asides(sync, error) &&
           sync_read_hash(sync, "attacks", ATTACK_MS, take_attack, error) &&
           sync_read_hash(sync, "asides", ASIDE_MOST_MS, take_aside, error) &&
           sync_counts_turn(sync, error) && sync_rules_turn(sync, error) &&
           sync_profiles_turn(sync, error);
}

static struct json_object *names_of_others(const struct sync *sync)
{
    struct json_object *array = json_object_new_array();

    for (unsigned i = 0; i < sync->nodes_count; i++)
        if (strcmp(sync->nodes[i].name, sync->node) != 0 &&
            sync_node_lives(sync, sync->nodes[i].name))
            json_object_array_add(array, json_object_new_string(sync->nodes[i].name));
    return array;
}

/* What is so elsewhere, for what is so here. */
static bool turn_daemon(struct sync *sync, struct error *error)
{
    static const char *const states[] = {"away", "joined", "refused"};
    struct json_object *request = control_request("cluster"), *answer;
    int64_t up_s;

    json_object_object_add(request, "state", json_object_new_string(states[sync->state]));
    json_object_object_add(
        request, "why", json_object_new_string(sync->state == SYNC_JOINED ? "" : sync->why.text));
    json_object_object_add(request, "node", json_object_new_string(sync->node));
    json_object_object_add(request, "bridges",
                           json_object_new_int64(sync->nodes_count ? sync->nodes_count : 1));
    json_object_object_add(request, "teachers", names_of_others(sync));
    json_object_object_add(request, "attacks", json_object_get(sync->attacks));
    json_object_object_add(request, "asides", json_object_get(sync->asides));
    json_object_object_add(request, "rules", json_object_get(sync->rules));
    json_object_object_add(request, "returned", json_object_get(sync->returned));
    answer = control_ask_at(sync->control, request, DAEMON_MS, error);
    if (!answer)
        return false;
    up_s = json_object_get_int64(json_object_object_get(answer, "up_s"));
    sync->tell_all = up_s < sync->daemon_up_s;
    sync->daemon_up_s = up_s;
    if (sync->tell_all) {
        sync->read_profiles = true;
        sync->revision = 0;
    }
    json_object_put(sync->heard);
    sync->heard = answer;
    return true;
}

static void renew(struct json_object **array)
{
    json_object_put(*array);
    *array = json_object_new_array();
}

static void begin_anew(struct sync *sync)
{
    renew(&sync->attacks);
    renew(&sync->asides);
    renew(&sync->rules);
    renew(&sync->returned);
    renew(&sync->counts);
}

bool sync_begin(struct sync *sync)
{
    uint8_t instance[8];

    randombytes_buf(instance, sizeof(instance));
    sodium_bin2hex(sync->instance, sizeof(sync->instance), instance, sizeof(instance));
    snprintf(sync->change, sizeof(sync->change), "0-0");
    sync->store.fd = -1;
    sync->memory = sync_memory_new();
    begin_anew(sync);
    error_set(&sync->why, EXIT_FAILED, "it has just begun");
    return sync->memory && sync->attacks && sync->asides && sync->rules && sync->returned &&
           sync->counts;
}

/* What the daemon refuses it would refuse again: that is not said a second time. */
bool sync_round(struct sync *sync, struct error *error)
{
    struct error why = {0};

    sync->round++;
    if (!turn_daemon(sync, error)) {
        if (error->code != EXIT_UNREACHABLE)
            begin_anew(sync);
        return false;
    }
    begin_anew(sync);
    sync->why = why;
    sync->state = SYNC_AWAY;
    if (turn_store(sync, &why))
        sync->state = SYNC_JOINED;
    else
        sync->why = why;
    return true;
}

void sync_end(struct sync *sync)
{
    sync_store_close(&sync->store);
    sync_memory_free(sync->memory);
    json_object_put(sync->attacks);
    json_object_put(sync->asides);
    json_object_put(sync->rules);
    json_object_put(sync->returned);
    json_object_put(sync->counts);
    json_object_put(sync->rules_before);
    json_object_put(sync->heard);
}
