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
    cr_expect_eq(server_changes_at(&changes, 0, 1001), 0);
    cr_expect_eq(server_changes_at(&changes, 1, 1001), SERVER_PART_BIT(syns));
    server_changes_look(&changes, servers, 2, 3000);
    cr_expect_eq(server_changes_at(&changes, 1, 2001), 0, "it was told");
    cr_expect_eq(server_changes_at(&changes, 1, 1001), SERVER_PART_BIT(syns),
                 "but not to who looked before");
    server_changes_free(&changes);
}

/* Whatever of a server is told, one part of it says that it is another one. */
Test(server_changes, each_field_is_in_one_part)
{
    static const struct {
        struct server_info now;
        uint32_t parts;
    } rows[] = {
        {{.mode = MODE_ATTACK, .since_us = 5}, SERVER_PART_BIT(MODE)},
        {{.setting = SETTING_ATTACK}, SERVER_PART_BIT(MODE)},
        {{.cause = TRIGGER_SILENT}, SERVER_PART_BIT(MODE)},
        {{.cause_value = 7}, SERVER_PART_BIT(MODE)},
        {{.dead = "nobody listens"}, SERVER_PART_BIT(MODE)},
        {{.no_grants = "no hook"}, SERVER_PART_BIT(MODE)},
        {{.held = 1}, SERVER_PART_BIT(HELD)},
        {{.held_mark = 1}, SERVER_PART_BIT(HELD)},
        {{.ended = 1}, SERVER_PART_BIT(HELD)},
        {{.half_open_limit = 1}, SERVER_PART_BIT(LIMITS)},
        {{.usual = 1}, SERVER_PART_BIT(LIMITS)},
        {{.figures = {.proofs = 1, .bytes_out = 9}},
         SERVER_PART_BIT(proofs) | SERVER_PART_BIT(bytes_out)},
        {{.figures = {.refused = {[REFUSAL_OF_no_room] = 1}}}, SERVER_PART_BIT(REFUSED)},
        {{.figures = {.admission = {[ADMISSION_BUCKETS - 1] = 1}}}, SERVER_PART_BIT(ADMISSION)},
        {{.foreign = 1}, 0}, /* is not told */
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct server_changes changes = {0};
        const struct server_info before = {.setting = 0};

        server_changes_look(&changes, &before, 1, 1000);
        server_changes_look(&changes, &rows[i].now, 1, 2000);
        cr_expect_eq(server_changes_at(&changes, 0, 1001), rows[i].parts, "row %zu", i);
        server_changes_free(&changes);
    }
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
