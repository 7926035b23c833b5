/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sync_dialer.h - small processes that open connections for `synward sync`, which can open none.
 *
 * Who reads what the store says can open neither files nor sockets. The daemon's socket is found by
 * its path, and the store by its name, anew each time: one process for each, as a name that nobody
 * resolves keeps its own waiting. They hear requests without a name in them
 * (bridge/base/keeper.h), know no key and no password, and read nothing that comes.
 */
#ifndef SYNWARD_CLI_SYNC_DIALER_H
#define SYNWARD_CLI_SYNC_DIALER_H

#include "bridge/base/keeper.h"
#include "bridge/base/sandbox.h"

#define SYNC_USER "synward-sync"

struct sync_dialer {
    struct keeper keeper;
    struct sandbox sandbox;
    const char *name; /* in `ps` */
    const char *target;
    int (*connect)(const char *target, struct error *error);
};

/* Before there is anything secret in memory. As root they become SYNC_USER, where there is one. */
bool sync_dialer_start(struct sync_dialer *dialer, struct error *error);
/* A file that does not block; -1: `error` says why. */
int sync_dialer_open(struct sync_dialer *dialer, struct error *error);
void sync_dialer_stop(struct sync_dialer *dialer);

#endif
