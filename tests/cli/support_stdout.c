/* SPDX-License-Identifier: GPL-2.0-or-later */
/* support_stdout.c - see support_stdout.h. Each Criterion test is a process of its own: nothing
 * needs to be put back. */
#include "tests/cli/support_stdout.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static FILE *caught[2];

static void catch_stream(FILE *stream, FILE **into)
{
    *into = tmpfile();
    cr_assert_not_null(*into);
    fflush(stream);
    cr_assert_geq(dup2(fileno(*into), fileno(stream)), 0);
}

void catch_output(void)
{
    catch_stream(stdout, &caught[0]);
    catch_stream(stderr, &caught[1]);
}

static const char *read_back(FILE *stream, FILE *from, char *text, size_t capacity)
{
    ssize_t bytes;

    fflush(stream);
    bytes = pread(fileno(from), text, capacity - 1, 0);
    cr_assert_geq(bytes, 0);
    text[bytes] = '\0';
    cr_assert_eq(ftruncate(fileno(from), 0), 0);
    cr_assert_eq(lseek(fileno(stream), 0, SEEK_SET), 0);
    return text;
}

const char *caught_stdout(void)
{
    static char text[65536];

    return read_back(stdout, caught[0], text, sizeof(text));
}

const char *caught_stderr(void)
{
    static char text[65536];

    return read_back(stderr, caught[1], text, sizeof(text));
}
