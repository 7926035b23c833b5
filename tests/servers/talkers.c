/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * talkers - many real clients with bad manners: they connect, and say nothing or the wrong thing.
 *
 *      talkers ADDRESS PORT --count N [--concurrency N] [--say nothing|http|pop3|bittorrent|random]
 *      [--hold-ms MS]
 *              [--hash TEXT] [--sources A.B.C.D/BITS] [--end rst|fin] [--connect-timeout-ms MS]
 *              [--patience-ms MS]
 *
 * Each connects (from the addresses of --sources in turn where given: the namespace must own the
 * whole range), says what it has to say, waits --hold-ms for an answer or an end, and ends. Then
 * one JSON object is printed. SIGTERM and SIGINT end it early.
 *
 * --hash      the info_hash that BitTorrent's handshake asks for, 20 characters
 * --patience  how long to wait for an answer; --hold-ms begins with it then. For honest clients:
 *             those that leave after --hold-ms, heard or not, measure how busy the machine is.
 *
 * Limits: sources are IPv4 only; all connections have the same two time limits.
 */
#include "tests/servers/common.h"

#define HASH_AT    28
#define HASH_BYTES 20

enum talker_state { TALKER_IDLE, TALKER_CONNECTING, TALKER_HOLDING };

struct talker {
    int fd;
    enum talker_state state;
    bool answered;
    uint64_t deadline_us;
};

static struct {
    struct sockaddr_storage server;
    socklen_t server_bytes;
    uint64_t count, concurrency, hold_us, connect_timeout_us, patience_us;
    uint32_t source_base, source_mask;
    const char *say;
    const char *hash;
    bool end_with_fin;
} options = {.concurrency = 500,
             .hold_us = 100000,
             .connect_timeout_us = 5000000,
             .say = "nothing",
             .hash = "0123456789abcdef0123"};

static struct {
    uint64_t started, connected, refused, unanswered, reset, closed, answered, held;
} seen;

static volatile sig_atomic_t stop;
static uint64_t random_state = 88172645463325252u;
static int epoll;

static void on_signal(int signal)
{
    (void)signal;
    stop = 1;
}

static size_t words(uint8_t *out, size_t room)
{
    static const char handshake[] = "\x13"
                                    "BitTorrent protocol\0\0\0\0\0\x10\0\x05"
                                    "....................-TT0001-abcdefghijkl";
    static const char http[] = "GET / HTTP/1.1\r\nHost: wrong.example\r\n\r\n";
    static const char pop3[] = "USER nobody\r\n";
    if (strcmp(options.say, "bittorrent") == 0) {
        memcpy(out, handshake, sizeof(handshake) - 1);
        memcpy(out + HASH_AT, options.hash, HASH_BYTES);
        return sizeof(handshake) - 1;
    }
    if (strcmp(options.say, "http") == 0)
        return (size_t)(mempcpy(out, http, sizeof(http) - 1) - (void *)out);
    if (strcmp(options.say, "pop3") == 0)
        return (size_t)(mempcpy(out, pop3, sizeof(pop3) - 1) - (void *)out);
    if (strcmp(options.say, "nothing") == 0)
        return 0;
    if (strcmp(options.say, "random") != 0)
        die("cannot say: %s", options.say);
    const size_t bytes = room < 200 ? room : 200;
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(next_random(&random_state) >> 33);
    out[0] |= 0x80; /* no protocol's first letter */
    return bytes;
}

static void talker_end(struct talker *t, uint64_t *counter)
{
    ++*counter;
    if (!options.end_with_fin) {
        const struct linger now = {.l_onoff = 1, .l_linger = 0};
        setsockopt(t->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
    close(t->fd);
    t->state = TALKER_IDLE;
}

static void talker_bind(const struct talker *t)
{
    if (!options.source_base)
        return;
    /* An odd factor: every address once, in no order, before any comes again. */
    const uint32_t host = (uint32_t)seen.started * 2654435761u & ~options.source_mask;
    const struct sockaddr_in source = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl((options.source_base & options.source_mask) | host)};
    set_option(t->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    if (bind(t->fd, (const struct sockaddr *)&source, sizeof(source)) < 0)
        die("bind");
}

static void talker_start(struct talker *t)
{
    t->fd = socket(options.server.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (t->fd < 0)
        die("socket");
    talker_bind(t);
    seen.started++;
    t->state = TALKER_CONNECTING;
    t->answered = false;
    t->deadline_us = now_us() + options.connect_timeout_us;
    if (connect(t->fd, (const struct sockaddr *)&options.server, options.server_bytes) < 0 &&
        errno != EINPROGRESS) {
        talker_end(t, &seen.refused);
        return;
    }
    watch(epoll, EPOLL_CTL_ADD, t->fd, EPOLLOUT, t);
}

static void talker_connected(struct talker *t)
{
    int error = 0;
    socklen_t bytes = sizeof(error);
    getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
    if (error) {
        talker_end(t, error == ETIMEDOUT ? &seen.unanswered : &seen.refused);
        return;
    }
    seen.connected++;
    t->state = TALKER_HOLDING;
    t->deadline_us = now_us() + (options.patience_us ? options.patience_us : options.hold_us);
    uint8_t data[256];
    const size_t say = words(data, sizeof(data));
    if (say && send(t->fd, data, say, MSG_NOSIGNAL) < 0) {
        talker_end(t, &seen.reset);
        return;
    }
    watch(epoll, EPOLL_CTL_MOD, t->fd, EPOLLIN, t);
}

/* Once for each talker, in however many pieces the answer comes. */
static void talker_answered(struct talker *t)
{
    if (t->answered)
        return;
    t->answered = true;
    seen.answered++;
    if (options.patience_us)
        t->deadline_us = now_us() + options.hold_us;
}

/* A greeting is no answer to what was said, but shows that somebody spoke: counted apart from the
 * ends. */
static void talker_heard(struct talker *t)
{
    char data[4096];
    const ssize_t got = recv(t->fd, data, sizeof(data), 0);
    if (got > 0)
        talker_answered(t);
    else if (got == 0)
        talker_end(t, &seen.closed);
    else if (errno != EAGAIN)
        talker_end(t, &seen.reset);
}

static uint64_t talkers_step(struct talker *talkers)
{
    uint64_t active = 0;
    const uint64_t now = now_us();
    for (uint64_t i = 0; i < options.concurrency; i++) {
        struct talker *t = &talkers[i];
        if (t->state != TALKER_IDLE && t->deadline_us <= now)
            talker_end(t, t->state == TALKER_CONNECTING ? &seen.unanswered : &seen.held);
        if (t->state == TALKER_IDLE && seen.started < options.count)
            talker_start(t);
        active += t->state != TALKER_IDLE;
    }
    return active;
}

static void run(void)
{
    struct talker *talkers = calloc(options.concurrency, sizeof(*talkers));
    if (!talkers)
        die("out of memory");
    epoll = epoll_create1(EPOLL_CLOEXEC);
    while (!stop && (talkers_step(talkers) || seen.started < options.count)) {
        struct epoll_event events[256];
        const int n = epoll_wait(epoll, events, 256, 5);
        for (int i = 0; i < n; i++) {
            struct talker *t = events[i].data.ptr;
            if (t->state == TALKER_CONNECTING)
                talker_connected(t);
            else if (t->state == TALKER_HOLDING)
                talker_heard(t);
        }
    }
    free(talkers);
}

static void set_sources(const char *text)
{
    char copy[64];
    snprintf(copy, sizeof(copy), "%s", text);
    char *slash = strchr(copy, '/');
    const uint64_t bits = slash ? number(slash + 1) : 32;
    if (slash)
        *slash = 0;
    struct in_addr base;
    if (inet_pton(AF_INET, copy, &base) != 1 || bits < 1 || bits > 32)
        die("not a range: %s", text);
    options.source_base = ntohl(base.s_addr);
    options.source_mask = (uint32_t)(0xffffffffull << (32 - bits));
}

static void set_talker_option(const char *name, const char *value)
{
    if (strcmp(name, "--count") == 0)
        options.count = number(value);
    else if (strcmp(name, "--concurrency") == 0)
        options.concurrency = number(value);
    else if (strcmp(name, "--say") == 0)
        options.say = value;
    else if (strcmp(name, "--hold-ms") == 0)
        options.hold_us = number(value) * 1000;
    else if (strcmp(name, "--connect-timeout-ms") == 0)
        options.connect_timeout_us = number(value) * 1000;
    else if (strcmp(name, "--patience-ms") == 0)
        options.patience_us = number(value) * 1000;
    else if (strcmp(name, "--sources") == 0)
        set_sources(value);
    else if (strcmp(name, "--hash") == 0 && strlen(value) == HASH_BYTES)
        options.hash = value;
    else if (strcmp(name, "--end") == 0)
        options.end_with_fin = strcmp(value, "fin") == 0;
    else
        die("no such option: %s", name);
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc % 2 == 0)
        die("usage: talkers ADDRESS PORT --count N [OPTION VALUE]...");
    options.server = address_of(argv[1], (uint16_t)number(argv[2]), &options.server_bytes);
    for (int i = 3; i + 1 < argc; i += 2)
        set_talker_option(argv[i], argv[i + 1]);
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    uint8_t unused[256];
    words(unused, sizeof(unused)); /* a wrong --say fails here, not in the middle */
    run();
    printf("{\"started\": %llu, \"connected\": %llu, \"refused\": %llu, \"unanswered\": %llu, "
           "\"reset\": "
           "%llu, \"closed\": %llu, "
           "\"answered\": %llu, \"held\": %llu}\n",
           (unsigned long long)seen.started, (unsigned long long)seen.connected,
           (unsigned long long)seen.refused, (unsigned long long)seen.unanswered,
           (unsigned long long)seen.reset, (unsigned long long)seen.closed,
           (unsigned long long)seen.answered, (unsigned long long)seen.held);
    return 0;
}
