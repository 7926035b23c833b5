/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * place.h - the control socket's place in the file system.
 *
 * The socket is made under a name of its own, mode 0600 before it is bound, and moved to its place
 * when it listens: who finds the path can connect. link() does not replace, so that of two daemons
 * that start at once only one wins.
 */
#ifndef SYNWARD_BRIDGE_CONTROL_PLACE_H
#define SYNWARD_BRIDGE_CONTROL_PLACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "profiles/error.h"

struct place {
    struct sockaddr_un address;
    dev_t device; /* of the socket file, so that we remove only our own */
    ino_t inode;  /* 0: there is none of ours */
};

/* Could a socket be made at `path`? Leaves no trace. */
bool place_check(const char *path, struct error *error);
/* The same, but for a daemon that may live there. */
bool place_check_path(const char *path, struct error *error);
/* Listens at `path`, replacing a stale socket; the folder of the default path is made if missing.
 * `group`: for that group, where there is one; NULL: its owner's alone. The listening file, or -1:
 * `error` says why, and nothing was changed. */
#define VIEW_GROUP "synward"
#define SYNC_GROUP "synward-sync"
int place_take(struct place *place, const char *path, const char *group, struct error *error);
/* Where those who may only look find a daemon whose control socket is at `path`: "view.sock" beside
 * "control.sock", "X.view" beside any other X. The path may be too long for a socket. */
#define PLACE_VIEW_BYTES (sizeof(((struct sockaddr_un *)0)->sun_path) + 8)
void place_of_view(const char *path, char view[PLACE_VIEW_BYTES]);
/* The same for `synward sync`: "sync.sock" beside "control.sock", "X.sync" beside any other X. */
void place_of_sync(const char *path, char sync[PLACE_VIEW_BYTES]);
/* A socket of ours at `path`, known by its device and inode. */
void place_known(struct place *place, const char *path, uint64_t device, uint64_t inode);
/* Removes the socket, if it is still ours. */
void place_leave(const struct place *place);

#endif
