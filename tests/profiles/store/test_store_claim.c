/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_store_claim.c - a store has one daemon, and one that does not read is kept for later. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "profiles/store/store_claim.h"

static char folder[64], path[128], lock[160], votes[160];

static void setup(void)
{
    snprintf(folder, sizeof(folder), "/tmp/synward-test-claim-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/profiles.json", folder);
    snprintf(lock, sizeof(lock), "%s.lock", path);
    snprintf(votes, sizeof(votes), "%s.votes", path);
}

static void teardown(void)
{
    char command[160];

    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(store_claim, .init = setup, .fini = teardown, .timeout = 10);

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");

    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static bool is_there(const char *name)
{
    struct stat status;

    return lstat(name, &status) == 0;
}

Test(store_claim, one_at_a_time_and_the_holder_is_named)
{
    struct store_claim first, second;
    struct error error = {0};
    char holder[16];

    cr_assert(store_claim(&first, path, &error), "%s", error.text);
    cr_assert_not(store_claim(&second, path, &error));
    snprintf(holder, sizeof(holder), "process %d", (int)getpid());
    cr_expect(strstr(error.text, holder) && strstr(error.text, path), "%s", error.text);
    cr_expect_eq(error.code, EXIT_FAILED);
    store_unclaim(&second); /* nothing to give back */
    store_unclaim(&first);
    cr_expect_not(is_there(lock));
    cr_assert(store_claim(&second, path, &error), "%s", error.text);
    store_unclaim(&second);
}

Test(store_claim, two_names_of_one_file_are_one_store)
{
    struct store_claim first, second;
    struct error error = {0};
    char alias[128];

    snprintf(alias, sizeof(alias), "%s/alias.json", folder);
    write_file(path, "{}");
    cr_assert_eq(symlink(path, alias), 0);
    cr_assert(store_claim(&first, alias, &error), "%s", error.text);
    cr_expect_not(store_claim(&second, path, &error));
    store_unclaim(&first);
}

Test(store_claim, a_lock_that_a_dead_process_left_binds_nobody)
{
    struct store_claim claim;
    struct error error = {0};

    write_file(lock, "1\n");
    cr_expect(store_claim(&claim, path, &error), "%s", error.text);
    store_unclaim(&claim);
}

Test(store_claim, what_is_no_file_is_refused_at_once)
{
    struct store_claim claim;
    struct error error = {0};

    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_expect_not(store_claim(&claim, path, &error)); /* a suite's timeout is where it waits */
    cr_expect(strstr(error.text, "a pipe"), "%s", error.text);
    cr_expect_not(store_claim(&claim, folder, &error));
    cr_expect(strstr(error.text, "a folder"), "%s", error.text);
    cr_expect_not(store_claim(&claim, "/dev/null", &error));
    cr_expect(strstr(error.text, "a device"), "%s", error.text);
    cr_expect_not(is_there(lock));
}

Test(store_claim, what_is_put_aside_keeps_its_bytes_and_its_votes)
{
    struct error error = {0};
    char *first, *second, kept[256];

    write_file(path, "{");
    write_file(votes, "votes");
    first = store_put_aside(path, &error);
    cr_assert_not_null(first, "%s", error.text);
    write_file(path, "[");
    second = store_put_aside(path, &error); /* within the same second, most likely */
    cr_assert_not_null(second, "%s", error.text);
    snprintf(kept, sizeof(kept), "%s.votes", first);
    cr_expect(is_there(first) && is_there(second) && is_there(kept));
    cr_expect(strcmp(first, second) != 0);
    cr_expect_not(is_there(path) || is_there(votes));
    cr_expect(strstr(first, ".broken-2"), "%s", first);
    free(first);
    free(second);
}

Test(store_claim, what_does_not_read_is_told_from_what_cannot_be_read)
{
    static const char *const broken[] = {"", "[]", "{}",
                                         "{\"synward\": {\"schema\": 1}, \"profiles\": [7]}",
                                         "{\"synward\": {\"schema\": 99}, \"profiles\": []}"};
    struct error error = {0};
    struct store *store = store_new();

    cr_expect_eq(store_look(store, path, &error), STORE_READ); /* none yet */
    cr_expect_eq(store_look(store, folder, &error), STORE_UNREAD);
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        write_file(path, broken[i]);
        cr_expect_eq(store_look(store, path, &error), STORE_BROKEN, "%s", broken[i]);
    }
    store_free(store);
}
