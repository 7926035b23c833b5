/* SPDX-License-Identifier: GPL-2.0-or-later */
/* answer_profiles.c - profiles: shown, exported, imported, forgotten, changed. */
#include <stdlib.h>
#include <string.h>

#include "bridge/control/answer.h"
#include "bridge/control/request.h"
#include "bridge/daemon.h"
#include "bridge/text/document.h"
#include "profiles/model/settings.h"
#include "profiles/store/json_document.h"

/* As the store holds them. */
static struct json_object *stored_profiles(struct daemon *daemon, struct error *error)
{
    struct json_object *document = store_to_json(daemon_store(daemon));

    if (!document)
        error_set(error, EXIT_FAILED, "out of memory");
    return document;
}

/* The profiles that `selector` (NULL: all) names, with what is enforced in fact; not found where
 * there is none. */
static struct json_object *profiles_document(struct daemon *daemon,
                                             const struct server_selector *selector,
                                             struct error *error)
{
    struct json_object *document = stored_profiles(daemon, error);
    char text[SERVER_TEXT_BYTES];

    if (!document)
        return NULL;
    document_add_enforced(document, daemon_store(daemon));
    if (selector && document_select_profiles(document, selector) == 0) {
        json_object_put(document);
        error_set(error, EXIT_NOT_FOUND, "no profile of %s: `synward profiles` lists those known",
                  server_to_text(&selector->addr, selector->port, text));
        return NULL;
    }
    return document;
}

struct json_object *answer_profiles(struct daemon *daemon, struct json_object *request,
                                    struct error *error)
{
    struct server_selector selector;
    bool given;

    if (!request_server(request, &selector, &given, error))
        return NULL;
    return profiles_document(daemon, given ? &selector : NULL, error);
}

struct json_object *answer_export(struct daemon *daemon, struct json_object *request,
                                  struct error *error)
{
    (void)request;
    return stored_profiles(daemon, error);
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

struct json_object *answer_import(struct daemon *daemon, struct json_object *request,
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
    if (!key_list_add_profiles(list, daemon, &selector, error))
        return false;
    if (list->count == 0)
        return error_set(error, EXIT_NOT_FOUND,
                         "no profile of %s: `synward profiles` lists those known",
                         server_to_text(&selector.addr, selector.port, text));
    return true;
}

struct json_object *answer_forget(struct daemon *daemon, struct json_object *request,
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

/* True where the configuration file has said it: by hand it would have no effect. */
static bool said_by_file(const struct daemon *daemon, const struct profile *profile,
                         const char *key, struct error *error)
{
    const size_t index = setting_index(key);
    char value[SETTING_VALUE_BYTES];

    if (!profile || index == SETTINGS_COUNT || !profile->said.line[index])
        return false;
    error_set(error, EXIT_FAILED,
              "%s: %.200s:%u says %s, which counts: change it there, then `synward reload`", key,
              daemon_config_path(daemon), profile->said.line[index],
              setting_value(&profile->said.value, index, value));
    return true;
}

/* One setting of every profile of the list. The first refuses what all would refuse: nothing is
 * half done. */
static bool set_profiles(struct daemon *daemon, const struct key_list *list, const char *key,
                         const char *value, struct error *error)
{
    struct store *store = daemon_store(daemon);
    bool done = true;

    for (size_t i = 0; done && i < list->count; i++)
        done = !said_by_file(daemon, store_find(store, &list->keys[i]), key, error);
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

struct json_object *answer_set(struct daemon *daemon, struct json_object *request,
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
