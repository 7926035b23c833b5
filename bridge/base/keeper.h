/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keeper.h - a small process that keeps the privileges which the bridge gives up.
 *
 *      bridge, no privilege                          keeper, forked at the start
 *      keeper_ask()  -- struct keeper_request -->    serve(): does it
 *                    <-- struct keeper_answer ---    and files, where it says so
 *
 * A request is a number out of a fixed set and two figures: never a name, never bytes that came in
 * from a wire. What it is about (which sides, which files) the keeper knows from before the fork.
 *
 * It ends with the bridge, however that ends: by the end of the socket, and by SIGKILL when the
 * thread that made it is gone. When the keeper is gone the bridge goes on, and keeper_ask() fails.
 */
#ifndef SYNWARD_BRIDGE_BASE_KEEPER_H
#define SYNWARD_BRIDGE_BASE_KEEPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "profiles/error.h"

enum keeper_what {
    KEEPER_FOLLOW,       /* side `number`: the interfaces have changed; answers a port_change, and
                            in its text why no frame passes, of one that is back why nothing is
                            carried */
    KEEPER_HOOK,         /* the program of the hook is to be at the servers' card; answers in its
                            text why it is not */
    KEEPER_ANEW,         /* side `number`: answers whether both are to be opened anew, and why */
    KEEPER_CARRIER,      /* side `number`, with an enum carrier_setting: what one side has lost is
                            mirrored to the other; answers an enum carrier_state, and in its text
                            why it would not be told */
    KEEPER_LISTENERS,    /* answers two netlink sockets of the servers' namespace */
    KEEPER_PROGRAM_WANT, /* of the socket with inode `number` */
    KEEPER_PROGRAM_TURN, /* answers 1: the walk is over */
    KEEPER_PROGRAM_NAME, /* of the socket with inode `number`; answers 1: in `text` */
    KEEPER_FILE_BEGIN,   /* enum kept_file `number`; answers the file to write to */
    KEEPER_FILE_END,     /* the same; figure 0: 0, or the errno of what failed */
    KEEPER_FILE_EXISTS,  /* the same; answers 1 */
    KEEPER_FILE_REMOVE,  /* the same */
    KEEPER_CONFIG,       /* answers the configuration file, open to be read */
    KEEPER_UNPLACE,      /* removes the control socket of device and inode `figures` */
    KEEPER_LEAVE,        /* enum keeping_end `number`: leaves the ports, removes the TAPs, gives the
                            store free */
    KEEPER_VIEW,         /* of `synward web`: answers a connection to the daemon's view.sock */
    KEEPER_DIAL,         /* of `synward sync`: answers a connection to the daemon, or the store */
};

struct keeper_request {
    uint32_t what; /* enum keeper_what */
    uint32_t number;
    uint64_t figures[2];
    uint64_t sequence; /* the asker's */
};

#define KEEPER_FILES_MAX 2

struct keeper_answer {
    uint64_t sequence;
    uint64_t number;
    uint32_t files;     /* that come with it */
    struct error error; /* EXIT_DONE: it was done; its text may be a name that was asked for */
};

/* Fills number, error and `files`, of which as many as answer->files says are passed on, and
 * closed. */
typedef void keeper_serve(void *context, const struct keeper_request *request,
                          struct keeper_answer *answer, int files[KEEPER_FILES_MAX]);

struct keeper {
    int fd; /* -1: it is gone */
    pid_t pid;
    bool untold;             /* it went while it was asked, and keeper_gone() has not said so yet */
    bool dials;              /* what was asked last is a connection */
    uint64_t sequence, owed; /* what was asked last; the answer that was not waited for, 0: none */
};

/*
 * Forks it; `begin`, in the keeper, lets go of what is not its own, and is to end the process where
 * it cannot. Before there are threads. The keeper never returns.
 */
bool keeper_start(struct keeper *keeper, void (*begin)(void *context), keeper_serve *serve,
                  void *context, struct error *error);
/* Readable when the keeper is gone; -1: it is, or never was. */
int keeper_fd(const struct keeper *keeper);
/* To be called then, and now and then, from where no answer is awaited. True: it has gone now, or
 * while it was asked; said once. */
bool keeper_gone(struct keeper *keeper);
#define KEEPER_ANSWER_US (5000ull * 1000)
#define KEEPER_FILE_US   (15000ull * 1000)
#define KEEPER_DIAL_US   (1000ull * 1000)
/*
 * Asks, and waits for the answer at most KEEPER_ANSWER_US, for a file on its disk KEEPER_FILE_US,
 * for a connection KEEPER_DIAL_US. Until a late answer has come the next request fails at once; a
 * connection that comes late is the answer to the next request for one, as the name is the same,
 * and a resolver may take longer than anybody waits. False: `error` (may be NULL) says why; it was
 * not done, or nobody knows. `number` and `figures` mean what enum keeper_what says of `what`;
 * keeper_ask() sends figures of 0. Files that come with either are closed.
 */
bool keeper_ask(struct keeper *keeper, enum keeper_what what, uint32_t number,
                struct keeper_answer *answer, struct error *error);
bool keeper_ask_figures(struct keeper *keeper, enum keeper_what what, uint32_t number,
                        const uint64_t figures[2], struct keeper_answer *answer,
                        struct error *error);
/* `files` gets answer->files files, which are the caller's then. */
bool keeper_ask_files(struct keeper *keeper, enum keeper_what what, uint32_t number,
                      struct keeper_answer *answer, int files[KEEPER_FILES_MAX],
                      struct error *error);
/* It is told to end, and waited for. */
void keeper_stop(struct keeper *keeper);

#endif
