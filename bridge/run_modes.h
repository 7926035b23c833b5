/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run_modes.h - the modes that the configuration file gives to single servers.
 *
 * Each server that the file means gets its mode once: at the start, or when it is first known.
 * After that `synward mode` may say something else, which stays until the file says something new.
 */
#ifndef SYNWARD_BRIDGE_RUN_MODES_H
#define SYNWARD_BRIDGE_RUN_MODES_H

#include <stddef.h>

#include "bridge/daemon.h"
#include "bridge/text/config.h"

struct run_modes {
    struct config_server *wanted; /* those that have a mode, by address and port */
    size_t wanted_count;
    struct server_key *told; /* sorted; who has got his */
    size_t told_count;
};

/* What is to be told by `config`, in the place of what `before` was by: servers for which that is
 * the same have got it already. False: out of memory. */
bool run_modes_plan(struct run_modes *modes, const struct run_modes *before,
                    const struct config *config, struct error *error);
/* Servers of which `modes` says nothing any more go back to the setting for all; false: not all of
 * them. */
bool run_modes_give_back(const struct run_modes *before, const struct run_modes *modes,
                         struct daemon *daemon, struct error *error);
/* Of the servers that are known, tells those that have not got theirs; false: not all of them. */
bool run_modes_tell(struct run_modes *modes, struct daemon *daemon,
                    const struct server_key *servers, size_t count, struct error *error);
/* The same for all that have a profile. */
bool run_modes_tell_profiles(struct run_modes *modes, struct daemon *daemon, struct error *error);
void run_modes_free(struct run_modes *modes);

#endif
