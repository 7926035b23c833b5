/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fetch - real clients, each with one connection after the other, that check every answer and
 * report.
 *
 *      fetch http|pop3|download|upload ADDRESS PORT [--count N] [--concurrency N] [--interval-ms N]
 *      [--timeout-ms N]
 *            [--path PATH] [--bytes N] [--source ADDRESS] [--early yes] [--user NAME] [--password
 *            WORD]
 *
 *      http        GET PATH, "Connection: close"; the digest leaves out the Date line
 *      pop3        greeting, USER, PASS, STAT, RETR 1, QUIT; with --early USER is sent before the
 *                  greeting is read
 *      download    GET /bytes/N, compared with the test stream
 *      upload      POST of N bytes of the test stream
 *
 * Goes on until --count is reached (0 = for ever) or SIGTERM or SIGINT comes, then prints one JSON
 * object. `distinct` says how many different answers there were, `digest` is that of the first. A
 * fetch that the signal cut off counts as `stopped`, not as failed.
 *
 * --concurrency: so many processes take their fetches from the one --count, and write into a tally
 * of their own in shared memory.
 */
#include "tests/servers/common.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#define SAMPLES_MAX  1000000u /* of each process; only those used are touched */
#define DISTINCT_MAX 64u

enum result {
    RESULT_OK,
    RESULT_CONNECT,
    RESULT_RESET,
    RESULT_TIMEOUT,
    RESULT_CLOSED,
    RESULT_ANSWER,
    RESULT_STOPPED,
    RESULTS
};

static const char *const result_names[RESULTS] = {"ok",     "connect", "reset",  "timeout",
                                                  "closed", "answer",  "stopped"};

static struct {
    struct sockaddr_storage server, source;
    socklen_t server_bytes, source_bytes;
    uint64_t count, concurrency, interval_us, timeout_us, bytes;
    const char *host, *path, *user, *password;
    bool early;
} options = {.concurrency = 1,
             .timeout_us = 5000000,
             .path = "/",
             .user = "test",
             .password = "secret",
             .bytes = 1000000};

/* What one process has seen. */
struct tally {
    uint64_t results[RESULTS], digests[DISTINCT_MAX];
    unsigned distinct;
    int last_errno;
    uint32_t samples_count;
    uint32_t samples[SAMPLES_MAX];
};

/* Shared by all processes: tallies[0] is the sum in the end. */
struct board {
    uint64_t taken; /* fetches begun */
    struct tally tallies[];
};

static volatile sig_atomic_t stop;
static struct board *board;
static struct tally *tally;
static pid_t *others; /* of the first process: they are told of a signal */

struct session {
    int fd;
    uint64_t digest;
    size_t have;
    char buffer[65536];
};

static void on_signal(int signal)
{
    stop = 1;
    for (uint64_t i = 0; others && i < options.concurrency; i++)
        if (others[i] > 0)
            kill(others[i], signal);
}

static enum result from_errno(enum result otherwise)
{
    tally->last_errno = errno;
    if (stop && errno == EINTR)
        return RESULT_STOPPED;
    if (errno == EAGAIN || errno == ETIMEDOUT || errno == EINPROGRESS)
        return RESULT_TIMEOUT;
    return errno == ECONNRESET || errno == EPIPE ? RESULT_RESET : otherwise;
}

static enum result session_open(struct session *s)
{
    s->digest = FNV_START;
    s->have = 0;
    s->fd = socket(options.server.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->fd < 0)
        die("socket");
    const struct timeval timeout = {.tv_sec = (time_t)(options.timeout_us / 1000000),
                                    .tv_usec = (suseconds_t)(options.timeout_us % 1000000)};
    setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    setsockopt(s->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    set_option(s->fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (options.source_bytes) {
        set_option(s->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
        if (bind(s->fd, (const struct sockaddr *)&options.source, options.source_bytes) < 0)
            die("bind");
    }
    if (connect(s->fd, (const struct sockaddr *)&options.server, options.server_bytes) < 0)
        return from_errno(RESULT_CONNECT);
    return RESULT_OK;
}

static enum result send_all(struct session *s, const void *data, size_t bytes)
{
    const char *at = data;
    while (bytes) {
        const ssize_t sent = send(s->fd, at, bytes, MSG_NOSIGNAL);
        if (sent < 0)
            return from_errno(RESULT_ANSWER);
        at += sent;
        bytes -= (size_t)sent;
    }
    return RESULT_OK;
}

/* Appends to the buffer; RESULT_CLOSED at the end of the stream. */
static enum result receive(struct session *s)
{
    if (s->have == sizeof(s->buffer) - 1)
        return RESULT_ANSWER;
    const ssize_t got = recv(s->fd, s->buffer + s->have, sizeof(s->buffer) - 1 - s->have, 0);
    if (got < 0)
        return from_errno(RESULT_ANSWER);
    s->have += (size_t)got;
    s->buffer[s->have] = 0;
    return got == 0 ? RESULT_CLOSED : RESULT_OK;
}

static enum result http_ask(struct session *s, const char *method, const char *path,
                            uint64_t body_bytes)
{
    char head[512];
    const int bytes =
        snprintf(head, sizeof(head),
                 "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: fetch\r\nConnection: close\r\n", method,
                 path, options.host);
    char tail[64] = "\r\n";
    if (body_bytes)
        snprintf(tail, sizeof(tail), "Content-Length: %llu\r\n\r\n",
                 (unsigned long long)body_bytes);
    strncat(head, tail, sizeof(head) - (size_t)bytes - 1);
    return send_all(s, head, strlen(head));
}

static void http_digest(struct session *s)
{
    char *date = strcasestr(s->buffer, "\r\nDate:");
    const char *end = date ? strstr(date + 2, "\r\n") : NULL;
    if (!end) {
        s->digest = fnv(s->digest, s->buffer, s->have);
        return;
    }
    s->digest = fnv(s->digest, s->buffer, (size_t)(date - s->buffer));
    s->digest = fnv(s->digest, end, s->have - (size_t)(end - s->buffer));
}

/* Reads to the end, which must be where Content-Length says. */
static enum result http_answer(struct session *s)
{
    enum result result;
    while ((result = receive(s)) == RESULT_OK)
        ;
    if (result != RESULT_CLOSED)
        return result;
    const char *end = memmem(s->buffer, s->have, "\r\n\r\n", 4);
    const char *length = strcasestr(s->buffer, "\r\nContent-Length:");
    if (s->have == 0)
        return RESULT_CLOSED;
    if (!end || !length || strncmp(s->buffer, "HTTP/1.1 200 ", 13) != 0)
        return RESULT_ANSWER;
    if (s->have - (size_t)(end + 4 - s->buffer) != strtoull(length + 17, NULL, 10))
        return RESULT_ANSWER;
    http_digest(s);
    return RESULT_OK;
}

static enum result fetch_http(struct session *s)
{
    const enum result asked = http_ask(s, "GET", options.path, 0);
    return asked != RESULT_OK ? asked : http_answer(s);
}

/* One answer of the server, up to `end`; it must begin with +OK. */
static enum result pop3_answer(struct session *s, const char *end)
{
    enum result result = RESULT_OK;
    const size_t end_bytes = strlen(end);
    const char *found;
    s->buffer[s->have] = 0;
    while (!(found = s->have ? memmem(s->buffer, s->have, end, end_bytes) : NULL) &&
           result == RESULT_OK)
        result = receive(s);
    if (result != RESULT_OK)
        return result;
    if (strncmp(s->buffer, "+OK", 3) != 0)
        return RESULT_ANSWER;
    const size_t bytes = (size_t)(found + end_bytes - s->buffer);
    s->digest = fnv(s->digest, s->buffer, bytes);
    memmove(s->buffer, s->buffer + bytes, s->have - bytes);
    s->have -= bytes;
    return RESULT_OK;
}

static enum result pop3_command(struct session *s, const char *command, const char *argument,
                                const char *end)
{
    char line[256];
    snprintf(line, sizeof(line), "%s%s%s\r\n", command, *argument ? " " : "", argument);
    const enum result sent = send_all(s, line, strlen(line));
    return sent != RESULT_OK ? sent : pop3_answer(s, end);
}

static enum result fetch_pop3(struct session *s)
{
    const struct {
        const char *command, *argument, *end;
    } script[] = {{"USER", options.user, "\r\n"},
                  {"PASS", options.password, "\r\n"},
                  {"STAT", "", "\r\n"},
                  {"RETR", "1", "\r\n.\r\n"},
                  {"QUIT", "", "\r\n"}};
    size_t step = 0;
    enum result result = RESULT_OK;
    if (options.early) {
        char line[256];
        snprintf(line, sizeof(line), "USER %s\r\n", options.user);
        result = send_all(s, line, strlen(line));
    }
    if (result == RESULT_OK)
        result = pop3_answer(s, "\r\n");
    if (options.early && result == RESULT_OK) {
        result = pop3_answer(s, "\r\n");
        step = 1;
    }
    for (; result == RESULT_OK && step < sizeof(script) / sizeof(script[0]); step++)
        result = pop3_command(s, script[step].command, script[step].argument, script[step].end);
    return result;
}

static enum result fetch_download(struct session *s)
{
    char path[64];
    snprintf(path, sizeof(path), "/bytes/%llu", (unsigned long long)options.bytes);
    enum result result = http_ask(s, "GET", path, 0);
    const char *end = NULL;
    while (result == RESULT_OK &&
           !(end = s->have ? memmem(s->buffer, s->have, "\r\n\r\n", 4) : NULL))
        result = receive(s);
    if (result != RESULT_OK)
        return result;
    uint64_t at = 0;
    size_t head = (size_t)(end + 4 - s->buffer);
    while (result == RESULT_OK) {
        if (!stream_equal((const uint8_t *)s->buffer + head, at, s->have - head))
            return RESULT_ANSWER;
        at += s->have - head;
        head = s->have = 0;
        result = receive(s);
    }
    s->digest = at;
    return result == RESULT_CLOSED && at == options.bytes ? RESULT_OK
           : result == RESULT_CLOSED                      ? RESULT_CLOSED
                                                          : result;
}

static enum result fetch_upload(struct session *s)
{
    static uint8_t chunk[65536];
    uint64_t sum = FNV_START;
    enum result result = http_ask(s, "POST", "/upload", options.bytes);
    for (uint64_t at = 0; result == RESULT_OK && at < options.bytes;) {
        const size_t part =
            options.bytes - at < sizeof(chunk) ? (size_t)(options.bytes - at) : sizeof(chunk);
        stream_fill(chunk, at, part);
        sum = fnv(sum, chunk, part);
        result = send_all(s, chunk, part);
        at += part;
    }
    char expected[128];
    snprintf(expected, sizeof(expected), "bytes=%llu sum=%016llx equal=yes\n",
             (unsigned long long)options.bytes, (unsigned long long)sum);
    while (result == RESULT_OK && !(s->have && strstr(s->buffer, " equal=")))
        result = receive(s);
    if (result != RESULT_OK)
        return result;
    return strstr(s->buffer, expected) ? RESULT_OK : RESULT_ANSWER;
}

static void note_digest(struct tally *into, uint64_t digest)
{
    for (unsigned i = 0; i < into->distinct; i++)
        if (into->digests[i] == digest)
            return;
    if (into->distinct < DISTINCT_MAX)
        into->digests[into->distinct++] = digest;
}

static void note_sample(struct tally *into, uint32_t sample_us)
{
    if (into->samples_count < SAMPLES_MAX)
        into->samples[into->samples_count++] = sample_us;
}

static void fetch_one(enum result (*fetch)(struct session *))
{
    static struct session s;
    const uint64_t start = now_us();
    enum result result = session_open(&s);
    if (result == RESULT_OK)
        result = fetch(&s);
    close(s.fd);
    if (stop && result != RESULT_OK)
        result = RESULT_STOPPED;
    tally->results[result]++;
    if (result != RESULT_OK)
        return;
    note_digest(tally, s.digest);
    note_sample(tally, (uint32_t)(now_us() - start));
}

static int compare(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void add_tally(struct tally *sum, const struct tally *part)
{
    for (int i = 0; i < RESULTS; i++)
        sum->results[i] += part->results[i];
    for (unsigned i = 0; i < part->distinct; i++)
        note_digest(sum, part->digests[i]);
    for (uint32_t i = 0; i < part->samples_count; i++)
        note_sample(sum, part->samples[i]);
    if (part->last_errno)
        sum->last_errno = part->last_errno;
}

static void report(struct tally *seen)
{
    qsort(seen->samples, seen->samples_count, sizeof(seen->samples[0]), compare);
    uint64_t failed = 0;
    for (int i = RESULT_OK + 1; i < RESULT_STOPPED; i++)
        failed += seen->results[i];
    printf("{\"ok\": %llu, \"failed\": %llu", (unsigned long long)seen->results[RESULT_OK],
           (unsigned long long)failed);
    for (int i = RESULT_OK + 1; i < RESULTS; i++)
        printf(", \"%s\": %llu", result_names[i], (unsigned long long)seen->results[i]);
    const uint32_t last = seen->samples_count ? seen->samples_count - 1 : 0;
    printf(", \"p50_us\": %u, \"p99_us\": %u, \"worst_us\": %u", seen->samples[last / 2],
           seen->samples[(uint32_t)((uint64_t)last * 99 / 100)], seen->samples[last]);
    printf(", \"distinct\": %u, \"digest\": \"%016llx\", \"error\": \"%s\"}\n", seen->distinct,
           (unsigned long long)seen->digests[0],
           seen->last_errno ? strerror(seen->last_errno) : "");
    fflush(stdout);
}

static void set_fetch_option(const char *name, const char *value)
{
    if (strcmp(name, "--count") == 0)
        options.count = number(value);
    else if (strcmp(name, "--concurrency") == 0)
        options.concurrency = number(value) ? number(value) : 1;
    else if (strcmp(name, "--interval-ms") == 0)
        options.interval_us = number(value) * 1000;
    else if (strcmp(name, "--timeout-ms") == 0)
        options.timeout_us = number(value) * 1000;
    else if (strcmp(name, "--bytes") == 0)
        options.bytes = number(value);
    else if (strcmp(name, "--path") == 0)
        options.path = value;
    else if (strcmp(name, "--user") == 0)
        options.user = value;
    else if (strcmp(name, "--password") == 0)
        options.password = value;
    else if (strcmp(name, "--early") == 0)
        options.early = strcmp(value, "yes") == 0;
    else if (strcmp(name, "--source") == 0)
        options.source = address_of(value, 0, &options.source_bytes);
    else
        die("no such option: %s", name);
}

static bool take_fetch(void)
{
    return !stop && (options.count == 0 ||
                     __atomic_fetch_add(&board->taken, 1, __ATOMIC_RELAXED) < options.count);
}

static void fetch_all(enum result (*fetch)(struct session *))
{
    while (take_fetch()) {
        fetch_one(fetch);
        if (options.interval_us && !stop)
            nanosleep(&(struct timespec){.tv_sec = (time_t)(options.interval_us / 1000000),
                                         .tv_nsec = (long)(options.interval_us % 1000000) * 1000},
                      NULL);
    }
}

/* The processes beside this one; they end with it, or by the same signal. */
static void start_others(enum result (*fetch)(struct session *))
{
    for (uint64_t i = 1; i < options.concurrency; i++) {
        const pid_t other = fork();
        if (other < 0)
            die("fork");
        if (other == 0) {
            others = NULL;
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            tally = &board->tallies[i];
            fetch_all(fetch);
            _exit(0);
        }
        others[i] = other;
    }
}

static void await_others(void)
{
    for (uint64_t i = 1; i < options.concurrency; i++) {
        int status;
        while (waitpid(others[i], &status, 0) < 0)
            if (errno != EINTR)
                die("waitpid");
        others[i] = 0;
        if (status)
            die("a process of the fetch died (%d)", status);
        add_tally(&board->tallies[0], &board->tallies[i]);
    }
}

static void run(enum result (*fetch)(struct session *))
{
    others = calloc(options.concurrency, sizeof(*others));
    board = mmap(NULL, sizeof(*board) + options.concurrency * sizeof(struct tally),
                 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!others || board == MAP_FAILED)
        die("out of memory");
    tally = &board->tallies[0];
    start_others(fetch);
    fetch_all(fetch);
    await_others();
    report(&board->tallies[0]);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        enum result (*fetch)(struct session *);
    } kinds[] = {{"http", fetch_http},
                 {"pop3", fetch_pop3},
                 {"download", fetch_download},
                 {"upload", fetch_upload}};
    enum result (*fetch)(struct session *) = NULL;
    for (size_t i = 0; argc > 1 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(argv[1], kinds[i].name) == 0)
            fetch = kinds[i].fetch;
    if (argc < 4 || argc % 2 || !fetch)
        die("usage: fetch http|pop3|download|upload ADDRESS PORT [OPTION VALUE]...");
    options.host = argv[2];
    options.server = address_of(argv[2], (uint16_t)number(argv[3]), &options.server_bytes);
    for (int i = 4; i + 1 < argc; i += 2)
        set_fetch_option(argv[i], argv[i + 1]);
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    run(fetch);
    return 0;
}
