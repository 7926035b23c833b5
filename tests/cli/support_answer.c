/* SPDX-License-Identifier: GPL-2.0-or-later */
/* support_answer.c - see support_answer.h. */
#include "tests/cli/support_answer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/command_line.h"
#include "tests/cli/support_stdout.h"

#define ARGUMENTS_MAX 16

/* One connection: the request's line, then the answer. */
static _Noreturn void serve(int listener, const char *document)
{
    char byte = 0;
    int fd = accept(listener, NULL, NULL);

    while (byte != '\n' && recv(fd, &byte, 1, 0) == 1)
        continue;
    _exit(send(fd, document, strlen(document), MSG_NOSIGNAL) < 0);
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(address.sun_path, path);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(listen(fd, 1), 0);
    return fd;
}

const char *answer_printed(const char *const *words, const char *document)
{
    static bool caught;
    char folder[] = "/tmp/synward-answer-XXXXXX", path[64],
         *argv[ARGUMENTS_MAX + 4] = {(char *)"synward"};
    int argc = 1, listener, code;
    pid_t child;

    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/c.sock", folder);
    listener = listen_at(path);
    child = fork();
    cr_assert_geq(child, 0);
    if (child == 0)
        serve(listener, document);
    for (; *words && argc < ARGUMENTS_MAX; words++)
        argv[argc++] = (char *)*words;
    argv[argc++] = (char *)"--control";
    argv[argc++] = path;
    if (!caught)
        catch_output();
    caught = true;
    code = command_line_run(argc, argv);
    cr_assert_eq(waitpid(child, NULL, 0), child);
    close(listener);
    unlink(path);
    rmdir(folder);
    const char *printed = caught_stdout();
    cr_assert_eq(code, 0, "%s: %s", argv[1], caught_stderr());
    return printed;
}
