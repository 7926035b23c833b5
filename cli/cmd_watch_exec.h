/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_watch_exec.h - a program for each event of `synward watch --exec PROG`. */
#ifndef SYNWARD_CLI_CMD_WATCH_EXEC_H
#define SYNWARD_CLI_CMD_WATCH_EXEC_H

#include <stdbool.h>
#include <stddef.h>

#include "profiles/error.h"

#define WATCH_EXEC_MS 10000

/*
 * Runs `program` (found as a shell finds it) with `line` as its standard input, and waits for its
 * end, at most `limit_ms`; then, or when SIGINT or SIGTERM waits to be taken, it is killed with
 * whatever it has started in its process group. False: it could not be run, was killed, or did not
 * end with 0; `error` says which.
 */
bool watch_exec(const char *program, const char *line, size_t bytes, int limit_ms,
                struct error *error);
/* Whether it is there to be run, found as a shell finds it. */
bool watch_exec_check(const char *program, struct error *error);
/* SIGINT or SIGTERM waits to be taken: no program is to be begun any more. */
bool watch_told_to_end(void);

#endif
