/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_store_kill.c - a process that saves is killed at random moments, 200 times: what is left
 * parses and is the old store or the new one, and the next process goes on saving.
 *
 * The child saves two stores in turn and says so through a pipe; the parent waits for the first
 * save to be done, then a random time.
 */
#include <criterion/criterion.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "profiles/model/profile.h"
#include "profiles/store/store.h"

#define KILLS          200
#define SMALL          40
#define LARGE          90
#define KILL_WITHIN_US 20000

static struct store *with_servers(uint16_t count)
{
    struct store *store = store_new();
    for (uint16_t i = 0; i < count; i++) {
        const uint8_t v4[4] = {10, 0, 0, 1};
        const struct server_key key = {.addr = addr_from_v4(v4), .port = (uint16_t)(1000 + i)};
        struct profile *profile = store_add(store, &key);
        profile->handshakes = count;
    }
    return store;
}

static void save_for_ever(const char *path, int ready)
{
    struct store *stores[2] = {with_servers(SMALL), with_servers(LARGE)};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (unsigned turn = 0;; turn++) {
        struct error error;
        if (!store_save(stores[turn % 2], path, &error))
            _exit(1);
        if (turn == 0 && write(ready, "", 1) != 1)
            _exit(1);
    }
}

static void kill_one(const char *path, unsigned wait_us)
{
    int ready[2];
    char byte;
    cr_assert_eq(pipe(ready), 0);
    const pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0)
        save_for_ever(path, ready[1]);
    close(ready[1]);
    cr_assert_eq(read(ready[0], &byte, 1), 1, "the child could not save");
    close(ready[0]);
    const struct timespec wait = {.tv_nsec = (long)wait_us * 1000};
    nanosleep(&wait, NULL); /* the random moment itself, not a wait for an event */
    kill(child, SIGKILL);
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status), "the child failed to save");
}

static void check_store(const char *path)
{
    struct store *store = store_new();
    struct error error = {0};
    cr_assert(store_load(store, path, &error), "%s", error.text);
    const size_t count = store_count(store);
    cr_assert(count == SMALL || count == LARGE, "%zu profiles", count);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(store_at(store, i)->handshakes, count);
    store_free(store);
}

Test(store_kill, store_is_old_or_new_after_sigkill_at_any_moment, .timeout = 60)
{
    char folder[] = "/tmp/synward-test-kill-XXXXXX", path[64], beside[72];
    const char *given = getenv("SYNWARD_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    fprintf(stderr, "store_kill: seed %u (replay with SYNWARD_SEED=%u)\n", seed, seed);
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/profiles.json", folder);
    snprintf(beside, sizeof(beside), "%s.new", path);
    for (int i = 0; i < KILLS; i++) {
        kill_one(path, (unsigned)rand_r(&seed) % KILL_WITHIN_US);
        check_store(path);
    }
    unlink(path);
    unlink(beside);
    cr_assert_eq(rmdir(folder), 0, "something else was left behind");
}
