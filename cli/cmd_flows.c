/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_flows.c - `synward flows`. */
#include <stdio.h>

#include "cli/cmd.h"
#include "cli/control_client.h"
#include "cli/output.h"
#include "cli/table.h"

static const struct table_column flow_columns[] = {
    {"CLIENT", ALIGN_LEFT}, {"SERVER", ALIGN_LEFT}, {"VLAN", ALIGN_LEFT},
    {"STATE", ALIGN_LEFT},  {"AGE", ALIGN_RIGHT},   {"DELTA", ALIGN_RIGHT},
};

static void add_vlan(struct table *table, struct json_object *vlan)
{
    size_t count = json_object_is_type(vlan, json_type_array) ? json_object_array_length(vlan) : 0;

    if (count == 0)
        table_cell(table, "-");
    else if (count == 1)
        table_cell(table, "%d", json_object_get_int(json_object_array_get_idx(vlan, 0)));
    else
        table_cell(table, "%d.%d", json_object_get_int(json_object_array_get_idx(vlan, 0)),
                   json_object_get_int(json_object_array_get_idx(vlan, 1)));
}

static bool print_flows(const struct arguments *arguments, struct json_object *document,
                        struct error *error)
{
    struct json_object *flows = json_object_object_get(document, "flows");
    struct table *table = table_new(6, flow_columns);

    for (size_t i = 0; i < json_object_array_length(flows); i++) {
        struct json_object *flow = json_object_array_get_idx(flows, i);

        table_cell(table, "%s", output_field(flow, "client"));
        table_cell(table, "%s", output_field(flow, "server"));
        add_vlan(table, json_object_object_get(flow, "vlan"));
        table_cell(table, "%s", output_field(flow, "state"));
        table_cell(table, "%.1f s", json_object_get_double(json_object_object_get(flow, "age_s")));
        table_cell(table, "%s", output_field(flow, "delta"));
    }
    return table_show(table, arguments, "no connections", error);
}

bool cmd_flows(const struct arguments *arguments, struct error *error)
{
    return control_show(arguments, control_request("flows"), print_flows, error);
}
