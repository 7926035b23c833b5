/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the operator said, and who is put aside, over a restart. */
#include "bridge/state_file.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "tests/bridge/fake_daemon.h"

static struct daemon before, after;
static char folder[64], store[96], state[112], bad[128];
static struct error why;

static void setup(void)
{
    strcpy(folder, "/tmp/synward-state-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(store, sizeof(store), "%s/profiles.json", folder);
    snprintf(state, sizeof(state), "%s.state", store);
    snprintf(bad, sizeof(bad), "%s.bad", state);
    fake_daemon_init(&before);
    fake_daemon_init(&after);
}

static void teardown(void)
{
    fake_daemon_close(&before);
    fake_daemon_close(&after);
    unlink(state);
    unlink(bad);
    cr_expect_eq(rmdir(folder), 0, "something was left in %s", folder);
}

TestSuite(state_file, .init = setup, .fini = teardown);

static void write_state(const char *text)
{
    FILE *file = fopen(state, "w");

    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static struct source_rule judged(uint64_t until_us)
{
    struct source_rule rule = {.prefix = fake_key("198.51.100.7", 0, 0).addr,
                               .length = 32,
                               .state = SOURCE_ASIDE,
                               .by = SOURCE_BY_JUDGEMENT,
                               .until_us = until_us};

    memcpy((uint8_t *)&rule.link.mac + 2, "\x02\x5a\x17\xe0\xcc\x03", 6);
    rule.link.vlan = fake_key("::1", 0, 10).vlan;
    return rule;
}

Test(state_file, all_of_it_comes_back)
{
    const struct ip_addr prefix = fake_key("203.0.113.0", 0, 0).addr;
    /* Ahead of the machine's clock as the fake daemon tells it, which counts from 2026 on. */
    const uint64_t until_us = clock_wall_us() + 600 * SECOND_US;
    const struct source_rule aside = judged(until_us);

    cr_assert(daemon_set_mode(&before, &before.servers[1].info.key, SETTING_NORMAL, &why));
    cr_assert(daemon_set_mode(&before, NULL, SETTING_ATTACK, &why));
    cr_assert(daemon_set_source(&before, &prefix, 24, SOURCE_PROXY, 0, &why));
    cr_assert(daemon_keep_source(&before, &aside, &why));
    cr_assert(state_save(&before, store, &why), "%s", why.text);
    cr_assert(state_restore(&after, store, false, &why), "%s", why.text);
    cr_expect_eq(after.mode, SETTING_ATTACK);
    cr_expect_eq(after.servers[1].info.setting, SETTING_NORMAL);
    cr_expect_eq(after.servers[2].info.setting, SETTING_INHERIT, "in its own VLAN only");
    cr_assert_eq(after.source_count, 2u);
    cr_expect(after.sources[0].rule.state == SOURCE_PROXY && after.sources[0].rule.length == 24 &&
              after.sources[0].rule.until_us == 0);
    cr_expect(after.sources[1].rule.by == SOURCE_BY_JUDGEMENT &&
              source_link_equal(&after.sources[1].rule.link, &aside.link));
}

Test(state_file, a_mode_that_is_given_counts)
{
    cr_assert(daemon_set_mode(&before, NULL, SETTING_ATTACK, &why));
    cr_assert(state_save(&before, store, &why), "%s", why.text);
    cr_assert(state_restore(&after, store, true, &why), "%s", why.text);
    cr_expect_eq(after.mode, SETTING_AUTO);
}

Test(state_file, no_file_where_nothing_was_said)
{
    write_state("{}");
    cr_assert(state_save(&before, store, &why), "%s", why.text);
    cr_expect_neq(access(state, F_OK), 0);
    cr_expect(state_restore(&after, store, false, &why), "%s", why.text);
}

Test(state_file, what_is_over_or_of_a_wrong_clock)
{
    write_state("{\"sources\": [{\"source\": \"198.51.100.7\", \"state\": \"aside\", \"by\": "
                "\"operator\", \"until_s\": 1000}, {\"source\": \"198.51.100.8\", \"state\": "
                "\"aside\", \"by\": \"judgement\", \"mac\": \"025a17e0cc03\", \"until_s\": "
                "9000000000000000000}]}");
    cr_assert(state_restore(&after, store, false, &why), "%s", why.text);
    cr_assert_eq(after.source_count, 1u, "the first is over");
    cr_expect_leq(after.sources[0].rule.until_us, clock_now_us() + 86400 * SECOND_US);
}

Test(state_file, all_or_nothing)
{
    static const char *const broken[] = {
        "",
        "[]",
        "{\"mode\": \"attack\"",
        "{\"mode\": \"calm\"}",
        "{\"mode\": \"attack\", \"mode\": \"auto\"}",
        "{\"mode\": \"attack\", \"servers\": 7}",
        "{\"mode\": \"attack\", \"servers\": [7]}",
        "{\"mode\": \"attack\", \"servers\": [{\"server\": \"10.77.0.2\", \"port\": 110}]}",
        "{\"mode\": \"attack\", \"servers\": [{\"server\": \"10.77.0.2\", \"port\": 65536, "
        "\"setting\": \"auto\"}]}",
        "{\"mode\": \"attack\", \"servers\": [{\"server\": \"10.77.0.2\", \"port\": 1, "
        "\"setting\": \"auto\", \"vlan\": [1, 2, 3]}]}",
        "{\"mode\": \"attack\", \"sources\": [{\"source\": \"10.0.0.1\", \"state\": \"clear\", "
        "\"by\": \"operator\"}]}",
        "{\"mode\": \"attack\", \"sources\": [{\"source\": \"10.0.0.1\", \"state\": \"allowed\", "
        "\"by\": \"judgement\", \"until_s\": 1, \"mac\": \"025a17e0cc03\"}]}",
        "{\"mode\": \"attack\", \"sources\": [{\"source\": \"10.0.0.1\", \"state\": \"aside\", "
        "\"by\": \"judgement\", \"until_s\": 1, \"mac\": \"025a\"}]}",
        "{\"mode\": \"attack\", \"sources\": [{\"source\": \"10.0.0.1\", \"state\": \"aside\", "
        "\"by\": \"judgement\", \"mac\": \"025a17e0cc03\"}]}"};

    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        write_state(broken[i]);
        cr_expect_not(state_restore(&after, store, false, &why), "%s", broken[i]);
        cr_expect(strstr(why.text, bad), "%s", why.text);
        cr_expect_eq(after.mode_changes + after.source_count, 0u, "%s", broken[i]);
        cr_expect(access(bad, F_OK) == 0 && access(state, F_OK) != 0, "%s", broken[i]);
    }
}

Test(state_file, many_words_are_written_once_and_soon)
{
    struct state_keeper keeper;

    state_keeper_init(&keeper, &before);
    cr_assert(daemon_set_mode(&before, NULL, SETTING_ATTACK, &why));
    cr_assert(state_turn(&keeper, &before, store, 1000, &why));
    cr_expect_eq(keeper.due_us, 1000 + SECOND_US);
    cr_assert(daemon_set_mode(&before, NULL, SETTING_NORMAL, &why));
    cr_assert(state_turn(&keeper, &before, store, SECOND_US, &why));
    cr_expect_neq(access(state, F_OK), 0, "not yet");
    cr_assert(state_turn(&keeper, &before, store, keeper.due_us, &why), "%s", why.text);
    cr_expect_eq(access(state, F_OK), 0);
    cr_expect_eq(keeper.due_us, UINT64_MAX);
}

Test(state_file, what_cannot_be_written_is_tried_again)
{
    struct state_keeper keeper;

    state_keeper_init(&keeper, &before);
    cr_assert(daemon_set_mode(&before, NULL, SETTING_ATTACK, &why));
    before.worker_hangs = true;
    cr_assert(state_turn(&keeper, &before, store, 0, &why));
    cr_expect_not(state_turn(&keeper, &before, store, SECOND_US, &why));
    cr_expect_eq(keeper.due_us, 11 * SECOND_US);
}
