/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_file_hands.c - a store that somebody else puts in its place. */
#include "profiles/store/file_hands.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "profiles/store/atomic_file.h"
#include "profiles/store/store.h"
#include "profiles/store/votes_file.h"

static char folder[64], path[96], votes[112], beside[112];

static void setup(void)
{
    snprintf(folder, sizeof(folder), "/tmp/synward-test-hands-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/profiles.json", folder);
    snprintf(votes, sizeof(votes), "%s.votes", path);
    snprintf(beside, sizeof(beside), "%s.new", path);
}

static void teardown(void)
{
    char command[160];

    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(file_hands, .init = setup, .fini = teardown);

/* Who has the right. */
struct keeper {
    struct atomic_file file;
    struct atomic_saving saving;
    bool gives_full; /* a file that takes no bytes */
    unsigned begun, ended;
};

static int begin(void *context, enum kept_file which, struct error *error)
{
    struct keeper *keeper = context;

    keeper->begun++;
    if (which == KEPT_STORE ? !store_file(path, &keeper->file, error)
                            : !votes_file(path, &keeper->file, error))
        return -1;
    if (!atomic_file_begin(&keeper->saving, &keeper->file, error))
        return -1;
    return keeper->gives_full ? open("/dev/full", O_WRONLY) : dup(keeper->saving.fd);
}

static bool end(void *context, enum kept_file which, int reason, struct error *error)
{
    struct keeper *keeper = context;
    bool done;

    (void)which;
    keeper->ended++;
    done = atomic_file_end(&keeper->saving, reason, error);
    free((char *)keeper->file.path);
    return done;
}

static bool exists(void *context, enum kept_file which)
{
    (void)context;
    return access(which == KEPT_STORE ? path : votes, F_OK) == 0;
}

static struct file_hands hands_of(struct keeper *keeper)
{
    return (struct file_hands){.begin = begin, .end = end, .exists = exists, .context = keeper};
}

Test(file_hands, both_files_are_put_in_their_places)
{
    struct keeper keeper = {0};
    const struct file_hands hands = hands_of(&keeper);
    struct store *store = store_new(), *again = store_new();
    struct error error = {0};

    store_set_hands(store, &hands);
    cr_assert_not(store_exists(store, path));
    cr_assert(store_save(store, path, &error), "%s", error.text);
    cr_assert(store_exists(store, path));
    cr_assert(votes_save(store, path, &error), "%s", error.text);
    cr_assert_eq(keeper.begun, 2, "all goes by the hands");
    cr_assert_eq(keeper.ended, 2);
    cr_assert(store_load(again, path, &error), "%s", error.text);
    cr_assert_eq(votes_look(again, path), VOTES_READ);
    store_free(store);
    store_free(again);
}

Test(file_hands, a_store_that_is_not_written_whole_leaves_the_old_one)
{
    struct keeper keeper = {0};
    const struct file_hands hands = hands_of(&keeper);
    struct store *store = store_new(), *again = store_new();
    struct error error = {0};

    store_set_hands(store, &hands);
    cr_assert(store_save(store, path, &error), "%s", error.text);
    keeper.gives_full = true;
    cr_assert_not(store_save(store, path, &error));
    cr_assert(strstr(error.text, strerror(ENOSPC)), "%s", error.text);
    cr_assert_eq(access(beside, F_OK), -1, "the new one is gone");
    cr_assert(store_load(again, path, &error), "%s", error.text);
    store_free(store);
    store_free(again);
}
