/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is offered at the end of a line: words of the table, values, settings, live servers. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/complete.h"
#include "tests/cli/support_stdout.h"

static const char *asked_control;

static void two_servers(const char *control, void (*say)(void *context, const char *server),
                        void *context)
{
    asked_control = control ? strdup(control) : NULL;
    say(context, "10.0.0.5:80");
    say(context, "[fd77::2]:110");
}

/* The candidates, each followed by a blank, without what is said about them. */
static const char *offered(const char *line)
{
    static char text[8192];
    size_t used = 0;
    bool about = false;

    complete_line(commands_all(), line, two_servers);
    for (const char *at = caught_stdout(); *at && used < sizeof(text) - 1; at++) {
        about = (about || *at == '\t') && *at != '\n';
        if (!about)
            text[used++] = *at == '\n' ? ' ' : *at;
    }
    text[used] = '\0';
    return text;
}

Test(complete, table_of_lines)
{
    static const struct {
        const char *line, *offered;
    } lines[] = {
        {"", ""},
        {"synward", ""},
        {"synward sta", "status stats "},
        {"synward  he", "help "},
        {"synward nonsense ", ""},
        {"synward complete ", ""},
        {"synward sources a", "add allow "},
        {"synward profiles forget ", "10.0.0.5:80 [fd77::2]:110 --control --json --help "},
        {"synward profiles forget [", "[fd77::2]:110 "},
        {"synward profiles --json forget 1", "10.0.0.5:80 "},
        {"synward profiles export ", ":files --store --control --json --help "},
        {"synward profiles set 10.0.0.5:80 si", "signed= "},
        {"synward profiles set 10.0.0.5:80 request=", "request=whole request=begun "
                                                      "request=default "},
        {"synward profiles set 10.0.0.5:80 check=p", "check=protocol check=pattern "},
        {"synward profiles set 10.0.0.5:80 trigger.silent=", "trigger.silent=default "
                                                             "trigger.silent=off "},
        {"synward mode a", "auto attack "},
        {"synward mode attack 10", "10.0.0.5:80 "},
        {"synward mode attack 10.0.0.5:80 1", ""},
        {"synward learn o", "on off "},
        {"synward learn --pcap ", ":files "},
        {"synward run --kernel-path ", "auto on off "},
        {"synward run --hook ", "auto on off "},
        {"synward run --busy-poll ", "off auto "},
        {"synward run --client ", "netns: tap: port: inline: "},
        {"synward doctor --inline l", "lo "},
        {"synward run --single", ""},
        {"synward status --c", "--control "},
        {"synward status -o ", ""},
        {"synward help prof", "profiles "},
        {"synward help profiles s", "set "},
        {"synward completion ", "bash zsh fish --help "},
        {"synward detach p", "port: "},
    };

    catch_output();
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        cr_expect_str_eq(offered(lines[i].line), lines[i].offered, "%s", lines[i].line);
}

Test(complete, every_command_and_every_option)
{
    const struct command_table *table = commands_all();
    char line[128], wanted[128];

    catch_output();
    for (size_t i = 0; i < table->count; i++) {
        const struct command *command = &table->commands[i];

        snprintf(line, sizeof(line), "synward %s", command->name);
        snprintf(wanted, sizeof(wanted), "%s ",
                 strchr(command->name, ' ') ? strchr(command->name, ' ') + 1 : command->name);
        cr_expect_eq(strstr(offered(line), wanted) != NULL, !command->hidden, "%s", line);
        snprintf(line, sizeof(line), "synward %s --", command->name);
        for (enum option_id id = 0; id < OPTIONS_COUNT; id++) {
            const bool taken = id == OPTION_HELP || (command->options & (UINT64_C(1) << id)) != 0;

            snprintf(wanted, sizeof(wanted), "--%s ", option_info(id)->name);
            cr_expect_eq(strstr(offered(line), wanted) != NULL,
                         taken && !option_info(id)->hidden && !command->hidden, "%s%s", line,
                         wanted);
        }
    }
}

Test(complete, asks_the_daemon_that_is_named)
{
    catch_output();
    offered("synward mode attack ");
    cr_assert_null(asked_control);
    offered("synward mode --control /run/a.sock attack ");
    cr_assert_str_eq(asked_control, "/run/a.sock");
    offered("synward mode attack --control=/run/b.sock ");
    cr_assert_str_eq(asked_control, "/run/b.sock");
}

Test(complete, long_lines_are_offered_nothing)
{
    char line[COMPLETE_LINE_BYTES + 64] = "synward ";

    catch_output();
    memset(line + 8, 'x', sizeof(line) - 10);
    line[sizeof(line) - 2] = ' ';
    line[sizeof(line) - 1] = '\0';
    cr_assert_str_eq(offered(line), "");
    for (size_t i = 8; i + 2 < sizeof(line) - 100; i += 2)
        memcpy(line + i, "x ", 2);
    line[COMPLETE_LINE_BYTES - 2] = '\0';
    cr_assert_str_eq(offered(line), "");
}
