/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_keeping.c - the store's files by the keeper's hands. */
#include "bridge/keeping.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

/* --- whoever is killed meanwhile -----------------------------------------------------------------
 */

/* Killed when both together have been stopped so often, at the entry of a system call or behind it.
 */
enum killed { KILLED_BRIDGE, KILLED_KEEPER, KILLED_BOTH, KILLED_KINDS };

#define SYSCALL_STOP (SIGTRAP | 0x80)

struct pair {
    pid_t bridge, keeper; /* 0: not there yet, or ended */
    bool saved;
};

static const char old_text[] = "old", new_text[] = "what is new";

static void save_traced(void)
{
    struct error error = {0};
    struct keeping *keeping;

    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    keeping = start();
    _exit(file_hands_save(keeping_hands(keeping), KEPT_STATE, new_text, strlen(new_text), &error)
              ? EXIT_DONE
              : EXIT_FAILED);
}

static void has_ended(struct pair *pair, pid_t who, int status)
{
    if (who == pair->keeper)
        pair->keeper = 0;
    if (who != pair->bridge)
        return;
    pair->bridge = 0;
    pair->saved = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_DONE;
}

/* False: both have ended. */
static bool next_stop(struct pair *pair)
{
    for (;;) {
        int status = 0;
        const pid_t who = waitpid(-1, &status, __WALL);

        if (who < 0)
            return false;
        if (WIFSTOPPED(status)) {
            if (who != pair->bridge)
                pair->keeper = who;
            if (WSTOPSIG(status) == SYSCALL_STOP) {
                ptrace(PTRACE_SYSCALL, who, NULL, NULL);
                return true;
            }
            ptrace(PTRACE_SYSCALL, who, NULL, NULL); /* it begins, or has forked */
        } else {
            has_ended(pair, who, status);
        }
    }
}

static void kill_of(const struct pair *pair, enum killed killed)
{
    if (pair->bridge && killed != KILLED_KEEPER)
        kill(pair->bridge, SIGKILL);
    if (pair->keeper && killed != KILLED_BRIDGE)
        kill(pair->keeper, SIGKILL);
}

/* True: they had ended before. `*saved`: the bridge was told that it is saved. */
static bool kill_at(unsigned stops, enum killed killed, bool *saved)
{
    struct pair pair = {.bridge = fork()};
    bool ended = false;

    cr_assert_geq(pair.bridge, 0);
    if (pair.bridge == 0)
        save_traced();
    cr_assert_eq(waitpid(pair.bridge, NULL, 0), pair.bridge);
    ptrace(PTRACE_SETOPTIONS, pair.bridge, NULL,
           PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_EXITKILL);
    ptrace(PTRACE_SYSCALL, pair.bridge, NULL, NULL);
    for (unsigned i = 0; i < stops && !ended; i++)
        ended = !next_stop(&pair);
    kill_of(&pair, killed);
    while (!ended && next_stop(&pair)) /* what the other one makes of it */
        continue;
    *saved = pair.saved;
    return ended;
}

static bool state_is(const char *text)
{
    FILE *file = fopen(state, "r");
    char found[64] = "";
    size_t bytes;

    cr_assert_not_null(file);
    bytes = fread(found, 1, sizeof(found), file);
    fclose(file);
    return bytes == strlen(text) && memcmp(found, text, bytes) == 0;
}

static void save_old(void)
{
    struct keeping *keeping = start();
    struct error error = {0};

    cr_assert(
        file_hands_save(keeping_hands(keeping), KEPT_STATE, old_text, strlen(old_text), &error),
        "what a killed one left is in the way: %s", error.text);
    keeping_stop(keeping);
}

/* From the first system call to the last. Returns how often somebody was killed; of these `*fresh`
 * times the new file was there then. */
static unsigned kill_everywhere(enum killed killed, unsigned *fresh)
{
    for (unsigned stops = 1;; stops++) {
        bool saved, ended;

        save_old();
        ended = kill_at(stops, killed, &saved);
        if (ended || saved)
            cr_assert(state_is(new_text), "it was told saved, and is not, after %u stops", stops);
        if (ended)
            return stops - 1;
        if (state_is(new_text))
            ++*fresh;
        else
            cr_assert(state_is(old_text), "neither old nor new after %u stops", stops);
    }
}

Test(keeping, killed_at_every_system_call_of_a_save, .timeout = 120)
{
    for (enum killed killed = KILLED_BRIDGE; killed < KILLED_KINDS; killed++) {
        unsigned fresh = 0;
        const unsigned kills = kill_everywhere(killed, &fresh);

        fprintf(stderr, "keeping: killed %u times, %u behind the rename\n", kills, fresh);
        cr_expect_gt(kills, 30u, "what is saved takes more");
        cr_expect(fresh > 0 && fresh < kills, "never killed before it, or behind");
    }
}
