/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_profiles.c - `synward profiles`: show, export, import, forget, set. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/control/protocol.h"
#include "bridge/text/document.h"
#include "bridge/text/server_text.h"
#include "cli/cmd.h"
#include "cli/control_client.h"
#include "cli/file.h"
#include "cli/output.h"
#include "cli/profile_text.h"
#include "cli/store_reader.h"

static struct json_object *server_request(const char *command, const char *server)
{
    struct json_object *request = control_request(command);

    if (server)
        json_object_object_add(request, "server", json_object_new_string(server));
    return request;
}

static bool check_source(const struct arguments *arguments, struct error *error)
{
    if (option_given(arguments, OPTION_STORE) && option_given(arguments, OPTION_CONTROL))
        return error_set(error, EXIT_USAGE,
                         "--store reads a file and --control asks a daemon: give one of them");
    return true;
}

/* Profiles from the store that --store names, else from the daemon. */
static struct json_object *profiles_document(const struct arguments *arguments, const char *server,
                                             struct error *error)
{
    struct server_selector selector;

    if (!check_source(arguments, error) ||
        (server && !server_selector_parse(server, &selector, error)))
        return NULL;
    if (option_given(arguments, OPTION_STORE))
        return store_document(arguments->value[OPTION_STORE], server ? &selector : NULL, error);
    return control_ask(arguments, server_request("profiles", server), error);
}

static bool print_whole_profiles(const struct arguments *arguments, struct json_object *document,
                                 struct error *error)
{
    struct json_object *profiles = json_object_object_get(document, "profiles");

    (void)arguments;
    (void)error;
    for (size_t i = 0; i < json_object_array_length(profiles); i++) {
        if (i > 0)
            putchar('\n');
        print_profile(json_object_array_get_idx(profiles, i));
    }
    return true;
}

bool cmd_profiles(const struct arguments *arguments, struct error *error)
{
    const char *server = command_word(arguments, 0);
    struct json_object *document;
    bool done = true;

    if (server && option_bare_table(arguments))
        return error_set(error, EXIT_USAGE,
                         "profiles %.100s: --tsv and --output are for the table of all", server);
    document = profiles_document(arguments, server, error);
    if (!document)
        return false;
    if (option_given(arguments, OPTION_JSON))
        output_json(document);
    else if (server)
        done = print_whole_profiles(arguments, document, error);
    else
        done = profile_table_show(arguments, json_object_object_get(document, "profiles"), error);
    json_object_put(document);
    return done;
}

static void print_exported(const struct arguments *arguments, const char *path, size_t count)
{
    struct json_object *report;

    if (!option_given(arguments, OPTION_JSON)) {
        printf("%zu profile%s written to %s\n", count, count == 1 ? "" : "s", path);
        return;
    }
    report = document_new();
    json_object_object_add(report, "exported", json_object_new_int64((int64_t)count));
    json_object_object_add(report, "file", json_object_new_string(path));
    output_json(report);
    json_object_put(report);
}

bool cmd_profiles_export(const struct arguments *arguments, struct error *error)
{
    const char *path = command_word(arguments, 0);
    struct json_object *document = profiles_document(arguments, NULL, error);
    bool done = true;

    if (!document)
        return false;
    if (strcmp(path, "-") == 0) {
        output_json(document);
    } else {
        const char *text = json_object_to_json_string_ext(
            document,
            JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);

        done = file_replace(path, text, strlen(text), error);
        if (done)
            print_exported(arguments, path,
                           json_object_array_length(json_object_object_get(document, "profiles")));
    }
    json_object_put(document);
    return done;
}

static void print_count(struct json_object *document, const char *key)
{
    const char *end = json_object_get_int64(json_object_object_get(document, key)) == 1 ? "" : "s";

    printf("%s profile%s %s\n", output_field(document, key), end, key);
}

static bool print_imported(const struct arguments *arguments, struct json_object *document,
                           struct error *error)
{
    (void)arguments;
    (void)error;
    print_count(document, "imported");
    return true;
}

static bool print_forgotten(const struct arguments *arguments, struct json_object *document,
                            struct error *error)
{
    (void)arguments;
    (void)error;
    print_count(document, "forgotten");
    return true;
}

bool cmd_profiles_import(const struct arguments *arguments, struct error *error)
{
    const char *path = command_word(arguments, 0);
    struct json_object *request;
    size_t bytes;
    char *contents = file_read(path, CONTROL_REQUEST_MAX / 2, &bytes, error);

    if (!contents)
        return false;
    request = control_request("import");
    json_object_object_add(request, "name", json_object_new_string(path));
    json_object_object_add(request, "contents", json_object_new_string_len(contents, (int)bytes));
    free(contents);
    return control_show(arguments, request, print_imported, error);
}

/* A server with its port, which changes need. */
static bool check_server(const char *text, const char *command, struct error *error)
{
    struct server_selector selector;
    char port[SERVER_TEXT_BYTES] = "SERVER:PORT";

    if (!server_selector_parse(text, &selector, error))
        return false;
    server_selector_wants_brackets(&selector, port);
    return selector.port != 0 ||
           error_set(error, EXIT_USAGE, "profiles %s: %.100s has no port: write %s", command, text,
                     port);
}

bool cmd_profiles_forget(const struct arguments *arguments, struct error *error)
{
    const char *server = command_word(arguments, 0);

    if (!check_server(server, "forget", error))
        return false;
    return control_show(arguments, server_request("forget", server), print_forgotten, error);
}

bool cmd_profiles_set(const struct arguments *arguments, struct error *error)
{
    const char *server = command_word(arguments, 0), *setting = command_word(arguments, 1);
    const char *equals = strchr(setting, '=');
    struct json_object *request;

    if (!check_server(server, "set", error))
        return false;
    if (!equals || equals == setting)
        return error_set(error, EXIT_USAGE,
                         "profiles set: %.100s: write KEY=VALUE, such as check=none", setting);
    request = server_request("set", server);
    json_object_object_add(request, "key",
                           json_object_new_string_len(setting, (int)(equals - setting)));
    json_object_object_add(request, "value", json_object_new_string(equals + 1));
    return control_show(arguments, request, print_whole_profiles, error);
}
