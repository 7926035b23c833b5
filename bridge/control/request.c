/* SPDX-License-Identifier: GPL-2.0-or-later */
/* request.c - see request.h. */
#include "bridge/control/request.h"

#include <stdlib.h>

#include "bridge/daemon.h"
#include "bridge/text/document.h"
#include "profiles/model/profile.h"

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

bool key_list_add_profiles(struct key_list *list, struct daemon *daemon,
                           const struct server_selector *selector, struct error *error)
{
    const struct store *store = daemon_store(daemon);

    for (size_t i = 0; i < store_count(store); i++) {
        const struct server_key *key = &store_at(store, i)->key;

        if (server_selector_matches(selector, key) && !key_list_add(list, key, error))
            return false;
    }
    return true;
}

bool key_list_add_servers(struct key_list *list, struct daemon *daemon,
                          const struct server_selector *selector, struct error *error)
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

bool request_server(struct json_object *request, struct server_selector *selector, bool *given,
                    struct error *error)
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

const char *request_string(struct json_object *request, const char *key, struct error *error)
{
    const char *text = document_string(request, key);

    if (!text)
        error_set(error, EXIT_USAGE, "the request has no string \"%s\"", key);
    return text;
}
