/* SPDX-License-Identifier: GPL-2.0-or-later */
/* control_client.h - one question to the daemon, over its control socket (bridge/control_protocol.h). */
#ifndef SYNWARD_CLI_CONTROL_CLIENT_H
#define SYNWARD_CLI_CONTROL_CLIENT_H

#include <json-c/json.h>

#include "cli/options.h"
#include "profiles/error.h"

#define CONTROL_ANSWER_MAX (256u * 1024 * 1024)

/* {"command": NAME}, for the caller to add to. */
struct json_object *control_request(const char *command);

/*
 * Sends `request` (taken, freed) to the socket at `path` and waits at most `timeout_ms` for the whole answer. NULL:
 * EXIT_UNREACHABLE where nobody answers, or what the daemon said was wrong. The caller owns the document.
 */
struct json_object *control_ask_at(const char *path, struct json_object *request, unsigned timeout_ms,
                                   struct error *error);
/* The same at the socket that --control names, or the default. */
struct json_object *control_ask(const struct arguments *arguments, struct json_object *request,
                                struct error *error);

#endif
