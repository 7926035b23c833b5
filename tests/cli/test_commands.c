/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of commands, and usage errors from argv to exit code. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>

#include "bridge/events/events.h"
#include "cli/command_line.h"
#include "cli/commands.h"
#include "engine/version.h"
#include "tests/cli/support_stdout.h"

static int run(const char *line)
{
    static char copy[512];
    char *words[32] = {(char *)"synward"}, *rest;
    int count = 1;

    strncpy(copy, line, sizeof(copy) - 1);
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        words[count++] = word;
    return command_line_run(count, words);
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

/* Each bad line: exit code, and all of stderr. */
Test(commands, usage_errors_are_one_line)
{
    static const struct {
        const char *line, *begins;
    } bad[] = {
        {"", "no command"},
        {"statsu", "unknown command statsu: did you mean `synward stats`?"},
        {"surgeon", "unknown command surgeon: `synward help` lists them"},
        {"sourcery", "unknown command sourcery"},
        {"sources add", "sources add: too few words"},
        {"sources add 1.2.3.4 --for ever", "sources add: --for ever"},
        {"--json status", "--json: options stand after the command"},
        {"status now", "status: too many words: now"},
        {"status --store x", "status: takes no --store"},
        {"status --frob", "unknown option --frob"},
        {"profiles a b", "profiles: too many words"},
        {"profiles nonsense", "not a server: nonsense"},
        {"profiles --store x --control y", "--store reads a file"},
        {"profiles export", "profiles export: too few words"},
        {"profiles forget 10.0.0.1", "profiles forget: 10.0.0.1 has no port"},
        {"profiles set 10.0.0.1:80", "profiles set: too few words"},
        {"profiles set 10.0.0.1:80 check", "profiles set: check: write KEY=VALUE"},
        {"profiles set 10.0.0.1:80 =x", "profiles set: =x: write KEY=VALUE"},
        {"learn", "learn: write on, off or --pcap FILE"},
        {"learn perhaps", "learn: perhaps is neither"},
        {"learn on --store x", "learn on: --store goes with --pcap only"},
        {"learn --pcap x --control y", "learn --pcap: asks no daemon"},
        {"learn on --pcap x", "learn --pcap: takes no on"},
        {"mode calm", "not a mode: calm"},
        {"mode default", "mode default: needs a server"},
        {"mode attack nowhere", "not a server: nowhere"},
        {"mode 10.0.0.1:80 attack", "not a mode: 10.0.0.1:80"},
        {"run", "run: --client is missing"},
        {"run --client tap:a", "run: --server is missing"},
        {"run --client tap:a --server tap:a", "both sides are tap:a"},
        {"run --client tap:a --server tap:b --mode calm", "not a mode: calm"},
        {"run --client tap:a --server tap:b --learn maybe", "learn: maybe is neither"},
        {"run sideways", "run: too many words"},
        {"help nothing", "help: no command nothing: `synward help` lists them"},
        {"help chek", "help: no command chek: did you mean `synward help check`?"},
        {"help status now", "help: no command now"},
        {"status --json --tsv", "status: --json goes with neither --tsv nor --output"},
        {"flows -o client --json", "flows: --json goes with neither --tsv nor --output"},
        {"flows -o", "--output needs a value"},
        {"flows -x", "unknown option -x"},
        {"watch --tsv", "watch: takes no --tsv"},
        {"profiles 10.0.0.1 --tsv", "profiles 10.0.0.1: --tsv and --output are for the table"},
        {"completion tcsh", "completion: no script for tcsh"},
        {"manual x", "manual: no part x"},
    };

    catch_output();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const int code = run(bad[i].line);
        const char *text = caught_stderr();

        cr_expect_eq(code, EXIT_USAGE, "%s: %d", bad[i].line, code);
        cr_expect_eq(strncmp(text, "synward: ", 9), 0);
        cr_expect_eq(strncmp(text + 9, bad[i].begins, strlen(bad[i].begins)), 0, "%s: %s",
                     bad[i].line, text);
        cr_expect_eq(strchr(text, '\n'), text + strlen(text) - 1, "%s: one line", bad[i].line);
        cr_expect_str_eq(caught_stdout(), "");
    }
}

Test(commands, unreachable_daemon)
{
    static const char *const lines[] = {"status",
                                        "profiles",
                                        "flows",
                                        "stats --json",
                                        "mode auto",
                                        "learn on",
                                        "profiles forget 1.1.1.1:1",
                                        "profiles set 1.1.1.1:1 a=b",
                                        "profiles export /dev/null"};
    char line[256];

    catch_output();
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        strcat(strcpy(line, lines[i]), " --control /nonexistent/c.sock");
        cr_expect_eq(run(line), EXIT_UNREACHABLE, "%s", line);
        cr_expect_str_eq(caught_stdout(), "");
        cr_expect_str_eq(
            caught_stderr(),
            "synward: no daemon answers at /nonexistent/c.sock: start `synward run`, or "
            "give its --control SOCKET\n");
    }
}

Test(commands, help_of_watch_names_each_kind_of_event)
{
    const char *kinds;

    catch_output();
    cr_assert_eq(run("help watch"), 0);
    kinds = strstr(caught_stdout(), "KINDS are names");
    cr_assert_not_null(kinds);
    for (int kind = 0; kind < EVENT_KINDS_COUNT; kind++) {
        const char *name = event_kind_name((enum event_kind)kind);
        const char *found = strstr(kinds, name);

        cr_expect(found && strspn(found + strlen(name), ",.") == 1, "%s", name);
    }
}

Test(commands, version)
{
    catch_output();
    cr_assert_eq(run("version"), 0);
    cr_assert_str_eq(caught_stdout(), "synward " SYNWARD_VERSION "\n");
    cr_assert_eq(run("--version"), 0);
    cr_assert_str_eq(caught_stdout(), "synward " SYNWARD_VERSION "\n");
    cr_assert_eq(run("version --json"), 0);
    cr_assert(strstr(caught_stdout(), "\"schema\": 1"));
}

Test(commands, help_of_every_command)
{
    const struct command *commands = commands_all()->commands;
    const size_t count = commands_all()->count;
    char line[128], *by_word;

    catch_output();
    for (size_t i = 0; i < count; i++) {
        strcat(strcpy(line, "help "), commands[i].name);
        cr_assert_eq(run(line), 0, "%s", line);
        by_word = strdup(caught_stdout());
        cr_assert(strstr(by_word, commands[i].summary), "%s", by_word);
        cr_assert_eq(strncmp(by_word, "usage: synward ", 15), 0, "%s", by_word);
        strcat(strcpy(line, commands[i].name), " --help --nonsense");
        cr_assert_eq(run(line), 0, "%s", line);
        cr_assert_str_eq(caught_stdout(), by_word);
        cr_assert_null(strstr(by_word, "single-reads"));
        free(by_word);
    }
}

Test(commands, overview_lists_all)
{
    const struct command *commands = commands_all()->commands;
    const size_t count = commands_all()->count;
    const char *text;

    catch_output();
    cr_assert_eq(run("help"), 0);
    text = caught_stdout();
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(strstr(text, commands[i].summary) != NULL, !commands[i].hidden, "%s",
                     commands[i].name);
}

Test(commands, full_output_is_an_error)
{
    catch_output();
    cr_assert_not_null(freopen("/dev/full", "w", stdout));
    cr_assert_eq(run("help"), EXIT_FAILED);
    cr_assert_eq(strncmp(caught_stderr(), "synward: output: ", 17), 0);
}
