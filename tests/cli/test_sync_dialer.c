/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of cli/sync_dialer.c: a process that opens connections, and does nothing else. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/sync_dialer.h"

static int test; /* its process; the dialer is another */

/* Where somebody listens: a socket of its own name, and of no file. */
static struct sockaddr_un place(socklen_t *bytes)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int written = snprintf(&address.sun_path[1], sizeof(address.sun_path) - 1,
                                 "synward-test-dialer-%d", test);

    *bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)written);
    return address;
}

static int listen_there(void)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address;
    socklen_t bytes;

    test = (int)getpid();
    address = place(&bytes);
    cr_assert_eq(bind(fd, (const struct sockaddr *)&address, bytes), 0);
    cr_assert_eq(listen(fd, 8), 0);
    return fd;
}

static int connect_to(const char *target, struct error *error)
{
    socklen_t bytes;
    const struct sockaddr_un address = place(&bytes);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, bytes) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    error_set(error, EXIT_UNREACHABLE, "%s does not answer", target);
    return -1;
}

Test(sync_dialer, opens_one_after_the_other)
{
    struct sync_dialer dialer = {
        .keeper.fd = -1, .name = "test-dialer", .target = "there", .connect = connect_to};
    struct error error = {0};
    const int listener = listen_there();
    char byte = 0;

    cr_assert(sync_dialer_start(&dialer, &error), "%s", error.text);
    close(accept(listener, NULL, NULL)); /* the one that loads what finding a name takes */
    for (int i = 0; i < 3; i++) {
        const int fd = sync_dialer_open(&dialer, &error);
        const int far = accept(listener, NULL, NULL);

        cr_assert_geq(fd, 0, "%s", error.text);
        cr_assert_eq(write(far, "x", 1), 1);
        cr_assert_eq(read(fd, &byte, 1), 1);
        cr_assert_eq(byte, 'x');
        close(fd);
        close(far);
    }
    sync_dialer_stop(&dialer);
    close(listener);
}

Test(sync_dialer, says_why_there_is_none)
{
    struct sync_dialer dialer = {
        .keeper.fd = -1, .name = "test-dialer", .target = "nowhere", .connect = connect_to};
    struct error error = {0};

    test = (int)getpid();
    cr_assert(sync_dialer_start(&dialer, &error), "%s", error.text);
    cr_assert_eq(sync_dialer_open(&dialer, &error), -1);
    cr_assert_eq(error.code, EXIT_UNREACHABLE);
    cr_assert_str_eq(error.text, "nowhere does not answer");
    sync_dialer_stop(&dialer);
}

Test(sync_dialer, one_that_is_gone_is_told)
{
    struct sync_dialer dialer = {
        .keeper.fd = -1, .name = "test-dialer", .target = "there", .connect = connect_to};
    struct error error = {0};

    test = (int)getpid();
    cr_assert(sync_dialer_start(&dialer, &error), "%s", error.text);
    cr_assert_eq(kill(dialer.keeper.pid, SIGKILL), 0);
    cr_assert_eq(sync_dialer_open(&dialer, &error), -1);
    cr_assert(keeper_gone(&dialer.keeper));
    cr_assert_neq(error.code, EXIT_DONE);
    sync_dialer_stop(&dialer);
}
