/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_rehearse.c - `synward rehearse`: what attack mode would have refused, of the daemon's traffic
 * or of a capture. */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/control/protocol.h"
#include "bridge/text/rehearsal_text.h"
#include "cli/cmd.h"
#include "cli/control_client.h"
#include "cli/output.h"
#include "cli/reading_apart.h"
#include "cli/table.h"
#include "profiles/capture/capture.h"
#include "profiles/capture/capture_file.h"
#include "profiles/compile.h"

#define DAY_S (24ul * 3600)

static const struct table_column columns[] = {
    {"SERVER", ALIGN_LEFT}, {"REQUESTS", ALIGN_RIGHT}, {"WOULD", ALIGN_LEFT},
    {"COUNT", ALIGN_RIGHT}, {"ACCEPTED", ALIGN_RIGHT}, {"REASON", ALIGN_LEFT},
    {"CLIENT", ALIGN_LEFT}, {"EXAMPLE", ALIGN_LEFT},
};
#define EXAMPLE_SHOWN 40 /* characters */
#define COLUMNS       (sizeof(columns) / sizeof(columns[0]))

/* --- telling --------------------------------------------------------------------------------- */

/* The beginning of a client's words, a dot for what is no printable ASCII; --json has the bytes. */
static const char *example_text(struct json_object *reason, char text[EXAMPLE_SHOWN + 1])
{
    const char *hex = output_field(reason, "example");
    uint8_t bytes[REHEARSED_EXAMPLE_BYTES];
    size_t count = 0;

    if (sodium_hex2bin(bytes, sizeof(bytes), hex, strlen(hex), NULL, &count, NULL) != 0)
        return "-";
    count = count < EXAMPLE_SHOWN ? count : EXAMPLE_SHOWN;
    for (size_t i = 0; i < count; i++)
        text[i] = bytes[i] > ' ' && bytes[i] < 0x7f && bytes[i] != '\\' ? (char)bytes[i]
                  : bytes[i] == ' '                                     ? ' '
                                                                        : '.';
    text[count] = '\0';
    return text;
}

static void add_reason(struct table *table, struct json_object *server, struct json_object *reason)
{
    const bool refused = json_object_get_boolean(json_object_object_get(reason, "refused"));
    char name[OUTPUT_SERVER_BYTES], example[EXAMPLE_SHOWN + 1];

    table_cell(table, "%s", output_server(server, name));
    table_cell(table, "%s", output_field(server, "requests"));
    table_cell(table, "%s", refused ? "refuse" : "let in");
    table_cell(table, "%s", output_field(reason, "requests"));
    table_cell(table, "%s", output_field(reason, "accepted"));
    table_cell(table, "%s", output_field(reason, "text"));
    table_cell(table, "%s", output_field(reason, "client"));
    table_cell(table, "%s", example_text(reason, example));
}

/* "14203 requests, 3 would be refused, of which the server accepted 1", or none would. */
static void print_sum(struct json_object *servers)
{
    int64_t requests = 0, refused = 0, accepted = 0;

    for (size_t i = 0; i < json_object_array_length(servers); i++) {
        struct json_object *server = json_object_array_get_idx(servers, i);

        requests += json_object_get_int64(json_object_object_get(server, "requests"));
        refused += json_object_get_int64(json_object_object_get(server, "refused"));
        accepted += json_object_get_int64(json_object_object_get(server, "refused_accepted"));
    }
    printf("%" PRId64 " requests, %" PRId64 " would be refused", requests, refused);
    if (refused)
        printf(", of which the server accepted %" PRId64, accepted);
    putchar('\n');
}

static bool print_rehearsal(const struct arguments *arguments, struct json_object *document,
                            struct error *error)
{
    struct json_object *servers = json_object_object_get(document, "rehearsal");
    struct table *table = table_new(COLUMNS, columns);
    const int64_t over = json_object_get_int64(json_object_object_get(document, "passed_over"));

    if (!option_bare_table(arguments))
        print_sum(servers);
    if (!option_bare_table(arguments) && over > 0)
        printf("%" PRId64 " more of servers beyond the first %u are not judged\n", over,
               REHEARSED_SERVERS);
    for (size_t i = 0; i < json_object_array_length(servers); i++) {
        struct json_object *server = json_object_array_get_idx(servers, i),
                           *reasons = json_object_object_get(server, "reasons");

        for (size_t j = 0; j < json_object_array_length(reasons); j++)
            add_reason(table, server, json_object_array_get_idx(reasons, j));
    }
    return table_show(table, arguments, "no first request was followed yet", error);
}

/* --- a capture ------------------------------------------------------------------------------- */

struct read_apart {
    FILE *from;
    const char *capture;
    struct store *store;
    struct capture_rehearsal rehearsal;
    struct capture_summary summary;
};

static bool read_capture(void *context, struct error *error)
{
    struct read_apart *apart = context;

    return capture_rehearse_from(apart->from, apart->capture, apart->store, &apart->rehearsal,
                                 &apart->summary, error);
}

static bool show(const struct arguments *arguments, const struct rehearsal *rehearsal,
                 struct error *error)
{
    /* All of it is told. */
    const struct rehearsal_span span = {.wall_s = UINT64_MAX, .for_s = UINT64_MAX};
    struct server_selector selector;
    const char *word = command_word(arguments, 0);
    struct json_object *document;
    bool done = true;

    if (word && !server_selector_parse(word, &selector, error))
        return false;
    document = rehearsal_to_json(rehearsal, word ? &selector : NULL, &span);
    if (option_given(arguments, OPTION_JSON))
        output_json(document);
    else
        done = print_rehearsal(arguments, document, error);
    json_object_put(document);
    return done;
}

/* Judged by the profiles of the store; what the capture teaches is forgotten. */
static bool rehearse_with(struct store *store, const struct arguments *arguments,
                          struct error *error)
{
    struct read_apart apart = {.capture = arguments->value[OPTION_PCAP], .store = store};
    bool done = false;

    apart.from = capture_file_find(apart.capture, error);
    if (!apart.from)
        return false;
    apart.rehearsal.rehearsal = rehearsal_new(true);
    apart.rehearsal.policy = policy_compile(store, NULL, clock_now_us());
    if (!apart.rehearsal.rehearsal || !apart.rehearsal.policy)
        error_set(error, EXIT_FAILED, "out of memory");
    else
        done = reading_apart(NULL, NULL, read_capture, &apart, error) &&
               show(arguments, apart.rehearsal.rehearsal, error);
    free(apart.rehearsal.policy);
    rehearsal_free(apart.rehearsal.rehearsal);
    return done;
}

static bool rehearse_capture(const struct arguments *arguments, struct error *error)
{
    const char *path =
        option_given(arguments, OPTION_STORE) ? arguments->value[OPTION_STORE] : STORE_PATH_DEFAULT;
    struct store *store = store_new();
    bool done;

    if (!store)
        return error_set(error, EXIT_FAILED, "out of memory");
    done = store_load(store, path, error);
    if (done && store_count(store) == 0)
        done = error_set(error, EXIT_NOT_FOUND,
                         "rehearse: there are no profiles in %s: learn them first, `synward learn "
                         "--pcap %s --store %s`",
                         path, arguments->value[OPTION_PCAP], path);
    done = done && rehearse_with(store, arguments, error);
    store_free(store);
    return done;
}

/* --- the daemon ------------------------------------------------------------------------------ */

bool cmd_rehearse(const struct arguments *arguments, struct error *error)
{
    struct json_object *request;
    unsigned long for_s = DAY_S;

    if (option_given(arguments, OPTION_PCAP))
        return option_given(arguments, OPTION_FOR) || option_given(arguments, OPTION_CONTROL)
                   ? error_set(error, EXIT_USAGE,
                               "rehearse --pcap: asks no daemon: leave out --for and --control")
                   : rehearse_capture(arguments, error);
    if (option_given(arguments, OPTION_STORE))
        return error_set(error, EXIT_USAGE, "rehearse: --store goes with --pcap only");
    if (option_given(arguments, OPTION_FOR) &&
        !duration_parse(arguments->value[OPTION_FOR], DAY_S, &for_s))
        return error_set(error, EXIT_USAGE, "rehearse: --for %.40s: write 90, 10m or 24h at most",
                         arguments->value[OPTION_FOR]);
    request = control_request("rehearse");
    json_object_object_add(request, "for_s", json_object_new_int64((int64_t)for_s));
    if (command_word(arguments, 0))
        json_object_object_add(request, "server",
                               json_object_new_string(command_word(arguments, 0)));
    return control_show(arguments, request, print_rehearsal, error);
}
