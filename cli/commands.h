/* SPDX-License-Identifier: GPL-2.0-or-later */
/* commands.h - the table of all commands, and the way from argv through it to a handler. */
#ifndef SYNWARD_CLI_COMMANDS_H
#define SYNWARD_CLI_COMMANDS_H

#include "cli/command.h"

const struct command_table *commands_all(void);

/* Runs the whole program: argv as main() has it; returns the exit code. */
int commands_run(int argc, char *const *argv);

#endif
