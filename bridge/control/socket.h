/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * socket.h - the control socket of `synward run` (protocol.h says what is spoken over it).
 *
 * Everything here runs on the main thread and never blocks it: sockets are non-blocking, and all of
 * them (listener, connections, time-outs) hang on one epoll descriptor that the main loop watches.
 */
#ifndef SYNWARD_BRIDGE_CONTROL_SOCKET_H
#define SYNWARD_BRIDGE_CONTROL_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

#include "bridge/control/place.h"
#include "bridge/control/question.h"
#include "profiles/error.h"

struct control;
struct events;
struct pieces;

/* Who answers. */
struct control_face {
    /*
     * Answers one request with text, `*answer_bytes` long, which the control socket frees. NULL:
     * out of memory.
     */
    char *(*answer)(void *context, struct control_question question, size_t *answer_bytes);
    /* A long answer, which works in `request` until it is freed; NULL: answer() has it. */
    struct pieces *(*begin)(void *context, char *request, size_t bytes, bool view);
    /* Its answer is the first line of many. */
    struct control_stay (*asks_to_stay)(const char *request, size_t bytes,
                                        const struct events *events);
    void *context;
    const struct events *events;
    bool sync; /* of `synward sync`, as view is; not both */
    bool view; /* whoever asks here may only look; the socket is mode 0660, of the group that
                  VIEW_GROUP names, or 0600 where there is none */
};

/*
 * Would control_open() find its place? To be asked before anything is made: a live daemon on the
 * socket, a path that is not a socket, a missing folder and a path that is too long are told
 * without leaving a trace.
 */
bool control_check(const char *path, struct error *error);

/*
 * Listens at `path`, mode 0600 from the first moment. The socket appears when it is ready to be
 * used, not before. A stale socket is replaced; the folder of the default path is made if missing
 * (0755). NULL: `error` says why, and nothing was changed.
 */
struct control *control_open(const char *path, const struct control_face *face,
                             struct error *error);

/* Readable when control_handle() has work. */
int control_fd(const struct control *control);

/* Accepts, reads, answers and gives up on those that are late: a bounded amount of each, without
 * waiting. */
void control_handle(struct control *control);

/* Events have been added: those who watch are told, as far as their sockets take it. Never waits.
 */
void control_tell(struct control *control);

/* How long a client may take to send its request, and again to take the answer; CONTROL_TIMEOUT_MS
 * unless set. */
void control_set_timeout_ms(struct control *control, unsigned timeout_ms);

/* Of the socket's file, for who is to remove it. */
const struct place *control_place(const struct control *control);
/* Removes the socket, if it is still ours, and drops all connections. `control` may be NULL. */
void control_close(struct control *control);

#endif
