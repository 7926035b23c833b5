/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_stats.c - `synward stats`: every counter with what it counts. */
#include <stdio.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/control_client.h"
#include "cli/counter_text.h"
#include "cli/output.h"
#include "cli/table.h"

/* A group is named once for people, in each row for scripts. */
static void add_group(struct table *table, const char *group, struct json_object *counters,
                      bool each)
{
    const char *shown = group;

    json_object_object_foreach(counters, name, value)
    {
        table_cell(table, "%s", shown);
        table_cell(table, "%s", name);
        table_cell(table, "%s", json_object_get_string(value));
        table_cell(table, "%s", counter_text(group, name));
        shown = each ? group : "";
    }
}

static bool print_stats(const struct arguments *arguments, struct json_object *document,
                        struct error *error)
{
    static const struct table_column columns[] = {{"GROUP", ALIGN_LEFT},
                                                  {"NAME", ALIGN_LEFT},
                                                  {"VALUE", ALIGN_RIGHT},
                                                  {"MEANING", ALIGN_LEFT}};
    struct table *table = table_new(4, columns);

    json_object_object_foreach(document, group, counters)
    {
        if (strcmp(group, "synward") != 0 && json_object_is_type(counters, json_type_object))
            add_group(table, group, counters, option_bare_table(arguments));
    }
    table_hide_headings(table);
    return table_show(table, arguments, "no counters", error);
}

bool cmd_stats(const struct arguments *arguments, struct error *error)
{
    return control_show(arguments, control_request("stats"), print_stats, error);
}
