/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sync_store.c - see sync_store.h. */
#include "cli/sync_store.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bridge/base/clock.h"

#define TCP_SCHEME  "redis://"
#define UNIX_SCHEME "unix:"
#define HOST_BYTES  256

struct endpoint {
    char host[HOST_BYTES]; /* or path */
    char port[8];
    bool local;
};

static bool is_port(const char *text)
{
    const unsigned long port = strtoul(text, NULL, 10);

    return strlen(text) < 6 && strspn(text, "0123456789") == strlen(text) && port > 0 &&
           port < 65536;
}

static bool read_host(const char *text, struct endpoint *endpoint)
{
    const bool bracket = text[0] == '[';
    const char *begin = bracket ? text + 1 : text,
               *end = begin + strcspn(begin, bracket ? "]" : ":");
    const char *rest = bracket && *end ? end + 1 : end;

    if (end == begin || (size_t)(end - begin) >= sizeof(endpoint->host))
        return false;
    memcpy(endpoint->host, begin, (size_t)(end - begin));
    endpoint->host[end - begin] = '\0';
    memcpy(endpoint->port, "6379", 5);
    if (!*rest)
        return true;
    if (*rest != ':' || !is_port(rest + 1))
        return false;
    snprintf(endpoint->port, sizeof(endpoint->port), "%s", rest + 1);
    return true;
}

static bool read_url(const char *url, struct endpoint *endpoint)
{
    *endpoint = (struct endpoint){.local = strncmp(url, UNIX_SCHEME, strlen(UNIX_SCHEME)) == 0};
    if (!endpoint->local)
        return strncmp(url, TCP_SCHEME, strlen(TCP_SCHEME)) == 0 &&
               read_host(url + strlen(TCP_SCHEME), endpoint);
    url += strlen(UNIX_SCHEME);
    if (!*url || strlen(url) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return false;
    snprintf(endpoint->host, sizeof(endpoint->host), "%s", url);
    return true;
}

bool sync_store_check(const char *url, struct error *error)
{
    struct endpoint endpoint;

    return read_url(url, &endpoint) ||
           error_set(error, EXIT_USAGE, "--redis %.100s: write redis://HOST[:PORT] or unix:PATH",
                     url);
}

/* --- connection ------------------------------------------------------------------------------- */

static bool fail(struct sync_store *store, struct error *error, const char *why)
{
    error_set(error, EXIT_UNREACHABLE, "the store at %.80s: %s", store->url, why);
    sync_store_close(store);
    return false;
}

/* False: it is too late, or somebody hung up. */
static bool wait_for(const struct sync_store *store, short events, uint64_t until_ms)
{
    struct pollfd watched = {.fd = store->fd, .events = events};

    for (;;) {
        const uint64_t now_ms = clock_now_us() / 1000;
        const int ready = now_ms < until_ms ? poll(&watched, 1, (int)(until_ms - now_ms)) : 0;

        if (ready > 0)
            return true;
        if (ready == 0 || errno != EINTR)
            return false;
    }
}

static int connect_at(const struct sockaddr *address, socklen_t bytes, uint64_t until_ms)
{
    const struct sync_store store = {
        .fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    int reason = 0;
    socklen_t length = sizeof(reason);

    if (store.fd < 0)
        return -1;
    if (connect(store.fd, address, bytes) == 0)
        return store.fd;
    if (errno == EINPROGRESS && wait_for(&store, POLLOUT, until_ms) &&
        getsockopt(store.fd, SOL_SOCKET, SO_ERROR, &reason, &length) == 0 && reason == 0)
        return store.fd;
    close(store.fd);
    return -1;
}

static int connect_to(const struct endpoint *endpoint)
{
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct addrinfo *found = NULL;
    uint64_t until_ms;
    int fd = -1;

    if (!endpoint->local && getaddrinfo(endpoint->host, endpoint->port, &wanted, &found) != 0)
        return -1;
    until_ms = clock_now_us() / 1000 + SYNC_STORE_MS;
    if (endpoint->local) {
        snprintf(local.sun_path, sizeof(local.sun_path), "%.*s", (int)sizeof(local.sun_path) - 1,
                 endpoint->host);
        return connect_at((struct sockaddr *)&local, sizeof(local), until_ms);
    }
    for (const struct addrinfo *one = found; one && fd < 0; one = one->ai_next)
        fd = connect_at(one->ai_addr, one->ai_addrlen, until_ms);
    freeaddrinfo(found);
    return fd;
}

int sync_store_connect(const char *url, struct error *error)
{
    struct endpoint endpoint;
    const int fd = read_url(url, &endpoint) ? connect_to(&endpoint) : -1;

    if (fd < 0)
        error_set(error, EXIT_UNREACHABLE, "the store at %.80s: does not answer", url);
    return fd;
}

static bool log_in(struct sync_store *store, struct error *error)
{
    const struct sync_command command = store->user
                                            ? sync_command_of("AUTH", store->user, store->password)
                                            : sync_command_of("AUTH", store->password);
    redisReply *reply = sync_store_ask(store, &command, error);

    if (!reply)
        return false;
    freeReplyObject(reply);
    return true;
}

bool sync_store_open(struct sync_store *store, struct error *error)
{
    sync_store_close(store);
    store->fd = store->dial ? store->dial(store->dial_context, error)
                            : sync_store_connect(store->url, error);
    if (store->fd < 0)
        return false;
    store->reader = redisReaderCreate();
    if (!store->reader)
        return fail(store, error, "out of memory");
    return !store->password || log_in(store, error);
}

void sync_store_close(struct sync_store *store)
{
    if (store->fd >= 0)
        close(store->fd);
    store->fd = -1;
    if (store->reader)
        redisReaderFree(store->reader);
    store->reader = NULL;
}

/* --- commands --------------------------------------------------------------------------------- */

void sync_command_add(struct sync_command *command, const char *word, size_t bytes)
{
    if (command->count == SYNC_WORDS_MOST)
        return;
    command->word[command->count] = word;
    command->bytes[command->count++] = bytes;
}

void sync_command_text(struct sync_command *command, const char *text)
{
    sync_command_add(command, text, strlen(text));
}

struct sync_command sync_command_words(const char *const *words, size_t count)
{
    struct sync_command command = {0};

    for (size_t i = 0; i < count; i++)
        sync_command_text(&command, words[i]);
    return command;
}

static bool send_all(const struct sync_store *store, const char *text, size_t bytes,
                     uint64_t until_ms)
{
    while (bytes > 0) {
        const ssize_t sent = send(store->fd, text, bytes, MSG_NOSIGNAL);

        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        if (sent < 0 && !wait_for(store, POLLOUT, until_ms))
            return false;
        if (sent > 0) {
            text += sent;
            bytes -= (size_t)sent;
        }
    }
    return true;
}

/* NULL: `*why` says it. */
static redisReply *receive(struct sync_store *store, uint64_t until_ms, const char **why)
{
    char buffer[16384];
    size_t fed = 0;
    void *reply = NULL;

    *why = "does not answer in time";
    for (;;) {
        ssize_t got;

        if (redisReaderGetReply(store->reader, &reply) != REDIS_OK) {
            *why = "speaks no Redis";
            return NULL;
        }
        if (reply)
            return reply;
        if (!wait_for(store, POLLIN, until_ms))
            return NULL;
        got = recv(store->fd, buffer, sizeof(buffer), 0);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
            *why = "has hung up";
            return NULL;
        }
        fed += got > 0 ? (size_t)got : 0;
        if (fed > SYNC_REPLY_MOST) {
            *why = "says more than it was asked for";
            return NULL;
        }
        if (got > 0)
            redisReaderFeed(store->reader, buffer, (size_t)got);
    }
}

bool sync_store_send(struct sync_store *store, const struct sync_command *command,
                     struct error *error)
{
    const uint64_t until_ms = clock_now_us() / 1000 + sync_store_patience_ms(store);
    const char *words[SYNC_WORDS_MOST];
    char *text = NULL;
    long long bytes;
    bool sent;

    memcpy(words, command->word, sizeof(words));
    bytes = redisFormatCommandArgv(&text, command->count, words, command->bytes);
    sent = bytes > 0 && send_all(store, text, (size_t)bytes, until_ms);
    redisFreeCommand(text);
    return sent || fail(store, error, "does not listen");
}

redisReply *sync_store_receive_until(struct sync_store *store, uint64_t end_ms, struct error *error)
{
    const uint64_t until_ms = clock_now_us() / 1000 + sync_store_patience_ms(store);
    const char *why;
    redisReply *reply = receive(store, until_ms < end_ms ? until_ms : end_ms, &why);

    if (!reply) {
        fail(store, error, why);
        return NULL;
    }
    if (reply->type != REDIS_REPLY_ERROR)
        return reply;
    /* Of a store that is full, or that wants another password, the connection lasts. */
    error_set(error, EXIT_FAILED, "the store at %.80s: %.80s", store->url, reply->str);
    freeReplyObject(reply);
    return NULL;
}

redisReply *sync_store_receive(struct sync_store *store, struct error *error)
{
    return sync_store_receive_until(store, UINT64_MAX, error);
}

redisReply *sync_store_ask(struct sync_store *store, const struct sync_command *command,
                           struct error *error)
{
    return sync_store_send(store, command, error) ? sync_store_receive(store, error) : NULL;
}
