/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loop.h - the loop that both small servers run on: accepts, reads, writes, counts; the protocol is
 * two functions.
 *
 * At most `connections_max` connections are open at once: while they are, nothing more is accepted,
 * as with a server that has a fixed number of workers. This is what silent clients exhaust.
 *
 * A connection has one output: bytes of `out`, then `stream_left` bytes of the test stream. Input
 * is handed over as it comes.
 */
#ifndef SYNWARD_TESTS_SERVERS_LOOP_H
#define SYNWARD_TESTS_SERVERS_LOOP_H

#include "tests/servers/common.h"

#define INPUT_BYTES_MAX  65536u
#define OUTPUT_BYTES_MAX 16384u

struct connection {
    struct connection *next; /* in the list of those with a timer */
    int fd;
    bool closing;      /* close once the output is out */
    bool wants_write;  /* EPOLLOUT is on */
    uint64_t timer_us; /* when protocol_timer is due; 0 = never */
    size_t in_bytes, out_bytes, out_sent;
    uint64_t stream_at, stream_left;
    uint64_t body_left, body_at, body_sum; /* an upload */
    bool body_equal;
    unsigned state;
    char in[INPUT_BYTES_MAX];
    char out[OUTPUT_BYTES_MAX];
};

/* What a protocol gives: all may append output with say(). */
static void protocol_start(struct connection *c);
/* Returns how many of the bytes it took; the rest stays for the next call. */
static size_t protocol_input(struct connection *c, char *data, size_t bytes);
static void protocol_timer(struct connection *c);
/* In place of protocol_start(), for who is not wanted (loop.refused); the connection is closed
 * after it. */
static void protocol_refuse(struct connection *c);

static struct {
    int epoll, listener;
    bool accepting;
    uint64_t connections_max;
    const char *refused; /* an address that is turned away; NULL: nobody */
    struct counts *counts;
    struct connection *timers;
    volatile sig_atomic_t stop, reload;
} loop = {.accepting = true, .connections_max = 1000000};

static UNUSED void say_bytes(struct connection *c, const void *data, size_t bytes)
{
    if (bytes > sizeof(c->out) - c->out_bytes) {
        c->closing = true; /* it asks and asks and never reads */
        return;
    }
    memcpy(c->out + c->out_bytes, data, bytes);
    c->out_bytes += bytes;
}

__attribute__((format(printf, 2, 3))) static UNUSED void say(struct connection *c,
                                                             const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    const int bytes = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    say_bytes(c, line, (size_t)bytes);
}

static UNUSED void timer_in(struct connection *c, uint64_t delay_us)
{
    c->timer_us = now_us() + delay_us;
    c->next = loop.timers;
    loop.timers = c;
}

static void timer_forget(struct connection *c)
{
    for (struct connection **at = &loop.timers; *at; at = &(*at)->next)
        if (*at == c) {
            *at = c->next;
            break;
        }
    c->timer_us = 0;
}

static void connection_close(struct connection *c)
{
    if (c->timer_us)
        timer_forget(c);
    close(c->fd);
    free(c);
    loop.counts->open--;
    if (!loop.accepting && loop.counts->open < loop.connections_max) {
        watch(loop.epoll, EPOLL_CTL_ADD, loop.listener, EPOLLIN, NULL);
        loop.accepting = true;
    }
}

static void output_refill(struct connection *c)
{
    c->out_sent = c->out_bytes = 0;
    const size_t part = c->stream_left < sizeof(c->out) ? (size_t)c->stream_left : sizeof(c->out);
    stream_fill((uint8_t *)c->out, c->stream_at, part);
    c->stream_at += part;
    c->stream_left -= part;
    c->out_bytes = part;
}

/* False when the connection is gone. */
static bool connection_write(struct connection *c)
{
    for (;;) {
        if (c->out_sent == c->out_bytes)
            output_refill(c);
        if (c->out_bytes == 0)
            break;
        const ssize_t sent =
            send(c->fd, c->out + c->out_sent, c->out_bytes - c->out_sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN)
            break;
        if (sent < 0) {
            connection_close(c);
            return false;
        }
        c->out_sent += (size_t)sent;
    }
    const bool more = c->out_sent < c->out_bytes;
    if (!more && c->closing) {
        connection_close(c);
        return false;
    }
    if (more != c->wants_write) {
        c->wants_write = more;
        watch(loop.epoll, EPOLL_CTL_MOD, c->fd, more ? EPOLLIN | EPOLLOUT : EPOLLIN, c);
    }
    return true;
}

static void connection_read(struct connection *c)
{
    const ssize_t got = recv(c->fd, c->in + c->in_bytes, sizeof(c->in) - c->in_bytes, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        connection_close(c);
        return;
    }
    c->in_bytes += (size_t)got;
    const size_t taken = protocol_input(c, c->in, c->in_bytes);
    memmove(c->in, c->in + taken, c->in_bytes - taken);
    c->in_bytes -= taken;
    if (c->in_bytes == sizeof(c->in))
        c->closing = true;
    connection_write(c);
}

static bool is_refused(int fd)
{
    struct sockaddr_in6 peer;
    socklen_t bytes = sizeof(peer);
    char text[INET6_ADDRSTRLEN];
    if (!loop.refused || getpeername(fd, (struct sockaddr *)&peer, &bytes) < 0)
        return false;
    inet_ntop(AF_INET6, &peer.sin6_addr, text, sizeof(text));
    return strcmp(strncmp(text, "::ffff:", 7) == 0 ? text + 7 : text, loop.refused) == 0;
}

static void accept_one(int fd)
{
    struct connection *c = malloc(sizeof(*c));
    if (!c)
        die("out of memory");
    memset(c, 0, offsetof(struct connection, in));
    c->fd = fd;
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    loop.counts->accepted++;
    loop.counts->open++;
    watch(loop.epoll, EPOLL_CTL_ADD, fd, EPOLLIN, c);
    if (is_refused(fd)) {
        loop.counts->refused++;
        c->closing = true;
        protocol_refuse(c);
    } else {
        protocol_start(c);
    }
    connection_write(c);
}

static void accept_all(void)
{
    while (loop.counts->open < loop.connections_max) {
        const int fd = accept4(loop.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        accept_one(fd);
    }
    watch(loop.epoll, EPOLL_CTL_DEL, loop.listener, 0, NULL);
    loop.accepting = false;
}

static void loop_on_signal(int signal)
{
    if (signal == SIGHUP)
        loop.reload = 1;
    else
        loop.stop = 1;
}

/* Runs the timers that are due; returns how long to wait for the next in ms, -1 = no timer. */
static int loop_timers(void)
{
    uint64_t next_us = UINT64_MAX;
    for (struct connection *c = loop.timers, *next; c; c = next) {
        next = c->next;
        if (c->timer_us <= now_us()) {
            timer_forget(c);
            protocol_timer(c);
            if (!connection_write(c))
                continue;
        }
        if (c->timer_us && c->timer_us < next_us)
            next_us = c->timer_us;
    }
    if (next_us == UINT64_MAX)
        return -1;
    const uint64_t now = now_us();
    return next_us <= now ? 0 : (int)((next_us - now + 999) / 1000);
}

/* Serves until SIGTERM or SIGINT. "ready" on standard output says that the port listens. */
static void loop_run(const struct listen_options *options, const char *counts_path,
                     void (*on_reload)(void))
{
    struct sigaction action = {.sa_handler = loop_on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    loop.counts = counts_open(counts_path);
    loop.epoll = epoll_create1(EPOLL_CLOEXEC);
    loop.listener = listen_on(options);
    watch(loop.epoll, EPOLL_CTL_ADD, loop.listener, EPOLLIN, NULL);
    puts("ready");
    fflush(stdout);
    while (!loop.stop) {
        struct epoll_event events[64];
        const int n = epoll_wait(loop.epoll, events, 64, loop_timers());
        if (loop.reload) {
            loop.reload = 0;
            on_reload();
        }
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (!c)
                accept_all();
            else if ((events[i].events & EPOLLOUT) && !connection_write(c))
                continue;
            else if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                connection_read(c);
        }
    }
}

#endif
