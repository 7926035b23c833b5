/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * control_client.c - asks the daemon (control_client.h).
 *
 * The socket is non-blocking and every wait ends at one deadline, so that a daemon that hangs cannot hang the
 * command. A daemon may refuse a request before it has all of it: a failed send is no error as long as an answer
 * comes.
 */
#include "cli/control_client.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bridge/clock.h"
#include "bridge/control_protocol.h"
#include "bridge/document.h"

struct exchange {
    const char *path;
    int fd;
    uint64_t deadline_ms;
    char *answer;
    size_t answer_bytes, capacity;
};

struct json_object *control_request(const char *command)
{
    struct json_object *request = json_object_new_object();

    json_object_object_add(request, "command", json_object_new_string(command));
    return request;
}

static bool explain_connect(const char *path, int reason, struct error *error)
{
    if (reason == EACCES || reason == EPERM)
        return error_set(error, EXIT_UNREACHABLE, "control socket: %.200s: permission denied: run as root",
                         path);
    if (reason == ENOENT || reason == ECONNREFUSED || reason == ENOTDIR)
        return error_set(error, EXIT_UNREACHABLE,
                         "no daemon answers at %.200s: start `synward run`, or give its --control SOCKET",
                         path);
    return error_set(error, EXIT_UNREACHABLE,
                     "control socket: %.200s: %s: give the daemon's --control SOCKET", path,
                     strerror(reason));
}

static bool connect_to(struct exchange *exchange, struct error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(exchange->path);

    if (length == 0 || length >= sizeof(address.sun_path))
        return explain_connect(exchange->path, ENAMETOOLONG, error);
    memcpy(address.sun_path, exchange->path, length);
    exchange->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (exchange->fd >= 0 && connect(exchange->fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return true;
    return explain_connect(exchange->path, errno, error);
}

/* False where the deadline has passed. */
static bool wait_for(const struct exchange *exchange, short events, struct error *error)
{
    struct pollfd watched = {.fd = exchange->fd, .events = events};
    uint64_t now = clock_now_us() / 1000;

    while (now < exchange->deadline_ms) {
        uint64_t left = exchange->deadline_ms - now;

        if (poll(&watched, 1, left > INT_MAX ? INT_MAX : (int)left) > 0)
            return true;
        now = clock_now_us() / 1000;
    }
    return error_set(error, EXIT_UNREACHABLE,
                     "the daemon at %.200s does not answer: try again, or restart it", exchange->path);
}

/* True also where the daemon closed its ears: its answer says why. */
static bool send_all(const struct exchange *exchange, const char *text, size_t bytes, struct error *error)
{
    size_t done = 0;

    while (done < bytes) {
        ssize_t sent = send(exchange->fd, text + done, bytes - done, MSG_NOSIGNAL);

        if (sent >= 0)
            done += (size_t)sent;
        else if (errno == EAGAIN && !wait_for(exchange, POLLOUT, error))
            return false;
        else if (errno != EAGAIN && errno != EINTR)
            return true;
    }
    return true;
}

static bool send_request(const struct exchange *exchange, struct json_object *request, struct error *error)
{
    size_t bytes = 0;
    const char *text = json_object_to_json_string_length(
        request, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &bytes);

    if (!text)
        return error_set(error, EXIT_FAILED, "out of memory");
    return send_all(exchange, text, bytes, error) && send_all(exchange, "\n", 1, error);
}

static bool make_room(struct exchange *exchange, struct error *error)
{
    size_t wanted = exchange->capacity ? 2 * exchange->capacity : 64 * 1024;
    char *grown;

    if (exchange->answer_bytes < exchange->capacity)
        return true;
    if (wanted > CONTROL_ANSWER_MAX)
        return error_set(error, EXIT_FAILED, "the answer from %.200s is longer than 256 MiB", exchange->path);
    grown = realloc(exchange->answer, wanted);
    if (!grown)
        return error_set(error, EXIT_FAILED, "out of memory");
    exchange->answer = grown;
    exchange->capacity = wanted;
    return true;
}

/* Reads until the daemon closes. */
static bool receive_answer(struct exchange *exchange, struct error *error)
{
    for (;;) {
        ssize_t received;

        if (!make_room(exchange, error))
            return false;
        received = recv(exchange->fd, exchange->answer + exchange->answer_bytes,
                        exchange->capacity - exchange->answer_bytes, 0);
        if (received == 0 || (received < 0 && errno == ECONNRESET))
            return true;
        if (received > 0)
            exchange->answer_bytes += (size_t)received;
        else if (errno == EAGAIN && !wait_for(exchange, POLLIN, error))
            return false;
        else if (errno != EAGAIN && errno != EINTR)
            return error_set(error, EXIT_UNREACHABLE, "control socket: %.200s: %s: try again", exchange->path,
                             strerror(errno));
    }
}

/* The document; NULL where the daemon reports an error, or what came is no answer. */
static struct json_object *read_answer(const struct exchange *exchange, struct error *error)
{
    struct json_tokener *tokener = json_tokener_new();
    struct json_object *document = NULL;

    if (tokener && exchange->answer_bytes > 0)
        document = json_tokener_parse_ex(tokener, exchange->answer, (int)exchange->answer_bytes);
    if (tokener)
        json_tokener_free(tokener);
    if (exchange->answer_bytes == 0)
        error_set(error, EXIT_UNREACHABLE, "the daemon at %.200s closed without an answer: try again",
                  exchange->path);
    else if (!json_object_is_type(document, json_type_object) || !json_object_object_get(document, "synward"))
        error_set(error, EXIT_UNREACHABLE,
                  "what listens at %.200s is no synward: give the daemon's --control SOCKET", exchange->path);
    else if (!document_is_error(document, error))
        return document;
    json_object_put(document);
    return NULL;
}

struct json_object *control_ask_at(const char *path, struct json_object *request, unsigned timeout_ms,
                                   struct error *error)
{
    struct exchange exchange = {.path = path, .fd = -1, .deadline_ms = clock_now_us() / 1000 + timeout_ms};
    struct json_object *document = NULL;

    if (connect_to(&exchange, error) && send_request(&exchange, request, error) &&
        receive_answer(&exchange, error))
        document = read_answer(&exchange, error);
    if (exchange.fd >= 0)
        close(exchange.fd);
    free(exchange.answer);
    json_object_put(request);
    return document;
}

struct json_object *control_ask(const struct arguments *arguments, struct json_object *request,
                                struct error *error)
{
    const char *path = arguments->value[OPTION_CONTROL];

    return control_ask_at(path ? path : CONTROL_SOCKET_DEFAULT, request, CONTROL_TIMEOUT_MS, error);
}
