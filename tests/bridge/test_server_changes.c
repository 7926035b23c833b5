/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of bridge/server_changes.c: who looks again is told what is new, and nothing else. */
#include <criterion/criterion.h>

#include "bridge/server_changes.h"

static const struct server_info two[] = {{.key = {.port = 80}}, {.key = {.port = 443}}};

Test(server_changes, a_figure_that_grows_is_a_change_of_its_server)
{
    struct server_changes changes = {0};
    struct server_info servers[] = {two[0], two[1]};

    server_changes_look(&changes, servers, 2, 1000);
    cr_expect(server_changes_set(&changes, 0), "the first look has all");
    servers[1].figures.syns = 1;
    server_changes_look(&changes, servers, 2, 2000);
    cr_expect_not(server_changes_set(&changes, 1001));
    cr_expect_not(server_changes_at(&changes, 0, 1001));
    cr_expect(server_changes_at(&changes, 1, 1001));
    server_changes_look(&changes, servers, 2, 3000);
    cr_expect_not(server_changes_at(&changes, 1, 2001), "it was told");
    cr_expect(server_changes_at(&changes, 1, 1001), "but not to who looked before");
    server_changes_free(&changes);
}

Test(server_changes, one_that_comes_or_goes_is_a_change_of_all)
{
    struct server_changes changes = {0};

    server_changes_look(&changes, two, 1, 1000);
    server_changes_look(&changes, two, 2, 2000);
    cr_expect(server_changes_set(&changes, 1001));
    server_changes_look(&changes, two + 1, 1, 3000);
    cr_expect(server_changes_set(&changes, 2001));
    server_changes_look(&changes, two, 1, 4000);
    cr_expect(server_changes_set(&changes, 3001), "as many, but another one");
    server_changes_look(&changes, NULL, 0, 5000);
    cr_expect(server_changes_set(&changes, 4001));
    server_changes_free(&changes);
}
