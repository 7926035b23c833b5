/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cmd_mode.h - the table of servers and their modes, which `status` and `mode` share. */
#ifndef SYNWARD_CLI_CMD_MODE_H
#define SYNWARD_CLI_CMD_MODE_H

#include <json-c/json.h>

/* `servers` as in the document of `status`. */
void print_server_modes(struct json_object *servers);

#endif
