/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_help.c - help and version, made from the table of commands. */
#include <stdio.h>
#include <string.h>

#include "bridge/text/document.h"
#include "cli/cmd.h"
#include "cli/output.h"
#include "cli/table.h"
#include "engine/version.h"

static const struct table_column two_columns[] = {{NULL, ALIGN_LEFT}, {NULL, ALIGN_LEFT}};

static void print_overview(const struct command_table *all)
{
    struct table *table = table_new(2, two_columns);

    for (size_t i = 0; i < all->count; i++) {
        if (all->commands[i].hidden)
            continue;
        table_cell(table, "%s", all->commands[i].name);
        table_cell(table, "%s", all->commands[i].summary);
    }
    puts("synward: a bridge that learns TCP servers and answers for them under attack\n"
         "\n"
         "usage: synward COMMAND [WORDS] [OPTIONS]\n");
    table_print(table, stdout, 2);
    puts("\n`synward help COMMAND` explains one. Exit codes: 0 done, 1 failed, 2 usage, 3 not\n"
         "found, 4 daemon not reachable.");
    table_free(table);
}

static void print_options(const struct command *command)
{
    struct table *table = table_new(2, two_columns);

    for (enum option_id id = 0; id < OPTIONS_COUNT; id++) {
        const struct option_info *info = option_info(id);

        if (info->hidden || !(command->options & (UINT64_C(1) << id)))
            continue;
        table_cell(table, "--%s%s%s", info->name, info->value ? " " : "",
                   info->value ? info->value : "");
        table_cell(table, "%s", info->help);
    }
    if (table_rows(table) > 0) {
        puts("\noptions:");
        table_print(table, stdout, 2);
    }
    table_free(table);
}

/*
 * Length of the piece of a form that stays on one line: "[...]" with all that is inside, an option
 * with its value, a word.
 */
static size_t piece_length(const char *form)
{
    size_t length = 0, depth = 0;

    do {
        depth += form[length] == '[';
        depth -= form[length] == ']';
        length++;
    } while (form[length] && (depth > 0 || form[length] != ' '));
    if (form[0] == '-' && form[length] == ' ' && form[length + 1] >= 'A' && form[length + 1] <= 'Z')
        length += 1 + strcspn(form + length + 1, " ");
    return length;
}

/* Forms that are too long for a line break before a piece. */
static void print_form(const struct command *command, const char *form)
{
    size_t column = strlen("usage: synward ") + strlen(command->name), indent = column + 1;

    printf("usage: synward %s", command->name);
    while (*form) {
        const size_t length = piece_length(form);

        if (column + 1 + length > 80) {
            printf("\n%*s", (int)indent - 1, "");
            column = indent - 1;
        }
        printf(" %.*s", (int)length, form);
        column += 1 + length;
        form += length + strspn(form + length, " ");
    }
    putchar('\n');
}

static void print_command(const struct command *command)
{
    for (size_t i = 0; i < COMMAND_FORMS_MAX && command->forms[i]; i++)
        print_form(command, command->forms[i]);
    printf("\n%s\n", command->summary);
    if (command->help)
        printf("\n%s", command->help);
    print_options(command);
}

/* "profiles export" and its like, for the help of "profiles". */
static void print_subcommands(const struct command_table *all, const char *name)
{
    struct table *table = table_new(2, two_columns);
    const size_t length = strlen(name);

    for (size_t i = 0; i < all->count; i++) {
        const struct command *command = &all->commands[i];

        if (strncmp(command->name, name, length) != 0 || command->name[length] != ' ')
            continue;
        table_cell(table, "%s", command->name);
        table_cell(table, "%s", command->summary);
    }
    if (table_rows(table) > 0) {
        puts("\nsee also:");
        table_print(table, stdout, 2);
    }
    table_free(table);
}

static bool no_command(const struct command_table *all, const char *word, struct error *error)
{
    const char *near = command_near(all, word);

    if (near)
        return error_set(error, EXIT_USAGE,
                         "help: no command %.100s: did you mean `synward help %s`?", word, near);
    return error_set(error, EXIT_USAGE, "help: no command %.100s: `synward help` lists them", word);
}

bool cmd_help(const struct command_table *all, const struct arguments *arguments,
              struct error *error)
{
    struct arguments named = {0};
    const struct command *command;

    if (arguments->word_count < 2) {
        print_overview(all);
        return true;
    }
    named.word_count = arguments->word_count - 1;
    memcpy(named.words, arguments->words + 1, named.word_count * sizeof(named.words[0]));
    command = command_find(all, &named);
    if (!command || named.name_words != named.word_count)
        return no_command(all, command ? named.words[named.name_words] : named.words[0], error);
    print_command(command);
    print_subcommands(all, command->name);
    return true;
}

bool cmd_version(const struct arguments *arguments, struct error *error)
{
    struct json_object *document;

    (void)error;
    if (!option_given(arguments, OPTION_JSON)) {
        puts("synward " SYNWARD_VERSION);
        return true;
    }
    document = document_new();
    output_json(document);
    json_object_put(document);
    return true;
}
