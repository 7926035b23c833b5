/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run_check.h - what a start looks at before it touches anything, for `synward run` and for
 * `synward check`, which say the same of it.
 */
#ifndef SYNWARD_BRIDGE_RUN_CHECK_H
#define SYNWARD_BRIDGE_RUN_CHECK_H

#include "bridge/run.h"
#include "bridge/text/config.h"

/*
 * False: `error` says what is wrong, and `part` whose option that is. `running`: a daemon that has
 * socket, store and interfaces already is no fault. `unseen` says why interfaces could not be
 * looked at; EXIT_DONE: they were.
 */
bool run_check(const struct run_options *options, bool running, enum config_key *part,
               struct error *unseen, struct error *error);
/* The part of it that needs no file system. */
bool run_check_sides(const struct run_options *options, enum config_key *part, struct error *error);

#endif
