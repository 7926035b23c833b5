/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_filter.c - what a process may do that opens connections for others. */
#include "bridge/base/filter.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Under the filter, in a process of its own: 0, or the errno of what openat() says. */
static int open_as_dialer(const char *path, int flags)
{
    const pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        if (filter_load(SANDBOX_DIALER, false) == 0)
            status = openat(AT_FDCWD, path, flags, 0600) < 0 ? errno : 0;
        else
            status = 255;
        syscall(SYS_exit_group, status); /* _exit() of a sanitizer calls what the filter refuses */
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status), "killed by %d", WTERMSIG(status));
    cr_assert_neq(WEXITSTATUS(status), 255, "no filter");
    return WEXITSTATUS(status);
}

Test(filter, a_dialer_reads_files_and_changes_none)
{
    char path[] = "/tmp/synward-filter-XXXXXX";
    const int fd = mkstemp(path);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, "x", 1), 1);
    cr_assert_eq(open_as_dialer(path, O_RDONLY | O_CLOEXEC), 0, "it reads");
    cr_assert_eq(open_as_dialer(path, O_RDONLY | O_TRUNC), EPERM);
    cr_assert_eq(open_as_dialer(path, O_WRONLY), EPERM);
    cr_assert_eq(open_as_dialer(path, O_RDWR), EPERM);
    cr_assert_eq(lseek(fd, 0, SEEK_END), 1, "nothing was taken from it");
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(open_as_dialer(path, O_RDONLY | O_CREAT), EPERM);
    cr_assert_eq(access(path, F_OK), -1, "nothing was made");
    close(fd);
}
