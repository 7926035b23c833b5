/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_reload.c - `synward reload`: what has changed in the configuration file. */
#include "cli/cmd.h"
#include "cli/control_client.h"
#include "cli/output.h"
#include "cli/table.h"

static const struct table_column change_columns[] = {
    {"KEY", ALIGN_LEFT}, {"SERVER", ALIGN_LEFT},   {"WAS", ALIGN_LEFT},
    {"IS", ALIGN_LEFT},  {"IN FORCE", ALIGN_LEFT},
};

static bool print_changes(const struct arguments *arguments, struct json_object *document,
                          struct error *error)
{
    struct json_object *changes = json_object_object_get(document, "changes");
    struct table *table =
        table_new(sizeof(change_columns) / sizeof(change_columns[0]), change_columns);

    for (size_t i = 0; i < json_object_array_length(changes); i++) {
        struct json_object *change = json_object_array_get_idx(changes, i);

        table_cell(table, "%s", output_field(change, "key"));
        table_cell(table, "%s", output_field(change, "server"));
        table_cell(table, "%s", output_field(change, "was"));
        table_cell(table, "%s", output_field(change, "is"));
        table_cell(table, "%s",
                   json_object_get_boolean(json_object_object_get(change, "restart"))
                       ? "after a restart"
                       : "now");
    }
    return table_show(table, arguments, "nothing has changed", error);
}

bool cmd_reload(const struct arguments *arguments, struct error *error)
{
    return control_show(arguments, control_request("reload"), print_changes, error);
}
