/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * error.h - how inner code explains what went wrong; only the outermost code prints it.
 *
 * One line: what, where, and what to do. No newline at the end.
 */
#ifndef SYNWARD_PROFILES_ERROR_H
#define SYNWARD_PROFILES_ERROR_H

#define ERROR_TEXT_BYTES 512

/* Exit codes of the command line (doc/profile-format.md), carried with the explanation. */
enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_NOT_FOUND = 3,
    EXIT_UNREACHABLE = 4,
};

struct error {
    enum exit_code code; /* EXIT_DONE: no error */
    char text[ERROR_TEXT_BYTES];
};

/* Fills `error` (may be NULL) and returns false, so that a caller can `return error_set(...)`. */
__attribute__((format(printf, 3, 4))) _Bool error_set(struct error *error, enum exit_code code,
                                                      const char *format, ...);

#endif
