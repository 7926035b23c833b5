/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_filter.c - what a process may do that opens connections for others, and how the bridge may
 * wait. */
#include "bridge/base/filter.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Under the filter, in a process of its own: 0, or the errno of what attempt() says. */
static int attempt_as(enum sandbox_role role, bool maps, bool (*attempt)(const void *),
                      const void *with)
{
    const pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        if (filter_load(role, maps) == 0)
            status = attempt(with) ? 0 : errno;
        else
            status = 255;
        syscall(SYS_exit_group, status); /* _exit() of a sanitizer calls what the filter refuses */
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status), "killed by %d", WTERMSIG(status));
    cr_assert_neq(WEXITSTATUS(status), 255, "no filter");
    return WEXITSTATUS(status);
}

struct opening {
    const char *path;
    int flags;
};

static bool opens(const void *with)
{
    const struct opening *opening = with;

    return openat(AT_FDCWD, opening->path, opening->flags, 0600) >= 0;
}

static int open_as_dialer(const char *path, int flags)
{
    const struct opening opening = {path, flags};

    return attempt_as(SANDBOX_DIALER, false, opens, &opening);
}

static bool has_barrier(const void *with)
{
    return syscall(SYS_membarrier, *(const int *)with, 0, 0) >= 0;
}

/* That is how it knows that no program runs any more. */
Test(filter, main_thread_with_a_kernel_path_waits_for_a_grace_period)
{
    const int wanted = MEMBARRIER_CMD_GLOBAL;
    const int other = MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;

    if (!has_barrier(&wanted))
        cr_skip_test("skipped: no such call here");
    cr_assert_eq(attempt_as(SANDBOX_MAIN, true, has_barrier, &wanted), 0);
    cr_assert_eq(attempt_as(SANDBOX_MAIN, true, has_barrier, &other), EPERM);
    cr_assert_eq(attempt_as(SANDBOX_MAIN, false, has_barrier, &wanted), EPERM);
    cr_assert_eq(attempt_as(SANDBOX_WORKER, true, has_barrier, &wanted), EPERM);
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
