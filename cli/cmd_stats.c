/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_stats.c - `synward stats`: every counter with what it counts. */
#include <stdio.h>
#include <string.h>

#include "cli/admission.h"
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

/* --- of a server ----------------------------------------------------------------------------- */

static void add_row(struct table *table, const char *server, const char *name, const char *value,
                    const char *text)
{
    table_cell(table, "%s", server);
    table_cell(table, "%s", name);
    table_cell(table, "%s", value);
    table_cell(table, "%s", text);
}

static void add_refused(struct table *table, const char *server, struct json_object *refused)
{
    char name[64];

    json_object_object_foreach(refused, reason, count)
    {
        snprintf(name, sizeof(name), "refused.%s", reason);
        add_row(table, server, name, json_object_get_string(count), counter_text("drops", reason));
    }
}

static void add_admission(struct table *table, const char *server, struct json_object *admission)
{
    static const unsigned percents[] = {50, 99};
    char name[32], value[32], text[64];

    for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
        snprintf(name, sizeof(name), "admission_p%u", percents[i]);
        snprintf(value, sizeof(value), "%llu",
                 (unsigned long long)admission_percentile(admission, NULL, percents[i]));
        snprintf(text, sizeof(text), "microseconds, in which %u %% of them were done", percents[i]);
        add_row(table, server, name, value, text);
    }
}

static void add_figures(struct table *table, const char *server, struct json_object *figures)
{
    struct json_object *refused = json_object_object_get(figures, "refused");

    json_object_object_foreach(figures, name, value)
    {
        if (json_object_is_type(value, json_type_int))
            add_row(table, server, name, json_object_get_string(value),
                    counter_text("server", name));
    }
    if (json_object_is_type(refused, json_type_object))
        add_refused(table, server, refused);
    add_admission(table, server, json_object_object_get(figures, "admission"));
}

static bool print_servers(const struct arguments *arguments, struct json_object *document,
                          struct error *error)
{
    static const struct table_column columns[] = {{"SERVER", ALIGN_LEFT},
                                                  {"NAME", ALIGN_LEFT},
                                                  {"VALUE", ALIGN_RIGHT},
                                                  {"MEANING", ALIGN_LEFT}};
    struct json_object *servers = json_object_object_get(document, "servers");
    const size_t count =
        json_object_is_type(servers, json_type_array) ? json_object_array_length(servers) : 0;
    struct table *table = table_new(4, columns);
    char server[OUTPUT_SERVER_BYTES];

    for (size_t i = 0; i < count; i++) {
        struct json_object *object = json_object_array_get_idx(servers, i);
        struct json_object *figures = json_object_object_get(object, "figures");

        if (json_object_is_type(figures, json_type_object))
            add_figures(table, output_server(object, server), figures);
    }
    table_hide_headings(table);
    return table_show(table, arguments, "no figures", error);
}

bool cmd_stats(const struct arguments *arguments, struct error *error)
{
    struct json_object *request = control_request("stats");

    if (arguments->word_count == arguments->name_words)
        return control_show(arguments, request, print_stats, error);
    json_object_object_add(request, "server",
                           json_object_new_string(arguments->words[arguments->name_words]));
    return control_show(arguments, request, print_servers, error);
}
