/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options and words of command lines. */
#include <criterion/criterion.h>
#include <string.h>

#include "cli/options.h"

/* Splits `line` at blanks; the program's name comes first. */
static bool parse(struct arguments *out, const char *line, struct error *error)
{
    static char copy[512];
    char *words[32] = {(char *)"synward"}, *rest;
    int count = 1;

    strncpy(copy, line, sizeof(copy) - 1);
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        words[count++] = word;
    *error = (struct error){0};
    return arguments_parse(out, count, words, error);
}

static void refuses(const char *line, const char *text)
{
    struct arguments arguments;
    struct error error;

    cr_assert_not(parse(&arguments, line, &error), "%s", line);
    cr_assert_eq(error.code, EXIT_USAGE);
    cr_assert_str_eq(error.text, text);
}

Test(options, anywhere_after_the_command)
{
    static const char *const lines[] = {
        "profiles --json 10.0.0.1:80 --control /c.sock",
        "profiles 10.0.0.1:80 --control=/c.sock --json",
        "profiles --control /c.sock --json -- 10.0.0.1:80",
        "profiles --control /old.sock --json 10.0.0.1:80 --control /c.sock",
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct arguments arguments;
        struct error error;

        cr_assert(parse(&arguments, lines[i], &error), "%s: %s", lines[i], error.text);
        cr_assert_eq(arguments.word_count, 2);
        cr_assert_str_eq(arguments.words[0], "profiles");
        cr_assert_str_eq(arguments.words[1], "10.0.0.1:80");
        cr_assert(option_given(&arguments, OPTION_JSON));
        cr_assert_str_eq(arguments.value[OPTION_CONTROL], "/c.sock");
        cr_assert_not(option_given(&arguments, OPTION_STORE));
    }
}

Test(options, after_two_dashes_all_are_words)
{
    struct arguments arguments;
    struct error error;

    cr_assert(parse(&arguments, "profiles export -- --json", &error));
    cr_assert_eq(arguments.word_count, 3);
    cr_assert_str_eq(arguments.words[2], "--json");
    cr_assert_not(option_given(&arguments, OPTION_JSON));
}

Test(options, one_dash_is_a_word)
{
    struct arguments arguments;
    struct error error;

    cr_assert(parse(&arguments, "profiles export -", &error));
    cr_assert_str_eq(arguments.words[2], "-");
}

Test(options, refused)
{
    refuses("status --jsn", "unknown option --jsn: did you mean --json?");
    refuses("status --frobnicate", "unknown option --frobnicate: see `synward help`");
    refuses("status -j", "unknown option -j: see `synward help`");
    refuses("status --control", "--control needs a value: --control SOCKET");
    refuses("status --control=", "--control needs a value: --control SOCKET");
    refuses("status --control --json", "--control needs a value: --control SOCKET");
    refuses("sources add 10.0.0.1 --for --control=x", "--for needs a value: --for TIME");
    refuses("status --json=yes", "--json takes no value");
    refuses("status --=x", "unknown option --=x: see `synward help`");
    refuses("a b c d e f g h i", "too many words: i: see `synward help`");
}

Test(options, hidden_ones_are_not_suggested)
{
    refuses("run --single-read", "unknown option --single-read: see `synward help`");
}

Test(options, nearest_name)
{
    static const char *const names[] = {"status", "stats", "profiles", "learn"};

    cr_assert_str_eq(nearest_name("stat", names, 4), "stats");
    cr_assert_str_eq(nearest_name("statsu", names, 4), "stats");
    cr_assert_str_eq(nearest_name("profile", names, 4), "profiles");
    cr_assert_str_eq(nearest_name("laern", names, 4), "learn");
    cr_assert_null(nearest_name("x", names, 4));
    cr_assert_null(nearest_name("sources", names, 4));
    cr_assert_null(
        nearest_name("a word that is far too long to be a command of this program", names, 4));
    cr_assert_null(nearest_name("status", names, 0));
}
