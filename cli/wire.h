/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wire.h - one connection to the daemon, which never waits: a request on its way, then the answer,
 * line by line as it comes.
 */
#ifndef SYNWARD_CLI_WIRE_H
#define SYNWARD_CLI_WIRE_H

#include <json-c/json.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#define WIRE_ANSWER_MAX (64u * 1024 * 1024)

struct wire {
    int fd; /* -1: closed */
    char *request;
    size_t request_bytes, sent;
    char *answer; /* what came, and was not taken yet */
    size_t bytes, capacity;
};

/* Takes `fd`, a connected socket that does not block, and `request`. */
void wire_begin(struct wire *wire, int fd, struct json_object *request);
/* What poll() is to look for. */
struct pollfd wire_watched(const struct wire *wire);
/* Sends and reads what can be, to be called when poll() says so. False: it is over; what came is in
 * `answer`. */
bool wire_move(struct wire *wire);
/* Gives each whole line to `heard` (lent, without its end) and takes it away. */
void wire_lines(struct wire *wire, void (*heard)(void *context, const char *line, size_t bytes),
                void *context);
/* Closes the connection; what came stays. */
void wire_hang_up(struct wire *wire);
void wire_close(struct wire *wire);

#endif
