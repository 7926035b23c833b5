/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd_stats.c - `synward stats`: every counter with what it counts, in the words of
 * engine/base/counters.h.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/control_client.h"
#include "cli/output.h"
#include "cli/table.h"
#include "engine/base/counters.h"
#include "engine/engine.h"

static const struct {
    const char *group, *name, *text;
} explanations[] = {
#define COUNTER_TEXT(group_name, counter_name, words) {#group_name, #counter_name, words},
#define DROP_TEXT(drop_name, words)                   {"drops", #drop_name, words},
#define TABLE_TEXT(table_name, words)                                                              \
    {"tables", #table_name "_used", words " now"},                                                 \
        {"tables", #table_name "_size", "as many as there is room for"},
    {"log", "dropped", "lines of the log that nobody read"},
    SYNWARD_COUNTERS(COUNTER_TEXT) SYNWARD_DROPS(DROP_TEXT) ENGINE_TABLES(TABLE_TEXT)
#undef COUNTER_TEXT
#undef DROP_TEXT
#undef TABLE_TEXT
};

/* Nothing for a counter of a newer daemon. */
static const char *explain(const char *group, const char *name)
{
    for (size_t i = 0; i < sizeof(explanations) / sizeof(explanations[0]); i++)
        if (strcmp(explanations[i].group, group) == 0 && strcmp(explanations[i].name, name) == 0)
            return explanations[i].text;
    return "";
}

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
        table_cell(table, "%s", explain(group, name));
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
