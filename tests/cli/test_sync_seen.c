/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of cli/sync_seen.c: what was seen is known after a new start. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/sync_memory.h"

#define NOW_MS 1800000000000ull

static char folder[64], path[80];

static void setup(void)
{
    cr_assert_geq(sodium_init(), 0);
    snprintf(folder, sizeof(folder), "/tmp/synward-seen-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/seen", folder);
}

static void teardown(void)
{
    unlink(path);
    rmdir(folder);
}

TestSuite(sync_seen, .init = setup, .fini = teardown);

static struct sync_seen *open_it(void)
{
    struct error error = {0};
    struct sync_seen *seen = sync_seen_open(path, &error);

    cr_assert_not_null(seen, "%s", error.text);
    return seen;
}

static void note(struct sync_seen *seen, unsigned number, uint64_t version, uint64_t until_ms,
                 uint64_t now_ms)
{
    uint8_t id[SYNC_SEEN_ID_BYTES];

    sync_seen_id((const char *)&number, sizeof(number), id);
    sync_seen_note(seen, id, version, until_ms, now_ms);
}

static uint64_t version(const struct sync_seen *seen, unsigned number)
{
    uint8_t id[SYNC_SEEN_ID_BYTES];

    sync_seen_id((const char *)&number, sizeof(number), id);
    return sync_seen_version(seen, id);
}

Test(sync_seen, a_new_start_knows_it)
{
    struct sync_seen *seen = open_it();
    struct stat status;

    for (unsigned i = 0; i < 20000; i++)
        note(seen, i, 1000 + i, NOW_MS + 86400000, NOW_MS);
    note(seen, 7, 5000, NOW_MS + 86400000, NOW_MS);
    sync_seen_close(seen);
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0600);
    seen = open_it();
    for (unsigned i = 0; i < 20000; i++)
        cr_assert_eq(version(seen, i), i == 7 ? 5000 : 1000 + i);
    cr_assert_eq(version(seen, 20000), 0);
    sync_seen_close(seen);
}

/* A value of a sync before this one is the least that the memory of this one takes. */
Test(sync_seen, the_memory_begins_with_it)
{
    const struct sync_place place = {"synward:c:rules", "198.51.100.0/24"};
    struct sync_seen *seen = open_it();
    struct sync_memory *memory = sync_memory_new(seen);
    struct sync_known *known = sync_memory_of(memory, place, true);

    cr_assert_eq(known->floor, 0);
    sync_seen_note(seen, known->id, 77, NOW_MS + 86400000, NOW_MS);
    sync_memory_free(memory);
    sync_seen_close(seen);
    seen = open_it();
    memory = sync_memory_new(seen);
    cr_assert_eq(sync_memory_of(memory, place, true)->floor, 77);
    sync_memory_free(memory);
    sync_seen_close(seen);
}

/* Twice as many as there is room for: those whose time is over have gone. */
Test(sync_seen, what_is_over_gives_room)
{
    const uint64_t later_ms = NOW_MS + 86400000;
    struct sync_seen *seen = open_it();
    unsigned kept = 0;

    for (unsigned i = 0; i < SYNC_SEEN_MOST / 2; i++)
        note(seen, i, 1, NOW_MS + 60000, NOW_MS);
    for (unsigned i = 0; i < SYNC_SEEN_MOST / 2; i++)
        note(seen, SYNC_SEEN_MOST + i, 2, later_ms + 60000, later_ms);
    for (unsigned i = 0; i < SYNC_SEEN_MOST / 2; i++)
        kept += version(seen, SYNC_SEEN_MOST + i) == 2;
    cr_assert_eq(kept, SYNC_SEEN_MOST / 2);
    sync_seen_close(seen);
}

static void assert_refused(const char *why)
{
    struct error error = {0};

    cr_assert_null(sync_seen_open(path, &error));
    cr_assert(strstr(error.text, why), "%s", error.text);
}

Test(sync_seen, nobody_elses_file)
{
    struct sync_seen *seen = open_it();
    FILE *file;

    assert_refused("another `synward sync` has it");
    sync_seen_close(seen);
    cr_assert_eq(truncate(path, 5000), 0);
    assert_refused("cut short");
    unlink(path);
    file = fopen(path, "w");
    fputs("mine", file);
    fclose(file);
    assert_refused("another program's");
    unlink(path);
    cr_assert_eq(symlink("/etc/hostname", path), 0);
    assert_refused("--state");
}
