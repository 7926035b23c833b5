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

/* --- by turns -------------------------------------------------------------------------------- */

#define MANY    100
#define AT_ONCE 3

static struct server_info many[MANY];
static struct server_changes turning;
static struct server_lines lines;

static void look_and_rank(uint64_t now_ms)
{
    server_changes_look(&turning, many, MANY, now_ms);
    cr_assert(server_changes_rank(&turning, AT_ONCE, now_ms));
}

/* What a line that is made then tells of: how many servers; those of `place` as `*parts`. */
static uint32_t tell(uint64_t now_ms, uint32_t place, uint32_t *parts)
{
    uint32_t told = 0;

    look_and_rank(now_ms);
    for (uint32_t i = 0; i < MANY; i++)
        told += server_changes_by_turns(&turning, i, &lines) != 0;
    *parts = server_changes_by_turns(&turning, place, &lines);
    server_lines_made(&lines, now_ms);
    return told;
}

static void begin_turns(void)
{
    for (uint32_t i = 0; i < MANY; i++)
        many[i] = (struct server_info){.key = {.port = (uint16_t)i}};
    lines = (struct server_lines){0};
    look_and_rank(1000);
    server_lines_made(&lines, 1001);
}

/* All that is in the last whole line of the ten, and what each line has told since, is all there
 * is. */
Test(server_changes, all_are_told_of_by_turns, .init = begin_turns)
{
    uint64_t told_syns[MANY] = {0};

    for (uint64_t line = 1; line <= 20; line++) {
        uint32_t told = 0;

        for (uint32_t i = 0; line <= 10 && i < MANY; i++)
            many[i].figures.syns++;
        look_and_rank(1000 + 1000 * line);
        for (uint32_t i = 0; i < MANY; i++)
            if (server_changes_by_turns(&turning, i, &lines) & SERVER_PART_BIT(syns)) {
                told_syns[i] = many[i].figures.syns;
                told++;
            }
        server_lines_made(&lines, 1000 + 1000 * line);
        cr_expect_leq(told, MANY / SERVER_TURNS + 2 * AT_ONCE, "line %llu tells of %u",
                      (unsigned long long)line, told);
    }
    for (uint32_t i = 0; i < MANY; i++)
        cr_expect_eq(told_syns[i], 10, "server %u", i);
    server_changes_free(&turning);
}

Test(server_changes, who_has_most_syns_is_told_of_at_once_and_once_more_when_calm,
     .init = begin_turns)
{
    uint32_t parts;

    many[55].figures.syns = 1000;
    cr_expect_eq(tell(2000, 55, &parts), 1);
    cr_expect_eq(parts, SERVER_PART_BIT(syns));
    for (uint32_t i = 0; i < AT_ONCE; i++)
        many[60 + i].figures.syns = 1;
    tell(3000, 55, &parts);
    cr_expect_eq(parts, SERVER_PART_BIT(syns), "it is calm, which has to be heard");
    server_changes_free(&turning);
}

Test(server_changes, who_is_attacked_comes_before_who_is_busy, .init = begin_turns)
{
    uint32_t parts;

    for (uint32_t i = 0; i < MANY; i++)
        many[i].figures.syns = 1000;
    many[99].mode = MODE_ATTACK;
    tell(2000, 99, &parts);
    many[99].figures.cookies_sent = 7;
    for (uint32_t i = 0; i < MANY; i++)
        many[i].figures.syns += i == 99 ? 0 : 1000;
    tell(3000, 99, &parts);
    cr_expect_eq(parts & SERVER_PART_BIT(cookies_sent), SERVER_PART_BIT(cookies_sent));
    server_changes_free(&turning);
}

Test(server_changes, another_mode_is_told_at_once, .init = begin_turns)
{
    uint32_t parts;

    for (uint32_t i = 0; i < MANY; i++)
        many[i].figures.syns = 1000;
    tell(2000, 99, &parts);
    many[99].setting = SETTING_NORMAL;
    tell(3000, 99, &parts);
    cr_expect_eq(parts & SERVER_PART_BIT(MODE), SERVER_PART_BIT(MODE));
    cr_expect_eq(parts & SERVER_PART_BIT(NAME), 0, "its number says who it is");
    server_changes_free(&turning);
}

Test(server_changes, few_servers_have_no_turns, .init = begin_turns)
{
    cr_expect_not(server_changes_rank(&turning, MANY, 2000));
    cr_expect(server_changes_rank(&turning, MANY - 1, 2000));
    server_changes_free(&turning);
}
