/* SPDX-License-Identifier: GPL-2.0-or-later */
/* commands.h - the table of all commands: dispatch, usage, completion and manual pages share it. */
#ifndef SYNWARD_CLI_COMMANDS_H
#define SYNWARD_CLI_COMMANDS_H

#include "cli/command.h"

const struct command_table *commands_all(void);

#endif
