/* SPDX-License-Identifier: GPL-2.0-or-later */
/* store_reader.c - reads a store for the command line (store_reader.h). */
#include "cli/store_reader.h"

#include "bridge/text/document.h"
#include "profiles/store/votes_file.h"

static struct json_object *load(const char *path, struct error *error)
{
    struct store *store = store_new();
    struct json_object *document = NULL;

    if (!store)
        error_set(error, EXIT_FAILED, "out of memory");
    else if (store_load(store, path, error)) {
        votes_look(store, path); /* they count in what is armed */
        document = store_to_json(store);
    }
    if (document)
        document_add_enforced(document, store);
    store_free(store);
    return document;
}

struct json_object *store_document(const char *path, const struct server_selector *selector,
                                   struct error *error)
{
    struct json_object *document = load(path, error);
    char text[SERVER_TEXT_BYTES];

    if (!document || !selector || document_select_profiles(document, selector) > 0)
        return document;
    json_object_put(document);
    error_set(error, EXIT_NOT_FOUND,
              "no profile of %s in %.200s: `synward profiles --store FILE` lists those it has",
              server_to_text(&selector->addr, selector->port, text), path);
    return NULL;
}
