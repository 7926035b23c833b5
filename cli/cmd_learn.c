/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_learn.c - `synward learn`: the daemon's switch, and learning from captures without it. */
#include <inttypes.h>
#include <stdio.h>

#include "bridge/document.h"
#include "bridge/mode_text.h"
#include "cli/commands.h"
#include "cli/control_client.h"
#include "cli/output.h"
#include "profiles/capture.h"
#include "profiles/store.h"

static struct json_object *capture_document(const char *capture, const struct capture_summary *summary)
{
    struct json_object *object = json_object_new_object();

    json_object_object_add(object, "file", json_object_new_string(capture));
    json_object_object_add(object, "frames", json_object_new_uint64(summary->frames));
    json_object_object_add(object, "tcp_frames", json_object_new_uint64(summary->tcp_frames));
    json_object_object_add(object, "frames_passed_over", json_object_new_uint64(summary->frames_passed_over));
    json_object_object_add(object, "flows", json_object_new_uint64(summary->flows));
    json_object_object_add(object, "handshakes", json_object_new_uint64(summary->handshakes));
    json_object_object_add(object, "requests", json_object_new_uint64(summary->requests));
    json_object_object_add(object, "truncated", json_object_new_boolean(summary->truncated));
    return object;
}

static void print_json(const char *capture, const char *path, size_t profiles,
                       const struct capture_summary *summary)
{
    struct json_object *document = document_new();

    json_object_object_add(document, "capture", capture_document(capture, summary));
    json_object_object_add(document, "store", json_object_new_string(path));
    json_object_object_add(document, "profiles", json_object_new_int64((int64_t)profiles));
    output_json(document);
    json_object_put(document);
}

static void print_words(const char *capture, const char *path, size_t profiles,
                        const struct capture_summary *summary)
{
    printf("%s: %" PRIu64 " frames, %" PRIu64 " of TCP, %" PRIu64 " passed over%s\n", capture,
           summary->frames, summary->tcp_frames, summary->frames_passed_over,
           summary->truncated ? "; the file ends in the middle of a frame" : "");
    printf("learned from %" PRIu64 " connections: %" PRIu64 " handshakes, %" PRIu64 " accepted requests\n",
           summary->flows, summary->handshakes, summary->requests);
    printf("%s: %zu profiles; `synward profiles --store %s` shows them\n", path, profiles, path);
}

static bool learn_into(struct store *store, const struct arguments *arguments, struct error *error)
{
    const char *capture = arguments->value[OPTION_PCAP];
    const char *path =
        option_given(arguments, OPTION_STORE) ? arguments->value[OPTION_STORE] : STORE_PATH_DEFAULT;
    struct capture_summary summary = {0};

    if (!store_load(store, path, error) || !capture_learn(capture, store, &summary, error) ||
        !store_save(store, path, error))
        return false;
    if (option_given(arguments, OPTION_JSON))
        print_json(capture, path, store_count(store), &summary);
    else
        print_words(capture, path, store_count(store), &summary);
    return true;
}

static bool learn_capture(const struct arguments *arguments, struct error *error)
{
    struct store *store;
    bool done;

    if (command_word(arguments, 0))
        return error_set(error, EXIT_USAGE, "learn --pcap: takes no %.100s: see `synward help learn`",
                         command_word(arguments, 0));
    if (option_given(arguments, OPTION_CONTROL))
        return error_set(error, EXIT_USAGE, "learn --pcap: asks no daemon: leave out --control");
    store = store_new();
    done = store ? learn_into(store, arguments, error) : error_set(error, EXIT_FAILED, "out of memory");
    store_free(store);
    return done;
}

static void print_learning(struct json_object *document)
{
    printf("learning %s\n",
           json_object_get_boolean(json_object_object_get(document, "learning")) ? "on" : "off");
}

bool cmd_learn(const struct arguments *arguments, struct error *error)
{
    const char *word = command_word(arguments, 0);
    struct json_object *request;
    bool on;

    if (option_given(arguments, OPTION_PCAP))
        return learn_capture(arguments, error);
    if (!word)
        return error_set(error, EXIT_USAGE, "learn: write on, off or --pcap FILE: see `synward help learn`");
    if (option_given(arguments, OPTION_STORE))
        return error_set(error, EXIT_USAGE, "learn %.100s: --store goes with --pcap only", word);
    if (!switch_parse("learn", word, &on, error))
        return false;
    request = control_request("learn");
    json_object_object_add(request, "learning", json_object_new_boolean(on));
    return control_show(arguments, request, print_learning, error);
}
