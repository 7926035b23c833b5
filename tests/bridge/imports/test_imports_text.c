/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of bridge/imports/imports_text.c: what a list holds is the same at every bridge. */
#include <criterion/criterion.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/imports/imports.h"

static void import(struct imports *imports, const char *name, uint32_t from, const char *prefixes)
{
    struct error error = {0};

    cr_assert(imports_add(imports, name, from, prefixes, &error), "%s", error.text);
}

static struct import_list *list_of(struct imports *imports, const char *name, const char *prefixes)
{
    struct error error = {0};

    import(imports, name, 0, prefixes);
    cr_assert(imports_end(imports, name, &error), "%s", error.text);
    imports_keep(imports);
    return &imports->lists[imports->count - 1];
}

static void assert_text(const char *prefixes, const char *text)
{
    struct imports *imports = imports_new();
    uint32_t next = 7;
    char *said = import_text(list_of(imports, "a", prefixes), 0, &next);

    cr_assert_str_eq(said, text);
    cr_assert_eq(next, 0);
    free(said);
    imports_free(imports);
}

Test(imports_text, the_largest_prefixes_of_each_range)
{
    assert_text("192.0.2.0/24", "192.0.2.0/24 ");
    assert_text("192.0.2.0/25 192.0.2.128/25", "192.0.2.0/24 ");
    assert_text("192.0.2.1 192.0.2.2 192.0.2.3", "192.0.2.1/32 192.0.2.2/31 ");
    assert_text("0.0.0.0/1 128.0.0.0/1", "0.0.0.0/1 128.0.0.0/1 ");
    assert_text("255.255.255.255", "255.255.255.255/32 ");
    assert_text("255.255.255.254 255.255.255.255", "255.255.255.254/31 ");
    assert_text("2001:db8::/32 2001:db9::1", "2001:db8::/32 2001:db9::1/128 ");
    assert_text("8000::/1 ", "8000::/1 ");
    assert_text("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127",
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127 ");
    assert_text("10.0.0.1 2001:db8::1", "10.0.0.1/32 2001:db8::1/128 ");
}

/* What is said in pieces and imported again has the same digest, and another one has another. */
Test(imports_text, a_long_list_goes_round)
{
    struct imports *here = imports_new(), *there = imports_new();
    char prefix[32], digest[IMPORT_DIGEST_BYTES], other[IMPORT_DIGEST_BYTES];
    struct import_list *list;
    uint32_t at = 0, pieces = 0;
    struct error error = {0};

    for (uint32_t i = 0; i < 20000; i++) {
        snprintf(prefix, sizeof(prefix), "10.%u.%u.%u/31", i >> 14, i >> 6 & 255, (i & 63) * 4);
        import(here, "long", i, prefix);
    }
    cr_assert(imports_end(here, "long", &error));
    imports_keep(here);
    list = &here->lists[0];
    do {
        uint32_t next;
        char *text = import_text(list, at, &next);

        import(there, "long", there->coming.prefixes, text);
        free(text);
        at = next;
        pieces++;
    } while (at != 0);
    cr_assert_gt(pieces, 2);
    cr_assert(imports_end(there, "long", &error));
    imports_keep(there);
    import_digest(list, digest);
    import_digest(&there->lists[0], other);
    cr_assert_str_eq(digest, other);
    import_digest(list_of(there, "short", "10.0.0.0/31"), other);
    cr_assert_str_neq(digest, other);
    imports_free(here);
    imports_free(there);
}
