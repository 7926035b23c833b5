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

static bool print_flows(const struct arguments *arguments, struct json_object *document,
                        struct error *error)
{
    struct json_object *flows = json_object_object_get(document, "flows");
    struct table *table = table_new(6, flow_columns);

    for (size_t i = 0; i < json_object_array_length(flows); i++) {
        struct json_object *flow = json_object_array_get_idx(flows, i);
        char vlan[OUTPUT_VLAN_BYTES];

        table_cell(table, "%s", output_field(flow, "client"));
        table_cell(table, "%s", output_field(flow, "server"));
        table_cell(table, "%s", output_vlan(flow, vlan));
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
