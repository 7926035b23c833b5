/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of `synward flows`. */
#include <criterion/criterion.h>

#include "tests/cli/support_answer.h"

static const char *const words[] = {"flows", NULL};

Test(cmd_flows, table)
{
    cr_assert_str_eq(
        answer_printed(words,
                       "{\"synward\":{\"version\":\"0.2.0\",\"schema\":1},\"flows\":["
                       "{\"client\":\"10.77.0.1:40312\",\"server\":\"10.77.0.2:110\",\"vlan\":[],"
                       "\"state\":\"spliced\",\"age_s\":1.2,\"delta\":4294967295},"
                       "{\"client\":\"[fd77::1]:40313\",\"server\":\"[fd77::2]:80\",\"vlan\":[100],"
                       "\"state\":\"half-open\",\"age_s\":0.0,\"delta\":null},"
                       "{\"client\":\"10.77.0.1:1\",\"server\":\"10.77.0.2:80\",\"vlan\":[100,10],"
                       "\"state\":\"established\",\"age_s\":7200.3,\"delta\":0}]}\n"),
        "CLIENT           SERVER         VLAN    STATE             AGE       DELTA\n"
        "10.77.0.1:40312  10.77.0.2:110  -       spliced         1.2 s  4294967295\n"
        "[fd77::1]:40313  [fd77::2]:80   100     half-open       0.0 s           -\n"
        "10.77.0.1:1      10.77.0.2:80   100.10  established  7200.3 s           0\n");
}

Test(cmd_flows, none)
{
    cr_assert_str_eq(answer_printed(words, "{\"synward\":{},\"flows\":[]}\n"), "no connections\n");
}

/* What a connection is called comes from the daemon, and yet nothing in it may steer the terminal.
 */
Test(cmd_flows, strange_documents)
{
    static const char *const strange[] = {
        "{\"synward\":{},\"flows\":[{}]}\n",
        "{\"synward\":{},\"flows\":[null,5,\"x\",[]]}\n",
        "{\"synward\":{},\"flows\":[{\"client\":\"\\u001b[2J\",\"vlan\":[1,2],\"age_s\":\"\"}]}\n",
    };

    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        const char *printed = answer_printed(words, strange[i]);

        cr_assert_eq(strncmp(printed, "CLIENT", 6), 0, "%s", printed);
        cr_assert_null(strchr(printed, '\x1b'));
    }
}
