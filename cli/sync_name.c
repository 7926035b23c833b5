/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sync_name.c - see sync_name.h. */
#include "cli/sync_name.h"

#include <stdio.h>
#include <string.h>

#include "bridge/text/document.h"

static bool over_udp(struct json_object *object)
{
    const char *transport = document_string(object, "transport");

    return transport && strcmp(transport, "udp") == 0;
}

bool sync_name_of_server(struct json_object *object, char *name, size_t bytes)
{
    const char *server = document_string(object, "server"),
               *port = json_object_get_string(json_object_object_get(object, "port")),
               *vlan = json_object_get_string(json_object_object_get(object, "vlan"));

    return server && port && vlan &&
           (size_t)snprintf(name, bytes, "%s %s %s%s", server, port, vlan,
                            over_udp(object) ? " udp" : "") < bytes;
}

bool sync_name_with_node(struct json_object *object, const char *node, char *name, size_t bytes)
{
    char server[SYNC_NAME_BYTES];

    return sync_name_of_server(object, server, sizeof(server)) &&
           (size_t)snprintf(name, bytes, "%s %s", server, node) < bytes;
}
