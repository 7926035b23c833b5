/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dns_server - a small DNS server for the tests, over UDP and TCP at the same port.
 *
 *      dns_server --port N [--count FILE] [--answer-udp yes|no]
 *
 * Every name has the address 192.0.2.1, but those that begin with "nx", which do not exist. Answers
 * say RA, copy RD and CD, and EDNS where it was asked. --count: `accepted` are queries over UDP,
 * `requests` those over TCP, `refused` what is no query.
 *
 * One query a connection at a time, each in one piece.
 */
#include "tests/servers/common.h"

#define MESSAGE_BYTES 2048u
#define CONNECTIONS   256

static struct {
    struct counts *counts;
    uint16_t port;
    bool answer_udp;
    volatile sig_atomic_t stop;
} server = {.port = 53, .answer_udp = true};

static void on_signal(int signal)
{
    (void)signal;
    server.stop = 1;
}

/* Bytes of name, type and class behind the header; 0: none. */
static size_t question_bytes(const uint8_t *message, size_t bytes)
{
    size_t at = 12;
    while (at < bytes && message[at] && message[at] < 64)
        at += 1u + message[at];
    return at + 5 <= bytes && !message[at] ? at + 5 - 12 : 0;
}

/* Makes the answer in place; 0: it is no query. */
static size_t answer(uint8_t *message, size_t bytes)
{
    static const uint8_t address[16] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1};
    static const uint8_t opt[11] = {0, 0, 41, 0x04, 0xd0};
    if (bytes < 17 || (message[2] & 0x80) || message[5] != 1)
        return 0;
    size_t end = 12 + question_bytes(message, bytes);
    if (end == 12)
        return 0;
    const bool nothing = message[13] == 'n' && message[14] == 'x', edns = message[11] == 1;
    message[2] = (uint8_t)(0x80 | (message[2] & 0x79));
    message[3] = (uint8_t)(0x80 | (message[3] & 0x10) | (nothing ? 3 : 0));
    message[7] = !nothing;
    message[9] = 0;
    if (!nothing) {
        memcpy(message + end, address, sizeof(address));
        end += sizeof(address);
    }
    if (edns) {
        memcpy(message + end, opt, sizeof(opt));
        end += sizeof(opt);
    }
    return end;
}

static void serve_udp(int fd)
{
    for (int i = 0; i < 64; i++) {
        uint8_t message[MESSAGE_BYTES];
        struct sockaddr_storage from;
        socklen_t from_bytes = sizeof(from);
        const ssize_t bytes = recvfrom(fd, message, MESSAGE_BYTES / 2, MSG_DONTWAIT,
                                       (struct sockaddr *)&from, &from_bytes);
        if (bytes < 0)
            return;
        const size_t said = answer(message, (size_t)bytes);
        if (!said) {
            server.counts->refused++;
            continue;
        }
        server.counts->accepted++;
        if (server.answer_udp)
            sendto(fd, message, said, 0, (const struct sockaddr *)&from, from_bytes);
    }
}

/* False: the connection is over. */
static bool serve_tcp(int fd)
{
    uint8_t message[MESSAGE_BYTES];
    const ssize_t bytes = recv(fd, message, MESSAGE_BYTES / 2, 0);
    if (bytes < 2)
        return false;
    const size_t said = answer(message + 2, (size_t)bytes - 2);
    if (!said) {
        server.counts->refused++;
        return false;
    }
    server.counts->requests++;
    message[0] = (uint8_t)(said >> 8);
    message[1] = (uint8_t)said;
    return send(fd, message, said + 2, MSG_NOSIGNAL) == (ssize_t)said + 2;
}

static int udp_socket(void)
{
    const int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(server.port)};
    if (fd < 0)
        die("socket");
    set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    if (bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0)
        die("bind port %u", server.port);
    return fd;
}

static void serve(int epoll, int udp, int listener)
{
    struct epoll_event events[CONNECTIONS];
    const int count = epoll_wait(epoll, events, CONNECTIONS, -1);
    for (int i = 0; i < count; i++) {
        const int fd = events[i].data.fd;
        if (fd == udp) {
            serve_udp(fd);
        } else if (fd == listener) {
            struct epoll_event event = {.events = EPOLLIN};
            event.data.fd = accept(listener, NULL, NULL);
            if (event.data.fd >= 0)
                epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
        } else if (!serve_tcp(fd)) {
            close(fd);
        }
    }
}

int main(int argc, char **argv)
{
    const char *count = NULL;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--port") == 0)
            server.port = (uint16_t)number(argv[i + 1]);
        else if (strcmp(argv[i], "--count") == 0)
            count = argv[i + 1];
        else if (strcmp(argv[i], "--answer-udp") == 0)
            server.answer_udp = strcmp(argv[i + 1], "yes") == 0;
        else
            die("no such option: %s", argv[i]);
    }
    server.counts = counts_open(count);
    const int epoll = epoll_create1(EPOLL_CLOEXEC), udp = udp_socket();
    const int listener = listen_on(&(struct listen_options){.port = server.port});
    struct epoll_event event = {.events = EPOLLIN};
    event.data.fd = udp;
    epoll_ctl(epoll, EPOLL_CTL_ADD, udp, &event);
    event.data.fd = listener;
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    puts("ready");
    fflush(stdout);
    while (!server.stop)
        serve(epoll, udp, listener);
    return 0;
}
