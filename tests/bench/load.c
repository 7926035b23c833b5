/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load - so many clients at once, each with one connection after the other: connect, request,
 * answer, close.
 *
 *      load ADDRESS PORT [--concurrency N] [--for-ms N] [--timeout-ms N] [--sources A.B.C.D/BITS]
 *
 * The request is an HTTP GET with "Connection: close": the server closes first, so that the ports
 * of the clients are free again at once. With --sources the connections come from the addresses of
 * that range in turn, as those of many clients do; the range must be local to the machine.
 *
 * One JSON object tells what came of it: connections done per second, percentiles of the time from
 * connect() to the end of the answer, failures by kind, and `stalls`: connections that took longer
 * than STALL_US, which is the least time after which Linux sends anything again; those that were
 * still open after that long when the time was over are among them.
 */
#include <inttypes.h>

#include "tests/servers/common.h"

#define STALL_US        200000u
#define SAMPLES_MAX     4000000u /* only those used are touched */
#define CONCURRENCY_MAX 4096u
#define SCAN_US         50000u
#define EVENTS          256

static const char request[] = "GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n";
static const char expected[] = "HTTP/1.1 200 ";

enum result { RESULT_OK, RESULT_CONNECT, RESULT_RESET, RESULT_TIMEOUT, RESULT_ANSWER, RESULTS };
static const char *const result_names[RESULTS] = {"ok", "connect", "reset", "timeout", "answer"};

struct client {
    int fd;
    bool asked;
    uint64_t start_us;
    size_t have;
    char head[sizeof(expected) - 1]; /* of the answer */
};

static struct {
    struct sockaddr_storage server;
    socklen_t server_bytes;
    uint64_t concurrency, for_us, timeout_us;
    uint32_t base, hosts, next; /* of the sources; no hosts: the system's choice */
} options = {.concurrency = 1, .for_us = 1000000, .timeout_us = 5000000};

static struct {
    int epoll;
    uint64_t results[RESULTS], stalls, samples_count;
    uint32_t samples[SAMPLES_MAX];
    struct client clients[CONCURRENCY_MAX];
} load;

static void count_time(uint64_t took_us)
{
    load.stalls += took_us >= STALL_US;
    if (load.samples_count < SAMPLES_MAX)
        load.samples[load.samples_count++] = took_us < UINT32_MAX ? (uint32_t)took_us : UINT32_MAX;
}

/* A port is chosen by connect(), which may use one that another source has. */
static void bind_source(int fd)
{
    if (options.hosts == 0)
        return;
    const struct sockaddr_in from = {.sin_family = AF_INET,
                                     .sin_addr.s_addr =
                                         htonl(options.base + options.next++ % options.hosts)};
    set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    if (bind(fd, (const struct sockaddr *)&from, sizeof(from)) < 0)
        die("bind to a source address");
}

static void client_start(struct client *client)
{
    const int fd = socket(options.server.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket");
    *client = (struct client){.fd = fd};
    bind_source(fd);
    client->start_us = now_us();
    if (connect(fd, (const struct sockaddr *)&options.server, options.server_bytes) < 0 &&
        errno != EINPROGRESS)
        die("connect");
    watch(load.epoll, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLOUT | EPOLLET, client);
}

/* Counts it and begins the next in its place. */
static void client_end(struct client *client, enum result result)
{
    close(client->fd);
    load.results[result]++;
    if (result == RESULT_OK)
        count_time(now_us() - client->start_us);
    client_start(client);
}

static void client_ask(struct client *client)
{
    int error = 0;
    socklen_t bytes = sizeof(error);
    getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
    client->asked = error == 0 && send(client->fd, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0;
    if (!client->asked)
        client_end(client, RESULT_CONNECT);
}

static void keep_head(struct client *client, const char *data, size_t bytes)
{
    for (size_t i = 0; i < bytes && client->have < sizeof(client->head); i++)
        client->head[client->have++] = data[i];
}

/* Reads what there is; the end of the answer ends the connection. */
static void client_read(struct client *client)
{
    char buffer[4096];
    ssize_t got;
    while ((got = recv(client->fd, buffer, sizeof(buffer), 0)) > 0)
        keep_head(client, buffer, (size_t)got);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got < 0)
        client_end(client, RESULT_RESET);
    else if (client->have < sizeof(client->head) ||
             memcmp(client->head, expected, client->have) != 0)
        client_end(client, RESULT_ANSWER);
    else
        client_end(client, RESULT_OK);
}

static void end_overdue(uint64_t now)
{
    for (uint64_t i = 0; i < options.concurrency; i++) {
        struct client *client = &load.clients[i];
        if (now - client->start_us < options.timeout_us)
            continue;
        load.stalls++;
        client_end(client, RESULT_TIMEOUT);
    }
}

static uint64_t run(void)
{
    const uint64_t start_us = now_us();
    uint64_t now = start_us, scan_us = start_us + SCAN_US;
    while (now < start_us + options.for_us) {
        struct epoll_event events[EVENTS];
        const int count = epoll_wait(load.epoll, events, EVENTS, (int)(SCAN_US / 1000));
        for (int i = 0; i < count; i++) {
            struct client *client = events[i].data.ptr;
            if (!client->asked)
                client_ask(client);
            else
                client_read(client);
        }
        now = now_us();
        if (now >= scan_us) {
            end_overdue(now);
            scan_us = now + SCAN_US;
        }
    }
    return now - start_us;
}

static int by_value(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t percentile(unsigned percent)
{
    return load.samples_count ? load.samples[(load.samples_count - 1) * percent / 100] : 0;
}

static void report(uint64_t took_us)
{
    const uint64_t now = now_us();
    for (uint64_t i = 0; i < options.concurrency; i++)
        load.stalls += now - load.clients[i].start_us >= STALL_US;
    qsort(load.samples, load.samples_count, sizeof(load.samples[0]), by_value);
    uint64_t failed = 0;
    for (int result = RESULT_OK + 1; result < RESULTS; result++)
        failed += load.results[result];
    printf("{\"took_us\": %" PRIu64 ", \"per_s\": %.1f, \"failed\": %" PRIu64
           ", \"stalls\": %" PRIu64,
           took_us, (double)load.results[RESULT_OK] * 1e6 / (double)took_us, failed, load.stalls);
    for (int result = 0; result < RESULTS; result++)
        printf(", \"%s\": %" PRIu64, result_names[result], load.results[result]);
    printf(", \"p50_us\": %u, \"p99_us\": %u, \"max_us\": %u}\n", percentile(50), percentile(99),
           percentile(100));
}

static void set_sources(char *range)
{
    char *slash = strchr(range, '/');
    struct in_addr base;
    const uint64_t bits = slash ? number(slash + 1) : 32;
    if (slash)
        *slash = 0;
    if (inet_pton(AF_INET, range, &base) != 1 || bits < 8 || bits > 32)
        die("not a range: %s", range);
    options.hosts = 1u << (32 - bits);
    options.base = ntohl(base.s_addr) & ~(options.hosts - 1);
    /* Another run goes on elsewhere, and not with connections that have just ended. */
    options.next = (uint32_t)(now_us() * 2654435761u);
}

static void set_load_option(const char *name, char *value)
{
    if (strcmp(name, "--concurrency") == 0)
        options.concurrency = number(value);
    else if (strcmp(name, "--for-ms") == 0)
        options.for_us = number(value) * 1000;
    else if (strcmp(name, "--timeout-ms") == 0)
        options.timeout_us = number(value) * 1000;
    else if (strcmp(name, "--sources") == 0)
        set_sources(value);
    else
        die("no such option: %s", name);
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc % 2 == 0)
        die("usage: load ADDRESS PORT [OPTION VALUE]...");
    options.server = address_of(argv[1], (uint16_t)number(argv[2]), &options.server_bytes);
    for (int i = 3; i + 1 < argc; i += 2)
        set_load_option(argv[i], argv[i + 1]);
    if (options.concurrency < 1 || options.concurrency > CONCURRENCY_MAX)
        die("--concurrency is 1 to %u", CONCURRENCY_MAX);
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    for (uint64_t i = 0; i < options.concurrency; i++)
        client_start(&load.clients[i]);
    report(run());
    return 0;
}
