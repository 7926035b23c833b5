/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_store_due.c - when a store that has changed becomes a policy, and when a file.
 *
 * A turn is told the time, so that none is waited for: what is due in ten seconds is done at once,
 * said to be later. The worker is there to be told policies; it has no frames.
 */
#include "bridge/store_due.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/events/report.h"
#include "bridge/workers/workers.h"

#define TURNS_MOST 100000

static char folder[32], path[64], votes[80];
static int near[2], far[2];
static struct events *events;
static struct event_reader reader;
static struct store_due due;
static uint64_t begun_us;

static void start_worker(void)
{
    struct worker_options options = {.nowait_writes = true, .learning = true};
    struct policy *first = calloc(1, policy_bytes(0));
    struct error error = {0};

    for (int side = 0; side < 2; side++) {
        int fds[2];

        cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
        near[side] = fds[0];
        far[side] = options.fds[side] = fds[1];
    }
    engine_config_defaults(&options.engine);
    cr_assert_not_null(first);
    first->generation = 1;
    due.workers = workers_make(&options, 1, first, &error);
    cr_assert_not_null(due.workers, "%s", error.text);
    if (workers_begin(due.workers, NULL, &error))
        return;
    workers_stop(due.workers);
    if (strstr(error.text, "not available"))
        cr_skip_test("skipped: %s", error.text);
    cr_assert_fail("%s", error.text);
}

static void setup(void)
{
    cr_assert_not_null(freopen("/dev/null", "w", stderr));
    strcpy(folder, "/tmp/synward-due-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/profiles.json", folder);
    snprintf(votes, sizeof(votes), "%s.votes", path);
    events = events_new();
    due =
        (struct store_due){.store = store_new(), .report = report_new(events), .store_path = path};
    cr_assert(events && due.store && due.report);
    start_worker();
    begun_us = clock_now_us();
    store_due_begin(&due, begun_us);
}

static void teardown(void)
{
    store_due_end(&due);
    workers_stop(due.workers);
    for (int side = 0; side < 2; side++) {
        close(near[side]);
        close(far[side]);
    }
    report_free(due.report);
    events_free(events);
    store_free(due.store);
    unlink(path);
    unlink(votes);
    cr_assert_eq(rmdir(folder), 0, "something else is left in %s", folder);
}

TestSuite(store_due, .init = setup, .fini = teardown);

static void change(uint16_t port)
{
    struct server_key key = {.addr = addr_from_v4((const uint8_t[4]){198, 51, 100, 1}),
                             .port = port};

    cr_assert_not_null(store_add(due.store, &key));
    store_touch(due.store);
    store_due_changed(&due);
}

/* Turns at this time until no piece is left to do. */
static void finish(uint64_t now_us)
{
    int turns = 0;

    do {
        store_due_turn(&due, now_us);
    } while (store_due_us(&due) == 0 && ++turns < TURNS_MOST);
    cr_assert_lt(turns, TURNS_MOST);
}

static bool told(const char *what)
{
    size_t bytes = 0;
    char *read = events_read(events, &reader, 100, &bytes);
    bool says = read && memmem(read, bytes, what, strlen(what));

    free(read);
    return says;
}

static bool is_there(void)
{
    return access(path, F_OK) == 0;
}

static ino_t inode(void)
{
    struct stat file;

    cr_assert_eq(stat(path, &file), 0);
    return file.st_ino;
}

static size_t files(void)
{
    DIR *opened = opendir(folder);
    size_t count = 0;

    cr_assert_not_null(opened);
    while (readdir(opened))
        count++;
    closedir(opened);
    return count - 2;
}

Test(store_due, nothing_is_due_before_the_store_changes)
{
    cr_assert_eq(store_due_us(&due), UINT64_MAX);
    store_due_changed(&due);
    finish(begun_us);
    cr_assert_eq(store_due_us(&due), UINT64_MAX);
    cr_assert_not(is_there());
}

Test(store_due, a_change_is_a_policy_within_200_ms_and_the_first_one_counts)
{
    const struct policy *before = workers_policy(due.workers);
    uint64_t due_us;

    change(80);
    due_us = store_due_us(&due);
    cr_assert_geq(due_us, begun_us + 200000);
    cr_assert_leq(due_us, clock_now_us() + 200000);
    change(443);
    cr_assert_eq(store_due_us(&due), due_us, "the second change put it off");
    finish(due_us - 1);
    cr_assert_eq(workers_policy(due.workers), before, "too early");
    finish(due_us);
    cr_assert_neq(workers_policy(due.workers), before);
    cr_assert_eq(due.compiled_revision, store_revision(due.store));
    cr_assert_not(is_there(), "its file is not due yet");
}

Test(store_due, without_a_change_there_is_a_policy_once_a_minute)
{
    const struct policy *before = workers_policy(due.workers);

    finish(begun_us + 60 * SECOND_US - 1);
    cr_assert_eq(workers_policy(due.workers), before);
    finish(begun_us + 60 * SECOND_US);
    cr_assert_neq(workers_policy(due.workers), before);
}

Test(store_due, a_policy_is_had_at_once_too_whole_or_in_pieces)
{
    const struct policy *before = workers_policy(due.workers), *between;
    int turns = 0;

    change(80);
    store_due_compile(&due);
    between = workers_policy(due.workers);
    cr_assert_neq(between, before);
    cr_assert(store_due_compile_some(&due, store_revision(due.store)), "it is there already");
    cr_assert_eq(workers_policy(due.workers), between);
    change(443);
    while (!store_due_compile_some(&due, store_revision(due.store)))
        cr_assert_lt(++turns, TURNS_MOST);
    cr_assert_neq(workers_policy(due.workers), between);
}

Test(store_due, the_file_is_there_ten_seconds_after_a_change)
{
    uint64_t due_us;

    change(80);
    store_due_compile(&due);
    due.compile_us = UINT64_MAX; /* that of the change is done */
    due_us = store_due_us(&due);
    cr_assert_geq(due_us, begun_us + 10 * SECOND_US);
    cr_assert_leq(due_us, clock_now_us() + 10 * SECOND_US);
    finish(due_us - 1);
    cr_assert_not(is_there());
    finish(due_us);
    cr_assert(is_there());
    cr_assert(told("saved"));
    cr_assert_eq(due.saved_revision, store_revision(due.store));
    cr_assert_eq(store_due_us(&due), UINT64_MAX);
}

Test(store_due, a_change_while_it_is_saved_is_saved_after_it)
{
    uint64_t revision;

    change(80);
    revision = store_revision(due.store);
    store_due_turn(&due, begun_us + 20 * SECOND_US); /* the policy, and the first piece */
    cr_assert_geq(due.saving.fd, 0);
    change(443);
    finish(begun_us + 20 * SECOND_US);
    cr_assert_eq(due.saved_revision, revision, "what it was when it began");
    store_due_changed(&due);
    cr_assert_neq(due.save_us, UINT64_MAX);
    finish(begun_us + 60 * SECOND_US);
    cr_assert_eq(due.saved_revision, store_revision(due.store));
}

Test(store_due, a_file_that_cannot_be_saved_is_tried_again)
{
    char nowhere[80];
    const uint64_t now_us = begun_us + 20 * SECOND_US;

    snprintf(nowhere, sizeof(nowhere), "%s/missing/profiles.json", folder);
    due.store_path = nowhere;
    change(80);
    finish(now_us);
    cr_assert(told("missing"));
    cr_assert_eq(due.save_us, now_us + 10 * SECOND_US);
    due.store_path = path;
    finish(due.save_us);
    cr_assert(is_there());
    cr_assert_eq(due.saved_revision, store_revision(due.store));
}

Test(store_due, the_end_leaves_nothing_half_done)
{
    change(80);
    store_due_turn(&due, begun_us + 20 * SECOND_US);
    cr_assert_geq(due.saving.fd, 0);
    store_due_end(&due);
    cr_assert_null(due.compiling.policy);
    cr_assert_lt(due.saving.fd, 0);
    cr_assert_eq(files(), 0);
}

Test(store_due, the_last_file_is_written_where_there_is_none_or_another)
{
    struct error error = {0};
    ino_t first;

    cr_assert(store_due_save_at_end(&due, &error), "%s", error.text);
    cr_assert(is_there());
    first = inode();
    cr_assert(store_due_save_at_end(&due, &error));
    cr_assert_eq(inode(), first, "nothing had changed");
    change(80);
    store_due_turn(&due, begun_us + 20 * SECOND_US);
    cr_assert_geq(due.saving.fd, 0);
    cr_assert(store_due_save_at_end(&due, &error), "%s", error.text);
    cr_assert_neq(inode(), first);
    cr_assert_eq(due.saved_revision, store_revision(due.store));
}
