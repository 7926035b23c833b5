/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_notify.c - files that a service manager keeps, and hands over by the environment. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bridge/base/notify.h"

#define HANDED_FIRST 3 /* SD_LISTEN_FDS_START */

static void hand_over(const char *count, const char *names, pid_t to)
{
    char pid[16];

    snprintf(pid, sizeof(pid), "%d", (int)to);
    setenv("LISTEN_FDS", count, 1);
    setenv("LISTEN_FDNAMES", names, 1);
    setenv("LISTEN_PID", pid, 1);
}

/* In a process of its own: those numbers are others' here. */
static int finds_it_once(void)
{
    const int null = open("/dev/null", O_RDWR);

    for (int fd = HANDED_FIRST; fd <= HANDED_FIRST + 2; fd++)
        if (fd != null && dup2(null, fd) != fd)
            return 1;
    hand_over("3", "other:flows:flowsandmore", getpid());
    if (notify_kept("flows") != HANDED_FIRST + 1)
        return 2;
    if (!(fcntl(HANDED_FIRST + 1, F_GETFD) & FD_CLOEXEC))
        return 3;
    return notify_kept("flows") == -1 ? 0 : 4; /* it was taken */
}

Test(notify, kept_file_is_found_by_its_name_once)
{
    int status = -1;
    const pid_t child = fork();

    if (child == 0)
        _exit(finds_it_once());
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status));
    cr_assert_eq(WEXITSTATUS(status), 0);
}

Test(notify, what_is_not_there_or_anothers_is_not_taken)
{
    hand_over("1", "flowsandmore", getpid());
    cr_assert_eq(notify_kept("flows"), -1);
    hand_over("1", "other:flows", getpid());
    cr_assert_eq(notify_kept("flows"), -1, "there are fewer than names");
    hand_over("1", "flows", getpid() + 1);
    cr_assert_eq(notify_kept("flows"), -1, "it is for another process");
    unsetenv("LISTEN_FDNAMES");
    cr_assert_eq(notify_kept("flows"), -1, "they have no names");
}

/* A manager of the abstract namespace. */
static int manager(char *name, size_t bytes)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    socklen_t length = sizeof(address);

    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    snprintf(name, bytes, "@%.*s", (int)(length - sizeof(sa_family_t) - 1), address.sun_path + 1);
    return fd;
}

Test(notify, file_goes_to_the_manager_under_its_name)
{
    char name[32], text[128] = "";
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {text, sizeof(text) - 1};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    const int heard = manager(name, sizeof(name));
    struct notify notify;

    setenv("NOTIFY_SOCKET", name, 1);
    notify_open(&notify);
    cr_assert(notify_keep(&notify, "flows", STDIN_FILENO));
    cr_assert_gt(recvmsg(heard, &message, 0), 0);
    cr_assert_str_eq(text, "FDSTORE=1\nFDNAME=flows");
    cr_assert(CMSG_FIRSTHDR(&message), "with the file");
    cr_assert_eq(CMSG_FIRSTHDR(&message)->cmsg_type, SCM_RIGHTS);
    notify_forget(&notify, "flows");
    memset(text, 0, sizeof(text));
    cr_assert_gt(recv(heard, text, sizeof(text) - 1, 0), 0);
    cr_assert_str_eq(text, "FDSTOREREMOVE=1\nFDNAME=flows");
    notify_close(&notify);
}

Test(notify, nobody_keeps_a_file_where_there_is_no_manager)
{
    struct notify notify;

    unsetenv("NOTIFY_SOCKET");
    notify_open(&notify);
    cr_assert_not(notify_keep(&notify, "flows", STDIN_FILENO));
}
