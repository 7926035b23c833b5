/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd_manual.c - the parts of the manual pages that are made from tables, as scdoc(5) reads them:
 * doc/man/ has the frames and puts both together.
 */
#include <stdio.h>
#include <string.h>

#include "bridge/text/config.h"
#include "cli/cmd.h"
#include "profiles/model/settings.h"

/* Text of `length` bytes, with nothing in it that scdoc takes for markup. */
static void print_text(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (strchr("\\*_#[]|`~+-.", text[i]))
            putchar('\\');
        putchar(text[i]);
    }
}

static void print_form(const struct command *command, const char *form)
{
    printf("*synward ");
    print_text(command->name, strlen(command->name));
    printf("* ");
    print_text(form, strlen(form));
}

/* Lines that begin with a blank are tables: they stay as they are. */
static void print_help(const char *help)
{
    bool table = false;

    for (const char *line = help; *line;) {
        const size_t length = strcspn(line, "\n");

        if ((line[0] == ' ') != table) {
            puts(table ? "```\n" : "\n```");
            table = !table;
        }
        if (table)
            printf("%.*s", (int)length, line);
        else
            print_text(line, length);
        putchar('\n');
        line += length + (line[length] == '\n');
    }
    puts(table ? "```\n" : "");
}

static void print_synopsis(const struct command_table *all)
{
    bool first = true;

    for (size_t i = 0; i < all->count; i++) {
        const struct command *command = &all->commands[i];

        for (size_t form = 0; form < COMMAND_FORMS_MAX && command->forms[form]; form++) {
            if (command->hidden)
                continue;
            fputs(first ? "" : "++\n", stdout);
            print_form(command, command->forms[form]);
            first = false;
        }
    }
    putchar('\n');
}

static void print_forms(const struct command *command)
{
    for (size_t form = 0; form < COMMAND_FORMS_MAX && command->forms[form]; form++) {
        print_form(command, command->forms[form]);
        puts("\n");
    }
}

static void print_summary(const struct command *command)
{
    print_text(command->summary, strlen(command->summary));
    puts(".\n");
    if (command->help)
        print_help(command->help);
}

static void print_commands(const struct command_table *all)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct command *command = &all->commands[i];

        if (command->hidden)
            continue;
        printf("## %s\n\n", command->name);
        print_forms(command);
        print_summary(command);
    }
}

/* A term, what stands for its value, and what it does. */
static void print_term(const char *before, const char *name, const char *between, const char *value,
                       const char *about)
{
    putchar('*');
    print_text(before, strlen(before));
    print_text(name, strlen(name));
    putchar('*');
    if (value) {
        printf("%s_", between);
        print_text(value, strlen(value));
        putchar('_');
    }
    fputs("\n\t", stdout);
    print_text(about, strlen(about));
    puts(".\n");
}

static void print_options(void)
{
    for (enum option_id id = 0; id < OPTIONS_COUNT; id++) {
        const struct option_info *info = option_info(id);

        if (!info->hidden)
            print_term("--", info->name, " ", info->value, info->help);
    }
}

static void print_keys(void)
{
#define PRINT_KEY(id, key, value, about) print_term("", key, " = ", value, about);
    CONFIG_KEYS(PRINT_KEY)
#undef PRINT_KEY
}

/* As `synward help profiles set` explains them. */
static void print_settings(const struct command_table *all)
{
    struct arguments named = {.words = {"profiles", "set"}, .word_count = 2};
    const struct command *command = command_find(all, &named);

    print_text(SETTING_KEYS, strlen(SETTING_KEYS));
    puts(".\n");
    print_help(command->help);
}

static void print_options_of(const struct command *command)
{
    for (enum option_id id = 0; id < OPTIONS_COUNT; id++) {
        const struct option_info *info = option_info(id);

        if (!info->hidden && command->options & UINT64_C(1) << id)
            print_term("--", info->name, " ", info->value, info->help);
    }
}

/* One command, as a page of its own has it. False: there is none of that name. */
static bool print_one(const struct command_table *all, const char *name)
{
    struct arguments named = {.words = {name}, .word_count = 1};
    const struct command *command = command_find(all, &named);

    if (!command)
        return false;
    print_forms(command);
    print_summary(command);
    print_options_of(command);
    return true;
}

bool cmd_manual(const struct command_table *all, const struct arguments *arguments,
                struct error *error)
{
    const char *part = command_word(arguments, 0);

    if (strcmp(part, "synopsis") == 0)
        print_synopsis(all);
    else if (strcmp(part, "commands") == 0)
        print_commands(all);
    else if (strcmp(part, "options") == 0)
        print_options();
    else if (strcmp(part, "keys") == 0)
        print_keys();
    else if (strcmp(part, "settings") == 0)
        print_settings(all);
    else
        return print_one(all, part) || error_set(error, EXIT_USAGE, "manual: no part %.100s", part);
    return true;
}
