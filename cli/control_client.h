/* SPDX-License-Identifier: GPL-2.0-or-later */
/* control_client.h - one question to the daemon, over its control socket
 * (bridge/control/protocol.h). */
#ifndef SYNWARD_CLI_CONTROL_CLIENT_H
#define SYNWARD_CLI_CONTROL_CLIENT_H

#include <json-c/json.h>

#include "cli/options.h"
#include "profiles/error.h"

#define CONTROL_ANSWER_MAX (256u * 1024 * 1024)

/* {"command": NAME}, for the caller to add to. */
struct json_object *control_request(const char *command);

/*
 * Sends `request` (taken, freed) to the socket at `path` and waits at most `timeout_ms` for the
 * whole answer. NULL: EXIT_UNREACHABLE where nobody answers, or what the daemon said was wrong. The
 * caller owns the document.
 */
struct json_object *control_ask_at(const char *path, struct json_object *request,
                                   unsigned timeout_ms, struct error *error);
/* The same over a connection to it (control_connect()), which is closed; -1: NULL. */
struct json_object *control_ask_over(int fd, const char *path, struct json_object *request,
                                     unsigned timeout_ms, struct error *error);
/*
 * Sends `request` (taken, freed) and gives each line of the answer, as it comes, to `heard`, until
 * SIGINT or SIGTERM (true), `heard` has had enough (true), or the daemon ends (EXIT_UNREACHABLE).
 * The first line must come within `timeout_ms`.
 */
typedef bool control_listener(void *context,
                              struct json_object *line); /* false: enough; the line is lent */
bool control_listen_at(const char *path, struct json_object *request, unsigned timeout_ms,
                       control_listener *heard, void *context, struct error *error);

/* A socket that does not block, connected to the daemon at `path`; -1: EXIT_UNREACHABLE. */
int control_connect(const char *path, struct error *error);

/* The socket that --control names, else the default; where that is not there, and one instance of
 * synward@.service runs alone, its socket. */
const char *control_path(const char *given);
/* control_ask_at() at control_path(). */
struct json_object *control_ask(const struct arguments *arguments, struct json_object *request,
                                struct error *error);
/* Asks so, and prints the document: as it is with --json, else by `print`. Takes `request`. */
typedef bool control_printer(const struct arguments *arguments, struct json_object *document,
                             struct error *error);
bool control_show(const struct arguments *arguments, struct json_object *request,
                  control_printer *print, struct error *error);

#endif
