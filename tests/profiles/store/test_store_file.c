/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_store_file.c - the store as a file: what can go wrong, and how it is said. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "profiles/model/profile.h"
#include "profiles/store/store.h"

static char folder[64], path[128];

static void setup(void)
{
    snprintf(folder, sizeof(folder), "/tmp/synward-test-store-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/profiles.json", folder);
}

static void teardown(void)
{
    char command[160];
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(store_file, .init = setup, .fini = teardown);

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static struct store *with_servers(uint16_t count)
{
    struct store *store = store_new();
    for (uint16_t i = 0; i < count; i++) {
        const uint8_t v4[4] = {10, 0, 0, 1};
        const struct server_key key = {.addr = addr_from_v4(v4), .port = (uint16_t)(1000 + i)};
        cr_assert_not_null(store_add(store, &key));
    }
    return store;
}

Test(store_file, saved_is_loaded)
{
    struct store *store = with_servers(20), *read = store_new();
    struct error error = {0};
    cr_assert(store_save(store, path, &error), "%s", error.text);
    cr_assert(store_save(store, path, &error), "%s", error.text);
    cr_assert(store_load(read, path, &error), "%s", error.text);
    cr_assert_eq(store_count(read), 20);
    cr_assert_eq(store_at(read, 3)->key.port, 1003);
    struct stat status;
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(status.st_mode & 07777, 0640);
    store_free(store);
    store_free(read);
}

Test(store_file, missing_file_is_an_empty_store_and_missing_folder_an_error)
{
    struct store *store = store_new();
    struct error error = {0};
    cr_assert(store_load(store, path, &error), "%s", error.text);
    cr_assert_eq(store_count(store), 0);
    cr_assert_not(store_import(store, path, &error));
    cr_assert_not(store_load(store, "/nonexistent/folder/profiles.json", &error));
    cr_assert(strstr(error.text, "/nonexistent/folder"), "%s", error.text);
    cr_assert_not(store_save(store, "/nonexistent/folder/profiles.json", &error));
    cr_assert_not(store_save(store, folder, &error), "a folder is no store");
    store_free(store);
}

Test(store_file, faults_name_the_line)
{
    static const struct {
        const char *text;
        int line;
        const char *reason;
    } bad[] = {
        {"", 1, "too early"},
        {"{\"synward\": {\"version\": \"0.1.0\",\n \"schema\": 1},\n \"profiles\": [\n", 4,
         "too early"},
        {"{\"synward\": {\"schema\": 1},\n\"profiles\": [,]}", 2, ""},
        {"{\"synward\": {\"schema\": 1},\n\"profiles\": []} x", 2, ""},
        {"{\n\"synward\":\n{\"schema\": 2}, \"profiles\": []}", 3, "newer"},
        {"{}", 1, "synward"},
        {"{\"synward\": {\"schema\": 1}}", 1, "profiles"},
        {"[1]", 1, "object"},
        {"{\"synward\": {\"schema\": 1}, \"profiles\": [\n{\"server\": \"10.0.0.1\",\n\"port\": "
         "80, "
         "\"port\": 81}]}",
         3, "\"port\" stands twice"},
        {"{\"synward\": {\"schema\": 1}, \"profiles\": [\n{\"server\": \"10.0.0.1\", \"port\": "
         "80},\n"
         "{\"server\": \"10.0.0.2\",\n\"port\": 123456}]}",
         4, "profile 2: port"},
        {"{\"synward\": {\"schema\": 1}, \"profiles\": [\n{\"server\": \"10.0.0.1\", \"port\": "
         "80},\n"
         "{\"server\": \"10.0.0.1\", \"port\": 80}]}",
         3, "same server"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct store *store = store_new();
        struct error error = {0};
        char place[192];
        write_file(bad[i].text);
        cr_assert_not(store_load(store, path, &error), "%s", bad[i].text);
        snprintf(place, sizeof(place), "%s:%d: ", path, bad[i].line);
        cr_assert(strstr(error.text, place) && strstr(error.text, bad[i].reason), "%zu: %s", i,
                  error.text);
        cr_assert_eq(error.code, EXIT_FAILED);
        store_free(store);
    }
}

Test(store_file, import_is_all_or_nothing)
{
    struct store *store = with_servers(2);
    struct error error = {0};
    write_file(
        "{\"synward\": {\"schema\": 1}, \"profiles\": [{\"server\": \"10.0.0.1\", \"port\": 1000, "
        "\"evidence\": {\"requests\": 5}}, {\"server\": \"::1\", \"port\": 80}, {\"port\": 1}]}");
    cr_assert_not(store_import(store, path, &error));
    cr_assert_eq(store_count(store), 2);
    cr_assert_eq(store_at(store, 0)->requests, 0);
    write_file(
        "{\"synward\": {\"schema\": 1}, \"profiles\": [{\"server\": \"10.0.0.1\", \"port\": 1000, "
        "\"evidence\": {\"requests\": 5}}, {\"server\": \"::1\", \"port\": 80}]}");
    cr_assert(store_import(store, path, &error), "%s", error.text);
    cr_assert_eq(store_count(store), 3);
    const uint8_t v4[4] = {10, 0, 0, 1};
    const struct server_key key = {.addr = addr_from_v4(v4), .port = 1000};
    cr_assert_eq(store_find(store, &key)->requests, 5);
    store_free(store);
}

Test(store_file, symbolic_link_and_mode_are_kept)
{
    char link[160];
    struct stat status;
    struct store *store = with_servers(1);
    struct error error = {0};
    snprintf(link, sizeof(link), "%s/link", folder);
    cr_assert(store_save(store, path, &error));
    cr_assert_eq(chmod(path, 0600), 0);
    cr_assert_eq(symlink("profiles.json", link), 0);
    cr_assert(store_save(store, link, &error), "%s", error.text);
    cr_assert(lstat(link, &status) == 0 && S_ISLNK(status.st_mode));
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0600);
    store_free(store);
}

Test(store_file, what_lies_in_the_way_is_not_written_to)
{
    char beside[160], other[160];
    struct stat status;
    struct store *store = with_servers(1);
    struct error error = {0};
    snprintf(beside, sizeof(beside), "%s.new", path);
    snprintf(other, sizeof(other), "%s/other", folder);
    write_file("");
    cr_assert_eq(rename(path, other), 0);
    cr_assert_eq(link(other, beside), 0);
    cr_assert(store_save(store, path, &error), "%s", error.text);
    cr_assert_eq(stat(other, &status), 0);
    cr_assert_eq(status.st_size, 0);
    cr_assert_eq(symlink(other, beside), 0);
    cr_assert_not(store_save(store, path, &error));
    cr_assert_eq(stat(other, &status), 0);
    cr_assert_eq(status.st_size, 0);
    cr_assert_eq(unlink(beside), 0);
    cr_assert_eq(mkfifo(beside, 0600), 0);
    cr_assert_not(store_save(store, path, &error));
    store_free(store);
}

#define STORE_OF_0_1_0 "tests/profiles/store/store-0.1.0.json"

/* The caller frees the text. */
static char *read_whole(const char *name, size_t *bytes)
{
    FILE *file = fopen(name, "r");
    char *text = NULL;
    size_t capacity = 0;
    ssize_t got;

    cr_assert_not_null(file, "%s (tests run in the project's folder)", name);
    got = getdelim(&text, &capacity, '\0', file);
    cr_assert_gt(got, 0);
    fclose(file);
    *bytes = (size_t)got;
    return text;
}

/*
 * The file was written by 0.1.0: profiles of every protocol's kind, of every kind of greeting,
 * with all settings, VLANs, keywords, forms and patterns. Only the version of the writer differs.
 */
Test(store_file, store_of_0_1_0_is_written_back_as_it_was)
{
    struct store *store = store_new();
    struct error error = {0};
    size_t before_bytes, after_bytes;
    char *before = read_whole(STORE_OF_0_1_0, &before_bytes), *after, *profiles;

    cr_assert(store_load(store, STORE_OF_0_1_0, &error), "%s", error.text);
    cr_assert_eq(store_count(store), 17);
    cr_assert(store_save(store, path, &error), "%s", error.text);
    after = read_whole(path, &after_bytes);
    profiles = strstr(before, "\"profiles\"");
    cr_assert_not_null(profiles);
    cr_assert_str_eq(strstr(after, "\"profiles\""), profiles);
    free(before);
    free(after);
    store_free(store);
}
