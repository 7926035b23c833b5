/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_schema.c - what was written fits the schema, and what does not fit is told apart. */
#include <criterion/criterion.h>

#include <json-c/json.h>
#include <regex.h>
#include <string.h>

#include "profiles/store/profile_json.h"
#include "profiles/store/store.h"

#define STORE_OF_0_1_0 "tests/profiles/store/store-0.1.0.json"

/* A validator of what our schemas use. Every field must be known: that is what the table is for. */
static bool fits(struct json_object *schema, struct json_object *value, const char *where);

static bool type_is(struct json_object *value, const char *type)
{
    return strcmp(type, json_type_to_name(json_object_get_type(value))) == 0 ||
           (strcmp(type, "integer") == 0 && json_object_is_type(value, json_type_int)) ||
           (strcmp(type, "number") == 0 && (json_object_is_type(value, json_type_double) ||
                                            json_object_is_type(value, json_type_int)));
}

static bool type_fits(struct json_object *type, struct json_object *value)
{
    if (!type)
        return true;
    if (json_object_is_type(type, json_type_string))
        return type_is(value, json_object_get_string(type));
    for (size_t i = 0; i < json_object_array_length(type); i++)
        if (type_is(value, json_object_get_string(json_object_array_get_idx(type, i))))
            return true;
    return false;
}

static bool choice_fits(struct json_object *choices, struct json_object *value)
{
    for (size_t i = 0; choices && i < json_object_array_length(choices); i++)
        if (json_object_equal(json_object_array_get_idx(choices, i), value))
            return true;
    return choices == NULL;
}

static bool either_fits(struct json_object *either, struct json_object *value, const char *where)
{
    for (size_t i = 0; either && i < json_object_array_length(either); i++)
        if (fits(json_object_array_get_idx(either, i), value, where))
            return true;
    return either == NULL;
}

static bool number_fits(struct json_object *schema, struct json_object *value)
{
    struct json_object *least = json_object_object_get(schema, "minimum");
    struct json_object *most = json_object_object_get(schema, "maximum");
    const double number = json_object_get_double(value);

    return (!least || number >= json_object_get_double(least)) &&
           (!most || number <= json_object_get_double(most));
}

static bool text_fits(struct json_object *schema, const char *text)
{
    struct json_object *pattern = json_object_object_get(schema, "pattern");
    struct json_object *most = json_object_object_get(schema, "maxLength");
    regex_t regex;
    bool match = true;

    if (pattern) {
        cr_assert_eq(regcomp(&regex, json_object_get_string(pattern), REG_EXTENDED | REG_NOSUB), 0);
        match = regexec(&regex, text, 0, NULL, 0) == 0;
        regfree(&regex);
    }
    return match && (!most || strlen(text) <= json_object_get_uint64(most));
}

static bool array_fits(struct json_object *schema, struct json_object *array, const char *where)
{
    struct json_object *items = json_object_object_get(schema, "items");
    struct json_object *most = json_object_object_get(schema, "maxItems");

    if (most && json_object_array_length(array) > json_object_get_uint64(most))
        return false;
    for (size_t i = 0; items && i < json_object_array_length(array); i++)
        if (!fits(items, json_object_array_get_idx(array, i), where))
            return false;
    return true;
}

static bool object_fits(struct json_object *schema, struct json_object *object, const char *where)
{
    struct json_object *properties = json_object_object_get(schema, "properties");
    struct json_object *needed = json_object_object_get(schema, "required"), *inner;

    for (size_t i = 0; needed && i < json_object_array_length(needed); i++) {
        const char *name = json_object_get_string(json_object_array_get_idx(needed, i));

        if (!json_object_object_get_ex(object, name, NULL))
            return false;
    }
    if (!properties)
        return true;
    json_object_object_foreach(object, name, value)
    {
        cr_assert(json_object_object_get_ex(properties, name, &inner), "%s: %s is in no schema",
                  where, name);
        if (!fits(inner, value, name))
            return false;
    }
    return true;
}

static bool fits(struct json_object *schema, struct json_object *value, const char *where)
{
    if (!type_fits(json_object_object_get(schema, "type"), value) ||
        !choice_fits(json_object_object_get(schema, "enum"), value) ||
        !either_fits(json_object_object_get(schema, "anyOf"), value, where))
        return false;
    if (json_object_object_get(schema, "const"))
        return json_object_equal(json_object_object_get(schema, "const"), value);
    switch (json_object_get_type(value)) {
    case json_type_int:
    case json_type_double:
        return number_fits(schema, value);
    case json_type_string:
        return text_fits(schema, json_object_get_string(value));
    case json_type_array:
        return array_fits(schema, value, where);
    case json_type_object:
        return object_fits(schema, value, where);
    default:
        return true;
    }
}

static struct json_object *store_of_0_1_0(void)
{
    struct json_object *document = json_object_from_file(STORE_OF_0_1_0);

    cr_assert_not_null(document, "%s (tests run in the project's folder)",
                       json_util_get_last_err());
    return document;
}

Test(schema, what_was_written_fits)
{
    struct json_object *schema = store_schema(), *document = store_of_0_1_0();

    cr_assert(fits(schema, document, "store"));
    json_object_put(document);
    json_object_put(schema);
}

/* One value of the first profile is changed: schema and reader agree that it is wrong. */
Test(schema, what_the_reader_refuses_does_not_fit)
{
    static const struct {
        const char *place, *value; /* JSON pointer */
    } wrong[] = {
        {"/port", "65536"},
        {"/port", "null"},
        {"/port", "0"},
        {"/server", "7"},
        {"/vlan", "[1, 2, 3]"},
        {"/vlan", "[4096]"},
        {"/tcp/mss", "\"some\""},
        {"/tcp/window_scale", "15"},
        {"/tcp/sack", "1"},
        {"/tcp/ip_id", "\"odd\""},
        {"/tcp/variants", "[{\"ecn\": true}]"},
        {"/tcp/variants", "[{\"offered\": [\"what\"]}]"},
        {"/application/protocol", "\"gopher\""},
        {"/application/speaks_first", "\"both\""},
        {"/application/greeting", "{\"hex\": \"2b4\", \"kind\": \"stable\"}"},
        {"/application/greeting", "{\"hex\": \"2b4f\"}"},
        {"/application/request/check", "\"keywords\""},
        {"/application/request/pattern", "{\"least_bytes\": 2}"},
        {"/application/request/keywords", "{\"host\": [\"a b\"]}"},
        {"/evidence/fidelity", "1.5"},
        {"/evidence/first_seen", "\"yesterday\""},
        {"/settings", "{\"open_per_second\": 1000001}"},
        {"/settings", "{\"trigger.silent\": \"never\"}"},
        {"/state/votes", "{\"mss\": 65}"},
        {"/state/fidelity", "\"012\""},
        {"/state/grace", "{\"early\": -1}"},
    };
    struct json_object *schema = store_schema(), *items = NULL;

    cr_assert_eq(json_pointer_get(schema, "/properties/profiles/items", &items), 0);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct json_object *document = store_of_0_1_0(), *profile = NULL;
        struct json_fault fault = {0};
        struct profile read;

        cr_assert_eq(json_pointer_get(document, "/profiles/0", &profile), 0);
        cr_assert(fits(items, profile, "profile"));
        cr_assert_eq(json_pointer_set(&profile, wrong[i].place, json_tokener_parse(wrong[i].value)),
                     0);
        cr_assert_not(fits(items, profile, "profile"), "%s: %s", wrong[i].place, wrong[i].value);
        cr_assert_not(profile_from_json(profile, &read, &fault), "%s: %s", wrong[i].place,
                      wrong[i].value);
        json_object_put(document);
    }
    json_object_put(schema);
}
