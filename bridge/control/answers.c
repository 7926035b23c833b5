/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * answers.c - requests to the daemon, and their answers (doc/control-protocol.md lists them all).
 *
 * Where a request names a server, it is the text that the operator wrote, and all servers that it
 * fits are meant: an address without a port stands for all its ports, and neither names a VLAN.
 *
 * A handler returns NULL with `error` filled, or the document. One whose document may have many
 * thousands of entries writes its text instead: as a tree of objects it would take twenty times the
 * memory.
 */
#include "bridge/control/answers.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/daemon.h"
#include "bridge/text/document.h"
#include "bridge/text/mode_text.h"
#include "engine/version.h"
#include "profiles/store/json_document.h"
#include "profiles/model/settings.h"

#define SOURCE_FOR_MAX_S  31536000 /* a year */
#define WATCH_REQUEST_MAX 1024

struct key_list {
    struct server_key *keys;
    size_t count;
};

/* A key of every element, for lists that are about to be changed while walking them. */
static bool key_list_add(struct key_list *list, const struct server_key *key, struct error *error)
{
    struct server_key *grown;

    for (size_t i = 0; i < list->count; i++)
        if (server_key_equal(&list->keys[i], key))
            return true;
    grown = realloc(list->keys, (list->count + 1) * sizeof(*grown));
    if (!grown)
        return error_set(error, EXIT_FAILED, "out of memory");
    list->keys = grown;
    list->keys[list->count++] = *key;
    return true;
}

static bool add_profiles(struct daemon *daemon, const struct server_selector *selector,
                         struct key_list *list, struct error *error)
{
    const struct store *store = daemon_store(daemon);

    for (size_t i = 0; i < store_count(store); i++) {
        const struct server_key *key = &store_at(store, i)->key;

        if (server_selector_matches(selector, key) && !key_list_add(list, key, error))
            return false;
    }
    return true;
}

static bool add_servers(struct daemon *daemon, const struct server_selector *selector,
                        struct key_list *list, struct error *error)
{
    struct daemon_server *servers = NULL;
    uint32_t count = 0;
    bool done = daemon_servers(daemon, &servers, &count, error);

    for (uint32_t i = 0; done && i < count; i++)
        if (server_selector_matches(selector, &servers[i].info.key))
            done = key_list_add(list, &servers[i].info.key, error);
    free(servers);
    return done;
}

/* The request's "server". `*given` is false, and all is well, where it has none. */
static bool request_server(struct json_object *request, struct server_selector *selector,
                           bool *given, struct error *error)
{
    struct json_object *value = NULL;

    *selector = (struct server_selector){0};
    *given = json_object_object_get_ex(request, "server", &value) && value;
    if (!*given)
        return true;
    if (!json_object_is_type(value, json_type_string))
        return error_set(error, EXIT_USAGE, "\"server\" is not a string");
    return server_selector_parse(json_object_get_string(value), selector, error);
}

/* A string that the command cannot do without. */
static const char *request_string(struct json_object *request, const char *key, struct error *error)
{
    const char *text = document_string(request, key);

    if (!text)
        error_set(error, EXIT_USAGE, "the request has no string \"%s\"", key);
    return text;
}

static struct json_object *optional_string(const char *text)
{
    return text ? json_object_new_string(text) : NULL;
}

static struct json_object *side_document(const struct daemon *daemon, enum side side)
{
    struct daemon_side info = {0};
    struct json_object *object = json_object_new_object();

    daemon_side_info(daemon, side, &info);
    json_object_object_add(object, "side", optional_string(info.spec));
    json_object_object_add(object, "device", optional_string(info.device));
    json_object_object_add(object, "netns", optional_string(info.netns));
    json_object_object_add(object, "mtu", json_object_new_int64(info.mtu));
    return object;
}

static struct json_object *cause_text(const struct server_info *info)
{
    char text[CAUSE_TEXT_BYTES];

    return optional_string(cause_to_text(info->cause, info->cause_value, text));
}

static struct json_object *server_document(const struct daemon_server *server)
{
    struct json_object *object = json_object_new_object();
    char address[ADDR_TEXT_BYTES], since[TIME_TEXT_BYTES];

    json_object_object_add(object, "server",
                           json_object_new_string(addr_to_text(&server->info.key.addr, address)));
    json_object_object_add(object, "port", json_object_new_int(server->info.key.port));
    json_object_object_add(object, "vlan", document_vlan(&server->info.key.vlan));
    json_object_object_add(object, "mode", json_object_new_string(mode_name(server->info.mode)));
    json_object_object_add(object, "setting",
                           optional_string(mode_setting_name(server->info.setting)));
    json_object_object_add(object, "since",
                           json_object_new_string(time_to_text(server->since_wall_s, since)));
    json_object_object_add(object, "cause", cause_text(&server->info));
    return object;
}

/* "servers" of status and mode: all, or those that `selector` (may be NULL) names. */
static struct json_object *
servers_document(struct daemon *daemon, const struct server_selector *selector, struct error *error)
{
    struct daemon_server *servers = NULL;
    struct json_object *array;
    uint32_t count = 0;

    if (!daemon_servers(daemon, &servers, &count, error))
        return NULL;
    array = json_object_new_array();
    for (uint32_t i = 0; i < count; i++)
        if (!selector || server_selector_matches(selector, &servers[i].info.key))
            json_object_array_add(array, server_document(&servers[i]));
    free(servers);
    return array;
}

static struct json_object *answer_status(struct daemon *daemon, struct json_object *request,
                                         struct error *error)
{
    struct json_object *servers = servers_document(daemon, NULL, error), *document, *sides;

    (void)request;
    if (!servers)
        return NULL;
    sides = json_object_new_object();
    json_object_object_add(sides, "client", side_document(daemon, SIDE_CLIENT));
    json_object_object_add(sides, "server", side_document(daemon, SIDE_SERVER));
    document = document_new();
    json_object_object_add(document, "mode",
                           json_object_new_string(mode_setting_name(daemon_mode(daemon))));
    json_object_object_add(document, "learning", json_object_new_boolean(daemon_learning(daemon)));
    json_object_object_add(document, "uptime_s",
                           json_object_new_int64((int64_t)(daemon_uptime_us(daemon) / 1000000)));
    json_object_object_add(document, "sides", sides);
    json_object_object_add(document, "servers", servers);
    return document;
}

/* The profiles that `selector` (NULL: all) names; not found where there is none. */
static struct json_object *profiles_document(struct daemon *daemon,
                                             const struct server_selector *selector,
                                             struct error *error)
{
    struct json_object *document = store_to_json(daemon_store(daemon));
    char text[SERVER_TEXT_BYTES];

    if (!document) {
        error_set(error, EXIT_FAILED, "out of memory");
        return NULL;
    }
    if (selector && document_select_profiles(document, selector) == 0) {
        json_object_put(document);
        error_set(error, EXIT_NOT_FOUND, "no profile of %s: `synward profiles` lists those known",
                  server_to_text(&selector->addr, selector->port, text));
        return NULL;
    }
    return document;
}

static struct json_object *answer_profiles(struct daemon *daemon, struct json_object *request,
                                           struct error *error)
{
    struct server_selector selector;
    bool given;

    if (!request_server(request, &selector, &given, error))
        return NULL;
    return profiles_document(daemon, given ? &selector : NULL, error);
}

static struct json_object *answer_export(struct daemon *daemon, struct json_object *request,
                                         struct error *error)
{
    (void)request;
    return profiles_document(daemon, NULL, error);
}

/* How many profiles a file that was imported holds. */
static size_t count_profiles(const char *contents)
{
    struct json_flaw flaw;
    struct json_object *parsed = json_document(contents, strlen(contents), JSON_UTF8, &flaw);
    struct json_object *profiles = NULL;
    size_t count = 0;

    if (json_object_object_get_ex(parsed, "profiles", &profiles) &&
        json_object_is_type(profiles, json_type_array))
        count = json_object_array_length(profiles);
    json_object_put(parsed);
    return count;
}

static struct json_object *answer_import(struct daemon *daemon, struct json_object *request,
                                         struct error *error)
{
    const char *contents = request_string(request, "contents", error);
    const int bytes = json_object_get_string_len(json_object_object_get(request, "contents"));
    const char *name = document_string(request, "name");
    struct json_object *document;

    if (!contents || !store_import_text(daemon_store(daemon), contents, (size_t)bytes,
                                        name ? name : "imported file", error))
        return NULL;
    daemon_store_changed(daemon);
    if (!daemon_bring_in_force(daemon, error))
        return NULL;
    document = document_new();
    json_object_object_add(document, "imported",
                           json_object_new_int64((int64_t)count_profiles(contents)));
    return document;
}

/* The profiles that the request must name, as a list that stays good while the store changes. */
static bool requested_profiles(struct daemon *daemon, struct json_object *request,
                               struct key_list *list, struct error *error)
{
    struct server_selector selector;
    char text[SERVER_TEXT_BYTES];
    bool given;

    if (!request_server(request, &selector, &given, error))
        return false;
    if (!given || selector.port == 0)
        return error_set(error, EXIT_USAGE, "the server needs its port: write SERVER:PORT");
    if (!add_profiles(daemon, &selector, list, error))
        return false;
    if (list->count == 0)
        return error_set(error, EXIT_NOT_FOUND,
                         "no profile of %s: `synward profiles` lists those known",
                         server_to_text(&selector.addr, selector.port, text));
    return true;
}

static struct json_object *answer_forget(struct daemon *daemon, struct json_object *request,
                                         struct error *error)
{
    struct key_list list = {0};
    struct json_object *document = NULL;

    if (requested_profiles(daemon, request, &list, error)) {
        for (size_t i = 0; i < list.count; i++)
            daemon_forget(daemon, &list.keys[i]);
        if (daemon_bring_in_force(daemon, error)) {
            document = document_new();
            json_object_object_add(document, "forgotten",
                                   json_object_new_int64((int64_t)list.count));
        }
    }
    free(list.keys);
    return document;
}

/* One setting of every profile of the list. The first refuses what all would refuse: nothing is
 * half done. */
static bool set_profiles(struct daemon *daemon, const struct key_list *list, const char *key,
                         const char *value, struct error *error)
{
    struct store *store = daemon_store(daemon);
    bool done = true;

    for (size_t i = 0; done && i < list->count; i++) {
        struct profile *profile = store_find(store, &list->keys[i]);

        done = profile && profile_set(profile, key, value, error);
    }
    if (done) {
        store_touch(store);
        daemon_store_changed(daemon);
    }
    return done && daemon_bring_in_force(daemon, error);
}

static struct json_object *answer_set(struct daemon *daemon, struct json_object *request,
                                      struct error *error)
{
    struct key_list list = {0};
    struct json_object *document = NULL;
    const char *key = request_string(request, "key", error),
               *value = request_string(request, "value", error);
    struct server_selector selector;
    bool given;

    if (key && value && requested_profiles(daemon, request, &list, error) &&
        set_profiles(daemon, &list, key, value, error) &&
        request_server(request, &selector, &given, error))
        document = profiles_document(daemon, &selector, error);
    free(list.keys);
    return document;
}

static struct json_object *answer_learn(struct daemon *daemon, struct json_object *request,
                                        struct error *error)
{
    struct json_object *learning = NULL, *document;

    if (!json_object_object_get_ex(request, "learning", &learning) ||
        !json_object_is_type(learning, json_type_boolean)) {
        error_set(error, EXIT_USAGE, "the request has no boolean \"learning\"");
        return NULL;
    }
    daemon_set_learning(daemon, json_object_get_boolean(learning));
    document = document_new();
    json_object_object_add(document, "learning", json_object_new_boolean(daemon_learning(daemon)));
    return document;
}

/* Every server that is meant, seen on the wire or only known from a profile, gets its own setting.
 */
static bool set_mode_of(struct daemon *daemon, const struct server_selector *selector,
                        enum mode_setting setting, struct error *error)
{
    struct key_list list = {0};
    char text[SERVER_TEXT_BYTES];
    bool done =
        add_servers(daemon, selector, &list, error) && add_profiles(daemon, selector, &list, error);

    if (done && list.count == 0)
        done = error_set(error, EXIT_NOT_FOUND, "no server %s: `synward status` lists those known",
                         server_to_text(&selector->addr, selector->port, text));
    for (size_t i = 0; done && i < list.count; i++)
        done = daemon_set_mode(daemon, &list.keys[i], setting, error);
    free(list.keys);
    return done;
}

/* "default" gives a server back to the setting for all. */
static bool requested_setting(const char *text, bool for_server, enum mode_setting *setting,
                              struct error *error)
{
    if (strcmp(text, "default") != 0)
        return mode_setting_parse(text, setting, error);
    *setting = SETTING_INHERIT;
    return for_server ||
           error_set(error, EXIT_USAGE, "mode default: needs a server: write auto for all");
}

static bool apply_mode(struct daemon *daemon, struct json_object *request,
                       const struct server_selector *selector, struct error *error)
{
    const char *text = document_string(request, "setting");
    enum mode_setting setting;

    if (!json_object_object_get(request, "setting"))
        return true;
    if (!text)
        return error_set(error, EXIT_USAGE, "\"setting\" is not a string");
    if (!requested_setting(text, selector != NULL, &setting, error))
        return false;
    return selector ? set_mode_of(daemon, selector, setting, error)
                    : daemon_set_mode(daemon, NULL, setting, error);
}

static struct json_object *answer_mode(struct daemon *daemon, struct json_object *request,
                                       struct error *error)
{
    struct server_selector selector;
    struct json_object *document, *servers;
    char text[SERVER_TEXT_BYTES];
    bool given, query = !json_object_object_get(request, "setting");

    if (!request_server(request, &selector, &given, error) ||
        !apply_mode(daemon, request, given ? &selector : NULL, error))
        return NULL;
    servers = servers_document(daemon, given ? &selector : NULL, error);
    if (!servers)
        return NULL;
    if (query && given && json_object_array_length(servers) == 0) {
        json_object_put(servers);
        error_set(error, EXIT_NOT_FOUND, "no server %s: `synward status` lists those known",
                  server_to_text(&selector.addr, selector.port, text));
        return NULL;
    }
    document = document_new();
    json_object_object_add(document, "mode",
                           json_object_new_string(mode_setting_name(daemon_mode(daemon))));
    json_object_object_add(document, "servers", servers);
    return document;
}

/* --- sources --------------------------------------------------------------------------------- */

static struct json_object *source_document(const struct daemon *daemon,
                                           const struct source_info *info)
{
    static const char *const states[] = {[SOURCE_CLEAR] = "clear",
                                         [SOURCE_LIMITED] = "limited",
                                         [SOURCE_ASIDE] = "aside",
                                         [SOURCE_ALLOWED] = "allowed"};
    const struct source_rule *rule = &info->rule;
    struct json_object *object = json_object_new_object();
    char address[ADDR_TEXT_BYTES], since[TIME_TEXT_BYTES], until[TIME_TEXT_BYTES];

    json_object_object_add(object, "address",
                           json_object_new_string(addr_to_text(&rule->prefix, address)));
    json_object_object_add(object, "length", json_object_new_int(rule->length));
    json_object_object_add(object, "state", json_object_new_string(states[rule->state]));
    json_object_object_add(
        object, "by",
        json_object_new_string(rule->by == SOURCE_BY_OPERATOR ? "operator" : "judgement"));
    json_object_object_add(object, "mismatches", json_object_new_int64(info->mismatches));
    json_object_object_add(object, "matches", json_object_new_int64(info->matches));
    json_object_object_add(
        object, "since",
        json_object_new_string(time_to_text(daemon_wall_s(daemon, rule->since_us), since)));
    json_object_object_add(object, "until",
                           rule->until_us ? json_object_new_string(time_to_text(
                                                daemon_wall_s(daemon, rule->until_us), until))
                                          : NULL);
    return object;
}

/* "for_s" of the request, 0 where it has none. */
static bool requested_seconds(struct json_object *request, uint64_t *seconds, struct error *error)
{
    struct json_object *value = json_object_object_get(request, "for_s");
    const int64_t number = json_object_get_int64(value);

    *seconds = (uint64_t)number;
    return !value ||
           (json_object_is_type(value, json_type_int) && number >= 1 &&
            number <= SOURCE_FOR_MAX_S) ||
           error_set(error, EXIT_USAGE, "\"for_s\" is not a number of seconds from 1 to %d",
                     SOURCE_FOR_MAX_S);
}

static bool change_source(struct daemon *daemon, struct json_object *request, const char *action,
                          struct error *error)
{
    const char *text = request_string(request, "source", error);
    struct ip_addr prefix;
    uint64_t seconds;
    uint8_t length;
    bool known;

    if (!text || !prefix_parse(text, &prefix, &length, error) ||
        !requested_seconds(request, &seconds, error))
        return false;
    if (strcmp(action, "add") == 0)
        return daemon_set_source(daemon, &prefix, length, SOURCE_ASIDE, seconds, error);
    if (strcmp(action, "allow") == 0)
        return daemon_set_source(daemon, &prefix, length, SOURCE_ALLOWED, seconds, error);
    if (strcmp(action, "remove") != 0)
        return error_set(error, EXIT_USAGE, "no action \"%.40s\": add, allow and remove are known",
                         action);
    if (!daemon_forget_source(daemon, &prefix, length, &known, error))
        return false;
    return known || error_set(error, EXIT_NOT_FOUND,
                              "nothing is known of %.60s: `synward sources` lists what is", text);
}

static struct json_object *answer_sources(struct daemon *daemon, struct json_object *request,
                                          struct error *error)
{
    struct source_info *sources = NULL;
    struct json_object *document, *array, *action = NULL;
    uint32_t count = 0;

    if (json_object_object_get_ex(request, "action", &action)) {
        const char *text = request_string(request, "action", error);

        if (!text || !change_source(daemon, request, text, error))
            return NULL;
    }
    if (!daemon_sources(daemon, &sources, &count, error))
        return NULL;
    array = json_object_new_array();
    for (uint32_t i = 0; i < count; i++)
        json_object_array_add(array, source_document(daemon, &sources[i]));
    free(sources);
    document = document_new();
    json_object_object_add(document, "sources", array);
    return document;
}

/* Takes `document`. Where memory is out nothing is written. */
static void write_document(FILE *out, struct json_object *document)
{
    const char *text = json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN |
                                                                    JSON_C_TO_STRING_NOSLASHESCAPE);

    if (text)
        fputs(text, out);
    json_object_put(document);
}

/* Nothing in it needs an escape. */
static void write_flow(FILE *out, const struct flow_info *flow)
{
    char client[SERVER_TEXT_BYTES], server[SERVER_TEXT_BYTES];

    fprintf(out, "{\"client\":\"%s\",\"server\":\"%s\",\"vlan\":",
            server_to_text(&flow->key.client, flow->key.client_port, client),
            server_to_text(&flow->key.server, flow->key.server_port, server));
    write_document(out, document_vlan(&flow->key.vlan));
    fprintf(out, ",\"state\":\"%s\",\"age_s\":%.1f,\"delta\":", flow->state,
            (double)flow->age_us / 1e6);
    if (flow->spliced)
        fprintf(out, "%u}", flow->delta);
    else
        fputs("null}", out);
}

static bool write_flows(struct daemon *daemon, FILE *out, struct error *error)
{
    struct flow_info *flows = NULL;
    uint32_t count = 0;

    if (!daemon_flows(daemon, &flows, &count, error))
        return false;
    fputs("{\"synward\":", out);
    write_document(out, synward_to_json());
    fputs(",\"flows\":[", out);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            fputc(',', out);
        write_flow(out, &flows[i]);
    }
    fputs("]}", out);
    free(flows);
    return true;
}

static void add_counter(void *context, const char *group, const char *name, const char *text,
                        uint64_t value)
{
    struct json_object *document = context, *object = NULL;

    (void)text;
    if (!json_object_object_get_ex(document, group, &object)) {
        object = json_object_new_object();
        json_object_object_add(document, group, object);
    }
    json_object_object_add(object, name, json_object_new_uint64(value));
}

static struct json_object *answer_stats(struct daemon *daemon, struct json_object *request,
                                        struct error *error)
{
    struct counters counters = {0};
    struct json_object *document;

    (void)request;
    if (!daemon_counters(daemon, &counters, error))
        return NULL;
    document = document_new();
    counters_visit(&counters, add_counter, document);
    return document;
}

/* The first line of a watcher: from here on it is told what happens. */
static struct json_object *answer_watch(struct daemon *daemon, struct json_object *request,
                                        struct error *error)
{
    struct json_object *document = document_new();
    char time[TIME_TEXT_BYTES];

    (void)request;
    (void)error;
    json_object_object_add(
        document, "time",
        json_object_new_string(time_to_text((int64_t)(clock_wall_us() / 1000000), time)));
    json_object_object_add(document, "event", json_object_new_string("watch"));
    json_object_object_add(document, "state",
                           json_object_new_string(mode_setting_name(daemon_mode(daemon))));
    json_object_object_add(document, "text", json_object_new_string("what happens from here on"));
    return document;
}

typedef struct json_object *handler(struct daemon *daemon, struct json_object *request,
                                    struct error *error);
typedef bool writer(struct daemon *daemon, FILE *out, struct error *error);

struct control_command {
    const char *name;
    handler *handle; /* or */
    writer *write;
};

static const struct control_command commands[] = {
    {"status", answer_status, NULL},   {"profiles", answer_profiles, NULL},
    {"export", answer_export, NULL},   {"import", answer_import, NULL},
    {"forget", answer_forget, NULL},   {"set", answer_set, NULL},
    {"learn", answer_learn, NULL},     {"mode", answer_mode, NULL},
    {"flows", NULL, write_flows},      {"stats", answer_stats, NULL},
    {"sources", answer_sources, NULL}, {"watch", answer_watch, NULL},
};

static const struct control_command *find_command(struct json_object *request, struct error *error)
{
    const char *name = request_string(request, "command", error);

    if (!name)
        return NULL;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(name, commands[i].name) == 0)
            return &commands[i];
    error_set(error, EXIT_USAGE,
              "this daemon (synward " SYNWARD_VERSION ") has no command \"%.60s\"", name);
    return NULL;
}

/* The object that a request is. NULL and `error` set where it is none. */
static struct json_object *parse_request(const char *request, size_t bytes, struct error *error)
{
    struct json_flaw flaw;
    struct json_object *parsed = json_document(request, bytes, JSON_ANY_BYTES, &flaw);

    if (!parsed && flaw.kind == JSON_FLAW_MEMORY)
        error_set(error, EXIT_FAILED, "%s", flaw.reason);
    else if (!parsed && flaw.kind == JSON_FLAW_KIND)
        error_set(error, EXIT_USAGE, "a request is one JSON object");
    else if (!parsed)
        error_set(error, EXIT_USAGE, "the request is not one JSON object: byte %zu: %s",
                  flaw.offset, flaw.reason);
    return parsed;
}

bool control_asks_to_watch(const char *request, size_t bytes)
{
    struct error error = {0};
    struct json_object *parsed =
        bytes <= WATCH_REQUEST_MAX ? parse_request(request, bytes, &error) : NULL;
    const struct control_command *command = parsed ? find_command(parsed, &error) : NULL;
    const bool watch = command && command->handle == answer_watch;

    json_object_put(parsed);
    return watch;
}

/* Writes the answer, or fills `error`: then nothing was written. */
static void write_answer(struct daemon *daemon, const char *request, size_t bytes, FILE *out,
                         struct error *error)
{
    struct json_object *parsed = parse_request(request, bytes, error), *document;
    const struct control_command *command =
        error->code == EXIT_DONE ? find_command(parsed, error) : NULL;

    if (command && command->write) {
        command->write(daemon, out, error);
    } else if (command) {
        document = command->handle(daemon, parsed, error);
        if (document)
            write_document(out, document);
        else if (error->code == EXIT_DONE)
            error_set(error, EXIT_FAILED, "out of memory");
    }
    json_object_put(parsed);
}

/*
 * The text of an answer as it grows. open_memstream() would do, but it touches all that it sets
 * aside, and copies at each growth; large blocks are moved by realloc() without being touched.
 */
struct text {
    char *data;
    size_t bytes, capacity;
};

static ssize_t text_write(void *cookie, const char *data, size_t bytes)
{
    struct text *text = cookie;

    if (text->capacity - text->bytes < bytes) {
        size_t capacity = text->bytes + bytes + text->bytes / 2;
        char *grown = realloc(text->data, capacity);

        if (!grown)
            return 0;
        text->data = grown;
        text->capacity = capacity;
    }
    memcpy(text->data + text->bytes, data, bytes);
    text->bytes += bytes;
    return (ssize_t)bytes;
}

static FILE *text_open(struct text *text)
{
    *text = (struct text){0};
    return fopencookie(text, "w", (cookie_io_functions_t){.write = text_write});
}

/* The newline, and what all of it has become; NULL where memory ran out. */
static char *text_close(FILE *out, struct text *text, size_t *bytes)
{
    fputc('\n', out);
    const bool failed = ferror(out) != 0;

    *bytes = 0;
    if (fclose(out) == 0 && !failed && text->bytes > 1) {
        *bytes = text->bytes;
        return text->data;
    }
    free(text->data);
    return NULL;
}

char *control_answer(struct daemon *daemon, const char *request, size_t bytes, size_t *answer_bytes)
{
    struct error error = {0};
    struct text text;
    FILE *out = text_open(&text);

    *answer_bytes = 0;
    if (!out)
        return NULL;
    write_answer(daemon, request, bytes, out, &error);
    if (error.code != EXIT_DONE)
        write_document(out, document_error(&error));
    return text_close(out, &text, answer_bytes);
}

char *control_error(const struct error *error, size_t *answer_bytes)
{
    struct text text;
    FILE *out = text_open(&text);

    *answer_bytes = 0;
    if (!out)
        return NULL;
    write_document(out, document_error(error));
    return text_close(out, &text, answer_bytes);
}
