/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_store.c - the input is a document for store_import_text(). What is refused is explained;
 * what is accepted is written, read again and written once more, and both texts are the same. A
 * policy is compiled from it too.
 */
#include "profiles/store/store.h"

#include <json-c/json.h>

#include "profiles/compile.h"
#include "tests/fuzz/fuzz.h"

/* The caller frees the text. */
static char *written(const struct store *store)
{
    struct json_object *document = store_to_json(store);
    char *text = strdup(json_object_to_json_string_ext(document, JSON_C_TO_STRING_PRETTY));

    json_object_put(document);
    FUZZ_ASSERT(text != NULL);
    return text;
}

static void check_round_trip(const struct store *store)
{
    struct error error = {0};
    struct store *again = store_new();
    char *first = written(store), *second;
    bool read;

    read = store_import_text(again, first, strlen(first), "written", &error);
    second = written(again);
    if (!read || strcmp(first, second) != 0)
        fprintf(stderr, "%s\nfirst: %s\nsecond: %s\n", error.text, first, second);
    FUZZ_ASSERT(read);
    FUZZ_ASSERT(strcmp(first, second) == 0);
    free(first);
    free(second);
    store_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct error error = {0};
    struct store *store = store_new();
    struct policy *policy;

    if (store_import_text(store, (const char *)data, bytes, "input", &error)) {
        check_round_trip(store);
        policy = policy_compile(store, NULL, 1000000);
        FUZZ_ASSERT(policy != NULL && policy->count <= store_count(store));
        free(policy);
    } else {
        FUZZ_ASSERT(error.code != EXIT_DONE && error.text[0] != 0);
        FUZZ_ASSERT(store_count(store) == 0);
    }
    store_free(store);
    return 0;
}
