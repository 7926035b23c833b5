/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of cli/wire.c: requests go out, lines come in, in whatever pieces. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/wire.h"

struct heard {
    char text[256];
    unsigned lines;
};

static void hear(void *context, const char *line, size_t bytes)
{
    struct heard *heard = context;
    const size_t used = strlen(heard->text);

    snprintf(heard->text + used, sizeof(heard->text) - used, "%.*s;", (int)bytes, line);
    heard->lines++;
}

static int begin(struct wire *wire)
{
    int ends[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    *wire = (struct wire){.fd = -1};
    wire_begin(wire, ends[0], json_tokener_parse("{\"command\":\"sample\"}"));
    return ends[1];
}

Test(wire, lines_come_whole)
{
    struct wire wire;
    struct heard heard = {0};
    char request[64] = "";
    int daemon = begin(&wire);

    cr_expect(wire_watched(&wire).events & POLLOUT);
    cr_expect(wire_move(&wire), "it waits");
    cr_expect_gt(read(daemon, request, sizeof(request) - 1), 0);
    cr_expect_str_eq(request, "{\"command\":\"sample\"}\n");
    cr_expect_eq(wire_watched(&wire).events, POLLIN);
    cr_assert_eq(write(daemon, "{\"a\"", 4), 4);
    cr_expect(wire_move(&wire));
    wire_lines(&wire, hear, &heard);
    cr_expect_eq(heard.lines, 0);
    cr_assert_eq(write(daemon, ":1}\n{\"b\":2}\n{", 13), 13);
    cr_expect(wire_move(&wire));
    wire_lines(&wire, hear, &heard);
    cr_expect_str_eq(heard.text, "{\"a\":1};{\"b\":2};");
    close(daemon);
    cr_expect_not(wire_move(&wire), "it is over");
    cr_expect_eq(wire.bytes, 1, "what came is there");
    wire_close(&wire);
}

Test(wire, a_daemon_that_is_gone_ends_it)
{
    struct wire wire;
    int daemon = begin(&wire);

    close(daemon);
    cr_expect_not(wire_move(&wire));
    wire_hang_up(&wire);
    cr_expect_eq(wire.fd, -1);
    wire_close(&wire);
}
