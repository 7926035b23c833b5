/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_commands.c - the table of commands, and what `synward help` makes of it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "bridge/events/events.h"
#include "cli/command_line.h"
#include "cli/commands.h"
#include "tests/cli/support_stdout.h"

static int run_help(const char *of)
{
    char *words[] = {(char *)"synward", (char *)"help", (char *)of};

    return command_line_run(of ? 3 : 2, words);
}

Test(commands, every_one_is_whole)
{
    const struct command *commands = commands_all()->commands;
    const size_t count = commands_all()->count;

    for (size_t i = 0; i < count; i++) {
        const struct command *command = &commands[i];
        uint64_t hidden = OPTION_BIT(SINGLE_READS) | OPTION_BIT(SINGLE_QUEUE) | OPTION_BIT(ESCAPE);

        cr_assert((command->handle == NULL) != (command->explain == NULL), "%s", command->name);
        cr_assert_not_null(command->forms[0], "%s", command->name);
        cr_assert(command->summary && strlen(command->summary) > 0 &&
                      strlen(command->summary) <= 62,
                  "%s", command->name);
        cr_assert_leq(command->least_words, command->most_words, "%s", command->name);
        cr_assert(!command->help || command->help[strlen(command->help) - 1] == '\n', "%s",
                  command->name);
        for (enum option_id id = 0; id < OPTIONS_COUNT; id++) {
            char written[64] = "--";
            bool shown = false;

            strcat(written, option_info(id)->name);
            for (size_t form = 0; form < COMMAND_FORMS_MAX && command->forms[form]; form++)
                shown |= strstr(command->forms[form], written) != NULL;
            if (strcmp(command->name, "version") != 0 && !((UINT64_C(1) << id) & hidden))
                cr_expect_eq(shown, (command->options & (UINT64_C(1) << id)) != 0, "%s %s",
                             command->name, written);
        }
        for (size_t j = 0; j < i; j++)
            cr_assert_str_neq(command->name, commands[j].name);
    }
}

Test(commands, help_lines_fit)
{
    const struct command *commands = commands_all()->commands;
    const size_t count = commands_all()->count;

    for (size_t i = 0; i < count; i++) {
        for (const char *line = commands[i].help; line && *line;) {
            size_t length = strcspn(line, "\n");

            cr_expect_leq(length, 82, "%s: %.*s", commands[i].name, (int)length, line);
            line += length + 1;
        }
    }
}

Test(commands, all_of_the_design_are_there)
{
    static const char *const names[] = {
        "run",         "status",          "profiles",        "learn",
        "mode",        "flows",           "stats",           "help",
        "version",     "profiles export", "profiles import", "profiles forget",
        "profiles set"};
    const struct command *commands = commands_all()->commands;
    const size_t count = commands_all()->count;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        bool found = false;

        for (size_t j = 0; j < count; j++)
            found |= strcmp(commands[j].name, names[i]) == 0;
        cr_assert(found, "%s", names[i]);
    }
}

Test(commands, help_of_watch_names_each_kind_of_event)
{
    const char *kinds;

    catch_output();
    cr_assert_eq(run_help("watch"), 0);
    kinds = strstr(caught_stdout(), "KINDS are names");
    cr_assert_not_null(kinds);
    for (int kind = 0; kind < EVENT_KINDS_COUNT; kind++) {
        const char *name = event_kind_name((enum event_kind)kind);
        const char *found = strstr(kinds, name);

        cr_expect(found && strspn(found + strlen(name), ",.") == 1, "%s", name);
    }
}

Test(commands, overview_lists_all)
{
    const struct command *commands = commands_all()->commands;
    const size_t count = commands_all()->count;
    const char *text;

    catch_output();
    cr_assert_eq(run_help(NULL), 0);
    text = caught_stdout();
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(strstr(text, commands[i].summary) != NULL, !commands[i].hidden, "%s",
                     commands[i].name);
}
