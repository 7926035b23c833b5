/* SPDX-License-Identifier: GPL-2.0-or-later */
/* document.c - pieces of the JSON documents that the daemon sends and the command line prints. */
#include "bridge/text/document.h"

#include <string.h>

#include "bridge/base/showable.h"
#include "profiles/compile.h"
#include "profiles/model/settings.h"
#include "profiles/store/expiry.h"
#include "profiles/store/json_document.h"
#include "profiles/store/store.h"

struct json_object *document_new(void)
{
    struct json_object *document = json_object_new_object();

    json_object_object_add(document, "synward", synward_to_json());
    return document;
}

struct json_object *document_error(const struct error *error)
{
    struct json_object *document = document_new(), *body = json_object_new_object();
    char text[sizeof(error->text)];

    memcpy(text, error->text, sizeof(text));
    showable_line(text); /* it may quote bytes that are no UTF-8, and JSON is */
    json_object_object_add(body, "code", json_object_new_int((int)error->code));
    json_object_object_add(body, "text", json_object_new_string(text));
    json_object_object_add(document, "error", body);
    return document;
}

bool document_is_error(struct json_object *document, struct error *error)
{
    struct json_object *body = json_object_object_get(document, "error"), *code;
    const char *text = document_string(body, "text");

    if (!body)
        return false;
    code = json_object_object_get(body, "code");
    switch (json_object_get_int(code)) {
    case EXIT_USAGE:
        error_set(error, EXIT_USAGE, "%s", text ? text : "refused");
        break;
    case EXIT_NOT_FOUND:
        error_set(error, EXIT_NOT_FOUND, "%s", text ? text : "not found");
        break;
    default:
        error_set(error, EXIT_FAILED, "%s", text ? text : "failed");
    }
    return true;
}

const char *document_string(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;

    if (!json_object_is_type(object, json_type_object) ||
        !json_object_object_get_ex(object, key, &value) ||
        !json_object_is_type(value, json_type_string))
        return NULL;
    return json_object_get_string(value);
}

/* What the configuration file says, by the keys of `synward profiles set`; NULL: nothing. */
static struct json_object *configured_document(const struct settings_said *said)
{
    struct json_object *object = NULL;
    char value[SETTING_VALUE_BYTES];

    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        if (!said->line[i])
            continue;
        if (!object)
            object = json_object_new_object();
        json_object_object_add(object, setting_key(i),
                               json_object_new_string(setting_value(&said->value, i, value)));
    }
    return object;
}

void document_add_enforced_to(struct json_object *object, const struct profile *profile)
{
    struct json_object *configured = configured_document(&profile->said);
    const int64_t until_s = profile_kept_until_s(profile);
    char text[ENFORCED_TEXT_BYTES], time[TIME_TEXT_BYTES], mark[MARK_TEXT_BYTES];

    json_object_object_add(object, "enforced",
                           json_object_new_string(profile_enforced(profile, text)));
    json_object_object_add(object, "mark", json_object_new_string(profile_mark(profile, mark)));
    if (configured)
        json_object_object_add(object, "configured", configured);
    json_object_object_add(object, "transport",
                           json_object_new_string(server_transport_name(&profile->key)));
    json_object_object_add(object, "kept_until",
                           until_s ? json_object_new_string(time_to_text(until_s, time)) : NULL);
}

void document_add_enforced(struct json_object *document, const struct store *store)
{
    struct json_object *profiles = json_object_object_get(document, "profiles");

    for (size_t i = 0; i < store_count(store); i++)
        document_add_enforced_to(json_object_array_get_idx(profiles, i), store_at(store, i));
}

struct json_object *document_vlan(const struct vlan_ids *vlan)
{
    struct json_object *ids = json_object_new_array();

    for (size_t i = 0; i < 2; i++)
        if (vlan->id[i] & VLAN_PRESENT)
            json_object_array_add(ids, json_object_new_int(vlan->id[i] & (int)VLAN_ID_MASK));
    return ids;
}

void document_add_server(struct json_object *object, const struct server_key *key)
{
    char address[ADDR_TEXT_BYTES];

    json_object_object_add(object, "server",
                           json_object_new_string(addr_to_text(&key->addr, address)));
    json_object_object_add(object, "port", json_object_new_int(key->port));
    json_object_object_add(object, "vlan", document_vlan(&key->vlan));
    json_object_object_add(object, "transport", json_object_new_string(server_transport_name(key)));
}

bool document_read_transport(struct json_object *object, struct server_key *key)
{
    const char *text = document_string(object, "transport");
    const bool udp = text && strcmp(text, "udp") == 0;

    *key = server_key_over(key, udp);
    return udp || !text || strcmp(text, "tcp") == 0;
}

static bool profile_selected(struct json_object *profile, const struct server_selector *selector)
{
    struct server_key key = {0};
    const char *address = document_string(profile, "server");

    if (!address || !addr_from_text(address, &key.addr))
        return false;
    key.port = (uint16_t)json_object_get_int(json_object_object_get(profile, "port"));
    return document_read_transport(profile, &key) && server_selector_matches(selector, &key);
}

size_t document_select_profiles(struct json_object *document,
                                const struct server_selector *selector)
{
    struct json_object *all = json_object_object_get(document, "profiles");
    struct json_object *selected = json_object_new_array();
    size_t count;

    for (size_t i = 0; all && i < json_object_array_length(all); i++) {
        struct json_object *profile = json_object_array_get_idx(all, i);

        if (profile_selected(profile, selector))
            json_object_array_add(selected, json_object_get(profile));
    }
    count = json_object_array_length(selected);
    json_object_object_add(document, "profiles", selected); /* replaces, keeps the key's place */
    return count;
}
