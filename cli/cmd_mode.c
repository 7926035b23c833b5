/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_mode.c - `synward mode`: asks for the modes, or sets one. */
#include <stdio.h>
#include <string.h>

#include "bridge/text/mode_text.h"
#include "bridge/text/server_text.h"
#include "cli/cmd.h"
#include "cli/control_client.h"
#include "cli/output.h"
#include "cli/server_table.h"

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

static bool print_modes(const struct arguments *arguments, struct json_object *document,
                        struct error *error)
{
    if (!option_bare_table(arguments))
        printf("mode %s\n", output_field(document, "mode"));
    return server_table_show(arguments, json_object_object_get(document, "servers"), error);
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
