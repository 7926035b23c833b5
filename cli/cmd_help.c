/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_help.c - help, version and completion, all made from the table of commands. */
#include <stdio.h>
#include <string.h>

#include "bridge/text/document.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/table.h"
#include "engine/version.h"
#include "profiles/model/settings.h"

static const struct table_column two_columns[] = {{NULL, ALIGN_LEFT}, {NULL, ALIGN_LEFT}};

static void print_overview(void)
{
    struct table *table = table_new(2, two_columns);
    size_t count;
    const struct command *commands = commands_all(&count);

    for (size_t i = 0; i < count; i++) {
        table_cell(table, "%s", commands[i].name);
        table_cell(table, "%s", commands[i].summary);
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

        if (info->hidden || !(command->options & (1u << id)))
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
static void print_subcommands(const char *name)
{
    struct table *table = table_new(2, two_columns);
    size_t count, length = strlen(name);
    const struct command *commands = commands_all(&count);

    for (size_t i = 0; i < count; i++) {
        if (strncmp(commands[i].name, name, length) != 0 || commands[i].name[length] != ' ')
            continue;
        table_cell(table, "%s", commands[i].name);
        table_cell(table, "%s", commands[i].summary);
    }
    if (table_rows(table) > 0) {
        puts("\nsee also:");
        table_print(table, stdout, 2);
    }
    table_free(table);
}

bool cmd_help(const struct arguments *arguments, struct error *error)
{
    struct arguments named = {0};
    const struct command *command;
    size_t used;

    if (arguments->word_count < 2) {
        print_overview();
        return true;
    }
    named.word_count = arguments->word_count - 1;
    memcpy(named.words, arguments->words + 1, named.word_count * sizeof(named.words[0]));
    command = command_find(&named, &used);
    if (!command || used != named.word_count)
        return error_set(error, EXIT_USAGE, "help: no command %.100s: `synward help` lists them",
                         command ? named.words[used] : named.words[0]);
    print_command(command);
    print_subcommands(command->name);
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

/* The options of a command, and the second words that it has, as completion offers them after the
 * first word. */
static void print_completion_case(const struct command *command, const struct command *commands,
                                  size_t count)
{
    size_t length = strlen(command->name);

    printf("    %s) words=\"", command->name);
    for (size_t i = 0; i < count; i++)
        if (strncmp(commands[i].name, command->name, length) == 0 &&
            commands[i].name[length] == ' ')
            printf("%s ", commands[i].name + length + 1);
    for (enum option_id id = 0; id < OPTIONS_COUNT; id++)
        if (!option_info(id)->hidden && (command->options & (1u << id)))
            printf("--%s ", option_info(id)->name);
    puts("--help\" ;;");
}

/* KEY=VALUE of `profiles set`: bash takes the '=' for a word of its own. */
static void print_completion_of_settings(void)
{
    static const char keys[] = SETTING_KEYS;

    fputs("    if [ \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" = \"profiles set\" ] && [ "
          "\"$COMP_CWORD\" = 4 ]; "
          "then\n"
          "        words=\"",
          stdout);
    for (const char *key = keys; *key; key += strspn(key, ", ")) {
        const size_t length = strcspn(key, ",");

        printf("%.*s= ", (int)length, key);
        key += length;
    }
    puts("\"\n        compopt -o nospace\n"
         "    elif [ \"${COMP_WORDS[4]}${COMP_WORDS[5]}\" = \"check=\" ]; then\n"
         "        words=\"" CHECK_VALUES "\"\n"
         "        [ \"$COMP_CWORD\" = 5 ] && COMPREPLY=($words) && return\n"
         "    elif [ \"${COMP_WORDS[4]}${COMP_WORDS[5]}\" = \"greeting=\" ]; then\n"
         "        words=\"" GREETING_VALUES "\"\n"
         "        [ \"$COMP_CWORD\" = 5 ] && COMPREPLY=($words) && return\n"
         "    fi");
}

bool cmd_completion(const struct arguments *arguments, struct error *error)
{
    size_t count;
    const struct command *commands = commands_all(&count);

    if (strcmp(command_word(arguments, 0), "bash") != 0)
        return error_set(error, EXIT_USAGE, "completion: no script for %.100s: write bash",
                         command_word(arguments, 0));
    puts("_synward()\n{\n    local words=\"\"\n    case \"$COMP_CWORD:${COMP_WORDS[1]}\" in");
    fputs("    1:*) words=\"", stdout);
    for (size_t i = 0; i < count; i++)
        if (!strchr(commands[i].name, ' '))
            printf("%s%s", i > 0 ? " " : "", commands[i].name);
    puts("\" ;;\n    esac\n    [ \"$COMP_CWORD\" -gt 1 ] && case \"${COMP_WORDS[1]}\" in");
    for (size_t i = 0; i < count; i++)
        if (!strchr(commands[i].name, ' '))
            print_completion_case(&commands[i], commands, count);
    puts("    esac");
    print_completion_of_settings();
    puts("    COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n}\n"
         "complete -o default -F _synward synward");
    return true;
}
