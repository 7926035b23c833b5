/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reading_apart.h - a capture is somebody else's words: it is read without privileges. */
#ifndef SYNWARD_CLI_READING_APART_H
#define SYNWARD_CLI_READING_APART_H

#include <stdbool.h>

#include "profiles/error.h"

struct store;

/*
 * Runs `read` when the process has given up what it may do; whatever it opens was opened before. A
 * store that is given is saved at `path` by a process that reads nothing of the capture, as long as
 * `read` runs. What an ordinary user cannot give up is his own. False where `read` says so.
 */
bool reading_apart(struct store *store, const char *path,
                   bool (*read)(void *context, struct error *error), void *context,
                   struct error *error);

#endif
