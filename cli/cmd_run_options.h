/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd_run_options.h - what the command line says of a run, else its configuration file, else the
 * default.
 */
#ifndef SYNWARD_CLI_CMD_RUN_OPTIONS_H
#define SYNWARD_CLI_CMD_RUN_OPTIONS_H

#include "bridge/run.h"
#include "bridge/text/config.h"
#include "cli/options.h"

/* The interface that stands for both sides; NULL: none does. */
const char *run_options_inline(const struct arguments *arguments, const struct config *config);
/* The sides that it stands for, clients first. */
void run_options_both_ends(const char *inlined, char sides[2][INLINED_BYTES]);

/* `config`: empty where there is no file. Texts in `options` are those of the two. */
bool run_options_make(const struct arguments *arguments, const struct config *config,
                      struct run_options *options, struct error *error);
/*
 * What a start looks at first (run_check.h). What is wrong in the file is told with file and line.
 * `unseen`: NULL for the start itself; else a daemon may be running by that file.
 */
bool run_options_check(const struct arguments *arguments, const struct config *config,
                       const struct run_options *options, struct error *unseen,
                       struct error *error);
/* The part of it that needs no file system. */
bool run_options_check_sides(const struct arguments *arguments, const struct config *config,
                             const struct run_options *options, struct error *error);

#endif
