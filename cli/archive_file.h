/* SPDX-License-Identifier: GPL-2.0-or-later */
/* archive_file.h - a .tar.gz of texts, written by libarchive. */
#ifndef SYNWARD_CLI_ARCHIVE_FILE_H
#define SYNWARD_CLI_ARCHIVE_FILE_H

#include <stdbool.h>

#include "profiles/error.h"

struct archive_file;

/* A new file that only its owner can read; at the end it takes the place of what is there. A pipe
 * or device is written to. NULL with `error`. */
struct archive_file *archive_file_new(const char *path, struct error *error);
/* One member; what fails is said by archive_file_end(). */
void archive_file_add(struct archive_file *file, const char *name, const char *text);
/* Writes the end and frees. False with `error`, and what was there as before, where
 * anything failed. */
bool archive_file_end(struct archive_file *file, struct error *error);

#endif
