/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mode_watch.c - when servers come back from attack mode. */
#include "bridge/workers/mode_watch.h"

#include <criterion/criterion.h>

#define SECOND_US 1000000ull

static struct server_key server(uint16_t port)
{
    return (struct server_key){.port = port};
}

Test(mode_watch, returns_thirty_seconds_after_the_last_firing)
{
    struct mode_watch *watch = mode_watch_new();
    struct server_key key = server(80), out;
    cr_assert(mode_watch_fired(watch, &key, 100 * SECOND_US));
    cr_assert_not(mode_watch_fired(watch, &key, 125 * SECOND_US));
    cr_assert_eq(mode_watch_deadline(watch), 155 * SECOND_US);
    cr_assert_not(mode_watch_take_due(watch, 155 * SECOND_US - 1, &out));
    cr_assert(mode_watch_take_due(watch, 155 * SECOND_US, &out));
    cr_assert(server_key_equal(&out, &key));
    cr_assert_not(mode_watch_take_due(watch, 1000 * SECOND_US, &out), "it is returned once");
    cr_assert_eq(mode_watch_deadline(watch), UINT64_MAX);
    cr_assert(mode_watch_fired(watch, &key, 200 * SECOND_US), "a new attack begins anew");
    mode_watch_free(watch);
}

Test(mode_watch, servers_are_watched_one_by_one)
{
    struct mode_watch *watch = mode_watch_new();
    struct server_key first = server(80), second = server(110), out;
    mode_watch_fired(watch, &first, 0);
    mode_watch_fired(watch, &second, 5 * SECOND_US);
    cr_assert(mode_watch_take_due(watch, MODE_QUIET_US, &out));
    cr_assert(server_key_equal(&out, &first));
    cr_assert_not(mode_watch_take_due(watch, MODE_QUIET_US, &out));
    mode_watch_forget(watch, &second);
    cr_assert_eq(mode_watch_deadline(watch), UINT64_MAX);
    mode_watch_free(watch);
}

Test(mode_watch, the_operator_ends_all)
{
    struct mode_watch *watch = mode_watch_new();
    struct server_key out;
    for (uint16_t port = 1; port <= 100; port++) {
        struct server_key key = server(port);
        mode_watch_fired(watch, &key, port);
    }
    mode_watch_forget(watch, NULL);
    cr_assert_not(mode_watch_take_due(watch, UINT64_MAX / 2, &out));
    mode_watch_free(watch);
}

Test(mode_watch, more_servers_than_fit)
{
    struct mode_watch *watch = mode_watch_new();
    struct server_key out;
    for (uint32_t i = 0; i < MODE_WATCH_SERVERS + 10; i++) {
        struct server_key key = server((uint16_t)i);
        cr_assert(mode_watch_fired(watch, &key, 0));
    }
    uint32_t returned = 0;
    while (mode_watch_take_due(watch, MODE_QUIET_US, &out))
        returned++;
    cr_assert_eq(returned, MODE_WATCH_SERVERS);
    mode_watch_free(watch);
}

Test(mode_watch, what_another_bridge_says_holds_it)
{
    struct mode_watch *watch = mode_watch_new();
    struct server_key key = server(80), out;

    cr_assert(mode_watch_hold(watch, &key, 145 * SECOND_US, 100 * SECOND_US), "it is new");
    cr_assert_not(mode_watch_hold(watch, &key, 155 * SECOND_US, 110 * SECOND_US));
    cr_assert_eq(mode_watch_fired_lately(watch, &out, 1, 110 * SECOND_US), 0, "not here");
    cr_assert_not(mode_watch_take_due(watch, 155 * SECOND_US - 1, &out));
    cr_assert(mode_watch_take_due(watch, 155 * SECOND_US, &out));
    cr_assert(mode_watch_fired(watch, &key, 200 * SECOND_US));
    mode_watch_hold(watch, &key, 210 * SECOND_US, 200 * SECOND_US);
    cr_assert_eq(mode_watch_fired_lately(watch, &out, 1, 209 * SECOND_US), 1);
    cr_assert_eq(mode_watch_fired_lately(watch, &out, 1, 210 * SECOND_US), 0);
    cr_assert_not(mode_watch_take_due(watch, 229 * SECOND_US, &out), "its own time counts, too");
    cr_assert(mode_watch_take_due(watch, 230 * SECOND_US, &out));
    mode_watch_free(watch);
}
