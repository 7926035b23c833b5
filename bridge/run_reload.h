/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run_reload.h - the configuration file, read anew while the bridge runs: `synward reload`, SIGHUP.
 *
 * All or nothing: what is wrong in it is found before anything changes, and what was in force stays
 * so. Modes, learning, unknown, triggers and all that is said of servers change at once; the rest
 * waits for a restart, and is told.
 */
#ifndef SYNWARD_BRIDGE_RUN_RELOAD_H
#define SYNWARD_BRIDGE_RUN_RELOAD_H

#include <json-c/json.h>

#include "profiles/error.h"

struct run;

/*
 * `context`: a struct run. The document of doc/control-protocol.md, the caller's; NULL: `error`
 * says what is wrong. The service manager, the log and those who watch are told either way.
 */
struct json_object *run_reload(void *context, struct error *error);

#endif
