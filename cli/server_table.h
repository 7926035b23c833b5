/* SPDX-License-Identifier: GPL-2.0-or-later */
/* server_table.h - the table of servers and their modes, which `status` and `mode` print. */
#ifndef SYNWARD_CLI_SERVER_TABLE_H
#define SYNWARD_CLI_SERVER_TABLE_H

#include <json-c/json.h>

#include "cli/options.h"

/* `servers` as in the document of `status`. */
bool server_table_show(const struct arguments *arguments, struct json_object *servers,
                       struct error *error);

#endif
