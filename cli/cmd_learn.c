/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_learn.c - `synward learn`: the daemon's switch, and learning from captures without it. */
#include <inttypes.h>
#include <stdio.h>

#include "bridge/text/document.h"
#include "bridge/text/mode_text.h"
#include "cli/cmd.h"
#include "cli/control_client.h"
#include "cli/output.h"
#include "cli/reading_apart.h"
#include "profiles/capture/capture.h"
#include "profiles/capture/capture_file.h"
#include "profiles/store/votes_file.h"

static void add_count(struct json_object *object, const char *name, uint64_t count)
{
    json_object_object_add(object, name, json_object_new_uint64(count));
}

static struct json_object *passed_over_document(const struct capture_summary *summary)
{
    struct json_object *object = json_object_new_object();

#define ADD(member, one, more) add_count(object, #member, summary->passed_over.member);
    CAPTURE_PASSED_OVER(ADD)
#undef ADD
    return object;
}

static struct json_object *capture_document(const char *capture,
                                            const struct capture_summary *summary)
{
    struct json_object *object = json_object_new_object();

    json_object_object_add(object, "file", json_object_new_string(capture));
    add_count(object, "frames", summary->frames);
    add_count(object, "tcp_frames", summary->tcp_frames);
    add_count(object, "frames_passed_over", summary->frames_passed_over);
    json_object_object_add(object, "passed_over", passed_over_document(summary));
    add_count(object, "without_handshake", summary->without_handshake);
    add_count(object, "bad_checksums", summary->bad_checksums);
    add_count(object, "cut_short", summary->cut_short);
    add_count(object, "flows", summary->flows);
    add_count(object, "handshakes", summary->handshakes);
    add_count(object, "requests", summary->requests);
    add_count(object, "requests_refused", summary->requests_refused);
    add_count(object, "flows_given_up", summary->flows_given_up);
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

static void print_reason(uint64_t count, const char *one, const char *more)
{
    if (count)
        printf("  %8" PRIu64 " %s\n", count, count == 1 ? one : more);
}

/* Only what there was: most captures have few of these. */
static void print_reasons(const struct capture_summary *summary)
{
    if (summary->frames_passed_over + summary->without_handshake)
        printf("passed over, frames:\n");
#define PRINT(member, one, more) print_reason(summary->passed_over.member, one, more);
    CAPTURE_PASSED_OVER(PRINT)
#undef PRINT
    print_reason(summary->without_handshake,
                 "of a connection whose handshake is not in the capture",
                 "of connections whose handshakes are not in the capture");
    if (summary->bad_checksums + summary->cut_short)
        printf("taken as they are, frames:\n");
    print_reason(summary->bad_checksums, "with a checksum that is wrong or not finished",
                 "with checksums that are wrong or not finished");
    print_reason(summary->cut_short, "cut short by the capture", "cut short by the capture");
    if (summary->flows - summary->handshakes + summary->requests_refused + summary->flows_given_up)
        printf("not learned from:\n");
    print_reason(summary->flows - summary->handshakes, "handshake that was not completed",
                 "handshakes that were not completed");
    print_reason(summary->requests_refused, "request that the server refused",
                 "requests that the server refused");
    print_reason(summary->flows_given_up, "connection given up for want of room",
                 "connections given up for want of room");
}

static void print_words(const char *capture, const char *path, size_t profiles,
                        const struct capture_summary *summary)
{
    printf("%s: %" PRIu64 " frames, %" PRIu64 " of TCP, %" PRIu64 " passed over%s\n", capture,
           summary->frames, summary->tcp_frames, summary->frames_passed_over,
           summary->truncated ? "; the file ends in the middle of a frame" : "");
    printf("learned from %" PRIu64 " connections: %" PRIu64 " handshakes, %" PRIu64
           " accepted requests\n",
           summary->flows, summary->handshakes, summary->requests);
    print_reasons(summary);
    printf("%s: %zu profiles; `synward profiles --store %s` shows them\n", path, profiles, path);
}

struct learn_apart {
    FILE *from;
    const char *capture, *path;
    struct store *store;
    struct capture_summary *summary;
};

static bool learn_and_save(void *context, struct error *error)
{
    const struct learn_apart *apart = context;

    return capture_learn_from(apart->from, apart->capture, apart->store, apart->summary, error) &&
           store_save(apart->store, apart->path, error) &&
           votes_save(apart->store, apart->path, error);
}

static bool learn_into(struct store *store, const struct arguments *arguments, struct error *error)
{
    const char *capture = arguments->value[OPTION_PCAP];
    const char *path =
        option_given(arguments, OPTION_STORE) ? arguments->value[OPTION_STORE] : STORE_PATH_DEFAULT;
    struct capture_summary summary = {0};
    struct learn_apart apart = {
        .capture = capture, .path = path, .store = store, .summary = &summary};
    struct error why = {0};

    if (!store_load(store, path, error))
        return false;
    if (!votes_load(store, path, &why))
        fprintf(stderr, "synward: warning: %s\n", why.text);
    apart.from = capture_file_find(capture, error); /* while we still may open files */
    if (!apart.from || !reading_apart(store, path, learn_and_save, &apart, error))
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
        return error_set(error, EXIT_USAGE,
                         "learn --pcap: takes no %.100s: see `synward help learn`",
                         command_word(arguments, 0));
    if (option_given(arguments, OPTION_CONTROL))
        return error_set(error, EXIT_USAGE, "learn --pcap: asks no daemon: leave out --control");
    store = store_new();
    done = store ? learn_into(store, arguments, error)
                 : error_set(error, EXIT_FAILED, "out of memory");
    store_free(store);
    return done;
}

static bool print_learning(const struct arguments *arguments, struct json_object *document,
                           struct error *error)
{
    (void)arguments;
    (void)error;
    printf("learning %s\n",
           json_object_get_boolean(json_object_object_get(document, "learning")) ? "on" : "off");
    return true;
}

bool cmd_learn(const struct arguments *arguments, struct error *error)
{
    const char *word = command_word(arguments, 0);
    struct json_object *request;
    bool on;

    if (option_given(arguments, OPTION_PCAP))
        return learn_capture(arguments, error);
    if (!word)
        return error_set(error, EXIT_USAGE,
                         "learn: write on, off or --pcap FILE: see `synward help learn`");
    if (option_given(arguments, OPTION_STORE))
        return error_set(error, EXIT_USAGE, "learn %.100s: --store goes with --pcap only", word);
    if (!switch_parse("learn", word, &on, error))
        return false;
    request = control_request("learn");
    json_object_object_add(request, "learning", json_object_new_boolean(on));
    return control_show(arguments, request, print_learning, error);
}
