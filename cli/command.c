/* SPDX-License-Identifier: GPL-2.0-or-later */
/* command.c - see command.h. */
#include "cli/command.h"

#include <string.h>

static size_t words_in(const char *name)
{
    return strchr(name, ' ') ? 2 : 1;
}

static bool names_command(const struct arguments *arguments, const struct command *command)
{
    const char *name = command->name, *space = strchr(name, ' ');
    size_t first;

    if (!space)
        return arguments->word_count >= 1 && strcmp(arguments->words[0], name) == 0;
    first = (size_t)(space - name);
    return arguments->word_count >= 2 && strlen(arguments->words[0]) == first &&
           memcmp(arguments->words[0], name, first) == 0 &&
           strcmp(arguments->words[1], space + 1) == 0;
}

const struct command *command_find(const struct command_table *table, struct arguments *arguments)
{
    const struct command *found = NULL;

    arguments->name_words = 0;
    for (size_t i = 0; i < table->count; i++) {
        const struct command *command = &table->commands[i];

        if (words_in(command->name) > arguments->name_words && names_command(arguments, command)) {
            found = command;
            arguments->name_words = words_in(command->name);
        }
    }
    return found;
}

const char *command_word(const struct arguments *arguments, size_t index)
{
    const size_t at = arguments->name_words + index;

    return at < arguments->word_count ? arguments->words[at] : NULL;
}

const char *command_near(const struct command_table *table, const char *word)
{
    const char *names[COMMANDS_MOST];
    size_t count = 0;

    for (size_t i = 0; i < table->count; i++)
        if (!table->commands[i].hidden)
            names[count++] = table->commands[i].name;
    return nearest_name(word, names, count);
}
