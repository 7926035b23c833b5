/* SPDX-License-Identifier: GPL-2.0-or-later */
/* profile_json.c - see profile_json.h. */
#include "profiles/store/profile_json.h"

#include <stdio.h>
#include <string.h>

#include "engine/version.h"
#include "profiles/model/settings.h"
#include "profiles/store/profile_fields.h"

/* --- key ------------------------------------------------------------------------------------- */

static struct json_object *write_server(const void *record)
{
    char server[ADDR_TEXT_BYTES];

    return json_text(addr_to_text(&((const struct profile *)record)->key.addr, server));
}

static void read_server(struct json_reader *reader, struct json_object *value, void *record)
{
    struct profile *profile = record;

    if (!json_object_is_type(value, json_type_string))
        reader_fail(reader, "server", "is not a text");
    else if (!addr_from_text(json_object_get_string(value), &profile->key.addr))
        reader_fail(reader, "server", "'%s' is not an IPv4 or IPv6 address",
                    json_object_get_string(value));
}

static struct json_object *write_vlan(const void *record)
{
    const struct vlan_ids *vlan = &((const struct profile *)record)->key.vlan;
    struct json_object *array = json_object_new_array();

    for (size_t i = 0; i < 2; i++)
        if (vlan->id[i] & VLAN_PRESENT)
            json_object_array_add(array, json_uint(vlan->id[i] & VLAN_ID_MASK));
    return array;
}

static void read_vlan(struct json_reader *reader, struct json_object *value, void *record)
{
    struct profile *profile = record;
    const bool array = json_object_is_type(value, json_type_array);
    const size_t tags = array ? json_object_array_length(value) : 0;
    size_t mark;

    if (!array || tags > 2) {
        reader_fail(reader, "vlan", array ? "has %zu IDs, at most 2 are known" : "is not an array",
                    tags);
        return;
    }
    mark = reader_enter(reader, "vlan");
    for (size_t i = 0; i < tags; i++) {
        uint64_t id;

        if (read_element(reader, value, i, VLAN_ID_MASK, &id))
            profile->key.vlan.id[i] = (uint16_t)(VLAN_PRESENT | id);
    }
    reader_leave(reader, mark);
}

static struct json_object *schema_vlan(void)
{
    return schema_array(schema_uint(VLAN_ID_MASK), 2);
}

/* Beside the inner tag of the key, so behind the tags. */
static struct json_object *write_transport(const void *record)
{
    return json_text(profile_is_udp(record) ? "udp" : NULL); /* where it is left out, tcp */
}

static void read_transport(struct json_reader *reader, struct json_object *value, void *record)
{
    struct profile *profile = record;
    const char *text =
        json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";

    if (strcmp(text, "tcp") != 0 && strcmp(text, "udp") != 0)
        reader_fail(reader, "transport", "is neither \"tcp\" nor \"udp\"");
    else
        profile->key = server_key_over(&profile->key, text[0] == 'u');
}

static const struct field key_fields[] = {
    {FIELD_OWN("server", write_server, read_server), .flags = FIELD_NEEDED,
     .schema_text = "{\"type\": \"string\"}"},
    {FIELD_UINT("port", struct profile, key.port, UINT16_MAX), .flags = FIELD_NEEDED,
     .schema_text = "{\"type\": \"integer\", \"minimum\": 1, \"maximum\": 65535}"},
    {FIELD_OWN("vlan", write_vlan, read_vlan), .schema = schema_vlan},
    {FIELD_OWN("transport", write_transport, read_transport), .flags = FIELD_LEFT_OUT,
     .schema_text = "{\"enum\": [\"tcp\", \"udp\", null]}"},
    {0},
};

static void read_key(struct json_reader *reader, struct json_object *object,
                     struct profile *profile)
{
    memset(&profile->key, 0, sizeof(profile->key));
    fields_read(reader, key_fields, object, profile);
    if (profile->key.port == 0)
        reader_fail(reader, "port", "0 is not a port");
}

/* --- evidence -------------------------------------------------------------------------------- */

/*
 * Four digits are enough for people; the exact value is in the state. 1 is written 1.0, so that it
 * stays a number with a fraction.
 */
static struct json_object *write_fidelity(const void *record)
{
    const struct profile *profile = record;
    const double rounded = (double)(unsigned)(profile_fidelity(profile) * 10000 + 0.5) / 10000;
    char text[32];
    size_t length;

    if (!fidelity_known(&profile->fidelity))
        return NULL;
    length = (size_t)snprintf(text, sizeof(text), "%.4f", rounded);
    while (text[length - 1] == '0' && text[length - 2] != '.')
        text[--length] = '\0';
    return json_object_new_double_s(rounded, text);
}

static void read_fidelity(struct json_reader *reader, struct json_object *value, void *record)
{
    struct profile *profile = record;
    struct shown *shown = reader->context;
    const bool number =
        json_object_is_type(value, json_type_double) || json_object_is_type(value, json_type_int);
    const double fidelity = json_object_get_double(value);

    if (!number || !(fidelity >= 0.0 && fidelity <= 1.0)) {
        reader_fail(reader, "fidelity", "is not a number from 0 to 1");
        return;
    }
    shown->has_fidelity = true;
    shown->fidelity = fidelity;
    fidelity_restore(&profile->fidelity, fidelity, profile->handshakes);
}

static struct json_object *write_armed(const void *record)
{
    return json_object_new_boolean(profile_armed(record));
}

/* It follows from the rest: checked only. */
static void read_armed(struct json_reader *reader, struct json_object *value, void *record)
{
    (void)record;
    if (!json_object_is_type(value, json_type_boolean))
        reader_fail(reader, "armed", "is not true or false");
}

static bool has_held_peak(const void *record)
{
    return ((const struct profile *)record)->held_peak > 0;
}

static const struct field evidence_fields[] = {
    {FIELD_UINT("handshakes", struct profile, handshakes, INT64_MAX)},
    {FIELD_UINT("requests", struct profile, requests, INT64_MAX)},
    {FIELD_OWN("fidelity", write_fidelity, read_fidelity),
     .schema_text = "{\"type\": \"number\", \"minimum\": 0, \"maximum\": 1}"},
    {FIELD_OWN("armed", write_armed, read_armed), .schema_text = "{\"type\": \"boolean\"}"},
    {FIELD_UINT("held_peak", struct profile, held_peak, HELD_PEAK_MAX), .flags = FIELD_LEFT_OUT,
     .there = has_held_peak},
    {FIELD_TIME("first_seen", struct profile, first_seen_s)},
    {FIELD_TIME("last_seen", struct profile, last_seen_s)},
    {0},
};

/* --- settings -------------------------------------------------------------------------------- */

const char *check_choice(unsigned index)
{
    return index < CHECK_CHOICES ? request_check_name((enum request_check)index) : NULL;
}

#define GREETING_SETTINGS (GREETING_BY_TEMPLATE + 1)

static const char *greeting_setting_choice(unsigned index)
{
    return index < GREETING_SETTINGS ? greeting_setting_name((enum greeting_setting)index) : NULL;
}

#define REQUEST_SETTINGS (REQUEST_BEGUN + 1)

static const char *request_setting_choice(unsigned index)
{
    return index < REQUEST_SETTINGS ? request_setting_name((enum request_setting)index) : NULL;
}

static const char *signed_setting_choice(unsigned index)
{
    return index < SIGNED_SETTINGS ? signed_setting_name((enum signed_setting)index) : NULL;
}

/* Those that are words; those that are numbers stand in settings.h. */
static const struct field setting_fields[] = {
    {FIELD_CHOICE("check", struct profile, settings.check, check_choice, CHECK_CHOICES),
     .flags = FIELD_LEFT_OUT},
    {FIELD_CHOICE("greeting", struct profile, settings.greeting, greeting_setting_choice,
                  GREETING_SETTINGS),
     .flags = FIELD_LEFT_OUT},
    {FIELD_CHOICE("request", struct profile, settings.request, request_setting_choice,
                  REQUEST_SETTINGS),
     .flags = FIELD_LEFT_OUT},
    {FIELD_CHOICE("signed", struct profile, settings.signed_syns, signed_setting_choice,
                  SIGNED_SETTINGS),
     .flags = FIELD_LEFT_OUT},
    {0},
};

static struct json_object *write_settings(const void *record)
{
    const struct profile *profile = record;
    struct json_object *object = fields_write(setting_fields, profile);
    struct profile_settings settings = profile->settings;

    for (size_t i = 0; setting_number_info(i); i++) {
        const uint32_t value = *setting_number(&settings, i);

        if (value != 0)
            json_object_object_add(object, setting_number_info(i)->name,
                                   value == TRIGGER_OFF ? json_text("off") : json_uint(value));
    }
    return object;
}

/* A number, or "off" where that may be said. */
static void read_setting(struct json_reader *reader, struct json_object *object,
                         const struct setting_number *info, uint32_t *out)
{
    struct json_object *value = json_object_object_get(object, info->name);
    uint64_t number;

    if (info->may_be_off && json_object_is_type(value, json_type_string)) {
        if (strcmp(json_object_get_string(value), "off") == 0)
            *out = TRIGGER_OFF;
        else
            reader_fail(reader, info->name, "is neither a number nor \"off\"");
        return;
    }
    if (!read_uint(reader, object, info->name, info->most, &number))
        return;
    if (number != 0 && number < info->least) /* 0: the default */
        reader_fail(reader, info->name, "is %u, less than %u", (unsigned)number, info->least);
    else
        *out = (uint32_t)number;
}

static void read_settings(struct json_reader *reader, struct json_object *object, void *record)
{
    struct profile *profile = record;

    fields_read(reader, setting_fields, object, profile);
    for (size_t i = 0; setting_number_info(i); i++)
        read_setting(reader, object, setting_number_info(i), setting_number(&profile->settings, i));
}

static struct json_object *schema_settings(void)
{
    struct json_object *schema = fields_schema(setting_fields);
    struct json_object *properties = json_object_object_get(schema, "properties");

    for (size_t i = 0; setting_number_info(i); i++) {
        const struct setting_number *info = setting_number_info(i);
        struct json_object *either = json_object_new_array(), *setting = json_object_new_object();

        json_object_array_add(either, schema_uint(info->most));
        json_object_array_add(either, schema_of_type("null"));
        if (info->may_be_off)
            json_object_array_add(either, json_tokener_parse("{\"const\": \"off\"}"));
        json_object_object_add(setting, "anyOf", either);
        json_object_object_add(properties, info->name, setting);
    }
    return schema;
}

/* --- the whole profile ----------------------------------------------------------------------- */

static struct json_object *write_program(const void *record)
{
    const struct profile *profile = record;

    return json_text(profile->program[0] ? profile->program : NULL);
}

/* A longer name is cut: it is for people only. */
static void read_program(struct json_reader *reader, struct json_object *value, void *record)
{
    if (!json_object_is_type(value, json_type_string))
        reader_fail(reader, "program", "is not a text");
    else
        profile_program(record, json_object_get_string(value));
}

static bool is_over_tcp(const void *record)
{
    return !profile_is_udp(record);
}

static bool is_over_udp(const void *record)
{
    return profile_is_udp(record);
}

static const struct field body_fields[] = {
    {FIELD_OBJECT("tcp", tcp_fields), .flags = FIELD_LEFT_OUT, .there = is_over_tcp,
     .read = read_tcp},
    {FIELD_OBJECT("dns", dns_fields), .flags = FIELD_LEFT_OUT, .there = is_over_udp},
    {FIELD_OBJECT("application", application_fields)},
    {FIELD_OBJECT("evidence", evidence_fields), .flags = FIELD_FIRST},
    {FIELD_OBJECT("settings", setting_fields), .write = write_settings, .read = read_settings,
     .schema = schema_settings},
    {FIELD_OWN("program", write_program, read_program), .schema_text = "{\"type\": \"string\"}"},
    {FIELD_OBJECT("state", state_fields), .flags = FIELD_LEFT_OUT, .there = is_over_tcp},
    {0},
};

/* Adds the members of `more` to `object`, and drops `more`. */
static void add_members(struct json_object *object, struct json_object *more)
{
    json_object_object_foreach(more, name, value)
    {
        json_object_object_add(object, name, json_object_get(value));
    }
    json_object_put(more);
}

struct json_object *profile_to_json(const struct profile *profile)
{
    struct json_object *object = fields_write(key_fields, profile);

    add_members(object, fields_write(body_fields, profile));
    return object;
}

/* A check that is shown but does not follow from what was learned was set by somebody. */
static void settle_check(struct profile *profile, enum request_check shown)
{
    if (profile->settings.check == CHECK_DEFAULT && shown != CHECK_DEFAULT &&
        shown != profile_check(profile))
        profile->settings.check = shown;
}

bool profile_from_json(struct json_object *json, struct profile *profile, struct json_fault *fault)
{
    struct shown shown = {.check = CHECK_DEFAULT};
    struct json_reader reader = {.fault = fault, .context = &shown};
    struct server_key key;

    if (!json_object_is_type(json, json_type_object))
        return reader_fail(&reader, NULL, "is not an object");
    read_key(&reader, json, profile);
    key = profile->key;
    profile_init(profile, &key);
    fields_read(&reader, body_fields, json, profile);
    settle_check(profile, shown.check);
    capabilities_refresh(&profile->tcp);
    return !reader.failed;
}

/* --- schema ---------------------------------------------------------------------------------- */

static struct json_object *profile_schema(void)
{
    struct json_object *schema = fields_schema(key_fields), *body = fields_schema(body_fields);
    struct json_object *properties = json_object_object_get(schema, "properties");

    add_members(properties, json_object_get(json_object_object_get(body, "properties")));
    json_object_put(body);
    json_object_object_add(schema, "type", json_text("object"));
    return schema;
}

struct json_object *store_schema(void)
{
    struct json_object *schema = json_tokener_parse(
        "{\"$schema\": \"https://json-schema.org/draft/2020-12/schema\","
        " \"title\": \"synward profile store\", \"type\": \"object\","
        " \"required\": [\"synward\", \"profiles\"], \"properties\": {"
        "  \"synward\": {\"type\": \"object\", \"required\": [\"schema\"], \"properties\": {"
        "   \"version\": {\"type\": \"string\"}}},"
        "  \"profiles\": {\"type\": \"array\"}}}");
    struct json_object *properties = json_object_object_get(schema, "properties");
    struct json_object *synward = json_object_object_get(properties, "synward");
    struct json_object *profiles = json_object_object_get(properties, "profiles");

    json_object_object_add(json_object_object_get(synward, "properties"), "schema",
                           schema_uint(SYNWARD_SCHEMA));
    json_object_object_add(profiles, "items", profile_schema());
    return schema;
}
