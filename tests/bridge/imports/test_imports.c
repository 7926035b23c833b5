/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of sources: pieces, all as one, the file. */
#include "bridge/imports/imports.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct imports *imports;
static char folder[64], store[96], path[112];

static void setup(void)
{
    snprintf(folder, sizeof(folder), "/tmp/synward-test-imports-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(store, sizeof(store), "%s/profiles.json", folder);
    snprintf(path, sizeof(path), "%s.lists", store);
    imports = imports_new();
}

static void teardown(void)
{
    char command[160];

    imports_free(imports);
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(imports, .init = setup, .fini = teardown);

static bool add(const char *name, uint32_t from, const char *prefixes, struct error *error)
{
    *error = (struct error){0};
    return imports_add(imports, name, from, prefixes, error);
}

static void import(const char *name, const char *prefixes)
{
    struct error error;

    cr_assert(add(name, 0, prefixes, &error), "%s", error.text);
    cr_assert(imports_end(imports, name, &error), "%s", error.text);
}

static bool listed(const char *text)
{
    struct source_lists *lists;
    struct ip_addr addr;
    bool found;

    cr_assert(addr_from_text(text, &addr));
    cr_assert(imports_compile(imports, &lists));
    found = lists && source_lists_have(lists, &addr);
    free(lists);
    return found;
}

Test(imports, both_families_and_the_edges_of_prefixes)
{
    import("a", "0.0.0.0/8 198.51.100.0/24 198.51.101.0/24 203.0.113.7 255.255.255.255/32 "
                "2001:db8::/32 2001:db9::/64 2001:db9:0:1::/65 fd77::1");
    cr_expect_eq(imports->lists[0].v4_count, 4, "neighbours are one range");
    cr_expect_eq(imports->lists[0].v6_count, 2, "neighbours are one range");
    cr_expect(listed("0.0.0.0") && listed("0.255.255.255") && !listed("1.0.0.0"));
    cr_expect(!listed("198.51.99.255") && listed("198.51.100.0") && listed("198.51.101.255"));
    cr_expect(!listed("198.51.102.0") && !listed("203.0.113.6") && listed("203.0.113.7"));
    cr_expect(!listed("203.0.113.8") && listed("255.255.255.255") && !listed("255.255.255.254"));
    cr_expect(listed("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff") && !listed("2001:db7:ffff::"));
    cr_expect(listed("2001:db9:0:1:7fff:ffff:ffff:ffff") && !listed("2001:db9:0:1:8000::"));
    cr_expect(listed("fd77::1") && !listed("fd77::2") && !listed("fd77::"));
}

Test(imports, lists_overlap_and_go)
{
    import("a", "10.0.0.0/16 10.2.0.0/16");
    import("b", "10.0.128.0/17 10.1.0.0/16 10.2.0.0/24");
    cr_expect(listed("10.0.200.1") && listed("10.1.0.0") && listed("10.2.255.255"));
    import("a", "192.0.2.1");
    cr_expect(!listed("10.0.0.1") && listed("10.0.200.1") && listed("192.0.2.1"));
    import("b", "");
    cr_expect(!listed("10.0.200.1") && listed("192.0.2.1"));
    import("a", "");
    cr_expect_eq(imports->count, 0);
    cr_expect_not(listed("192.0.2.1"));
}

/* What was in force stays so until the last piece. */
/* A list that is replaced, one that is new, one that goes: as if nothing had been. */
Test(imports, what_is_undone_was_not)
{
    static const char *const prefixes[] = {"203.0.113.0/24", "203.0.113.0/24", ""};
    static const char *const names[] = {"a", "c", "a"};
    struct error error;

    import("a", "192.0.2.0/24 2001:db8::/32");
    imports_keep(imports);
    import("b", "198.51.100.0/24");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        cr_assert(add(names[i], 0, prefixes[i], &error), "%s", error.text);
        cr_assert(imports_end(imports, names[i], &error), "%s", error.text);
        imports_undo(imports);
        cr_expect_eq(imports->count, 2);
        cr_expect_str_eq(imports->lists[0].name, "a");
        cr_expect(listed("192.0.2.1") && listed("2001:db8::1") && listed("198.51.100.1"));
        cr_expect(!listed("203.0.113.1"));
    }
    import("a", "203.0.113.0/24");
    cr_expect(!listed("192.0.2.1") && listed("203.0.113.1"));
}

Test(imports, pieces)
{
    struct error error;

    import("a", "192.0.2.1");
    cr_assert(add("a", 0, "10.0.0.0/24 10.0.1.0/24", &error));
    cr_assert(listed("192.0.2.1") && !listed("10.0.0.1"));
    cr_assert_not(add("a", 3, "10.0.2.0/24", &error));
    cr_expect(strstr(error.text, "another list was begun meanwhile"), "%s", error.text);
    cr_assert(add("a", 2, "10.0.3.0/24", &error));
    cr_assert_not(add("a", 3, "10.0.2.0/24", &error));
    cr_expect(strstr(error.text, "10.0.2.0/24: the prefixes are not in ascending"), "%s",
              error.text);
    cr_assert_not(add("a", 3, "10.0.4.0/24", &error), "it is forgotten");
    cr_assert(listed("192.0.2.1"));
    cr_assert_not(add("a", 0, "10.0.0.0/24 nowhere", &error));
    cr_assert_not(add("a", 0, "0.0.0.0/0", &error));
    cr_assert_not(add("a", 0, "::/0", &error));
    cr_assert_not(add("../a", 0, "", &error));
    cr_assert_not(add("", 0, "", &error));
    for (unsigned i = imports->count; i < IMPORT_LISTS_MAX; i++) {
        char name[8];

        snprintf(name, sizeof(name), "l%u", i);
        import(name, "10.0.0.1");
    }
    cr_assert(add("more", 0, "10.0.0.1", &error));
    cr_assert_not(imports_end(imports, "more", &error));
    cr_expect(strstr(error.text, "no room: there are 16 lists"), "%s", error.text);
    import("a", "10.9.0.1");
}

/* Against each prefix by itself. */
Test(imports, chance)
{
    unsigned seed = 7;
    uint32_t first[300], last[300], count = 0;
    char text[300 * 20] = "";
    struct source_lists *lists;

    for (uint64_t at = 0; at < UINT32_MAX && count < 300; count++) {
        const unsigned bits = 8 + (unsigned)rand_r(&seed) % 25;
        const uint32_t size = bits == 32 ? 0 : UINT32_MAX >> bits;

        at = (at + size) & ~(uint64_t)size;
        first[count] = (uint32_t)at;
        last[count] = (uint32_t)at | size;
        sprintf(text + strlen(text), "%u.%u.%u.%u/%u ", (unsigned)(at >> 24) & 255,
                (unsigned)(at >> 16) & 255, (unsigned)(at >> 8) & 255, (unsigned)at & 255, bits);
        at += size + 1 + (uint64_t)rand_r(&seed) % (1u << (rand_r(&seed) % 24));
    }
    import("chance", text);
    cr_assert(imports_compile(imports, &lists));
    for (int i = 0; i < 200000; i++) {
        const uint32_t range = (uint32_t)rand_r(&seed) % count;
        const uint32_t edge = i & 1 ? first[range] : last[range];
        const uint32_t addr = edge + (uint32_t)(rand_r(&seed) % 5) - 2;
        bool in = false;

        for (uint32_t k = 0; k < count && !in; k++)
            in = addr >= first[k] && addr <= last[k];
        cr_assert_eq(source_lists_have_v4(lists, addr), in, "%08x", addr);
    }
    free(lists);
}

static void spoil(long at)
{
    FILE *file = fopen(path, "r+");

    fseek(file, at, SEEK_SET);
    fputc(0x7f, file);
    fclose(file);
}

Test(imports, a_restart)
{
    struct error error = {0};
    struct imports *before = imports;

    cr_assert(imports_load(imports, store, &error), "none is fine: %s", error.text);
    import("a", "198.51.100.0/24 2001:db8::/32");
    import("b", "10.0.0.0/8");
    cr_assert(imports_save(imports, store, NULL, &error), "%s", error.text);
    imports = imports_new();
    cr_assert(imports_load(imports, store, &error), "%s", error.text);
    cr_expect_eq(imports->count, 2);
    cr_expect_eq(imports->lists[0].prefixes, 2);
    cr_expect(listed("198.51.100.1") && listed("2001:db8::1") && listed("10.1.2.3"));
    imports_free(before);
}

/* Bytes of both heads and of a range, and less than all of it. */
Test(imports, a_file_that_does_not_read_is_put_aside)
{
    static const long places[] = {0, 16, 21, 91, 93, 97, 111};
    char bad[128];

    snprintf(bad, sizeof(bad), "%s.bad", path);
    import("a", "198.51.100.0/24 2001:db8::/32");
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) + 1; i++) {
        struct imports *again = imports_new();
        struct error error = {0};

        cr_assert(imports_save(imports, store, NULL, &error), "%s", error.text);
        if (i == sizeof(places) / sizeof(places[0]))
            cr_assert_eq(truncate(path, 110), 0);
        else
            spoil(places[i]);
        cr_assert_not(imports_load(again, store, &error), "case %zu", i);
        cr_expect(strstr(error.text, "does not read: moved to"), "%s", error.text);
        cr_expect_eq(access(bad, F_OK), 0);
        cr_expect_eq(again->count, 0);
        imports_free(again);
    }
}
