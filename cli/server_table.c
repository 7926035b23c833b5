/* SPDX-License-Identifier: GPL-2.0-or-later */
/* server_table.c - see server_table.h. */
#include "cli/server_table.h"

#include <string.h>

#include "cli/output.h"
#include "cli/table.h"

static const struct table_column mode_columns[] = {
    {"SERVER", ALIGN_LEFT}, {"MODE", ALIGN_LEFT},  {"SETTING", ALIGN_LEFT},
    {"SINCE", ALIGN_LEFT},  {"CAUSE", ALIGN_LEFT},
};

/* What made synward protect it, and why it serves nobody: "half-open 212, dead: nobody listens". */
static void add_cause(struct table *table, struct json_object *server)
{
    const char *cause = output_field(server, "cause"), *dead = output_field(server, "dead");

    if (strcmp(dead, "-") == 0)
        table_cell(table, "%s", cause);
    else if (strcmp(cause, "-") == 0)
        table_cell(table, "dead: %s", dead);
    else
        table_cell(table, "%s, dead: %s", cause, dead);
}

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
        add_cause(table, object);
    }
    return table_show(table, arguments, "no servers seen yet", error);
}
