/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log.h - one line per event on stderr.
 *
 * Only the main thread logs: a worker reports. Lines go out with one write, so that they do not mix
 * with those of others. Nothing waits for whoever reads them: a line that a full pipe, a socket or
 * a stopped terminal does not take is dropped and counted, and the next one that is taken is
 * preceded by their number.
 */
#ifndef SYNWARD_BRIDGE_BASE_LOG_H
#define SYNWARD_BRIDGE_BASE_LOG_H

#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/*
 * From here on lines are dropped rather than waited for. The descriptor that others have too
 * (a shell, a parent) stays as it is.
 */
void log_open(void);
void log_close(void);
/* Lines that nobody took, since the start. */
uint64_t log_dropped(void);

/*
 * Writes "synward: text\n"; errors and warnings are named as such. Where stderr is the journal
 * (JOURNAL_STREAM) each line begins with its priority, "<4>", which the journal takes off. Lines
 * above LOG_LEVEL_INFO need SYNWARD_DEBUG in the environment.
 */
__attribute__((format(printf, 2, 3))) void log_line(enum log_level level, const char *format, ...);

#endif
