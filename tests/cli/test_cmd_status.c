/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `synward status` prints. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/cli/support_answer.h"

static const char *const words[] = {"status", NULL};

Test(cmd_status, whole)
{
    cr_assert_str_eq(
        answer_printed(
            words,
            "{\"synward\":{\"version\":\"0.2.0\",\"schema\":1},\"mode\":\"auto\",\"learning\":"
            "true,\"uptime_s\":3785,"
            "\"sides\":{\"client\":{\"side\":\"netns:c/"
            "sw0\",\"device\":\"sw0\",\"netns\":\"c\",\"mtu\":1500},"
            "\"server\":{\"side\":\"tap:sw1\",\"device\":\"sw1\",\"netns\":null,\"mtu\":9000}},"
            "\"servers\":[{\"server\":\"10.77.0.2\",\"port\":110,\"vlan\":[],\"mode\":\"attack\","
            "\"setting\":\"attack\",\"since\":\"2026-01-01T00:00:00Z\",\"cause\":null}]}\n"),
        "synward 0.2.0, mode auto, learning on, up 1 h 3 min\n"
        "  client side  netns:c/sw0  device sw0  mtu 1500\n"
        "  server side  tap:sw1      device sw1  mtu 9000\n"
        "\n"
        "SERVER         MODE    SETTING  SINCE                 CAUSE\n"
        "10.77.0.2:110  attack  attack   2026-01-01T00:00:00Z  -\n");
}

Test(cmd_status, nothing_seen_and_learning_off)
{
    cr_assert_str_eq(
        answer_printed(words,
                       "{\"synward\":{\"version\":\"0.2.0\",\"schema\":1},\"mode\":\"normal\","
                       "\"learning\":false,\"uptime_s\":0,\"sides\":{},\"servers\":[]}\n"),
        "synward 0.2.0, mode normal, learning off, up 0 s\n"
        "  client side  -  device -  mtu -\n"
        "  server side  -  device -  mtu -\n"
        "\n"
        "no servers seen yet\n");
}

/* What a stuck worker leaves to be told. */
Test(cmd_status, a_worker_does_not_answer)
{
    cr_assert_str_eq(
        answer_printed(words,
                       "{\"synward\":{\"version\":\"0.2.0\",\"schema\":1},\"mode\":\"normal\","
                       "\"learning\":false,\"uptime_s\":0,\"sides\":{},"
                       "\"unanswered\":\"worker 1 does not answer\",\"servers\":[]}\n"),
        "synward 0.2.0, mode normal, learning off, up 0 s\n"
        "  client side  -  device -  mtu -\n"
        "  server side  -  device -  mtu -\n"
        "\n"
        "the servers are not known: worker 1 does not answer\n");
}

#define WITH_PATH(path)                                                                            \
    "{\"synward\":{\"version\":\"0.2.0\",\"schema\":1},\"mode\":\"normal\",\"learning\":false,"    \
    "\"uptime_s\":0,\"sides\":{},\"kernel_path\":{" path "},\"servers\":[]}\n"

/* What it does not do besides carrying stands behind it. */
Test(cmd_status, kernel_path)
{
    static const char *const paths[][2] = {
        {WITH_PATH("\"on\":true,\"answers_why\":null,\"completes_why\":null"), "on\n"},
        {WITH_PATH("\"on\":true,\"answers_why\":\"a\",\"completes_why\":null"),
         "on, but it answers no SYNs: a\n"},
        {WITH_PATH("\"on\":true,\"answers_why\":null,\"completes_why\":\"c\""),
         "on, but it answers no SYN-ACKs: c\n"},
        {WITH_PATH("\"on\":true,\"answers_why\":\"a\",\"completes_why\":\"c\""),
         "on, but it answers no SYNs: a; no SYN-ACKs: c\n"},
        {WITH_PATH("\"on\":false,\"why\":\"w\""), "off, w\n"},
    };

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        const char *said = strstr(answer_printed(words, paths[i][0]), "kernel path: ");

        cr_assert(said && strncmp(said + 13, paths[i][1], strlen(paths[i][1])) == 0, "%s", said);
    }
}
