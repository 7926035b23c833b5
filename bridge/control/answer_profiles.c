/* SPDX-License-Identifier: GPL-2.0-or-later */
/* answer_profiles.c - profiles: those of a server shown, forgotten, changed. */
#include <stdlib.h>
#include <string.h>

#include "bridge/control/answer.h"
#include "bridge/control/request.h"
#include "bridge/daemon.h"
#include "bridge/text/document.h"
#include "profiles/model/settings.h"
#include "profiles/model/profile.h"
#include "profiles/store/profile_json.h"

/* The profiles that `selector` names, with what is enforced in fact; not found where there is none.
 */
static struct json_object *profiles_document(struct daemon *daemon,
                                             const struct server_selector *selector,
                                             struct error *error)
{
    const struct store *store = daemon_store(daemon);
    struct json_object *document = document_new(), *profiles = json_object_new_array();

    for (size_t i = 0; i < store_count(store); i++) {
        const struct profile *profile = store_at(store, i);
        struct json_object *object;

        if (!server_selector_matches(selector, &profile->key))
            continue;
        object = profile_to_json(profile);
        document_add_enforced_to(object, profile);
        json_object_array_add(profiles, object);
    }
    json_object_object_add(document, "profiles", profiles);
    if (json_object_array_length(profiles) > 0)
        return document;
    json_object_put(document);
    server_selector_unknown(selector, "profile of", "profiles", error);
    return NULL;
}

/* Of one server: all of them are a long answer (answer_long.c). */
struct json_object *answer_profiles(struct daemon *daemon, struct json_object *request,
                                    struct error *error)
{
    struct server_selector selector;
    bool given;

    if (!request_server(request, &selector, &given, error))
        return NULL;
    if (given)
        return profiles_document(daemon, &selector, error);
    error_set(error, EXIT_USAGE, "\"server\" is missing");
    return NULL;
}

/* The profiles that the request must name, as a list that stays good while the store changes. */
static bool requested_profiles(struct daemon *daemon, struct json_object *request,
                               struct key_list *list, struct error *error)
{
    struct server_selector selector;
    bool given;

    if (!request_server(request, &selector, &given, error))
        return false;
    if (!given || selector.port == 0)
        return error_set(error, EXIT_USAGE, "the server needs its port: write SERVER:PORT");
    if (!key_list_add_profiles(list, daemon, &selector, error))
        return false;
    if (list->count == 0)
        return server_selector_unknown(&selector, "profile of", "profiles", error);
    return true;
}

struct json_object *answer_forget(struct daemon *daemon, struct json_object *request,
                                  struct error *error)
{
    struct key_list list = {0};
    struct json_object *document = NULL;

    if (requested_profiles(daemon, request, &list, error)) {
        for (size_t i = 0; i < list.count; i++)
            daemon_forget_for_all(daemon, &list.keys[i]);
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
