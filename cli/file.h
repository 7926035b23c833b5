/* SPDX-License-Identifier: GPL-2.0-or-later */
/* file.h - whole files, for export and import. */
#ifndef SYNWARD_CLI_FILE_H
#define SYNWARD_CLI_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "profiles/error.h"

/*
 * All of a file ("-": stdin), zero terminated; the caller frees it. NULL where it cannot be read or
 * has more than `max` bytes.
 */
char *file_read(const char *path, size_t max, size_t *bytes, struct error *error);

/*
 * Makes `path` a file of these bytes and a newline: a new file, written and synced, takes its
 * place, so that a full disk leaves the old one. What is there and is no regular file (a pipe, a
 * device) is written to.
 */
bool file_replace(const char *path, const char *text, size_t bytes, struct error *error);

#endif
