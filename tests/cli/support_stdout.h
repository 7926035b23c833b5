/* SPDX-License-Identifier: GPL-2.0-or-later */
/* support_stdout.h - what a test prints on stdout and stderr, as text. */
#ifndef SYNWARD_TESTS_CLI_SUPPORT_STDOUT_H
#define SYNWARD_TESTS_CLI_SUPPORT_STDOUT_H

/* Sends stdout and stderr to temporary files from here on. */
void catch_output(void);
/* What came since, zero terminated, valid until the next call; output goes on being caught. */
const char *caught_stdout(void);
const char *caught_stderr(void);

#endif
