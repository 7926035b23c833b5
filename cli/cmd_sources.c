/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_sources.c - `synward sources`, and what an operator says of them: add, allow, proxy, remove.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cmd.h"
#include "cli/control_client.h"
#include "cli/output.h"
#include "cli/table.h"

#define FOR_MAX_S 31536000ul /* a year */

static const struct table_column source_columns[] = {
    {"SOURCE", ALIGN_LEFT}, {"STATE", ALIGN_LEFT},  {"BY", ALIGN_LEFT},
    {"WRONG", ALIGN_RIGHT}, {"RIGHT", ALIGN_RIGHT}, {"SINCE", ALIGN_LEFT},
    {"UNTIL", ALIGN_LEFT},  {"MAC", ALIGN_LEFT},    {"VLAN", ALIGN_LEFT},
};

static bool print_sources(const struct arguments *arguments, struct json_object *document,
                          struct error *error)
{
    struct json_object *sources = json_object_object_get(document, "sources"), *lists;
    struct table *table =
        table_new(sizeof(source_columns) / sizeof(source_columns[0]), source_columns);

    for (size_t i = 0; i < json_object_array_length(sources); i++) {
        struct json_object *source = json_object_array_get_idx(sources, i);
        char vlan[OUTPUT_VLAN_BYTES];

        table_cell(table, "%s/%d", output_field(source, "address"),
                   json_object_get_int(json_object_object_get(source, "length")));
        table_cell(table, "%s", output_field(source, "state"));
        table_cell(table, "%s", output_field(source, "by"));
        table_cell(table, "%s", output_field(source, "mismatches"));
        table_cell(table, "%s", output_field(source, "matches"));
        table_cell(table, "%s", output_field(source, "since"));
        table_cell(table, "%s", output_field(source, "until"));
        table_cell(table, "%s", output_field(source, "mac"));
        table_cell(table, "%s", output_vlan(source, vlan));
    }
    lists = json_object_object_get(document, "lists");
    for (size_t i = 0; lists && i < json_object_array_length(lists); i++) {
        struct json_object *list = json_object_array_get_idx(lists, i);

        table_cell(table, "list %s (%s prefixes)", output_field(list, "name"),
                   output_field(list, "prefixes"));
        table_cell(table, "aside");
        table_cell(table, "operator");
        for (size_t column = 3; column < sizeof(source_columns) / sizeof(source_columns[0]);
             column++)
            table_cell(table, "-");
    }
    return table_show(table, arguments,
                      "no source is put aside, limited or allowed, none is a proxy", error);
}

bool cmd_sources(const struct arguments *arguments, struct error *error)
{
    return control_show(arguments, control_request("sources"), print_sources, error);
}

static struct json_object *request_for(const struct arguments *arguments, const char *action)
{
    struct json_object *request = control_request("sources");

    json_object_object_add(request, "action", json_object_new_string(action));
    json_object_object_add(request, "source", json_object_new_string(command_word(arguments, 0)));
    return request;
}

bool cmd_sources_add(const struct arguments *arguments, struct error *error)
{
    const char *text = arguments->value[OPTION_FOR];
    struct json_object *request;
    unsigned long seconds = 0;

    if (text && !duration_parse(text, FOR_MAX_S, &seconds))
        return error_set(error, EXIT_USAGE,
                         "sources add: --for %.40s: write seconds, from 1 to %lu, or 10m, 24h, 7d",
                         text, FOR_MAX_S);
    request = request_for(arguments, "add");
    if (text)
        json_object_object_add(request, "for_s", json_object_new_int64((int64_t)seconds));
    return control_show(arguments, request, print_sources, error);
}

bool cmd_sources_allow(const struct arguments *arguments, struct error *error)
{
    return control_show(arguments, request_for(arguments, "allow"), print_sources, error);
}

bool cmd_sources_proxy(const struct arguments *arguments, struct error *error)
{
    return control_show(arguments, request_for(arguments, "proxy"), print_sources, error);
}

bool cmd_sources_remove(const struct arguments *arguments, struct error *error)
{
    return control_show(arguments, request_for(arguments, "remove"), print_sources, error);
}
