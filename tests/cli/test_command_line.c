/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_command_line.c - from argv to the handler, to what is printed, and to the exit code. */
#include "cli/command_line.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* Each bad line: exit code, and all of stderr. */
Test(command_line, usage_errors_are_one_line)
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

Test(command_line, the_second_word_of_a_name_is_guessed)
{
    catch_output();
    cr_assert_eq(run("sources ad"), EXIT_USAGE);
    cr_assert_str_eq(caught_stderr(),
                     "synward: sources: ad: did you mean `synward sources add`?\n");
}

Test(command_line, unknown_words_come_before_unknown_options)
{
    catch_output();
    cr_assert_eq(run("statsu --frob"), EXIT_USAGE);
    cr_assert_str_eq(caught_stderr(),
                     "synward: unknown command statsu: did you mean `synward stats`?\n");
}

Test(command_line, what_was_typed_is_cut_where_it_is_shown)
{
    char line[400] = "status ";

    memset(line + strlen(line), 'x', 300);
    catch_output();
    cr_assert_eq(run(line), EXIT_USAGE);
    cr_assert_lt(strlen(caught_stderr()), 200);
    cr_assert_eq(run(line + strlen("status ")), EXIT_USAGE);
    cr_assert_lt(strlen(caught_stderr()), 200);
}

/* The options behind it belong to no command that could refuse them. */
Test(command_line, both_bare_options_stand_alone)
{
    char *overview;

    catch_output();
    cr_assert_eq(run("help"), EXIT_DONE);
    overview = strdup(caught_stdout());
    cr_assert_eq(run("--help"), EXIT_DONE);
    cr_assert_str_eq(caught_stdout(), overview);
    cr_assert_eq(run("--version --json"), EXIT_USAGE);
    cr_assert_eq(run("--help status"), EXIT_USAGE);
    cr_assert_str_eq(caught_stdout(), "");
    free(overview);
}

Test(command_line, help_is_heard_wherever_it_stands)
{
    char *by_word;

    catch_output();
    cr_assert_eq(run("help profiles set"), EXIT_DONE);
    by_word = strdup(caught_stdout());
    cr_assert_eq(run("profiles set --help"), EXIT_DONE);
    cr_assert_str_eq(caught_stdout(), by_word);
    cr_assert_eq(run("profiles set 10.0.0.1:80 check=any --frob --help"), EXIT_DONE);
    cr_assert_str_eq(caught_stdout(), by_word);
    cr_assert_eq(run("statsu --help"), EXIT_USAGE);
    cr_assert_str_eq(caught_stderr(),
                     "synward: unknown command statsu: did you mean `synward stats`?\n");
    free(by_word);
}

/* Behind `--` there are words only: `--help` is a word too many there. */
Test(command_line, two_hyphens_end_the_options)
{
    catch_output();
    cr_assert_eq(run("status -- --help"), EXIT_USAGE);
    cr_assert_str_eq(caught_stdout(), "");
    cr_assert_eq(strncmp(caught_stderr(), "synward: status: too many words: --help", 39), 0);
}

Test(command_line, unreachable_daemon)
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

/* Whatever a handler says is printed once, and its code is the program's. */
Test(command_line, what_a_handler_says_is_the_answer)
{
    catch_output();
    cr_assert_eq(run("profiles --store /nonexistent/store.json"), EXIT_FAILED);
    cr_assert_str_eq(caught_stdout(), "");
    cr_assert_eq(strncmp(caught_stderr(), "synward: ", 9), 0);
    cr_assert_eq(run("version"), EXIT_DONE);
    cr_assert_str_eq(caught_stderr(), "");
}

Test(command_line, version)
{
    catch_output();
    cr_assert_eq(run("version"), 0);
    cr_assert_str_eq(caught_stdout(), "synward " SYNWARD_VERSION "\n");
    cr_assert_eq(run("--version"), 0);
    cr_assert_str_eq(caught_stdout(), "synward " SYNWARD_VERSION "\n");
    cr_assert_eq(run("version --json"), 0);
    cr_assert(strstr(caught_stdout(), "\"schema\": 1"));
}

Test(command_line, help_of_every_command)
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

Test(command_line, full_output_is_an_error)
{
    catch_output();
    cr_assert_not_null(freopen("/dev/full", "w", stdout));
    cr_assert_eq(run("help"), EXIT_FAILED);
    cr_assert_eq(strncmp(caught_stderr(), "synward: output: ", 17), 0);
}
