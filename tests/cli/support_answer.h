/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * support_answer.h - the command line against a daemon that gives one fixed answer, for tests of
 * what it prints.
 */
#ifndef SYNWARD_TESTS_CLI_SUPPORT_ANSWER_H
#define SYNWARD_TESTS_CLI_SUPPORT_ANSWER_H

/*
 * Runs `synward WORD...` (`words` ends with NULL), whose --control leads to a child process that
 * answers with `document`. Returns what it printed on stdout, good until the next call; it must end
 * with exit code 0.
 */
const char *answer_printed(const char *const *words, const char *document);

#endif
