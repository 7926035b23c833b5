/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A store as text in pieces: the bytes of the whole, whatever changes meanwhile. */
#include "profiles/store/store_text.h"

#include <criterion/criterion.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "profiles/model/profile.h"
#include "profiles/store/store.h"

static struct server_key key_of(uint16_t port)
{
    struct server_key key = {.port = port};

    addr_from_text("192.0.2.1", &key.addr);
    return key;
}

static void add(struct store *store, uint16_t port)
{
    const struct server_key key = key_of(port);

    cr_assert(store_add(store, &key));
}

/* The rest of the text, appended to `so_far`, which may be NULL. */
static char *rest_of(struct store_text *text, char *so_far)
{
    size_t filled = so_far ? strlen(so_far) : 0;

    while (!text->ended) {
        size_t bytes;
        char *piece = store_text_next(text, &bytes);

        cr_assert(piece);
        so_far = realloc(so_far, filled + bytes + 1);
        memcpy(so_far + filled, piece, bytes);
        filled += bytes;
        so_far[filled] = '\0';
        free(piece);
    }
    return so_far;
}

Test(store_text, is_what_the_tree_would_be)
{
    static const int flags[2] = {JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE,
                                 JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                     JSON_C_TO_STRING_NOSLASHESCAPE};
    static const uint16_t counts[] = {0, 1, STORE_TEXT_PIECE, 2 * STORE_TEXT_PIECE + 3};

    for (size_t i = 0; i < 2 * sizeof(counts) / sizeof(counts[0]); i++) {
        struct store *store = store_new();
        struct store_text text = {.store = store, .pretty = i % 2};
        struct json_object *document;
        char *pieces;

        for (uint16_t port = 1; port <= counts[i / 2]; port++)
            add(store, port);
        document = store_to_json(store);
        pieces = rest_of(&text, NULL);
        cr_assert_str_eq(pieces, json_object_to_json_string_ext(document, flags[i % 2]));
        cr_assert_eq(text.count, counts[i / 2]);
        free(pieces);
        json_object_put(document);
        store_free(store);
    }
}

Test(store_text, goes_on_when_the_store_changes)
{
    struct store *store = store_new();
    struct store_text text = {.store = store};
    const struct server_key last = key_of(2 * STORE_TEXT_PIECE), early = key_of(2);
    struct json_object *document, *profiles;
    size_t bytes;
    char *whole, *piece;

    for (uint16_t port = 2; port <= 4 * STORE_TEXT_PIECE; port += 2)
        add(store, port);
    piece = store_text_next(&text, &bytes);
    piece = realloc(piece, bytes + 1);
    piece[bytes] = '\0';
    store_forget(store, &last); /* the one that was written last */
    store_forget(store, &early);
    add(store, 1);                          /* behind it: for the next time */
    add(store, 4 * STORE_TEXT_PIECE + 100); /* in front of it */
    whole = rest_of(&text, piece);
    document = json_tokener_parse(whole);
    cr_assert(document, "%s", whole);
    profiles = json_object_object_get(document, "profiles");
    cr_assert_eq(json_object_array_length(profiles), 2 * STORE_TEXT_PIECE + 1);
    json_object_put(document);
    free(whole);
    store_free(store);
}
