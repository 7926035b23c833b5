/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of bridge/takeover_log.c: what is left, and when it is of use. */
#include "bridge/takeover_log.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/takeover_parts.h"
#include "engine/stages/handover.h"
#include "engine/tcp/flow_record.h"
#include "engine/tcp/joined.h"

static const uint8_t boot[TAKEOVER_BOOT_BYTES] = "boot", other_boot[TAKEOVER_BOOT_BYTES] = "other";
static const uint8_t wire[TAKEOVER_WIRE_BYTES] = "wire", other_wire[TAKEOVER_WIRE_BYTES] = "other";
static const uint64_t seed[2] = {1, 2};
static const struct carrying_left nowhere;
static uint16_t counts[JOINED_COUNTS];
static char folder[64], store[96], path[112];

static void setup(void)
{
    snprintf(folder, sizeof(folder), "/tmp/synward-test-log-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(store, sizeof(store), "%s/profiles.json", folder);
    snprintf(path, sizeof(path), "%s.joined", store);
}

static void teardown(void)
{
    char command[160];

    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(takeover_log, .init = setup, .fini = teardown);

/* Two workers, each with one joined connection, one that is half written, and one without
 * offsets, which passes by itself. */
static struct takeover_log *run_one(void)
{
    struct takeover_log *log = takeover_log_read(store, boot, wire, 0, false);
    struct error error = {0};

    cr_assert_not_null(log);
    cr_assert(takeover_log_begin(log, 2, 16, nowhere, &error), "%s", error.text);
    for (uint32_t worker = 0; worker < 2; worker++) {
        struct engine_config config = {0};

        takeover_log_share(log, worker, &config);
        cr_assert_eq(config.log_rows, 16);
        config.log[3].key.client_port = (uint16_t)(1000 + worker);
        config.log[3].words[0] = 1; /* an offset */
        config.log[3].edited = 1;
        config.log[5].key.client_port = (uint16_t)(3000 + worker); /* its server made it itself */
        config.log[5].edited = 1;
        config.log[4].key.client_port = (uint16_t)(2000 + worker);
    }
    takeover_log_done(log);
    return log;
}

/* How many joined connections the next one finds. */
static unsigned found(const uint8_t *with_boot, const uint8_t *with_wire)
{
    struct takeover_log *log = takeover_log_read(store, with_boot, with_wire, 0, false);
    unsigned count = 0;

    memset(counts, 0, sizeof(counts));
    takeover_log_mark(log, counts, seed, 1);
    for (uint32_t i = 0; i < JOINED_COUNTS; i++)
        count += counts[i];
    takeover_log_mark(log, counts, seed, -1);
    for (uint32_t i = 0; i < JOINED_COUNTS; i++)
        cr_assert_eq(counts[i], 0);
    takeover_log_free(log);
    return count;
}

Test(takeover_log, of_who_was_killed)
{
    struct stat status;

    takeover_log_free(run_one());
    cr_assert_eq(found(boot, wire), 2);
    cr_assert_eq(found(other_boot, wire), 0, "numbers of another boot");
    cr_assert_eq(found(boot, other_wire), 0, "connections of another wire");
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0600);
}

Test(takeover_log, of_who_ended_in_order)
{
    struct takeover_log *log = run_one();

    cr_assert_eq(link(path, store), 0);
    takeover_log_end(log, NULL);
    takeover_log_free(log);
    cr_assert_neq(access(path, F_OK), 0);
    cr_assert_eq(rename(store, path), 0, "as if it could not be removed");
    cr_assert_eq(found(boot, wire), 0);
}

Test(takeover_log, a_start_that_fails_leaves_the_old_one)
{
    struct takeover_log *log;
    struct error error = {0};

    takeover_log_free(run_one());
    log = takeover_log_read(store, boot, wire, 0, false);
    cr_assert(takeover_log_begin(log, 1, 16, nowhere, &error), "%s", error.text);
    takeover_log_free(log);
    cr_assert_eq(found(boot, wire), 2);
    strcat(path, ".next");
    cr_assert_neq(access(path, F_OK), 0, "nothing of ours");
}

/* As of who was killed later, in his start: so many connections, and his records. */
static void fail_a_start_of(unsigned more, bool held, struct carrying_left left)
{
    struct takeover_log *log = takeover_log_read(store, boot, wire, 0, false);
    struct engine_config config = {0};
    struct error error = {0};

    cr_assert(takeover_log_begin(log, 1, 16, left, &error), "%s", error.text);
    takeover_log_share(log, 0, &config);
    for (unsigned i = 0; i < more; i++) {
        config.log[i].key.client_port = (uint16_t)(4000 + i);
        config.log[i].words[0] = config.log[i].edited = 1;
    }
    if (held)
        takeover_log_hold(log);
    takeover_log_free(log);
}

static void fail_a_start(unsigned more, bool held)
{
    fail_a_start_of(more, held, nowhere);
}

/* The records of one whose programs carry, as long as the file is open. */
struct records_left {
    int map;
    struct carrying_left left;
};

static struct records_left leave_records(void)
{
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
    struct bpf_map_info info = {0};
    uint32_t bytes = sizeof(info);
    struct records_left records = {.map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "carry_records", 4,
                                                         sizeof(struct flow_record), 16, &options)};

    if (records.map < 0)
        cr_skip_test("needs BPF, as root");
    cr_assert_eq(bpf_obj_get_info_by_fd(records.map, &info, &bytes), 0);
    records.left = (struct carrying_left){.number = info.id, .each = 16};
    return records;
}

/* Whether programs carry by what has been found. */
static bool is_carried(void)
{
    struct takeover_log *log = takeover_log_read(store, boot, wire, 0, false);
    const bool carried = takeover_log_is_carried(log);

    takeover_log_free(log);
    return carried;
}

/* The kernel lets go of a map a moment after the last file of it is closed. */
static void close_and_wait(struct records_left *records)
{
    close(records->map);
    for (int i = 0; i < 5000; i++) {
        const int map = bpf_map_get_fd_by_id(records->left.number);

        if (map < 0)
            return;
        close(map);
        usleep(1000);
    }
    cr_assert_fail("the map stays");
}

Test(takeover_log, whose_programs_carry_knows_best)
{
    struct records_left old, newer;

    takeover_log_free(run_one());
    old = leave_records();
    newer = leave_records();
    fail_a_start_of(3, true, old.left);
    fail_a_start(5, true);
    cr_assert_eq(found(boot, wire), 3, "not the newest, which has no programs");
    fail_a_start_of(4, true, newer.left);
    cr_assert_eq(found(boot, wire), 3 + 4, "one way each, of two starts: both");
    fail_a_start_of(6, false, nowhere);
    cr_assert_eq(found(boot, wire), 3 + 4, "one that fails before takes neither's place");
    fail_a_start(2, true);
    cr_assert_eq(found(boot, wire), 3 + 4, "nor does one that came no further");
    close_and_wait(&old);
    cr_assert_eq(found(boot, wire), 4);
    close_and_wait(&newer);
    cr_assert_not(is_carried());
    cr_assert_eq(found(boot, wire), 2, "the newest, without any");
}

/* Three files of use: none is given away. */
Test(takeover_log, where_no_file_is_free_a_start_has_none)
{
    struct records_left carry[3] = {leave_records(), leave_records(), leave_records()};
    struct takeover_log *log;
    struct error error = {0};

    for (unsigned i = 0; i < 3; i++)
        fail_a_start_of(i + 1, true, carry[i].left);
    cr_assert_eq(found(boot, wire), 1 + 2 + 3);
    log = takeover_log_read(store, boot, wire, 0, false);
    cr_assert_not(takeover_log_begin(log, 1, 16, nowhere, &error));
    cr_assert_not_null(strstr(error.text, "are of use"), "%s", error.text);
    takeover_log_free(log);
    cr_assert_eq(found(boot, wire), 1 + 2 + 3);
    for (unsigned i = 0; i < 3; i++)
        close_and_wait(&carry[i]);
}

Test(takeover_log, a_start_that_fails_later_leaves_its_own)
{
    takeover_log_free(run_one());
    fail_a_start(3, true);
    cr_assert_eq(found(boot, wire), 3);
    fail_a_start(4, false);
    cr_assert_eq(found(boot, wire), 3, "one that has failed before leaves nothing");
    fail_a_start(5, true);
    fail_a_start(6, true);
    cr_assert_eq(found(boot, wire), 6, "of several it is the last one's");
    takeover_log_free(run_one());
    cr_assert_eq(found(boot, wire), 2, "and whose start is whole takes the place of all");
}

Test(takeover_log, what_was_being_made_is_not_read)
{
    struct takeover_log *log;
    struct error error = {0};

    takeover_log_free(run_one());
    log = takeover_log_read(store, boot, wire, 0, false);
    cr_assert(takeover_log_begin(log, 1, 16, nowhere, &error), "%s", error.text);
    takeover_log_leave(log); /* as of who is killed */
    takeover_log_free(log);
    cr_assert_eq(found(boot, wire), 2);
}

Test(takeover_log, of_use_is_what_is_newer_than_the_rest)
{
    const uint64_t before_us = clock_now_us();
    struct takeover_log *log;
    struct takeover_log_place place = {0};
    struct handed_flow row;

    takeover_log_free(run_one());
    log = takeover_log_read(store, boot, wire, clock_now_us(), false);
    memset(counts, 0, sizeof(counts));
    takeover_log_mark(log, counts, seed, 1);
    for (uint32_t i = 0; i < JOINED_COUNTS; i++)
        cr_assert_eq(counts[i], 0, "STORE.flows was written later");
    cr_assert_not(takeover_log_next(log, &place, &row));
    takeover_log_free(log);
    log = takeover_log_read(store, boot, wire, before_us - 1, true);
    takeover_log_mark(log, counts, seed, 1);
    for (uint32_t i = 0; i < JOINED_COUNTS; i++)
        cr_assert_eq(counts[i], 0, "what STORE.flows says is what is carried");
    takeover_log_free(log);
}

Test(takeover_log, who_was_forked_leaves_it_to_the_other)
{
    struct takeover_log *log = takeover_log_read(store, boot, wire, 0, false);
    struct error error = {0};

    cr_assert(takeover_log_begin(log, 1, 16, nowhere, &error), "%s", error.text);
    takeover_log_leave(log);
    takeover_log_free(log);
    strcat(path, ".next");
    cr_assert_eq(access(path, F_OK), 0);
}

Test(takeover_log, nothing_is_carried_where_no_records_are_left)
{
    struct takeover_log *log;

    takeover_log_free(run_one());
    log = takeover_log_read(store, boot, wire, 0, false);
    cr_assert_not(takeover_log_is_carried(log));
    takeover_log_free(log);
}

Test(takeover_log, what_somebody_else_could_have_written_is_not_read)
{
    takeover_log_free(run_one());
    cr_assert_eq(chmod(path, 0644), 0);
    cr_assert_eq(found(boot, wire), 0);
}

Test(takeover_log, what_is_cut_short_is_not_read)
{
    takeover_log_free(run_one());
    cr_assert_eq(truncate(path, 4096 + 10 * 96), 0);
    cr_assert_eq(found(boot, wire), 0);
    cr_assert_eq(truncate(path, 100), 0);
    cr_assert_eq(found(boot, wire), 0);
}

Test(takeover_log, without_room_there_is_none)
{
    struct takeover_log *log = takeover_log_read("/proc/nowhere", boot, wire, 0, false);
    struct engine_config config = {0};
    struct error error = {0};

    cr_assert_not(takeover_log_begin(log, 1, 16, nowhere, &error));
    takeover_log_share(log, 0, &config);
    cr_assert_null(config.log);
    takeover_log_free(log);
}
