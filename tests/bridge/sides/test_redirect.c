/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_redirect.c - filters that are put on while the kernel is busy with this thread; what they
 * do to frames is tests/net/'s. */
#include "bridge/sides/redirect.h"

#include <criterion/criterion.h>
#include <liburing.h>
#include <sched.h>
#include <unistd.h>

#define LOOPBACK 1 /* the first interface of each namespace */
#define ROUNDS   300

/* A network namespace of this process's own; skips where that may not be. */
static struct nl_sock *enter_namespace(void)
{
    struct nl_sock *socket;

    if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0)
        cr_skip_test("skipped: needs root");
    socket = nl_socket_alloc();
    cr_assert(socket && nl_connect(socket, NETLINK_ROUTE) == 0);
    return socket;
}

static void close_a_ring(void)
{
    struct io_uring ring;

    if (io_uring_queue_init(8, &ring, 0) < 0)
        cr_skip_test("skipped: needs io_uring");
    io_uring_queue_exit(&ring);
}

/* Unmended some 30 of these rounds fail. */
Test(redirect, a_ring_that_is_being_taken_down_does_not_forbid_filters)
{
    struct nl_sock *socket = enter_namespace();

    for (int i = 0; i < ROUNDS; i++) {
        close_a_ring();
        const int code = redirect_add(socket, LOOPBACK, LOOPBACK, 1);
        cr_assert_eq(code, 0, "round %d: %s", i, nl_geterror(code));
        cr_assert_eq(redirect_remove(socket, LOOPBACK), 0);
    }
    nl_socket_free(socket);
}
