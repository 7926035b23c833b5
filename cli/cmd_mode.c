/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_mode.c - `synward mode`: asks for the modes, or sets one. */
#include "cli/cmd_mode.h"

#include <stdio.h>
#include <string.h>

#include "bridge/text/mode_text.h"
#include "bridge/text/server_text.h"
#include "cli/commands.h"
#include "cli/control_client.h"
#include "cli/output.h"
#include "cli/table.h"

static const struct table_column mode_columns[] = {
    {"SERVER", ALIGN_LEFT}, {"MODE", ALIGN_LEFT},  {"SETTING", ALIGN_LEFT},
    {"SINCE", ALIGN_LEFT},  {"CAUSE", ALIGN_LEFT},
};

void print_server_modes(struct json_object *servers)
{
    struct table *table = table_new(5, mode_columns);
    char server[OUTPUT_SERVER_BYTES];

    for (size_t i = 0; i < json_object_array_length(servers); i++) {
        struct json_object *object = json_object_array_get_idx(servers, i);

        table_cell(table, "%s", output_server(object, server));
        table_cell(table, "%s", output_field(object, "mode"));
        table_cell(table, "%s", output_field(object, "setting"));
        table_cell(table, "%s", output_field(object, "since"));
        table_cell(table, "%s", output_field(object, "cause"));
    }
    if (table_rows(table) > 0)
        table_print(table, stdout, 0);
    else
        puts("no servers seen yet");
    table_free(table);
}

/* mode [SETTING] [SERVER]: a word that is a setting is the setting. */
static bool read_words(const struct arguments *arguments, const char **setting, const char **server,
                       struct error *error)
{
    const char *first = command_word(arguments, 0), *second = command_word(arguments, 1);
    struct server_selector selector;
    enum mode_setting parsed;

    *setting = *server = NULL;
    if (first && !second && server_selector_parse(first, &selector, NULL)) {
        *server = first;
        return true;
    }
    if (first && strcmp(first, "default") != 0 && !mode_setting_parse(first, &parsed, error))
        return false;
    if (first && strcmp(first, "default") == 0 && !second)
        return error_set(error, EXIT_USAGE,
                         "mode default: needs a server: write `mode auto` for all");
    if (second && !server_selector_parse(second, &selector, error))
        return false;
    *setting = first;
    *server = second;
    return true;
}

static void print_modes(struct json_object *document)
{
    printf("mode %s\n", output_field(document, "mode"));
    print_server_modes(json_object_object_get(document, "servers"));
}

bool cmd_mode(const struct arguments *arguments, struct error *error)
{
    struct json_object *request;
    const char *setting, *server;

    if (!read_words(arguments, &setting, &server, error))
        return false;
    request = control_request("mode");
    if (setting)
        json_object_object_add(request, "setting", json_object_new_string(setting));
    if (server)
        json_object_object_add(request, "server", json_object_new_string(server));
    return control_show(arguments, request, print_modes, error);
}
