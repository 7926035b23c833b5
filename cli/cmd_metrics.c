/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_metrics.c - `synward metrics`: status and counters, for Prometheus and its like. */
#include <stdio.h>

#include "cli/cmd.h"
#include "cli/control_client.h"
#include "cli/metrics.h"

bool cmd_metrics(const struct arguments *arguments, struct error *error)
{
    struct json_object *status = control_ask(arguments, control_request("status"), error);
    struct json_object *stats =
        status ? control_ask(arguments, control_request("stats"), error) : NULL;

    if (stats)
        metrics_write(stdout, status, stats);
    json_object_put(status);
    json_object_put(stats);
    return stats != NULL;
}
