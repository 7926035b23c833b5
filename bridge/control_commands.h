/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * control_commands.h - what the daemon answers to each command of the control socket.
 *
 * A command is one line in the table {name, handler} of control_commands.c. A handler reads its request, acts through daemon.h, and
 * returns the document of DESIGN 6 that `--json` prints.
 */
#ifndef SYNWARD_BRIDGE_CONTROL_COMMANDS_H
#define SYNWARD_BRIDGE_CONTROL_COMMANDS_H

#include <json-c/json.h>
#include <stddef.h>

struct daemon;

/* Answers one request (`bytes` of JSON text). Always a document, an error document where something is wrong; the caller owns it. */
struct json_object *control_answer(struct daemon *daemon, const char *request, size_t bytes);

#endif
