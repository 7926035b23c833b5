/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * document.h - the JSON documents of doc/control-protocol.md, as far as daemon and command line
 * share their making.
 *
 * All functions that return an object give it to the caller (json_object_put). NULL only where
 * memory is out.
 */
#ifndef SYNWARD_BRIDGE_TEXT_DOCUMENT_H
#define SYNWARD_BRIDGE_TEXT_DOCUMENT_H

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/text/server_text.h"
#include "profiles/error.h"

/* {"synward": {"version": ..., "schema": ...}} */
struct json_object *document_new(void);
/* The same with "error": {"code", "text"}. */
struct json_object *document_error(const struct error *error);
/* Reads an error document. True and `error` filled where it is one. */
bool document_is_error(struct json_object *document, struct error *error);

/* String field of an object; NULL where it is missing, null or no string. The text is the object's.
 */
const char *document_string(struct json_object *object, const char *key);

struct profile;
struct store;

/* Says with a profile what is enforced in fact (compile.h), what the configuration file says of it,
 * and until when it is kept (expiry.h). */
void document_add_enforced_to(struct json_object *object, const struct profile *profile);
/* The same with each profile of the store's document. */
void document_add_enforced(struct json_object *document, const struct store *store);

/* [100, 10]: VLAN IDs, outer first. */
struct json_object *document_vlan(const struct vlan_ids *vlan);
/* "server", "port", "vlan" and "transport". */
void document_add_server(struct json_object *object, const struct server_key *key);
/* A key that is read so far but for "transport": "udp", or "tcp", which need not be there. False:
 * neither. */
bool document_read_transport(struct json_object *object, struct server_key *key);

/*
 * Leaves in "profiles" of `document` only those that `selector` names. Returns how many are left.
 */
size_t document_select_profiles(struct json_object *document,
                                const struct server_selector *selector);

#endif
