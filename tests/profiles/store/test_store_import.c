/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A document that is read in pieces: the same faults at the same lines as if it were read at once.
 */
#include "profiles/store/store_import.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profiles/model/profile.h"
#include "profiles/store/store.h"

#define HEAD "{\"synward\": {\"schema\": 1},\n\"profiles\": ["

static unsigned steps;

static bool import(struct store *store, const char *text, struct error *error)
{
    struct store_import *one = store_import_begin(text, strlen(text), "FILE");
    enum store_import_state state = STORE_IMPORT_GOES_ON;
    bool done;

    *error = (struct error){0};
    for (steps = 0; state == STORE_IMPORT_GOES_ON; steps++)
        state = store_import_step(one, error);
    done = state == STORE_IMPORT_READ && store_import_merge(one, store, error);
    cr_assert(done || error->code != EXIT_DONE);
    store_import_end(one);
    return done;
}

/* `count` profiles and `more` behind them, one a line; the caller frees it. */
static char *document_of(unsigned count, const char *more)
{
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);

    fputs(HEAD, out);
    for (unsigned i = 0; i < count; i++)
        fprintf(out, "%s\n{\"server\": \"192.0.2.1\", \"port\": %u}", i ? "," : "", i + 1);
    fputs(more, out);
    fclose(out);
    return text;
}

Test(store_import, is_read_in_pieces)
{
    struct store *store = store_new();
    struct error error;
    char *text = document_of(5 * STORE_IMPORT_PIECE, "]}");

    cr_assert(import(store, text, &error), "%s", error.text);
    cr_assert_eq(store_count(store), 5 * STORE_IMPORT_PIECE);
    cr_assert_geq(steps, 5u);
    cr_assert(import(store, text, &error), "again: %s", error.text);
    cr_assert_eq(store_count(store), 5 * STORE_IMPORT_PIECE);
    free(text);
    store_free(store);
}

/* Editors of Windows put one there. */
Test(store_import, a_byte_order_mark_is_passed_over)
{
    struct store *store = store_new();
    struct error error;

    cr_assert(import(store, "\xef\xbb\xbf" HEAD "]}", &error), "%s", error.text);
    cr_assert_not(import(store, "\xef\xbb\xbf" HEAD "7]}", &error));
    cr_assert(strstr(error.text, "FILE:2: profile 1: is not an object"), "%s", error.text);
    cr_assert_not(import(store, "\xef\xbb\xbf\xef\xbb\xbf" HEAD "]}", &error), "one is enough");
    cr_assert_not(import(store, "\xef\xbb", &error));
    store_free(store);
}

/* Behind 40 profiles, that is on line 43 and later. */
Test(store_import, tells_the_first_fault_by_its_line)
{
    static const struct {
        const char *more, *line, *reason;
    } faults[] = {
        {",\n{\"server\": 5}]}", "FILE:43:", "profile 41: server is not a text"},
        {",\n\n7]}", "FILE:44:", "profile 41: is not an object"},
        {",\n{\"server\": \"192.0.2.1\", \"port\": 3}]}", "FILE:43:", "same server as one before"},
        {",\n{\"server\": \"192.0.2.1\",, \"port\": 900}]}", "FILE:43:", ""},
        {",\n{\"server\": \"192.0.2.1\", \"port\": 900", "FILE:43:", "ends too early"},
        {"\n{\"server\": \"192.0.2.1\", \"port\": 900}]}", "FILE:43:", ""},
        {",\n]}", "FILE:43:", ""},
        {"\n}}", "FILE:43:", ""},
        {"]}\n\nmore", "FILE:44:", ""},
        {"],\n\"profiles\": []}", "FILE:43:", "stands twice"},
        {",\n{\"port\": 1, \"port\": 2}]}", "FILE:43:", "stands twice"},
        {",\n{\"server\": 5}], \"synward\":\n{\"schema\": 1}}", "FILE:43:", "stands twice"},
    };

    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        struct store *store = store_new();
        struct error error;
        char *text = document_of(40, faults[i].more);

        cr_assert_not(import(store, text, &error), "%s", faults[i].more);
        cr_assert_eq(strncmp(error.text, faults[i].line, strlen(faults[i].line)), 0, "%s: %s",
                     faults[i].more, error.text);
        cr_assert(strstr(error.text, faults[i].reason), "%s: %s", faults[i].more, error.text);
        cr_assert_eq(store_count(store), 0);
        free(text);
        store_free(store);
    }
}

/* Who wrote it had a newer version: that is what must be said, not which field is unknown here. */
Test(store_import, says_first_that_the_document_is_newer)
{
    struct store *store = store_new();
    struct error error;

    cr_assert_not(
        import(store, "{\"profiles\": [{\"server\": 5}],\n\"synward\": {\"schema\": 99}}", &error));
    cr_assert(strstr(error.text, "FILE:2: synward.schema 99 is newer"), "%s", error.text);
    store_free(store);
}

Test(store_import, refuses_more_than_there_is_room_for)
{
    struct store *store = store_new();
    struct server_key key = {.port = 9};
    struct error error;
    char *text = document_of(2, "]}");

    addr_from_text("198.51.100.1", &key.addr);
    for (uint32_t i = 0; i < STORE_PROFILES_MAX - 1; i++) {
        key.port = (uint16_t)(i + 1);
        cr_assert(store_add(store, &key));
    }
    cr_assert_not(import(store, text, &error));
    cr_assert(strstr(error.text, "room"), "%s", error.text);
    cr_assert_eq(store_count(store), STORE_PROFILES_MAX - 1);
    free(text);
    store_free(store);
}
