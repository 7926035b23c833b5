/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * control_client.c - asks the daemon (control_client.h).
 *
 * The socket is non-blocking and every wait ends, so that a daemon that hangs cannot hang the
 * command. Whatever is taken or comes puts the end off: much to say takes its time. A daemon may
 * refuse a request before it has all of it: a failed send is no error as long as an answer comes.
 */
#include "cli/control_client.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/control/protocol.h"
#include "bridge/text/document.h"
#include "cli/output.h"
#include "profiles/store/json_document.h"

/* Those of dist/synward@.service. */
#define CONTROL_SOCKETS_OF_INSTANCES "/run/synward/*/control.sock"

struct exchange {
    const char *path;
    int fd;
    unsigned timeout_ms;
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
        return error_set(error, EXIT_UNREACHABLE,
                         "control socket: %.200s: permission denied: run as root", path);
    if (reason == ENOENT || reason == ECONNREFUSED || reason == ENOTDIR)
        return error_set(
            error, EXIT_UNREACHABLE,
            "no daemon answers at %.200s: start `synward run`, or give its --control SOCKET", path);
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
    if (exchange->fd >= 0 &&
        connect(exchange->fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return true;
    return explain_connect(exchange->path, errno, error);
}

int control_connect(const char *path, struct error *error)
{
    struct exchange exchange = {.path = path, .fd = -1};

    if (connect_to(&exchange, error))
        return exchange.fd;
    if (exchange.fd >= 0)
        close(exchange.fd);
    return -1;
}

static void put_off(struct exchange *exchange)
{
    exchange->deadline_ms = clock_now_us() / 1000 + exchange->timeout_ms;
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
                     "the daemon at %.200s does not answer: try again, or restart it",
                     exchange->path);
}

/* True also where the daemon closed its ears: its answer says why. */
static bool send_all(struct exchange *exchange, const char *text, size_t bytes, struct error *error)
{
    size_t done = 0;

    while (done < bytes) {
        ssize_t sent = send(exchange->fd, text + done, bytes - done, MSG_NOSIGNAL);

        if (sent >= 0) {
            done += (size_t)sent;
            put_off(exchange);
        } else if (errno == EAGAIN && !wait_for(exchange, POLLOUT, error))
            return false;
        else if (errno != EAGAIN && errno != EINTR)
            return true;
    }
    return true;
}

static bool send_request(struct exchange *exchange, struct json_object *request,
                         struct error *error)
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
        return error_set(error, EXIT_FAILED, "the answer from %.200s is longer than 256 MiB",
                         exchange->path);
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
        if (received > 0) {
            exchange->answer_bytes += (size_t)received;
            put_off(exchange);
        } else if (errno == EAGAIN && !wait_for(exchange, POLLIN, error))
            return false;
        else if (errno != EAGAIN && errno != EINTR)
            return error_set(error, EXIT_UNREACHABLE, "control socket: %.200s: %s: try again",
                             exchange->path, strerror(errno));
    }
}

/* The document; NULL where the daemon reports an error, or what came is no answer. */
static struct json_object *read_answer(const struct exchange *exchange, struct error *error)
{
    struct json_flaw flaw;
    struct json_object *document =
        json_document(exchange->answer, exchange->answer_bytes, JSON_ANY_BYTES, &flaw);

    if (exchange->answer_bytes == 0)
        error_set(error, EXIT_UNREACHABLE,
                  "the daemon at %.200s closed without an answer: try again", exchange->path);
    else if (!document || !json_object_object_get(document, "synward"))
        error_set(error, EXIT_UNREACHABLE,
                  "what listens at %.200s is no synward: give the daemon's --control SOCKET",
                  exchange->path);
    else if (!document_is_error(document, error))
        return document;
    json_object_put(document);
    return NULL;
}

struct json_object *control_ask_over(int fd, const char *path, struct json_object *request,
                                     unsigned timeout_ms, struct error *error)
{
    struct exchange exchange = {.path = path, .fd = fd, .timeout_ms = timeout_ms};
    struct json_object *document = NULL;

    put_off(&exchange);
    if (fd >= 0 && send_request(&exchange, request, error) && receive_answer(&exchange, error))
        document = read_answer(&exchange, error);
    if (fd >= 0)
        close(fd);
    free(exchange.answer);
    json_object_put(request);
    return document;
}

struct json_object *control_ask_at(const char *path, struct json_object *request,
                                   unsigned timeout_ms, struct error *error)
{
    return control_ask_over(control_connect(path, error), path, request, timeout_ms, error);
}

/* --- a stream of lines ----------------------------------------------------------------------- */

struct stream {
    struct exchange exchange; /* `answer`: a line that is not whole yet, and what came behind it */
    int signals;
    bool first; /* no line came yet */
    control_listener *heard;
    void *context;
};

enum stream_end { STREAM_GOES_ON, STREAM_ENOUGH, STREAM_FAILED };

/* One whole line. */
static enum stream_end hear_line(struct stream *stream, const char *text, size_t bytes,
                                 struct error *error)
{
    const struct exchange line = {
        .path = stream->exchange.path, .answer = (char *)text, .answer_bytes = bytes};
    struct json_object *document = read_answer(&line, error);
    bool more;

    if (!document)
        return STREAM_FAILED;
    stream->first = false;
    more = stream->heard(stream->context, document);
    json_object_put(document);
    return more ? STREAM_GOES_ON : STREAM_ENOUGH;
}

static enum stream_end hear_lines(struct stream *stream, struct error *error)
{
    struct exchange *exchange = &stream->exchange;
    size_t done = 0;
    enum stream_end end = STREAM_GOES_ON;

    if (!exchange->answer) /* nothing came yet */
        return STREAM_GOES_ON;
    while (end == STREAM_GOES_ON) {
        const char *newline = memchr(exchange->answer + done, '\n', exchange->answer_bytes - done);

        if (!newline)
            break;
        end = hear_line(stream, exchange->answer + done,
                        (size_t)(newline - exchange->answer) - done, error);
        done = (size_t)(newline - exchange->answer) + 1;
    }
    exchange->answer_bytes -= done;
    memmove(exchange->answer, exchange->answer + done, exchange->answer_bytes);
    return end;
}

static enum stream_end stream_ended(const struct stream *stream, struct error *error)
{
    error_set(error, EXIT_UNREACHABLE,
              stream->first ? "the daemon at %.200s closed without an answer: try again"
                            : "the daemon at %.200s has ended",
              stream->exchange.path);
    return STREAM_FAILED;
}

static enum stream_end receive_lines(struct stream *stream, struct error *error)
{
    struct exchange *exchange = &stream->exchange;
    ssize_t received;

    if (!make_room(exchange, error))
        return STREAM_FAILED;
    received = recv(exchange->fd, exchange->answer + exchange->answer_bytes,
                    exchange->capacity - exchange->answer_bytes, 0);
    if (received < 0 && (errno == EAGAIN || errno == EINTR))
        return STREAM_GOES_ON;
    if (received <= 0)
        return stream_ended(stream, error);
    exchange->answer_bytes += (size_t)received;
    return hear_lines(stream, error);
}

static enum stream_end stream_turn(struct stream *stream, struct error *error)
{
    struct pollfd watched[] = {{.fd = stream->signals, .events = POLLIN},
                               {.fd = stream->exchange.fd, .events = POLLIN}};
    const uint64_t now = clock_now_us() / 1000;
    int wait_ms = -1;

    if (stream->first && now >= stream->exchange.deadline_ms) {
        wait_for(&stream->exchange, POLLIN, error); /* says so */
        return STREAM_FAILED;
    }
    if (stream->first)
        wait_ms = (int)(stream->exchange.deadline_ms - now);
    if (poll(watched, 2, wait_ms) <= 0)
        return STREAM_GOES_ON;
    if (watched[0].revents)
        return STREAM_ENOUGH;
    return receive_lines(stream, error);
}

bool control_listen_at(const char *path, struct json_object *request, unsigned timeout_ms,
                       control_listener *heard, void *context, struct error *error)
{
    struct stream stream = {.exchange = {.path = path, .fd = -1, .timeout_ms = timeout_ms},
                            .first = true,
                            .heard = heard,
                            .context = context};
    enum stream_end end = STREAM_FAILED;
    sigset_t ending, before;

    put_off(&stream.exchange);
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    sigprocmask(SIG_BLOCK, &ending, &before);
    stream.signals = signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK);
    if (connect_to(&stream.exchange, error) && send_request(&stream.exchange, request, error))
        end = STREAM_GOES_ON;
    while (end == STREAM_GOES_ON)
        end = stream_turn(&stream, error);
    if (stream.exchange.fd >= 0)
        close(stream.exchange.fd);
    if (stream.signals >= 0) {
        struct signalfd_siginfo spent;

        (void)!read(stream.signals, &spent, sizeof(spent)); /* or it would end us now */
        close(stream.signals);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    free(stream.exchange.answer);
    json_object_put(request);
    return end == STREAM_ENOUGH;
}

const char *control_path(const char *given)
{
    static char alone[PATH_MAX];
    glob_t found;

    if (given)
        return given;
    if (access(CONTROL_SOCKET_DEFAULT, F_OK) == 0 ||
        glob(CONTROL_SOCKETS_OF_INSTANCES, 0, NULL, &found) != 0)
        return CONTROL_SOCKET_DEFAULT;
    if (found.gl_pathc == 1)
        snprintf(alone, sizeof(alone), "%s", found.gl_pathv[0]);
    globfree(&found);
    return alone[0] ? alone : CONTROL_SOCKET_DEFAULT;
}

struct json_object *control_ask(const struct arguments *arguments, struct json_object *request,
                                struct error *error)
{
    return control_ask_at(control_path(arguments->value[OPTION_CONTROL]), request,
                          CONTROL_TIMEOUT_MS, error);
}

bool control_show(const struct arguments *arguments, struct json_object *request,
                  control_printer *print, struct error *error)
{
    struct json_object *document = control_ask(arguments, request, error);
    bool done = true;

    if (!document)
        return false;
    if (option_given(arguments, OPTION_JSON))
        output_json(document);
    else
        done = print(arguments, document, error);
    json_object_put(document);
    return done;
}
