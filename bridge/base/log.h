/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log.h - one line per event on stderr.
 *
 * Only the main thread logs: a worker reports, and never waits for a terminal. Lines go out with
 * one write, so that they do not mix with those of others.
 */
#ifndef SYNWARD_BRIDGE_BASE_LOG_H
#define SYNWARD_BRIDGE_BASE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/*
 * Writes "synward: text\n"; errors and warnings are named as such. Lines above LOG_LEVEL_INFO need
 * SYNWARD_DEBUG in the environment.
 */
__attribute__((format(printf, 2, 3))) void log_line(enum log_level level, const char *format, ...);

#endif
