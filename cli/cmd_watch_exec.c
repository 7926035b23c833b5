/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_watch_exec.c - see cmd_watch_exec.h. */
#include "cli/cmd_watch_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bridge/base/clock.h"

#define NOT_RUN 127 /* as a shell says it */
#define LOOK_MS 5

__attribute__((noreturn)) static void become(const char *program, int input)
{
    char *const argv[] = {(char *)program, NULL};
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setpgid(0, 0);
    if (dup2(input, STDIN_FILENO) == STDIN_FILENO)
        execvp(program, argv);
    _exit(NOT_RUN);
}

/* A line is shorter than a pipe is long: this does not wait, also for who never reads. */
static void say(int fd, const char *line, size_t bytes)
{
    struct sigaction ignored = {.sa_handler = SIG_IGN}, before;

    sigaction(SIGPIPE, &ignored, &before);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    if (write(fd, line, bytes) < 0)
        errno = 0; /* its own business */
    close(fd);
    sigaction(SIGPIPE, &before, NULL);
}

bool watch_told_to_end(void)
{
    sigset_t pending;

    return sigpending(&pending) == 0 &&
           (sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM));
}

/* False: it had to be killed. */
static bool await(pid_t pid, int limit_ms, int *status)
{
    const uint64_t until_us = clock_now_us() + (uint64_t)limit_ms * 1000;

    while (waitpid(pid, status, WNOHANG) == 0) {
        if (clock_now_us() >= until_us || watch_told_to_end()) {
            kill(-pid, SIGKILL);
            kill(pid, SIGKILL); /* where it has not yet a group of its own */
            waitpid(pid, status, 0);
            return false;
        }
        poll(NULL, 0, LOOK_MS);
    }
    return true;
}

static bool can_be_run(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

bool watch_exec_check(const char *program, struct error *error)
{
    const char *folders = getenv("PATH");
    char path[PATH_MAX], usual[256];
    bool found = strchr(program, '/') && can_be_run(program);

    if (!folders && confstr(_CS_PATH, usual, sizeof(usual)) > 0)
        folders = usual; /* so does execvp() */
    for (const char *at = folders; at && !found && !strchr(program, '/');) {
        const size_t length = strcspn(at, ":");

        snprintf(path, sizeof(path), "%.*s/%s", (int)length, length ? at : ".", program);
        found = can_be_run(path);
        at = at[length] ? at + length + 1 : NULL;
    }
    return found || error_set(error, EXIT_FAILED,
                              "watch: --exec %.200s: no program that can be run: give its path, "
                              "and make it executable",
                              program);
}

bool watch_exec(const char *program, const char *line, size_t bytes, int limit_ms,
                struct error *error)
{
    int ends[2], status = 0;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_set(error, EXIT_FAILED, "exec %.200s: %s", program, strerror(errno));
    pid = fork();
    if (pid == 0)
        become(program, ends[0]);
    close(ends[0]);
    if (pid < 0) {
        close(ends[1]);
        return error_set(error, EXIT_FAILED, "exec %.200s: %s", program, strerror(errno));
    }
    say(ends[1], line, bytes);
    if (!await(pid, limit_ms, &status))
        return watch_told_to_end()
                   ? error_set(error, EXIT_FAILED, "exec %.200s: ended with us", program)
                   : error_set(error, EXIT_FAILED, "exec %.200s: killed, it had not ended in %d ms",
                               program, limit_ms);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    if (WIFSIGNALED(status))
        return error_set(error, EXIT_FAILED, "exec %.200s: killed by signal %d", program,
                         WTERMSIG(status));
    return error_set(error, EXIT_FAILED, "exec %.200s: exit code %d%s", program,
                     WEXITSTATUS(status), WEXITSTATUS(status) == NOT_RUN ? ": is it there?" : "");
}
