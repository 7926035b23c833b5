/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * complete.h - what may come next on a command line, from the table of commands.
 *
 * The scripts of `synward completion` hand on the line as far as the cursor and offer what is
 * printed here, so that one place knows what bash, zsh and fish complete: a line for each
 * candidate, whole words; behind a tab what it does, where that is known. COMPLETE_FILES alone on
 * a line: names of files, too. A candidate that ends with = or : is the beginning of a word.
 */
#ifndef SYNWARD_CLI_COMPLETE_H
#define SYNWARD_CLI_COMPLETE_H

#include "cli/command.h"

#define COMPLETE_FILES      ":files"
#define COMPLETE_LINE_BYTES 1024 /* longer lines are offered nothing */

/* Says the servers that the daemon at `control` (NULL: the default) knows, one `say` for each. */
typedef void complete_servers(const char *control, void (*say)(void *context, const char *server),
                              void *context);

/* `line` begins with the program's name and ends at the cursor. */
void complete_line(const struct command_table *table, const char *line, complete_servers *servers);

#endif
