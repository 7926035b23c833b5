/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * socket.c - the control socket: one question and one answer per connection, without ever holding
 * up the main loop.
 *
 *      accept --> READING --newline or end--> control_answer() --> WRITING --all sent--> close
 *                    |                        control_begin()      a piece each turn
 *                    |                                                |
 *                    +------ late, gone, out of room: close ----------+
 *                    |
 *                    +-- "watch" --> WATCHING --gone--> close
 *                    +-- "sample" -> SAMPLING --gone--> close
 *
 * A watcher (at most WATCHERS_MAX of them, with those who sample) stays and is told events
 * (events.h) as they come, without a deadline. Who samples is answered anew at each tick of its
 * own; where it has not taken the line before there is none, and the number in the next one tells.
 * What the socket of a watcher does not take waits in the ring of events, not here: at most one
 * chunk of WATCH_CHUNK events is set aside for it. Both are in streams.c.
 *
 * Everything is bounded. There are CONNECTIONS_MAX connections; when one more comes, the oldest
 * that has not yet stated its request makes room (a silent client cannot keep an operator out), or
 * else the oldest. A request is at most CONTROL_REQUEST_MAX long, and all requests together at most
 * REQUESTS_TOTAL_MAX. A connection ends when nothing came of its request, or nothing was taken of
 * the answer, for a while; one timerfd keeps the time. Where there is no descriptor for another
 * connection (EMFILE) those that wait are not looked at for DEAF_MS, or the main loop would spin.
 */
#include "bridge/control/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/control/pieces.h"
#include "bridge/control/protocol.h"
#include "bridge/control/socket_parts.h"
#include "bridge/control/text.h"

/* Sets the timer to the earliest deadline, or off. */
static void arm_timer(struct control *control)
{
    uint64_t earliest = control->deaf_until_ms;
    struct itimerspec when = {0};

    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        const struct connection *connection = &control->connections[i];

        if (connection->state != CONNECTION_FREE && connection->deadline_ms < earliest)
            earliest = connection->deadline_ms;
    }
    if (earliest != UINT64_MAX) {
        when.it_value.tv_sec = (time_t)(earliest / 1000);
        when.it_value.tv_nsec = (long)(earliest % 1000) * 1000000;
    }
    timerfd_settime(control->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static bool watch(struct control *control, int operation, int fd, uint32_t events, uint64_t data)
{
    struct epoll_event event = {.events = events, .data.u64 = data};

    return epoll_ctl(control->epoll_fd, operation, fd, &event) == 0;
}

/* What a long answer or a sampler needs to the end. NULL is fine. */
static void drop_request(struct control *control, struct connection *connection)
{
    if (connection->pieces)
        connection->pieces->free(connection->pieces);
    control->buffered_bytes -= connection->request_capacity;
    free(connection->request);
    connection->pieces = NULL;
    connection->request = NULL;
    connection->request_capacity = 0;
}

void connection_close(struct control *control, struct connection *connection)
{
    if (connection->state == CONNECTION_FREE)
        return;
    close(connection->fd);
    control->buffered_bytes -= connection->capacity;
    drop_request(control, connection);
    free(connection->buffer);
    if (connection->large)
        malloc_trim(0);
    *connection = (struct connection){.state = CONNECTION_FREE, .fd = -1};
}

/* What the other end has not taken yet. */
static int unread(const struct connection *connection)
{
    int bytes = 0;

    return ioctl(connection->fd, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

/* It is not silent: its time begins anew. Who stays has no deadline. */
static void put_off(const struct control *control, struct connection *connection)
{
    if (!connection_stays(connection))
        connection->deadline_ms = clock_now_us() / 1000 + control->timeout_ms;
    connection->unread = unread(connection);
}

void connection_send(struct control *control, struct connection *connection)
{
    size_t turn = 0;

    while (connection->sent < connection->filled && turn < TURN_BYTES) {
        ssize_t sent = send(connection->fd, connection->buffer + connection->sent,
                            connection->filled - connection->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (sent < 0) {
            connection_close(control, connection);
            return;
        }
        connection->sent += (size_t)sent;
        turn += (size_t)sent;
        put_off(control, connection);
    }
}

static size_t connection_index(const struct control *control, const struct connection *connection)
{
    return (size_t)(connection - control->connections);
}

bool connection_look(struct control *control, const struct connection *connection, uint32_t events)
{
    return watch(control, EPOLL_CTL_MOD, connection->fd, events,
                 connection_index(control, connection));
}

void connection_buffer(struct control *control, struct connection *connection, char *buffer,
                       size_t bytes)
{
    free(connection->buffer);
    control->buffered_bytes += bytes - connection->capacity;
    connection->buffer = buffer;
    connection->capacity = connection->filled = bytes;
    connection->sent = 0;
}

void connection_keep_request(struct connection *connection)
{
    connection->request = connection->buffer;
    connection->request_capacity = connection->capacity;
    connection->buffer = NULL;
    connection->capacity = connection->filled = connection->sent = 0;
}

/* The next piece, where there is one and the one before was taken. */
static void connection_next(struct control *control, struct connection *connection)
{
    struct pieces *pieces = connection->pieces;
    size_t bytes;
    char *piece;

    if (!pieces || connection->sent < connection->filled)
        return;
    piece = pieces->next(pieces, &bytes);
    if (pieces->ended)
        drop_request(control, connection);
    if (bytes > 0)
        connection_buffer(control, connection, piece, bytes);
    put_off(control, connection);
}

static void connection_write(struct control *control, struct connection *connection)
{
    connection_next(control, connection);
    connection_send(control, connection);
    if (connection->state != CONNECTION_FREE && connection->sent == connection->filled &&
        !connection->pieces)
        connection_close(control, connection);
}

/* From READING to WRITING. */
static void connection_begin_writing(struct control *control, struct connection *connection)
{
    if (!watch(control, EPOLL_CTL_MOD, connection->fd, EPOLLOUT,
               connection_index(control, connection))) {
        connection_close(control, connection);
        return;
    }
    connection->state = CONNECTION_WRITING;
    put_off(control, connection);
    connection_write(control, connection);
}

/* Takes `answer`; NULL: there is none. */
static void connection_answer(struct control *control, struct connection *connection, char *answer,
                              size_t bytes)
{
    connection_buffer(control, connection, answer, bytes);
    if (answer)
        connection_begin_writing(control, connection);
    else
        connection_close(control, connection);
}

void connection_refuse(struct control *control, struct connection *connection, const char *text)
{
    struct error error;
    size_t bytes = 0;
    char *answer;

    error_set(&error, EXIT_FAILED, "%s", text);
    answer = text_error(&error, &bytes);
    connection_answer(control, connection, answer, bytes);
}

/* Makes room for more of the request. False: refused, the connection is no longer READING. */
static bool connection_grow(struct control *control, struct connection *connection)
{
    const bool view = control->face.view;
    const size_t most = view ? CONTROL_VIEW_REQUEST_MAX : CONTROL_REQUEST_MAX;
    size_t wanted = connection->capacity ? 2 * connection->capacity : BUFFER_FIRST_BYTES;
    char *grown;

    if (connection->filled < connection->capacity)
        return true;
    if (connection->filled > most) {
        connection_refuse(control, connection,
                          view ? "the request is longer than 64 KiB: over this socket one can only "
                                 "look"
                               : "the request is longer than 64 MiB: import it in parts");
        return false;
    }
    if (wanted > most + 1) /* one more, so that a request that is too long shows */
        wanted = most + 1;
    if (control->buffered_bytes + wanted - connection->capacity > REQUESTS_TOTAL_MAX) {
        connection_refuse(control, connection, "the daemon is busy with other requests: try again");
        return false;
    }
    grown = realloc(connection->buffer, wanted);
    if (!grown) {
        connection_refuse(control, connection, "out of memory");
        return false;
    }
    control->buffered_bytes += wanted - connection->capacity;
    connection->buffer = grown;
    connection->capacity = wanted;
    return true;
}

char *connection_ask(const struct control *control, const struct connection *connection,
                     const char *request, size_t bytes, size_t *answer_bytes)
{
    const struct control_question question = {.text = request,
                                              .bytes = bytes,
                                              .view = control->face.view,
                                              .sync = control->face.sync,
                                              .sequence = connection->sequence,
                                              .lines = connection->lines};

    return control->face.answer(control->face.context, question, answer_bytes);
}

/*
 * The first `bytes` of the buffer are the request. Where it or its answer is large, so was what was
 * needed on the way: what the allocator keeps of that is given back when the connection ends.
 */
static void connection_request(struct control *control, struct connection *connection, size_t bytes)
{
    const struct control_face *face = &control->face;
    const struct control_stay stay = face->asks_to_stay(connection->buffer, bytes, face->events);
    size_t answer_bytes = 0;
    char *answer;

    if (stay.watches || stay.sample_ms) {
        connection_stay(control, connection, bytes, stay);
        return;
    }
    connection->pieces = face->begin(face->context, connection->buffer, bytes, face->view);
    if (connection->pieces) {
        connection->large = true;
        connection_keep_request(connection);
        connection_begin_writing(control, connection);
        return;
    }
    answer = connection_ask(control, connection, connection->buffer, bytes, &answer_bytes);
    connection->large = bytes > LARGE_BYTES || answer_bytes > LARGE_BYTES;
    connection_answer(control, connection, answer, answer_bytes);
}

/* A request ends at its newline, or where the client shuts down its half. An empty one is no
 * question. */
static bool connection_try_request(struct control *control, struct connection *connection,
                                   size_t searched, bool ended)
{
    const char *newline =
        connection->filled > searched
            ? memchr(connection->buffer + searched, '\n', connection->filled - searched)
            : NULL;
    size_t bytes = newline ? (size_t)(newline - connection->buffer) : connection->filled;

    if (!newline && !ended)
        return false;
    if (bytes == 0)
        connection_close(control, connection);
    else
        connection_request(control, connection, bytes);
    return true;
}

static void connection_read(struct control *control, struct connection *connection)
{
    size_t turn = 0;

    while (turn < TURN_BYTES && connection_grow(control, connection)) {
        size_t searched = connection->filled, room = connection->capacity - connection->filled;
        ssize_t received;

        if (room > TURN_BYTES)
            room = TURN_BYTES;
        received =
            recv(connection->fd, connection->buffer + connection->filled, room, MSG_DONTWAIT);
        if (received < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (received < 0) {
            connection_close(control, connection);
            return;
        }
        connection->filled += (size_t)received;
        turn += (size_t)received;
        put_off(control, connection);
        if (connection_try_request(control, connection, searched, received == 0))
            return;
    }
}

/*
 * A free place; where there is none, one is made by closing the oldest connection, those that have
 * not asked yet first.
 */
static struct connection *connection_place(struct control *control)
{
    struct connection *oldest = NULL;

    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *connection = &control->connections[i];

        if (connection->state == CONNECTION_FREE)
            return connection;
        if (!oldest || connection->state < oldest->state ||
            (connection->state == oldest->state && connection->opened < oldest->opened))
            oldest = connection;
    }
    connection_close(control, oldest);
    return oldest;
}

/* Where no descriptor was to be had: those who wait are asked again later. */
static void turn_deaf(struct control *control)
{
    if (watch(control, EPOLL_CTL_MOD, control->listen_fd, 0, EVENT_LISTENER))
        control->deaf_until_ms = clock_now_us() / 1000 + DEAF_MS;
}

static void listen_again(struct control *control, uint64_t now_ms)
{
    if (control->deaf_until_ms > now_ms)
        return;
    if (watch(control, EPOLL_CTL_MOD, control->listen_fd, EPOLLIN, EVENT_LISTENER))
        control->deaf_until_ms = NOT_DEAF;
    else
        control->deaf_until_ms = now_ms + DEAF_MS;
}

static bool out_of_descriptors(int reason)
{
    return reason == EMFILE || reason == ENFILE || reason == ENOMEM || reason == ENOBUFS;
}

static void accept_connections(struct control *control)
{
    for (unsigned turn = 0; turn < EVENTS_MAX; turn++) {
        int fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        struct connection *connection;

        if (fd < 0) {
            if (out_of_descriptors(errno))
                turn_deaf(control);
            return;
        }
        connection = connection_place(control);
        if (!watch(control, EPOLL_CTL_ADD, fd, EPOLLIN, connection_index(control, connection))) {
            close(fd);
            return;
        }
        connection->state = CONNECTION_READING;
        connection->fd = fd;
        connection->opened = control->opened++;
        put_off(control, connection);
    }
}

/* A socket that is full says so until most of it was taken: who reads slowly may be heard of by
 * what is left only. */
static void close_if_late(struct control *control, struct connection *connection, uint64_t now_ms)
{
    if (connection->state == CONNECTION_FREE || connection->deadline_ms > now_ms)
        return;
    if (connection->state == CONNECTION_SAMPLING)
        connection_tick(control, connection, now_ms);
    else if (connection->state == CONNECTION_WRITING && unread(connection) < connection->unread)
        put_off(control, connection);
    else
        connection_close(control, connection);
}

static void close_late(struct control *control)
{
    uint64_t expirations, now = clock_now_us() / 1000;

    if (read(control->timer_fd, &expirations, sizeof(expirations)) < 0)
        return; /* set anew since the event */
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        close_if_late(control, &control->connections[i], now);
    listen_again(control, now);
}

static void handle_event(struct control *control, const struct epoll_event *event)
{
    struct connection *connection;

    if (event->data.u64 == EVENT_TIMER)
        close_late(control);
    else if (event->data.u64 == EVENT_LISTENER)
        accept_connections(control);
    if (event->data.u64 >= CONNECTIONS_MAX)
        return;
    /*
     * An event may be of a connection that gave up its place in this round: reads and writes of its
     * successor find nothing, and wait.
     */
    connection = &control->connections[event->data.u64];
    if (connection->state == CONNECTION_READING)
        connection_read(control, connection);
    else if (connection->state == CONNECTION_WRITING)
        connection_write(control, connection);
    else if (connection_stays(connection) && (event->events & (EPOLLHUP | EPOLLERR)))
        connection_close(control, connection);
    else if (connection->state == CONNECTION_SAMPLING)
        connection_sample(control, connection);
    else if (connection->state == CONNECTION_WATCHING)
        connection_stream(control, connection);
}

void control_handle(struct control *control)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(control->epoll_fd, events, EVENTS_MAX, 0);

    for (int i = 0; i < count; i++)
        handle_event(control, &events[i]);
    arm_timer(control);
}

int control_fd(const struct control *control)
{
    return control->epoll_fd;
}

void control_set_timeout_ms(struct control *control, unsigned timeout_ms)
{
    control->timeout_ms = timeout_ms;
}

static bool open_descriptors(struct control *control, struct error *error)
{
    control->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    control->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (control->epoll_fd < 0 || control->timer_fd < 0 ||
        !watch(control, EPOLL_CTL_ADD, control->timer_fd, EPOLLIN, EVENT_TIMER))
        return error_set(error, EXIT_FAILED, "control socket: %s", strerror(errno));
    return true;
}

bool control_check(const char *path, struct error *error)
{
    return place_check(path, error);
}

struct control *control_open(const char *path, const struct control_face *face, struct error *error)
{
    struct control *control;

    if (!control_check(path, error))
        return NULL;
    control = calloc(1, sizeof(*control));
    if (!control) {
        error_set(error, EXIT_FAILED, "out of memory");
        return NULL;
    }
    control->face = *face;
    control->timeout_ms = CONTROL_TIMEOUT_MS;
    control->deaf_until_ms = NOT_DEAF;
    control->epoll_fd = control->timer_fd = control->listen_fd = -1;
    if (open_descriptors(control, error)) {
        control->listen_fd = place_take(&control->place, path,
                                        face->view   ? VIEW_GROUP
                                        : face->sync ? SYNC_GROUP
                                                     : NULL,
                                        error);
        if (control->listen_fd >= 0 &&
            watch(control, EPOLL_CTL_ADD, control->listen_fd, EPOLLIN, EVENT_LISTENER))
            return control;
        if (control->listen_fd >= 0)
            error_set(error, EXIT_FAILED, "control socket: %s", strerror(errno));
    }
    control_close(control);
    return NULL;
}

const struct place *control_place(const struct control *control)
{
    return &control->place;
}

static void close_if_open(int fd)
{
    if (fd >= 0)
        close(fd);
}

void control_close(struct control *control)
{
    if (!control)
        return;
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        connection_close(control, &control->connections[i]);
    place_leave(&control->place);
    close_if_open(control->listen_fd);
    close_if_open(control->timer_fd);
    close_if_open(control->epoll_fd);
    free(control);
}
