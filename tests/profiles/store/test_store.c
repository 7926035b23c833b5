/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "profiles/model/profile.h"
#include "profiles/model/settings.h"
#include "profiles/store/store.h"

static struct server_key key_of(const char *addr, uint16_t port, uint16_t vlan)
{
    struct server_key key = {.port = port,
                             .vlan = {{vlan ? (uint16_t)(VLAN_PRESENT | vlan) : (uint16_t)0, 0}}};
    cr_assert(addr_from_text(addr, &key.addr));
    return key;
}

Test(store, keeps_the_order_of_address_port_vlan)
{
    const struct server_key keys[] = {key_of("10.0.0.1", 80, 0), key_of("10.0.0.1", 80, 5),
                                      key_of("10.0.0.1", 443, 0), key_of("10.0.0.2", 25, 0),
                                      key_of("fd00::1", 1, 0)};
    struct store *store = store_new();
    for (size_t i = 5; i-- > 0;)
        cr_assert_not_null(store_add(store, &keys[(i * 3) % 5]));
    cr_assert_eq(store_count(store), 5);
    for (size_t i = 0; i < 5; i++) {
        cr_assert(server_key_equal(&store_at(store, i)->key, &keys[i]), "%zu", i);
        cr_assert_eq(store_find(store, &keys[i]), store_at(store, i));
        cr_assert_eq(store_add(store, &keys[i]), store_at(store, i));
    }
    cr_assert_null(store_at(store, 5));
    cr_assert(store_forget(store, &keys[2]));
    cr_assert_not(store_forget(store, &keys[2]));
    cr_assert_null(store_find(store, &keys[2]));
    cr_assert_eq(store_count(store), 4);
    store_free(store);
}

Test(store, revision_grows_with_every_change)
{
    struct store *store = store_new();
    const struct server_key key = key_of("10.0.0.1", 80, 0);
    uint64_t before = store_revision(store);
    store_add(store, &key);
    cr_assert_gt(store_revision(store), before);
    before = store_revision(store);
    store_add(store, &key);
    store_find(store, &key);
    cr_assert_eq(store_revision(store), before);
    store_touch(store);
    cr_assert_gt(store_revision(store), before);
    before = store_revision(store);
    store_forget(store, &key);
    cr_assert_gt(store_revision(store), before);
    store_free(store);
}

Test(store, is_bounded)
{
    struct store *store = store_new();
    struct server_key key = key_of("10.0.0.1", 0, 0);
    size_t made = 0;
    for (uint16_t port = 1; port < 65535; port++) {
        key.port = port;
        made += store_add(store, &key) != NULL;
    }
    cr_assert_eq(made, 16384);
    key.port = 1;
    cr_assert_not_null(store_add(store, &key));
    store_free(store);
}

/* For profiles that are there, that are made later, and that are imported. */
Test(store, what_the_file_says_of_servers)
{
    struct store *store = store_new();
    struct settings_for all[2] = {0};
    struct server_key key = {.port = 80};
    struct error error = {0};
    struct json_object *document;
    char *text;
    size_t bytes;

    key.addr.bytes[15] = 1;
    all[0].addr = all[1].addr = key.addr;
    all[0].said.value.open_per_second = 5;
    all[0].said.line[setting_index("open_per_second")] = 1;
    all[1].port = 80;
    all[1].said.value.open_per_second = 80;
    all[1].said.line[setting_index("open_per_second")] = 2;
    cr_assert(store_add(store, &key));
    cr_assert(store_configure(store, all, 2));
    key.port = 81;
    cr_assert(store_add(store, &key));
    cr_expect_eq(profile_settings_in_force(store_at(store, 0)).open_per_second, 80);
    cr_expect_eq(profile_settings_in_force(store_at(store, 1)).open_per_second, 5);

    document = store_to_json(store);
    text = strdup(json_object_to_json_string_length(document, 0, &bytes));
    json_object_put(document);
    cr_assert(store_import_text(store, text, bytes, "itself", &error), "%s", error.text);
    cr_expect_eq(store_at(store, 0)->settings.open_per_second, 0, "it is not saved");
    cr_expect_eq(profile_settings_in_force(store_at(store, 0)).open_per_second, 80);

    cr_assert(store_configure(store, all, 0));
    cr_expect_eq(profile_settings_in_force(store_at(store, 0)).open_per_second, 0);
    free(text);
    store_free(store);
}
