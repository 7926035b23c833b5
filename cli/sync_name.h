/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sync_name.h - what a server is called in the store of a cluster. */
#ifndef SYNWARD_CLI_SYNC_NAME_H
#define SYNWARD_CLI_SYNC_NAME_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#define SYNC_NAME_BYTES 128

/* Of what has "server", "port" and "vlan": "10.0.0.1 80 [ ]", and with a word more of who is asked
 * over UDP, "10.0.0.1 53 [ 7 ] udp". False: it has no server, or no room. */
bool sync_name_of_server(struct json_object *object, char *name, size_t bytes);
/* The same, and who says it: "10.0.0.1 80 [ ] a" */
bool sync_name_with_node(struct json_object *object, const char *node, char *name, size_t bytes);

#endif
