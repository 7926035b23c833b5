/* SPDX-License-Identifier: GPL-2.0-or-later */
/* answer_sources.c - client addresses put aside, limited or allowed. */
#include <stdlib.h>
#include <string.h>

#include "bridge/control/answer.h"
#include "bridge/control/request.h"
#include "bridge/daemon.h"
#include "bridge/imports/imports.h"
#include "bridge/text/document.h"
#include "bridge/text/link_text.h"
#include "profiles/store/json_document.h"

static struct json_object *source_document(const struct daemon *daemon,
                                           const struct source_info *info)
{
    static const char *const states[] = {[SOURCE_CLEAR] = "clear",
                                         [SOURCE_LIMITED] = "limited",
                                         [SOURCE_ASIDE] = "aside",
                                         [SOURCE_ALLOWED] = "allowed",
                                         [SOURCE_PROXY] = "proxy"};
    static const char *const by[] = {[SOURCE_BY_JUDGEMENT] = "judgement",
                                     [SOURCE_BY_OPERATOR] = "operator",
                                     [SOURCE_BY_CLUSTER] = "cluster"};
    const struct source_rule *rule = &info->rule;
    struct json_object *object = json_object_new_object();
    char address[ADDR_TEXT_BYTES], since[TIME_TEXT_BYTES], until[TIME_TEXT_BYTES];
    char mac[MAC_TEXT_BYTES];

    json_object_object_add(object, "address",
                           json_object_new_string(addr_to_text(&rule->prefix, address)));
    json_object_object_add(object, "length", json_object_new_int(rule->length));
    json_object_object_add(object, "state", json_object_new_string(states[rule->state]));
    json_object_object_add(object, "by", json_object_new_string(by[rule->by]));
    json_object_object_add(object, "mismatches", json_object_new_int64(info->mismatches));
    json_object_object_add(object, "matches", json_object_new_int64(info->matches));
    json_object_object_add(
        object, "since",
        json_object_new_string(time_to_text(daemon_wall_s(daemon, rule->since_us), since)));
    json_object_object_add(object, "until",
                           rule->until_us ? json_object_new_string(time_to_text(
                                                daemon_wall_s(daemon, rule->until_us), until))
                                          : NULL);
    json_object_object_add(object, "mac",
                           rule->by == SOURCE_BY_JUDGEMENT
                               ? json_object_new_string(mac_text(&rule->link, mac))
                               : NULL);
    json_object_object_add(object, "vlan", document_vlan(&rule->link.vlan));
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
    if (strcmp(action, "proxy") == 0)
        return daemon_set_source(daemon, &prefix, length, SOURCE_PROXY, seconds, error);
    if (strcmp(action, "remove") != 0)
        return error_set(error, EXIT_USAGE,
                         "no action \"%.40s\": add, allow, proxy, remove and import are known",
                         action);
    if (!daemon_forget_source(daemon, &prefix, length, &known, error))
        return false;
    return known || error_set(error, EXIT_NOT_FOUND,
                              "nothing is known of %.60s: `synward sources` lists what is", text);
}

/* "lists": by name, and of how many prefixes each was made. */
static struct json_object *lists_document(struct daemon *daemon)
{
    const struct imports *imports = daemon_imports(daemon);
    struct json_object *array = json_object_new_array();

    for (uint32_t i = 0; i < imports->count; i++) {
        struct json_object *object = json_object_new_object();

        json_object_object_add(object, "name", json_object_new_string(imports->lists[i].name));
        json_object_object_add(object, "prefixes",
                               json_object_new_int64(imports->lists[i].prefixes));
        json_object_array_add(array, object);
    }
    return array;
}

/* A piece of a list; with "last" it is in force, and saved, when it is answered. */
static struct json_object *import_list(struct daemon *daemon, struct json_object *request,
                                       struct error *error)
{
    const char *name = request_string(request, "name", error),
               *prefixes = request_string(request, "prefixes", error);
    const int64_t from = json_object_get_int64(json_object_object_get(request, "from"));
    struct imports *imports = daemon_imports(daemon);
    struct json_object *document;
    uint32_t count;

    if (!name || !prefixes)
        return NULL;
    if (from < 0 || from > IMPORT_PREFIXES_MAX) {
        error_set(error, EXIT_USAGE, "\"from\" is not a number of prefixes");
        return NULL;
    }
    if (!imports_add(imports, name, (uint32_t)from, prefixes, error))
        return NULL;
    count = imports->coming.prefixes;
    if (json_object_get_boolean(json_object_object_get(request, "last")) &&
        (!imports_end(imports, name, error) || !daemon_lists_changed(daemon, error)))
        return NULL;
    document = document_new();
    json_object_object_add(document, "name", json_object_new_string(name));
    json_object_object_add(document, "prefixes", json_object_new_int64(count));
    return document;
}

/* A piece of one of them, from `from` on; "next" is 0 behind the last. */
struct json_object *answer_list(struct daemon *daemon, struct json_object *request,
                                struct error *error)
{
    const char *name = request_string(request, "name", error);
    const uint64_t from = json_object_get_uint64(json_object_object_get(request, "from"));
    struct imports *imports = daemon_imports(daemon);
    char digest[IMPORT_DIGEST_BYTES], *text;
    struct json_object *document;
    uint32_t place = 0, next = 0;

    while (name && place < imports->count && strcmp(imports->lists[place].name, name) != 0)
        place++;
    if (!name || place == imports->count || from > UINT32_MAX) {
        if (name)
            error_set(error, EXIT_NOT_FOUND, "no list %.80s", name);
        return NULL;
    }
    text = import_text(&imports->lists[place], (uint32_t)from, &next);
    import_digest(&imports->lists[place], digest);
    document = text ? document_new() : NULL;
    if (document) {
        json_object_object_add(document, "name", json_object_new_string(name));
        json_object_object_add(document, "digest", json_object_new_string(digest));
        json_object_object_add(document, "prefixes", json_object_new_string(text));
        json_object_object_add(document, "next", json_object_new_int64(next));
    }
    free(text);
    return document;
}

struct json_object *answer_sources(struct daemon *daemon, struct json_object *request,
                                   struct error *error)
{
    struct source_info *sources = NULL;
    struct json_object *document, *array, *action = NULL;
    uint32_t count = 0;

    if (json_object_object_get_ex(request, "action", &action)) {
        const char *text = request_string(request, "action", error);

        if (text && strcmp(text, "import") == 0)
            return import_list(daemon, request, error);
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
    json_object_object_add(document, "lists", lists_document(daemon));
    return document;
}
