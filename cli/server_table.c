/* SPDX-License-Identifier: GPL-2.0-or-later */
/* server_table.c - see server_table.h. */
#include "cli/server_table.h"

#include "cli/output.h"
#include "cli/table.h"

static const struct table_column mode_columns[] = {
    {"SERVER", ALIGN_LEFT}, {"MODE", ALIGN_LEFT},  {"SETTING", ALIGN_LEFT},
    {"SINCE", ALIGN_LEFT},  {"CAUSE", ALIGN_LEFT},
};

bool server_table_show(const struct arguments *arguments, struct json_object *servers,
                       struct error *error)
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
    return table_show(table, arguments, "no servers seen yet", error);
}
