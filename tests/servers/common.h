/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * common.h - what the small servers and load generators of the tests share: errors, options,
 * addresses, the clock, the test data and the counters that a test reads while the program runs.
 *
 * These programs are for the tests' own network namespaces only.
 */
#ifndef SYNWARD_TESTS_SERVERS_COMMON_H
#define SYNWARD_TESTS_SERVERS_COMMON_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

__attribute__((noreturn, format(printf, 1, 2))) static inline void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, errno ? ": %s\n" : "\n", strerror(errno));
    exit(1);
}

static inline uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static inline uint64_t number(const char *text)
{
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    if (errno || end == text || *end)
        die("not a number: %s", text);
    return value;
}

/* xorshift64*: good enough for addresses and ports, and it replays. */
static inline uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1du;
}

/* The test data: byte `offset` of an endless stream, the same for whoever asks. */
static inline uint64_t stream_word(uint64_t index)
{
    uint64_t z = (index + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    return z ^ (z >> 31);
}

static inline uint8_t stream_byte(uint64_t offset)
{
    return (uint8_t)(stream_word(offset / 8) >> (8 * (offset % 8)));
}

static inline void stream_fill(uint8_t *out, uint64_t offset, size_t bytes)
{
    size_t i = 0;
    while (i < bytes && (offset + i) % 8)
        out[i] = stream_byte(offset + i), i++;
    for (; i + 8 <= bytes; i += 8) {
        const uint64_t word = htole64(stream_word((offset + i) / 8));
        memcpy(out + i, &word, 8);
    }
    for (; i < bytes; i++)
        out[i] = stream_byte(offset + i);
}

/* True when `bytes` at `data` are the stream's from `offset` on. */
static inline bool stream_equal(const uint8_t *data, uint64_t offset, size_t bytes)
{
    uint8_t expected[16384];
    for (size_t at = 0; at < bytes;) {
        const size_t part = bytes - at < sizeof(expected) ? bytes - at : sizeof(expected);
        stream_fill(expected, offset + at, part);
        if (memcmp(expected, data + at, part) != 0)
            return false;
        at += part;
    }
    return true;
}

#define FNV_START 0xcbf29ce484222325u

static inline uint64_t fnv(uint64_t sum, const void *data, size_t bytes)
{
    const uint8_t *byte = data;
    for (size_t i = 0; i < bytes; i++)
        sum = (sum ^ byte[i]) * 0x100000001b3u;
    return sum;
}

/* Counters in a file that is mapped: a test reads them at any time, without asking. */
struct counts {
    uint64_t accepted;
    uint64_t requests; /* understood and answered */
    uint64_t refused;  /* not understood */
    uint64_t open;
};

static inline struct counts *counts_open(const char *path)
{
    static struct counts unshared;
    if (!path)
        return &unshared;
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof(struct counts)) < 0)
        die("%s", path);
    void *map = mmap(NULL, sizeof(struct counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        die("%s", path);
    close(fd);
    return map;
}

/* Address text of either family; the length goes to `bytes`. */
static inline struct sockaddr_storage address_of(const char *host, uint16_t port, socklen_t *bytes)
{
    struct sockaddr_storage out = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out;
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        *bytes = sizeof(*v4);
    } else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        *bytes = sizeof(*v6);
    } else {
        errno = 0;
        die("not an address: %s", host);
    }
    return out;
}

static inline void set_option(int fd, int level, int name, int value)
{
    if (setsockopt(fd, level, name, &value, sizeof(value)) < 0)
        die("setsockopt %d/%d", level, name);
}

/* How a listening socket is tuned; 0 = as the system does. */
struct listen_options {
    uint16_t port;
    int receive_buffer_bytes;
    int mss;
    int backlog;
    int keepalive_s; /* a silent client is asked after so long, and every so often; given up with
                        the third */
};

/* Listens on every address of both families. */
static inline int listen_on(const struct listen_options *options)
{
    const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket");
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    if (options->receive_buffer_bytes)
        set_option(fd, SOL_SOCKET, SO_RCVBUF, options->receive_buffer_bytes);
    if (options->mss)
        set_option(fd, IPPROTO_TCP, TCP_MAXSEG, options->mss);
    if (options->keepalive_s) { /* sockets that it accepts inherit these */
        set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
        set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, options->keepalive_s);
        set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, options->keepalive_s);
        set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 2);
    }
    const struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(options->port)};
    if (bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0)
        die("bind port %u", options->port);
    if (listen(fd, options->backlog ? options->backlog : 4096) < 0)
        die("listen");
    return fd;
}

static inline void watch(int epoll, int operation, int fd, uint32_t events, void *of)
{
    struct epoll_event event = {.events = events, .data.ptr = of};
    if (epoll_ctl(epoll, operation, fd, &event) < 0)
        die("epoll_ctl");
}

#endif
