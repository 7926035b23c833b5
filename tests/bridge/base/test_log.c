/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stands in a line of the log, for a terminal and for the journal. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/base/log.h"

static int reader;

/* stderr is a socket from here on, as the journal's is; JOURNAL_STREAM names it by `inode_off`. */
static void stderr_is_socket(unsigned long long inode_off)
{
    int ends[2];
    char name[64];
    struct stat status;

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    cr_assert_geq(dup2(ends[0], STDERR_FILENO), 0);
    close(ends[0]);
    reader = ends[1];
    cr_assert_eq(fstat(STDERR_FILENO, &status), 0);
    snprintf(name, sizeof(name), "%llu:%llu", (unsigned long long)status.st_dev,
             (unsigned long long)status.st_ino + inode_off);
    setenv("JOURNAL_STREAM", name, 1);
    log_open();
}

static const char *said(void)
{
    static char text[4096];
    const ssize_t bytes = recv(reader, text, sizeof(text) - 1, MSG_DONTWAIT);

    text[bytes > 0 ? bytes : 0] = '\0';
    return text;
}

Test(log, journal_is_told_priorities)
{
    stderr_is_socket(0);
    setenv("SYNWARD_DEBUG", "1", 1);
    log_line(LOG_LEVEL_ERROR, "no room");
    log_line(LOG_LEVEL_WARNING, "port %s is gone", "eth0");
    log_line(LOG_LEVEL_INFO, "ready");
    log_line(LOG_LEVEL_DEBUG, "a look");
    cr_assert_str_eq(said(), "<3>synward: error: no room\n"
                             "<4>synward: warning: port eth0 is gone\n"
                             "<6>synward: ready\n"
                             "<7>synward: debug: a look\n");
}

Test(log, a_number_at_the_front_of_what_is_said_is_no_priority)
{
    stderr_is_socket(0);
    log_line(LOG_LEVEL_INFO, "<0>fire\n<0>fire");
    cr_assert_eq(strncmp(said(), "<6>synward: <0>fire", 19), 0);
    log_line(LOG_LEVEL_INFO, "x\n<0>fire");
    cr_assert_null(strstr(said(), "\n<0>"), "no second line can be made");
}

Test(log, other_sockets_are_told_none)
{
    stderr_is_socket(1);
    log_line(LOG_LEVEL_ERROR, "no room");
    cr_assert_str_eq(said(), "synward: error: no room\n");
    log_close();
    setenv("JOURNAL_STREAM", "journal", 1);
    log_open();
    log_line(LOG_LEVEL_WARNING, "full");
    cr_assert_str_eq(said(), "synward: warning: full\n");
}

Test(log, untold_lines_are_a_warning)
{
    const int most = 1 << 12;

    stderr_is_socket(0);
    cr_assert_eq(setsockopt(STDERR_FILENO, SOL_SOCKET, SO_SNDBUF, &most, sizeof(most)), 0);
    for (int i = 0; i < 1000 && log_dropped() == 0; i++)
        log_line(LOG_LEVEL_INFO, "%0900d", i);
    cr_assert_eq(log_dropped(), 1);
    while (*said())
        continue;
    log_line(LOG_LEVEL_INFO, "again");
    cr_assert_str_eq(said(), "<4>synward: 1 lines were not logged, as nobody read them\n"
                             "<6>synward: again\n");
}
