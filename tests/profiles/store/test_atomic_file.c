/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of profiles/store/atomic_file.c: whoever is killed while he saves, at whatever system call,
 * leaves the old file or the new one; and nothing takes the old one's place before the disk has it,
 * so that the same holds where the power is cut. SYNWARD_TEST_KILLS=10000 is the long run, which is
 * in make check-more.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "profiles/store/atomic_file.h"

#define KILLS_LEAST 200u
#define TEXT_MAX    300000u /* more than one write() may take at once */
#define SYSCALL     (SIGTRAP | 0x80)

struct saving_test {
    char folder[64], path[80], beside[96];
    bool unsynced;
    char *old, *fresh;
    size_t old_bytes, fresh_bytes;
};

static char *text_of(char letter, size_t bytes)
{
    char *text = malloc(bytes + 1);

    cr_assert_not_null(text);
    memset(text, letter, bytes);
    text[bytes] = '\0';
    return text;
}

static bool save(const struct saving_test *test, const char *text, size_t bytes)
{
    const struct atomic_file file = {.path = test->path,
                                     .what = "test",
                                     .owner = test->path,
                                     .mode = 0600,
                                     .unsynced = test->unsynced};
    struct error error = {0};

    return atomic_file_save(&file, text, bytes, &error);
}

static void begin(struct saving_test *test, size_t old_bytes, size_t fresh_bytes)
{
    *test = (struct saving_test){
        .folder = "/tmp/synward-atomic-XXXXXX", .old_bytes = old_bytes, .fresh_bytes = fresh_bytes};
    cr_assert_not_null(mkdtemp(test->folder));
    snprintf(test->path, sizeof(test->path), "%s/file", test->folder);
    snprintf(test->beside, sizeof(test->beside), "%s.new", test->path);
    test->old = text_of('o', old_bytes);
    test->fresh = text_of('n', fresh_bytes);
}

static void finish(struct saving_test *test)
{
    unlink(test->path);
    unlink(test->beside);
    cr_assert_eq(rmdir(test->folder), 0, "something else was left in the folder");
    free(test->old);
    free(test->fresh);
}

static bool holds(const char *path, const char *text, size_t bytes)
{
    char *found = malloc(bytes + 1);
    FILE *file = fopen(path, "r");
    const size_t got = file && found ? fread(found, 1, bytes + 1, file) : 0;
    const bool same = file && got == bytes && memcmp(found, text, bytes) == 0;

    if (file)
        fclose(file);
    free(found);
    return same;
}

static pid_t start_saving(const struct saving_test *test)
{
    const pid_t child = fork();

    cr_assert_geq(child, 0);
    if (child > 0)
        return child;
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    _exit(save(test, test->fresh, test->fresh_bytes) ? 0 : 1);
}

/* Kills it when it has been stopped so often, at the entry of a system call or behind it. True: it
 * had ended before. */
static bool kill_at(const struct saving_test *test, unsigned stops)
{
    const pid_t child = start_saving(test);
    int status = 0;

    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSTOPPED(status));
    ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    for (unsigned i = 0; i < stops; i++) {
        ptrace(PTRACE_SYSCALL, child, NULL, NULL);
        cr_assert_eq(waitpid(child, &status, 0), child);
        if (WIFEXITED(status)) {
            cr_assert_eq(WEXITSTATUS(status), 0, "it cannot save");
            return true;
        }
        cr_assert(WIFSTOPPED(status) && WSTOPSIG(status) == SYSCALL);
    }
    kill(child, SIGKILL);
    cr_assert_eq(waitpid(child, &status, 0), child);
    return false;
}

/* From the first system call to the last. Returns how often it was killed; `*fresh` counts how
 * often the new file was there then. */
static unsigned kill_everywhere(struct saving_test *test, unsigned *fresh)
{
    unsigned kills = 0;

    for (bool ended = false; !ended; kills += !ended) {
        cr_assert(save(test, test->old, test->old_bytes), "what a killed one left is in the way");
        ended = kill_at(test, kills + 1);
        if (holds(test->path, test->fresh, test->fresh_bytes))
            ++*fresh;
        else
            cr_assert(!ended && holds(test->path, test->old, test->old_bytes),
                      "neither old nor new after %u stops", kills + 1);
    }
    return kills;
}

Test(atomic_file, killed_at_every_system_call, .timeout = 3600)
{
    const char *wanted = getenv("SYNWARD_TEST_KILLS");
    const unsigned long most = wanted ? strtoul(wanted, NULL, 10) : KILLS_LEAST;
    unsigned kills = 0, fresh = 0, rounds = 0;

    for (; kills < most; rounds++) {
        struct saving_test test;

        begin(&test, 1 + rounds * 7919 % TEXT_MAX, 1 + (rounds + 3) * 104729 % TEXT_MAX);
        kills += kill_everywhere(&test, &fresh);
        finish(&test);
    }
    fprintf(stderr, "atomic_file: killed %u times, %u behind the rename\n", kills, fresh);
    cr_assert_gt(fresh, rounds, "it was never killed behind the rename");
    cr_assert_lt(fresh, kills, "it was never killed before it");
}

/* What a power cut could undo, as the system calls of a save go by. */
struct disk {
    int file;        /* that is written to */
    bool dirty;      /* it has bytes that may be lost */
    bool taken;      /* the old one's place */
    bool taken_soon; /* while it was dirty */
    bool kept;       /* the folder has been synced since */
};

static void follow(struct disk *disk, const struct __ptrace_syscall_info *call)
{
    const int fd = (int)call->entry.args[0];

    switch (call->entry.nr) {
    case SYS_write:
    case SYS_ftruncate:
        disk->file = fd;
        disk->dirty = true;
        break;
    case SYS_fsync:
        if (fd == disk->file)
            disk->dirty = false;
        else
            disk->kept = disk->taken;
        break;
#ifdef SYS_rename
    case SYS_rename:
#endif
#ifdef SYS_renameat
    case SYS_renameat:
#endif
    case SYS_renameat2:
        disk->taken = true;
        disk->taken_soon = disk->dirty;
        break;
    default:
        break;
    }
}

static struct disk follow_save(const struct saving_test *test)
{
    const pid_t child = start_saving(test);
    struct disk disk = {.file = -1};
    int status = 0;

    cr_assert_eq(waitpid(child, &status, 0), child);
    ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    for (;;) {
        struct __ptrace_syscall_info call = {0};

        ptrace(PTRACE_SYSCALL, child, NULL, NULL);
        cr_assert_eq(waitpid(child, &status, 0), child);
        if (WIFEXITED(status))
            break;
        cr_assert_gt(ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(call), &call), 0);
        if (call.op == PTRACE_SYSCALL_INFO_ENTRY)
            follow(&disk, &call);
    }
    cr_assert_eq(WEXITSTATUS(status), 0, "it cannot save");
    return disk;
}

Test(atomic_file, the_disk_has_it_before_it_takes_the_place)
{
    struct saving_test test;
    struct disk disk;

    begin(&test, 1000, TEXT_MAX);
    cr_assert(save(&test, test.old, test.old_bytes));
    disk = follow_save(&test);
    cr_assert(disk.taken && !disk.taken_soon, "the new file may be there without its bytes");
    cr_assert(disk.kept, "it may be gone again after it was said to be saved");
    test.unsynced = true;
    disk = follow_save(&test);
    cr_assert(disk.taken && disk.taken_soon && !disk.kept, "where nobody wants that it is seen");
    finish(&test);
}

/* The judge above sees a file that is written in place. */
Test(atomic_file, a_file_that_is_half_written_is_found)
{
    struct saving_test test;
    FILE *file;

    begin(&test, 1000, 2000);
    cr_assert(save(&test, test.old, test.old_bytes));
    file = fopen(test.path, "r+");
    cr_assert_not_null(file);
    fwrite(test.fresh, 1, 500, file);
    fclose(file);
    cr_assert_not(holds(test.path, test.old, test.old_bytes));
    cr_assert_not(holds(test.path, test.fresh, test.fresh_bytes));
    finish(&test);
}

/* Somebody who keeps the lock holds nobody up for ever, and the old file stays. */
Test(atomic_file, a_lock_is_not_waited_for, .timeout = 20)
{
    struct saving_test test;
    struct stat status;
    int lock;

    begin(&test, 100, 200);
    cr_assert(save(&test, test.old, test.old_bytes));
    lock = open(test.beside, O_RDWR | O_CREAT, 0600);
    cr_assert_eq(flock(lock, LOCK_EX), 0);
    cr_assert_not(save(&test, test.fresh, test.fresh_bytes));
    cr_assert_eq(stat(test.path, &status), 0);
    cr_assert_eq(status.st_size, (off_t)test.old_bytes);
    close(lock);
    cr_assert(save(&test, test.fresh, test.fresh_bytes));
    finish(&test);
}
