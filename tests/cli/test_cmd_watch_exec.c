/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program for each event. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cmd_watch_exec.h"

static char folder[64], program[96], out[96];

static void setup(void)
{
    strcpy(folder, "/tmp/synward-exec-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(program, sizeof(program), "%s/program", folder);
    snprintf(out, sizeof(out), "%s/out", folder);
}

static void teardown(void)
{
    unlink(program);
    unlink(out);
    cr_expect_eq(rmdir(folder), 0, "something was left in %s", folder);
}

TestSuite(watch_exec, .init = setup, .fini = teardown);

static bool run(const char *script, int limit_ms, struct error *error)
{
    FILE *file = fopen(program, "w");

    fprintf(file, "#!/bin/sh\ncd %s\n%s\n", folder, script);
    fclose(file);
    chmod(program, 0755);
    *error = (struct error){0};
    return watch_exec(program, "{\"event\":\"mode\"}\n", 17, limit_ms, error);
}

static const char *wrote(void)
{
    static char text[64];
    FILE *file = fopen(out, "r");
    const size_t bytes = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

    text[bytes] = 0;
    if (file)
        fclose(file);
    return text;
}

Test(watch_exec, without_a_path_it_is_looked_for_where_it_is_run_from)
{
    struct error error = {0};

    unsetenv("PATH");
    cr_assert(watch_exec_check("sh", &error), "%s", error.text);
    cr_assert_not(watch_exec_check("synward-there-is-none", &error));
}

Test(watch_exec, the_event_is_on_stdin)
{
    struct error error;

    cr_assert(run("cat >out", 5000, &error), "%s", error.text);
    cr_assert_str_eq(wrote(), "{\"event\":\"mode\"}\n");
    cr_assert(run("exit 0", 5000, &error), "one that reads nothing: %s", error.text);
}

Test(watch_exec, what_goes_wrong_is_told)
{
    struct error error;

    cr_assert_not(run("exit 3", 5000, &error));
    cr_expect(strstr(error.text, "program: exit code 3"), "%s", error.text);
    cr_assert_not(run("kill -9 $$", 5000, &error));
    cr_expect(strstr(error.text, "program: killed by signal 9"), "%s", error.text);
    cr_assert_not(watch_exec("/nonexistent/program", "x\n", 2, 5000, &error));
    cr_expect(strstr(error.text, "exit code 127: is it there?"), "%s", error.text);
}

/* With what it has started: nobody holds the pipe any more. */
Test(watch_exec, one_that_does_not_end_is_killed)
{
    struct error error;
    char rest;
    int ends[2];

    cr_assert_eq(pipe(ends), 0);
    cr_assert_not(run("sleep 60 | sleep 60 & sleep 60", 300, &error));
    cr_expect(strstr(error.text, "killed, it had not ended in 300 ms"), "%s", error.text);
    close(ends[1]);
    cr_expect_eq(read(ends[0], &rest, 1), 0);
    close(ends[0]);
}
