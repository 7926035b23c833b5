/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of cli/sync_name.c. */
#include <criterion/criterion.h>

#include "cli/sync_name.h"

static bool name_of(const char *text, const char *node, char *name, size_t bytes)
{
    struct json_object *object = json_tokener_parse(text);
    const bool done = node ? sync_name_with_node(object, node, name, bytes)
                           : sync_name_of_server(object, name, bytes);

    json_object_put(object);
    return done;
}

Test(sync_name, of_servers)
{
    char name[SYNC_NAME_BYTES];

    cr_assert(name_of("{\"server\": \"10.0.0.1\", \"port\": 80, \"vlan\": []}", NULL, name,
                      sizeof(name)));
    cr_assert_str_eq(name, "10.0.0.1 80 [ ]");
    cr_assert(name_of("{\"server\": \"fd77::2\", \"port\": 53, \"vlan\": [7, 8], "
                      "\"transport\": \"udp\"}",
                      NULL, name, sizeof(name)));
    cr_assert_str_eq(name, "fd77::2 53 [ 7, 8 ] udp");
    cr_assert(name_of("{\"server\": \"10.0.0.1\", \"port\": 80, \"vlan\": [], "
                      "\"transport\": \"tcp\"}",
                      "a", name, sizeof(name)));
    cr_assert_str_eq(name, "10.0.0.1 80 [ ] a");
}

Test(sync_name, what_is_missing_or_too_long_has_none)
{
    static const char *const without[] = {"{\"port\": 80, \"vlan\": []}",
                                          "{\"server\": 7, \"port\": 80, \"vlan\": []}",
                                          "{\"server\": \"10.0.0.1\", \"vlan\": []}",
                                          "{\"server\": \"10.0.0.1\", \"port\": 80}", "[]"};
    char name[SYNC_NAME_BYTES];

    for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++)
        cr_assert_not(name_of(without[i], NULL, name, sizeof(name)), "%s", without[i]);
    cr_assert_not(
        name_of("{\"server\": \"10.0.0.1\", \"port\": 80, \"vlan\": []}", NULL, name, 15));
    cr_assert_not(name_of("{\"server\": \"10.0.0.1\", \"port\": 80, \"vlan\": []}", "a", name, 17));
}
