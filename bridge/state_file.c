/* SPDX-License-Identifier: GPL-2.0-or-later */
/* state_file.c - see state_file.h. */
#include "bridge/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/text/document.h"
#include "bridge/text/mode_text.h"
#include "bridge/text/server_text.h"
#include "profiles/store/file_hands.h"
#include "profiles/store/json_document.h"
#include "profiles/store/json_reader.h"

#define STATE_FILE_MODE 0600
#define STATE_FILE_MAX  (16u * 1024 * 1024)
#define MAC_BYTES       6
#define DELAY_US        SECOND_US
#define RETRY_US        (10 * SECOND_US)
/* A clock that was set wrong makes no rule of a minute one of years. */
#define RULE_MOST_S      31536000
#define JUDGEMENT_MOST_S 86400

static const char *const state_names[] = {
    [SOURCE_ASIDE] = "aside", [SOURCE_ALLOWED] = "allowed", [SOURCE_PROXY] = "proxy"};

/* Beside what the store's name stands for; the caller frees it. */
static char *state_path(const char *store_path)
{
    char *target = realpath(store_path, NULL), *path = NULL;

    if (asprintf(&path, "%s.state", target ? target : store_path) < 0)
        path = NULL;
    free(target);
    return path;
}

/* --- writing --------------------------------------------------------------------------------- */

static struct json_object *setting_to_json(const struct server_info *info)
{
    struct json_object *object = json_object_new_object();

    document_add_server(object, &info->key);
    json_object_object_add(object, "setting",
                           json_object_new_string(mode_setting_name(info->setting)));
    return object;
}

static struct json_object *rule_to_json(const struct daemon *daemon, const struct source_rule *rule)
{
    struct json_object *object = json_object_new_object();
    const uint8_t *mac = source_link_mac(&rule->link);
    char address[ADDR_TEXT_BYTES], text[ADDR_TEXT_BYTES + 8];

    snprintf(text, sizeof(text), "%s/%u", addr_to_text(&rule->prefix, address), rule->length);
    json_object_object_add(object, "source", json_object_new_string(text));
    json_object_object_add(object, "state", json_object_new_string(state_names[rule->state]));
    json_object_object_add(
        object, "by",
        json_object_new_string(rule->by == SOURCE_BY_OPERATOR ? "operator" : "judgement"));
    if (rule->until_us)
        json_object_object_add(object, "until_s",
                               json_object_new_int64(daemon_wall_s(daemon, rule->until_us)));
    if (rule->by == SOURCE_BY_OPERATOR)
        return object;
    snprintf(text, sizeof(text), "%02x%02x%02x%02x%02x%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
             mac[5]);
    json_object_object_add(object, "mac", json_object_new_string(text));
    json_object_object_add(object, "vlan", document_vlan(&rule->link.vlan));
    return object;
}

static bool add_settings(struct daemon *daemon, struct json_object *array, struct error *error)
{
    struct daemon_server *servers = NULL;
    uint32_t count = 0;

    if (!daemon_servers(daemon, &servers, &count, error))
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (servers[i].info.setting != SETTING_INHERIT)
            json_object_array_add(array, setting_to_json(&servers[i].info));
    free(servers);
    return true;
}

/* Those that are limited are so by requests of the last seconds; what other bridges said they will
 * say again. */
static bool add_rules(struct daemon *daemon, struct json_object *array, struct error *error)
{
    struct source_info *sources = NULL;
    uint32_t count = 0;

    if (!daemon_sources(daemon, &sources, &count, error))
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (sources[i].rule.state >= SOURCE_ASIDE && sources[i].rule.by != SOURCE_BY_CLUSTER)
            json_object_array_add(array, rule_to_json(daemon, &sources[i].rule));
    free(sources);
    return true;
}

bool state_file(const char *store_path, struct atomic_file *file, struct error *error)
{
    *file = (struct atomic_file){.path = state_path(store_path),
                                 .what = "state",
                                 .owner = store_path,
                                 .mode = STATE_FILE_MODE};
    if (!file->path)
        error_set(error, EXIT_FAILED, "out of memory for the state");
    return file->path;
}

static bool write_document(const struct file_hands *hands, const struct atomic_file *file,
                           struct json_object *document, struct error *error)
{
    size_t bytes = 0;
    const char *text = json_object_to_json_string_length(
        document,
        JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE, &bytes);

    if (!text)
        return error_set(error, EXIT_FAILED, "out of memory for the state");
    return hands ? file_hands_save(hands, KEPT_STATE, text, bytes, error)
                 : atomic_file_save(file, text, bytes, error);
}

/* There is nothing to keep. */
static void remove_file(const struct file_hands *hands, const struct atomic_file *file)
{
    if (hands)
        hands->remove(hands->context, KEPT_STATE);
    else
        (void)unlink(file->path);
}

bool state_save(struct daemon *daemon, const char *store_path, struct error *error)
{
    const struct file_hands *hands = store_hands(daemon_store(daemon));
    struct json_object *document, *servers, *sources;
    struct atomic_file file;
    bool done;

    if (!state_file(store_path, &file, error))
        return false;
    document = document_new();
    servers = json_object_new_array();
    sources = json_object_new_array();
    if (daemon_mode_said(daemon))
        json_object_object_add(document, "mode",
                               json_object_new_string(mode_setting_name(daemon_mode(daemon))));
    json_object_object_add(document, "servers", servers);
    json_object_object_add(document, "sources", sources);
    done = add_settings(daemon, servers, error) && add_rules(daemon, sources, error);
    if (done && !daemon_mode_said(daemon) && json_object_array_length(servers) == 0 &&
        json_object_array_length(sources) == 0)
        remove_file(hands, &file);
    else
        done = done && write_document(hands, &file, document, error);
    json_object_put(document);
    free((char *)file.path);
    return done;
}

/* --- when ------------------------------------------------------------------------------------ */

void state_keeper_init(struct state_keeper *keeper, const struct daemon *daemon)
{
    *keeper = (struct state_keeper){.kept = daemon_words(daemon), .due_us = UINT64_MAX};
}

void state_begin(struct state_keeper *keeper, struct daemon *daemon, const char *store_path,
                 bool mode_given)
{
    struct error why = {0};

    if (!state_restore(daemon, store_path, mode_given, &why))
        log_line(LOG_LEVEL_WARNING, "%s", why.text);
    state_keeper_init(keeper, daemon);
}

bool state_turn(struct state_keeper *keeper, struct daemon *daemon, const char *store_path,
                uint64_t now_us, struct error *error)
{
    const uint64_t words = daemon_words(daemon);

    if (words != keeper->kept && keeper->due_us == UINT64_MAX)
        keeper->due_us = now_us + DELAY_US;
    if (now_us < keeper->due_us)
        return true;
    keeper->due_us = now_us + RETRY_US;
    if (!state_save(daemon, store_path, error))
        return false;
    *keeper = (struct state_keeper){.kept = words, .due_us = UINT64_MAX};
    return true;
}

/* --- reading --------------------------------------------------------------------------------- */

struct word {
    struct server_key server;
    enum mode_setting setting;
};

struct state {
    enum mode_setting mode; /* SETTING_INHERIT: nothing was said */
    struct word *words;
    struct source_rule *rules;
    size_t word_count, rule_count;
};

static void get_vlan(struct json_reader *reader, struct json_object *object, struct vlan_ids *vlan)
{
    struct json_object *ids = read_member(reader, object, "vlan", json_type_array);
    const size_t count = ids ? json_object_array_length(ids) : 0;

    if (count > 2)
        reader_fail(reader, "vlan", "has more than two IDs");
    for (size_t i = 0; i < count && !reader->failed; i++) {
        uint64_t id = 0;

        if (read_element(reader, ids, i, VLAN_ID_MASK, &id))
            vlan->id[i] = (uint16_t)(VLAN_PRESENT | id);
    }
}

static enum mode_setting get_setting(struct json_reader *reader, struct json_object *object,
                                     const char *key)
{
    const char *text = read_text(reader, object, key);
    enum mode_setting setting = SETTING_INHERIT;
    struct error error = {0};

    if (text && !mode_setting_parse(text, &setting, &error))
        reader_fail(reader, key, "is no mode");
    return setting;
}

static void get_word(struct json_reader *reader, struct json_object *object, struct word *word)
{
    const char *address = read_text(reader, object, "server");
    uint64_t port = 0;

    if (!address || !addr_from_text(address, &word->server.addr))
        reader_fail(reader, "server", "is no address");
    if (!read_uint(reader, object, "port", UINT16_MAX, &port) || port == 0)
        reader_fail(reader, "port", "is no port");
    word->server.port = (uint16_t)port;
    get_vlan(reader, object, &word->server.vlan);
    if (!document_read_transport(object, &word->server))
        reader_fail(reader, "transport", "is neither tcp nor udp");
    word->setting = get_setting(reader, object, "setting");
    if (word->setting == SETTING_INHERIT)
        reader_fail(reader, "setting", "is missing");
}

static void get_state(struct json_reader *reader, struct json_object *object,
                      struct source_rule *rule)
{
    const char *state = read_text(reader, object, "state"), *by = read_text(reader, object, "by");

    for (int i = SOURCE_ASIDE; state && i <= SOURCE_PROXY; i++)
        if (strcmp(state, state_names[i]) == 0)
            rule->state = (enum source_state)i;
    if (rule->state == SOURCE_CLEAR)
        reader_fail(reader, "state", "is none of aside, allowed and proxy");
    if (!by || (strcmp(by, "operator") != 0 && strcmp(by, "judgement") != 0))
        reader_fail(reader, "by", "is neither operator nor judgement");
    else
        rule->by = by[0] == 'o' ? SOURCE_BY_OPERATOR : SOURCE_BY_JUDGEMENT;
}

static void get_link(struct json_reader *reader, struct json_object *object,
                     struct source_link *link)
{
    const char *mac = read_text(reader, object, "mac");
    uint8_t bytes[MAC_BYTES];
    size_t count = 0;

    if (!mac || !text_to_hex(reader, "mac", mac, bytes, MAC_BYTES, &count) || count != MAC_BYTES)
        reader_fail(reader, "mac", "is no MAC address");
    else
        memcpy((uint8_t *)&link->mac + 2, bytes, MAC_BYTES);
    get_vlan(reader, object, &link->vlan);
}

/* Times of the wall, for the monotonic clock of this boot. A rule whose time is over keeps state
 * SOURCE_CLEAR. */
static void get_until(struct json_reader *reader, struct json_object *object,
                      struct source_rule *rule)
{
    const uint64_t now_s = clock_wall_us() / SECOND_US;
    const uint64_t most_s = rule->by == SOURCE_BY_OPERATOR ? RULE_MOST_S : JUDGEMENT_MOST_S;
    uint64_t until_s = 0, left_s;

    if (!read_uint(reader, object, "until_s", INT64_MAX, &until_s)) {
        if (rule->by == SOURCE_BY_JUDGEMENT)
            reader_fail(reader, "until_s", "is missing");
        return;
    }
    left_s = until_s > now_s ? until_s - now_s : 0;
    rule->until_us = clock_now_us() + (left_s < most_s ? left_s : most_s) * SECOND_US;
    if (left_s == 0)
        rule->state = SOURCE_CLEAR;
}

static void get_rule(struct json_reader *reader, struct json_object *object,
                     struct source_rule *rule)
{
    const char *source = read_text(reader, object, "source");
    struct error error = {0};

    if (!source || !prefix_parse(source, &rule->prefix, &rule->length, &error))
        reader_fail(reader, "source", "is no address or prefix");
    get_state(reader, object, rule);
    if (rule->by == SOURCE_BY_JUDGEMENT)
        get_link(reader, object, &rule->link);
    if (rule->by == SOURCE_BY_JUDGEMENT && rule->state != SOURCE_ASIDE)
        reader_fail(reader, "state", "is not aside, as what is judged is");
    get_until(reader, object, rule);
}

/* The elements of the array `key`, into memory for that many of `size` bytes. */
static void *get_array(struct json_reader *reader, struct json_object *document, const char *key,
                       size_t size, struct json_object **array, size_t *count)
{
    void *memory;

    *array = read_member(reader, document, key, json_type_array);
    *count = *array ? json_object_array_length(*array) : 0;
    memory = calloc(*count + 1, size);
    if (!memory)
        reader_fail(reader, key, "is more than there is memory for");
    for (size_t i = 0; i < *count; i++)
        if (!json_object_is_type(json_object_array_get_idx(*array, i), json_type_object))
            reader_fail(reader, key, "holds what is no object");
    return memory;
}

static void get_all(struct json_reader *reader, struct json_object *document, struct state *state)
{
    struct json_object *array;

    state->mode = get_setting(reader, document, "mode");
    state->words =
        get_array(reader, document, "servers", sizeof(*state->words), &array, &state->word_count);
    for (size_t i = 0; i < state->word_count && !reader->failed; i++)
        get_word(reader, json_object_array_get_idx(array, i), &state->words[i]);
    state->rules =
        get_array(reader, document, "sources", sizeof(*state->rules), &array, &state->rule_count);
    for (size_t i = 0; i < state->rule_count && !reader->failed; i++)
        get_rule(reader, json_object_array_get_idx(array, i), &state->rules[i]);
}

/* The whole of a regular file; NULL and `reason` where that cannot be had. The caller frees it. */
static char *file_text(int fd, size_t *bytes, struct json_fault *reason)
{
    struct stat status;
    char *text;
    ssize_t got = 1;

    *bytes = 0;
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size > STATE_FILE_MAX) {
        snprintf(reason->reason, sizeof(reason->reason), "it is no file of at most 16 MiB");
        return NULL;
    }
    text = calloc(1, (size_t)status.st_size + 1);
    while (text && *bytes < (size_t)status.st_size && got > 0) {
        got = read(fd, text + *bytes, (size_t)status.st_size - *bytes);
        *bytes += got > 0 ? (size_t)got : 0;
    }
    return text;
}

static bool read_state(int fd, struct state *state, struct json_fault *fault)
{
    struct json_reader reader = {.fault = fault};
    struct json_object *document = NULL;
    struct json_flaw flaw;
    size_t bytes;
    char *text = file_text(fd, &bytes, fault);

    if (text)
        document = json_document(text, bytes, JSON_UTF8, &flaw);
    if (text && !document)
        snprintf(fault->reason, sizeof(fault->reason), "byte %zu: %s", flaw.offset, flaw.reason);
    if (document)
        get_all(&reader, document, state);
    free(text);
    json_object_put(document);
    return document && !reader.failed;
}

/* --- in force -------------------------------------------------------------------------------- */

static bool apply(struct daemon *daemon, const struct state *state, bool mode_given,
                  struct error *why)
{
    bool done = true;

    if (state->mode != SETTING_INHERIT && !mode_given)
        done = daemon_set_mode(daemon, NULL, state->mode, why);
    for (size_t i = 0; i < state->word_count; i++)
        done =
            daemon_set_mode(daemon, &state->words[i].server, state->words[i].setting, why) && done;
    for (size_t i = 0; i < state->rule_count; i++)
        if (state->rules[i].state != SOURCE_CLEAR)
            done = daemon_keep_source(daemon, &state->rules[i], why) && done;
    return done;
}

static bool put_aside(const char *path, const struct json_fault *fault, struct error *why)
{
    char *aside = NULL;
    const bool moved = asprintf(&aside, "%s.bad", path) >= 0 && rename(path, aside) == 0;

    free(aside);
    return error_set(why, EXIT_FAILED,
                     "%s does not read: %s%s%s: %s %s.bad, no mode and no source is as it was",
                     path, fault->path, fault->path[0] ? " " : "", fault->reason,
                     moved ? "moved to" : "it cannot be moved to", path);
}

bool state_restore(struct daemon *daemon, const char *store_path, bool mode_given,
                   struct error *why)
{
    char *path = state_path(store_path);
    const int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    struct json_fault fault = {0};
    struct state state = {0};
    bool done = fd < 0 && errno == ENOENT;

    if (fd >= 0)
        done = read_state(fd, &state, &fault) ? apply(daemon, &state, mode_given, why)
                                              : put_aside(path, &fault, why);
    else if (!done)
        error_set(why, EXIT_FAILED, "cannot read the state beside %s: %s", store_path,
                  strerror(errno));
    if (fd >= 0)
        close(fd);
    free(state.words);
    free(state.rules);
    free(path);
    return done;
}
