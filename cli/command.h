/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * command.h - what a command of the command line is.
 *
 * All of them stand in one table (commands.h), from which dispatch, usage errors, help and
 * completion are made.
 */
#ifndef SYNWARD_CLI_COMMAND_H
#define SYNWARD_CLI_COMMAND_H

#include <stddef.h>
#include <stdint.h>

#include "cli/options.h"
#include "profiles/error.h"

#define STORE_PATH_DEFAULT "/var/lib/synward/profiles.json"

struct command_table;

/* Runs a command. False: `error` says why, and with which exit code. */
typedef bool command_handler(const struct arguments *arguments, struct error *error);
/* The same for one that speaks of all commands. */
typedef bool command_explainer(const struct command_table *table, const struct arguments *arguments,
                               struct error *error);

#define COMMAND_FORMS_MAX 2

struct command {
    const char *name;                     /* one word, or two: "profiles export" */
    const char *forms[COMMAND_FORMS_MAX]; /* what follows the name, options included; the second may
                                             be NULL */
    size_t least_words, most_words;       /* after the name */
    bool hidden;      /* for scripts of ours: neither help nor completion nor the manual names it */
    uint64_t options; /* OPTION_BIT of those that it takes; --help is always taken */
    const char *summary; /* one line */
    const char *help; /* the rest, lines of at most 80 characters, a newline at the end; or NULL */
    command_handler *handle; /* or */
    command_explainer *explain;
};

#define COMMANDS_MOST 64
struct command_table {
    const struct command *commands;
    size_t count; /* COMMANDS_MOST at most */
};

/*
 * The command that the words name, two words before one; how many words its name has is noted in
 * `arguments`. NULL: none.
 */
const struct command *command_find(const struct command_table *table, struct arguments *arguments);
/* The name of a command that is nearest to what was written; NULL: none is near. */
const char *command_near(const struct command_table *table, const char *word);
/* Word `index` after the command's name; NULL where there are fewer. */
const char *command_word(const struct arguments *arguments, size_t index);

#endif
