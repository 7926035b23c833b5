/* SPDX-License-Identifier: GPL-2.0-or-later */
/* log.c - see log.h. A line longer than LOG_LINE_BYTES is cut. */
#include "bridge/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LOG_LINE_BYTES 1024

static const char *const level_text[] = {"error: ", "warning: ", "", "debug: "};
_Static_assert(sizeof(level_text) / sizeof(level_text[0]) == LOG_LEVEL_DEBUG + 1,
               "one text per level");

void log_line(enum log_level level, const char *format, ...)
{
    char line[LOG_LINE_BYTES];
    int head;
    size_t used;
    va_list arguments;
    int body;
    ssize_t written;

    if (level == LOG_LEVEL_DEBUG && getenv("SYNWARD_DEBUG") == NULL)
        return;
    head = snprintf(line, sizeof(line), "synward: %s", level_text[level]);
    used = (size_t)head;
    va_start(arguments, format);
    body = vsnprintf(line + used, sizeof(line) - used - 1, format, arguments);
    va_end(arguments);
    if (body < 0)
        return;
    used += (size_t)body;
    if (used > sizeof(line) - 2)
        used = sizeof(line) - 2;
    line[used++] = '\n';
    /* Where stderr is gone there is nobody left to tell. */
    written = write(STDERR_FILENO, line, used);
    (void)written;
}
