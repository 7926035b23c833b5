/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config.h - the file of `synward run --config FILE`: what the options of the same name say, as one
 * JSON object.
 *
 *      {"client": "netns:c/sw0", "server": "netns:s/sw1", "store":
 *      "/var/lib/synward/profiles.json",
 *       "control": "/run/synward/control.sock", "mode": "auto", "learn": "on"}
 *
 * Beside these "server-stack", "unknown" ("cookie", "pass", "drop"), "workers" ("2"), "flows" (a
 * number, in quotes as all), "busy-poll" ("auto"), "kernel-path" ("auto") and, only here, the
 * limits of triggers for servers that have none of their own, as `synward profiles set` writes
 * them: "trigger.half_open": "400", "trigger.silent": "off".
 *
 * Every key may be missing; an unknown one is an error. The command line wins over the file.
 */
#ifndef SYNWARD_BRIDGE_TEXT_CONFIG_H
#define SYNWARD_BRIDGE_TEXT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "bridge/text/mode_text.h"
#include "engine/engine.h"
#include "profiles/error.h"

#define CONFIG_BYTES_MAX (1024u * 1024)

struct config {
    char *client, *server, *server_stack, *store, *control; /* NULL where the file does not say */
    enum mode_setting mode;                                 /* SETTING_INHERIT where it does not */
    bool has_learning, learning;
    enum unknown_servers unknown; /* UNKNOWN_COOKIE where the file does not say */
    uint32_t workers;             /* 0 where the file does not say */
    uint32_t flows;               /* 0 where the file does not say */
    bool has_busy_poll;
    uint32_t busy_poll;                   /* a setting of busy_poll.h */
    enum kernel_path_setting kernel_path; /* KERNEL_PATH_OFF where the file does not say */
    enum sandbox_setting sandbox;         /* SANDBOX_AUTO where the file does not say */
    struct trigger_limits triggers;
};

/* Reads the file at `path`. False: `error` names file, line and reason, and `config` is empty. */
bool config_load(struct config *config, const char *path, struct error *error);
/* The same for text; `name` stands for the file in errors. */
bool config_parse(struct config *config, const char *text, size_t bytes, const char *name,
                  struct error *error);
void config_free(struct config *config);

#endif
