/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_votes_file.c - the votes beside the store: they survive, and a broken file harms nobody. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "profiles/model/profile.h"
#include "profiles/store/votes_file.h"

#define NOW_S 1800000000u

static char folder[64], path[128], votes[160], aside[192];

static void setup(void)
{
    snprintf(folder, sizeof(folder), "/tmp/synward-test-votes-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/profiles.json", folder);
    snprintf(votes, sizeof(votes), "%s.votes", path);
    snprintf(aside, sizeof(aside), "%s.bad", votes);
}

static void teardown(void)
{
    char command[160];

    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(votes_file, .init = setup, .fini = teardown);

static struct server_key server(uint16_t port)
{
    const uint8_t v4[4] = {10, 0, 0, 1};

    return (struct server_key){
        .addr = addr_from_v4(v4), .port = port, .vlan = {.id = {0x1007, 0x1005}}};
}

static struct ip_addr client(uint8_t number)
{
    const uint8_t v4[4] = {number, 1, 2, 3};

    return addr_from_v4(v4);
}

/* Three servers, with 0, 5 and 10 rows. */
static struct store *with_votes(void)
{
    struct store *store = store_new();

    for (uint16_t i = 0; i < 3; i++) {
        const struct server_key key = server((uint16_t)(80 + i));
        struct profile *profile = store_add(store, &key);

        for (uint8_t j = 0; j < 5 * i; j++) {
            const struct ip_addr addr = client((uint8_t)(11 + j));
            const uint64_t prefix = ballot_prefix(store_ballot_key(store), &addr);

            ballot_serve(&profile->ballot, prefix, NOW_S)->votes = VOTE_FORM(j);
        }
        profile->ballot.zeros = 0;
    }
    return store;
}

static void save(const struct store *store)
{
    struct error error = {0};

    cr_assert(store_save(store, path, &error), "%s", error.text);
    cr_assert(votes_save(store, path, &error), "%s", error.text);
}

static struct store *load(bool there, struct error *why)
{
    struct store *store = store_new();

    cr_assert(store_load(store, path, why), "%s", why->text);
    cr_assert_eq(votes_load(store, path, why), there, "%s", why->text);
    return store;
}

static void assert_anew(const struct store *store)
{
    for (size_t i = 0; i < store_count(store); i++)
        cr_assert_eq(store_at(store, i)->ballot.count, 0);
}

Test(votes_file, votes_survive_a_restart_with_their_key)
{
    struct store *store = with_votes();
    struct error why = {0};
    struct store *read;
    struct stat status;

    save(store);
    save(store);
    read = load(true, &why);
    cr_assert_eq(memcmp(store_ballot_key(read), store_ballot_key(store), BALLOT_KEY_BYTES), 0);
    for (size_t i = 0; i < 3; i++) {
        const struct ballot *before = &store_at(store, i)->ballot,
                            *after = &store_at(read, i)->ballot;

        cr_assert_eq(after->count, 5 * i);
        cr_assert_eq(after->zeros, before->zeros);
        cr_assert_eq(memcmp(after->rows, before->rows, 5 * i * sizeof(after->rows[0])), 0);
    }
    cr_assert_eq(stat(votes, &status), 0);
    cr_assert_eq(status.st_mode & 07777, 0600, "they tell who was served");
    store_free(store);
    store_free(read);
}

Test(votes_file, mode_is_0600_whatever_it_was)
{
    struct store *store = with_votes();
    struct stat status;

    save(store);
    cr_assert_eq(chmod(votes, 0644), 0);
    save(store);
    cr_assert_eq(stat(votes, &status), 0);
    cr_assert_eq(status.st_mode & 07777, 0600);
    store_free(store);
}

Test(votes_file, no_store_needs_no_votes)
{
    struct store *store = store_new();
    struct error why = {0};

    cr_assert(votes_load(store, path, &why), "%s", why.text);
    store_free(store);
}

Test(votes_file, missing_votes_begin_anew_and_are_told)
{
    struct store *store = with_votes();
    struct error why = {0};
    struct store *read;

    save(store);
    cr_assert_eq(unlink(votes), 0);
    read = load(false, &why);
    assert_anew(read);
    cr_assert(strstr(why.text, path), "%s", why.text);
    cr_assert_neq(access(aside, F_OK), 0);
    store_free(store);
    store_free(read);
}

static uint8_t file[4096];

static size_t read_file(void)
{
    FILE *stream = fopen(votes, "r");
    const size_t bytes = fread(file, 1, sizeof(file), stream);

    fclose(stream);
    cr_assert_lt(bytes, sizeof(file));
    return bytes;
}

static void write_file(size_t bytes)
{
    FILE *stream = fopen(votes, "w");

    cr_assert_eq(fwrite(file, 1, bytes, stream), bytes);
    fclose(stream);
}

static void assert_put_aside(size_t bytes)
{
    struct error why = {0};
    struct store *read;

    write_file(bytes);
    read = load(false, &why);
    assert_anew(read);
    cr_assert_neq(access(votes, F_OK), 0);
    cr_assert_eq(access(aside, F_OK), 0);
    cr_assert(strstr(why.text, aside), "%s", why.text);
    store_free(read);
}

/* Cut at every byte, and each byte changed. */
Test(votes_file, broken_votes_are_put_aside)
{
    struct store *store = with_votes();
    size_t bytes;

    save(store);
    bytes = read_file();
    cr_assert_eq(bytes, 16 + 16 + 3 * 30 + 15 * 24 + 16);
    for (size_t i = 0; i < bytes; i++)
        assert_put_aside(i);
    for (size_t i = 0; i < bytes; i++) {
        file[i] ^= 0x40;
        assert_put_aside(bytes);
        file[i] ^= 0x40;
    }
    write_file(bytes);
    store_free(store);
    store = load(true, &(struct error){0});
    cr_assert_eq(store_at(store, 2)->ballot.count, 10);
    store_free(store);
}

/* Who only looks moves nothing. */
Test(votes_file, looking_moves_nothing)
{
    struct store *store = with_votes();

    save(store);
    write_file(read_file() - 1);
    cr_assert_eq(votes_look(store, path), VOTES_BROKEN);
    assert_anew(store);
    cr_assert_eq(access(votes, F_OK), 0);
    store_free(store);
}

/* The store was saved, the votes were not: those of servers that are gone are passed over. */
Test(votes_file, votes_of_forgotten_servers_are_passed_over)
{
    struct store *store = with_votes();
    const struct server_key key = server(81);
    struct error error = {0};
    struct store *read;

    save(store);
    cr_assert(store_forget(store, &key));
    cr_assert(store_save(store, path, &error), "%s", error.text);
    read = load(true, &error);
    cr_assert_eq(store_count(read), 2);
    cr_assert_eq(store_at(read, 1)->ballot.count, 10);
    store_free(store);
    store_free(read);
}
