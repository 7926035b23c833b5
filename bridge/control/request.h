/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * request.h - what a request says: the server that it is for, its strings.
 *
 * Where a request names a server, it is the text that the operator wrote, and all servers that it
 * fits are meant: an address without a port stands for all its ports, and neither names a VLAN.
 */
#ifndef SYNWARD_BRIDGE_CONTROL_REQUEST_H
#define SYNWARD_BRIDGE_CONTROL_REQUEST_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "bridge/text/server_text.h"
#include "profiles/error.h"

struct daemon;

/* The request's "server". `*given` is false, and all is well, where it has none. */
bool request_server(struct json_object *request, struct server_selector *selector, bool *given,
                    struct error *error);
/* A string that the command cannot do without. The text is the request's. */
const char *request_string(struct json_object *request, const char *key, struct error *error);

/* Keys of servers, each once: good also while what they are the keys of is changed. */
struct key_list {
    struct server_key *keys; /* the caller frees it */
    size_t count;
};

/* Adds the servers that have a profile, or those that were seen on the wire, as far as `selector`
 * names them. */
bool key_list_add_profiles(struct key_list *list, struct daemon *daemon,
                           const struct server_selector *selector, struct error *error);
bool key_list_add_servers(struct key_list *list, struct daemon *daemon,
                          const struct server_selector *selector, struct error *error);

#endif
