/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * command_line.c - see command_line.h.
 *
 * Handlers explain what went wrong in `error`; it is printed here and nowhere else.
 */
#include "cli/command_line.h"

#include <string.h>

#include "cli/cmd.h"
#include "cli/commands.h"
#include "cli/output.h"

static bool unknown_command(const char *word, struct error *error)
{
    const char *near = command_near(commands_all(), word);

    if (near)
        return error_set(error, EXIT_USAGE, "unknown command %.100s: did you mean `synward %s`?",
                         word, near);
    return error_set(error, EXIT_USAGE, "unknown command %.100s: `synward help` lists them", word);
}

/* `sources ad`: a word too many, or the second one of a command's name, mistyped. */
static bool too_many_words(const struct command *command, const char *word, struct error *error)
{
    const struct command_table *table = commands_all();
    const char *names[COMMANDS_MOST], *near;
    const size_t length = strlen(command->name);
    size_t count = 0;

    for (size_t i = 0; i < table->count; i++)
        if (strncmp(table->commands[i].name, command->name, length) == 0 &&
            table->commands[i].name[length] == ' ')
            names[count++] = table->commands[i].name + length + 1;
    near = nearest_name(word, names, count);
    if (near)
        return error_set(error, EXIT_USAGE, "%s: %.100s: did you mean `synward %s %s`?",
                         command->name, word, command->name, near);
    return error_set(error, EXIT_USAGE, "%s: too many words: %.100s: see `synward help %s`",
                     command->name, word, command->name);
}

/* Do the words and options fit the command? */
static bool check_usage(const struct command *command, const struct arguments *arguments,
                        struct error *error)
{
    const size_t used = arguments->name_words, words = arguments->word_count - used;

    for (enum option_id id = 0; id < OPTIONS_COUNT; id++)
        if (id != OPTION_HELP && option_given(arguments, id) &&
            !(command->options & (UINT64_C(1) << id)))
            return error_set(error, EXIT_USAGE, "%s: takes no --%s: see `synward help %s`",
                             command->name, option_info(id)->name, command->name);
    if (option_given(arguments, OPTION_JSON) && option_bare_table(arguments))
        return error_set(error, EXIT_USAGE, "%s: --json goes with neither --tsv nor --output",
                         command->name);
    if (words < command->least_words)
        return error_set(error, EXIT_USAGE, "%s: too few words: usage: synward %s %s",
                         command->name, command->name, command->forms[0]);
    if (words > command->most_words)
        return too_many_words(command, arguments->words[used + command->most_words], error);
    return true;
}

/* `synward --help` and `synward --version`, the two options without a command. */
static bool run_bare_option(int argc, char *const *argv, bool *ran, struct error *error)
{
    static const struct arguments none;

    *ran = argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "--version") == 0);
    if (*ran)
        return argv[1][2] == 'h' ? cmd_help(commands_all(), &none, error)
                                 : cmd_version(&none, error);
    if (argc < 2)
        return error_set(error, EXIT_USAGE, "no command: `synward help` lists them");
    if (argv[1][0] == '-')
        return error_set(error, EXIT_USAGE,
                         "%.100s: options stand after the command: see `synward help`", argv[1]);
    return true;
}

/* --help, wherever it stands, is heard even where the rest is wrong. */
static bool run_help_option(int argc, char *const *argv, bool *ran, struct error *error)
{
    struct arguments words = {.words = {"help"}, .word_count = 1, .name_words = 1};
    struct arguments named = {0};

    *ran = false;
    for (int i = 2; i < argc && !*ran && strcmp(argv[i], "--") != 0; i++)
        *ran = strcmp(argv[i], "--help") == 0;
    if (!*ran)
        return true;
    for (int i = 1; i < argc && i <= 2 && argv[i][0] != '-'; i++)
        named.words[named.word_count++] = argv[i];
    if (!command_find(commands_all(), &named))
        return unknown_command(argv[1], error);
    memcpy(&words.words[1], named.words, sizeof(named.words[0]) * named.name_words);
    words.word_count += named.name_words;
    return cmd_help(commands_all(), &words, error);
}

static bool run_command(int argc, char *const *argv, struct error *error)
{
    struct arguments arguments;
    const struct command *command;
    bool ran;

    if (!run_bare_option(argc, argv, &ran, error) || ran)
        return error->code == EXIT_DONE;
    if (!run_help_option(argc, argv, &ran, error) || ran)
        return error->code == EXIT_DONE;
    arguments = (struct arguments){.words = {argv[1]}, .word_count = 1};
    /* `profiles` before `profiles export` is read: unknown words come before unknown options. */
    if (!command_find(commands_all(), &arguments))
        return unknown_command(argv[1], error);
    if (!arguments_parse(&arguments, argc, argv, error))
        return false;
    command = command_find(commands_all(), &arguments);
    if (!check_usage(command, &arguments, error))
        return false;
    return command->explain ? command->explain(commands_all(), &arguments, error)
                            : command->handle(&arguments, error);
}

int command_line_run(int argc, char *const *argv)
{
    struct error error = {.code = EXIT_DONE};

    if (run_command(argc, argv, &error) && output_flush(&error))
        return EXIT_DONE;
    return (int)output_error(&error);
}
