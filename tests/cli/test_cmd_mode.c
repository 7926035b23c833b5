/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of `synward mode`. */
#include <criterion/criterion.h>

#include "tests/cli/support_answer.h"

static const char *const words[] = {"mode", NULL};

static const char servers[] =
    "{\"synward\":{\"version\":\"0.2.0\",\"schema\":1},\"mode\":\"auto\",\"servers\":["
    "{\"server\":\"10.77.0.2\",\"port\":110,\"vlan\":[],\"mode\":\"normal\",\"setting\":null,"
    "\"since\":\"2026-01-01T00:00:00Z\",\"cause\":null},"
    "{\"server\":\"fd77::2\",\"port\":80,\"vlan\":[100,10],\"mode\":\"attack\",\"setting\":"
    "\"auto\","
    "\"since\":\"2026-01-01T00:10:00Z\",\"cause\":\"half-open 212\"}]}\n";

static const char table[] =
    "mode auto\n"
    "SERVER                    MODE    SETTING  SINCE                 CAUSE\n"
    "10.77.0.2:110             normal  -        2026-01-01T00:00:00Z  -\n"
    "[fd77::2]:80 vlan 100.10  attack  auto     2026-01-01T00:10:00Z  half-open 212\n";

Test(cmd_mode, table)
{
    cr_assert_str_eq(answer_printed(words, servers), table);
}

Test(cmd_mode, a_mode_that_was_set_is_shown)
{
    static const char *const set[] = {"mode", "auto", "10.77.0.2:110", NULL};

    cr_assert_str_eq(answer_printed(set, servers), table);
}

Test(cmd_mode, no_servers)
{
    cr_assert_str_eq(answer_printed(words, "{\"synward\":{},\"mode\":\"attack\",\"servers\":[]}\n"),
                     "mode attack\nno servers seen yet\n");
}

Test(cmd_mode, strange_documents)
{
    cr_assert_str_eq(answer_printed(words, "{\"synward\":{},\"servers\":[{},null]}\n"),
                     "mode -\n"
                     "SERVER  MODE  SETTING  SINCE  CAUSE\n"
                     "-:-     -     -        -      -\n"
                     "-:-     -     -        -      -\n");
}

Test(cmd_mode, a_dead_server)
{
    cr_assert_str_eq(
        answer_printed(words,
                       "{\"synward\":{},\"mode\":\"auto\",\"servers\":["
                       "{\"server\":\"10.0.0.1\",\"port\":80,\"mode\":\"normal\",\"cause\":null,"
                       "\"dead\":\"nobody listens\"},"
                       "{\"server\":\"10.0.0.1\",\"port\":81,\"mode\":\"attack\",\"cause\":"
                       "\"silent 240\",\"dead\":\"nobody listens\"}]}\n"),
        "mode auto\n"
        "SERVER       MODE    SETTING  SINCE  CAUSE\n"
        "10.0.0.1:80  normal  -        -      dead: nobody listens\n"
        "10.0.0.1:81  attack  -        -      silent 240, dead: nobody listens\n");
}

Test(cmd_mode, columns_for_scripts)
{
    static const char *const tsv[] = {"mode", "--tsv", "-o", "server,mode", NULL};
    static const char *const chosen[] = {"mode", "--output=cause,server", NULL};

    cr_assert_str_eq(answer_printed(tsv, servers),
                     "SERVER\tMODE\n10.77.0.2:110\tnormal\n[fd77::2]:80 vlan 100.10\tattack\n");
    cr_assert_str_eq(answer_printed(chosen, servers), "CAUSE          SERVER\n"
                                                      "-              10.77.0.2:110\n"
                                                      "half-open 212  [fd77::2]:80 vlan 100.10\n");
}
