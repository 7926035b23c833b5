/* SPDX-License-Identifier: GPL-2.0-or-later */
/* streams.c - connections that stay: who watches is told events, who samples is answered anew. */
#include <stdlib.h>
#include <sys/epoll.h>

#include "bridge/base/clock.h"
#include "bridge/control/socket_parts.h"

/* --- watchers -------------------------------------------------------------------------------- */

/*
 * One chunk of events for a watcher, where it has taken the one before. EPOLLOUT is asked for as
 * long as there is something to send; a watcher that is gone shows without being asked for
 * (EPOLLHUP).
 */
void connection_stream(struct control *control, struct connection *connection)
{
    const struct events *events = control->face.events;
    size_t bytes = 0;
    bool more;

    if (connection->sent == connection->filled) {
        char *lines = events_read(events, &connection->reader, WATCH_CHUNK, &bytes);

        connection_buffer(control, connection, lines, bytes);
    }
    connection_send(control, connection);
    if (connection->state == CONNECTION_FREE)
        return;
    more = connection->sent < connection->filled || events_waiting(events, &connection->reader);
    if (!connection_look(control, connection, more ? EPOLLOUT : 0))
        connection_close(control, connection);
}

void control_tell(struct control *control)
{
    const struct events *events = control->face.events;

    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *connection = &control->connections[i];

        if (connection->state == CONNECTION_WATCHING && connection->sent == connection->filled &&
            events_waiting(events, &connection->reader))
            connection_stream(control, connection);
    }
}

/* --- samplers -------------------------------------------------------------------------------- */

/* What is left of the line goes out, as far as the socket takes it. */
void connection_sample(struct control *control, struct connection *connection)
{
    connection_send(control, connection);
    if (connection->state != CONNECTION_FREE &&
        !connection_look(control, connection, connection->sent < connection->filled ? EPOLLOUT : 0))
        connection_close(control, connection);
}

/* Ticks that were missed are left out, as are those whose line finds the one before still here. */
void connection_tick(struct control *control, struct connection *connection, uint64_t now_ms)
{
    const uint64_t ticks = (now_ms - connection->deadline_ms) / connection->sample_ms + 1;
    size_t bytes = 0;
    char *line;

    connection->deadline_ms += ticks * connection->sample_ms;
    connection->sequence += ticks;
    if (connection->sent < connection->filled)
        return;
    line =
        connection_ask(control, connection, connection->request, connection->request_bytes, &bytes);
    server_lines_made(&connection->lines, now_ms);
    connection_buffer(control, connection, line, bytes);
    connection_sample(control, connection);
}

/* From READING to SAMPLING. */
static void begin_samples(struct control *control, struct connection *connection, size_t bytes,
                          uint32_t sample_ms)
{
    connection_keep_request(connection);
    connection->request_bytes = bytes;
    connection->sample_ms = sample_ms;
    connection->state = CONNECTION_SAMPLING;
    connection->deadline_ms = clock_now_us() / 1000;
    connection->sequence = UINT64_MAX; /* one before the first */
    connection_tick(control, connection, connection->deadline_ms);
}

/* --- beginning ------------------------------------------------------------------------------- */

static unsigned count_watchers(const struct control *control)
{
    unsigned count = 0;

    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        count += connection_stays(&control->connections[i]);
    return count;
}

void connection_stay(struct control *control, struct connection *connection, size_t bytes,
                     struct control_stay stay)
{
    size_t answer_bytes = 0;
    char *answer;

    if (count_watchers(control) == WATCHERS_MAX) {
        connection_refuse(control, connection, "too many watch already: end one of them");
        return;
    }
    if (stay.sample_ms) {
        begin_samples(control, connection, bytes, stay.sample_ms);
        return;
    }
    connection->reader = stay.reader;
    answer = connection_ask(control, connection, connection->buffer, bytes, &answer_bytes);
    connection_buffer(control, connection, answer, answer_bytes);
    connection->state = CONNECTION_WATCHING;
    connection->deadline_ms = UINT64_MAX;
    connection_stream(control, connection);
}
