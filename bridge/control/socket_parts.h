/* SPDX-License-Identifier: GPL-2.0-or-later */
/* socket_parts.h - the control socket's connections, and how much there may be of them: for
 * socket.c and streams.c. */
#ifndef SYNWARD_BRIDGE_CONTROL_SOCKET_PARTS_H
#define SYNWARD_BRIDGE_CONTROL_SOCKET_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/control/pieces.h"
#include "bridge/control/place.h"
#include "bridge/control/protocol.h"
#include "bridge/control/socket.h"
#include "bridge/events/events.h"
#include "bridge/server_changes.h"

#define CONNECTIONS_MAX    32
#define WATCHERS_MAX       8
#define WATCH_CHUNK        64
#define REQUESTS_TOTAL_MAX (2 * (size_t)CONTROL_REQUEST_MAX)
#define EVENTS_MAX         16
/* Read or written for one connection before the others have their turn */
#define TURN_BYTES         (256u * 1024)
#define BUFFER_FIRST_BYTES 4096u
#define LARGE_BYTES        (1u << 20)
#define DEAF_MS            100

#define NOT_DEAF UINT64_MAX

/* epoll data: a connection's index, or one of these. */
#define EVENT_LISTENER CONNECTIONS_MAX
#define EVENT_TIMER    (CONNECTIONS_MAX + 1)

enum connection_state {
    CONNECTION_FREE,
    CONNECTION_READING,  /* buffer[0..filled): the request so far */
    CONNECTION_WRITING,  /* buffer[sent..filled): what is left of the answer */
    CONNECTION_WATCHING, /* buffer[sent..filled): events on their way; `reader` says which come next
                          */
    CONNECTION_SAMPLING, /* buffer[sent..filled): a line; the next one at the deadline */
};

struct connection {
    enum connection_state state;
    int fd;
    uint64_t opened; /* running number: the lowest is the oldest */
    uint64_t deadline_ms;
    char *buffer;
    size_t capacity, filled, sent;
    int unread;    /* bytes in the socket when the deadline was set */
    bool large;    /* memory is to be given back at the end */
    char *request; /* that is still needed: of a long answer, or of a sampler */
    size_t request_capacity;
    struct pieces *pieces; /* of an answer that is not whole yet, which work in `request` */
    struct event_reader reader;
    size_t request_bytes; /* of a sampler */
    uint32_t sample_ms;
    uint64_t sequence;
    struct server_lines lines; /* of samples, so far */
};

struct control {
    struct control_face face;
    int epoll_fd, listen_fd, timer_fd;
    unsigned timeout_ms;
    uint64_t opened;
    uint64_t deaf_until_ms; /* NOT_DEAF: connections are accepted */
    size_t buffered_bytes;  /* sum of the capacities of the connections' buffers */
    struct place place;
    struct connection connections[CONNECTIONS_MAX];
};

static inline bool connection_stays(const struct connection *connection)
{
    return connection->state == CONNECTION_WATCHING || connection->state == CONNECTION_SAMPLING;
}

/* --- socket.c -------------------------------------------------------------------------------- */

/* What epoll is to look for; false: the kernel will not. */
bool connection_look(struct control *control, const struct connection *connection, uint32_t events);
void connection_close(struct control *control, struct connection *connection);
/* Sends what the socket takes now; the rest waits for EPOLLOUT. Where it fails the connection is
 * closed. */
void connection_send(struct control *control, struct connection *connection);
/* What is in the buffer stays until the connection is closed, and the buffer is free for answers.
 */
void connection_keep_request(struct connection *connection);
/* Takes `buffer` in the place of what there was. */
void connection_buffer(struct control *control, struct connection *connection, char *buffer,
                       size_t bytes);
void connection_refuse(struct control *control, struct connection *connection, const char *text);
/* The answer to the request, which the caller frees. */
char *connection_ask(const struct control *control, const struct connection *connection,
                     const char *request, size_t bytes, size_t *answer_bytes);

/* --- streams.c ------------------------------------------------------------------------------- */

/* From READING to WATCHING or SAMPLING: what it hears first is the answer to its request, the first
 * `bytes` of its buffer. */
void connection_stay(struct control *control, struct connection *connection, size_t bytes,
                     struct control_stay stay);
/* There is room in the socket of one that watches, or that samples. */
void connection_stream(struct control *control, struct connection *connection);
void connection_sample(struct control *control, struct connection *connection);
/* The deadline of one that samples has come. */
void connection_tick(struct control *control, struct connection *connection, uint64_t now_ms);

#endif
