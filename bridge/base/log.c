/* SPDX-License-Identifier: GPL-2.0-or-later */
/* log.c - see log.h. A line longer than LOG_LINE_BYTES is cut, so that a pipe takes all or nothing
 * of it (PIPE_BUF). */
#include "bridge/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/base/showable.h"

#define LOG_LINE_BYTES 1024

static const char *const level_text[] = {"error: ", "warning: ", "", "debug: "};
/* What the journal cuts off the front of a line and files it by: LOG_ERR and so on of syslog(3). */
static const char *const level_priority[] = {"<3>", "<4>", "<6>", "<7>"};
_Static_assert(sizeof(level_text) / sizeof(level_text[0]) == LOG_LEVEL_DEBUG + 1,
               "one text per level");

static struct {
    int fd; /* -1: not opened, lines go to stderr and may wait */
    bool is_socket, is_journal;
    uint64_t dropped, untold;
} log_state = {.fd = -1};

/* The service manager names the journal's socket by device and inode (systemd.exec(5)); stderr may
 * have been sent elsewhere since. */
static bool is_journal(const struct stat *status)
{
    const char *named = getenv("JOURNAL_STREAM");
    char *end;

    return named && strtoull(named, &end, 10) == status->st_dev && *end == ':' &&
           strtoull(end + 1, &end, 10) == status->st_ino && *end == '\0';
}

/*
 * O_NONBLOCK belongs to the open file, which others share: a pipe or a terminal is opened once
 * more. A socket has it for each call. A file does not make anybody wait.
 */
void log_open(void)
{
    struct stat status;

    if (fstat(STDERR_FILENO, &status) < 0)
        return;
    log_state.is_socket = S_ISSOCK(status.st_mode);
    log_state.is_journal = is_journal(&status);
    if (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode))
        log_state.fd =
            open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_APPEND | O_NOCTTY | O_CLOEXEC);
}

void log_close(void)
{
    if (log_state.fd >= 0)
        close(log_state.fd);
    log_state.fd = -1;
    log_state.is_socket = log_state.is_journal = false;
}

uint64_t log_dropped(void)
{
    return log_state.dropped;
}

static const char *priority(enum log_level level)
{
    return log_state.is_journal ? level_priority[level] : "";
}

static bool put(const char *line, size_t bytes)
{
    ssize_t written;

    do
        written = log_state.is_socket
                      ? send(STDERR_FILENO, line, bytes, MSG_DONTWAIT | MSG_NOSIGNAL)
                      : write(log_state.fd >= 0 ? log_state.fd : STDERR_FILENO, line, bytes);
    while (written < 0 && errno == EINTR);
    return written >= 0;
}

/* First how many lines are missing here. */
static bool put_untold(void)
{
    char line[80];
    const int bytes = snprintf(line, sizeof(line),
                               "%ssynward: %llu lines were not logged, as nobody "
                               "read them\n",
                               priority(LOG_LEVEL_WARNING), (unsigned long long)log_state.untold);

    if (log_state.untold > 0 && !put(line, (size_t)bytes))
        return false;
    log_state.untold = 0;
    return true;
}

void log_line(enum log_level level, const char *format, ...)
{
    char line[LOG_LINE_BYTES];
    int head;
    size_t used;
    va_list arguments;
    int body;

    if (level == LOG_LEVEL_DEBUG && getenv("SYNWARD_DEBUG") == NULL)
        return;
    head = snprintf(line, sizeof(line), "%ssynward: %s", priority(level), level_text[level]);
    used = (size_t)head;
    va_start(arguments, format);
    body = vsnprintf(line + used, sizeof(line) - used - 1, format, arguments);
    va_end(arguments);
    if (body < 0)
        return;
    used += (size_t)body;
    if (used > sizeof(line) - 2)
        used = sizeof(line) - 2;
    line[used] = '\0';
    showable_line(line); /* a name that somebody chose may stand in it */
    used = strlen(line);
    line[used++] = '\n';
    if (put_untold() && put(line, used))
        return;
    log_state.untold++;
    log_state.dropped++;
}
