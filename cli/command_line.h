/* SPDX-License-Identifier: GPL-2.0-or-later */
/* command_line.h - the way from argv, through the table of all commands, to a handler. */
#ifndef SYNWARD_CLI_COMMAND_LINE_H
#define SYNWARD_CLI_COMMAND_LINE_H

/* Runs the whole program: argv as main() has it; returns the exit code. */
int command_line_run(int argc, char *const *argv);

#endif
