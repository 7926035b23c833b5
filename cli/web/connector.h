/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * connector.h - a small process that opens connections to the daemon for the one that speaks HTTP.
 *
 * That one can open nothing: neither files nor sockets. The daemon's socket is found by its path,
 * anew each time, as a daemon that begins again makes another one. The connector hears requests
 * without a name in them (bridge/base/keeper.h), and at the end removes the file of our own socket.
 */
#ifndef SYNWARD_CLI_WEB_CONNECTOR_H
#define SYNWARD_CLI_WEB_CONNECTOR_H

#include <stdbool.h>

#include "bridge/base/keeper.h"
#include "bridge/base/sandbox.h"
#include "bridge/control/place.h"

struct connector {
    struct keeper keeper;
    char path[108];     /* of the daemon's socket */
    struct place place; /* of ours */
    struct sandbox sandbox;
};

/* Forks it, which gives up its privileges. `place`: of the socket that we listen on, if it has one.
 */
bool connector_start(struct connector *connector, const char *path, const struct place *place,
                     struct error *error);
/* A connected socket that does not block; -1: `error` says why. */
int connector_open(struct connector *connector, struct error *error);
/* The file of our own socket goes. */
void connector_unplace(struct connector *connector);
void connector_stop(struct connector *connector);

#endif
