/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * escape.h - text from the network made safe for a terminal.
 *
 * A greeting is what some server chose to send: escape sequences, overlong lines, text that runs
 * backwards. Only printable ASCII passes; all else becomes \r, \n, \t or \xNN, and a backslash is
 * doubled, so that what is shown tells exactly what was there. A line of our own that may quote
 * such text, and JSON: bridge/base/showable.h.
 */
#ifndef SYNWARD_CLI_ESCAPE_H
#define SYNWARD_CLI_ESCAPE_H

#include <stddef.h>

/*
 * Writes `text` (`bytes` long) escaped and zero terminated; what does not fit is cut between two
 * characters. Returns `out`.
 */
char *escape_text(const char *text, size_t bytes, char *out, size_t capacity);

#endif
