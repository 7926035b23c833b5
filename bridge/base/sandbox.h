/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sandbox.h - a process that has read what an attacker sent is worth little.
 *
 *                    capabilities  user     file system  system calls
 *      worker        none          nobody's an empty one what it needs
 *      main thread   none          nobody's an empty one what it needs
 *      keeper        a few         ours     as it is     no program, no process, no tracing
 *      web           none          nobody's an empty one what it needs, no socket of its own making
 *      connector     none          ours     as it is     a UNIX socket, and passing it on
 *      dialer        none          its own  as it is     a connection, and passing it on
 *
 * Each thread gives up what it has by itself, when it has all that it needs open, and before it
 * reads anything. no_new_privs and PR_SET_DUMPABLE 0 go with it. What is called that stands on no
 * list fails with EPERM; what no thread of ours has a reason to try, and whoever has taken it has
 * (files, sockets, programs, processes, code), kills the process.
 */
#ifndef SYNWARD_BRIDGE_BASE_SANDBOX_H
#define SYNWARD_BRIDGE_BASE_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "profiles/error.h"

enum sandbox_role {
    SANDBOX_WORKER,
    SANDBOX_MAIN,
    SANDBOX_KEEPER,
    SANDBOX_WEB,       /* `synward web`: who speaks HTTP */
    SANDBOX_CONNECTOR, /* its helper, which opens connections to the daemon */
    SANDBOX_DIALER,    /* one of `synward sync`, which opens them over the network, too */
};

struct sandbox {
    uid_t user;          /* a number that nobody has; 0: we stay who we are */
    gid_t group;         /* 0: the same number */
    bool maps;           /* the kernel path's BPF maps are written and read */
    struct error denied; /* EXIT_DONE: nothing is in the way of a sandbox at all */
};

/* While files can be read. */
void sandbox_prepare(struct sandbox *sandbox, bool maps);
/* The whole process sees an empty, read-only file system; open files stay open. */
bool sandbox_hide_files(struct error *why);
/* This thread, for good. False: not all of it could be had; `why` says what is missing, the rest is
 * in force. */
bool sandbox_enter(const struct sandbox *sandbox, enum sandbox_role role, struct error *why);

#endif
