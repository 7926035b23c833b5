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

#define NODE_MS        15000u
#define NODE_EVERY_MS  2000u
#define SPEAK_MS       (NODE_MS / 2) /* a node that lives is heard of within that */
#define MISSED_MS      600000u       /* a node of which nothing is there any more */
#define ROUND_MS       2000u         /* with the store: others wait so long to hear that we live */
#define ROOM_MS        60000u        /* what was over before is forgotten where there is no room */
#define FORGOTTEN_TOLD 200u          /* in one question, which is to be a short one */
#define DAEMON_MS      5000u
#define SCHEMA         "1"
#define TIME_MOST_S    (1ll << 40) /* in microseconds it is no overflow */

bool sync_node_lives(const struct sync *sync, const char *name)
{
    const uint64_t now_ms = sync_wall_ms();

    for (unsigned i = 0; i < sync->nodes_count; i++)
        if (strcmp(sync->nodes[i].name, name) == 0)
            return sync->nodes[i].until_ms > now_ms;
    return false;
}

static bool ask(struct sync *sync, const struct sync_command *command, struct error *error)
{
    redisReply *reply = sync_store_ask(&sync->store, command, error);

    if (reply)
        freeReplyObject(reply);
    return reply;
}

/* --- joining ---------------------------------------------------------------------------------- */

static bool refuse(struct sync *sync, struct error *error)
{
    sync->state = SYNC_REFUSED;
    return error->code == EXIT_DONE;
}

/* A figure of TIME as the store writes it: digits, and less than `limit`. */
static bool read_figure(const redisReply *reply, int64_t limit, int64_t *figure)
{
    if (reply->type != REDIS_REPLY_STRING || reply->len == 0 || reply->len > 18 ||
        strspn(reply->str, "0123456789") != reply->len)
        return false;
    *figure = strtoll(reply->str, NULL, 10);
    return *figure < limit;
}

/* What is written carries a version of this clock: one that is made up would outlast the store. */
static bool read_time(const redisReply *reply, int64_t *store_us)
{
    int64_t s, us;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        !read_figure(reply->element[0], TIME_MOST_S, &s) ||
        !read_figure(reply->element[1], 1000000, &us))
        return false;
    *store_us = s * 1000000 + us;
    return true;
}

/* The store's clock stands between those of all bridges. */
static bool check_clock(struct sync *sync, struct error *error)
{
    const struct sync_command command = sync_command_of("TIME");
    redisReply *reply = sync_store_ask(&sync->store, &command, error);
    const int64_t ours_us =
        json_object_get_int64(json_object_object_get(sync->heard, "clock_ms")) * 1000;
    int64_t store_us = 0;
    bool right;

    if (!reply)
        return false;
    right = read_time(reply, &store_us);
    freeReplyObject(reply);
    if (!right) {
        error_set(error, EXIT_FAILED, "the store at %.80s: says no time", sync->store.url);
        return refuse(sync, error);
    }
    if (llabs(store_us - ours_us) > CLUSTER_CLOCK_MOST_US) {
        error_set(error, EXIT_FAILED, "this bridge's clock of cookies is %.1f s off the store's",
                  (double)(ours_us - store_us) / 1e6);
        return refuse(sync, error);
    }
    sync->store_ahead_us = store_us - (int64_t)clock_wall_us();
    return true;
}

static bool is_fingerprint(const struct sync *sync, unsigned key, const redisReply *reply)
{
    char hex[33];

    sodium_bin2hex(hex, sizeof(hex), sync->seal.keys.seal[key].fingerprint,
                   sizeof(sync->seal.keys.seal[key].fingerprint));
    return reply->type == REDIS_REPLY_STRING && reply->len == strlen(hex) &&
           memcmp(reply->str, hex, reply->len) == 0;
}

static bool say_key(struct sync *sync, const char *key, struct error *error)
{
    char hex[33];
    struct sync_command set;

    sodium_bin2hex(hex, sizeof(hex), sync->seal.keys.seal[0].fingerprint,
                   sizeof(sync->seal.keys.seal[0].fingerprint));
    set = sync_command_of("HSET", key, "schema", SCHEMA, "key", hex);
    return ask(sync, &set, error);
}

/* Who is first says it; while a key is rolled who makes by the new line says it anew. A store that
 * refuses that is heard nevertheless, as values of both keys are good: true, with the `error`. */
static bool check_meta(struct sync *sync, struct error *error)
{
    char key[SYNC_KEY_BYTES];
    const struct sync_command get =
        sync_command_of("HMGET", sync_key(sync, "meta", key), "key", "schema");
    redisReply *reply = sync_store_ask(&sync->store, &get, error);
    const redisReply *schema;
    bool first, second, none, other = false;

    if (!reply)
        return false;
    none = reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
           reply->element[0]->type == REDIS_REPLY_NIL;
    first = !none && is_fingerprint(sync, 0, reply->element[0]);
    second = !none && sync->seal.keys.count > 1 && is_fingerprint(sync, 1, reply->element[0]);
    schema = none ? NULL : reply->element[1];
    other = schema && schema->type == REDIS_REPLY_STRING && strcmp(schema->str, SCHEMA) != 0;
    freeReplyObject(reply);
    if (!none && !first && !second)
        error_set(error, EXIT_FAILED, "the cluster %s has another key file", sync->seal.cluster);
    else if (other)
        error_set(error, EXIT_FAILED, "the cluster %s is one of another version of synward",
                  sync->seal.cluster);
    else
        return first || say_key(sync, key, error) || sync->store.fd >= 0;
    return refuse(sync, error);
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

static void take_node(struct sync *sync, const struct sync_heard *heard)
{
    const char *instance = document_string(heard->content, "instance");

    if (strcmp(heard->field, heard->value->writer) != 0 || !instance)
        return;
    /* Written by another one of our name since we wrote: of before, it is our own last life. */
    if (strcmp(heard->field, sync->node) == 0 && strcmp(instance, sync->instance) != 0 &&
        heard->known->acted_ms && heard->value->version > heard->known->version) {
        error_set(&sync->why, EXIT_FAILED, "another bridge calls itself %s: give each its --node",
                  sync->node);
        return;
    }
    note_node(sync, heard->field, heard->value->until_ms);
}

/* What others say could be written meanwhile: a store that refuses writes has them all over. */
static bool could_speak(const struct sync *sync)
{
    const uint64_t now_ms = clock_now_us() / 1000;

    return sync->alive_ms && now_ms < sync->alive_ms + SPEAK_MS &&
           now_ms >= sync->alive_from_ms + SPEAK_MS;
}

/* A value that is gone says nothing: whoever empties the store would raise everybody's limits. */
static void bury_nodes(struct sync *sync)
{
    const uint64_t now_ms = sync_wall_ms();

    if (!could_speak(sync))
        return;
    for (unsigned i = 0; i < sync->nodes_count;) {
        if (sync->nodes[i].until_ms + (sync->nodes[i].dead ? 0 : MISSED_MS) <= now_ms)
            sync->nodes[i] = sync->nodes[--sync->nodes_count];
        else
            i++;
    }
}

static void note_alive(struct sync *sync, struct sync_known *known, const struct sync_write *write,
                       bool stands)
{
    const uint64_t now_ms = clock_now_us() / 1000;

    if (!stands)
        return;
    if (now_ms >= sync->alive_ms + SPEAK_MS)
        sync->alive_from_ms = now_ms;
    sync->alive_ms = now_ms;
    known->acted_ms = sync_wall_ms();
    note_node(sync, sync->node, write->until_ms);
}

static bool say_alive(struct sync *sync, struct error *error)
{
    char key[SYNC_KEY_BYTES];
    const struct sync_place place = {sync_key(sync, "nodes", key), sync->node};
    struct sync_known *known = sync_memory_of(sync->memory, place, true);
    const uint64_t now_ms = sync_wall_ms();
    struct sync_write write = {.name = "nodes", .until_ms = now_ms + NODE_MS, .taken = note_alive};
    bool done;

    if (known && known->acted_ms && now_ms < known->acted_ms + NODE_EVERY_MS &&
        known->acted_ms <= now_ms)
        return true;
    snprintf(write.field, sizeof(write.field), "%s", sync->node);
    write.content = json_object_new_object();
    json_object_object_add(write.content, "instance", json_object_new_string(sync->instance));
    done = sync_write(sync, &write, error) && sync_settle(sync, error);
    json_object_put(write.content);
    return done;
}

/* A store that refuses our word is heard nevertheless: true, with the `error`. */
static bool turn_nodes(struct sync *sync, struct error *error)
{
    if (!sync_read_hash(sync, SYNC_NODES, NODE_MS, take_node, error))
        return false;
    if (sync->why.code != EXIT_DONE) {
        *error = sync->why;
        return refuse(sync, error);
    }
    bury_nodes(sync);
    return say_alive(sync, error) || sync->store.fd >= 0;
}

/* --- the round -------------------------------------------------------------------------------- */

typedef bool round_part(struct sync *sync, struct error *error);

static round_part *const parts[] = {sync_attacks_say, sync_asides_say,  sync_attacks_hear,
                                    sync_asides_hear, sync_counts_turn, sync_figures_turn,
                                    sync_words_turn,  sync_lists_turn,  sync_profiles_turn};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static bool turn_part(struct sync *sync, round_part *part, struct error *error)
{
    struct error why = {0};
    bool good = part(sync, &why);

    good = sync_settle(sync, &why) && good;
    if (!good && error->code == EXIT_DONE)
        *error = why;
    return good || sync->store.fd >= 0;
}

/* Where the store is too slow for all of them the next round goes on behind. What it refuses of one
 * keeps the others from nothing: the first `error` is told at the end. */
static bool turn_parts(struct sync *sync, struct error *error)
{
    for (unsigned done = 0; done < PARTS && (done == 0 || sync_has_time(sync)); done++) {
        round_part *const part = parts[sync->part];

        sync->part = (sync->part + 1) % PARTS;
        if (!turn_part(sync, part, error))
            return false;
    }
    return turn_part(sync, sync_changes_say, error) && error->code == EXIT_DONE;
}

bool sync_store_turn(struct sync *sync, struct error *error)
{
    const bool new = sync->store.fd < 0;

    if (new && !sync_store_open(&sync->store, error))
        return false;
    if (new) {
        sync->read_profiles = sync->push_profiles = true;
        sync->reading = false;
        for (unsigned i = 0; i < SYNC_HASHES; i++)
            sync->scan[i].cursor[0] = '\0';
    }
    sync->ends_ms = clock_now_us() / 1000 + ROUND_MS;
    if (clock_now_us() / 1000 >= sync->room_ms) {
        sync->room_ms = clock_now_us() / 1000 + ROOM_MS;
        sync_memory_make_room(sync->memory, sync_wall_ms() - ROOM_MS);
    }
    return check_clock(sync, error) && check_meta(sync, error) && turn_nodes(sync, error) &&
           turn_parts(sync, error);
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

struct json_object *sync_ask_daemon(struct sync *sync, struct json_object *request,
                                    unsigned timeout_ms, struct error *error)
{
    return control_ask_over(sync_dialer_open(sync->daemon_dialer, error), sync->control, request,
                            timeout_ms, error);
}

/* It knows nothing of what the one before was told. */
static void begin_with_daemon(struct sync *sync)
{
    sync->daemon++;
    sync->read_profiles = true;
    sync->reading = false;
    sync->scan[SYNC_PROFILES].cursor[0] = '\0';
    sync->revision = 0;
    for (unsigned i = 0; i < SYNC_WORDS; i++) {
        json_object_put(sync->words_before[i]);
        sync->words_before[i] = NULL;
    }
    json_object_put(sync->lists_before);
    sync->lists_before = NULL;
    sync->list.work = SYNC_LIST_IDLE;
}

/* The first ones, for one question. */
static struct json_object *some_forgotten(const struct sync *sync)
{
    struct json_object *array = json_object_new_array();

    for (size_t i = 0; i < json_object_array_length(sync->forgotten) && i < FORGOTTEN_TOLD; i++)
        json_object_array_add(array,
                              json_object_get(json_object_array_get_idx(sync->forgotten, i)));
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
    json_object_object_add(request, "rules", json_object_get(sync->words[SYNC_WORD_RULE]));
    json_object_object_add(request, "settings", json_object_get(sync->words[SYNC_WORD_SETTING]));
    json_object_object_add(request, "returned", json_object_get(sync->returned));
    if (sync->figures)
        json_object_object_add(request, "figures", json_object_get(sync->figures));
    json_object_object_add(request, "forgotten", some_forgotten(sync));
    json_object_object_add(request, "asides_from", json_object_new_uint64(sync->asides_from));
    answer = sync_ask_daemon(sync, request, DAEMON_MS, error);
    if (!answer)
        return false;
    up_s = json_object_get_int64(json_object_object_get(answer, "up_s"));
    if (up_s < sync->daemon_up_s)
        begin_with_daemon(sync);
    sync->daemon_up_s = up_s;
    sync->asides_from = json_object_get_uint64(json_object_object_get(answer, "asides_next"));
    json_object_put(sync->heard);
    sync->heard = answer;
    sync_note_refused(sync);
    return true;
}

static void renew(struct json_object **array)
{
    json_object_put(*array);
    *array = json_object_new_array();
}

/* True: some are left for the next question. */
static bool drop_told(struct json_object **array, size_t most)
{
    const size_t count = *array ? json_object_array_length(*array) : 0;

    if (count <= most)
        renew(array);
    else
        json_object_array_del_idx(*array, 0, most);
    return count > most;
}

static void begin_anew(struct sync *sync)
{
    renew(&sync->attacks);
    renew(&sync->asides);
    for (unsigned i = 0; i < SYNC_WORDS; i++)
        renew(&sync->words[i]);
    renew(&sync->returned);
    json_object_put(sync->figures);
    sync->figures = NULL;
    sync->more = drop_told(&sync->forgotten, FORGOTTEN_TOLD);
}

bool sync_begin(struct sync *sync)
{
    uint8_t instance[8];

    randombytes_buf(instance, sizeof(instance));
    sodium_bin2hex(sync->instance, sizeof(sync->instance), instance, sizeof(instance));
    snprintf(sync->change, sizeof(sync->change), "0-0");
    sync->store.fd = sync->waiting.fd = -1;
    sync->waiting.reader = NULL;
    sync->memory = sync_memory_new(sync->seen);
    sync->daemon = 1;
    begin_anew(sync);
    renew(&sync->counts);
    renew(&sync->unwritten);
    sync->at_once = 1;
    error_set(&sync->why, EXIT_FAILED, "it has just begun");
    return sync->memory && sync->attacks && sync->asides && sync->words[SYNC_WORD_RULE] &&
           sync->words[SYNC_WORD_SETTING] && sync->returned && sync->counts && sync->forgotten &&
           sync->unwritten;
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
    if (sync_store_turn(sync, &why))
        sync->state = SYNC_JOINED;
    else
        sync->why = why;
    return true;
}

void sync_end(struct sync *sync)
{
    sync_store_close(&sync->store);
    sync_store_close(&sync->waiting);
    sync_memory_free(sync->memory);
    json_object_put(sync->attacks);
    json_object_put(sync->asides);
    for (unsigned i = 0; i < SYNC_WORDS; i++) {
        json_object_put(sync->words[i]);
        json_object_put(sync->words_before[i]);
    }
    json_object_put(sync->returned);
    json_object_put(sync->forgotten);
    json_object_put(sync->figures);
    json_object_put(sync->figures_before);
    json_object_put(sync->counts);
    json_object_put(sync->lists_before);
    json_object_put(sync->lookable);
    json_object_put(sync->unwritten);
    json_object_put(sync->heard);
}
