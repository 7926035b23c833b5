/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_capture.c - the input is a capture file for capture_learn(). What is refused is explained;
 * what was learned of it can be written as a store and read again, and a policy be made of it.
 */
#include "profiles/capture/capture.h"

#include <json-c/json.h>
#include <sys/mman.h>
#include <unistd.h>

#include "profiles/compile.h"
#include "tests/fuzz/fuzz.h"

static void check_store(const struct store *store)
{
    struct error error = {0};
    struct store *again = store_new();
    struct json_object *document = store_to_json(store);
    const char *text = json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN);
    struct policy *policy = policy_compile(store, NULL, 1000000);

    FUZZ_ASSERT(store_import_text(again, text, strlen(text), "written", &error));
    FUZZ_ASSERT(store_count(again) == store_count(store));
    FUZZ_ASSERT(policy != NULL && policy->count <= store_count(store));
    free(policy);
    json_object_put(document);
    store_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static int file = -1;
    static char path[64];
    struct capture_summary summary;
    struct error error = {0};
    struct store *store = store_new();

    if (file < 0) {
        file = memfd_create("capture", MFD_CLOEXEC);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    }
    FUZZ_ASSERT(file >= 0 && ftruncate(file, 0) == 0);
    FUZZ_ASSERT(pwrite(file, data, bytes, 0) == (ssize_t)bytes);
    if (capture_learn(path, store, &summary, &error))
        FUZZ_ASSERT(summary.tcp_frames + summary.frames_passed_over == summary.frames);
    else
        FUZZ_ASSERT(error.code != EXIT_DONE && error.text[0] != 0);
    check_store(store);
    store_free(store);
    return 0;
}
