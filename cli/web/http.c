/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * http.c - see http.h.
 *
 * One thread: the library runs when its epoll descriptor says so. Who waits, for news or for an
 * answer of the daemon, is suspended, and the library does not look at him until he is resumed.
 */
#include "cli/web/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "cli/metrics.h"
#include "cli/output.h"
#include "cli/web/asset.h"
#include "cli/web/gate.h"
#include "profiles/store/json_document.h"

#define JSON_TYPE    "application/json"
#define TEXT_TYPE    "text/plain; charset=utf-8"
#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define STREAM_TYPE  "text/event-stream"
#define STREAM_BLOCK 16384
#define PING_MS      5000
#define AGAIN_MS     10000
#define NEVER        UINT64_MAX
/* Those who have just been hung up on are still there. */
#define CONNECTIONS_MAX (HTTP_CLIENTS_MAX + 16)

/* One connection, from its start to its end. */
struct visitor {
    struct visitor *next, **link;
    int fd;
    bool asks;            /* has not said yet what he wants */
    uint64_t deadline_ms; /* of what he does: he is hung up on then */
};

/* One who follows the board. */
struct stream {
    struct stream *next, **link;
    struct http *http;
    struct MHD_Connection *connection;
    char first[128]; /* what is said first, from `said` on */
    size_t said, offset;
    uint64_t message, heard_ms;
    bool suspended;
};

struct http {
    struct http_parts parts;
    const struct http_library *library;
    struct MHD_Daemon *daemon;
    uint64_t now_ms;
    struct visitor *visitors;
    struct stream *streams;
    uint64_t followed_ms; /* when there was one last; 0: never */
    unsigned visitor_count, stream_count, waiting_count;
    struct MHD_Connection *waiting[CONNECTIONS_MAX]; /* for an answer of the daemon */
    struct MHD_Response *state;                      /* as of message `state_message` */
    uint64_t state_message;
};

/* --- responses ------------------------------------------------------------------------------- */

static const char *const headers[][2] = {
    {"Cache-Control", "no-store"},
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
     "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
     "require-trusted-types-for 'script'; trusted-types 'none'"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Referrer-Policy", "no-referrer"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
};

static struct MHD_Response *with_headers(const struct http *http, struct MHD_Response *response,
                                         const char *type)
{
    output_alloc(response);
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        http->library->MHD_add_response_header(response, headers[i][0], headers[i][1]);
    http->library->MHD_add_response_header(response, "Content-Type", type);
    return response;
}

/* Takes `text`. */
static struct MHD_Response *response_of(const struct http *http, char *text, size_t bytes,
                                        const char *type)
{
    return with_headers(
        http, http->library->MHD_create_response_from_buffer(bytes, text, MHD_RESPMEM_MUST_FREE),
        type);
}

/* Gives the response away. */
static enum MHD_Result say(const struct http *http, struct MHD_Connection *connection,
                           unsigned status, struct MHD_Response *response)
{
    const enum MHD_Result done = http->library->MHD_queue_response(connection, status, response);

    http->library->MHD_destroy_response(response);
    return done;
}

/* One line, and the end of the connection: what else it may have sent is not read. `name`,
 * `value`: one more header; NULL: none. */
static enum MHD_Result refuse(const struct http *http, struct MHD_Connection *connection,
                              unsigned status, const char *text, const char *name,
                              const char *value)
{
    struct MHD_Response *response =
        with_headers(http,
                     http->library->MHD_create_response_from_buffer(strlen(text), (void *)text,
                                                                    MHD_RESPMEM_PERSISTENT),
                     TEXT_TYPE);

    http->library->MHD_add_response_header(response, "Connection", "close");
    if (name)
        http->library->MHD_add_response_header(response, name, value);
    return say(http, connection, status, response);
}

/* --- visitors -------------------------------------------------------------------------------- */

static struct visitor *visitor_of(const struct http *http, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        http->library->MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

static void set_deadline(const struct http *http, struct MHD_Connection *connection, bool asks,
                         uint64_t ms)
{
    struct visitor *visitor = visitor_of(http, connection);

    if (!visitor)
        return;
    visitor->asks = asks;
    visitor->deadline_ms = ms == NEVER ? NEVER : http->now_ms + ms;
}

/* The oldest who has not said yet what he wants; where there is none, the new one. */
static void make_room(const struct http *http)
{
    struct visitor *leaves = http->visitors;

    for (struct visitor *visitor = leaves; visitor; visitor = visitor->next)
        if (visitor->asks)
            leaves = visitor;
    shutdown(leaves->fd, SHUT_RDWR);
    leaves->asks = false; /* he is on his way out */
}

static void come_or_go(void *context, struct MHD_Connection *connection, void **mine,
                       enum MHD_ConnectionNotificationCode what)
{
    struct http *http = context;
    struct visitor *visitor = *mine;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        visitor = output_alloc(calloc(1, sizeof(*visitor)));
        visitor->fd =
            http->library->MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)
                ->connect_fd;
        visitor->asks = true;
        visitor->deadline_ms = http->now_ms + HTTP_REQUEST_MS;
        visitor->next = http->visitors;
        visitor->link = &http->visitors;
        if (visitor->next)
            visitor->next->link = &visitor->next;
        http->visitors = visitor;
        *mine = visitor;
        if (++http->visitor_count > HTTP_CLIENTS_MAX)
            make_room(http);
    } else if (visitor) {
        http->visitor_count--;
        *visitor->link = visitor->next;
        if (visitor->next)
            visitor->next->link = visitor->link;
        free(visitor);
        *mine = NULL;
    }
}

/* A request is answered, or given up: the next one has its own time. */
static void answered(void *context, struct MHD_Connection *connection, void **request,
                     enum MHD_RequestTerminationCode how)
{
    (void)request;
    (void)how;
    set_deadline(context, connection, true, HTTP_REQUEST_MS);
}

/* --- streams --------------------------------------------------------------------------------- */

static void stream_suspend(struct stream *stream)
{
    stream->suspended = true;
    stream->http->library->MHD_suspend_connection(stream->connection);
}

static void stream_resume(struct stream *stream)
{
    if (!stream->suspended)
        return;
    stream->suspended = false;
    stream->http->library->MHD_resume_connection(stream->connection);
}

static ssize_t stream_read(void *context, uint64_t position, char *out, size_t room)
{
    struct stream *stream = context;
    const size_t left = strlen(stream->first) - stream->said;
    size_t bytes = left < room ? left : room;

    (void)position;
    memcpy(out, stream->first + stream->said, bytes);
    stream->said += bytes;
    if (bytes == 0)
        bytes = board_read(stream->http->parts.board, &stream->message, &stream->offset, out, room);
    if (bytes == SIZE_MAX) /* too slow */
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (bytes == 0)
        stream_suspend(stream);
    else
        stream->heard_ms = stream->http->now_ms;
    return (ssize_t)bytes;
}

static void stream_end(void *context)
{
    struct stream *stream = context;

    *stream->link = stream->next;
    if (stream->next)
        stream->next->link = stream->link;
    stream->http->stream_count--;
    stream->http->followed_ms = stream->http->now_ms;
    free(stream);
}

static struct stream *stream_begin(struct http *http, struct MHD_Connection *connection)
{
    const char *last =
        http->library->MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Last-Event-ID");
    const uint64_t number = last ? strtoull(last, NULL, 10) : 0;
    const bool follows = board_follows(http->parts.board, number);
    struct stream *stream = output_alloc(calloc(1, sizeof(*stream)));

    *stream = (struct stream){.next = http->streams,
                              .link = &http->streams,
                              .http = http,
                              .connection = connection,
                              .message = follows ? number : http->parts.board->newest,
                              .heard_ms = http->now_ms};
    snprintf(stream->first, sizeof(stream->first),
             follows ? "retry: 1000\n\n" : "retry: 1000\nid: %llu\nevent: reset\ndata: {}\n\n",
             (unsigned long long)stream->message);
    if (stream->next)
        stream->next->link = &stream->next;
    http->streams = stream;
    http->stream_count++;
    return stream;
}

static enum MHD_Result answer_events(struct http *http, struct MHD_Connection *connection)
{
    struct MHD_Response *response;

    if (http->stream_count == HTTP_STREAMS_MAX)
        return refuse(http, connection, MHD_HTTP_SERVICE_UNAVAILABLE, "too many pages are open\n",
                      "Retry-After", "10");
    response = http->library->MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, STREAM_BLOCK, stream_read, stream_begin(http, connection), stream_end);
    set_deadline(http, connection, false, NEVER);
    return say(http, connection, MHD_HTTP_OK, with_headers(http, response, STREAM_TYPE));
}

/* --- what this process knows ----------------------------------------------------------------- */

/* The same for all who ask until the next message. */
static enum MHD_Result answer_state(struct http *http, struct MHD_Connection *connection)
{
    if (!http->state || http->state_message != http->parts.board->newest) {
        size_t bytes;
        char *text = board_state(http->parts.board, &bytes);

        if (http->state)
            http->library->MHD_destroy_response(http->state);
        http->state = response_of(http, text, bytes, JSON_TYPE);
        http->state_message = http->parts.board->newest;
    }
    return http->library->MHD_queue_response(connection, MHD_HTTP_OK, http->state);
}

static const char *server_asked(const struct http *http, struct MHD_Connection *connection)
{
    const char *server =
        http->library->MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "server");

    return server && strlen(server) < OUTPUT_SERVER_BYTES ? server : NULL;
}

static enum MHD_Result no_such_server(const struct http *http, struct MHD_Connection *connection)
{
    return refuse(http, connection, MHD_HTTP_NOT_FOUND, "no such server\n", NULL, NULL);
}

static enum MHD_Result answer_past(struct http *http, struct MHD_Connection *connection)
{
    const char *server = server_asked(http, connection);
    size_t bytes;
    char *text = server ? board_past(http->parts.board, server, &bytes) : NULL;

    if (!text)
        return no_such_server(http, connection);
    return say(http, connection, MHD_HTTP_OK, response_of(http, text, bytes, JSON_TYPE));
}

/* --- what the daemon knows ------------------------------------------------------------------- */

static enum MHD_Result unanswered(struct http *http, struct MHD_Connection *connection,
                                  enum ask_state state)
{
    if (state != ASK_WAIT)
        return refuse(http, connection, MHD_HTTP_SERVICE_UNAVAILABLE,
                      state == ASK_BUSY ? "too many questions at once\n"
                                        : "the daemon does not answer\n",
                      "Retry-After", "1");
    http->waiting[http->waiting_count++] = connection;
    http->library->MHD_suspend_connection(connection);
    return MHD_YES;
}

static enum MHD_Result answer_as_told(struct http *http, struct MHD_Connection *connection,
                                      const char *command, const char *server)
{
    const struct ask *ask;
    const enum ask_state state = asks_about(http->parts.asks, command, server, http->now_ms, &ask);
    char *text;

    if (state != ASK_DONE)
        return unanswered(http, connection, state);
    text = output_alloc(malloc(ask->wire.bytes));
    memcpy(text, ask->wire.answer, ask->wire.bytes);
    return say(http, connection, MHD_HTTP_OK, response_of(http, text, ask->wire.bytes, JSON_TYPE));
}

static enum MHD_Result answer_profile(struct http *http, struct MHD_Connection *connection)
{
    const char *server = server_asked(http, connection);

    return server ? answer_as_told(http, connection, "profiles", server)
                  : no_such_server(http, connection);
}

static enum MHD_Result answer_rehearsal(struct http *http, struct MHD_Connection *connection)
{
    const char *server = server_asked(http, connection);

    return server ? answer_as_told(http, connection, "rehearse", server)
                  : no_such_server(http, connection);
}

static enum MHD_Result answer_sources(struct http *http, struct MHD_Connection *connection)
{
    return answer_as_told(http, connection, "sources", NULL);
}

/* NULL: it is no answer, or says what is wrong. */
static struct json_object *parsed(const struct ask *ask)
{
    struct json_flaw flaw;
    struct json_object *document =
        json_document(ask->wire.answer, ask->wire.bytes, JSON_ANY_BYTES, &flaw);

    if (!document || !json_object_object_get(document, "error"))
        return document;
    json_object_put(document);
    return NULL;
}

static enum MHD_Result answer_metrics(struct http *http, struct MHD_Connection *connection)
{
    const struct ask *asks[2];
    const enum ask_state states[] = {
        asks_about(http->parts.asks, "status", NULL, http->now_ms, &asks[0]),
        asks_about(http->parts.asks, "stats", NULL, http->now_ms, &asks[1])};
    struct json_object *status, *stats;
    size_t bytes = 0;
    char *text = NULL;
    FILE *out;

    for (int i = 0; i < 2; i++)
        if (states[i] != ASK_DONE)
            return unanswered(http, connection, states[i]);
    status = parsed(asks[0]);
    stats = parsed(asks[1]);
    if (!status || !stats) {
        json_object_put(status);
        json_object_put(stats);
        return unanswered(http, connection, ASK_FAILED);
    }
    out = output_alloc(open_memstream(&text, &bytes));
    metrics_write(out, status, stats);
    fclose(out);
    json_object_put(status);
    json_object_put(stats);
    return say(http, connection, MHD_HTTP_OK, response_of(http, text, bytes, METRICS_TYPE));
}

/* --- requests -------------------------------------------------------------------------------- */

static const struct {
    const char *path;
    enum MHD_Result (*answer)(struct http *http, struct MHD_Connection *connection);
} paths[] = {
    {"/state", answer_state},     {"/events", answer_events},       {"/past", answer_past},
    {"/profile", answer_profile}, {"/rehearsal", answer_rehearsal}, {"/sources", answer_sources},
    {"/metrics", answer_metrics},
};

static enum MHD_Result answer_asset(const struct http *http, struct MHD_Connection *connection,
                                    const struct asset *asset)
{
    return say(http, connection, MHD_HTTP_OK,
               with_headers(http,
                            http->library->MHD_create_response_from_buffer(
                                asset->length, (void *)asset->bytes, MHD_RESPMEM_PERSISTENT),
                            asset->type));
}

static enum MHD_Result answer_path(struct http *http, struct MHD_Connection *connection,
                                   const char *path)
{
    const char *authorization =
        http->library->MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");
    struct asset asset;

    if (asset_at(path, &asset))
        return answer_asset(http, connection, &asset);
    if (!gate_authorized(authorization, http->parts.token))
        return refuse(http, connection, MHD_HTTP_UNAUTHORIZED, "the token is missing or wrong\n",
                      "WWW-Authenticate", "Bearer");
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        if (strcmp(path, paths[i].path) == 0)
            return paths[i].answer(http, connection);
    return refuse(http, connection, MHD_HTTP_NOT_FOUND, "there is nothing here\n", NULL, NULL);
}

static bool has_body(const struct http *http, struct MHD_Connection *connection)
{
    const char *length =
        http->library->MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");

    return (length && strcmp(length, "0") != 0) ||
           http->library->MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                                      "Transfer-Encoding");
}

/* Called when the head of a request is whole, when all of it is, and again when one that was
 * suspended is resumed. */
static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_bytes, void **request)
{
    struct http *http = context;

    (void)version;
    (void)upload;
    (void)upload_bytes;
    if (*request) /* it was let in */
        return answer_path(http, connection, path);
    *request = http;
    set_deadline(http, connection, false, HTTP_ANSWER_MS);
    if (!gate_host(http->library->MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host")))
        return refuse(http, connection, MHD_HTTP_MISDIRECTED_REQUEST,
                      "Host is not this machine: use 127.0.0.1, [::1] or localhost\n", NULL, NULL);
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return refuse(http, connection, MHD_HTTP_METHOD_NOT_ALLOWED,
                      "nothing is changed here: GET and HEAD only\n", "Allow", "GET, HEAD");
    if (has_body(http, connection))
        return refuse(http, connection, MHD_HTTP_BAD_REQUEST, "a body is not wanted\n", NULL, NULL);
    return MHD_YES; /* a connection that is answered at once is closed behind it */
}

/* --- the process ----------------------------------------------------------------------------- */

struct http *http_open(int fd, const struct http_parts *parts, struct error *error)
{
    struct http *http = output_alloc(calloc(1, sizeof(*http)));

    http->parts = *parts;
    http->library = &http->parts.library;
    http->daemon = http->library->MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, handle, http,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_REQUEST_BYTES,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(HTTP_REQUEST_MS / 1000),
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_CONNECTION, come_or_go, http,
        MHD_OPTION_NOTIFY_COMPLETED, answered, http, MHD_OPTION_END);
    if (http->daemon)
        return http;
    error_set(error, EXIT_FAILED, "web: HTTP cannot be spoken: %s", strerror(errno));
    free(http);
    return NULL;
}

int http_fd(const struct http *http)
{
    return http->library->MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int http_wait_ms(const struct http *http)
{
    unsigned long long wait_ms;

    if (http->library->MHD_get_timeout(http->daemon, &wait_ms) != MHD_YES)
        return -1;
    return wait_ms > HTTP_REQUEST_MS ? HTTP_REQUEST_MS : (int)wait_ms;
}

void http_run(struct http *http, uint64_t now_ms)
{
    http->now_ms = now_ms;
    http->library->MHD_run(http->daemon);
}

void http_news(struct http *http)
{
    for (struct stream *stream = http->streams; stream; stream = stream->next)
        stream_resume(stream);
}

void http_answered(struct http *http)
{
    while (http->waiting_count > 0)
        http->library->MHD_resume_connection(http->waiting[--http->waiting_count]);
}

/* Where nothing is new for long a stream is written to, so that one that is gone is noticed. */
static void ping(struct http *http)
{
    for (struct stream *stream = http->streams; stream; stream = stream->next) {
        if (!stream->suspended || http->now_ms - stream->heard_ms < PING_MS)
            continue;
        snprintf(stream->first, sizeof(stream->first), ":\n\n");
        stream->said = 0;
        stream_resume(stream);
    }
}

void http_tick(struct http *http, uint64_t now_ms)
{
    http->now_ms = now_ms;
    for (struct visitor *visitor = http->visitors; visitor; visitor = visitor->next)
        if (now_ms >= visitor->deadline_ms)
            shutdown(visitor->fd, SHUT_RDWR);
    ping(http);
}

bool http_followed(const struct http *http)
{
    return http->streams || (http->followed_ms && http->now_ms - http->followed_ms < AGAIN_MS);
}

void http_close(struct http *http)
{
    http_answered(http);
    http_news(http);
    http->library->MHD_stop_daemon(http->daemon);
    if (http->state)
        http->library->MHD_destroy_response(http->state);
    free(http);
}
