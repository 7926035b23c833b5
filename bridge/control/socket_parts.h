/* SPDX-License-Identifier: GPL-2.0-or-later */
/* socket_parts.h - what the control socket consists of, and how much there may be of it. */
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
};

struct connection {
    enum connection_state state;
    int fd;
    uint64_t opened; /* running number: the lowest is the oldest */
    uint64_t deadline_ms;
    char *buffer;
    size_t capacity, filled, sent;
    int unread;            /* bytes in the socket when the deadline was set */
    bool large;            /* memory is to be given back at the end */
    struct pieces *pieces; /* of an answer that is not whole yet */
    char *request;         /* in which they work */
    size_t request_capacity;
    struct event_reader reader;
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

#endif
