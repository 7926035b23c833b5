/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole files. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/file.h"

static char folder[64], path[96];

static void setup(void)
{
    strcpy(folder, "/tmp/synward-file-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/f", folder);
}

static void teardown(void)
{
    unlink(path);
    cr_expect_eq(rmdir(folder), 0, "something was left in %s", folder);
}

TestSuite(file, .init = setup, .fini = teardown);

Test(file, write_and_read)
{
    size_t bytes;
    char *text;

    cr_assert(file_replace(path, "old", 3, NULL));
    cr_assert(file_replace(path, "new one", 7, NULL));
    text = file_read(path, 1024, &bytes, NULL);
    cr_assert_str_eq(text, "new one\n");
    cr_assert_eq(bytes, 8);
    free(text);
}

Test(file, larger_than_a_buffer)
{
    size_t bytes, length = 300000;
    char *text = malloc(length), *again;

    memset(text, 'x', length);
    cr_assert(file_replace(path, text, length, NULL));
    again = file_read(path, 1 << 20, &bytes, NULL);
    cr_assert_eq(bytes, length + 1);
    cr_assert_eq(memcmp(text, again, length), 0);
    free(text);
    free(again);
}

Test(file, too_large)
{
    struct error error = {0};
    size_t bytes;

    cr_assert(file_replace(path, "123456789", 9, NULL));
    cr_assert_null(file_read(path, 9, &bytes, &error));
    cr_assert_eq(error.code, EXIT_FAILED);
}

Test(file, errors)
{
    struct error error = {0};
    size_t bytes;

    cr_assert_null(file_read("/nonexistent/f", 100, &bytes, &error));
    cr_assert_str_eq(error.text,
                     "read: /nonexistent/f: No such file or directory: give another file");
    cr_assert_null(file_read("/tmp", 100, &bytes, &error));
    cr_assert_str_eq(error.text, "read: /tmp: Is a directory: give another file");
    cr_assert_not(file_replace("/nonexistent/f", "x", 1, &error));
    cr_assert_str_eq(error.text,
                     "write: /nonexistent/f: No such file or directory: give another file");
    cr_assert_not(file_replace(folder, "x", 1, &error), "a folder");
    cr_assert_not(file_replace("/dev/full", "x", 1, &error));
    cr_assert_str_eq(error.text, "write: /dev/full: No space left on device: give another file");
}

Test(file, devices_are_written_to)
{
    struct stat status;

    cr_assert(file_replace("/dev/null", "x", 1, NULL));
    cr_assert_eq(stat("/dev/null", &status), 0);
    cr_assert(S_ISCHR(status.st_mode));
}
