/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_keeping.c - the store's files by the keeper's hands. */
#include "bridge/keeping.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "profiles/store/store.h"
#include "profiles/store/votes_file.h"

static char folder[64], path[96], state[112];

static void setup(void)
{
    snprintf(folder, sizeof(folder), "/tmp/synward-test-keeping-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/profiles.json", folder);
    snprintf(state, sizeof(state), "%s.state", path);
}

static void teardown(void)
{
    char command[160];

    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(keeping, .init = setup, .fini = teardown);

/* The keeper of the tests keeps its privileges: what they are is of no interest here. */
static struct keeping *start(void)
{
    const struct keeping_parts parts = {.store_path = path};
    const struct sandbox none = {.denied = {.code = EXIT_FAILED}};
    struct error error = {0};
    struct keeping *keeping = keeping_start(&parts, &none, &error);

    cr_assert_not_null(keeping, "%s", error.text);
    return keeping;
}

Test(keeping, saves_all_three_and_takes_one_away)
{
    struct keeping *keeping = start();
    const struct file_hands *hands = keeping_hands(keeping);
    struct store *store = store_new(), *again = store_new();
    struct error error = {0};
    struct stat status;

    store_set_hands(store, hands);
    cr_assert(store_save(store, path, &error), "%s", error.text);
    cr_assert(votes_save(store, path, &error), "%s", error.text);
    cr_assert(file_hands_save(hands, KEPT_STATE, "{}", 2, &error), "%s", error.text);
    cr_assert(store_load(again, path, &error), "%s", error.text);
    cr_assert_eq(votes_look(again, path), VOTES_READ);
    cr_assert_eq(stat(state, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0600);
    cr_assert(hands->exists(hands->context, KEPT_STATE));
    hands->remove(hands->context, KEPT_STATE);
    cr_assert_not(hands->exists(hands->context, KEPT_STATE));
    cr_assert(hands->exists(hands->context, KEPT_STORE), "nothing else went");
    store_free(store);
    store_free(again);
    keeping_stop(keeping);
}

Test(keeping, what_was_begun_and_not_ended_leaves_the_old)
{
    struct keeping *keeping = start();
    const struct file_hands *hands = keeping_hands(keeping);
    struct error error = {0};
    char text[8] = "";
    FILE *file;
    int fd;

    cr_assert(file_hands_save(hands, KEPT_STATE, "old", 3, &error), "%s", error.text);
    fd = hands->begin(hands->context, KEPT_STATE, &error);
    cr_assert_geq(fd, 0, "%s", error.text);
    cr_assert_eq(write(fd, "half", 4), 4);
    close(fd);
    file = fopen(state, "r");
    cr_assert_not_null(file);
    cr_assert_not_null(fgets(text, sizeof(text), file));
    fclose(file);
    cr_assert_str_eq(text, "old");
    cr_assert(file_hands_save(hands, KEPT_STATE, "new", 3, &error), "%s", error.text);
    cr_assert_not(hands->end(hands->context, KEPT_STATE, 0, &error), "nothing was begun");
    keeping_stop(keeping);
}

/* The path that it knew before the fork, and as it is now. */
Test(keeping, opens_the_configuration_file)
{
    const struct keeping_parts parts = {.store_path = path, .config_path = state};
    const struct sandbox none = {.denied = {.code = EXIT_FAILED}};
    struct error error = {0};
    struct keeping *keeping = keeping_start(&parts, &none, &error), *without = start();
    FILE *file = fopen(state, "w");
    char text[8] = "";
    int fd;

    fputs("new", file);
    fclose(file);
    fd = keeping_config(keeping, "/nonexistent", &error);
    cr_assert_geq(fd, 0, "%s", error.text);
    cr_assert_eq(read(fd, text, sizeof(text)), 3);
    cr_assert_str_eq(text, "new");
    cr_assert_lt(write(fd, "x", 1), 0, "only to be read");
    close(fd);
    unlink(state);
    cr_assert_lt(keeping_config(keeping, state, &error), 0);
    cr_assert(strstr(error.text, "No such file"), "%s", error.text);
    cr_assert_lt(keeping_config(without, state, &error), 0, "it knows of none");
    keeping_stop(keeping);
    keeping_stop(without);
}

Test(keeping, no_file_but_the_three)
{
    struct keeping *keeping = start();
    const struct file_hands *hands = keeping_hands(keeping);
    struct error error = {0};

    cr_assert_eq(hands->begin(hands->context, KEPT_FILES, &error), -1);
    cr_assert(strstr(error.text, "no such file"), "%s", error.text);
    cr_assert_not(hands->exists(hands->context, (enum kept_file) - 1));
    keeping_stop(keeping);
}

Test(keeping, says_why_a_file_cannot_be_saved)
{
    struct keeping *keeping;
    struct store *store = store_new();
    struct error error = {0};

    snprintf(path, sizeof(path), "%s/missing/profiles.json", folder);
    keeping = start();
    store_set_hands(store, keeping_hands(keeping));
    cr_assert_not(store_save(store, path, &error));
    cr_assert(strstr(error.text, "no folder"), "%s", error.text);
    store_free(store);
    keeping_stop(keeping);
}
