/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * commands.h - the table of commands: dispatch, usage errors, help and completion are all made from
 * it.
 */
#ifndef SYNWARD_CLI_COMMANDS_H
#define SYNWARD_CLI_COMMANDS_H

#include <stddef.h>
#include <stdint.h>

#include "cli/options.h"
#include "profiles/error.h"

#define STORE_PATH_DEFAULT "/var/lib/synward/profiles.json"

/* Runs a command. False: `error` says why, and with which exit code. */
typedef bool command_handler(const struct arguments *arguments, struct error *error);

#define COMMAND_FORMS_MAX 2

struct command {
    const char *name;                     /* one word, or two: "profiles export" */
    const char *forms[COMMAND_FORMS_MAX]; /* what follows the name, options included; the second may
                                             be NULL */
    size_t least_words, most_words;       /* after the name */
    uint32_t options;    /* OPTION_BIT of those that it takes; --help is always taken */
    const char *summary; /* one line */
    const char *help; /* the rest, lines of at most 80 characters, a newline at the end; or NULL */
    command_handler *handle;
};

const struct command *commands_all(size_t *count);
/* The command that the words name, two words before one. NULL: none. `*used` is how many words its
 * name has. */
const struct command *command_find(const struct arguments *arguments, size_t *used);
/* Word `index` after the command's name; NULL where there are fewer. */
const char *command_word(const struct arguments *arguments, size_t index);

/* Runs the whole program: argv as main() has it; returns the exit code. */
int command_line(int argc, char *const *argv);

/* Handlers, one file per noun. */
command_handler cmd_run, cmd_status, cmd_learn, cmd_mode, cmd_flows, cmd_stats, cmd_watch;
command_handler cmd_profiles, cmd_profiles_export, cmd_profiles_import, cmd_profiles_forget,
    cmd_profiles_set;
command_handler cmd_sources, cmd_sources_add, cmd_sources_allow, cmd_sources_remove;
command_handler cmd_help, cmd_version, cmd_completion;

#endif
